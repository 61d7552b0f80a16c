"""Every sine of a sum is learnt at its own rate, whatever the amplitudes.

The target is a sum of sines; the rate of each is known from the kernel before training. Linear theory says that the
step at which a tenth of a mode is left depends on its rate alone: amplitudes, and so the function, change nothing.
"""

from dataclasses import dataclass
from typing import Any

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Overview, arXiv 2201.07395"
PREDICTED = "steps to a tenth of each sine, for two sets of amplitudes"
CAPTION = "Dashed theory over solid training: each mode keeps its clock when the amplitudes are reversed."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    modes: tuple[int, ...] = (1, 3, 5)
    amplitudes: tuple[tuple[float, ...], ...] = ((1.0, 1.0, 1.0), (0.5, 1.0, 2.0))
    points: int = 32
    width: int = 16384
    alpha: float = 100.0
    steps: int = 2000
    seeds: int = 8
    limit: float = 0.1  # a tenth of the time


SMOKE = Config(width=2048, seeds=4, steps=1500, limit=0.25)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Predict, then train: every set of amplitudes, and the control, a network that is not lazy."""
    arrays: experiment.Arrays = {}
    for i, amplitudes in enumerate(c.amplitudes):
        arrays |= _overlay(c, stage, f"set{i}", amplitudes, c.alpha)
    return arrays | _overlay(c, stage, "control", c.amplitudes[-1], 0.5)


def _overlay(c: Config, stage: Stage, name: str, amplitudes: tuple[float, ...], alpha: float) -> experiment.Arrays:
    """Theory and training of one target as stored arrays."""
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes, amplitudes)
    network = lfp.TwoLayer(c.width, "relu", alpha=alpha)
    law = trials.descent(lfp.spectrum(network, problem))
    return trials.trial(name, network, problem, law, lfp.log_steps(c.steps, 120), stage, c=c)


def check(data: Any, c: Config) -> list[Gate]:
    """Steps to a tenth, the worst mode of every seed; the kernel is that of infinite width, so the mean decides."""
    gates = [
        Gate(f"steps to 10 %, amplitudes {values}, relative error", trials.errors(data, f"set{i}"), c.limit, mean=True)
        for i, values in enumerate(c.amplitudes)
    ]
    return [*gates, Gate("the same at alpha = .5", trials.errors(data, "control"), c.limit, control=True)]


def plot(data: Any, c: Config) -> Any:
    """Theory over training, one panel a set of amplitudes."""
    fig, axes = plots.figure(columns=len(c.amplitudes), width=7.0, height=3.2)
    titles = [f"amplitudes {', '.join(f'{a:g}' for a in one)}" for one in c.amplitudes]
    trials.draw(axes, data, {f"set{i}": title for i, title in enumerate(titles)})
    return fig
