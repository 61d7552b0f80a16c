"""Low and high frequencies of a function on points of any dimension: Gaussian filter, principal direction, degrees."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from lfp import _checks
from lfp.domains.harmonics import project
from lfp.domains.hypercube import Hypercube
from lfp.domains.sphere import Sphere

CHUNK = 1 << 22
"""Entries of the kernel that stand at a time."""


def gaussian_filter(
    x: Float[np.ndarray, "n d"], values: Float[np.ndarray, "n c"], delta: float
) -> tuple[Float[np.ndarray, "n c"], Float[np.ndarray, "n c"]]:
    """(low, high): low_i = sum_j y_j G_ij / sum_j G_ij, G = exp(-|x_i - x_j|^2 / (2 delta)), high = y - low.

    By blocks of rows: no n x n array stands. Distances are taken about the mean of the points.

    Args:
        x: points.
        values: one function a column.
        delta: variance of the Gaussian, in units of x squared; frequencies above 1 / (2 pi sqrt(delta)) go into high.

    Raises:
        InputError: points or values that are not finite, delta not positive.

    Warns:
        UserWarning: no point has a neighbour within the Gaussian: all is low, and nothing is filtered.

    Example:
        >>> low, high = gaussian_filter(np.array([[0.0], [1.0]]), np.array([[1.0], [-1.0]]), 100.0)
        >>> bool(abs(low).max() < 0.01), bool(abs(high[0, 0] - 1) < 0.01)
        (True, True)
    """
    _checks.positive("delta", delta)
    if values.ndim != 2 or len(values) != len(x):
        msg = f"values has shape {values.shape} for {len(x)} points; allowed: (points, functions)"
        raise _checks.InputError(msg)
    _checks.finite("x", x)
    _checks.finite("values", values)
    points = jnp.asarray(x - x.mean(axis=0))
    low, share = _smooth(points, jnp.asarray(values, points.dtype), jnp.asarray(delta, points.dtype))
    if float(share.min()) > 1 - 1e-3:
        warnings.warn(f"delta={delta:.3g} is below what {len(x)} points resolve: nothing is smoothed", stacklevel=2)
    return np.asarray(low), values - np.asarray(low)


@eqx.filter_jit
def _smooth(x: Array, values: Array, delta: Array) -> tuple[Array, Array]:
    """The filtered values, and the share that each point has in its own."""
    squares = jnp.sum(x**2, axis=1)

    def row(point: Array) -> tuple[Array, Array]:
        distance = jnp.maximum(squares + point @ point - 2 * (x @ point), 0.0)
        gains = jnp.exp(-distance / (2 * delta))
        return gains @ values / jnp.sum(gains), 1 / jnp.sum(gains)

    return jax.lax.map(row, x, batch_size=max(1, min(len(x), CHUNK // len(x))))


def gaps(x: Float[np.ndarray, "n d"]) -> float:
    """Median distance from a point to its nearest neighbour elsewhere; infinite where all points are one.

    Example:
        >>> gaps(np.array([[0.0], [1.0], [2.0], [7.0]]))
        1.0
    """
    points = jnp.asarray(_checks.finite("x", x) - x.mean(axis=0))
    return float(np.median(np.asarray(_nearest(points))))


def median_distance(x: Float[np.ndarray, "n d"]) -> float:
    """Median distance between two points, of 1000 of them at most.

    Example:
        >>> median_distance(np.array([[0.0], [1.0], [3.0]]))
        2.0
    """
    if len(x) < 2:
        msg = f"x has {len(x)} point; allowed: at least 2"
        raise _checks.InputError(msg)
    some = x[np.unique(np.linspace(0, len(x) - 1, 1000).astype(int))]
    squares = np.sum((some - some.mean(axis=0)) ** 2, axis=1)
    centred = some - some.mean(axis=0)
    distance = np.maximum(squares[:, None] + squares - 2 * centred @ centred.T, 0.0)
    return float(np.sqrt(np.median(distance[np.triu_indices(len(some), 1)])))


@eqx.filter_jit
def _nearest(x: Array) -> Array:
    """The distance from every point to the nearest of the others."""

    def row(point: Array) -> Array:
        distance = jnp.sum((x - point[None, :]) ** 2, axis=1)
        return jnp.sqrt(jnp.min(jnp.where(distance > 0, distance, jnp.inf)))

    return jax.lax.map(row, x, batch_size=max(1, min(len(x), CHUNK // x.size)))


def principal_direction(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """The unit vector along which centred points vary most; its largest entry is positive.

    Example:
        >>> principal_direction(np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 0.1]])).round(2).tolist()
        [1.0, 0.0]
    """
    _checks.finite("x", x)
    direction = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][0]
    return direction * np.sign(direction[np.abs(direction).argmax()])


def along(
    x: Float[np.ndarray, "n d"],
    values: Float[np.ndarray, " n"],
    direction: Float[np.ndarray, " d"],
    frequencies: Float[np.ndarray, " k"],
) -> Complex[np.ndarray, " k"]:
    """y_k = (1/n) sum_i y_i exp(-2 pi i k p.x_i): the transform of the data along a direction p.

    Args:
        x: points.
        values: y.
        direction: p, a unit vector.
        frequencies: k, in cycles per unit length along p.

    Warns:
        UserWarning: frequencies above half the mean sampling rate of the projected points.

    Example:
        >>> x = np.arange(4.0)[:, None] / 4
        >>> abs(along(x, np.ones(4), np.ones(1), np.array([0.0, 1.0]))).round(12).tolist()
        [1.0, 0.0]
    """
    places = x @ direction
    resolution = (len(x) - 1) / max(float(np.ptp(places)), np.finfo(float).tiny) / 2
    highest = float(np.abs(frequencies).max(initial=0.0))
    if highest > resolution:
        warnings.warn(f"frequencies={highest:.3g} is above {resolution:.3g}, what the points resolve", stacklevel=2)
    return np.exp(-2j * np.pi * np.multiply.outer(frequencies, places)) @ values / len(x)


def relative_error(
    measured: Complex[np.ndarray, "*shape"] | Float[np.ndarray, "*shape"],
    target: Complex[np.ndarray, "*shape"] | Float[np.ndarray, "*shape"],
) -> Float[np.ndarray, "*shape"]:
    """|F[f] - F[y]| / |F[y]|, never the difference of magnitudes: a wrong phase is an error.

    Raises:
        InputError: a target that vanishes somewhere, shapes that differ.

    Example:
        >>> relative_error(np.array([1j]), np.array([1.0])).round(6).tolist()
        [1.414214]
    """
    measured, target = np.asarray(measured), np.asarray(target)
    if measured.shape != target.shape:  # nothing is broadcast
        msg = f"measured has shape {measured.shape}; allowed: {target.shape}, that of the target"
        raise _checks.InputError(msg)
    if not np.abs(target).all():
        msg = f"target vanishes at {int((np.abs(target) == 0).sum())} entries; allowed: modes that the target has"
        raise _checks.InputError(msg)
    return np.abs(measured - target) / np.abs(target)


def energy_by_degree(
    space: Sphere | Hypercube,
    x: Float[np.ndarray, "n dim"],
    values: Float[np.ndarray, " n"],
    top: int,
    weights: Float[np.ndarray, " n"] | None = None,
) -> Float[np.ndarray, " degrees"]:
    """Mean square of the part of each degree, 0 .. top: E_k = N_k sum_ij w_i w_j y_i y_j P_k(x_i.x_j).

    Exact on a design of the sphere and on the full cube; elsewhere an estimate, to which noise adds N_k / n E[y^2].

    Args:
        space: sphere or hypercube.
        x: points on it.
        values: y.
        top: highest degree.
        weights: of the points; None for equal ones.

    Warns:
        UserWarning: more modes up to `top` than points: the energies are aliased.

    Example:
        >>> cube = Hypercube(3)
        >>> energy = energy_by_degree(cube, cube.points(), np.prod(cube.points(), axis=1) * 27**0.5, 3)
        >>> abs(energy).round(12).tolist()
        [0.0, 0.0, 0.0, 1.0]
    """
    x, values = space.embed(x), np.asarray(_checks.real("values", values, 1))
    if len(values) != len(x):
        msg = f"values has {len(values)} numbers; allowed: {len(x)}, one a point"
        raise _checks.InputError(msg)
    shares = _checks.shares("weights", np.full(len(x), 1 / len(x)) if weights is None else weights, len(x))
    _checks.integer("top", top, 0)
    modes = sum(space.multiplicity(k) for k in range(top + 1))
    if modes > len(x):
        warnings.warn(f"top={top} has {modes} modes, more than {len(x)} points resolve: aliasing", stacklevel=2)
    rows = max(1, CHUNK // (len(x) * (top + 1)))
    energy = np.zeros(top + 1)
    for i in range(0, len(x), rows):
        part = slice(i, i + rows)
        energy += project(space, x, shares, values, top, at=x[part]) @ (shares * values)[part]
    return energy
