"""Functions on spheres, cubes and tori, taken apart by degree: projections and harmonics in any dimension, on S^2."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lfp import _checks
from lfp.domains.circle import Circle
from lfp.domains.domain import Zonal, unit_vectors
from lfp.domains.hypercube import Hypercube
from lfp.domains.problems import Points, merge
from lfp.domains.sphere import Sphere
from lfp.domains.torus import Torus

Graded = Zonal | Torus
"""Spaces with modes by degree, the degree of a polynomial in x; on the torus that of k is |k_1| + ... + |k_p|."""


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
    at = x if at is None else unit_vectors(space.name, at, space.dim)
    source = weights * values
    return np.stack([zonal @ source for zonal in _reproducing(space, at, x, top)])


def _reproducing(
    space: Graded, at: Float[np.ndarray, "m d"], x: Float[np.ndarray, "n d"], top: int
) -> Iterator[Float[np.ndarray, "m n"]]:
    """sum_m Y_m(x) Y_m(x_j) over an orthonormal basis of each degree: N_k P_k(x.x_j); of tori a sum of cosines."""
    if isinstance(space, Torus):
        yield from _reproducing_waves(space.angles(at), space.angles(x), top)
        return
    for k, values in zip(range(top + 1), zonal_functions(space, at @ x.T, top), strict=True):
        yield float(space.multiplicity(k)) * values


def zonal_functions(space: Zonal, cosines: Float[np.ndarray, "m n"], top: int) -> Iterator[Float[np.ndarray, "m n"]]:
    """P_k of cosines, k = 0 .. top, one after the other; P_k(1) = 1.

    Example:
        >>> [values.round(12).tolist() for values in zonal_functions(Sphere(3), np.array([[0.5]]), 2)]
        [[[1.0]], [[0.5]], [[-0.125]]]
    """
    down, up = space.steps(top)
    before, now = np.zeros_like(cosines), np.ones_like(cosines)
    for k in range(top + 1):
        yield now
        if k < top:
            before, now = now, (cosines * now - down[k] * before) / up[k]


def harmonics_of_degree(space: Graded, x: Float[np.ndarray, "n d"], top: int) -> list[Float[np.ndarray, "n _"]]:
    """An orthonormal basis of every degree 0 .. top at points, one function a column, in any dimension.

    The functions are eigenvectors of sum_m Y_m(x_i) Y_m(x_j) = N_k P_k(x_i.x_j), which the addition theorem gives
    without any harmonics.

    Args:
        space: sphere, circle, hypercube or torus.
        x: points, as the network sees them.
        top: highest degree.

    Raises:
        InputError: points off the space, more functions than points, a degree that the space does not have.

    Example:
        >>> x = Sphere(3).design(4)[0]
        >>> [basis.shape[1] for basis in harmonics_of_degree(Sphere(3), x, 2)]
        [1, 3, 5]
    """
    _checks.integer("top", top, 0)
    x, count = on_space(space, x), functions_up_to(space, top)
    if count > len(x):
        msg = f"degrees up to {top} on the {space.name} of dim={space.dim} are {count} functions; {len(x)} points do "
        msg += f"not tell them apart; allowed: degrees up to {resolved_degree(space, len(x))}"
        raise _checks.InputError(msg)
    found = []
    for degree, zonal in enumerate(_reproducing(space, x, x, top)):
        sizes, vectors = np.linalg.eigh(zonal)
        some = slice(len(x) - space.multiplicity(degree), None)
        found.append(vectors[:, some] * np.sqrt(np.maximum(sizes[some], 0.0)))
    return found


def functions_up_to(space: Graded, top: int) -> int:
    """Number of harmonics of degree 0 .. top."""
    highest = space.highest if isinstance(space, Zonal) else None
    if highest is not None and _checks.integer("degrees", top, 0) > highest:
        msg = f"degrees={top} on the {space.name} of dim={space.dim}; allowed: up to {highest}"
        raise _checks.InputError(msg)
    return sum(space.multiplicity(k) for k in range(top + 1))


def resolved_degree(space: Graded, points: int) -> int:
    """The highest degree up to which there are no more harmonics than points."""
    highest = space.highest if isinstance(space, Zonal) else None
    top, count = 0, 1
    while top != highest and count + space.multiplicity(top + 1) <= points:
        top += 1
        count += space.multiplicity(top)
    return top


def on_space(space: Graded, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Points as the network sees them, refused where they are off the space."""
    if isinstance(space, Torus):
        space.angles(x)
        return np.asarray(x)
    return unit_vectors(space.name, x, 2) if isinstance(space, Circle) else space.embed(x)  # type: ignore[attr-defined]


