"""Quadrature and interpolation on self-similar panels: the same relative resolution at every scale.

The profiles of an activation change on the scale 1 / |w|, which is not known when the nodes are laid. Panels that
halve towards zero resolve it wherever it is: a singularity at distance delta from the origin lies outside the
ellipse rho = 3 + sqrt(8) of every panel except the first, so that order 24 leaves 5.8^-24 = 4e-19 of it.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

ORDER = 24
PANELS = 12
PIECES = 8
"""Pieces of a table that stands in for a smooth function at many points."""


def gauss_legendre(
    breaks: Float[np.ndarray, "*rows p"], order: int = ORDER
) -> tuple[Float[np.ndarray, "*rows q"], Float[np.ndarray, "*rows q"]]:
    """Nodes and weights of the composite Gauss-Legendre rule between the breaks (last axis)."""
    x, w = np.polynomial.legendre.leggauss(order)
    half, middle = np.diff(breaks)[..., None] / 2, ((breaks[..., 1:] + breaks[..., :-1]) / 2)[..., None]
    shape = (*breaks.shape[:-1], -1)
    return (middle + half * x).reshape(shape), (half * w).reshape(shape)


def graded(panels: int = PANELS) -> Float[np.ndarray, " p"]:
    """Breaks 0, 2^(1-panels), ..., 1/2, 1 of [0, 1]."""
    return np.concatenate([[0.0], 0.5 ** np.arange(panels - 1, -1, -1)])


def against(
    log_density: Callable[[np.ndarray], np.ndarray], breaks: Float[np.ndarray, " p"]
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"]]:
    """Gauss-Legendre between the breaks against a density that need not be normalised: the weights sum to 1."""
    nodes, weights = gauss_legendre(breaks)
    logs = log_density(nodes)
    weights = weights * np.exp(logs - logs.max())
    return nodes, weights / weights.sum()


class Table(eqx.Module):
    """A piecewise Chebyshev interpolant of k functions; the first and last piece also serve outside their ends.

    Args:
        breaks: ends of the pieces, rising.
        coefficients: Chebyshev coefficients of every function on every piece.
    """

    breaks: Float[Array, " p"]
    coefficients: Float[Array, "order k q"]

    @classmethod
    def of(cls, functions: Callable[[Float[Array, " m"]], Float[Array, "k m"]], breaks: Float[Array, " p"]) -> "Table":
        """Interpolate `functions` at the Chebyshev points of every piece."""
        angles = np.pi * (np.arange(ORDER) + 0.5) / ORDER
        points = jnp.asarray(np.cos(angles), breaks.dtype)
        analysis = 2 / ORDER * np.cos(np.outer(np.arange(ORDER), angles))
        analysis[0] /= 2
        half, middle = jnp.diff(breaks) / 2, (breaks[1:] + breaks[:-1]) / 2
        values = functions((middle[:, None] + half[:, None] * points[None, :]).ravel())
        values = values.reshape(len(values), len(half), ORDER)
        return cls(breaks, jnp.einsum("jm,kpm->jkp", jnp.asarray(analysis, values.dtype), values))

    @eqx.filter_jit
    def __call__(self, u: Float[Array, "..."]) -> Float[Array, "k ..."]:
        """The k functions at u, by Clenshaw's recurrence."""
        piece = jnp.clip(jnp.searchsorted(self.breaks, u, side="right") - 1, 0, len(self.breaks) - 2)
        low, high = self.breaks[piece], self.breaks[piece + 1]
        x = (2 * u - low - high) / (high - low)
        one = jnp.zeros((self.coefficients.shape[1], *u.shape), u.dtype)
        two = one
        for row in self.coefficients[:0:-1]:
            one, two = 2 * x[None] * one - two + row[:, piece], one
        return x[None] * one - two + self.coefficients[0][:, piece]


def by_table(
    functions: Callable[[Float[Array, " m"]], Float[Array, "k m"]], u: Float[Array, " n"], top: float
) -> Float[Array, "k n"]:
    """k dear functions at many u in [0, top]: from a table, where the last coefficients of all its pieces are rounding.

    Where they are not, or the points are few, the functions themselves.
    """
    if u.size > 2 * PIECES * ORDER:
        table = Table.of(functions, jnp.linspace(0.0, top, PIECES + 1, dtype=u.dtype))
        size = jnp.abs(table.coefficients).max(axis=(0, 2), keepdims=True)
        tolerance = max(1e-13, 64 * float(jnp.finfo(u.dtype).eps))
        if jnp.all(jnp.abs(table.coefficients[-2:]) <= tolerance * size):
            return table(u)
    return functions(u)


@jax.jit
def distances(x1: Float[Array, "n dim"], x2: Float[Array, "m dim"]) -> Float[Array, "n m"]:
    """|x1 - x2| by differences, one coordinate at a time; its derivative at coinciding points is 0."""

    def add(total: Array, column: tuple[Array, Array]) -> tuple[Array, None]:
        return total + (column[0][:, None] - column[1][None, :]) ** 2, None

    square = jax.lax.scan(add, jnp.zeros((len(x1), len(x2)), x1.dtype), (x1.T, x2.T))[0]
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)


def accumulate(
    function: Callable[[Array], Array], nodes: Float[Array, "q ..."], weights: Float[Array, " q"]
) -> Float[Array, "*shape"]:
    """sum_q weights_q function(nodes_q), one node after the other: memory of one term."""

    def add(total: Array, term: tuple[Array, Array]) -> tuple[Array, None]:
        return total + term[1] * function(term[0]), None

    shape = jax.eval_shape(function, nodes[0])
    return jax.lax.scan(add, jnp.zeros(shape.shape, shape.dtype), (nodes, weights))[0]
