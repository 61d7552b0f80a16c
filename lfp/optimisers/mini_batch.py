"""Mini-batches: a law in the mean, and the spread about it."""

from dataclasses import replace

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lfp import _checks
from lfp.optimisers.descent import GradientDescent
from lfp.optimisers.law import Composed, Law


class MiniBatch(GradientDescent):
    """Gradient descent on b of n points, drawn afresh at every step; in the mean exactly (1 - lr L)^s.

    P_B = (n/b) sum_(i in B) P_i e_i e_i^T has the mean P. Its covariance is `spread` times that of one point,
    E[P_B S P_B] - P S P = spread (n diag(P_i^2 S_ii) - P S P), spread = 1/b, or (n - b)/(b (n - 1)) without
    replacement. `noise.batch_covariance` steps the second moment.

    Args:
        lr: learning rate, in flow time per step.
        batch: points in a batch.
        points: points in all.
        largest: the largest n P_i K(x_i, x_i), for a learning rate that is stable.
        replacement: whether a point may come twice in a batch.

    Example:
        >>> MiniBatch(0.5, batch=4, points=8, largest=2.0).spread.__round__(6)
        0.142857
    """

    batch: int = eqx.field(static=True)
    points: int = eqx.field(static=True)
    largest: float | Float[Array, ""]
    replacement: bool = eqx.field(static=True, default=False)
    descends = False
    batched = True

    def __check_init__(self) -> None:
        _checks.integer("batch_size", self.batch, 1)
        _checks.integer("points", self.points, 1)
        _checks.unless_traced(_checks.positive, "largest", self.largest)
        if self.batch > self.points and not self.replacement:
            msg = f"batch_size={self.batch} of {self.points} points; allowed: 1 to {self.points}"
            raise _checks.InputError(msg)

    @property
    def spread(self) -> float:
        """Variance of a batch, in units of that of one point."""
        less = 1.0 if self.replacement else (self.points - self.batch) / max(self.points - 1, 1)
        return less / self.batch

    def refusal(self, points: int, last: int) -> str | None:  # noqa: ARG002
        """Its batches are drawn from so many points, and no others."""
        return None if points == self.points else f"law has points={self.points}, the data {points}; allowed: the same"

    def largest_stable_lr(self, largest_rate: float) -> float:
        """2 / ((1 - spread) L_max + spread max n P_i K(x_i, x_i)): up to it the mean square decays.

        Sufficient, and sharp where batches of one are drawn and the diagonal is constant; the supremum may be higher.
        """
        return 2 / self._curvature(largest_rate)

    def largest_stable_lr_under(self, decay: float, largest_rate: float) -> float:
        """2 (decay + L) / (decay^2 + 2 decay L + L D), L = L_max and D the denominator without decay.

        Let e^T K^-1 e = 1, q = e^T P e in [0, L] and b = 1 - lr decay. A step e' = (b - lr K P_B) e takes 1 to at most
        b^2 - (2 b lr - lr^2 D) q in the mean, as E P_B K P_B = (1 - spread) P K P + spread n diag(P_i^2 K_ii) <= D P.
        That is linear in q, so it is below 1 where it is so at both ends.
        """
        bound = largest_rate * self._curvature(largest_rate)
        return 2 * (decay + largest_rate) / (decay**2 + 2 * decay * largest_rate + bound)

    def flow(self) -> Law | None:
        """None: what lies between a flow and its steps is the noise of the batches."""
        return None

    def draw(self, key: PRNGKeyArray) -> Int[Array, " b"]:
        """Indices of a batch."""
        if self.replacement:
            return jax.random.randint(key, (self.batch,), 0, self.points)
        return jax.random.permutation(key, self.points)[: self.batch]

    def _curvature(self, largest_rate: float) -> float:
        return (1 - self.spread) * largest_rate + self.spread * float(self.largest)


def on_part(law: Law, points: int) -> Law:
    """The law on so many points that stand for all of its own: batches whose noise is the same, to a rounded batch.

    Example:
        >>> law = MiniBatch(0.5, batch=8, points=800, largest=2.0)
        >>> round(on_part(law, 100).spread / law.spread, 3)
        1.009
    """
    if isinstance(law, Composed):
        return replace(law, law=on_part(law.law, points))
    if not isinstance(law, MiniBatch):
        return law
    if not law.spread:
        return GradientDescent(law.lr)
    return MiniBatch(law.lr, round(1 / law.spread), points, law.largest, replacement=True)
