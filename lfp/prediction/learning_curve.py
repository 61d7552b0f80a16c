"""Learning curves: test error of each mode against the number of samples, from rates alone (docs/learning.md)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lfp import _checks
from lfp.domains.domain import Zonal
from lfp.domains.hypercube import Hypercube
from lfp.domains.sphere import Sphere
from lfp.numerics.covariance import RepeatedCovariance, SampleCovariance
from lfp.prediction.pairs import Pairs, best_ridge
from lfp.spectra.on_domain import ModeRates
from lfp.spectra.on_points import FourierSpectrum

_FEW = 16  # dimension of a cube whose corners are drawn more than once
_FINEST = 120  # ridges that are tried before the best one is refined


@dataclass(frozen=True)
class LearningCurve:
    """What kernel regression learns of each mode from n random samples, in the mean over samples and noise.

    Args:
        samples: n.
        power: v_k, the target's, summed over a degree.
        noise: variance of the noise of the labels.
        ridge: delta.
        kappa: of each n; l_k = L_k / (L_k + kappa).
        learnability: l_k, one row an n.
        excess: error of each mode over the whole domain.
        test: error at a new point, with its noise.
        training: mean square of the residual at the samples.
        best_ridge: the ridge of the least test error; infinite where nothing can be learnt. Where pairs are known at no
            smaller ridge it is that of Gaussian features, and so is `best_test`.
        best_test: this error.
        error: how far `test` may be off for modes beyond those listed: an estimate, from the rates that they may have.
        paired: of each n, whether pairs of samples are taken into account.
    """

    samples: Int[np.ndarray, " n"]
    power: Float[np.ndarray, " k"]
    noise: float
    ridge: float
    kappa: Float[np.ndarray, " n"]
    learnability: Float[np.ndarray, "n k"]
    excess: Float[np.ndarray, "n k"]
    test: Float[np.ndarray, " n"]
    training: Float[np.ndarray, " n"]
    best_ridge: Float[np.ndarray, " n"]
    best_test: Float[np.ndarray, " n"]
    error: Float[np.ndarray, " n"]
    paired: np.ndarray


def learning_curve(
    rates: ModeRates | FourierSpectrum | Float[np.ndarray, " _k"],
    power: Float[np.ndarray, " k"],
    samples: int | Sequence[int] | Int[np.ndarray, " n"],
    ridge: float = 0.0,
    noise: float = 0.0,
    *,
    population: int | None = None,
    repeated: bool = False,
    where: Zonal | None = None,
) -> LearningCurve:
    """Error of kernel regression, (1/n) sum (f - y)^2 + (ridge / n) |f|_K^2, mode by mode.

    sum_k N_k L_k / (L_k + kappa) + ridge / kappa = n;  l_k = L_k / (L_k + kappa);  E_0 = n / (n - sum_k N_k l_k^2)
    E = E_0 (sum_k v_k (1 - l_k)^2 + noise);  mode k: v_k (1 - l_k)^2 + N_k l_k^2 E / n;  training (ridge / n kappa)^2 E

    (arXiv 2002.02561, 2110.03922.) It takes features for Gaussian: good in high dimension or with a ridge, too small
    without a ridge in one dimension; `concentration` says where. Of a `population` the law of free compression. With
    `where` the error that samples make which are close to each other is added: each degree has a kappa of its own
    (`lfp.prediction.pairs`), of which `kappa` is that of high degrees.

    Args:
        rates: of `spectrum` on a domain or on an even grid, or one rate for every mode. The trace beyond the modes
            listed acts as a ridge.
        power: v_k, mean square of the target in each mode, summed over a degree.
        samples: one number of samples, or several.
        ridge: delta >= 0, on the sum of squares.
        noise: variance of the noise of the labels.
        population: number of points from which the samples are drawn without repetition; `test` is at the rest of
            them. None for independent samples.
        repeated: whether a point of the population may be drawn more than once; `test` is then at any of them.
        where: the domain of the rates, a `Sphere`, or a `Hypercube` of dim > 16; None for Gaussian features. Where
            pairs are too much alike, as on a circle without ridge, the curve is that of Gaussian features.

    Raises:
        InputError: samples below 1, or at least as many as there are modes without a ridge; a negative ridge, noise,
            rate or power; another number of powers than of rates; `where` with other rates or with a population.

    Example:
        >>> curve = learning_curve(np.full(8, 0.125), np.full(8, 0.125), 4)
        >>> curve.learnability[0, :2].round(12).tolist(), curve.test.round(12).tolist()
        ([0.5, 0.5], [0.5])
    """
    _checks.nonnegative("ridge", ridge)
    _checks.nonnegative("noise", noise)
    counts = counted(samples, None if repeated else population)
    size = math.inf if population is None else float(_checks.integer("population", population, 2))
    kind = RepeatedCovariance if repeated and population is not None else SampleCovariance
    shares, listed, beyond = _spread(rates)
    power = powers(power, len(listed))

    def curves(beyond: float) -> list[dict[str, Any]]:
        padded = _padded(listed, len(shares), beyond)
        return [_curve(kind(shares, padded, int(n), size), listed, power, ridge, noise) for n in counts]

    found = other = curves(0.0)
    if beyond > 0 and len(shares) > len(listed):
        other = curves(beyond)
    error = np.abs(np.array([one["test"] - two["test"] for one, two in zip(found, other, strict=True)]))
    paired = np.zeros(len(counts), bool)
    if where is not None:
        refuse_domain(where, rates, population)
        for i, n in enumerate(counts):
            pairs = _of_pairs(
                kind(shares, _padded(listed, len(shares), 0.0), int(n), size), where, listed, power, ridge, noise
            )
            paired[i], found[i] = bool(pairs), found[i] | pairs
    columns = {name: np.array([one[name] for one in found]) for name in found[0]}
    return LearningCurve(counts, power, float(noise), float(ridge), error=error, paired=paired, **columns)


def refuse_domain(where: Any, rates: Any, population: int | None) -> None:
    """Refuse a domain whose pairs are not known, and rates or samples that are not its own."""
    many = isinstance(where, Sphere) or (isinstance(where, Hypercube) and where.dim > _FEW)
    counts = (
        [where.multiplicity(k) for k in range(len(rates.labels))] if many and isinstance(rates, ModeRates) else None
    )
    if counts is None or population is not None or counts != list(rates.multiplicities):
        msg = (
            f"where={where} with rates={type(rates).__name__}, population={population}; allowed: Sphere, or Hypercube "
        )
        raise _checks.InputError(msg + f"of dim > {_FEW}, with the rates of `spectrum` on it, and no population")


def _of_pairs(
    covariance: SampleCovariance, where: Zonal, listed: np.ndarray, power: np.ndarray, ridge: float, noise: float
) -> dict[str, Any]:
    """What pairs change at one n; nothing where their equations have no root."""
    n, count = covariance.samples, len(listed)
    pairs = Pairs(where, covariance.shares[:count], listed, float(covariance.shares[count:].sum()), n)

    def at(ridge: float) -> dict[str, Any]:
        try:
            state = pairs.solve(ridge, covariance.kappa(ridge / n))
        except _checks.InputError:  # no ridge, and more samples than modes
            return {}
        return {} if state is None else pairs.errors(state, power, ridge, noise)

    curve = at(ridge)
    best = best_ridge(lambda ridge: at(ridge).get("test", math.inf), float(covariance.shares.sum())) if curve else None
    return curve | ({} if best is None else {"best_ridge": best[0], "best_test": best[1]})


def counted(samples: Any, population: int | None) -> Int[np.ndarray, " n"]:
    """Numbers of samples; fewer than the population, where there is one."""
    counts = np.atleast_1d(_checks.whole("samples", samples))
    if counts.ndim != 1 or not len(counts) or counts.min() < 1:
        msg = f"samples={np.asarray(samples).tolist()} must be whole numbers >= 1"
        raise _checks.InputError(msg)
    if population is not None and counts.max() >= _checks.integer("population", population, 2):
        msg = f"samples={counts.max()} of a population of {population} leave no point to test; allowed: fewer"
        raise _checks.InputError(msg)
    return counts


def sample_covariance(rates: Any, samples: int, population: int | None) -> tuple[SampleCovariance, int]:
    """That of so many samples, and the number of modes listed; the trace beyond them has a rate of 0."""
    shares, listed, _ = _spread(rates)
    covariance = SampleCovariance(shares, _padded(listed, len(shares), 0.0), samples, population or math.inf)
    return covariance, len(listed)


def _spread(rates: Any) -> tuple[np.ndarray, np.ndarray, float]:
    """Shares, with the rest of the trace after them where it is known to be there; rates; the largest rate beyond.

    A mode below the noise is never learnt: its share belongs to the rest.
    """
    if isinstance(rates, FourierSpectrum):
        listed = np.maximum(np.asarray(rates.rates, np.float64), 0.0)  # below 0 by rounding
        return rates.multiplicities * listed, listed, 0.0
    if not isinstance(rates, ModeRates):
        array = np.asarray(_checks.real("rates", rates, 1), np.float64)
        if not len(array) or not (_checks.finite("rates", array) >= 0).all() or not array.any():
            msg = f"rates={array.tolist()[:5]} must be numbers >= 0, one of them above 0"
            raise _checks.InputError(msg)
        return array, array, 0.0
    known = rates.above_noise
    shares = np.where(known, rates.shares, 0.0)
    listed = np.where(known, np.exp(rates.log_rates), 0.0)
    rest = rates.trace - shares.sum()
    rounding = rates.errors[known].sum() + 64 * np.finfo(float).eps * rates.trace
    if rest <= rounding or not math.isfinite(rest):
        return shares, listed, 0.0
    hidden = rates.floors[~known & ~rates.absent].max(initial=rates.beyond)
    return np.append(shares, rest), listed, float(min(hidden, rest))


def _padded(listed: np.ndarray, length: int, beyond: float) -> np.ndarray:
    return np.append(listed, np.full(length - len(listed), beyond))


def powers(power: Any, count: int) -> Float[np.ndarray, " k"]:
    """One power a mode, none of them below 0."""
    array = np.asarray(_checks.real("power", power, 1), np.float64)
    if array.shape != (count,) or not (_checks.finite("power", array) >= 0).all():
        msg = f"power has {len(array)} values, the least {array.min(initial=math.inf):g}; allowed: {count} numbers >= 0"
        raise _checks.InputError(msg + ", one a mode of rates")
    return array


def _curve(
    covariance: SampleCovariance, listed: np.ndarray, power: np.ndarray, ridge: float, noise: float
) -> dict[str, Any]:
    """All that is known at one n."""
    n = covariance.samples
    kappa = covariance.kappa(ridge / n)
    found = _errors(covariance, listed, power, np.array([kappa]), ridge / n, noise)
    best_ridge, best_test = _best(covariance, listed, power, noise)
    single = {name: values[0] for name, values in found.items()}
    return {"kappa": kappa, **single, "best_ridge": best_ridge, "best_test": best_test}


def _errors(
    covariance: SampleCovariance,
    listed: np.ndarray,
    power: np.ndarray,
    kappa: Float[np.ndarray, " m"],
    ridge: float | None,
    noise: float,
) -> dict[str, np.ndarray]:
    """Errors at given kappa, one row each."""
    n, size = covariance.samples, covariance.population
    ridges = covariance.ridge(kappa) if ridge is None else np.full(len(kappa), ridge)
    slope, df = covariance.slope(kappa), covariance.filled(kappa)
    learnability = listed / (listed + kappa[:, None])
    missed = kappa[:, None] / (listed + kappa[:, None])
    bias = (power * missed**2).sum(1)
    # N_k l_k^2, whose factors may be beyond floating point
    spread = covariance.shares[: len(listed)] * listed / (listed + kappa[:, None]) ** 2
    gain = slope * covariance.spared(kappa) * bias + slope * noise / n
    excess = power * missed**2 + spread * gain[:, None]
    fitted = (ridges / kappa) ** 2 * slope * bias
    variance = ridges * slope * covariance.overlap(kappa, kappa) / n
    training = fitted + noise * (1 - df / n - variance)
    test = excess.sum(1)
    if math.isfinite(size) and not isinstance(covariance, RepeatedCovariance):
        test = (size * test - n * (fitted + noise * (df / n - variance))) / (size - n)
    return {"learnability": learnability, "excess": excess, "test": test + noise, "training": np.maximum(training, 0.0)}


def _best(covariance: SampleCovariance, listed: np.ndarray, power: np.ndarray, noise: float) -> tuple[float, float]:
    """The ridge of the least test error, and this error: every kappa above that of no ridge belongs to one ridge."""
    from scipy.optimize import minimize_scalar

    try:
        low = covariance.kappa(0.0)
    except _checks.InputError:  # more samples than modes: every kappa has its ridge
        low = 1e-12 * float(listed.max()) / covariance.samples

    def test(log: Any) -> np.ndarray:
        return _errors(covariance, listed, power, np.exp(np.atleast_1d(log)), None, noise)["test"]

    logs = np.linspace(math.log(low), math.log(1e6 * (covariance.shares.sum() + low)), _FINEST)
    tried = test(logs)
    place = int(np.argmin(tried))
    if place == len(logs) - 1:
        return math.inf, float(power.sum() + noise)
    bounds = (logs[max(place - 1, 0)], logs[place + 1])
    found: Any = minimize_scalar(lambda log: float(test(log)[0]), bounds=bounds, method="bounded")
    log = found.x if found.fun < tried[place] else logs[place]
    ridge = max(float(covariance.ridge(np.exp(np.array([log])))[0]), 0.0) * covariance.samples
    return (0.0 if place == 0 and log == logs[0] else ridge), float(min(found.fun, tried[place]))
