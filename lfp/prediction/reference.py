"""The gradient flow beside a training by an optimiser that has no law: a reference, and no prediction."""

from typing import ClassVar

from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network
from lfp.optimisers.law import Law
from lfp.prediction.linear import solve
from lfp.prediction.theory import Ground, Theory
from lfp.training.plan import Plan


class Reference(Theory):
    """f_s = (1 - exp(-K P t)) y at the pace of the first step: what the NTK's gradient flow would do by then."""

    name: ClassVar[str] = "reference"

    def refusal(self, network: Network, law: Law | None, points: int) -> str | None:  # noqa: ARG002
        """Optimisers that have a law."""
        return None if law is not None and law.measured else "with a law, which predicts; allowed: 'ntk'"

    def follow(self, plan: Plan, ground: Ground) -> Trajectory:
        """In closed form, by the rates at infinite width, or of the first network."""
        flow = plan.law.flow()
        assert flow is not None
        return solve(ground.reference, plan.problem, flow, plan.steps)
