"""Kernel regression on drawn samples: the layer between learning curves and trained networks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Num

from lfp import _checks
from lfp.domains.domain import Zonal
from lfp.domains.harmonics import zonal_functions
from lfp.domains.problems import Points
from lfp.kernels.algebra import Kernel
from lfp.networks.network import kernel
from lfp.optimisers.law import Law
from lfp.optimisers.weight_decay import WeightDecay
from lfp.prediction.averaged import expected_errors, regularised
from lfp.prediction.learning_curve import counted, powers
from lfp.prediction.samples import Sample, draw_sample
from lfp.spectra.on_domain import ModeRates, mode_rates
from lfp.spectra.on_points import refuse_dense


@dataclass(frozen=True)
class DrawnCurve:
    """Errors of kernel regression on drawn samples.

    Args:
        excess: of each draw, step and mode on a domain; of points the mean square on those left out, as one mode.
        noise: variance of the noise of the labels.
    """

    excess: Float[np.ndarray, "draws t k"]
    noise: float

    @property
    def mean(self) -> Float[np.ndarray, "t k"]:
        """Over the draws."""
        return self.excess.mean(axis=0)

    @property
    def standard_error(self) -> Float[np.ndarray, "t k"]:
        """Of the mean; NaN for one draw."""
        count = len(self.excess)
        return self.excess.std(axis=0) / np.sqrt(count - 1) if count > 1 else np.full(self.excess.shape[1:], np.nan)

    def band(self, share: float = 0.8) -> tuple[Float[np.ndarray, "t k"], Float[np.ndarray, "t k"]]:
        """Between these two lies the share of the draws."""
        low, high = np.quantile(self.excess, [(1 - share) / 2, (1 + share) / 2], axis=0)
        return low, high


def drawn_curve(
    network: Any,
    where: Any,
    samples: int,
    power: Float[np.ndarray, " k"] | None = None,
    ridge: float = 0.0,
    noise: float = 0.0,
    *,
    rates: ModeRates | None = None,
    law: Law | None = None,
    steps: Num[np.ndarray, " t"] | None = None,
    repeated: bool = True,
    averaged: bool = False,
    draws: int = 20,
    seed: int = 0,
) -> DrawnCurve:
    """Kernel regression on random samples, once a draw: f = K(., X)(K + ridge)^-1 y, or s steps of a law from f_0 = 0.

    On a domain the target is the sum of sqrt(v_k) times the zonal function of degree k, and the error of every degree
    is exact: with f = sum_i a_i K(., x_i), its part of degree k is L_k N_k sum_i a_i P_k(x.x_i). Of given points the
    samples are a part, without repetition, and the error is the mean square on the rest.

    Args:
        network: one with a kernel at infinite width, a kernel, or a function (x1, x2) -> matrix.
        where: `Circle`, `Sphere`, `Hypercube`; or `Points`, with their targets.
        samples: n.
        power: v_k of degree 0, 1, ...; errors come for so many degrees. None for points.
        ridge: delta >= 0, on the sum of squares.
        noise: variance of the noise that is added to the labels.
        rates: of the kernel on the domain, of at least so many degrees.
        law: of an optimiser, as for `learning_in_time`; None for the solution.
        steps: of the law.
        repeated: whether a corner of the cube may be drawn twice.
        averaged: errors of each draw in the mean over noise and over the pole of the target, exact: the curves are the
            same and scatter less. For the solution on a domain.
        draws: number of draws.
        seed: of the draws.

    Raises:
        InputError: as `learning_curve`; a domain without degrees, a law without steps, or averaged.

    Example:
        >>> from lfp import Sphere
        >>> linear = lambda x1, x2: x1 @ (x1 if x2 is None else x2).T
        >>> bool((drawn_curve(linear, Sphere(3), 3, np.array([0.0, 1.0]), draws=2).excess < 1e-9).all())
        True
    """
    _checks.nonnegative("ridge", ridge)
    _checks.nonnegative("noise", noise)
    _checks.integer("draws", draws, 1)
    _checks.integer("seed", seed, 0)
    count = int(counted(samples, None)[0])
    refuse_dense(count)
    if (law is None) != (steps is None):
        msg = f"law={type(law).__name__} with steps={steps}; allowed: both, or none of them"
        raise _checks.InputError(msg)
    solve, known = _solver(ridge, law, steps), kernel(network)
    heights = check_task(where, count, power)
    if averaged and (law is not None or isinstance(where, Points)):
        msg = (
            f"averaged=True with law={type(law).__name__}, where={type(where).__name__}; allowed: without a law, on a "
        )
        raise _checks.InputError(msg + "domain")
    if isinstance(where, Points):
        gram, y = np.asarray(known(jnp.asarray(where.x), None)), np.asarray(where.y)
        one = partial(_on_the_rest, gram, y, solve=solve)
    else:
        rates = mode_rates(where, known, max(len(heights) - 1, 0)) if rates is None else rates
        listed = np.where(rates.above_noise, np.exp(rates.log_rates), 0.0)[: len(heights)]
        powers(heights, len(listed))
        one = partial(_on_domain, where, known, solve=solve, heights=heights, rates=listed)
        if averaged:
            one = partial(_in_the_mean, where, known, rates=listed, power=heights**2, ridge=ridge, noise=noise)
    drawn = (np.random.default_rng([seed, i]) for i in range(draws))
    excess = [one(sample=draw_sample(where, count, heights, noise, rng, repeated)) for rng in drawn]
    return DrawnCurve(np.stack(excess), float(noise))


def check_task(where: Any, n: int, power: Any) -> Float[np.ndarray, " k"]:
    """The amplitudes of a target on a domain; none of points, which have their targets."""
    if isinstance(where, Points) and power is None:
        counted(n, len(where.x))
        return np.zeros(0)
    if isinstance(where, Zonal) and power is not None:
        return np.sqrt(powers(power, len(power)))
    msg = f"where={type(where).__name__} with power={power}; allowed: Circle, Sphere, Hypercube with the power of "
    raise _checks.InputError(msg + "each degree, or Points, whose targets are known, with None")


Solve = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(K, y) -> coefficients a, one column a step."""


