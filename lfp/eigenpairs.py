"""The largest eigenpairs of a symmetric matrix that is known by its products with blocks of vectors.

Block Krylov with full re-orthogonalisation: every pass over the matrix serves all vectors of a block, which is what
counts where the entries are computed anew in every pass. All projections Q_i^T A Q_j are kept, not only those that
symmetry leaves: they give the true residual of a pair, and show a product that is not symmetric.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks

BlockProduct = Callable[[Float[Array, "n b"]], Float[Array, "n b"]]


class Pairs(eqx.Module):
    """The largest eigenpairs, and what they took.

    Args:
        rates: eigenvalues, decreasing.
        vectors: orthonormal eigenvectors, one a column.
        residuals: |A q - L q| of every pair: an eigenvalue lies within it.
        passes: block products taken.
    """

    rates: Float[Array, " k"]
    vectors: Float[Array, "n k"]
    residuals: Float[Array, " k"]
    passes: int = eqx.field(static=True)


def largest_pairs(
    block_product: BlockProduct,
    n: int,
    count: int,
    key: PRNGKeyArray,
    tolerance: float = 1e-6,
    *,
    block: int | None = None,
    max_passes: int = 32,
    dtype: Any = float,
) -> Pairs:
    """The `count` largest eigenpairs of a symmetric A, from random vectors on.

    A Q = Q H + Q_next B, Rayleigh and Ritz in Q (Golub and Underwood 1977): with (H + H^T)/2 y = L y the pair (L, Q y)
    has |A q - L q|^2 = |H y - L y|^2 + |B y_last|^2. A block finds at most as many copies of a repeated eigenvalue as it
    has vectors, hence at least `count`.

    Args:
        block_product: V -> A V; not traced, so that it may be anything.
        n: rows of A.
        count: how many pairs.
        key: for the first block.
        tolerance: stop when every residual is at most this times the largest eigenvalue in modulus.
        block: vectors a pass; None takes 40 more than `count`, or three times `count` where that is less.
        max_passes: most products; memory is n x block numbers a pass.
        dtype: of the vectors.

    Returns:
        The pairs.

    Raises:
        InputError: count above n, a block below count, a product that is not symmetric or not finite, a tolerance that
            is not met.

    Example:
        >>> a = jnp.arange(1.0, 101.0)[:, None]
        >>> largest_pairs(lambda v: a * v, 100, 3, jax.random.key(0)).rates.round(3).tolist()
        [100.0, 99.0, 98.0]
    """
    if _checks.integer("count", count, 1) > n:
        msg = f"count={count} pairs of {n} rows; allowed: 1 to {n}"
        raise _checks.InputError(msg)
    _checks.positive("tolerance", tolerance)
    _checks.integer("max_passes", max_passes, 1)
    width = min(n, count + min(2 * count, 40) if block is None else _checks.integer("block", block, count))
    basis = [jnp.linalg.qr(jax.random.normal(key, (n, width), dtype))[0]]
    live = np.full(width, True)  # columns of the basis that are no zeros
    h = np.zeros((width, 0))
    for passes in range(1, max_passes + 1):
        product = jnp.asarray(block_product(basis[-1]))
        if product.shape != (n, width):
            msg = f"block_product returned shape {product.shape}; allowed: {(n, width)}, that of its argument"
            raise _checks.InputError(msg)
        last, column, alive = _extend(basis, product)
        _checks.finite("block_product", column)
        h = np.hstack([np.vstack([h, np.zeros((len(column) - len(h), h.shape[1]))]), column])
        rates, y, residuals, top = _ritz(h, live)
        if len(rates) >= count and (residuals[:count] <= tolerance * top).all():
            return Pairs(
                jnp.asarray(rates[:count], dtype),
                _combine(basis, y[:, :count]),
                jnp.asarray(residuals[:count], dtype),
                passes,
            )
        basis.append(last)
        live = np.concatenate([live, alive])
    worst = residuals[:count].max() / top
    msg = (
        f"tolerance={tolerance} is not met in max_passes={max_passes}: a residual is {worst:.1e} of the largest "
        f"eigenvalue; allowed: more passes, block above {width}, or a tolerance above the rounding of the product"
    )
    raise _checks.InputError(msg)


def _extend(basis: list[Array], product: Array) -> tuple[Array, np.ndarray, np.ndarray]:
    """The next block, the next columns of [H; B], and which vectors of the block are no zeros."""
    parts = []
    for old in basis:
        part, product = _clean(old, product)
        parts.append(part)
    new, size, turn = _orthonormal(product)
    # what is below rounding is noise: the space is complete in that direction
    largest = max(float(jnp.linalg.norm(part)) for part in parts)
    alive = np.asarray(size) > 4 * float(jnp.finfo(product.dtype).eps) * largest
    frame = np.where(alive[:, None], np.asarray(size)[:, None] * np.asarray(turn), 0)
    # small directions have grown when they were normalised, and what was left of the old blocks in them with them
    for i, old in enumerate(basis):
        part, new = _clean(old, new)
        parts[i] = np.asarray(parts[i]) + np.asarray(part) @ frame
    new, r = jnp.linalg.qr(jnp.where(alive[None, :], new, 0))
    column = np.vstack([*map(np.asarray, parts), np.asarray(r) @ frame])
    return jnp.where(alive[None, :], new, 0), column.astype(np.float64), alive


@jax.jit
def _clean(old: Array, new: Array) -> tuple[Array, Array]:
    part = jnp.matmul(old.T, new, precision="highest")
    return part, new - jnp.matmul(old, part, precision="highest")


@jax.jit
def _orthonormal(v: Array) -> tuple[Array, Array, Array]:
    """Singular value decomposition of a tall matrix."""
    q, r = jnp.linalg.qr(v)
    u, size, turn = jnp.linalg.svd(r)
    return jnp.matmul(q, u, precision="highest"), size, turn


def _ritz(h: np.ndarray, live: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Rates, decreasing, their coordinates and residuals, and the largest rate in modulus, from [H; B]."""
    square = h[: h.shape[1]]
    top = float(np.abs(np.linalg.norm(square, 2)))
    skew = float(np.abs(square - square.T).max())
    # 1e-4 passes the rounding of a float32 kernel, and no product that is not symmetric
    if skew > 1e-4 * top:
        msg = f"block_product is not symmetric: |A - A^T| reaches {skew:.1e} of {top:.1e} between its vectors"
        raise _checks.InputError(msg)
    rates, small = np.linalg.eigh((square + square.T)[np.ix_(live, live)] / 2)
    rates, small = rates[::-1], small[:, ::-1]
    y = np.zeros((len(live), len(rates)))
    y[live] = small
    off = h @ y
    off[: len(y)] -= rates * y
    return rates, y, np.linalg.norm(off, axis=0), top


def _combine(basis: list[Array], y: np.ndarray) -> Array:
    """Q y, a block at a time."""
    width = basis[0].shape[1]
    parts = (jnp.asarray(y[i * width : (i + 1) * width], q.dtype) for i, q in enumerate(basis))
    return sum(
        (jnp.matmul(q, part, precision="highest") for q, part in zip(basis, parts, strict=True)),
        start=jnp.zeros((len(basis[0]), y.shape[1]), basis[0].dtype),
    )
