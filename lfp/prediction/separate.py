"""Several outputs of the very networks that will be trained, as if they did not see each other."""

from typing import ClassVar

import jax
import numpy as np

from lfp.domains.joint import Joint
from lfp.domains.problems import Points
from lfp.measure.trajectory import Trajectory
from lfp.networks.joined import Joined
from lfp.networks.network import Network
from lfp.optimisers.law import Law
from lfp.prediction.empirical import Empirical
from lfp.prediction.linear import solve
from lfp.prediction.theory import Ground
from lfp.spectra.on_points import gram_spectrum
from lfp.training.plan import Plan


class Separate(Empirical):
    """f_s = (1 - p_s(K P)) y for every network and output, K its own kernel at initialisation without what couples two.

    At infinite width nothing does; at width m the slopes of the neurons do, which all outputs share, by m^(-1/2).
    """

    name: ClassVar[str] = "separate"
    layer: ClassVar[tuple[str, str]] = ("separate_vs_empirical", "empirical")

    def refusal(self, network: Network, law: Law | None, points: int) -> str | None:
        """Networks of one output; more points than a dense matrix holds."""
        if not isinstance(network, Joined):
            return "with one output, which nothing couples; allowed: 'empirical'"
        return super().refusal(network, law, points)

    def follow(self, plan: Plan, ground: Ground) -> Trajectory:
        """In closed form, one run a network."""
        data = plan.problem
        assert isinstance(data, Joint)
        runs = []
        for whole, lesson in zip(ground.empirical, ground.lessons, strict=True):
            assert isinstance(lesson, Joint)
            root = np.sqrt(np.asarray(whole.weights))
            gram = np.asarray(whole.matrix) / (root[:, None] * root[None, :])
            alone = np.zeros((len(plan.steps), len(data.inputs), data.outputs))
            for c in range(data.outputs):
                rates = gram_spectrum(jax.device_put(gram[c :: data.outputs, c :: data.outputs]), data.shares)
                one = Points(data.inputs, lesson.table[:, c], data.shares)
                alone[..., c] = solve(rates, one, plan.law, plan.steps).values[0]
            runs.append(alone.reshape(len(plan.steps), -1))
        meta = {"kind": "theory", "spectrum": "separate", "plan": plan.identity}
        return Trajectory(plan.steps, np.stack(runs) + ground.offsets[:, None], data.x, meta)