def _solver(ridge: float, law: Any, steps: Any) -> Solve:
    from scipy import linalg

    def at_once(gram: np.ndarray, y: np.ndarray) -> np.ndarray:
        return regularised(gram, ridge, y)[:, None]

    def in_time(gram: np.ndarray, y: np.ndarray) -> np.ndarray:
        n = len(gram)
        values, vectors = linalg.eigh(gram.astype(float) / n)
        values = np.maximum(values, n * float(np.finfo(gram.dtype).eps) * values[-1])
        decayed = WeightDecay(law, ridge / n) if ridge else law
        learned = np.asarray(decayed.learned(jnp.asarray(values), jnp.asarray(steps)))
        return vectors @ (learned / values * (vectors.T @ y) / n).T

    return at_once if law is None else in_time


def _on_domain(where: Zonal, kernel: Kernel, sample: Sample, solve: Solve, heights: Any, rates: Any) -> np.ndarray:
    """Errors by degree, exact: of f's part and the target's, and of both."""
    a = solve(np.asarray(kernel(jnp.asarray(sample.x), None)), sample.y)
    out, zonal = [], zonal_functions(where, sample.x @ sample.x.T, len(heights) - 1)
    for k, (p, rate, height) in enumerate(zip(zonal, rates, heights, strict=True)):
        square = rate**2 * where.multiplicity(k) * ((p @ a) * a).sum(0)
        out.append(height**2 - 2 * height * rate * (sample.parts[k] @ a) + square)
    return np.maximum(np.stack(out, axis=1), 0.0)


def _in_the_mean(
    where: Zonal, kernel: Kernel, sample: Sample, rates: Any, power: Any, ridge: float, noise: float
) -> np.ndarray:
    """Errors by degree in the mean over poles and noise."""
    gram = np.asarray(kernel(jnp.asarray(sample.x), None))
    return expected_errors(where, sample.x, gram, rates, power, ridge, noise)[None, :]


def _on_the_rest(gram: np.ndarray, y: np.ndarray, sample: Sample, solve: Solve) -> np.ndarray:
    """Mean square on the points that were not drawn."""
    taken, rest = np.split(sample.places, [len(sample.x)])
    a = solve(gram[np.ix_(taken, taken)], sample.y)
    return np.square(gram[np.ix_(rest, taken)] @ a - y[rest, None]).mean(0)[:, None]
