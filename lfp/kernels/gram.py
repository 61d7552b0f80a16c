"""Gram matrices of gradients that are known by their factors, in tiles of bounded memory."""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lfp.kernels.program import Pair

CHUNK_BYTES = 2**26
"""Memory for gradients that are formed from their factors."""

Factors = tuple[list[Pair], list[Array]]
"""Of many points: the factors of some gradients, and others that are formed."""


def tiled(
    factors: Callable[[Array], Factors], x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None, block: int
) -> Float[Array, "n m"]:
    """Gram matrix of gradients, in tiles of so many points; None stands for x1, and the upper triangle is of no use."""
    both = (x1, x1 if x2 is None else x2)
    counts = [-(-len(x) // block) for x in both]
    if counts == [1, 1]:
        left = factors(x1)
        return contracted(left, left if x2 is None else factors(both[1]))
    sizes = [-(-len(x) // count) for x, count in zip(both, counts, strict=True)]  # tiles of one size
    rows, columns = (
        jnp.pad(x, ((0, count * size - len(x)), (0, 0)), mode="edge").reshape(count, size, -1)
        for x, count, size in zip(both, counts, sizes, strict=True)
    )
    places = [(i, j) for i, j in itertools.product(*map(range, counts)) if x2 is not None or i >= j]

    def step(matrix: Array, place: Array) -> tuple[Array, None]:
        i, j = place
        tile = contracted(factors(rows[i]), factors(columns[j]))
        return jax.lax.dynamic_update_slice(matrix, tile, (i * sizes[0], j * sizes[1])), None

    dtype = jax.tree.leaves(jax.eval_shape(factors, x1[:1]))[0].dtype
    start = jnp.zeros((counts[0] * sizes[0], counts[1] * sizes[1]), dtype)
    matrix, _ = jax.lax.scan(step, start, jnp.array(places, jnp.int32))
    return matrix[: len(x1), : len(both[1])]


@jax.jit
def mirrored(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """The lower triangle, copied: a mean of both is not symmetric to the last digit once XLA has fused it."""
    return jnp.tril(matrix) + jnp.tril(matrix, -1).T


def contracted(one: Factors, other: Factors) -> Float[Array, "n m"]:
    """Scalar products of all gradients of one set of points with all of another."""
    parts = [_of_pairs(a, b) for a, b in zip(one[0], other[0], strict=True)]
    parts += [_gram(a, b) for a, b in zip(one[1], other[1], strict=True)]
    return sum(parts[1:], parts[0])


def _gram(one: Float[Array, "n k"], other: Float[Array, "m k"]) -> Float[Array, "n m"]:
    if one.shape[1] == 1:
        return one * other[:, 0][None, :]
    return jnp.matmul(one, other.T, precision="highest")


def _of_pairs(one: Pair, other: Pair) -> Float[Array, "n m"]:
    """By Gram matrices of both factors for every two places, or by gradients, whichever is less work."""
    n, groups, places, left = one.left.shape
    m, right = len(other.right), one.right.shape[3]
    if groups == places == 1:
        return _gram(one.left[:, 0, 0], other.left[:, 0, 0]) * _gram(one.right[:, 0, 0], other.right[:, 0, 0])
    by_places = groups * places**2 * (left + right) * n * m
    by_gradients = groups * left * right * (n * m + (n + m) * places)
    return _by_places(one, other) if by_places < by_gradients else _by_gradients(one, other)


def _by_places(one: Pair, other: Pair) -> Float[Array, "n m"]:
    """sum_gss' (a_gs . a'_gs') (b_gs . b'_gs')."""
    groups, places = one.right.shape[1:3]
    triples = jnp.array(list(itertools.product(range(groups), range(places), range(places))), jnp.int32)

    def step(total: Array, triple: Array) -> tuple[Array, None]:
        g, s, t = triple
        left, right = (_gram(a[:, g, s], b[:, g, t]) for a, b in zip(one, other, strict=True))
        return total + left * right, None

    start = jnp.zeros((len(one.right), len(other.right)), one.right.dtype)
    return jax.lax.scan(step, start, triples)[0]


def _by_gradients(one: Pair, other: Pair) -> Float[Array, "n m"]:
    """sum_s a_s (x) b_s formed, so many columns at a time as memory allows."""
    groups, _, left = one.left.shape[1:]
    right, rows = one.right.shape[3], len(one.right) + len(other.right)
    chunk = int(np.clip(CHUNK_BYTES // (rows * groups * left * one.right.dtype.itemsize), 1, right))
    count = -(-right // chunk)

    def formed(a: Array, b: Array) -> Array:
        if min(a.shape[3], b.shape[3]) == 1:
            return jnp.sum(a[..., :, None] * b[..., None, :], axis=2).reshape(len(a), -1)
        return jnp.einsum("ngsi,ngsj->ngij", a, b, precision="highest").reshape(len(a), -1)

    if count == 1:
        return _gram(formed(*one), formed(*other))

    def step(total: Array, parts: tuple[Array, Array]) -> tuple[Array, None]:
        return total + _gram(formed(one.left, parts[0]), formed(other.left, parts[1])), None

    def cut(b: Array) -> Array:
        b = jnp.pad(b, ((0, 0), (0, 0), (0, 0), (0, count * chunk - right)))
        return jnp.moveaxis(b.reshape(*b.shape[:3], count, chunk), 3, 0)

    start = jnp.zeros((len(one.right), len(other.right)), one.right.dtype)
    return jax.lax.scan(step, start, (cut(one.right), cut(other.right)))[0]
