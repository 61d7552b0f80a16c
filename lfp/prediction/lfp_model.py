"""The linear frequency principle model: the LFP operator in place of the kernel (arXiv 2010.08153)."""

from typing import ClassVar

import equinox as eqx
from jaxtyping import Array

from lfp import _checks
from lfp.equation.operator import Operator
from lfp.kernels.algebra import Given
from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network
from lfp.networks.two_layer import TwoLayer
from lfp.optimisers.law import Law
from lfp.prediction.linear import solve
from lfp.prediction.theory import Ground, Theory, no_linear_law
from lfp.spectra.on_points import data_spectrum
from lfp.training.plan import Plan


class LFP(Theory):
    """f_s = (1 - p_s(K P)) y, K = K_0 + K_LFP: two layers whose biases spread widely."""

    name: ClassVar[str] = "lfp"
    layer: ClassVar[tuple[str, str]] = ("lfp_vs_ntk", "ntk")
    most_points: ClassVar[float] = 512

    def refusal(self, network: Network, law: Law | None, points: int) -> str | None:  # noqa: ARG002
        """Other networks than `TwoLayer`, optimisers without linear law."""
        if not isinstance(network, TwoLayer):
            return f"with network={type(network).__name__}; allowed: TwoLayer (parametrization='paper')"
        return no_linear_law(law)

    def follow(self, plan: Plan, ground: Ground) -> Trajectory:  # noqa: ARG002
        """In closed form; narrow biases, which make the operator indefinite, are refused."""
        net = plan.network
        assert isinstance(net, TwoLayer)
        operator = Operator(net.activation, net.a, net.w, net.b, plan.problem.x.shape[1])
        try:
            spectrum = data_spectrum(Given(eqx.Partial(_compiled, operator)), plan.problem)
        except _checks.InputError as error:
            msg = f"theory='lfp' with b={net.b}: {error}; narrow biases make it indefinite, raise sigma_b"
            raise _checks.InputError(msg) from None
        return solve(spectrum, plan.problem, plan.law, plan.steps)


@eqx.filter_jit
def _compiled(operator: Operator, x1: Array, x2: Array) -> Array:
    return operator(x1, x2)
