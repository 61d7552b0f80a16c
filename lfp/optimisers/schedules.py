"""Learning rates that change: one scan over the steps, which keeps a row for every look."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.optimisers.law import Composed, Law, Rates, Shape

SCHEDULES = ("constant", "cosine", "exponential", "linear", "warmup")


class Scheduled(Composed):
    """A law whose learning rate at step s is lr_s = law.lr shape_s; without momentum p_s = prod (1 - lr_s L).

    With momentum m_(s+1) = mu m_s + L p_s and p_(s+1) = p_s - lr_s m_(s+1) (heavy ball) or
    p_s - lr_s (L p_s + mu m_(s+1)) (Nesterov), as optax takes them. After the last step of the schedule nothing moves.

    Args:
        law: the law at a constant rate; one with steps. A law with a schedule takes the product of both.
        shape: multiples of its learning rate, one a step.

    Raises:
        InputError: a law whose step is not scaled by a rate; rates that are negative, not finite, or all 0.

    Example:
        >>> from lfp import GradientDescent
        >>> law = Scheduled(GradientDescent(0.5), np.array([1.0, 0.5]))
        >>> law.factor(jnp.ones(1), jnp.arange(4)).ravel().tolist()
        [1.0, 0.5, 0.375, 0.375]
    """

    shape: Shape

    def __check_init__(self) -> None:
        if not self.law.takes_schedule:
            msg = f"law={type(self.base).__name__} has no learning rate to schedule; allowed: GradientDescent, "
            msg += "GradientFlow, HeavyBall, Nesterov, MiniBatch, GaussNewton, Adam, Jacobi, Scheduled or "
            msg += "WeightDecay of these"
            raise _checks.InputError(msg)
        shape = self.schedule
        if isinstance(shape, np.ndarray):
            _checks.finite("shape", shape)
            if not len(shape) or shape.min() < 0 or shape.max() == 0:
                msg = f"shape={shape.tolist()[:5]}... must have rates >= 0, one of them above 0"
                raise _checks.InputError(msg)

    @property
    def schedule(self) -> Shape:
        """The shape; the product of both where the law has one, as long as the shorter."""
        if self.law.schedule is None:
            return self.shape
        short = min(len(self.shape), len(self.law.schedule))
        return self.law.schedule[:short] * self.shape[:short]

    @property
    def lr(self) -> float | Float[Array, ""]:
        """The largest learning rate."""
        return self.base.lr * self.schedule.max()

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - p_s(L), summed up as such: slow modes keep their digits."""
        return self.law.learned_on(self.shape, rates, steps)

    def learned_on(self, shape: Shape, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - p_s(L) on the product of both schedules."""
        short = min(len(self.shape), len(shape))
        return self.law.learned_on(self.shape[:short] * shape[:short], rates, steps)

    def flow(self) -> Law | None:
        """The flow of the law, on the same schedule."""
        flow = self.law.flow()
        return None if flow is None else Scheduled(flow, self.shape)

    def largest_stable_lr_under(self, decay: float, largest_rate: float) -> float:
        """The limit of the law at a constant rate, for the largest rate of the schedule."""
        return self.law.largest_stable_lr_under(decay, largest_rate)

    def transformation(self, alpha: float | Float[Array, ""], at: Rates | None = None) -> Any:
        """That of the law, with an optax schedule."""
        return self.law.transformation(alpha, self.at if at is None else at)


def scheduled(law: Law, schedule: Callable[[Array], Array], steps: int) -> Scheduled:
    """A law with any optax schedule, which gives the multiple of its learning rate at every step.

    Args:
        law: the law at a constant rate; with lr = 1 the schedule is the learning rate itself.
        schedule: step, counted from 0 -> multiple.
        steps: length of the training.

    Example:
        >>> from lfp import GradientDescent
        >>> scheduled(GradientDescent(0.5), lambda s: 1 / (1 + s), 2).shape.tolist()
        [1.0, 0.5]
    """
    _checks.integer("steps", steps, 1)
    return Scheduled(law, np.asarray(jax.vmap(schedule)(jnp.arange(steps, dtype=float)), np.float64))


def named(name: str, steps: int) -> Callable[[Any], Any]:
    """An optax schedule of largest value 1 over so many steps.

    cosine: to 0; linear: to 0; exponential: to 1 / 100; warmup: up from 0 in a tenth of the steps, then cosine.
    """
    import optax

    _checks.choice("schedule", name, SCHEDULES)
    if name == "cosine":
        return optax.cosine_decay_schedule(1.0, steps)
    if name == "linear":
        return optax.linear_schedule(1.0, 0.0, steps)
    if name == "exponential":
        return optax.exponential_decay(1.0, steps, 0.01)
    if name == "warmup":
        return optax.warmup_cosine_decay_schedule(0.0, 1.0, max(1, steps // 10), steps)
    return optax.constant_schedule(1.0)


def scan(
    lrs: Shape,
    rates: Float[Array, " k"],
    steps: Num[Array, " t"],
    mu: float | Float[Array, ""] = 0.0,
    ahead: bool = False,
) -> Float[Array, "t k"]:
    """1 - p_s(L) of descent at these learning rates, with momentum mu; `ahead` is Nesterov's."""
    looked = jnp.minimum(whole(steps), len(lrs)).astype(jnp.int32)
    looks = jnp.sort(looked)
    mu = jnp.asarray(mu, rates.dtype)
    count = jnp.arange(1, len(lrs) + 1, dtype=jnp.int32)
    row = jnp.searchsorted(looks, count)
    row = jnp.where(looks[jnp.minimum(row, len(looks) - 1)] == count, row, len(looks))  # beyond: dropped

    def step(carry: tuple[Array, ...], now: tuple[Array, Array]) -> tuple[tuple[Array, ...], None]:
        learned, moved, rows = carry
        lr, row = now
        gradient = rates * (1 - learned)
        moved = mu * moved + gradient
        learned = learned + lr * (gradient + mu * moved if ahead else moved)
        return (learned, moved, rows.at[row].set(learned, mode="drop")), None

    zero = jnp.zeros_like(rates)
    start = (zero, zero, jnp.zeros((len(looks), len(rates)), rates.dtype))
    rows = jax.lax.scan(step, start, (jnp.asarray(lrs, rates.dtype), row))[0][2]
    return rows[jnp.searchsorted(looks, looked)]


def whole(steps: Num[Array, " t"]) -> Num[Array, " t"]:
    """Counts of steps to the nearest whole number, in their own precision: 32 bits of an integer end at 2^31 - 1."""
    steps = jnp.asarray(steps)
    return steps if jnp.issubdtype(steps.dtype, jnp.integer) else jnp.rint(steps)
