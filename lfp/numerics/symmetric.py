"""Functions of a symmetric matrix from its eigenpairs, with their derivatives.

The derivative of f(A) along dA is V (F o V^T dA V) V^T with the divided differences F_ij = f[L_i, L_j] (Daleckii and
Krein 1951): it exists where rates repeat, while that of the eigenvectors does not.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lfp.numerics.krylov import Family


@jax.custom_jvp
def eigenpairs(matrix: Float[Array, "n n"]) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Rates, increasing, and eigenvectors; derivatives do not turn vectors within a rate that repeats."""
    rates, vectors = jnp.linalg.eigh(matrix)
    return rates, vectors


@eigenpairs.defjvp
def _eigenpairs_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    rates, vectors = eigenpairs(*primals)
    inner = vectors.T @ (tangents[0] + tangents[0].T) @ vectors / 2
    gap = rates[None, :] - rates[:, None]
    same = jnp.abs(gap) <= len(rates) * jnp.finfo(rates.dtype).eps * jnp.max(jnp.abs(rates))
    turn = jnp.where(same, 0.0, inner / jnp.where(same, 1.0, gap))
    return (rates, vectors), (jnp.diagonal(inner), vectors @ turn)


@eqx.filter_custom_jvp
def apply_family(
    matrix: Float[Array, "n n"],
    rates: Float[Array, " n"],
    vectors: Float[Array, "n n"],
    vector: Float[Array, " n"],
    family: Family,
) -> Float[Array, "t n"]:
    """f_t(A) v = V f_t(rates) V^T v, with first derivatives in A, v and the family, also where rates repeat.

    Second derivatives are right where no rate repeats, and NaN where one does.

    Args:
        matrix: A, symmetric; it serves derivatives alone.
        rates: its eigenvalues; what rounding made negative may be 0.
        vectors: its eigenvectors.
        vector: v.
        family: rates (k,) -> (t, k).
    """
    del matrix
    return (family(rates) * (vectors.T @ vector)[None, :]) @ vectors.T


@apply_family.def_jvp
def _apply_family_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    (_, rates, vectors, vector, family), (of_matrix, _, _, of_vector, of_family) = primals, tangents
    rates, vectors = _differentiated_once(rates, vectors)
    gains, along = family(rates), vectors.T @ vector
    moved = jnp.zeros_like(gains)
    if of_vector is not None:
        moved = moved + gains * (vectors.T @ of_vector)[None, :]
    if any(leaf is not None for leaf in jax.tree.leaves(of_family)):
        moved = moved + eqx.filter_jvp(lambda law: law(rates), (family,), (of_family,))[1] * along[None, :]
    if of_matrix is not None:
        inner = vectors.T @ (of_matrix + of_matrix.T) @ vectors / 2
        moved = moved + _moved(family, rates, inner, along)
    return (gains * along[None, :]) @ vectors.T, moved @ vectors.T


@jax.custom_jvp
def _differentiated_once(rates: Array, vectors: Array) -> tuple[Array, Array]:
    return rates, vectors


@_differentiated_once.defjvp
def _not_twice(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The derivatives of eigenpairs do not hold what turns within a rate that repeats."""
    rates, vectors = primals
    gap = jnp.abs(jnp.diff(jnp.sort(rates)))
    repeats = jnp.any(gap <= len(rates) * jnp.finfo(rates.dtype).eps * jnp.max(jnp.abs(rates)))
    unknown = jnp.where(repeats, jnp.nan, 1.0).astype(rates.dtype)
    return (rates, vectors), (unknown * tangents[0], unknown * tangents[1])


def _moved(family: Family, rates: Array, inner: Array, along: Array) -> Array:
    """Rows sum_j F_ij E_ij c_j, a column of F at a time."""

    @jax.checkpoint  # in reverse a column of F is worked out again, not kept
    def column(total: Array, j: Array) -> tuple[Array, None]:
        return total + divided(family, rates, rates[j]) * (inner[:, j] * along[j])[None, :], None

    start = jnp.zeros_like(family(rates))
    return jax.lax.scan(column, start, jnp.arange(len(rates)))[0]


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
