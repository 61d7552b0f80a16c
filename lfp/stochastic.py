"""Optimisers that the rates alone do not describe: mini-batches, Adam."""

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.dynamics import GradientDescent
from lfp.momentum import HeavyBall
from lfp.schedules import Scheduled


class MiniBatch(eqx.Module):
    """Gradient descent on b of n points, drawn afresh at every step; in the mean exactly (1 - lr L)^s.

    P_B = (n/b) sum_(i in B) P_i e_i e_i^T has the mean P. Its covariance is `spread` times that of one point,
    E[P_B S P_B] - P S P = spread (n diag(P_i^2 S_ii) - P S P), spread = 1/b, or (n - b)/(b (n - 1)) without
    replacement. `noise.batch_covariance` steps the second moment.

    Args:
        lr: learning rate, in flow time per step.
        batch: points in a batch.
        points: points in all.
        largest: the largest n P_i K(x_i, x_i), for the limit of stability.
        replacement: whether a point may come twice in a batch.

    Example:
        >>> MiniBatch(0.5, batch=4, points=8, largest=2.0).spread.__round__(6)
        0.142857
    """

    lr: float | Float[Array, ""]
    batch: int = eqx.field(static=True)
    points: int = eqx.field(static=True)
    largest: float | Float[Array, ""]
    replacement: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        """Refuse batches that cannot be drawn."""
        if isinstance(self.lr, float | int):
            _checks.positive("lr", self.lr)
        _checks.integer("batch_size", self.batch, 1)
        if self.batch > self.points and not self.replacement:
            msg = f"batch_size={self.batch} of {self.points} points; allowed: 1 to {self.points}"
            raise _checks.InputError(msg)

    @property
    def spread(self) -> float:
        """Variance of a batch, in units of that of one point."""
        less = 1.0 if self.replacement else (self.points - self.batch) / max(self.points - 1, 1)
        return less / self.batch

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """The mean: (1 - lr L)^s."""
        return GradientDescent(self.lr).factor(rates, steps)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - (1 - lr L)^s."""
        return GradientDescent(self.lr).learned(rates, steps)

    def largest_stable_lr(self, largest_rate: float) -> float:
        """2 / ((1 - spread) L_max + spread max n P_i K(x_i, x_i)): up to it the mean square decays.

        In the norm u^T K^-1 u a step takes off 2 lr u^T P u - lr^2 E u^T P_B K P_B u, and
        E P_B K P_B = (1 - spread) P K P + spread n diag(P_i^2 K_ii) <= P times the denominator.
        """
        return 2 / ((1 - self.spread) * largest_rate + self.spread * float(self.largest))


class Adam(eqx.Module):
    """An ESTIMATE of Adam, which has no linear law: its preconditioner frozen at the first gradient.

    theta' = theta - lr m^ / (|g_0| + eps), m^ the bias-corrected mean of gradients: heavy ball, on the rates of the
    kernel J diag(|g_0| + eps)^-1 J^T (`noise.frozen_spectrum`). Fails once the gradient has changed.

    Args:
        lr: learning rate, displacement per step at alpha = 1.
        steps: length of the training.
        b1: memory of the gradient.
        b2: memory of its square; the estimate has none.
        eps: added to the root.

    Example:
        >>> import jax.numpy as jnp
        >>> Adam(0.5, steps=3).factor(jnp.ones(1), jnp.array([0, 1])).ravel().round(12).tolist()
        [1.0, 0.5]
    """

    lr: float | Float[Array, ""]
    steps: int = eqx.field(static=True)
    b1: float = eqx.field(static=True, default=0.9)
    b2: float = eqx.field(static=True, default=0.999)
    eps: float = eqx.field(static=True, default=1e-8)

    def __check_init__(self) -> None:
        """Refuse rates and memories without meaning."""
        if isinstance(self.lr, float | int):
            _checks.positive("lr", self.lr)
        _checks.integer("steps", self.steps, 1)
        for name in ("b1", "b2"):
            if not 0 <= getattr(self, name) < 1:
                msg = f"{name}={getattr(self, name)!r} must lie in [0, 1)"
                raise _checks.InputError(msg)

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """The estimate of p_s."""
        return self._frozen().factor(rates, steps)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """The estimate of 1 - p_s."""
        return self._frozen().learned(rates, steps)

    def largest_stable_lr(self, largest_rate: float) -> float:
        """That of the heavy ball at its largest rate, the first step's lr."""
        return HeavyBall(1.0, self.b1).largest_stable_lr(largest_rate)

    def _frozen(self) -> Scheduled:
        counted = np.arange(1, self.steps + 1)
        law = HeavyBall(self.lr * (1 - self.b1), self.b1)
        return Scheduled(law, 1 / (1 - self.b1**counted))
