"""The kernels of the very networks that will be trained, at their start."""

from typing import ClassVar

import numpy as np

from lfp import _checks
from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network
from lfp.optimisers.law import Law
from lfp.prediction.linear import solve
from lfp.prediction.theory import Ground, Theory, no_linear_law
from lfp.spectra.on_points import refuse_dense
from lfp.training.plan import Plan


class Empirical(Theory):
    """f_s = f_0 + (1 - p_s(K P)) (y - f_0) for every network, K its own kernel at initialisation: any network.

    f_0 is taken as 0 where training takes it off.
    """

    name: ClassVar[str] = "empirical"
    layer: ClassVar[tuple[str, str]] = ("empirical_vs_training", "training")
    most_points: ClassVar[float] = 512
    most_joint: ClassVar[float] = 200
    of_networks: ClassVar[bool] = True

    def refusal(self, network: Network, law: Law | None, points: int) -> str | None:  # noqa: ARG002
        """More points than a dense matrix holds, optimisers of which nothing is known."""
        if law is not None and law.measured:
            return no_linear_law(law)
        try:
            refuse_dense(points)
        except _checks.InputError as error:
            return f"does not apply: {error}"
        return None

    def follow(self, plan: Plan, ground: Ground) -> Trajectory:
        """In closed form, one run a network."""
        pairs = zip(ground.empirical, ground.lessons, strict=True)
        runs = [solve(rates, data, plan.law, plan.steps).values for rates, data in pairs]
        meta = {"kind": "theory", "spectrum": "empirical", "plan": plan.identity}
        return Trajectory(plan.steps, np.concatenate(runs) + ground.offsets[:, None], plan.problem.x, meta)
