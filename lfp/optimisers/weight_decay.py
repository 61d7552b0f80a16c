"""Weight decay of the displacement from the initial parameters."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.optimisers.law import Composed, Law, Rates, Shape


class WeightDecay(Composed):
    """A law with the penalty (decay / 2) |theta - theta_0|^2, decay of the displacement from initialisation.

    A mode of f obeys L (c - y) + decay c = (L + decay)(c - y L / (L + decay)): it goes at rate L + decay to the share
    L / (L + decay), so 1 - p_s(L) = L / (L + decay) (1 - p_s(L + decay)), p_s the law of the optimiser for that
    problem (`Law.regularised`). Decay of the weights themselves shrinks the kernel and has no such law.

    Args:
        law: the law without decay; of a law with decay the sum is taken.
        decay: in units of a rate, per unit of flow time.

    Raises:
        InputError: a law that is not linear in its gradient; a negative decay.

    Example:
        >>> from lfp import GradientDescent
        >>> law = WeightDecay(GradientDescent(0.5), 1.0)
        >>> law.factor(jnp.ones(1), jnp.array([0, 1, 1000])).ravel().tolist()
        [1.0, 0.5, 0.5]
    """

    decay: float | Float[Array, ""]

    def __check_init__(self) -> None:
        if not self.law.takes_decay:
            msg = f"law={type(self.base).__name__} has no law under weight decay; allowed: every law but Adam"
            raise _checks.InputError(msg)
        _checks.unless_traced(_checks.nonnegative, "decay", self.decay)

    @property
    def total_decay(self) -> float | Float[Array, ""]:
        """The decay, and that of the law inside."""
        return self.law.total_decay + self.decay

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """decay / (L + decay) + L / (L + decay) p_s(L + decay)."""
        law, kept, faster = self._regularised(rates)
        return 1 - kept[None, :] + kept[None, :] * law.factor(faster, steps)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """L / (L + decay) (1 - p_s(L + decay))."""
        law, kept, faster = self._regularised(rates)
        return kept[None, :] * law.learned(faster, steps)

    def learned_on(self, shape: Shape, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """The schedule scales the decay as it scales the gradient, in optax too."""
        law, kept, faster = self._regularised(rates)
        return kept[None, :] * law.learned_on(shape, faster, steps)

    def flow(self) -> Law | None:
        """The flow of the law, with the same decay."""
        flow = self.law.flow()
        return None if flow is None else WeightDecay(flow, self.decay)

    def largest_stable_lr(self, largest_rate: float) -> float:
        """That of the law under decay."""
        return self.law.largest_stable_lr_under(float(self.decay), largest_rate)

    def largest_stable_lr_under(self, decay: float, largest_rate: float) -> float:
        """That of the law under the sum."""
        return self.law.largest_stable_lr_under(float(self.decay) + decay, largest_rate)

    def transformation(self, alpha: float | Float[Array, ""], at: Rates | None = None) -> Any:
        """`optax.add_decayed_weights`; a `direction` holds the decay already."""
        import optax

        inner = self.law.transformation(alpha, at)
        if self.direction is not None:
            return inner
        return optax.chain(optax.add_decayed_weights(self.decay * alpha**2), inner)

    def _regularised(self, rates: Array) -> tuple[Law, Array, Array]:
        """The law of the regularised problem, its share and its rates."""
        law, decay = self.law, self.decay
        while isinstance(law, WeightDecay):
            law, decay = law.law, decay + law.decay
        faster = rates + jnp.asarray(decay, rates.dtype)
        return law.regularised(decay), rates / jnp.where(faster > 0, faster, 1.0), faster