def sum_of_degrees(
    space: Graded,
    x: Float[np.ndarray, "n d"],
    degrees: Sequence[int] | Int[np.ndarray, " k"],
    amplitudes: Sequence[float] | float = 1.0,
) -> Points:
    """Points of a space with y = sum_k A_k Y_k(x), Y_k the zonal function of degree k about a pole, of mean square 1.

    Y_k = sqrt(N_k) P_k(x.e); on the torus the sum of cos k.t over all k of the degree. The pole is the first axis, on
    the cube the corner of all signs +, on the torus t = 0.

    Args:
        space: sphere, hypercube or torus.
        x: points, as the network sees them; those that repeat are merged with weights.
        degrees: k, whole numbers >= 0.
        amplitudes: A_k, one for all or one each.

    Raises:
        InputError: points off the space, degrees that the space does not have, amplitudes that do not match.

    Example:
        >>> cube = Hypercube(3)
        >>> data = sum_of_degrees(cube, cube.points(), [1])
        >>> (data.y / cube.points().sum(axis=1)).round(12).tolist()[:2]
        [1.0, 1.0]
    """
    orders = _checks.whole("degrees", degrees)
    heights = _checks.finite("amplitudes", np.asarray(_checks.real("amplitudes", amplitudes), np.float64))
    if orders.ndim != 1 or not len(orders) or orders.min() < 0 or len(set(orders.tolist())) < len(orders):
        msg = f"degrees={orders.tolist()} must be whole numbers >= 0, each once"
        raise _checks.InputError(msg)
    if heights.shape not in ((), (1,), orders.shape):
        msg = f"amplitudes has {heights.size} values for {len(orders)} degrees; allowed: one, or one each"
        raise _checks.InputError(msg)
    x, top = on_space(space, x), int(orders.max())
    functions_up_to(space, top)
    zonal = [one[0] for one in _reproducing(space, _pole(space), x, top)]
    sizes = np.sqrt([float(space.multiplicity(k)) for k in range(top + 1)])
    heights = np.broadcast_to(heights, orders.shape)
    parts = [height * zonal[k] / sizes[k] for k, height in zip(orders, heights, strict=True)]
    return merge(x, np.sum(parts, axis=0))


def _pole(space: Graded) -> Float[np.ndarray, "1 d"]:
    if isinstance(space, Hypercube):
        return np.full((1, space.dim), space.dim**-0.5)
    return space.embed(np.zeros((1, space.dim))) if isinstance(space, Torus) else np.eye(1, space.dim)


def _reproducing_waves(
    at: Float[np.ndarray, "m p"], t: Float[np.ndarray, "n p"], top: int
) -> list[Float[np.ndarray, "m n"]]:
    """sum of exp(i k.(t - s)) over |k_1| + ... + |k_p| = degree: one angle has 1 and 2 cos m t; angles multiply."""
    series: list[Any] = [np.ones((len(at), len(t))), *[np.zeros((len(at), len(t)))] * top]
    for one, other in zip(at.T, t.T, strict=True):
        theta = np.subtract.outer(one, other)
        waves = [np.ones_like(theta), *(2 * np.cos(m * theta) for m in range(1, top + 1))]
        series = [sum(series[a] * waves[k - a] for a in range(k + 1)) for k in range(top + 1)]
    return series


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
