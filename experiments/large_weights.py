"""Large initial weights even the rates out: low frequencies lose their lead.

All weights of an erf network are drawn larger. The kernel says by how much each mode gains, and so how far the clock
of the fourth mode runs behind that of the first: 76 to 1 at scale 1, 3.3 to 1 at scale 8. The survey shows the
effect for one network far from the lazy regime; here it is a predicted change of the rates.
"""

from dataclasses import dataclass
from typing import Any

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Gate, Stage

PAPER = "Overview, arXiv 2201.07395"
PREDICTED = "steps to a tenth of each mode at three scales of all initial weights"
CAPTION = "Larger initial weights draw the clocks of the modes together, as the kernel says."


@dataclass(frozen=True)
class Config:
    """Settings."""

    scales: tuple[float, ...] = (1.0, 3.0, 8.0)
    modes: tuple[int, ...] = (1, 2, 4)
    points: int = 16
    width: int = 32768
    alpha: float = 100.0
    relative_lr: float = 0.5
    seeds: int = 5
    limit: float = 0.15
    order: float = 10.0


SMOKE = Config(scales=(1.0, 8.0), width=4096, seeds=2, limit=0.5)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """One trial a scale."""
    arrays: experiment.Arrays = {}
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes)
    for scale in c.scales:
        law = lfp.Gaussian(scale)
        network = lfp.TwoLayer(c.width, "erf", a=law, w=law, b=law, alpha=c.alpha)
        rates = lfp.spectrum(network, problem).rates
        descent = lfp.GradientDescent(c.relative_lr / float(rates.max()))
        steps = trials.looks(float(rates[max(c.modes)]), descent.lr)
        arrays |= trials.trial(f"scale{scale:g}", network, problem, descent, steps, stage, seeds=c.seeds)
    return arrays


def check(data: Any, c: Config) -> list[Gate]:
    """Times as predicted; the order at small weights, and none at large ones."""
    lead = {}
    for scale in c.scales:
        found = trials.times(data, f"scale{scale:g}")
        lead[scale] = found[:, -1] / found[:, 0]
    small, large = min(c.scales), max(c.scales)
    what = f"lead of mode {c.modes[0]} over mode {c.modes[-1]}, ratio of steps to 10 %"
    return [
        *(
            Gate(f"steps to 10 %, scale {s:g}, relative error", trials.errors(data, f"scale{s:g}"), c.limit)
            for s in lead
        ),
        Gate(f"{what}, scale {small:g}", lead[small], c.order, above=True),
        Gate(f"{what}, scale {large:g}", lead[large], c.order, above=True, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Theory over training, one panel a scale."""
    fig, axes = plots.figure(columns=len(c.scales), width=3.2 * len(c.scales) + 1, height=3.2)
    trials.draw(axes, data, {f"scale{s:g}": f"all weights times {s:g}" for s in c.scales})
    return fig
