"""A broad learning system learns low frequencies first, and each block of new nodes lets higher ones in.

Mapped nodes, linear in x, and enhancement nodes, relu of random sums of them, feed one ridge regression. Nodes are
added in blocks, and the inverse of the normal matrix is updated, not computed again. Mode 0 and 1 belong to the mapped
nodes; the others come out as L / (L + l), l the ridge of so many random nodes. The mapped nodes here have orthonormal
weights; the sparse autoencoder that the broad learning system may refine them with is left out.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

import lfp
from lfp import experiment, plotting
from lfp.experiment import Gate, Stage

PAPER = "Random functional-link networks, arXiv 2304.00957"
PREDICTED = "share of each mode that the system learns, as nodes are added"
CAPTION = "The share of each mode grows with the enhancement nodes as the law (dashed) says: low frequencies first."


@dataclass(frozen=True)
class Config:
    """Settings."""

    points: int = 32
    modes: tuple[int, ...] = (2, 3, 4, 6, 8)
    mapped: int = 12
    blocks: tuple[int, ...] = (64, 64, 64)
    penalty: float = 0.03
    draws: int = 60
    groups: int = 5
    limit: float = 0.05
    rounding: float = 1e-6


SMOKE = Config(draws=60, groups=2, blocks=(64, 64))


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The law for every number of nodes, then systems that grow."""
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes)
    modes, counts = np.array(c.modes), np.cumsum(c.blocks)
    rates = lfp.spectrum(lfp.kernel(lfp.TwoLayer(2, "relu", a=lfp.Gaussian(0.0))), problem).rates
    others = jnp.concatenate([rates[2:], rates[2:-1]])  # modes 0 and 1 are the mapped nodes'
    laws = [lfp.RandomFeatures(int(m), c.penalty / m, others) for m in counts]
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
        share, gap, careless = (np.array([[one[i] for one in group] for group in groups]) for i in range(3))
        return {
            "training": (("group", "nodes", "mode"), share.mean(axis=1)),
            "gap": (("group",), gap.max(axis=1)),
            "careless": (("group",), careless.min(axis=1)),
        }

    return arrays | stage("systems", work)


def _grow(rng: np.random.Generator, problem: Any, c: Config) -> tuple[np.ndarray, float, float]:
    """Shares after every block; how far updated systems are from a refit, and those without overlap."""
    frame = np.linalg.qr(rng.normal(size=(c.mapped, 2)))[0].T
    mapped = problem.x @ frame
    nodes = np.concatenate([np.ones((c.points, 1)), mapped], axis=1)
    inverse = np.linalg.inv(_normal(nodes, c))
    fits, gap, careless = [], 0.0, 0.0
    for size in c.blocks:
        weights, biases = rng.normal(size=(c.mapped, size)), rng.normal(size=size)
        block = np.maximum(mapped @ weights + biases, 0)
        blind = _update(inverse, 0 * nodes, block, c)
        inverse, nodes = _update(inverse, nodes, block, c), np.concatenate([nodes, block], axis=1)
        moment = nodes.T @ problem.y / c.points
        refit = nodes @ np.linalg.solve(_normal(nodes, c), moment)
        fits.append(nodes @ (inverse @ moment))
        gap = max(gap, float(np.abs(fits[-1] - refit).max() / np.abs(refit).max()))
        careless = float(np.abs(nodes @ (blind @ moment) - refit).max() / np.abs(refit).max())
    curves = lfp.probe(lfp.Trajectory(np.arange(len(fits)), np.array(fits)[None], problem.x), problem)
    return 1 - curves.mean().real, gap, careless


def _normal(nodes: np.ndarray, c: Config) -> np.ndarray:
    """A^T A / n + penalty."""
    return nodes.T @ nodes / c.points + c.penalty * np.eye(nodes.shape[1])


def _update(inverse: np.ndarray, nodes: np.ndarray, block: np.ndarray, c: Config) -> np.ndarray:
    """The inverse of the normal matrix with a block of nodes more, by its Schur complement."""
    overlap = nodes.T @ block / c.points
    ahead = inverse @ overlap
    corner = np.linalg.inv(_normal(block, c) - overlap.T @ ahead)
    side = -ahead @ corner
    return np.block([[inverse - side @ ahead.T, side], [side.T, corner]])


def check(data: Any, c: Config) -> list[Gate]:
    """Shares of the mean system, the worst mode and size of every group; the update against a refit."""
    off = [np.abs(data.training.values - data[name].values).max(axis=(1, 2)) for name in ("theory", "infinite")]
    return [
        Gate("share learnt as nodes are added, error", off[0], c.limit),
        Gate("the same for the law of infinitely many nodes", off[1], c.limit, control=True),
        Gate("updated system against a refit, relative", data.gap.values, c.rounding),
        Gate("the same, the overlap of old and new nodes left out", data.careless.values, c.rounding, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Share learnt of each mode over the number of enhancement nodes."""
    fig, ax = plotting.figure(width=4.4, height=3.2)
    for i, (colour, k) in enumerate(zip(plotting.mode_colours(len(c.modes)), c.modes, strict=True)):
        ax.plot(data.nodes, data.training[:, :, i].mean("group"), "o-", ms=4, color=colour, label=f"mode {k}")
        ax.plot(data.nodes, data.theory[:, i], color="black", lw=1.1, ls=(0, (4, 2)), label="law" if i == 0 else None)
    ax.set(
        xlabel="enhancement nodes", ylabel="share of the mode that is learnt", ylim=(0, 1.05), xticks=data.nodes.values
    )
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig
