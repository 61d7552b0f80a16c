"""The largest eigenpairs of a symmetric matrix that is known by its products with blocks of vectors.

Block Krylov with full re-orthogonalisation: every pass over the matrix serves all vectors of a block, which is what
counts where the entries are computed anew in every pass. All projections Q_i^T A Q_j are kept, not only those that
symmetry leaves: they give the true residual of a pair, and show a product that is not symmetric. The vectors are
numpy's, in float64: a few tall products beside those with A, and nothing to compile.
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
        lowest: an upper bound on the smallest eigenvalue.
        passes: block products taken.
    """

    rates: Float[Array, " k"]
    vectors: Float[Array, "n k"]
    residuals: Float[Array, " k"]
    lowest: Float[Array, ""]
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
    has |A q - L q|^2 = |H y - L y|^2 + |B y_last|^2. A block finds at most as many copies of a repeated eigenvalue as
    it has vectors, hence at least `count`.

    Args:
        block_product: V -> A V; not traced, so that it may be anything.
        n: rows of A.
        count: how many pairs.
        key: for the first block.
        tolerance: stop when every residual is at most this times the largest eigenvalue in modulus.
        block: vectors a pass; None takes 60 more than `count`, or four times `count` where that is less.
        max_passes: most products; memory is n x block numbers a pass.
        dtype: of the vectors.
    """
    if _checks.integer("count", count, 1) > n:
        msg = f"count={count} pairs of {n} rows; allowed: 1 to {n}"
        raise _checks.InputError(msg)
    _checks.positive("tolerance", tolerance)
    _checks.integer("max_passes", max_passes, 1)
    width = min(n, count + min(3 * count, 60) if block is None else _checks.integer("block", block, count))
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    basis = [np.linalg.qr(random.normal(size=(n, width)))[0]]
    live = np.full(width, True)  # columns of the basis that are no zeros
    h = np.zeros((width, 0))
    for passes in range(1, max_passes + 1):
        product = np.asarray(block_product(jnp.asarray(basis[-1], dtype)), np.float64)
        if product.shape != (n, width):
            msg = f"block_product returned shape {product.shape}; allowed: {(n, width)}, that of its argument"
            raise _checks.InputError(msg)
        _checks.finite("block_product", product)
        last, column, alive = _extend(basis, product, float(jnp.finfo(dtype).eps))
        h = np.hstack([np.pad(h, ((0, len(column) - len(h)), (0, 0))), column])
        rates, y, residuals, top = _ritz(h, live)
        if len(rates) >= count and (residuals[:count] <= tolerance * top).all():
            vectors = sum(q @ part for q, part in zip(basis, np.split(y[:, :count], passes), strict=True))
            parts = (rates[:count], vectors, residuals[:count], rates[-1])
            top, frame, off, lowest = (jnp.asarray(part, dtype) for part in parts)
            return Pairs(top, frame, off, lowest, passes)
        basis.append(last)
        live = np.concatenate([live, alive])
    worst = residuals[:count].max() / top
    msg = f"tolerance={tolerance} is not met in max_passes={max_passes}: a residual is {worst:.1e} of the largest "
    msg += f"eigenvalue; allowed: more passes, block above {width}, or a tolerance above the rounding of the product"
    raise _checks.InputError(msg)


def _extend(basis: list[np.ndarray], product: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The next block, the next columns of [H; B], and which vectors of the block are no zeros."""
    parts = []
    for old in basis:
        parts.append(old.T @ product)
        product = product - old @ parts[-1]
    q, r = np.linalg.qr(product)
    turn, size, frame = np.linalg.svd(r)
    # what is below rounding is noise: the space is complete in that direction
    alive = size > 4 * eps * max(np.linalg.norm(part) for part in parts)
    frame = np.where(alive[:, None], size[:, None] * frame, 0)
    new = np.where(alive, q @ turn, 0)
    # small directions have grown when they were normalised, and what was left of the old blocks in them with them
    for i, old in enumerate(basis):
        part = old.T @ new
        new = new - old @ part
        parts[i] = parts[i] + part @ frame
    new, r = np.linalg.qr(new)
    return np.where(alive, new, 0), np.vstack([*parts, r @ frame]), alive


def _ritz(h: np.ndarray, live: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Rates, decreasing, their coordinates and residuals, and the largest rate in modulus, from [H; B]."""
    square = h[: h.shape[1]]
    rates, small = np.linalg.eigh((square + square.T)[np.ix_(live, live)] / 2)
    rates, small = rates[::-1], small[:, ::-1]
    skew, top = float(np.abs(square - square.T).max()), float(np.abs(rates).max())
    # 1e-4 passes the rounding of a float32 kernel, and no product that is not symmetric
    if skew > 1e-4 * top:
        msg = f"block_product is not symmetric: |A - A^T| reaches {skew:.1e} of {top:.1e} between its vectors"
        raise _checks.InputError(msg)
    y = np.zeros((len(live), len(rates)))
    y[live] = small
    off = h @ y
    off[: len(y)] -= rates * y
    return rates, y, np.linalg.norm(off, axis=0), top
