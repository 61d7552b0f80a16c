"""Inputs at several scales speed the high frequencies up, by as much as the kernel says.

A network that sees x, 2x, 4x, 8x has the sum of four kernels, and higher rates at high frequencies: the remedy for
spectral bias. Both networks have the same number of neurons and take steps of the same share of their largest rate.
The survey shows it for PDEs; here it is a predicted change of the rates on the circle.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Overview, arXiv 2201.07395 (MscaleDNN, 2007.11207)"
PREDICTED = "steps to a tenth of each mode, with one scale of inputs and with four"
CAPTION = "Four scales of inputs bring the fourth mode forward, as much as the kernel says."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    scales: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    modes: tuple[int, ...] = (1, 2, 4)
    points: int = 16
    width: int = 32768
    alpha: float = 100.0
    seeds: int = 8
    limit: float = 0.1  # a tenth of the time


SMOKE = Config(width=4096, seeds=4, limit=0.4)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """A network of one scale, the control, and one of several."""
    problem, arrays = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes), {}
    networks = {
        "plain": lfp.TwoLayer(c.width, "erf", alpha=c.alpha),
        "scaled": lfp.MultiScale(lfp.TwoLayer(c.width // len(c.scales), "erf", alpha=c.alpha), c.scales),
    }
    for name, network in networks.items():
        rates = lfp.spectrum(network, problem).rates
        law = trials.descent(rates, 0.5)
        steps = trials.looks(float(rates[max(c.modes)]), law.lr)
        arrays |= trials.trial(name, network, problem, law, steps, stage, c=c)
    return arrays


def check(data: Any, c: Config) -> list[Gate]:
    """Times as predicted; that of the highest mode with several scales, and with one, about between the two."""
    what = f"steps to 10 % of mode {c.modes[-1]}"
    between = float(np.sqrt(np.prod([trials.times(data, name, "theory")[0, -1] for name in ("plain", "scaled")])))
    return [
        Gate("steps to 10 %, one scale, relative error", trials.errors(data, "plain"), c.limit, mean=True),
        Gate("steps to 10 %, several scales, relative error", trials.errors(data, "scaled"), c.limit, mean=True),
        Gate(f"{what}, several scales", trials.times(data, "scaled")[:, -1], between),
        Gate(f"{what}, one scale", trials.times(data, "plain")[:, -1], between, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Theory over training, one panel a network."""
    fig, axes = plots.figure(columns=2, width=7.0, height=3.2)
    trials.draw(axes, data, {"plain": "one scale", "scaled": "scales " + ", ".join(f"{s:g}" for s in c.scales)})
    return fig
