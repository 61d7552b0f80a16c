"""Probes that are a matrix on given points: coefficients along principal directions, and by degree."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Inexact, Int, Num, Shaped

from lfp import _checks
from lfp.domains.harmonics import Graded, functions_up_to, harmonics_of_degree, resolved_degree
from lfp.domains.problems import Problem
from lfp.measure.probes import Data, Probe
from lfp.numerics.fourier import LARGEST_CONDITION


class Projection(Probe):
    """A linear map of values at given points, worked out once.

    Args:
        points: the points.
        matrix: takes values to a number for every part, or to a vector.
        followed: a number for every part: mode, degree, rank.
        called: what the parts are called.
        places: frequency of every part, in cycles per unit of x; NaN where it has none.
        measures: resolution and condition number.
    """

    points: Float[np.ndarray, "n d"]
    matrix: Inexact[np.ndarray, "k *c n"]
    followed: Num[np.ndarray, " k"]
    called: Shaped[np.ndarray, " k"]
    places: Float[np.ndarray, " k"]
    measures: dict[str, float]

    def modes(self, problem: Data) -> Num[np.ndarray, " k"]:  # noqa: ARG002 - as those of every probe
        """The number of every part."""
        return self.followed

    def labels(self, problem: Data) -> Shaped[np.ndarray, " k"]:  # noqa: ARG002
        """What the parts are called."""
        return self.called

    def frequencies(self, problem: Data) -> Float[np.ndarray, " k"]:
        """Of every part; of a `Problem` in cycles per unit of its coordinate."""
        return self.places * (problem.domain.length / problem.domain.period if isinstance(problem, Problem) else 1.0)

    def parts(self, problem: Data, values: Float[np.ndarray, "s n"]) -> Inexact[np.ndarray, "s k *c"]:
        """The matrix times the values."""
        self.refuse(problem)
        return np.moveaxis(self.matrix @ values.T, -1, 0)

    def quality(self, problem: Data) -> dict[str, float]:
        """Resolution and condition number."""
        self.refuse(problem)
        return self.measures

    def refuse(self, problem: Data) -> None:
        """Refuse other points."""
        if problem.x.shape != self.points.shape or not np.allclose(problem.x, self.points, rtol=1e-6, atol=1e-9):
            msg = f"probe={self.name!r} is of other points, {self.points.shape}, than the data, {problem.x.shape}; "
            msg += "allowed: a probe of the data"
            raise _checks.InputError(msg)


class DirectionProbe(Projection):
    """Frequencies along the principal directions p of the points: c_pk of u = c_0 + sum c_pk exp(2 pi i k p.x / L_p).

    A weighted least-squares fit of all waves up to the highest k that is followed, along all directions at once. L_p is
    the range of the points along p and one mean gap more, as `Line.over` has it. Directions are those of weighted
    principal component analysis, that of the largest variance first.

    Args:
        data: points and weights.
        modes: k, in cycles per L_p; whole numbers above 0.
        directions: number of directions.

    Raises:
        InputError: modes that are no whole numbers above 0, directions along which the points do not vary, more waves
            than points, a fit whose condition number is above 1e8.

    Example:
        >>> from lfp import Points
        >>> x = np.random.default_rng(0).uniform(-1, 1, (50, 3)) * [1.0, 4.0, 0.5]
        >>> probe = DirectionProbe(Points(x, x[:, 1]), [1, 2])
        >>> probe.called.tolist(), probe.places.round(2).tolist()
        (['p1: 1', 'p1: 2'], [0.13, 0.26])
    """

    name: ClassVar[str] = "direction"

    def __init__(self, data: Data, modes: Sequence[int] | Int[np.ndarray, " k"], directions: int = 1) -> None:
        orders = _whole("modes", modes, 1)
        _checks.integer("directions", directions, 1)
        axes = principal_directions(data.x, data.weights, directions)
        top, n = int(orders.max()), len(data.x)
        count = 1 + 2 * top * directions
        if count > n:
            msg = f"modes={top} along {directions} direction(s) make {count} waves, more than {n} points tell apart; "
            msg += f"allowed: up to {(n - 1) // (2 * directions)}"
            raise _checks.InputError(msg)
        places = data.x @ axes.T
        seen = [len(np.unique(column)) for column in places.T]
        spans = np.ptp(places, axis=0) * np.array([count / max(count - 1, 1) for count in seen])
        turns = (places - places.min(axis=0)) / spans
        phases = [2 * np.pi * np.outer(column, np.arange(1, top + 1)) for column in turns.T]
        waves = [np.ones((n, 1)), *(part for phase in phases for part in (np.cos(phase), np.sin(phase)))]
        fit, condition = _fit("modes", top, waves, data.weights)
        # c = (a - i b) / 2 of a cos + b sin
        cosines, sines = fit[1:].reshape(directions, 2, top, n).swapaxes(0, 1)
        self.points, self.matrix = data.x, np.concatenate(((cosines - 1j * sines) / 2)[:, orders - 1])
        self.followed = np.tile(orders, directions)
        self.called = np.array([f"p{i + 1}: {k}" for i in range(directions) for k in orders])
        self.places = np.concatenate([orders / span for span in spans])
        self.measures = {"resolution": (min(seen) - 1) / 2, "condition": condition}


class DegreeProbe(Projection):
    """The part of each degree in a function on sphere, hypercube or torus: e = |P_k(y - f)| / |P_k y|.

    A weighted least-squares fit of all harmonics up to the highest degree that is followed. A part is the vector of its
    coefficients in an orthonormal basis, so that its squared length is its energy over the whole space.

    Args:
        space: `Sphere`, `Circle`, `Hypercube` or `Torus`, on which the degree of k is |k_1| + ... + |k_p|.
        data: points as the network sees them, and weights.
        degrees: that are followed, whole numbers.

    Raises:
        InputError: points off the space, degrees that it does not have, more harmonics than points, a fit whose
            condition number is above 1e8.

    Example:
        >>> from lfp import Hypercube, Points
        >>> cube = Hypercube(3)
        >>> x = cube.points()
        >>> data = Points(x, x.sum(axis=1) + x[:, 0] * x[:, 1])
        >>> probe = DegreeProbe(cube, data, [0, 1, 2])
        >>> (probe.parts(data, data.y[None])[0] ** 2).sum(axis=1).round(6).tolist()
        [0.0, 1.0, 0.111111]
    """

    name: ClassVar[str] = "degree"
    modal: ClassVar[bool] = False

    def __init__(self, space: Graded, data: Data, degrees: Sequence[int] | Int[np.ndarray, " k"]) -> None:
        orders = _whole("degrees", degrees, 0)
        top = int(orders.max())
        functions_up_to(space, top)
        bases = harmonics_of_degree(space, data.x, top)
        fit, condition = _fit("degrees", top, bases, data.weights)
        blocks = np.split(fit, np.cumsum([basis.shape[1] for basis in bases])[:-1])
        longest = max(len(blocks[k]) for k in orders)
        self.points = data.x
        self.matrix = np.stack([np.pad(blocks[k], ((0, longest - len(blocks[k])), (0, 0))) for k in orders])
        self.followed, self.called = orders, np.array([f"degree {k}" for k in orders])
        self.places = np.full(len(orders), np.nan)
        self.measures = {"resolution": float(resolved_degree(space, len(data.x))), "condition": condition}


def principal_directions(
    x: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " n"], count: int
) -> Float[np.ndarray, "count d"]:
    """Unit vectors along which weighted points vary most, one a row; the largest entry of each is positive.

    Raises:
        InputError: more directions than the points vary along, weights that are not positive.

    Example:
        >>> x = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 1.0], [2.0, -1.0]])
        >>> principal_directions(x, np.full(4, 0.25), 2).round(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    _checks.integer("count", count, 1)
    x = _checks.finite("x", np.asarray(x, np.float64))
    weights = _checks.weights("weights", weights, len(x))
    weights = weights / weights.sum()
    _, sizes, axes = np.linalg.svd(np.sqrt(weights)[:, None] * (x - weights @ x), full_matrices=False)
    rank = _rank(sizes)
    if count > rank:
        msg = f"directions={count} of {len(x)} points in R^{x.shape[1]}, which vary along {rank}; allowed: 1 to {rank}"
        raise _checks.InputError(msg)
    signs = np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1))
    return (axes * signs)[:count]


