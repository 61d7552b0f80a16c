"""The neural tangent kernel at infinite width, in exact steps."""

from typing import ClassVar

from lfp import _checks
from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network, kernel
from lfp.optimisers.law import Law
from lfp.prediction.linear import solve
from lfp.prediction.theory import Ground, Theory, no_linear_law
from lfp.training.plan import Plan


class NTK(Theory):
    """f_s = (1 - p_s(K P)) y, K the kernel at infinite width."""

    name: ClassVar[str] = "ntk"
    layer: ClassVar[tuple[str, str]] = ("ntk_vs_empirical", "empirical")

    def refusal(self, network: Network, law: Law | None, points: int) -> str | None:  # noqa: ARG002
        """Networks without analytic kernel, optimisers without linear law."""
        try:
            kernel(network)
        except _checks.InputError as error:
            return no_linear_law(law) or f"does not apply: {error}"
        return no_linear_law(law)

    def follow(self, plan: Plan, ground: Ground) -> Trajectory:
        """In closed form."""
        return solve(ground.infinite, plan.problem, plan.law, plan.steps)
