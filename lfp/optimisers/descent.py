"""Gradient descent, and the gradient flow that it follows at small steps."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from lfp.optimisers.law import Law, Rates, Shape
from lfp.optimisers.schedules import scan


class GradientDescent(Law):
    """Plain gradient descent: p_s(L) = (1 - lr L)^s, stable for lr L < 2.

    Args:
        lr: learning rate, in flow time per step.

    Example:
        >>> law = GradientDescent(lr=0.5)
        >>> law.factor(jnp.array([1.0]), jnp.array([0.0, 1.0, 2.0])).ravel().tolist()
        [1.0, 0.5, 0.25]
    """

    lr: float | Float[Array, ""]
    descends = True
    takes_schedule = True

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """(1 - lr L)^s."""
        small, log, power = self._branches(rates, steps)
        return jnp.where(small, jnp.exp(log), power)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - (1 - lr L)^s."""
        small, log, power = self._branches(rates, steps)
        return jnp.where(small, -jnp.expm1(log), 1 - power)

    def learned_on(self, shape: Shape, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - prod (1 - lr_s L)."""
        return scan(self.lr * shape, rates, steps)

    def largest_stable_lr(self, largest_rate: float) -> float:
        """2 / L_max."""
        return 2 / largest_rate

    def flow(self) -> Law | None:
        """Gradient flow of the same learning rate."""
        return GradientFlow(self.lr)

    def transformation(self, alpha: float | Float[Array, ""], at: Rates | None = None) -> Any:
        """`optax.sgd`."""
        import optax

        return optax.sgd(self._rate(alpha**2, at))

    def _branches(self, rates: Array, steps: Array) -> tuple[Array, Array, Array]:
        """lr L < 1/2 by s log1p(-lr L), which keeps the digits of tiny rates; above by the power itself."""
        x = self.lr * rates[None, :]
        s = jnp.asarray(steps, rates.dtype)[:, None]
        small = (x < 0.5) | (s == 0)  # 0^0 = 1 has no derivative of its own
        tame = jnp.where(small, jnp.minimum(x, 0.5), 0.0)
        s = jnp.where(jnp.isinf(s) & (x <= 0), 0.0, s)  # at infinity too: nothing is ever learnt
        return small, s * jnp.log1p(-tame), jnp.where(small, 1.0, 1 - x) ** s


class GradientFlow(Law):
    """Gradient flow read on the clock of an optimiser: p_s(L) = exp(-L lr s).

    Args:
        lr: flow time per step.

    Example:
        >>> float(GradientFlow(lr=0.5).factor(jnp.array([2.0]), jnp.array([1.0]))[0, 0]) == float(jnp.exp(-1.0))
        True
    """

    lr: float | Float[Array, ""]
    descends = True
    takes_schedule = True

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """exp(-L lr s)."""
        return jnp.exp(-self._turns(rates, steps))

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - exp(-L lr s)."""
        return -jnp.expm1(-self._turns(rates, steps))

    def _turns(self, rates: Array, steps: Array) -> Array:
        """L lr s; 0 where nothing is ever learnt, at infinity too, and of rates that are negative by rounding."""
        s = jnp.asarray(steps, rates.dtype)[:, None]
        never = jnp.isinf(s) & (rates <= 0)[None, :]
        return self.lr * rates[None, :] * jnp.where(never, 0.0, s)

    def learned_on(self, shape: Shape, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - exp(-L sum_s lr_s), a part of a step by its part of the time."""
        shape = jnp.asarray(shape, rates.dtype)
        clock = jnp.concatenate([jnp.zeros(1, rates.dtype), jnp.cumsum(shape)])
        ends = jnp.arange(len(clock), dtype=rates.dtype)
        return self.learned(rates, jnp.interp(jnp.asarray(steps, rates.dtype), ends, clock))

    def largest_stable_lr(self, largest_rate: float) -> float:  # noqa: ARG002 - a flow is stable at every rate
        """Infinite: a flow has no steps."""
        return float("inf")
