"""The law of an optax transformation, found by what it does to gradients; others are measured only."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num
from scipy.optimize import root_scalar

from lfp import _checks
from lfp.optimisers.adam import Adam
from lfp.optimisers.descent import GradientDescent, GradientFlow
from lfp.optimisers.law import Law, Rates
from lfp.optimisers.momentum import HeavyBall, Nesterov
from lfp.optimisers.schedules import Scheduled
from lfp.optimisers.weight_decay import WeightDecay

ALIKE = 1e-5
"""Largest difference of two updates, over the largest of all, that counts as rounding; in float32 100 times that."""
_STREAMS = 8
_BETAS = ((0.9, 0.999), (0.9, 0.99), (0.9, 0.95), (0.8, 0.99), (0.5, 0.999), (0.0, 0.999), (0.99, 0.999), (0.95, 0.95))


@runtime_checkable
class Transformation(Protocol):
    """What optax calls a GradientTransformation."""

    init: Any
    update: Any


class Measured(Law):
    """An optax transformation without linear law: it is trained and measured, no theory speaks about it.

    Beside it stands the gradient flow of its pace, as a reference and no prediction.

    Args:
        lr: pace of that flow, in flow time per step: alpha^2 times the first step per unit of gradient.
        given: the transformation, on the displacement from the initial parameters.
        seen: what it made of a stream of gradients, which tells it from others: functions have no contents to compare.
    """

    lr: float | Float[Array, ""]
    given: Any = eqx.field(static=True)
    seen: Float[Array, "s p"] | Float[np.ndarray, "s p"]
    exact = False
    measured = True
    remark = ", of a flow that goes as far as the first step for a gradient of 1"
    takes_decay = False

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """That of the reference."""
        return GradientFlow(self.lr).learned(rates, steps)

    def largest_stable_lr(self, largest_rate: float) -> float:  # noqa: ARG002 - nothing is known
        """Infinite: not known."""
        return float("inf")

    def flow(self) -> Law:
        """The reference."""
        return GradientFlow(self.lr)

    def transformation(self, alpha: float | Float[Array, ""], at: Rates | None = None) -> Any:  # noqa: ARG002 - it has its own rates
        """As it was given."""
        return self.given


def law_of(transformation: Transformation, steps: int, alpha: float = 1.0) -> Law:
    """The law of an optax transformation over so many steps, in flow time: `GradientDescent`, `HeavyBall`, `Nesterov`.

    Schedules and decays of them, `Adam` (an estimate), else `Measured`. Impulses and constant gradients give momentum,
    learning rates and decay; a law is taken where its own transformation does the same to random gradients of all
    sizes, step for step. Decay acts on the displacement from the initial parameters, as training passes it.

    Args:
        transformation: of optax, with its own learning rate on the loss (1/2) sum P (f - y)^2.
        steps: of the training.
        alpha: output scale of the network: a rate of the transformation is lr / alpha^2.

    Raises:
        InputError: no transformation, one that asks for more than gradients and parameters, or that gives no numbers.

    Example:
        >>> import optax
        >>> law_of(optax.sgd(0.5, momentum=0.9), steps=10)
        HeavyBall(lr=0.5, mu=0.9)
        >>> type(law_of(optax.lion(0.5), steps=10)).__name__
        'Measured'
    """
    steps = _checks.integer("steps", steps, 1)
    if isinstance(transformation, type) or not isinstance(transformation, Transformation):
        msg = f"law={type(transformation).__name__} is none; allowed: a law, or a transformation of optax such as "
        raise _checks.InputError(msg + "optax.sgd(0.1)")
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.uniform(-3, 3, _STREAMS)
    gradients, places = (rng.normal(size=(steps, _STREAMS)) * sizes for _ in range(2))
    updates = _updates(transformation, gradients, places)
    largest = np.abs(updates).max(axis=0)
    limit = ALIKE * largest * (1.0 if jax.config.jax_enable_x64 else 100.0)  # type: ignore[attr-defined]
    for law in _candidates(transformation, steps, alpha):
        if (np.abs(_updates(law.transformation(alpha), gradients, places) - updates) <= limit).all():
            return law
    first = np.abs(_updates(transformation, np.ones((1, 1)), np.zeros((1, 1))))
    pace = float(first[0, 0]) * alpha**2
    return Measured(pace if pace > 0 else 1.0, transformation, updates)


def _updates(
    transformation: Any, gradients: Float[np.ndarray, "s p"], places: Float[np.ndarray, "s p"]
) -> Float[np.ndarray, "s p"]:
    """What the transformation makes of a stream of gradients at these parameters."""

    def one(state: Any, now: tuple[Array, Array]) -> tuple[Any, Array]:
        update, state = transformation.update(now[0], state, now[1])
        return state, update

    streams = jnp.asarray(gradients), jnp.asarray(places)
    try:
        with jax.numpy_dtype_promotion("standard"):  # optax counts on it
            found = jax.jit(lambda g, p: jax.lax.scan(one, transformation.init(p[0]), (g, p))[1])(*streams)
    except Exception as error:
        why = (str(error).strip().splitlines() or [""])[0][:200]
        msg = (
            f"law, a transformation of optax, fails on gradients and parameters alone, {type(error).__name__}: {why}; "
        )
        raise _checks.InputError(msg + "allowed: those that ask for no more (no value of the loss)") from error
    return _checks.finite("law, the updates of the transformation,", np.asarray(found, np.float64))


def _candidates(transformation: Any, steps: int, alpha: float) -> Iterator[Law]:
    """Laws that do to an impulse, to a constant gradient and at a place what the transformation does."""
    still, ones = np.zeros((steps, 1)), np.ones((steps, 1))
    impulse = np.eye(steps, 1)
    pushed, constant, drawn = (
        -_updates(transformation, *stream)[:, 0] for stream in ((impulse, still), (ones, still), (still, ones))
    )
    moving = np.flatnonzero(np.abs(constant) > 0)
    if len(moving) and (constant >= 0).all():
        later = moving[moving >= 1][:1]
        decay = float(drawn[moving[0]] / constant[moving[0]]) / alpha**2
        share = float(pushed[later[0]] / constant[later[0]]) if len(later) else 0.0
        for ahead in (False, True):
            mu = _momentum(share, int(later[0]) if len(later) else 1, ahead)
            if mu is None or (ahead and mu == 0):
                continue
            rates = constant / _reach(mu, steps, ahead) * alpha**2
            yield _law(rates, mu, ahead, max(decay, 0.0))
    first = abs(float(constant[0]))
    if first > 0:
        for b1, b2 in _BETAS:
            yield Adam(_plain(first * alpha), steps, b1, b2, 1e-8 / alpha)


def _law(rates: Float[np.ndarray, " s"], mu: float, ahead: bool, decay: float) -> Law:
    """Descent or momentum at these rates, with decay."""
    largest = _plain(rates.max())
    base: Law = GradientDescent(largest)
    if mu > 0:
        base = (Nesterov if ahead else HeavyBall)(largest, _plain(mu))
    if np.ptp(rates) > 1e-6 * largest:
        base = Scheduled(base, rates / largest)
    return WeightDecay(base, _plain(decay)) if decay > 0 else base


def _plain(value: float) -> float:
    """Without the last digits, which are rounding."""
    return float(f"{value:.7g}")


def _reach(mu: float, steps: int, ahead: bool) -> Float[np.ndarray, " s"]:
    """How far a step goes under constant gradients, over its rate: 1 + mu + ... + mu^s, Nesterov's one term more."""
    sums = np.cumsum(mu ** np.arange(steps))
    return 1 + mu * sums if ahead else sums


def _momentum(share: float, step: int, ahead: bool) -> float | None:
    """mu, of which the impulse of step 0 keeps this share of the pull of a constant gradient at a later step."""
    if share <= 1e-9:
        return 0.0

    def excess(mu: float) -> float:
        return mu ** (step + ahead) / float(_reach(mu, step + 1, ahead)[step]) - share

    if excess(1 - 1e-9) <= 0:
        return None
    return float(root_scalar(excess, bracket=(0.0, 1 - 1e-9), xtol=1e-15).root)