def principal_rank(x: Float[np.ndarray, "n d"]) -> int:
    """Number of directions along which points vary."""
    return _rank(np.linalg.svd(x - x.mean(axis=0), compute_uv=False))


def _rank(sizes: Float[np.ndarray, " k"]) -> int:
    return int(np.sum(sizes > 1e-10 * max(sizes[0], np.finfo(float).tiny)))


def _fit(
    name: str, top: int, functions: Sequence[Float[np.ndarray, "n _"]], weights: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "m n"], float]:
    """The matrix of the weighted least-squares fit of all functions, and its condition number."""
    root, basis = np.sqrt(weights), np.concatenate(functions, axis=1)
    singular = np.linalg.svd(root[:, None] * basis, compute_uv=False)
    condition = float(singular[0] / max(singular[-1], np.finfo(float).tiny))
    if condition > LARGEST_CONDITION:
        msg = f"{name}={top}: condition number {condition:.0e} of the points; allowed: {LARGEST_CONDITION:.0e}"
        raise _checks.InputError(msg)
    return np.linalg.pinv(root[:, None] * basis) * root, condition


def _whole(name: str, values: Any, least: int) -> Int[np.ndarray, " k"]:
    """Whole numbers from `least` on, each once."""
    orders = _checks.whole(name, values)
    if orders.ndim != 1 or not len(orders) or orders.min() < least or len(set(orders.tolist())) < len(orders):
        msg = f"{name}={orders.tolist()} must be whole numbers >= {least}, each once"
        raise _checks.InputError(msg)
    return orders
