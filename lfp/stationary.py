"""The limit of training at t = infinity: the interpolant of least FP-norm."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lfp.products import Dense, Product
from lfp.spectra import refuse_dense


def limit(product: Product, y: Float[Array, " n"], basis: Float[Array, "n k"]) -> tuple[Array, ...]:
    """(residual, coefficients, polynomial, norm, error, products) of the limit, one row each; any weights share it.

    With a null space the saddle-point system [K P; P^T 0] [v; beta] = [y; 0]; without one the least norm, v = K^+ y.

    Args:
        product: of the kernel at the points.
        y: h(x) - h_0(x) wanted there.
        basis: of the null space; no columns where there is none.

    Raises:
        InputError: more points than a dense solve takes.

    Example:
        >>> out = limit(Dense(jnp.array([[2.0, 1.0], [1.0, 2.0]])), jnp.ones(2), jnp.zeros((2, 0)))
        >>> out[1].round(6).tolist()
        [[0.333333, 0.333333]]
    """
    refuse_dense(len(y))
    return _dense(product, y, basis)


@eqx.filter_jit
def _dense(product: Product, y: Array, basis: Array) -> tuple[Array, ...]:
    n, k = basis.shape
    gram = product.matrix if isinstance(product, Dense) else jax.lax.map(product, jnp.eye(n, dtype=y.dtype))
    gram = (gram + gram.T) / 2
    if k:
        saddle = jnp.block([[gram, basis], [basis.T, jnp.zeros((k, k), y.dtype)]])
        solution = jnp.linalg.solve(saddle, jnp.concatenate([y, jnp.zeros(k, y.dtype)]))
        v, beta = solution[:n], solution[n:]
    else:
        rates, vectors = jnp.linalg.eigh(gram)
        floor = n * jnp.finfo(y.dtype).eps * rates.max()
        v = vectors @ (jnp.where(rates > floor, 1 / jnp.where(rates > floor, rates, 1.0), 0.0) * (vectors.T @ y))
        beta = jnp.zeros(0, y.dtype)
    norm = jnp.sqrt(jnp.maximum(v @ gram @ v, 0.0))
    rows = (gram @ v + basis @ beta - y, v, beta, norm, jnp.zeros((), y.dtype), jnp.asarray(n))
    return tuple(row[None] for row in rows)
