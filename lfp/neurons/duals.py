"""E[sigma(u) sigma(v)] and E[sigma'(u) sigma'(v)] in closed form, u and v Gaussian: one layer of a kernel recursion.

Variances q1, q2 and covariance c. Each is smooth also where u = v, with all derivatives.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Pair = tuple[Float[Array, "*shape"], Float[Array, "*shape"]]
Dual = Callable[[Array, Array, Array], Pair]
"""(c, q1, q2), which broadcast -> both averages."""


def erf(c: Array, q1: Array, q2: Array) -> Pair:
    """2/pi arcsin(2c / sqrt((1 + 2 q1) (1 + 2 q2))) and its derivative by c (Williams 1997)."""
    root = jnp.sqrt(_determinant(0.5, c, q1, q2))
    return 2 / np.pi * jnp.arctan2(c, root), 2 / np.pi / root


def gelu(c: Array, q1: Array, q2: Array) -> Pair:
    """Of z Phi(z) (Tsuchida et al. 2021)."""
    square = _determinant(1.0, c, q1, q2)
    root, both = jnp.sqrt(square), square + c**2  # both = (1 + q1) (1 + q2)
    angle = jnp.arctan2(c, root)
    value = c / 4 + (c * angle + (c**2 + q1 * q2 * square) / (both * root)) / (2 * np.pi)
    slope = 1 / 4 + (angle + c / root * (1 / square + (1 - q1 * q2) / both + 1)) / (2 * np.pi)
    return value, slope


def sin(c: Array, q1: Array, q2: Array) -> Pair:
    """exp(-(q1 + q2) / 2) times sinh(c) and cosh(c)."""
    mean = (q1 + q2) / 2
    plus, minus = jnp.exp(c - mean), jnp.exp(-c - mean)
    return (plus - minus) / 2, (plus + minus) / 2


def gaussian(c: Array, q1: Array, q2: Array) -> Pair:
    """D^(-1/2) and c D^(-3/2) of exp(-z^2 / 2), D = (1 + q1) (1 + q2) - c^2."""
    square = _determinant(1.0, c, q1, q2)
    root = jnp.sqrt(square)
    return 1 / root, c / (square * root)


def _determinant(more: float, c: Array, q1: Array, q2: Array) -> Array:
    """(more + q1) (more + q2) - c^2, in which q1 q2 - c^2 is 0 where u = v; NaN where it is beyond the floats."""
    gap = q1 * (q2 - c * (c / jnp.where(q1 > 0, q1, 1)))
    square = more**2 + more * (q1 + q2) + jnp.where(gap < 0, 0, gap)
    return jnp.where(jnp.isfinite(square), square, jnp.nan)
