"""Whether learning curves hold: is the variance that n samples leave at a point the same at every point?"""

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from lfp import _checks
from lfp.domains.domain import Zonal
from lfp.domains.problems import Points
from lfp.networks.network import kernel
from lfp.prediction.learning_curve import counted
from lfp.prediction.samples import draw_points
from lfp.spectra.on_points import refuse_dense

LARGEST_SPREAD = 0.1
"""Of the variances, above which learning curves are not said to be good to 10 %."""
_SINGULAR = 100.0  # roundings of K: variances that are not larger are not known
_POINTS = 200  # variances that are looked at, at least


@dataclass(frozen=True)
class Concentration:
    """How far the variances at the samples scatter.

    Args:
        spread: their variance over the square of their mean; infinite where K is singular to rounding.
    """

    spread: float

    @property
    def good(self) -> bool:
        """Whether learning curves are said to be good to 10 %."""
        return self.spread <= LARGEST_SPREAD


def concentration(
    network: Any, where: Any, samples: int, ridge: float = 0.0, *, repeated: bool = True, seed: int = 0
) -> Concentration:
    """A rule for learning curves that needs neither labels nor networks: do features look Gaussian to n samples?

    The theory puts one number, n kappa - ridge, for the variance that the other samples leave at each of them. By
    leave-one-out it is 1 / [(K + ridge)^-1]_ii - ridge. Samples of Gaussian features agree with it up to 1 / n; where
    the variances scatter by more, as between samples on a line, the curves are too low (docs/learning.md).

    Args:
        network: one with a kernel at infinite width, a kernel, or a function (x1, x2) -> matrix.
        where: `Circle`, `Sphere`, `Hypercube`, or `Points`, of which the samples are a part.
        samples: n.
        ridge: delta >= 0, on the sum of squares.
        repeated: whether a corner of the cube may be drawn twice.
        seed: of the samples that are drawn.

    Raises:
        InputError: as `drawn_curve`.

    Example:
        >>> from lfp import MLP, Circle, Sphere
        >>> [concentration(MLP(2, 1), space, 50).good for space in (Sphere(20), Circle())]
        [True, False]
    """
    from scipy import linalg

    _checks.nonnegative("ridge", ridge)
    _checks.integer("seed", seed, 0)
    of_points = isinstance(where, Points)
    n = int(counted(samples, len(where.x) if of_points else None)[0])
    refuse_dense(n)
    if not isinstance(where, Points | Zonal):
        msg = f"where={type(where).__name__} has no degrees; allowed: Circle, Sphere, Hypercube, Points"
        raise _checks.InputError(msg)
    covariance, spreads = kernel(network), []
    for draw in range(-(-_POINTS // n)):
        rng = np.random.default_rng([seed, draw])
        x = where.x[rng.permutation(len(where.x))[:n]] if of_points else draw_points(where, n, rng, repeated)
        gram = np.asarray(covariance(jnp.asarray(x), None))
        rounding = 4 * float(np.finfo(gram.dtype).eps) * np.trace(gram)
        factor = linalg.cholesky(gram + (ridge + rounding) * np.eye(n), lower=True)
        left = 1 / (linalg.solve_triangular(factor, np.eye(n), lower=True) ** 2).sum(axis=0) - ridge
        singular = left.min() <= _SINGULAR * rounding
        spreads.append(math.inf if singular else left.var() / left.mean() ** 2)
    return Concentration(float(np.mean(spreads)))
