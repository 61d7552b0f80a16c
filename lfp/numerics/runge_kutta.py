"""Ordinary differential equations by the pair of Dormand and Prince (1980), orders 5 and 4, in adaptive steps."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

Field = Callable[[PyTree], PyTree]
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""Weights of order 5 less those of order 4."""


def integrate(
    field: Field,
    start: PyTree,
    span: Float[Array, ""],
    step: Float[Array, ""],
    tolerance: float,
    shortest: float | Float[Array, ""] = 0.0,
) -> tuple[PyTree, Float[Array, ""]]:
    """The solution of y' = field(y) after a span of time, and the step that it would take next.

    A step is taken where the root mean square of its local error is at most tolerance (1 + |y|), else it is repeated;
    the next one is as long as its error allows. Steps are no functions of what JAX differentiates.

    Args:
        field: y -> y', of the same form.
        start: y at the beginning, a pytree of floats.
        span: how long.
        step: the first step to try.
        tolerance: of one step.
        shortest: a step as short as this is taken whatever its error: where a field jumps, a solution may slide along
            the jump, and its error falls no faster than the step.

    Example:
        >>> y, _ = integrate(lambda y: -y, jnp.ones(1), jnp.asarray(1.0), jnp.asarray(0.1), 1e-6)
        >>> round(float(y[0]), 4)
        0.3679
    """
    flat, unravel = ravel_pytree(start)

    def slope(y: Array) -> Array:
        return ravel_pytree(field(unravel(y)))[0]

    def tried(y: Array, first: Array, h: Array) -> tuple[Array, Array, Array]:
        slopes = [first]
        for weights in _STAGES:
            slopes.append(slope(y + h * _sum(weights, slopes)))
        after = y + h * _sum(_STAGES[-1], slopes[:-1])  # the last stage stands where the step ends
        error = h * _sum(_ERROR, slopes) / (tolerance * (1 + jnp.maximum(jnp.abs(y), jnp.abs(after))))
        return after, slopes[-1], jax.lax.stop_gradient(jnp.sqrt(jnp.mean(error**2)))

    def one(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        y, first, left, h = carry
        taken = jnp.minimum(h, left)
        after, last, error = tried(y, first, taken)
        good = (error <= 1) | ((taken <= shortest) & jnp.isfinite(error))
        factor = jnp.clip(0.9 * jnp.maximum(error, 1e-10) ** -0.2, 0.2, 5.0)
        grown = taken * jnp.where(jnp.isfinite(error), factor, 0.2)
        h = jnp.where(good & (taken < h), jnp.maximum(h, grown), grown)  # cut short by the end of the span
        h = jnp.maximum(h, shortest)
        return jnp.where(good, after, y), jnp.where(good, last, first), jnp.where(good, left - taken, left), h

    def more(carry: tuple[Array, ...]) -> Array:
        _, _, left, h = carry
        return (left > 0) & (h > 1e-12 * span)

    begin = (flat, slope(flat), jax.lax.stop_gradient(span), jax.lax.stop_gradient(step))
    y, _, left, h = jax.lax.while_loop(more, one, begin)
    return unravel(jnp.where(left > 0, jnp.nan, y)), h


def _sum(weights: Any, slopes: list[Array]) -> Array:
    return sum(w * k for w, k in zip(weights, slopes, strict=True) if w)  # type: ignore[return-value]
