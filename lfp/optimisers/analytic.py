"""p_s of a law as an analytic function of the rate, for contour integrals around a spectrum."""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
from jaxtyping import Complex

from lfp import _checks
from lfp.optimisers.descent import GradientDescent, GradientFlow
from lfp.optimisers.momentum import Momentum
from lfp.optimisers.schedules import Scheduled
from lfp.optimisers.weight_decay import WeightDecay

Transfer = Callable[[Complex[np.ndarray, " m"], np.ndarray], Complex[np.ndarray, "t m"]]


@singledispatch
def transfer(law: Any) -> Transfer:
    """(z, steps) -> p_s(z), z complex, off the real axis for momentum.

    Raises:
        InputError: a law that is no analytic function of the rate, the same for every sample.

    Example:
        >>> transfer(GradientDescent(0.5))(np.array([1j]), np.array([2.0])).tolist()
        [[(0.75-1j)]]
    """
    msg = f"law={type(law).__name__} has no transfer function that is the same for every sample; allowed: "
    raise _checks.InputError(
        msg + "GradientFlow, GradientDescent, HeavyBall, Nesterov, Scheduled or WeightDecay of these"
    )


@transfer.register
def _flow(law: GradientFlow) -> Transfer:
    return lambda z, steps: np.exp(-float(law.lr) * np.multiply.outer(steps, z))


@transfer.register
def _descent(law: GradientDescent) -> Transfer:
    return lambda z, steps: (1 - float(law.lr) * z) ** steps[:, None]


@transfer.register
def _momentum(law: Momentum) -> Transfer:
    """A r_1^s + B r_2^s, r the roots of the recurrence."""
    lr, mu = float(law.lr), float(law.mu)

    def values(z: np.ndarray, steps: np.ndarray) -> np.ndarray:
        x = lr * z
        trace, product = ((1 - x) * (1 + mu), mu * (1 - x)) if law.ahead else (1 + mu - x, mu + 0 * x)
        first = 1 - (1 + mu) * x if law.ahead else 1 - x
        root = np.sqrt(trace**2 - 4 * product)
        one, two = (trace + root) / 2, (trace - root) / 2
        s = steps[:, None]
        return ((first - two) * one**s - (first - one) * two**s) / root

    return values


@transfer.register
def _decayed(law: WeightDecay) -> Transfer:
    """decay / (z + decay) + z / (z + decay) p_s(z + decay)."""
    decay = float(law.total_decay)
    inner: Any = law.law
    while isinstance(inner, WeightDecay):
        inner = inner.law
    inside = transfer(inner.regularised(decay))
    return lambda z, steps: (decay + z * inside(z + decay, steps)) / (z + decay)


@transfer.register
def _scheduled(law: Scheduled) -> Transfer:
    """Step by step: with momentum m, p' = p - lr_s m or, Nesterov, p - lr_s (z p + mu m), m' = mu m + z p."""
    base, decay = law.base, float(law.total_decay)
    if not isinstance(base, GradientDescent | Momentum):
        msg = (
            f"law=Scheduled of {type(base).__name__} has no transfer function; allowed: Scheduled of GradientDescent, "
        )
        raise _checks.InputError(msg + "HeavyBall, Nesterov, with or without WeightDecay")
    mu, ahead = (float(base.mu), base.ahead) if isinstance(base, Momentum) else (0.0, False)
    lrs = float(base.lr) * np.asarray(law.schedule, np.float64)

    def values(z: np.ndarray, steps: np.ndarray) -> np.ndarray:
        # p is what is left of the target: the gradient of the rest is z p, of decay -decay (1 - p)
        left, moved = np.ones_like(z), np.zeros_like(z)
        out = np.ones((len(steps), len(z)), complex)
        for s, lr in enumerate(lrs[: int(steps.max(initial=0))], start=1):
            gradient = z * left - decay * (1 - left)
            moved = mu * moved + gradient
            left = left - lr * (gradient + mu * moved if ahead else moved)
            out[steps >= s] = left
        return out

    return values
