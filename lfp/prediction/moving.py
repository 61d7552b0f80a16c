"""The kernels of the very networks that will be trained, as they move along the path that linear theory predicts."""

from typing import ClassVar

import numpy as np

from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network
from lfp.optimisers.law import Law
from lfp.prediction.drift import LARGEST, drift
from lfp.prediction.empirical import Empirical
from lfp.prediction.forecast import has_kink
from lfp.prediction.theory import Ground
from lfp.training.plan import Plan


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
        order = 1 if has_kink(plan.network) else 2  # with a kink the first order does not cancel
        each = zip(ground.lessons, ground.starts, ground.empirical, strict=True)
        added = [drift(plan.network, data, plan.law, plan.steps, params, rates, order) for data, params, rates in each]
        return Trajectory(
            plan.steps, still.values + np.stack(added), plan.problem.x, {**still.meta, "kernel": "moving"}
        )
