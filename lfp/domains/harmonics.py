"""Functions on spheres and cubes, taken apart by degree: projections in any dimension, harmonics on S^2."""

import math

import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.domains.domain import Zonal, unit_vectors
from lfp.domains.sphere import Sphere


def project(
    space: Zonal,
    x: Float[np.ndarray, "n dim"],
    weights: Float[np.ndarray, " n"],
    values: Float[np.ndarray, " n"],
    top: int,
    at: Float[np.ndarray, "m dim"] | None = None,
) -> Float[np.ndarray, "degrees m"]:
    """The part of each degree in a function that is given at weighted points: N_k sum_j weights_j values_j P_k(x.x_j).

    Exact where the weighted points integrate f times degree `top`; on scattered points an estimate.

    Args:
        space: sphere or hypercube.
        x: the points.
        weights: their weights; they sum to 1.
        values: the function.
        top: highest degree.
        at: where the parts are wanted; None: at x.

    Returns:
        One row a degree.

    Example:
        >>> x, weights = Sphere(3).design(2)
        >>> parts = project(Sphere(3), x, weights, 3 + x[:, 2], 2)
        >>> parts[0].round(12).max().item(), bool(np.allclose(parts[1], x[:, 2]))
        (3.0, True)
    """
    _checks.integer("top", top, 0)
    x = unit_vectors(space.name, x, space.dim)
    cosines = (x if at is None else unit_vectors(space.name, at, space.dim)) @ x.T
    down, up = space.steps(top)
    source, rows = weights * values, []
    before, now = np.zeros_like(cosines), np.ones_like(cosines)
    for k in range(top + 1):
        rows.append(float(space.multiplicity(k)) * (now @ source))
        if k < top:
            before, now = now, (cosines * now - down[k] * before) / up[k]
    return np.stack(rows)


def spherical_harmonics(x: Float[np.ndarray, "n 3"], top: int) -> Float[np.ndarray, "n modes"]:
    """Real harmonics of degree 0 .. top on S^2, column l^2 + l + m, of mean square 1.

    sum_m Y_lm(x) Y_lm(y) = (2l + 1) P_l(x.y). With a design, `harmonics.T @ (weights * values)` analyses and
    `harmonics @ coefficients` synthesises.

    Args:
        x: unit vectors.
        top: highest degree.

    Raises:
        InputError: points that are not of norm 1.

    Example:
        >>> x, weights = Sphere(3).design(2)
        >>> basis = spherical_harmonics(x, 2)
        >>> bool(np.allclose(basis.T @ (weights[:, None] * basis), np.eye(9)))
        True
    """
    _checks.integer("top", top, 0)
    x = Sphere(3).embed(x)
    around = x[:, 0] + 1j * x[:, 1]  # sin(theta) exp(i phi), free of angles: the poles need no care
    out = np.zeros((len(x), (top + 1) ** 2))
    sectoral = np.ones(len(x), complex)
    for m in range(top + 1):
        if m:
            sectoral = sectoral * around * math.sqrt((2 * m + 1) / (2 * m))
        scale = math.sqrt(2) if m else 1.0
        before, now = np.zeros_like(sectoral), sectoral
        for degree in range(m, top + 1):
            middle = degree * degree + degree
            out[:, middle - m] = scale * np.imag(now)
            out[:, middle + m] = scale * np.real(now)
            before, now = now, _climb(degree + 1, m) * (x[:, 2] * now - before / _climb(degree, m))
    return out


def _climb(degree: int, m: int) -> float:
    """a in Y_l = a_l (z Y_(l-1) - Y_(l-2) / a_(l-1)), fixed m."""
    return math.sqrt((4 * degree**2 - 1) / (degree**2 - m**2)) if degree > m else 1.0
