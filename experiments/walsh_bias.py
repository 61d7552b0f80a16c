"""On the cube every Walsh function is learnt at the rate of its degree, low degrees first.

The rates follow from the kernel before training: all functions of one degree share one. The target has one function of
every degree. The papers train on samples by Adam; here the data are the whole cube, where the modes do not mix.
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.measure import time_to

PAPER = "Walsh-Hadamard regulariser, arXiv 2305.09779"
PREDICTED = "what is left of the Walsh function of each degree at every step"
CAPTION = "Dashed theory over solid training: one function of each degree, low degrees first."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    dim: int = 8
    degrees: tuple[int, ...] = (1, 2, 3, 4, 5)
    width: int = 4096
    alpha: float = 100.0
    mu: float = 0.9
    steps: int = 400
    limit: float = 0.05  # of a function
    limit_mean: float = 0.1  # kernels of single networks scatter


SMOKE = Config(dim=6, degrees=(1, 2, 3), width=1024, steps=120, seeds=2, limit=0.1, limit_mean=0.3)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Theory by degree; a lazy network, and the control, a network that is not."""
    cube = lfp.Hypercube(c.dim)
    modes = [2**k - 1 for k in c.degrees]  # the first k coordinates
    x, y = cube.points(), np.asarray(cube.synthesise(np.isin(np.arange(2**c.dim), modes).astype(float)))
    network = lfp.TwoLayer(c.width, alpha=c.alpha)
    rates = lfp.spectra.grid_rates(jax.jit(lfp.kernel(network)), cube)
    law, steps = lfp.HeavyBall(trials.step_size(rates, 2), c.mu), lfp.log_steps(c.steps, 80)
    data, dims = lfp.domains.merge(x, y), ("seed", "step", "degree")
    waves = np.stack([np.prod(np.sign(x[:, :k]), axis=1) for k in c.degrees], axis=1)
    own = [lfp.extend(lfp.kernel_at_start(network, c.dim, seed), data).follow(law, steps, x) for seed in c.each_seed]
    arrays: experiment.Arrays = {
        "step": (("step",), steps),
        "theory": (dims[1:], np.asarray(law.factor(rates[np.array(modes)], steps))),
        "own": (dims, np.stack([1 - f.values[0] @ waves / len(y) for f in own])),
    }
    for name, alpha in (("training", c.alpha), ("control", 0.2)):

        def work(name: str = name, alpha: float = alpha) -> experiment.Arrays:
            one = lfp.TwoLayer(c.width, alpha=alpha)
            runs = [lfp.train(one, data, law, steps, seeds=1, seed=seed).trajectory for seed in c.each_seed]
            return {name: (dims, np.stack([1 - f.values[0] @ waves / len(y) for f in runs]))}

        arrays |= stage(name, work)
    return arrays


def check(data: Any, c: Config) -> list[Gate]:
    """Curves of every seed; the order of the degrees; the control."""
    off, wrong = (trials.gap(data[name], data.own) for name in ("training", "control"))
    mean = np.abs(data.training.values.mean(axis=0) - data.theory.values).max()
    half = np.array([[time_to(data.step.values, size) for size in np.abs(one).T] for one in data.training.values])
    return [
        Gate("what is left of each degree, against the kernel at the start, largest", off, c.limit),
        Gate("mean of the networks against the kernel of infinite width, largest", mean, c.limit_mean),
        Gate("steps to a half over those of the degree below, least", trials.later(half), 1, above=True),
        Gate("the same at alpha = .2", wrong, c.limit, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """What is left by degree."""
    fig, ax = plots.figure(width=4.2, height=3.0)
    steps = data.step.values[1:]
    for i, colour in enumerate(plots.mode_colours(len(c.degrees))):
        for row in data.training.values[:, 1:, i]:
            ax.plot(steps, row, color=colour, lw=0.8, alpha=0.5)
        ax.plot([], [], color=colour, label=str(c.degrees[i]))
        ax.plot(steps, data.theory.values[1:, i], color="black", lw=1, ls=(0, (4, 2)))
    ax.set(xscale="log", xlabel="step of the heavy ball", ylabel="what is left of the function")
    ax.legend(title="degree", fontsize=8)
    return fig
