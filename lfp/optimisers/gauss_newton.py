"""Gauss-Newton, damped: the step that knows no frequency."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.optimisers.descent import GradientDescent
from lfp.optimisers.law import Law, Rates, Shape


class GaussNewton(Law):
    """Damped Gauss-Newton (Levenberg-Marquardt): (1 - lr L / (L + damping))^s; without damping (1 - lr)^s for all.

    No spectral bias: the control. Stable for lr < 2 (1 + damping / L_max).

    Args:
        lr: share of the full step.
        damping: in units of a rate.

    Example:
        >>> GaussNewton(0.5).factor(jnp.array([0.0, 1e-6, 1.0]), jnp.array([2])).tolist()
        [[1.0, 0.25, 0.25]]
    """

    lr: float | Float[Array, ""]
    damping: float | Float[Array, ""] = 0.0
    takes_schedule = True

    def __check_init__(self) -> None:
        _checks.unless_traced(_checks.nonnegative, "damping", self.damping)

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """(1 - lr g)^s, g = L / (L + damping)."""
        return GradientDescent(self.lr).factor(self._gain(rates), steps)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - (1 - lr g)^s."""
        return GradientDescent(self.lr).learned(self._gain(rates), steps)

    def learned_on(self, shape: Shape, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - prod (1 - lr_s g)."""
        return GradientDescent(self.lr).learned_on(shape, self._gain(rates), steps)

    def largest_stable_lr(self, largest_rate: float) -> float:
        """2 (1 + damping / L_max)."""
        return 2 * (1 + float(self.damping) / largest_rate)

    def direction(
        self,
        kernel: Float[Array, "n n"],
        weights: Float[Array, " n"],
        residual: Float[Array, " n"],
        along: Float[Array, " n"],
        decay: float | Float[Array, ""],
    ) -> tuple[Float[Array, " n"], Float[Array, ""]]:
        """(J^T P J + mu)^-1 (J^T P u + decay d) = J^T (K + mu P^-1)^-1 (u - (decay / mu) J d) + (decay / mu) d.

        mu = damping + decay is the curvature besides that of the data; the right side solves in n numbers. From K, P,
        u, `along` = J d of the displacement d, and the decay come what J^T is applied to, and decay / mu.
        """
        total = jnp.asarray(self.damping + decay, kernel.dtype)
        share = jnp.asarray(decay, kernel.dtype) / jnp.where(total > 0, total, 1.0)
        return jnp.linalg.solve(kernel + jnp.diag(total / weights), residual - share * along), share

    def transformation(self, alpha: float | Float[Array, ""], at: Rates | None = None) -> Any:
        """`optax.sgd` along the direction."""
        return GradientDescent(self.lr).transformation(alpha, at)

    def _gain(self, rates: Array) -> Array:
        total = rates + jnp.asarray(self.damping, rates.dtype)
        return rates / jnp.where(total > 0, total, 1.0)
