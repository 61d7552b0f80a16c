"""The neural tangent kernel at infinite width, by the gradient flow that steps of optimisers follow."""

from typing import ClassVar

from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network
from lfp.optimisers.law import Law
from lfp.prediction.linear import solve
from lfp.prediction.ntk import NTK
from lfp.prediction.theory import Ground
from lfp.training.plan import Plan


class Flow(NTK):
    """The same by the gradient flow of the slow modes: momentum mu goes 1 / (1 - mu) times as far."""

    name: ClassVar[str] = "flow"
    layer: ClassVar[tuple[str, str]] = ("flow_vs_steps", "ntk")

    def refusal(self, network: Network, law: Law | None, points: int) -> str | None:
        """As NTK; laws that are no steps along a flow."""
        reason = super().refusal(network, law, points)
        if reason is None and law is not None and law.flow() is None:
            reason = f"with {type(law.base).__name__}, which follows no gradient flow; allowed: 'ntk'"
        return reason

    def follow(self, plan: Plan, ground: Ground) -> Trajectory:
        """In closed form."""
        flow = plan.law.flow()
        assert flow is not None
        return solve(ground.infinite, plan.problem, flow, plan.steps)
