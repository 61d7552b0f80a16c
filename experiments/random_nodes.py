"""Networks of random nodes learn low frequencies first: each mode shrinks by a law in the number of nodes.

Only the output weights of a random functional-link network are fitted, by ridge regression. In the mean over the nodes
mode k comes out as L / (L + l) of itself, l a ridge that the finite number of nodes makes larger. The paper states the
bias; the law is that of Jacot et al. (2020), for Gaussian features. Nodes relu(w.x + b) are not, so (w, b) lies on a
sphere here: with Gaussian (w, b), whose length scatters as well, the law leaves twice the error. What is left falls as
1/m, and shows for fewer nodes than points.
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
PREDICTED = "share of each mode that a network of m random nodes learns, in the mean"
CAPTION = "Shares learnt with m nodes on n points (dots) on the law (dashed); with m = n / 2 the law is off."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    points: int = 32
    modes: int = 10
    nodes: tuple[int, ...] = (16, 64, 256)
    rho: float = 1e-4
    draws: int = 400
    limit: float = 0.05  # a twentieth of a mode


SMOKE = Config(draws=150, seeds=2)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The law for every number of nodes, then the mean over many networks."""
    modes = np.arange(1, c.modes + 1)
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, modes.tolist())
    nodes_only = lfp.TwoLayer(2, "relu", a=lfp.Gaussian(0.0))  # E[s s'] alone: nothing else is trained
    rates = lfp.spectrum(nodes_only, problem).rates
    every = jnp.concatenate([rates, rates[1:-1]])  # sine and cosine of each frequency but the first and the last
    laws = [lfp.RandomFeatures(m, c.rho, every) for m in c.nodes]
    once = jnp.ones(1)
    arrays: experiment.Arrays = {
        "mode": (("mode",), modes),
        "nodes": (("nodes",), np.array(c.nodes)),
        "theory": (("nodes", "mode"), np.stack([law.learned(rates[modes], once)[0] for law in laws])),
        "infinite": (("mode",), np.asarray(lfp.Ridge(c.rho).learned(rates[modes], once)[0])),
    }

    def work() -> experiment.Arrays:
        streams = [np.random.default_rng(seed) for seed in c.each_seed]
        found = [[_share(rng, problem, m, c) for m in c.nodes] for rng in streams]
        return {"training": (("seed", "nodes", "mode"), np.array(found))}

    return arrays | stage("fits", work)


def _share(rng: np.random.Generator, problem: Any, m: int, c: Config) -> np.ndarray:
    """The share of each mode in the mean of many fits of the output weights a: min |H a - y|^2 / n + rho |a|^2."""
    nodes = rng.normal(size=(c.draws, 3, m))
    nodes *= 3**0.5 / np.linalg.norm(nodes, axis=1, keepdims=True)
    h = np.maximum(problem.x @ nodes[:, :2] + nodes[:, 2:], 0) / m**0.5
    gram = h @ np.swapaxes(h, 1, 2) + c.points * c.rho * np.eye(c.points)
    a = np.swapaxes(h, 1, 2) @ np.linalg.solve(gram, np.broadcast_to(problem.y[:, None], (c.draws, c.points, 1)))
    fits = lfp.Trajectory(np.arange(c.draws), (h @ a)[None, :, :, 0], problem.x)
    return 1 - lfp.probe(fits, problem).mean().real.mean(axis=0)


def check(data: Any, c: Config) -> list[Gate]:
    """Shares of the mean network of every seed, the worst mode; few nodes and the law of infinitely many must miss."""
    gates = []
    for i, m in enumerate(c.nodes):
        off = trials.gap(data.training[:, i], data.theory[i])
        text = f"share learnt with m = {m / c.points:g} n nodes, error"
        gates.append(Gate(text, off, c.limit, control=m < c.points))
    least = np.flatnonzero(data.nodes.values > c.points)[0]
    off = trials.gap(data.training[:, least], data.infinite)
    return [*gates, Gate("the same for the law of infinitely many nodes, m = 2 n", off, c.limit, control=True)]


def plot(data: Any, c: Config) -> Any:
    """Share learnt of each mode, one colour a number of nodes."""
    fig, ax = plots.figure(width=4.4, height=3.2)
    for i, (colour, m) in enumerate(zip(plots.mode_colours(len(c.nodes)), c.nodes, strict=True)):
        mean = data.training.values[:, i].mean(axis=0)
        ax.plot(data.mode, mean, plots.MARKERS[i] + "-", ms=4, color=colour, label=f"m = {m / c.points:g} n")
        ax.plot(data.mode, data.theory[i], color="black", lw=1.1, ls=(0, (4, 2)), label="law" if i == 0 else None)
    ax.plot(data.mode, data.infinite, color="0.6", ls=":", label="m infinite")
    ax.set(xlabel="mode k", ylabel="share of the mode that is learnt", ylim=(0, 1.05))
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig
