"""Problems: points and targets, on a domain with the modes to be followed, or on their own in any dimension."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Complex, Float, Int

from lfp import _checks
from lfp._files import write_whole
from lfp.domains.circle import Circle
from lfp.domains.domain import Domain
from lfp.numerics.fourier import analysis, harmonics, is_full_period_grid


class Problem(eqx.Module):
    """Data on a domain. Repeated points are merged: their mean, with their number as weight.

    Args:
        domain: `Circle()`, `Line()`.
        t: coordinates, increasing, no two the same.
        y: targets.
        modes: modes to be followed, in cycles per period.
        weights: share of the data at each point; they sum to 1.
        name: what it is called in files.
    """

    domain: Domain
    t: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    modes: Int[np.ndarray, " k"]
    weights: Float[np.ndarray, " n"]
    name: str = "data"

    @property
    def x(self) -> Float[np.ndarray, "n d"]:
        """The points as the network sees them."""
        return self.domain.embed(self.t)

    @property
    def turns(self) -> Float[np.ndarray, " n"]:
        """The points in periods, t / P."""
        return self.t / self.domain.period

    @property
    def frequencies(self) -> Float[np.ndarray, " k"]:
        """The modes in cycles per unit of t."""
        return self.modes / self.domain.period

    def to_csv(self, path: str | Path) -> None:
        """Write the points as columns x, y, as `lfp overlay --data` reads them."""
        rows = "".join(f"{t!r},{y!r}\n" for t, y in zip(self.t.tolist(), self.y.tolist(), strict=True))
        write_whole(path, f"x,y\n{rows}".encode())

    def coefficients(self) -> Complex[np.ndarray, " k"]:
        """c_k of the target."""
        return analysis(self.turns, self.modes, self.weights) @ self.y


class Points(eqx.Module):
    """Data in any dimension, without a domain: what training and the LFP equation need.

    Args:
        x: points.
        y: targets; a JAX array may be traced.
        weights: share of the data at each point, None for equal ones; of a loss of several terms their sum exceeds 1.

    Raises:
        InputError: values that are not finite or no real numbers, lengths that differ, weights that are not positive.

    Example:
        >>> Points(np.eye(2), np.ones(2)).weights.tolist()
        [0.5, 0.5]
    """

    x: Float[np.ndarray, "n d"]
    y: Float[Array | np.ndarray, " _n"]
    weights: Float[np.ndarray, " _n"]

    def __init__(self, x: Any, y: Any, weights: Any = None) -> None:
        self.x = np.asarray(_checks.real("x", x, 2))
        self.y = y if isinstance(y, Tracer) else _checks.real("y", y, 1)  # y alone may be traced
        count = len(self.x)
        if not self.x.size or self.y.shape != (count,):
            msg = f"x of shape {self.x.shape} and y of shape {self.y.shape} must be (n, d) and (n,), neither of them 0"
            raise _checks.InputError(msg)
        _checks.finite("x", self.x)
        _checks.concrete("y", self.y)
        given = np.full(count, 1 / count) if weights is None else _checks.real("weights", weights)
        _checks.weights("weights", given, count)
        self.weights = np.asarray(given)


def merge(
    x: Float[np.ndarray, "n d"],
    y: Float[Array | np.ndarray, " _n"],
    weights: Float[np.ndarray, " _n"] | None = None,
) -> Points:
    """`Points` from raw data: those that repeat stand once, where they first came, with their mean target.

    Args:
        x: points; not traced.
        y: targets; a JAX array may be traced.
        weights: share of the data at each point; None for equal ones.

    Raises:
        InputError: values that are not finite, lengths that differ.

    Example:
        >>> p = merge(np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]]), np.array([1.0, 5.0, 3.0]))
        >>> p.x.tolist(), p.y.tolist(), p.weights.round(3).tolist()
        ([[1.0, 0.0], [0.0, 2.0]], [2.0, 5.0], [0.667, 0.333])
    """
    x = np.asarray(_checks.real("x", x, 2))
    if not x.size:
        msg = f"x has shape {x.shape}; allowed: (points, dimension), neither of them 0"
        raise _checks.InputError(msg)
    y = y if isinstance(y, Array) else np.asarray(_checks.real("y", y), float)
    weights = np.full(len(x), 1 / max(len(x), 1), x.dtype) if weights is None else weights
    _checks.shares("weights", weights, len(x))
    points = Points(x, y, weights)
    y, weights = points.y, points.weights
    _, first, inverse = np.unique(x, axis=0, return_index=True, return_inverse=True)
    if len(first) == len(x):
        return points
    order = np.argsort(first)
    place = np.argsort(order)[inverse.ravel()]  # numpy 2.0 alone gives the inverse a second axis
    total = np.bincount(place, weights).astype(x.dtype)
    if isinstance(y, Array):
        mean = jnp.zeros(len(first), y.dtype).at[place].add(weights * y) / total
    else:
        mean = np.bincount(place, weights * y) / total
    return Points(x[first[order]], mean, total)


def problem(
    domain: Domain,
    t: Sequence[float] | Float[np.ndarray, " n"],
    y: Sequence[float] | Float[np.ndarray, " n"],
    modes: Sequence[int] | Int[np.ndarray, " k"],
    name: str = "data",
) -> Problem:
    """A problem from raw data: checked, sorted, repeated points merged with weights.

    Raises:
        InputError: values that are not finite, lengths that differ, points beyond one period, modes that the points do
            not resolve.

    Example:
        >>> from lfp import Line
        >>> p = problem(Line(), [0.5, -0.5, 0.5, 0.0], [1.0, 0.0, 3.0, 0.0], modes=[1])
        >>> p.t.tolist(), p.y.tolist(), p.weights.tolist()
        ([-0.5, 0.0, 0.5], [0.0, 0.0, 2.0], [0.25, 0.25, 0.5])
    """
    t, y = (np.asarray(_checks.real(name, v), np.float64) for name, v in (("x", t), ("y", y)))
    if t.shape != y.shape or t.ndim != 1:
        msg = f"x (t) of shape {t.shape} and y of shape {y.shape} must be two columns of one length"
        raise _checks.InputError(msg)
    _checks.finite("x", t)
    if len(t) and np.ptp(t) > domain.period * (1 + 1e-9):
        msg = f"x from {t.min():.6g} to {t.max():.6g} is beyond one period of the {domain.name}; allowed: "
        raise _checks.InputError(msg + domain.expected)
    t = one_turn(domain, t)
    order = np.argsort(t)
    points = merge(t[order, None], y[order])
    merged = Problem(domain, points.x[:, 0], np.asarray(points.y), _modes(modes), points.weights, name)
    merged.coefficients()  # refuses modes that the points do not resolve
    return merged


def one_turn(domain: Domain, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Angles of which those one turn beyond the first are the first: on a circle 0 and 360 degrees are one place.

    Example:
        >>> from lfp import Circle
        >>> one_turn(Circle(period=360.0), np.array([0.0, 90.0, 360.0])).tolist()
        [0.0, 90.0, 0.0]
    """
    if not isinstance(domain, Circle) or not len(t):
        return t
    return np.where(np.abs(t - t.min() - domain.period) <= 1e-9 * domain.period, t.min(), t)


