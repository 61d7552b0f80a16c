"""The law by which rates decay with frequency: power, exponential, stretched, super-exponential, or none.

With x the frequency, one family with a prefactor, log rate = c - s log x - r x^beta: beta = 1 is an exponential,
beta < 1 a stretched one, beta > 1 faster than any exponential; r = 0 is a power law.
"""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float

KINDS = ("power", "exponential", "stretched", "super-exponential", "none")
FEWEST = 6
"""Fewest rates that a law is fitted to; of even and odd ones as many each."""

_POWERS = np.arange(0.1, 2.51, 0.01)
_WINDOWS = (0.25, 0.5)  # the law is that of high frequencies: those above this share of the highest
_CLOSE = 0.05  # of the logarithm: what a law may be off
_WIDER = 3.0  # the interval of a base
_SLACK = 0.1  # how far from 1 the beta of an exponential may be found

Values = Float[np.ndarray, " k"]


class Decay(eqx.Module):
    """A fitted law.

    Args:
        kind: one of `KINDS`.
        parameter: power p of rate ~ x^-p; base b of rate ~ b^-x, prefactor apart; beta of a stretched or
            super-exponential law; NaN for none.
        interval: from the parameter of the lower half of the window over that of the upper half, as far again beyond:
            the asymptote; two standard errors at least; of a base three times as wide, which covers that of the nearest
            singularity in .9 of networks or more (docs/spectra.md).
        window: lowest and highest frequency that were fitted.
        curve: (c, s, r, beta) of the law for drawing, of odd degrees where even and odd differ.
    """

    kind: str = eqx.field(static=True)
    parameter: float
    interval: tuple[float, float]
    window: tuple[float, float]
    curve: tuple[float, float, float, float]

    def log_rate(self, x: Values) -> Values:
        """The logarithm of the fitted rate."""
        c, s, r, beta = self.curve
        return c - s * np.log(x) - r * x**beta

    def summary(self) -> dict[str, Any]:
        """Kind, exponent or base, interval and window, for result.json."""
        if self.kind == "none":
            return {"kind": "none", "exponent": None, "interval": None, "window": None}
        name = "base" if self.kind == "exponential" else "exponent"
        return {"kind": self.kind, name: self.parameter, "interval": list(self.interval), "window": list(self.window)}


def fit(x: Values, log_rates: Values, errors: Values | None = None, odd: Bool[np.ndarray, " k"] | None = None) -> Decay:
    """The law of given rates; leave out what is noise or absent.

    Args:
        x: frequencies, increasing, above 0.
        log_rates: logarithms of the rates.
        errors: relative errors of the rates.
        odd: which modes are odd: even and odd ones get a constant and a power each.

    Returns:
        The law: none where no law of the family describes the rates within 5 %, or fewer than `FEWEST` are at hand.
    """
    errors = np.zeros(len(x)) if errors is None else errors
    odd = np.zeros(len(x), bool) if odd is None else odd
    nothing = Decay("none", np.nan, (np.nan, np.nan), (np.nan, np.nan), (np.nan, 0.0, 0.0, 1.0))
    for share in _WINDOWS:
        kept = (x > 0) & (x >= share * x.max(initial=0.0))
        mixed = 0 < odd[kept].sum() < kept.sum()  # halves of the window are fitted, with two columns more
        if kept.sum() < FEWEST * (1 + mixed):
            return nothing
        law = _sentence(_Data(*(a[kept] for a in (x, log_rates, errors, odd))))
        if law is not None:
            return law
    return nothing


