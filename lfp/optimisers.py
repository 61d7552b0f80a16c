"""From a law to what trains by it: optax transformations, schedules by name, batches."""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Int

from lfp import _checks
from lfp.dynamics import Dynamics, GradientDescent
from lfp.iterations import GaussNewton
from lfp.momentum import HeavyBall, Nesterov
from lfp.schedules import Scheduled
from lfp.shrinkage import WeightDecay
from lfp.stochastic import Adam, MiniBatch

SCHEDULES = ("constant", "cosine", "exponential", "linear", "warmup")


def optimiser(dynamics: Dynamics, alpha: float) -> Any:
    """The optax transformation whose linear law is `dynamics`, on parameters: its step is lr / alpha^2.

    What it moves is the displacement from the initial parameters, so that optax's weight decay is that of the
    displacement. Adam's step does not see the scale of the gradient: it is lr / alpha.

    Raises:
        InputError: a law that no optimiser follows, such as gradient flow.

    Example:
        >>> import jax.numpy as jnp
        >>> step = optimiser(GradientDescent(0.5), alpha=2.0)
        >>> float(step.update(jnp.array(1.0), step.init(jnp.array(0.0)))[0])
        -0.125
    """
    import optax

    if isinstance(dynamics, WeightDecay) and not isinstance(dynamics.law, MiniBatch | Adam | GaussNewton):
        return optax.chain(optax.add_decayed_weights(dynamics.decay * alpha**2), optimiser(dynamics.law, alpha))
    if isinstance(dynamics, Adam):
        return optax.adam(dynamics.lr / alpha, dynamics.b1, dynamics.b2, dynamics.eps * alpha)
    law, rate = dynamics, dynamics.lr / alpha**2
    if isinstance(dynamics, Scheduled):
        law, rate = dynamics.law, lambda step: dynamics.at(step) / alpha**2
    if isinstance(law, HeavyBall | Nesterov):
        return optax.sgd(rate, momentum=law.mu, nesterov=isinstance(law, Nesterov))  # type: ignore[arg-type]
    if isinstance(law, GradientDescent | MiniBatch | GaussNewton):
        return optax.sgd(rate)
    msg = (
        f"dynamics={type(dynamics).__name__} is no optimiser; allowed: GradientDescent, HeavyBall, Nesterov, Scheduled "
        "or WeightDecay of these, MiniBatch, GaussNewton, Adam"
    )
    raise _checks.InputError(msg)


def schedule(name: str, steps: int) -> Callable[[Any], Any]:
    """An optax schedule of largest value 1 over so many steps.

    cosine: to 0; linear: to 0; exponential: to 1 / 100; warmup: up from 0 in a tenth of the steps, then cosine.

    Example:
        >>> float(schedule("linear", 10)(5.0))
        0.5
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


def draw(law: MiniBatch, key: Array) -> Int[Array, " b"]:
    """Indices of a batch.

    Example:
        >>> law = MiniBatch(0.1, batch=3, points=3, largest=1.0)
        >>> sorted(draw(law, jax.random.key(0)).tolist())
        [0, 1, 2]
    """
    if law.replacement:
        return jax.random.randint(key, (law.batch,), 0, law.points)
    return jax.random.permutation(key, law.points)[: law.batch]
