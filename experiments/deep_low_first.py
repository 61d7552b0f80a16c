"""A deep network learns a square wave from low to high frequencies, each at the rate of its kernel at the start.

The map of the complex relative error over frequency and step, for three hidden layers. The prediction uses the kernel
of each network at its initialisation and nothing of the training. alpha is so large because one neuron may have its
kink so near to a point that it is crossed (of these five networks one does at alpha = 2000, and is .03 off); so large
an alpha wants float64. The paper trains networks that are not lazy; the control is one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.measure import times_to

PAPER = "F-Principle, arXiv 1901.06523"
PREDICTED = "complex relative error of every frequency at every step"
CAPTION = "Theory beside training of deep networks: bright is not yet learnt, dark is; low frequencies come first."
ORDER = 0.8  # rank correlation: neighbours may change places, since the rates of one network scatter


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    points: int = 48
    modes: tuple[int, ...] = (1, 3, 5, 7, 9, 11)
    width: int = 256
    depth: int = 3
    alpha: float = 20_000.0
    steps: int = 3000
    limit: float = 0.01  # a hundredth of a mode


SMOKE = Config(points=24, modes=(1, 3, 5), width=128, steps=400, seeds=2)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Theory of every network, then its training; then the control."""
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes, [1 / k for k in c.modes])
    network, steps = lfp.MLP(c.width, c.depth, alpha=c.alpha), lfp.log_steps(c.steps, 80)
    own = [lfp.extend(lfp.kernel_at_start(network, 2, seed), problem) for seed in c.each_seed]
    law = lfp.GradientDescent(min(one.descent.lr for one in own))
    theory = _pack("theory", [one.follow(law, steps, problem.x) for one in own], problem)
    for name, alpha in (("training", c.alpha), ("control", 0.5)):

        def work(name: str = name, alpha: float = alpha) -> experiment.Arrays:
            one = lfp.MLP(c.width, c.depth, alpha=alpha)
            how: dict[str, Any] = {"seeds": 1, "dtype": float}
            runs = [lfp.train(one, problem, law, steps, seed=seed, **how).trajectory for seed in c.each_seed]
            return _pack(name, runs, problem)

        theory |= stage(name, work)
    return theory


def _pack(name: str, runs: list[lfp.Trajectory], problem: Any) -> experiment.Arrays:
    """The modes of several runs as arrays to store."""
    values = np.concatenate([one.values for one in runs])
    return experiment.pack(name, lfp.probe(lfp.Trajectory(runs[0].steps, values, runs[0].points), problem))


def check(data: Any, c: Config) -> list[Gate]:
    """Every mode of every seed against its theory; the order of the halves; the control."""
    theory, training, control = (experiment.unpack(data, name).remaining for name in ("theory", "training", "control"))
    off, wrong = (trials.gap(one, theory) for one in (training, control))
    ranks = [spearmanr(c.modes, row).statistic for row in times_to(experiment.unpack(data, "training"))]
    return [
        Gate("complex relative error, training against theory, largest over modes and steps", off, c.limit),
        Gate("steps to a half against frequency, rank correlation", ranks, ORDER, above=True),
        Gate("complex relative error at alpha = .5", wrong, c.limit, control=True),
    ]


def plot(data: Any, c: Config) -> Any:  # noqa: ARG001 - the arrays hold it all
    """Two maps."""
    fig, axes = plots.figure(columns=2, width=7.0, height=2.9)
    plots.plot_heat(axes, *(experiment.unpack(data, name) for name in ("theory", "training")))
    return fig
