"""The error of every degree falls as the rates of the kernel say, once as many samples as it has functions are there.

On the sphere and on the cube, from rates and multiplicities alone, against kernel regression on drawn samples.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Bordelon, Canatar, Pehlevan, arXiv 2002.02561; Simon et al., arXiv 2110.03922"
PREDICTED = "error of every degree at every number of samples"
CAPTION = "Dashed theory, dots the mean over draws: on the left the sphere, on the right the cube."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    dim: int = 16
    degrees: tuple[int, ...] = (1, 2)
    samples: tuple[int, ...] = (10, 30, 100, 300)
    noise: float = 0.25
    draws: int = 100
    limit: float = 0.2  # a fifth of an error, and less than the control is off


SMOKE = Config(samples=(10, 40), draws=40, seeds=2, limit=0.4)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Theory, what it is without its second half, then draws."""
    network, dims = lfp.MLP(2, 1, "relu"), ("seed", "space", "samples", "degree")
    spaces = (lfp.Sphere(c.dim), lfp.Hypercube(c.dim))
    known: list[Any] = [lfp.spectrum(network, space, 12) for space in spaces]
    power = np.isin(np.arange(13), c.degrees).astype(float)
    sizes = (None, 2**c.dim)  # corners are drawn without repetition
    curves = [
        lfp.learning_curve(rates, power, c.samples, noise=c.noise, population=size)
        for rates, size in zip(known, sizes, strict=True)
    ]
    alone = [power * (1 - curve.learnability) ** 2 for curve in curves]
    followed = power[: max(c.degrees) + 1]

    def mean(i: int, n: int, seed: int) -> Any:
        how: dict[str, Any] = {"rates": known[i], "draws": c.draws, "repeated": False}
        drawn = lfp.drawn_curve(network, spaces[i], n, followed, 0.0, c.noise, **how, seed=seed)
        return drawn.mean[0, list(c.degrees)]

    def work() -> experiment.Arrays:
        drawn = [[[mean(i, n, seed) for n in c.samples] for i in range(2)] for seed in c.each_seed]
        return {"drawn": (dims, np.array(drawn))}

    degrees = list(c.degrees)
    return {
        "samples": (("samples",), np.array(c.samples)),
        "theory": (dims[1:], np.stack([curve.excess[:, degrees] for curve in curves])),
        "alone": (dims[1:], np.stack([one[:, degrees] for one in alone])),
        **stage("drawn", work),
    }


def check(data: Any, c: Config) -> list[Gate]:
    """Theory against draws; the control leaves out what noise and other modes feign."""
    off, wrong = (np.abs(data[name].values / data.drawn.values - 1).max(axis=(1, 2, 3)) for name in ("theory", "alone"))
    return [
        Gate("error of each degree, theory against draws, relative, largest", off, c.limit),
        Gate("the same with v (1 - l)^2 for the error of a degree", wrong, c.limit, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Error by degree."""
    fig, axes = plots.figure(2, width=6.4, height=3.0)
    for i, (ax, title) in enumerate(zip(axes, ("sphere", "hypercube"), strict=True)):
        for k, (colour, dark) in enumerate(plots.mode_pairs(len(c.degrees))):
            for row in data.drawn.values[:, i, :, k]:
                ax.plot(data.samples, row, "o", ms=3, color=colour, alpha=0.6)
            ax.plot(data.samples, data.theory.values[i, :, k], color=dark, ls=plots.DASHED, lw=1.2)
            ax.plot([], [], "o", color=colour, label=f"degree {c.degrees[k]}")
        ax.set(xscale="log", yscale="log", xlabel="samples", title=f"{title}, dim {c.dim}")
    axes[0].set(ylabel="error of the degree")
    axes[0].legend(fontsize=8)
    return fig
