"""Learning rates that change: one scan over the steps, which keeps a row for every look."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.dynamics import GradientDescent
from lfp.momentum import HeavyBall, Nesterov

Constant = GradientDescent | HeavyBall | Nesterov


class Scheduled(eqx.Module):
    """A law whose learning rate at step s is lr_s = law.lr shape_s; without momentum p_s = prod (1 - lr_s L).

    With momentum m_(s+1) = mu m_s + L p_s and p_(s+1) = p_s - lr_s m_(s+1) (heavy ball) or
    p_s - lr_s (L p_s + mu m_(s+1)) (Nesterov), as optax takes them. After the last step of the schedule nothing moves.

    Args:
        law: the law at a constant rate.
        shape: multiples of its learning rate, one a step.

    Example:
        >>> law = Scheduled(GradientDescent(0.5), np.array([1.0, 0.5]))
        >>> law.factor(jnp.ones(1), jnp.arange(4)).ravel().tolist()
        [1.0, 0.5, 0.375, 0.375]
    """

    law: Constant
    shape: Float[Array, " h"] | Float[np.ndarray, " h"]

    def __check_init__(self) -> None:
        """Refuse a schedule without steps or with rates that are negative or not finite."""
        if isinstance(self.shape, np.ndarray):
            _checks.finite("schedule", self.shape)
            if not len(self.shape) or self.shape.min() < 0 or self.shape.max() == 0:
                msg = f"schedule={self.shape.tolist()[:5]}... must have rates >= 0, one of them above 0"
                raise _checks.InputError(msg)

    @property
    def lr(self) -> float | Float[Array, ""]:
        """The largest learning rate."""
        return self.law.lr * self.shape.max()

    def at(self, step: Array) -> Array:
        """The learning rate of a step, counted from 0; 0 after the end."""
        last = len(self.shape) - 1
        shape = jnp.asarray(self.shape)
        return jnp.where(step <= last, self.law.lr * shape[jnp.minimum(step, last)], 0.0)

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """p_s(L)."""
        return 1 - self.learned(rates, steps)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - p_s(L), summed up as such: slow modes keep their digits."""
        whole = jnp.rint(jnp.asarray(steps)).astype(jnp.int32)
        looks = jnp.sort(jnp.minimum(whole, len(self.shape)))
        mu = jnp.asarray(self.law.mu if isinstance(self.law, HeavyBall | Nesterov) else 0.0, rates.dtype)
        ahead = isinstance(self.law, Nesterov)
        count = jnp.arange(1, len(self.shape) + 1, dtype=jnp.int32)
        row = jnp.searchsorted(looks, count)
        row = jnp.where(looks[jnp.minimum(row, len(looks) - 1)] == count, row, len(looks))  # beyond: dropped
        lrs = jnp.asarray(self.law.lr * self.shape, rates.dtype)

        def step(carry: tuple[Array, ...], now: tuple[Array, Array]) -> tuple[tuple[Array, ...], None]:
            learned, moved, rows = carry
            lr, row = now
            gradient = rates * (1 - learned)
            moved = mu * moved + gradient
            learned = learned + lr * (gradient + mu * moved if ahead else moved)
            return (learned, moved, rows.at[row].set(learned, mode="drop")), None

        zero = jnp.zeros_like(rates)
        start = (zero, zero, jnp.zeros((len(looks), len(rates)), rates.dtype))
        rows = jax.lax.scan(step, start, (lrs, row))[0][2]
        return rows[jnp.searchsorted(looks, jnp.minimum(whole, len(self.shape)))]

    def largest_stable_lr(self, largest_rate: float) -> float:
        """The limit of the law at a constant rate, for the largest rate of the schedule."""
        return self.law.largest_stable_lr(largest_rate)


def scheduled(law: Constant, schedule: Callable[[Array], Array], steps: int) -> Scheduled:
    """A law with any optax schedule, which gives the multiple of its learning rate at every step.

    Args:
        law: the law at a constant rate; with lr = 1 the schedule is the learning rate itself.
        schedule: step, counted from 0 -> multiple.
        steps: length of the training.

    Example:
        >>> scheduled(GradientDescent(0.5), lambda s: 1 / (1 + s), 2).shape.tolist()
        [1.0, 0.5]
    """
    _checks.integer("steps", steps, 1)
    return Scheduled(law, np.asarray(jax.vmap(schedule)(jnp.arange(steps, dtype=float)), np.float64))
