"""Penalties on the spectrum of any model, to be added to any loss: sparse Walsh-Hadamard spectra by hashing."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lfp import _checks
from lfp.networks.network import Params
from lfp.numerics.fourier import walsh_hadamard

LARGEST_HASH = 20


class HashWH(eqx.Module):
    """strength * sum_c |U_c|: the l1 norm of the Walsh spectrum of f on {0, 1}^dim, hashed into 2^bits buckets.

    With sigma in {0, 1}^(bits x dim) drawn anew at every step, f at the 2^bits points t sigma mod 2 has the transform

        U_c = 2^-bits sum_t (-1)^(c.t) f(t sigma) = sum over sigma S = c (mod 2) of F_S

    (Gorji, Amrollahi and Krause 2023, arXiv 2305.09779): as many evaluations as buckets, whatever 2^dim is.

    Args:
        apply: f(params, x), x of shape (points, dim) -> (points,).
        dim: number of bits of the input.
        bits: log2 of the number of buckets.
        strength: lambda.
        levels: what the model sees for the bits 0 and 1.
        chunk: points that the model sees at a time; their gradients are worked out again, not kept.

    Raises:
        InputError: sizes that are no whole numbers or too large, a negative strength.

    Example:
        >>> parity = lambda p, x: p * jnp.prod(1 - 2 * x, axis=1)
        >>> penalty = HashWH(parity, dim=50, bits=3, strength=0.5)
        >>> float(jax.jit(jax.value_and_grad(penalty, argnums=1))(jax.random.key(0), 2.0)[1])
        0.5
    """

    apply: Callable[[Any, Array], Array] = eqx.field(static=True)
    dim: int = eqx.field(static=True)
    bits: int = eqx.field(static=True, default=7)
    strength: float | Float[Array, ""] = 1.0
    levels: tuple[float, float] = eqx.field(static=True, default=(0.0, 1.0))
    chunk: int = eqx.field(static=True, default=1024)

    def __check_init__(self) -> None:
        for name in ("dim", "bits", "chunk"):
            _checks.integer(name, getattr(self, name), 1)
        if self.bits > LARGEST_HASH:
            msg = f"bits={self.bits} makes 2^{self.bits} points a step; allowed: 1 to {LARGEST_HASH}"
            raise _checks.InputError(msg)
        _checks.unless_traced(_checks.nonnegative, "strength", self.strength)

    def __call__(self, key: PRNGKeyArray, params: Params) -> Float[Array, ""]:
        """The penalty for the hash of this key: differentiable in the parameters, for any optimiser."""
        return self.strength * jnp.sum(jnp.abs(self.buckets(params, self.hash(key))))

    def hash(self, key: PRNGKeyArray) -> Int[Array, "bits dim"]:
        """sigma, its entries independent and fair."""
        return jax.random.bernoulli(key, shape=(self.bits, self.dim)).astype(jnp.int32)

    def buckets(self, params: Params, sigma: Int[Array, "bits dim"]) -> Float[Array, " buckets"]:
        """U_c; bit j of an index is bit j of c."""
        counts = np.arange(2**self.bits)[:, None] >> np.arange(self.bits)
        inputs = (jnp.asarray(counts & 1, jnp.int32) @ sigma) % 2
        dtype = jnp.result_type(float, *jax.tree.leaves(params))
        low, high = (jnp.asarray(level, dtype) for level in self.levels)

        @jax.checkpoint
        def at(block: Array) -> Array:
            values = jnp.asarray(self.apply(params, jnp.where(block == 1, high, low)))
            if values.shape != block.shape[:1]:
                msg = f"apply returned shape {values.shape} for {len(block)} points; allowed: {block.shape[:1]}"
                raise _checks.InputError(msg)
            return values

        size = min(self.chunk, len(inputs))
        padded = jnp.pad(inputs, ((0, -len(inputs) % size), (0, 0))).reshape(-1, size, self.dim)
        values = jax.lax.map(at, padded).ravel()[: len(inputs)]
        return walsh_hadamard(values) / len(inputs)