def carrying_modes(problem: Problem, share: float = 0.95) -> tuple[Int[np.ndarray, " k"], float]:
    """The fewest modes that carry the target: they hold the share of the energy of all modes that the points resolve.

    The energy of mode k is 2 |c_k|^2; the mean, mode 0, is none of them. Of scattered points so many modes count as a
    well conditioned fit tells apart, of a grid all, 128 at most.

    Args:
        problem: the data; its own modes do not matter.
        share: of the energy.

    Returns:
        The modes, increasing, and their share of the variance of the target.

    Raises:
        InputError: a target that is constant, or points that tell no mode apart.

    Example:
        >>> from lfp import Circle
        >>> p = sum_of_modes(Circle(), 32, [1, 3, 7], [1.0, 0.1, 1.0])
        >>> carrying_modes(p)[0].tolist()
        [1, 7]
    """
    varying = problem.y - problem.weights @ problem.y
    variance = float(problem.weights @ varying**2)
    if variance <= 1e-24 * float(np.abs(problem.y).max()) ** 2:
        msg = f"y is {problem.y[0]:.6g} everywhere: no mode carries it; allowed: a target that varies"
        raise _checks.InputError(msg)
    count = len(problem.t)
    highest = min(128, (count - 1) // 2)
    if not is_full_period_grid(problem.turns):
        highest = min(highest, count // 4)
        while highest > 1 and _condition(problem, highest) > 10:
            highest //= 2
    if highest < 1:
        msg = f"{count} points tell no mode apart; allowed: at least 4"
        raise _checks.InputError(msg)
    modes = np.arange(1, highest + 1)
    energy = 2 * np.abs(analysis(problem.turns, modes, problem.weights) @ varying) ** 2
    order = np.argsort(-energy, kind="stable")
    enough = 1 + int(np.searchsorted(np.cumsum(energy[order]), share * energy.sum() * (1 - 1e-12)))
    chosen = np.sort(modes[order[:enough]])
    return chosen, min(1.0, float(energy[chosen - 1].sum()) / variance)


def _condition(problem: Problem, highest: int) -> float:
    """Of the fit of all modes up to the highest."""
    waves = harmonics(problem.turns, np.arange(-highest, highest + 1))
    return float(np.linalg.cond(np.sqrt(problem.weights)[:, None] * waves))


def sum_of_modes(
    domain: Domain, points: int, modes: Sequence[int], amplitudes: Sequence[float] | float = 1.0
) -> Problem:
    """y = sum_k A_k sin(2 pi k t / P) on an even grid.

    Args:
        domain: where.
        points: number of points, more than twice the highest mode.
        modes: non-negative whole numbers; mode 0 is the constant A_0.
        amplitudes: A_k, one for all or one each.

    Raises:
        InputError: as `problem`; amplitudes that do not match the modes.

    Example:
        >>> from lfp import Circle
        >>> sum_of_modes(Circle(), 8, [1, 2], [1.0, 0.5]).coefficients().round(12).imag.tolist()
        [-0.5, -0.25]
    """
    k = _modes(modes)
    heights = _checks.finite("amplitudes", np.asarray(_checks.real("amplitudes", amplitudes), np.float64))
    if heights.shape not in ((), (1,), (len(k),)):
        msg = f"amplitudes has {heights.size} values for {len(k)} modes; allowed: one, or one each"
        raise _checks.InputError(msg)
    _checks.integer("points", points, 2)
    if k.max() * 2 >= points:  # at n/2 the sine vanishes on the grid
        msg = f"points={points} is too few for modes={k.max()} (aliasing); allowed: at least {2 * k.max() + 1}"
        raise _checks.InputError(msg)
    t = domain.grid(points)
    phases = 2 * np.pi * np.multiply.outer(t / domain.period, k) + np.where(k == 0, np.pi / 2, 0.0)
    y = (np.sin(phases) * heights).sum(axis=1)
    return problem(domain, t, y, k, name="modes " + ",".join(map(str, k)))


def _modes(modes: Sequence[int] | Int[np.ndarray, " k"]) -> Int[np.ndarray, " k"]:
    """Modes as an increasing array of whole numbers."""
    array = np.asarray(modes)
    if array.ndim != 1 or not len(array) or (array != np.rint(array)).any() or (array < 0).any():
        msg = f"modes={np.asarray(modes).tolist()} must be a list of whole numbers >= 0"
        raise _checks.InputError(msg)
    if len(np.unique(array)) != len(array):
        msg = f"modes={array.tolist()} names a mode twice"
        raise _checks.InputError(msg)
    return np.asarray(array, int)
