"""The law of an optimiser: what linear training by it does to a mode of rate L. One interface for all of them.

Clock: the step s of the optimiser. Loss (1/2n) sum (f - y)^2, so that the residual u = f - y of a model that is
linear in its parameters follows u_{s+1} = (I - lr K / n) u_s; flow time is lr * s.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from lfp import _checks

Rates = Callable[[Array], Array | float]
"""The learning rate of every step, counted from 0."""
Shape = Float[Array, " h"] | Float[np.ndarray, " h"]
"""Multiples of a learning rate, one a step."""


class Law(eqx.Module):
    """A law acts on a mode of rate L by a polynomial p_s(L) with p_s(0) = 1, and answers for all that depends on it."""

    if TYPE_CHECKING:

        @property
        def lr(self) -> Any:
            """Flow time per step, the largest where it changes."""
    else:
        lr: eqx.AbstractVar[float | Float[Array, ""]]

    exact: ClassVar[bool] = True
    """Whether the law holds for every model that is linear in its parameters; if not, it is an ESTIMATE."""
    measured: ClassVar[bool] = False
    """Whether nothing is known of it, not even an estimate: it is trained, and a reference stands beside it."""
    remark: ClassVar[str] = ""
    """What its rates and learning rates are, where they are not those of descent."""
    descends: ClassVar[bool] = False
    """Whether its steps go down the gradient of all the data, with momentum or without."""
    takes_schedule: ClassVar[bool] = False
    """Whether it has a law at learning rates that change: `learned_on`."""
    takes_decay: ClassVar[bool] = True
    """Whether it has a law under weight decay: `regularised`."""
    schedule: ClassVar[Any] = None
    """Multiples of the learning rate of `base`, one a step; None where it does not change."""
    total_decay: ClassVar[float | Array] = 0.0
    """Weight decay, in units of a rate."""
    batched: ClassVar[bool] = False
    """Whether it takes gradients of batches, so that it is a law of the mean over their draws."""
    spread: ClassVar[float] = 0.0
    """Variance of a batch, in units of that of one point."""
    draw: ClassVar[Any] = None
    """key -> indices of a batch."""
    direction: ClassVar[Any] = None
    """(K, P, u, J d, decay) -> (v, c): it steps along J^T v + c d; None for the gradient, d the displacement."""

    def __check_init__(self) -> None:
        _checks.unless_traced(_checks.positive, "lr", self.lr)

    @property
    def base(self) -> Any:
        """The law inside all compositions."""
        return self

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """p_s(L): what is left of the mode after s steps."""
        return 1 - self.learned(rates, steps)

    @abstractmethod
    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - p_s(L) to full relative accuracy, for small L too."""

    @abstractmethod
    def largest_stable_lr(self, largest_rate: float) -> float:
        """Supremum of the learning rates for which |p_s| stays bounded at that rate; of mini-batches a lower bound."""

    def largest_stable_lr_under(self, decay: float, largest_rate: float) -> float:
        """The same with weight decay: for a law of the rates alone the limit at L_max + decay."""
        return self.largest_stable_lr(largest_rate + decay)

    def learned_on(self, shape: Shape, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - p_s(L) at the learning rates lr shape_s; after the last of them nothing moves."""
        raise NotImplementedError

    def regularised(self, decay: float | Float[Array, ""]) -> "Law":  # noqa: ARG002 - most laws see the rates alone
        """The law of the modes of rate L + decay, on their way to the share L / (L + decay), of the same optimiser."""
        return self

    def refusal(self, points: int, last: int) -> str | None:  # noqa: ARG002 - most laws fit any training
        """Why it is no law of a training on so many points, up to the last step; None where it is."""
        return None

    def flow(self) -> "Law | None":
        """The gradient flow that slow modes see; None where there is none."""
        return None

    def at(self, step: Array) -> Array | float:
        """The learning rate of a step, counted from 0; 0 after the end of a schedule."""
        if self.schedule is None:
            return self.lr
        last, shape = len(self.schedule) - 1, jnp.asarray(self.schedule)
        return jnp.where(step <= last, self.base.lr * shape[jnp.minimum(step, last)], 0.0)

    def transformation(self, alpha: float | Float[Array, ""], at: Rates | None = None) -> Any:  # noqa: ARG002
        """Its optax side, on the displacement from the initial parameters: the step is lr / alpha^2.

        Args:
            alpha: output scale of the network.
            at: learning rates that change; None for lr.

        Raises:
            InputError: a law that no optimiser follows, such as gradient flow.
        """
        msg = f"law={type(self).__name__} is no optimiser; allowed: GradientDescent, HeavyBall, Nesterov, MiniBatch, "
        msg += "GaussNewton, Scheduled or WeightDecay of these, Adam or Scheduled of it"
        raise _checks.InputError(msg)

    def _rate(self, scale: float | Float[Array, ""], at: Rates | None) -> Any:
        """Learning rate over the scale, as optax takes it: a number or a schedule."""
        return self.lr / scale if at is None else lambda step: at(step) / scale


def _inner(name: str) -> Any:
    return property(lambda self: getattr(self.law, name))


class Composed(Law):
    """A law made of another one, which answers wherever the composition changes nothing."""

    law: Law

    exact, descends, takes_schedule, takes_decay = map(_inner, ("exact", "descends", "takes_schedule", "takes_decay"))
    base, lr, schedule, total_decay = map(_inner, ("base", "lr", "schedule", "total_decay"))
    batched, spread, draw, direction = map(_inner, ("batched", "spread", "draw", "direction"))

    def largest_stable_lr(self, largest_rate: float) -> float:
        """That of the law inside."""
        return self.law.largest_stable_lr(largest_rate)
