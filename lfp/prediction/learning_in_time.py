"""Learning curves in time: test error of each mode after s steps on random samples, and when to stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Num

from lfp import _checks
from lfp.numerics.covariance import SampleCovariance, contour
from lfp.optimisers.analytic import transfer
from lfp.optimisers.descent import GradientFlow
from lfp.optimisers.law import Law
from lfp.optimisers.weight_decay import WeightDecay
from lfp.prediction.learning_curve import counted, powers, sample_covariance
from lfp.spectra.on_domain import ModeRates
from lfp.spectra.on_points import FourierSpectrum

_ANGLES = np.radians([45, 30, 20, 12, 8, 5, 3, 2, 1])  # of the contour with the axis, the widest first
_LARGEST = 2.0  # |p_s| on the contour
_NODES = (8, 12, 16)
_INSIDE, _TOLERANCE = 40, 2e-5  # points of the spectrum where it is checked, and how well p_s is found there
_NEAREST = 1e-13  # of the contour to 0, in units of the largest rate


@dataclass(frozen=True)
class LearningInTime:
    """Error of each mode after s steps, in the mean over samples and noise.

    Args:
        steps: s.
        power: v_k, the target's.
        noise: variance of the noise of the labels.
        excess: error of each mode over the whole domain, one row a step.
    """

    steps: Num[np.ndarray, " t"]
    power: Float[np.ndarray, " k"]
    noise: float
    excess: Float[np.ndarray, "t k"]

    @property
    def test(self) -> Float[np.ndarray, " t"]:
        """Error at a random point of the domain, with its noise."""
        return self.excess.sum(axis=1) + self.noise

    @property
    def best_step(self) -> float:
        """The first of the steps looked at whose test error is within 0.1 % of the least: when to stop."""
        return first_best(self.steps, self.test)


def first_best(steps: Num[np.ndarray, " t"], test: Float[np.ndarray, " t"]) -> float:
    """The first step within 0.1 % of the least error."""
    return float(steps[np.argmax(test <= 1.001 * test.min())])


def learning_in_time(
    rates: ModeRates | FourierSpectrum | Float[np.ndarray, " _k"],
    power: Float[np.ndarray, " k"],
    samples: int,
    law: Law,
    steps: Num[np.ndarray, " t"],
    ridge: float = 0.0,
    noise: float = 0.0,
    *,
    population: int | None = None,
) -> LearningInTime:
    """Excess error of each mode after s steps of a law on n random samples, from f_0 = 0.

    With A the sample covariance and h = p_s, what is left of the target is h(A) w, and noise adds (1 - h(A)) / A. Both
    are contour integrals around the spectrum of A of its resolvent, for which stand the one- and two-point
    deterministic equivalents of `numerics.covariance` (Bordelon, Atanasov, Pehlevan 2024, arXiv 2402.01092):

        mode k: v_k h_k^2 + N_k L_k^2 sum over both contours h h' g_k g_k' (kappa kappa' / z z') c B + noise,
        g_k = 1 / (L_k + kappa),  B = sum_j v_j g_j g_j'

    Args:
        rates: as for `learning_curve`.
        power: v_k.
        samples: n.
        law: flow, descent, heavy ball, Nesterov; on a schedule; with weight decay.
        steps: s >= 0; whole ones unless the law is a flow.
        ridge: on the sum of squares: weight decay of ridge / n.
        noise: variance of the noise of the labels.
        population: as for `learning_curve`.

    Raises:
        InputError: as `learning_curve`; a law without transfer function, or that is unstable on the samples.

    Example:
        >>> from lfp import GradientFlow
        >>> curve = learning_in_time(np.full(8, 0.125), np.full(8, 0.125), 4, GradientFlow(1.0), np.array([0, 10**5]))
        >>> curve.test.round(6).tolist()
        [1.0, 0.5]
    """
    n = int(counted(samples, population)[0])
    if np.ndim(samples):
        msg = f"samples={np.asarray(samples).tolist()} must be one whole number"
        raise _checks.InputError(msg)
    _checks.nonnegative("ridge", ridge)
    _checks.nonnegative("noise", noise)
    looks = np.asarray(_checks.real("steps", steps, 1), np.float64)
    _checks.finite("steps", looks)
    whole = isinstance(law.base, GradientFlow) or (looks == np.rint(looks)).all()
    if not len(looks) or looks.min() < 0 or not whole:
        msg = f"steps={looks.tolist()[:5]} must be numbers >= 0, whole ones but for GradientFlow"
        raise _checks.InputError(msg)
    law = WeightDecay(law, ridge / n) if ridge else law
    covariance, modes = sample_covariance(rates, n, population)
    power = powers(power, modes)
    z, weights, left = _around(covariance, law, looks)
    kappa = covariance.continued(z)
    excess = _excess(covariance, power, noise, kappa, weights, z, left)
    return LearningInTime(np.asarray(steps), power, float(noise), excess)


def stable_lr(rates: Any, samples: Sequence[int], population: int | None = None) -> float:
    """Half of the learning rate up to which descent is stable on every one of these numbers of samples."""
    return min(1 / sample_covariance(rates, int(n), population)[0].edge() for n in samples)


def _around(
    covariance: SampleCovariance, law: Law, steps: Float[np.ndarray, " t"]
) -> tuple[Complex[np.ndarray, " m"], Complex[np.ndarray, " m"], Complex[np.ndarray, "t m"]]:
    """Upper half of a contour on which p_s stays bounded, its weights, and p_s."""
    edge, values = covariance.edge(), transfer(law)
    if float(law.lr) >= law.largest_stable_lr(edge):
        msg = f"law={type(law).__name__} with lr={float(law.lr):.4g} diverges on {covariance.samples} samples, whose "
        msg += f"largest rate is {edge:.4g}; allowed: lr below {law.largest_stable_lr(edge):.4g}"
        raise _checks.InputError(msg)
    inner, behind = edge / 4, np.exp(1j * np.linspace(0.5, np.pi, 9))
    with np.errstate(over="ignore", invalid="ignore"):  # where a contour is not tame
        while inner > edge * _NEAREST and not _tame(values(inner * behind, steps)):
            inner /= 2
        # Cauchy's formula at points of the spectrum, where p_s is known, tells whether a contour resolves it
        inside = np.geomspace(inner, edge, _INSIDE)
        known = np.real(values(inside * (1 + 1e-9j), steps))
        for angle, nodes in product(_ANGLES, _NODES):
            z, weights = contour(inner, edge * (1 + min(0.3, 2 * angle)), angle, nodes)
            left = values(z, steps)
            if _tame(left) and np.abs(_cauchy(left * weights, z, inside) - known).max() < _TOLERANCE:
                return z, weights, left
    msg = f"law={type(law).__name__} with lr={float(law.lr):.4g} is too near its limit of stability on "
    msg += f"{covariance.samples} samples, whose largest rate is {edge:.4g}; allowed: a smaller lr"
    raise _checks.InputError(msg)


def _tame(left: np.ndarray) -> bool:
    return bool(np.abs(left).max() <= _LARGEST)


def _cauchy(left: np.ndarray, z: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Both halves of the integral of p_s(z) / (z - x)."""
    return 2 * (left @ (1 / (z[:, None] - at))).real


