"""Conjugate gradients: the polynomial is made for the data."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.optimisers.law import Law
from lfp.optimisers.schedules import whole


class ConjugateGradient(Law):
    """Conjugate gradients on the loss of the linear model: of all p with p(0) = 1 the one with the least loss.

    p_s minimises sum_k |c_k|^2 p(L_k)^2 over polynomials of degree s (Hestenes and Stiefel 1952): it depends on
    data and spectrum. It ends when every mode of the target is learnt.

    Args:
        rates: rates on the data.
        power: |c_k|^2 of the target along each rate, `Spectrum.coefficients(y)`.

    Example:
        >>> law = ConjugateGradient(jnp.array([1.0, 3.0]), jnp.ones(2))
        >>> bool(jnp.allclose(law.factor(jnp.array([1.0, 3.0]), jnp.array([1]))[0], jnp.array([0.6, -0.2])))
        True
    """

    rates: Float[Array, " r"] | Float[np.ndarray, " r"]
    power: Float[Array, " r"] | Float[np.ndarray, " r"]
    lr: float = eqx.field(static=True, default=1.0)  # nominal: each step finds its own

    def __check_init__(self) -> None:
        for name in ("rates", "power"):
            _checks.concrete(name, getattr(self, name))

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - p_s(L)."""
        nodes = jnp.asarray(self.rates, rates.dtype)
        start = jnp.sqrt(nodes * jnp.asarray(self.power, rates.dtype))  # the gradient, in its own coordinates
        floor = (jnp.finfo(rates.dtype).eps ** 2) * (start @ start)

        def step(carry: tuple[Array, ...], i: Array) -> tuple[tuple[Array, ...], Array]:
            residual, search, basis, learned, polynomial = carry
            size = residual @ residual
            live = size > floor
            length = jnp.where(live, size / jnp.where(live, search @ (nodes * search), 1.0), 0.0)
            basis = basis.at[i].set(jnp.where(live, residual / jnp.sqrt(jnp.where(live, size, 1.0)), 0.0))
            after = residual - length * nodes * search
            for _ in range(2):  # against all residuals before: rounding would bring back what is learnt
                after = after - basis.T @ (basis @ after)
            ratio = jnp.where(live, (after @ after) / jnp.where(live, size, 1.0), 0.0)
            learned = learned + length * rates * polynomial
            polynomial = (1 - learned) + ratio * polynomial
            return (after, after + ratio * search, basis, learned, polynomial), learned

        count = len(nodes)
        zero, one = jnp.zeros_like(rates), jnp.ones_like(rates)
        begin = (start, start, jnp.zeros((count, count), rates.dtype), zero, one)
        rows = jax.lax.scan(step, begin, jnp.arange(count))[1]
        taken = jnp.minimum(whole(steps), count).astype(jnp.int32)
        return jnp.concatenate([zero[None, :], rows])[taken]

    def regularised(self, decay: float | Float[Array, ""]) -> Law:
        """Krylov spaces of J^T P J + decay: nodes L + decay, weights |c|^2 L / (L + decay), the gradient unchanged."""
        rates = jnp.asarray(self.rates)
        faster = rates + jnp.asarray(decay, rates.dtype)
        return ConjugateGradient(faster, jnp.asarray(self.power) * rates / jnp.where(faster > 0, faster, 1.0))

    def largest_stable_lr(self, largest_rate: float) -> float:  # noqa: ARG002 - each step finds its own length
        """Infinite: the loss never rises."""
        return float("inf")
