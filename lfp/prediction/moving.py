"""The kernels of the very networks that will be trained, as they move along the path that linear theory predicts."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.measure.probes import Probe
from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network
from lfp.optimisers.law import Law
from lfp.prediction.drift import LARGEST, drift
from lfp.prediction.empirical import Empirical
from lfp.prediction.forecast import has_kink
from lfp.prediction.theory import Ground
from lfp.training.plan import Plan

FARTHEST = 0.05
"""Of a mode: what the movement of the kernel may change."""
NOTHING = 1e-6
"""Of a mode: movement that is rounding."""


class Moving(Empirical):
    """The same with kernels that move as the linear theory predicts, see `drift`."""

    name: ClassVar[str] = "moving"
    layer: ClassVar[None] = None
    most_points: ClassVar[float] = LARGEST
    most_joint: ClassVar[float] = 0

    def refusal(self, network: Network, law: Law | None, points: int) -> str | None:  # noqa: ARG002
        """Laws that are no steps of descent; points for which a few kernels an iterate are too many."""
        if law is not None and not law.descends:
            return f"with {type(law.base).__name__}; allowed: steps of gradient descent, with or without momentum"
        if points > LARGEST:
            return f"with {points} points; allowed: {LARGEST}"
        return None

    def follow(self, plan: Plan, ground: Ground) -> Trajectory:
        """Linear dynamics, and what the movement of the kernel adds."""
        still = super().follow(plan, ground)
        moved = np.stack([added(plan, ground, network) for network in range(plan.seeds)])
        return Trajectory(plan.steps, still.values + moved, plan.problem.x, {**still.meta, "kernel": "moving"})

    def stand(self, plan: Plan, ground: Ground, found: Trajectory, probe: Probe) -> None:
        """The iterate of the first network must move a mode by little, and the next one by less than that.

        Measured on the circle, sin x + ... + sin 7x, width 4096, alpha 20 and 10: where this holds, it is about half as
        far from training as the frozen kernel, or less. Beyond, it may be farther (tanh, alpha 5).
        """
        last = found.values[0] - super().follow(plan, ground).values[0]
        after = added(plan, ground, 0, _order(plan) + 1)
        changes = probe.changes(plan.problem, np.stack([last, after - last]))
        sizes = np.abs(changes).reshape(2, -1).max(axis=1)
        if sizes[0] > FARTHEST or sizes[1] >= sizes[0] > NOTHING:
            msg = f"theory='moving' is beyond its reach: its iterate moves a mode by {sizes[0]:.2g}, the next one by "
            msg += f"{sizes[1]:.2g} more; allowed: {FARTHEST} at most, and less; 'meanfield' serves two layers"
            raise _checks.InputError(msg)


def _order(plan: Plan) -> int:
    """Of the iterate: with a kink the first order does not cancel."""
    return 1 if has_kink(plan.network) else 2


def added(plan: Plan, ground: Ground, network: int, order: int | None = None) -> Float[np.ndarray, "t n"]:
    """What the movement of the kernel of a network adds at the data, to an order; None for the first that counts."""
    order = _order(plan) if order is None else order
    data, params, rates = ground.lessons[network], ground.starts[network], ground.empirical[network]
    return drift(plan.network, data, plan.law, plan.steps, params, rates, order)
