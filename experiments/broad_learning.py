"""A broad learning system learns low frequencies first, and each block of new nodes lets higher ones in.

Mapped nodes, linear in x, and enhancement nodes, relu of random sums of them, feed one ridge regression. Nodes are
added in blocks, and the inverse of the normal matrix is updated, not computed again. Mode k comes out as L / (L + l)
of itself, l the ridge of so many random nodes; what the mapped nodes add, in modes 0 and 1, is left out of it.
The mapped nodes have orthonormal weights here, without the sparse autoencoder that may refine them.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Gate, Stage

PAPER = "Random functional-link networks, arXiv 2304.00957"
PREDICTED = "share of each mode that the system learns, as nodes are added"
CAPTION = "The share of each mode grows with the enhancement nodes as the law (dashed) says: low frequencies first."


@dataclass(frozen=True)
class Config:
    """Settings."""

    points: int = 32
    modes: tuple[int, ...] = (2, 3, 4, 6)
    mapped: int = 12
    sizes: tuple[int, ...] = (64, 128, 256)
    block: int = 16
    penalty: float = 0.03
    draws: int = 150
    groups: int = 5
    limit: float = 0.048
    rounding: float = 1e-9


SMOKE = Config(draws=200, groups=2, sizes=(64, 128))


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The law for every number of nodes, then systems that grow."""
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes)
    modes, counts = np.array(c.modes), np.array(c.sizes)
    rates = lfp.spectrum(lfp.TwoLayer(2, "relu", a=lfp.Gaussian(0.0)), problem).rates
    every = jnp.concatenate([rates, rates[1:-1]])  # sine and cosine
    laws = [lfp.RandomFeatures(int(m), c.penalty / m, every) for m in counts]
    ridges = [lfp.Ridge(c.penalty / m) for m in counts]
    shares = [np.stack([one.learned(rates[modes], jnp.ones(1))[0] for one in kind]) for kind in (laws, ridges)]
    arrays: experiment.Arrays = {
        "mode": (("mode",), modes),
        "nodes": (("nodes",), counts),
        "theory": (("nodes", "mode"), shares[0]),
        "infinite": (("nodes", "mode"), shares[1]),
    }

    def work() -> experiment.Arrays:
        rng = np.random.default_rng(0)
        groups = [[_grow(rng, problem, c) for _ in range(c.draws)] for _ in range(c.groups)]
        share, gap, stale = (np.array([[one[i] for one in group] for group in groups]) for i in range(3))
        return {
            "training": (("group", "nodes", "mode"), share.mean(axis=1)),
            "gap": (("group",), gap.max(axis=1)),
            "stale": (("group",), stale.min(axis=1)),
        }

    return arrays | stage("systems", work)


def _grow(rng: np.random.Generator, problem: Any, c: Config) -> tuple[np.ndarray, float, float]:
    """Shares at every size; how far the updated system is from a refit, and one whose last update is left out."""
    frame = np.linalg.qr(rng.normal(size=(c.mapped, 2)))[0].T
    mapped = problem.x @ frame
    nodes = np.concatenate([np.ones((c.points, 1)), mapped], axis=1)
    inverse = np.linalg.inv(_normal(nodes, c))
    fits, refits, poor = [], [], []
    for _ in range(max(c.sizes) // c.block):
        weights, biases = rng.normal(size=(c.mapped, c.block)), rng.normal(size=c.block)
        block = np.maximum(mapped @ weights + biases, 0)
        nodes = np.concatenate([nodes, block], axis=1)
        last, inverse = inverse, _update(inverse, block)
        if nodes.shape[1] - c.mapped - 1 in c.sizes:  # output weights A^T v: the fit is A A^T v
            solved = (inverse @ problem.y, np.linalg.solve(_normal(nodes, c), problem.y), last @ problem.y)
            for kept, v in zip((fits, refits, poor), solved, strict=True):
                kept.append(nodes @ (nodes.T @ v) / c.points)
    curves = lfp.probe(lfp.Trajectory(np.arange(len(fits)), np.array(fits)[None], problem.x), problem)
    off = [np.abs(np.array(one) - refits).max() / np.abs(refits).max() for one in (fits, poor)]
    return 1 - curves.mean().real, float(off[0]), float(off[1])


def _normal(nodes: np.ndarray, c: Config) -> np.ndarray:
    """A A^T / n + penalty, on the data."""
    return nodes @ nodes.T / c.points + c.penalty * np.eye(c.points)


def _update(inverse: np.ndarray, block: np.ndarray) -> np.ndarray:
    """The inverse with a block of nodes more (Woodbury)."""
    new = block / len(block) ** 0.5
    ahead = inverse @ new
    return inverse - ahead @ np.linalg.solve(np.eye(new.shape[1]) + new.T @ ahead, ahead.T)


def check(data: Any, c: Config) -> list[Gate]:
    """Shares of the mean system, the worst mode and size of every group; the update against a refit."""
    off = [np.abs(data.training.values - data[name].values).max(axis=(1, 2)) for name in ("theory", "infinite")]
    return [
        Gate("share learnt as nodes are added, error", off[0], c.limit),
        Gate("the same for the law of infinitely many nodes", off[1], c.limit, control=True),
        Gate("updated system against a refit, relative", data.gap.values, c.rounding),
        Gate("the same, the last update left out", data.stale.values, c.rounding, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Share learnt of each mode over the number of enhancement nodes."""
    fig, ax = plots.figure(width=4.4, height=3.2)
    for i, (colour, k) in enumerate(zip(plots.mode_colours(len(c.modes)), c.modes, strict=True)):
        ax.plot(data.nodes, data.training[:, :, i].mean("group"), "o-", ms=4, color=colour, label=f"mode {k}")
        ax.plot(data.nodes, data.theory[:, i], color="black", lw=1.1, ls=(0, (4, 2)), label="law" if i == 0 else None)
    ax.set(
        xlabel="enhancement nodes", ylabel="share of the mode that is learnt", ylim=(0, 1.05), xticks=data.nodes.values
    )
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig
