"""Training of a small network lowers its error.

Three parts, so that a kill finds some of them done.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER, PREDICTED, CAPTION = "none", "a lower error", "Error over steps."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    steps: int = 60000


SMOKE = Config(seeds=2, steps=30000)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """One training a learning rate."""
    data, steps = lfp.sum_of_modes(lfp.Circle(), 16, [1, 2]), lfp.log_steps(c.steps, 20)

    def trained(lr: float) -> experiment.Arrays:
        law = lfp.MiniBatch(lr, 2, 16, 4.0)
        values = lfp.train(lfp.TwoLayer(64), data, law, steps, seeds=c.seeds, seed=c.seed).trajectory.values
        return {f"error_{lr}": (("seed", "step"), np.abs(values - data.y).max(axis=2))}

    parts = [stage(f"rate {lr}", lambda lr=lr: trained(lr)) for lr in (0.02, 0.05, 0.1)]
    return {"step": (("step",), steps), **parts[0], **parts[1], **parts[2]}


def check(data: Any, c: Config) -> list[Gate]:
    """The error falls to less than a half; it does not within a step."""
    error = data["error_0.1"].values
    return [
        Gate("error left", error[:, -1] / error[:, 0], 0.5),
        Gate("after a step", error[:, 1] / error[:, 0], 0.5, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """The error over the steps."""
    fig, ax = plots.figure()
    ax.plot(data.step, data["error_0.1"].values.T)
    return fig