def _sentence(data: "_Data") -> Decay | None:
    """The law of one window; None where none describes it."""
    window = (float(data.x[0]), float(data.x[-1]))
    halves = data.halves()
    powers = [_power(part) for part in (data, *halves)]
    p, steady = powers[0].last, 0.1 * abs(powers[0].last) + 4 * powers[0].error
    if powers[0].close and max(abs(part.last - p) for part in powers[1:]) <= steady:
        return Decay("power", p, _interval(*powers), window, (powers[0].values[0], p, 0.0, 1.0))
    straight, best = _stretched(data, 1.0), _best(data)
    betas = [best.beta, *(_best(part).beta for part in halves)]
    exponential = straight.close and (abs(best.beta - 1) < _SLACK or min(betas) <= 1 <= max(betas))
    chosen = straight if exponential else best
    if not chosen.close or chosen.last <= 0:
        return None
    curve = (chosen.values[0], chosen.values[-2], chosen.last, chosen.beta)
    if exponential:
        ends = _interval(straight, *(_stretched(part, 1.0) for part in halves))
        low, high = (straight.last + _WIDER * (end - straight.last) for end in ends)
        base, *ends = (float(np.exp(r)) for r in (straight.last, max(low, 0.0), high))
        return Decay("exponential", base, (ends[0], ends[1]), window, curve)
    kind = "stretched" if best.beta < 1 else "super-exponential"
    step = float(_POWERS[1] - _POWERS[0])
    return Decay(kind, best.beta, (min(betas) - step, max(betas) + step), window, curve)


class _Data(eqx.Module):
    x: Values
    y: Values
    errors: Values
    odd: Bool[np.ndarray, " k"]

    def halves(self) -> list["_Data"]:
        middle = len(self.x) // 2
        cuts = (slice(None, middle), slice(middle, None))
        return [_Data(self.x[cut], self.y[cut], self.errors[cut], self.odd[cut]) for cut in cuts]


class _Fit(eqx.Module):
    """Least squares: values (c, ..., last), standard error of the last, and how far off it is."""

    values: list[float]
    error: float
    misfit: float
    close: bool
    beta: float = 1.0

    @property
    def last(self) -> float:
        """The power p, or r."""
        return self.values[-1]


def _power(data: _Data) -> _Fit:
    return _solve(data, [-np.log(data.x)])


def _stretched(data: _Data, beta: float) -> _Fit:
    # log x and x^beta become alike as beta falls: scaled, they stay apart in rounding
    top = data.x.max()
    found = _solve(data, [-np.log(data.x), -((data.x / top) ** beta)])
    values = [*found.values[:-1], float(found.last / top**beta)]
    return _Fit(values, float(found.error / top**beta), found.misfit, found.close, beta)


def _solve(data: _Data, columns: list[Values]) -> _Fit:
    # a pair of singularities t and -t' that lie apart makes even and odd rates part as a power at first
    even = data.odd.astype(float) - 1
    parity = [even, even * np.log(data.x)] if 0 < data.odd.sum() < len(data.odd) else []
    matrix = np.stack([np.ones(len(data.x)), *parity, *columns], axis=1)
    # the law itself is an asymptote: an error below a per cent is no reason for more weight
    weight = 1 / np.hypot(data.errors, 0.01)
    solution, *_ = np.linalg.lstsq(weight[:, None] * matrix, weight * data.y, rcond=None)
    off = data.y - matrix @ solution
    spare = max(len(data.x) - matrix.shape[1], 1)
    misfit = float(np.sum((weight * off) ** 2) / spare)
    covariance = misfit * np.linalg.pinv((weight[:, None] * matrix).T @ (weight[:, None] * matrix))
    close = bool(np.all(np.abs(off) <= _CLOSE + 2 * data.errors))
    return _Fit([float(v) for v in solution], float(np.sqrt(covariance[-1, -1])), misfit, close)


def _best(data: _Data) -> _Fit:
    return min((_stretched(data, float(beta)) for beta in _POWERS), key=lambda found: found.misfit)


def _interval(whole: _Fit, lower: _Fit, upper: _Fit) -> tuple[float, float]:
    ends = (lower.last, 2 * upper.last - lower.last, whole.last - 2 * whole.error, whole.last + 2 * whole.error)
    return min(ends), max(ends)
