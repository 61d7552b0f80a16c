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
"""Fewest rates that a law is fitted to."""

_POWERS = np.arange(0.1, 2.51, 0.01)
_WINDOW = 0.25  # the law is that of high frequencies: those above this share of the highest
_CLOSE = 0.05  # of the logarithm: what a law may be off
_SLACK = 0.1  # how far from 1 the beta of an exponential may be found

Values = Float[np.ndarray, " k"]


class Decay(eqx.Module):
    """A fitted law.

    Args:
        kind: one of `KINDS`.
        parameter: power p of rate ~ x^-p; base b of rate ~ b^-x, prefactor apart; beta of a stretched or
            super-exponential law; NaN for none.
        interval: the parameter as found in the lower and the upper half of the window, two standard errors added.
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
        """Kind, exponent or base, interval and window, for result.json.

        Example:
            >>> x = np.arange(1.0, 40.0)
            >>> fit(x, -2 * np.log(x)).summary()["kind"]
            'power'
        """
        if self.kind == "none":
            return {"kind": "none", "exponent": None, "interval": None, "window": list(self.window)}
        name = "base" if self.kind == "exponential" else "exponent"
        return {"kind": self.kind, name: self.parameter, "interval": list(self.interval), "window": list(self.window)}


def fit(x: Values, log_rates: Values, errors: Values | None = None, odd: Bool[np.ndarray, " k"] | None = None) -> Decay:
    """The law of given rates; leave out what is noise or absent.

    Args:
        x: frequencies, increasing, above 0.
        log_rates: logarithms of the rates.
        errors: relative errors of the rates.
        odd: which modes are odd: even and odd ones get a constant each.

    Returns:
        The law: none where no law of the family describes the rates within 5 %, or fewer than `FEWEST` are at hand.

    Example:
        >>> x = np.arange(1.0, 60.0)
        >>> law = fit(x, -0.5 * x - 1.5 * np.log(x))
        >>> law.kind, round(law.parameter, 6) == round(np.exp(0.5), 6)
        ('exponential', True)
    """
    errors = np.zeros(len(x)) if errors is None else errors
    odd = np.zeros(len(x), bool) if odd is None else odd
    kept = (x > 0) & (x >= _WINDOW * x.max(initial=0.0))
    data = _Data(*(a[kept] for a in (x, log_rates, errors, odd)))
    window = (float(data.x.min(initial=np.inf)), float(data.x.max(initial=0.0)))
    nothing = Decay("none", np.nan, (np.nan, np.nan), window, (np.nan, 0.0, 0.0, 1.0))
    if len(data.x) < FEWEST:
        return nothing
    halves = data.halves()
    slopes = [_power(part) for part in (data, *halves)]
    p = slopes[0].values[-1]
    if slopes[0].close and max(abs(part.values[-1] - p) for part in slopes[1:]) <= max(
        0.1 * abs(p), 4 * slopes[0].error
    ):
        return Decay("power", p, _interval(slopes), window, (slopes[0].values[0], p, 0.0, 1.0))
    straight = _stretched(data, 1.0)
    best = min((_stretched(data, beta) for beta in _POWERS), key=lambda found: found.misfit)
    close_to_one = straight.close and abs(best.beta - 1) < _SLACK
    chosen = straight if close_to_one else best
    c, s, r = chosen.values[0], chosen.values[-2], chosen.values[-1]
    if not chosen.close or r <= 0:
        return nothing
    curve = (c, s, r, chosen.beta)
    if close_to_one:
        low, high = _interval([_stretched(part, 1.0) for part in (data, *halves)])
        return Decay("exponential", float(np.exp(r)), (float(np.exp(low)), float(np.exp(high))), window, curve)
    betas = [min((_stretched(part, b) for b in _POWERS), key=lambda found: found.misfit).beta for part in halves]
    interval = (min([chosen.beta, *betas]), max([chosen.beta, *betas]))
    return Decay("stretched" if chosen.beta < 1 else "super-exponential", chosen.beta, interval, window, curve)


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


def _power(data: _Data) -> _Fit:
    return _solve(data, [-np.log(data.x)], 1.0)


def _stretched(data: _Data, beta: float) -> _Fit:
    # log x and x^beta become alike as beta falls: scaled, they stay apart in rounding
    top = data.x.max()
    found = _solve(data, [-np.log(data.x), -((data.x / top) ** beta)], beta)
    values = [*found.values[:-1], found.values[-1] / top**beta]
    return _Fit(values, found.error / top**beta, found.misfit, found.close, beta)


def _solve(data: _Data, columns: list[Values], beta: float) -> _Fit:
    parity = [data.odd.astype(float) - 1] if 0 < data.odd.sum() < len(data.odd) else []
    matrix = np.stack([np.ones(len(data.x)), *parity, *columns], axis=1)
    # the law itself is an asymptote: an error below a per cent is no reason for more weight
    weight = 1 / np.hypot(data.errors, 0.01)
    solution, *_ = np.linalg.lstsq(weight[:, None] * matrix, weight * data.y, rcond=None)
    off = data.y - matrix @ solution
    spare = max(len(data.x) - matrix.shape[1], 1)
    misfit = float(np.sum((weight * off) ** 2) / spare)
    covariance = misfit * np.linalg.pinv((weight[:, None] * matrix).T @ (weight[:, None] * matrix))
    close = bool(np.all(np.abs(off) <= _CLOSE + 2 * data.errors))
    return _Fit([float(v) for v in solution], float(np.sqrt(covariance[-1, -1])), misfit, close, beta)


def _interval(fits: list[_Fit]) -> tuple[float, float]:
    values, error = [found.values[-1] for found in fits], 2 * fits[0].error
    return min(*values, values[0] - error), max(*values, values[0] + error)
