"""Divided differences f[x, y] = (f(x) - f(y)) / (x - y): the derivatives of functions of symmetric matrices.

The derivative of f(A) along dA is V (F o V^T dA V) V^T, F_ij = f[L_i, L_j] (Daleckii and Krein 1951).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lfp.numerics.krylov import Family


def divided(family: Family, x: Float[Array, " k"], y: Float[Array, ""]) -> Float[Array, "t k"]:
    """f[x, y] of every member of a family, at rates x and a rate y; the slope halfway where x and y nearly coincide.

    Of a function that changes on the scale of its argument, the quotient of two rates a share h apart loses eps / h by
    rounding, and the slope is off by some h^2: the two meet at h = eps^(1/3), with an error of eps^(2/3).
    """
    gap, middle = x - y, (x + y) / 2
    near = jnp.abs(gap) <= jnp.finfo(x.dtype).eps ** (1 / 3) * jnp.abs(middle)
    slope = jax.jvp(family, (middle,), (jnp.ones_like(middle),))[1]
    quotient = (family(x) - family(y[None])) / jnp.where(near, 1.0, gap)[None, :]
    return jnp.where(near[None, :], slope, quotient)
