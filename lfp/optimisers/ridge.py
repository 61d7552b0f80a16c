"""Laws without steps, which stop short of the target: ridge regression, random features."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.optimisers.law import Law


class Ridge(Law):
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
        _checks.unless_traced(_checks.nonnegative, "rho", self.rho)

    @property
    def flow_time(self) -> float | Float[Array, ""]:
        """The flow time at which early stopping does about the same; infinite without ridge."""
        return 1 / self.rho if isinstance(self.rho, jax.Array) or self.rho else float("inf")

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """L / (L + rho) from the first step."""
        total = rates + jnp.asarray(self.rho, rates.dtype)
        share = rates / jnp.where(total > 0, total, 1.0)
        return jnp.where(jnp.asarray(steps)[:, None] > 0, share[None, :], 0.0)

    def largest_stable_lr(self, largest_rate: float) -> float:  # noqa: ARG002 - there are no steps
        """Infinite: a minimum is found at once."""
        return float("inf")


class RandomFeatures(Law):
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
        _checks.integer("nodes", self.nodes, 1)
        if not isinstance(self.rates, Tracer):
            rates = _checks.finite("rates", np.asarray(_checks.real("rates", self.rates, 1)))
            _checks.integer("len(rates)", len(rates), 1)
        _checks.unless_traced(_checks.nonnegative, "rho", self.rho)

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

        shift = jnp.exp(jax.lax.stop_gradient(jax.lax.fori_loop(0, 80, halve, (low, high))[1]))
        slope = jax.grad(excess)(shift)
        exact = shift - excess(shift) / jax.lax.stop_gradient(slope)  # carries the derivative too
        return jnp.where(shift > 2 * tiny, exact, rho)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """L / (L + l) from the first step."""
        return Ridge(self.ridge).learned(rates, steps)

    def regularised(self, decay: float | Float[Array, ""]) -> Law:
        """Decay is more ridge, of which the nodes make l(rho + decay): L / (L + l) at rate L + decay."""
        ridge = RandomFeatures(self.nodes, self.rho + decay, self.rates).ridge
        return Ridge(ridge - jnp.asarray(decay, ridge.dtype))

    def largest_stable_lr(self, largest_rate: float) -> float:  # noqa: ARG002 - there are no steps
        """Infinite: a minimum is found at once."""
        return float("inf")
