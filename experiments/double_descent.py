"""Without a ridge the test error peaks at as many samples as functions of a degree; with the best ridge it does not.

Both are predicted from the rates: the peak, its height, and the ridge that removes it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import lfp
from lfp.figures import plots, ticks
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Canatar, Bordelon, Pehlevan, Nature Communications 12 (2021)"
PREDICTED = "test error against the number of samples, without a ridge and with the best one"
CAPTION = "Dashed theory, dots the mean over draws: dark without a ridge, light with the best one of each number."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    dim: int = 30
    samples: tuple[int, ...] = (8, 15, 31, 60, 120)
    noise: float = 0.5
    draws: int = 200
    limit: float = 0.15  # of the error


SMOKE = Config(samples=(8, 31, 90), draws=60, seeds=2, limit=0.3)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Theory, then draws: one degree, 1, with as many functions as dimensions."""
    network, space = lfp.MLP(2, 1, "erf", b_std=0.1), lfp.Sphere(c.dim)
    rates: Any = lfp.spectrum(network, space, 12)
    power = np.array([0.0, 1.0, 0.0, 0.0])
    theory = lfp.learning_curve(rates, np.pad(power, (0, 9)), c.samples, noise=c.noise)

    def mean(n: int, ridge: float, seed: int) -> float:
        drawn = lfp.drawn_curve(network, space, n, power, ridge, c.noise, rates=rates, draws=c.draws, seed=seed)
        return float(drawn.mean.sum()) + c.noise

    def work() -> experiment.Arrays:
        ridge_of = {"drawn": np.zeros(len(c.samples)), "drawn_best": theory.best_ridge}
        rows = {
            name: [[mean(n, float(r), seed) for n, r in zip(c.samples, ridges, strict=True)] for seed in c.each_seed]
            for name, ridges in ridge_of.items()
        }
        return {name: (("seed", "samples"), np.array(values)) for name, values in rows.items()}

    return {
        "samples": (("samples",), np.array(c.samples)),
        "theory": (("samples",), theory.test),
        "theory_best": (("samples",), theory.best_test),
        **stage("drawn", work),
    }


def check(data: Any, c: Config) -> list[Gate]:
    """Theory against draws; a peak where n = 1 + dim; with the best ridge none."""
    off = np.abs(data.theory.values / data.drawn.values - 1).max(axis=1)
    best = np.abs(data.theory_best.values / data.drawn_best.values - 1).max(axis=1)
    peak = int(np.argmin(np.abs(data.samples.values - c.dim - 1)))
    heights = [data[name].values[:, peak] / data[name].values[:, 0] for name in ("drawn", "drawn_best")]
    return [
        Gate("test error without a ridge, theory against draws, relative, largest", off, c.limit),
        Gate("test error with the best ridge, likewise", best, c.limit),
        Gate("test error at 1 + dim samples over that at fewest, without a ridge", heights[0], 1, above=True),
        Gate("the same with the best ridge", heights[1], 1, above=True, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Test error against samples."""
    fig, ax = plots.figure(width=4.2, height=3.0)
    pairs = plots.mode_pairs(3)
    for (colour, dark), name, label in zip(pairs[::2], ("", "_best"), ("no ridge", "best ridge"), strict=True):
        for row in data[f"drawn{name}"].values:
            ax.plot(data.samples, row, "o", ms=3, color=colour, alpha=0.6)
        ax.plot(data.samples, data[f"theory{name}"], color=dark, ls=plots.DASHED)
        ax.plot([], [], "o", color=colour, label=label)
    ax.axvline(c.dim + 1, color="0.8", lw=0.8)
    ax.set(xscale="log", yscale="log", xlabel="samples", ylabel="test error, with noise")
    ticks.log(ax.yaxis)
    ax.legend(fontsize=8)
    return fig