def _excess(
    covariance: SampleCovariance,
    power: np.ndarray,
    noise: float,
    kappa: np.ndarray,
    weights: np.ndarray,
    z: np.ndarray,
    left: np.ndarray,
) -> Float[np.ndarray, "t k"]:
    """Sums over the contour; the lower half is the conjugate of the upper one, so sums are twice their real parts."""
    count = len(power)
    rates, shares = covariance.rates[:count], covariance.shares[:count]
    both = np.concatenate([kappa, kappa.conj()])
    resolvent = 1 / (rates + both[:, None])
    upper = resolvent[: len(kappa)]
    pairs = (upper * power) @ resolvent.T * covariance.coupling(kappa, both)
    step = weights * kappa / z
    out = []
    # q = (1 - p) / z is what noise is multiplied with, z q^2 its square
    spread = (1 - left) ** 2 / z
    for k in range(count):
        terms = left * (step * upper[:, k])
        all_terms = np.concatenate([terms, terms.conj()], axis=1)
        bias = power[k] * (2 * terms.sum(1).real) ** 2
        mixed = 2 * ((terms @ pairs) * all_terms).sum(1).real
        label = 2 * (spread * (step * upper[:, k])).sum(1).real
        out.append(bias + shares[k] * rates[k] * mixed + noise * shares[k] / covariance.samples * label)
    return np.maximum(np.stack(out, axis=1), 0.0)  # of rounding
