"""Laws of optimisers: what linear training does to a mode of rate L. Plain objects, one interface.

Clock: the step s of the optimiser. Loss (1/2n) sum (f - y)^2, so that the residual u = f - y of a model that is
linear in its parameters follows u_{s+1} = (I - lr K / n) u_s; flow time is lr * s.
"""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from lfp import _checks


@runtime_checkable
class Dynamics(Protocol):
    """A law acts on a mode of rate L by a polynomial p_s(L) with p_s(0) = 1."""

    @property
    def lr(self) -> float | Float[Array, ""]:
        """Flow time per step, the largest where it changes."""
        ...

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """p_s(L): what is left of the mode after s steps."""
        ...

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - p_s(L) to full relative accuracy, for small L too."""
        ...

    def largest_stable_lr(self, largest_rate: float) -> float:
        """Supremum of the learning rates for which |p_s| stays bounded at that rate."""
        ...


class GradientDescent(eqx.Module):
    """Plain gradient descent: p_s(L) = (1 - lr L)^s, stable for lr L < 2.

    Args:
        lr: learning rate, in flow time per step.

    Example:
        >>> law = GradientDescent(lr=0.5)
        >>> law.factor(jnp.array([1.0]), jnp.array([0.0, 1.0, 2.0])).ravel().tolist()
        [1.0, 0.5, 0.25]
    """

    lr: float | Float[Array, ""]

    def __check_init__(self) -> None:
        """Refuse a learning rate that is not positive."""
        if isinstance(self.lr, float | int):
            _checks.positive("lr", self.lr)

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """(1 - lr L)^s."""
        small, log, power = self._branches(rates, steps)
        return jnp.where(small, jnp.exp(log), power)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - (1 - lr L)^s."""
        small, log, power = self._branches(rates, steps)
        return jnp.where(small, -jnp.expm1(log), 1 - power)

    def largest_stable_lr(self, largest_rate: float) -> float:
        """2 / L_max."""
        return 2 / largest_rate

    def _branches(self, rates: Array, steps: Array) -> tuple[Array, Array, Array]:
        """lr L < 1/2 by s log1p(-lr L), which keeps the digits of tiny rates; above by the power itself."""
        x = self.lr * rates[None, :]
        s = jnp.asarray(steps, rates.dtype)[:, None]
        small = (x < 0.5) | (s == 0)  # 0^0 = 1 has no derivative of its own
        tame = jnp.where(small, jnp.minimum(x, 0.5), 0.0)
        return small, s * jnp.log1p(-tame), jnp.where(small, 1.0, 1 - x) ** s


class GradientFlow(eqx.Module):
    """Gradient flow read on the clock of an optimiser: p_s(L) = exp(-L lr s).

    Args:
        lr: flow time per step.

    Example:
        >>> float(GradientFlow(lr=0.5).factor(jnp.array([2.0]), jnp.array([1.0]))[0, 0]) == float(jnp.exp(-1.0))
        True
    """

    lr: float | Float[Array, ""]

    def __check_init__(self) -> None:
        """Refuse a flow time per step that is not positive."""
        if isinstance(self.lr, float | int):
            _checks.positive("lr", self.lr)

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """exp(-L lr s)."""
        return jnp.exp(-self.lr * rates[None, :] * jnp.asarray(steps, rates.dtype)[:, None])

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - exp(-L lr s)."""
        return -jnp.expm1(-self.lr * rates[None, :] * jnp.asarray(steps, rates.dtype)[:, None])

    def largest_stable_lr(self, largest_rate: float) -> float:  # noqa: ARG002 - a flow is stable at every rate
        """Infinite: a flow has no steps."""
        return float("inf")
