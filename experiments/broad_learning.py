"""A broad learning system learns low frequencies first, and each block of new nodes lets higher ones in.

Mapped nodes, linear in x, and enhancement nodes, relu of random sums of them, feed one ridge regression. Nodes are
added in blocks, and the inverse of the normal matrix is updated, not computed again. Mode k comes out as L / (L + l)
of itself, l the ridge of so many random nodes; what the mapped nodes add, in modes 0 and 1, is left out of it.
The mapped nodes have orthonormal weights here, without the sparse autoencoder that may refine them, and weights and
bias of an enhancement node have one length: the law is one of Gaussian features (see `random_nodes`).
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Random functional-link networks, arXiv 2304.00957"
PREDICTED = "share of each mode that the system learns, as nodes are added"
CAPTION = "The share of each mode grows with the enhancement nodes as the law (dashed) says: low frequencies first."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    points: int = 32
    modes: tuple[int, ...] = (2, 3, 4, 6)
    mapped: int = 12
    sizes: tuple[int, ...] = (32, 64, 128)
    block: int = 16
    penalty: float = 0.03
    draws: int = 300
    limit: float = 0.05  # a twentieth of a mode
    rounding: float = 1e-9


SMOKE = Config(draws=200, seeds=8, sizes=(32, 64))


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
        streams = [np.random.default_rng(seed) for seed in c.each_seed]
        groups = [[_grow(rng, problem, c) for _ in range(c.draws)] for rng in streams]
        share, gap, stale = (np.array([[one[i] for one in group] for group in groups]) for i in range(3))
        return {
            "training": (("seed", "nodes", "mode"), share.mean(axis=1)),
            "gap": (("seed",), gap.max(axis=1)),
            "stale": (("seed",), stale.min(axis=1)),
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
        size = np.linalg.norm([*(frame @ weights), biases], axis=0) / 3**0.5  # as seen from x
        block = np.maximum((mapped @ weights + biases) / size, 0)
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
    """Shares of the mean system of every seed, the worst mode and size; the update against a refit."""
    off = [trials.gap(data.training, data[name]) for name in ("theory", "infinite")]
    return [
        Gate("share learnt as nodes are added, error", off[0], c.limit, mean=True),
        Gate("the same for the law of infinitely many nodes", off[1], c.limit, control=True, mean=True),
        Gate("updated system against a refit, relative", data.gap.values, c.rounding),
        Gate("the same, the last update left out", data.stale.values, c.rounding, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Share learnt of each mode over the number of enhancement nodes."""
    fig, ax = plots.figure(width=4.4, height=3.2)
    for i, (colour, k) in enumerate(zip(plots.mode_colours(len(c.modes)), c.modes, strict=True)):
        ax.plot(data.nodes, data.training[:, :, i].mean("seed"), "o-", ms=4, color=colour, label=f"mode {k}")
        ax.plot(data.nodes, data.theory[:, i], color="black", lw=1.1, ls=(0, (4, 2)), label="law" if i == 0 else None)
    ax.set(
        xlabel="enhancement nodes", ylabel="share of the mode that is learnt", ylim=(0, 1.05), xticks=data.nodes.values
    )
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig
