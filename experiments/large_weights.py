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
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Overview, arXiv 2201.07395"
PREDICTED = "steps to a tenth of each mode at three scales of all initial weights"
CAPTION = "Larger initial weights draw the clocks of the modes together, as the kernel says."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    scales: tuple[float, ...] = (1.0, 3.0, 8.0)
    modes: tuple[int, ...] = (1, 2, 4)
    points: int = 16
    width: int = 32768
    alpha: float = 100.0
    relative_lr: float = 0.5
    limit: float = 0.1  # a tenth of the time


SMOKE = Config(scales=(1.0, 8.0), width=4096, seeds=4, limit=0.5)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """One trial a scale."""
    arrays: experiment.Arrays = {}
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes)
    for scale in c.scales:
        law = lfp.Gaussian(scale)
        network = lfp.TwoLayer(c.width, "erf", a=law, w=law, b=law, alpha=c.alpha)
        rates = lfp.spectrum(network, problem).rates
        descent = trials.descent(rates, c.relative_lr)
        steps = trials.looks(float(rates[max(c.modes)]), descent.lr)
        arrays |= trials.trial(f"scale{scale:g}", network, problem, descent, steps, stage, c=c)
    return arrays


def check(data: Any, c: Config) -> list[Gate]:
    """Times as predicted; the lead at small weights, and that at large ones, on either side of between the two."""
    lead = {scale: trials.lead(data, f"scale{scale:g}") for scale in c.scales}
    small, large = min(c.scales), max(c.scales)
    between = trials.middle(data, f"scale{small:g}", f"scale{large:g}")
    what = f"lead of mode {c.modes[0]} over mode {c.modes[-1]}, ratio of steps to 10 %"
    return [
        *(
            Gate(f"steps to 10 %, scale {s:g}, relative error", trials.errors(data, f"scale{s:g}"), c.limit, mean=True)
            for s in lead
        ),
        Gate(f"{what}, scale {small:g}", lead[small], between, above=True),
        Gate(f"{what}, scale {large:g}", lead[large], between, above=True, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Theory over training, one panel a scale."""
    fig, axes = plots.figure(columns=len(c.scales), width=3.2 * len(c.scales) + 1, height=3.2)
    trials.draw(axes, data, {f"scale{s:g}": f"all weights times {s:g}" for s in c.scales})
    return fig
