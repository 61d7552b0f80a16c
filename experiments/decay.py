"""Every sine of a sum is learnt at its own rate, whatever the amplitudes.

The target is a sum of sines; the rate of each is known from the kernel before training. Linear theory says that the
step at which a tenth of a mode is left depends on its rate alone: amplitudes, and so the function, change nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import lfp
from lfp import experiment, plotting
from lfp.compare import time_errors
from lfp.experiment import Gate, Stage

PAPER = "Overview, arXiv 2201.07395"
PREDICTED = "steps to a tenth of each sine, for two sets of amplitudes"
CAPTION = "Dashed theory over solid training: each mode keeps its clock when the amplitudes are reversed."


@dataclass(frozen=True)
class Config:
    """Settings."""

    modes: tuple[int, ...] = (1, 3, 5)
    amplitudes: tuple[tuple[float, ...], ...] = ((1.0, 1.0, 1.0), (0.5, 1.0, 2.0))
    points: int = 32
    width: int = 16384
    alpha: float = 100.0
    steps: int = 2000
    seeds: int = 5
    limit: float = 0.1


SMOKE = Config(width=2048, seeds=2, steps=1500, limit=0.25)


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
    steps = lfp.log_steps(c.steps, 120)
    prediction = lfp.predict(problem, network, steps, seeds=c.seeds)
    theory = experiment.pack(f"{name}_theory", lfp.probe(prediction.theory, problem))

    def train() -> experiment.Arrays:
        trained = lfp.train(network, problem, prediction.law, steps, seeds=c.seeds).trajectory
        return experiment.pack(f"{name}_training", lfp.probe(trained, problem))

    return theory | stage(f"training {name}", train)


def check(data: Any, c: Config) -> list[Gate]:
    """Steps to a tenth, the worst mode of every seed."""
    gates = [
        Gate(f"steps to 10 %, amplitudes {values}, relative error", _errors(data, f"set{i}"), c.limit)
        for i, values in enumerate(c.amplitudes)
    ]
    return [*gates, Gate("the same at alpha = .5", _errors(data, "control"), c.limit, control=True)]


def _errors(data: Any, name: str) -> list[float]:
    """The largest relative error of the time to a tenth over the modes, for every seed."""
    theory, training = (experiment.unpack(data, f"{name}_{kind}") for kind in ("theory", "training"))
    return np.minimum(time_errors(theory, training, 0.1).max(axis=1), 1.0).tolist()


def plot(data: Any, c: Config) -> Any:
    """Theory over training, one panel a set of amplitudes."""
    fig, axes = plotting.figure(columns=len(c.amplitudes), width=7.0, height=3.2)
    for i, ax in enumerate(axes):
        theory, training = (experiment.unpack(data, f"set{i}_{kind}") for kind in ("theory", "training"))
        plotting.plot_modes(ax, theory, training, legend=i == len(axes) - 1)
        ax.set_ylabel(ax.get_ylabel() if i == 0 else "")
        ax.set_title("amplitudes " + ", ".join(f"{a:g}" for a in c.amplitudes[i]))
    return fig
