"""Adam, which has no linear law: an estimate."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.optimisers.law import Law, Rates, Shape
from lfp.optimisers.momentum import HeavyBall


class Adam(Law):
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
    exact = False
    remark = ", the kernel's behind the preconditioner 1 / |first gradient|: lr moves every weight by lr / alpha a step"
    takes_schedule = True
    takes_decay = False  # the frozen preconditioner would scale the decay as well, and optax's differs

    def __check_init__(self) -> None:
        _checks.integer("steps", self.steps, 1)
        for name in ("b1", "b2"):
            _checks.fraction(name, getattr(self, name))

    def refusal(self, points: int, last: int) -> str | None:  # noqa: ARG002
        """Beyond its steps it has no law."""
        return f"steps={last} is beyond Adam(steps={self.steps}); allowed: the same" if last > self.steps else None

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """The estimate of 1 - p_s."""
        return self.learned_on(np.ones(self.steps), rates, steps)

    def learned_on(self, shape: Shape, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """The estimate at learning rates that change: they multiply the correction of the bias."""
        counted = np.arange(1, min(len(shape), self.steps) + 1)
        law = HeavyBall(self.lr * (1 - self.b1), self.b1)
        return law.learned_on(shape[: len(counted)] * (1 / (1 - self.b1**counted)), rates, steps)

    def largest_stable_lr(self, largest_rate: float) -> float:
        """That of the heavy ball at its largest rate, the first step's lr."""
        return HeavyBall(1.0, self.b1).largest_stable_lr(largest_rate)

    def transformation(self, alpha: float | Float[Array, ""], at: Rates | None = None) -> Any:
        """`optax.adam`, whose step does not see the scale of the gradient: it is lr / alpha."""
        import optax

        return optax.adam(self._rate(alpha, at), self.b1, self.b2, self.eps * alpha)
