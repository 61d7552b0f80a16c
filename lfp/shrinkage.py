"""Laws that stop short of the target: weight decay, ridge regression, random features."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.dynamics import Dynamics


class WeightDecay(eqx.Module):
    """A law with the penalty (decay / 2) |theta - theta_0|^2, decay of the displacement from initialisation.

    A mode of f obeys L (c - y) + decay c = (L + decay)(c - y L / (L + decay)): it goes at rate L + decay to the share
    L / (L + decay), so 1 - p_s(L) = L / (L + decay) (1 - p_s(L + decay)) with p_s of the law. Decay of the weights
    themselves shrinks the kernel and has no such law.

    Args:
        law: the law without decay; linear in its gradient.
        decay: in units of a rate, per unit of flow time.

    Example:
        >>> from lfp.dynamics import GradientDescent
        >>> law = WeightDecay(GradientDescent(0.5), 1.0)
        >>> law.factor(jnp.ones(1), jnp.array([0, 1, 1000])).ravel().tolist()
        [1.0, 0.5, 0.5]
    """

    law: Dynamics
    decay: float | Float[Array, ""]

    def __check_init__(self) -> None:
        """Refuse a negative decay."""
        if isinstance(self.decay, float | int):
            _checks.nonnegative("decay", self.decay)

    @property
    def lr(self) -> float | Float[Array, ""]:
        """The learning rate of the law."""
        return self.law.lr

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """decay / (L + decay) + L / (L + decay) p_s(L + decay)."""
        kept, faster = self._kept(rates)
        return 1 - kept[None, :] + kept[None, :] * self.law.factor(faster, steps)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """L / (L + decay) (1 - p_s(L + decay))."""
        kept, faster = self._kept(rates)
        return kept[None, :] * self.law.learned(faster, steps)

    def largest_stable_lr(self, largest_rate: float) -> float:
        """That of the law for L_max + decay."""
        return self.law.largest_stable_lr(largest_rate + float(self.decay))

    def _kept(self, rates: Array) -> tuple[Array, Array]:
        faster = rates + jnp.asarray(self.decay, rates.dtype)
        return rates / jnp.where(faster > 0, faster, 1.0), faster


class Ridge(eqx.Module):
    """Kernel ridge regression, one step from f = 0 to the minimum: shrinkage L / (L + rho).

    It is the end of `WeightDecay`, and close to gradient flow stopped at time 1 / rho: 1 / (1 + z) against exp(-z),
    z = L / rho, at most .204 apart (Ali, Kolter and Tibshirani, 2019, compare the risks).

    Args:
        rho: ridge, in units of a rate.

    Example:
        >>> Ridge(1.0).factor(jnp.array([1.0, 3.0]), jnp.array([0, 1])).tolist()
        [[1.0, 1.0], [0.5, 0.25]]
    """

    rho: float | Float[Array, ""]
    lr: float = eqx.field(static=True, default=1.0)  # nominal: there are no steps

    def __check_init__(self) -> None:
        """Refuse a negative ridge."""
        if isinstance(self.rho, float | int):
            _checks.nonnegative("rho", self.rho)

    @property
    def flow_time(self) -> float | Float[Array, ""]:
        """The flow time at which early stopping does about the same."""
        return 1 / self.rho

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """rho / (L + rho) from the first step."""
        return 1 - self.learned(rates, steps)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """L / (L + rho) from the first step."""
        total = rates + jnp.asarray(self.rho, rates.dtype)
        share = rates / jnp.where(total > 0, total, 1.0)
        return jnp.where(jnp.asarray(steps)[:, None] > 0, share[None, :], 0.0)

    def largest_stable_lr(self, largest_rate: float) -> float:  # noqa: ARG002 - there are no steps
        """Infinite: a minimum is found at once."""
        return float("inf")


class RandomFeatures(eqx.Module):
    """Ridge regression on m random nodes, in the mean: shrinkage L / (L + l), l = rho + (l/m) sum_k L_k / (L_k + l).

    The finite number of nodes acts as more ridge; as m grows, l falls to rho. Right for m well above the number of
    modes that matter (Jacot et al., 2020).

    Args:
        nodes: number m of random nodes.
        rho: ridge, in units of a rate.
        rates: all rates on the data, each as often as it occurs.

    Example:
        >>> round(float(RandomFeatures(4, 0.0, jnp.ones(8)).ridge), 5)
        1.0
    """

    nodes: int = eqx.field(static=True)
    rho: float | Float[Array, ""]
    rates: Float[Array, " n"] | Float[np.ndarray, " n"]
    lr: float = eqx.field(static=True, default=1.0)  # nominal: there are no steps

    def __check_init__(self) -> None:
        """Refuse no nodes and a negative ridge."""
        _checks.integer("nodes", self.nodes, 1)
        if isinstance(self.rho, float | int):
            _checks.nonnegative("rho", self.rho)

    @property
    def ridge(self) -> Float[Array, ""]:
        """l, by bisection of 1 = rho/l + (1/m) sum L_k/(L_k + l), whose right side falls in l; one Newton step last."""
        rates = jnp.asarray(self.rates)
        rho = jnp.asarray(self.rho, rates.dtype)

        def excess(shift: Array) -> Array:
            return 1 - rho / shift - jnp.sum(rates / (rates + shift)) / self.nodes

        tiny = jnp.asarray(jnp.finfo(rates.dtype).tiny, rates.dtype)
        low = jnp.log(jnp.maximum(rho, tiny))
        high = jnp.log(rho + jnp.sum(rates) / self.nodes + tiny)

        def halve(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            middle = (ends[0] + ends[1]) / 2
            above = excess(jnp.exp(middle)) > 0
            return jnp.where(above, ends[0], middle), jnp.where(above, middle, ends[1])

        found = jnp.exp(jax.lax.stop_gradient(jax.lax.fori_loop(0, 80, halve, (low, high))[1]))
        slope = jax.grad(excess)(found)
        exact = found - excess(found) / jax.lax.stop_gradient(slope)  # carries the derivative too
        return jnp.where(found > 2 * tiny, exact, rho)

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """l / (L + l) from the first step."""
        return Ridge(self.ridge).factor(rates, steps)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """L / (L + l) from the first step."""
        return Ridge(self.ridge).learned(rates, steps)

    def largest_stable_lr(self, largest_rate: float) -> float:  # noqa: ARG002 - there are no steps
        """Infinite: a minimum is found at once."""
        return float("inf")
