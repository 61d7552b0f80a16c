"""Random samples of a target on a domain, or of points: what learning curves are about."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.domains.domain import Zonal
from lfp.domains.harmonics import zonal_functions
from lfp.domains.hypercube import LARGEST_CUBE, Hypercube
from lfp.domains.problems import Points


class Sample(NamedTuple):
    """Points that were drawn, with noisy labels.

    Args:
        x: points, as the network sees them.
        y: labels.
        parts: the zonal function of each degree at the points, of mean square 1; of given points none.
        places: of given points, which were drawn, and after them the rest.
    """

    x: Float[np.ndarray, "n d"]
    y: Float[np.ndarray, " n"]
    parts: Float[np.ndarray, "k n"]
    places: np.ndarray


def draw_points(where: Zonal, n: int, rng: np.random.Generator, repeated: bool = True) -> Float[np.ndarray, "n d"]:
    """n random points as the network sees them; on the cube, if wanted, n different corners."""
    if not isinstance(where, Hypercube):
        x = rng.standard_normal((n, where.dim))
        return x / np.linalg.norm(x, axis=1, keepdims=True)
    if repeated or where.dim > LARGEST_CUBE:  # of so many corners none comes twice
        return (1.0 - 2.0 * rng.integers(2, size=(n, where.dim))) / np.sqrt(where.dim)
    if n > 2**where.dim:
        msg = f"samples={n} without repetition; allowed: up to {2**where.dim} corners"
        raise _checks.InputError(msg)
    corners = rng.choice(2**where.dim, n, replace=False)
    return (1.0 - 2.0 * ((corners[:, None] >> np.arange(where.dim)) & 1)) / np.sqrt(where.dim)


def zonal_parts(where: Zonal, x: Float[np.ndarray, "n d"], degrees: int) -> Float[np.ndarray, "k n"]:
    """sqrt(N_k) P_k(x.e) of degrees 0 .. degrees - 1, e the first axis, of the cube the corner of all signs +."""
    pole = np.full(where.dim, where.dim**-0.5) if isinstance(where, Hypercube) else np.eye(where.dim)[0]
    sizes = [float(where.multiplicity(k)) ** 0.5 for k in range(degrees)]
    zonal = zonal_functions(where, (x @ pole)[:, None], degrees - 1)
    return np.stack([size * values[:, 0] for size, values in zip(sizes, zonal, strict=True)])


def draw_sample(
    where: Zonal | Points,
    n: int,
    heights: Float[np.ndarray, " k"],
    noise: float,
    rng: np.random.Generator,
    repeated: bool = True,
) -> Sample:
    """One sample: of sum_k heights_k times the zonal function of degree k, or of given points."""
    if isinstance(where, Points):
        places = rng.permutation(len(where.x))
        taken = places[:n]
        y = np.asarray(where.y)[taken] + np.sqrt(noise) * rng.standard_normal(n)
        return Sample(where.x[taken], y, np.zeros((0, n)), places)
    x = draw_points(where, n, rng, repeated)
    parts = zonal_parts(where, x, len(heights))
    return Sample(x, heights @ parts + np.sqrt(noise) * rng.standard_normal(n), parts, np.zeros(0, int))
