"""Random nodes first, Jacobi after: nodes take the low modes of a Poisson problem, damped Jacobi the high ones.

-u'' = g on (0, 1), u = 0 at the ends. A network of m random nodes is fitted to the equation by least squares; damped
Jacobi on a grid starts from it. From the error of the network, sine mode by sine mode, the number of iterations
follows without one being run. Too few nodes hurt: they may leave more of the lowest mode than a start from zero.
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
PREDICTED = "number of Jacobi iterations after a start by m random nodes"
CAPTION = "Error of damped Jacobi (solid) on its law (dashed): many nodes save iterations, five nodes may cost some."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    points: int = 63
    modes: tuple[int, ...] = (1, 3, 8)
    amplitudes: tuple[float, ...] = (1.0, 0.5, 0.1)
    nodes: tuple[int, ...] = (5, 20, 40)
    spread: float = 10.0
    omega: float = 2 / 3
    tolerance: float = 1e-3
    longest: int = 12_000
    seeds: int = 20
    saving: float = 1.0  # an order of magnitude


SMOKE = Config(seeds=10)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Starts, from zero and from every number of nodes; the iterations that the law says; the iterations."""
    x = np.arange(1, c.points + 1) / (c.points + 1)
    k = np.arange(1, c.points + 1)
    sines = np.sin(np.pi * np.outer(x, k))
    size = np.zeros(c.points)
    size[np.array(c.modes) - 1] = c.amplitudes
    u, g = sines @ size, sines @ (2 * (c.points + 1) ** 2 * np.asarray(lfp.Jacobi.rates(c.points)) * size)
    starts = np.array(
        [[0 * x, *(_nodes(np.random.default_rng(seed), x, g, m, c) for m in c.nodes)] for seed in c.each_seed]
    )
    error = (starts - u) @ sines * 2 / (c.points + 1)
    curves = np.sqrt(error**2 @ _law(c, lfp.Jacobi(c.omega)).T ** 2)
    arrays: experiment.Arrays = {
        "nodes": (("nodes",), np.array([0, *c.nodes])),
        "scale": ((), np.linalg.norm(size)),
        "theory": (("run", "nodes", "step"), curves),
        "undamped": (("run", "nodes", "step"), np.sqrt(error**2 @ _law(c, lfp.Jacobi(1.0)).T ** 2)),
    }
    return arrays | stage("iterations", lambda: _iterate(c, starts, u, g))


def _law(c: Config, law: lfp.Jacobi) -> np.ndarray:
    """What is left of each sine mode after every number of iterations."""
    return np.asarray(law.factor(law.rates(c.points), jnp.arange(c.longest + 1.0)))


def _nodes(rng: np.random.Generator, x: np.ndarray, g: np.ndarray, m: int, c: Config) -> np.ndarray:
    """u of m random nodes tanh(w x + b), their output weights fitted to -u'' = g inside and u = 0 at the ends."""
    w = rng.uniform(-c.spread, c.spread, m)
    b = -w * rng.uniform(0, 1, m)
    value = lambda t: np.tanh(np.multiply.outer(t, w) + b)  # noqa: E731
    inside = value(x)
    bend = 2 * w**2 * inside * (1 - inside**2)
    system = np.concatenate([bend, np.abs(g).max() * value(np.array([0.0, 1.0]))])
    return inside @ np.linalg.lstsq(system, np.concatenate([g, [0.0, 0.0]]), rcond=1e-12)[0]


def _iterate(c: Config, u: np.ndarray, target: np.ndarray, g: np.ndarray) -> experiment.Arrays:
    """Norm of the error in sine modes, iteration by iteration, all starts side by side."""
    step, sizes = 1 / (c.points + 1), []
    for _ in range(c.longest + 1):
        sizes.append(np.sqrt(2 * step * ((u - target) ** 2).sum(axis=-1)))
        beside = np.pad(u, ((0, 0), (0, 0), (1, 1)))
        jacobi = (beside[..., :-2] + beside[..., 2:] + step**2 * g) / 2
        u = u + c.omega * (jacobi - u)
    return {"training": (("run", "nodes", "step"), np.stack(sizes, axis=-1))}


def check(data: Any, c: Config) -> list[Gate]:
    """Iterations as the law says; many nodes save some, in the mean; five do not, and may cost some."""
    found, said, wrong = (_count(data, c, name) for name in ("training", "theory", "undamped"))
    saved = np.log10(found[:, :1] / np.maximum(found[:, 1:], 1))
    what = "decades of iterations that a start saves on one from zero"
    return [
        Gate("iterations against the law, largest difference", trials.gap(found, said), 0.5),  # whole numbers: none
        Gate("the same for undamped Jacobi", trials.gap(found, wrong), 0.5, control=True),
        *(
            Gate(f"{what}, {m} nodes", saved[:, i], c.saving, above=True, control=i == 0, mean=True)
            for i, m in enumerate(c.nodes)
        ),
        Gate(f"the least of them, {c.nodes[0]} nodes: worse than from zero", saved[:, 0].min(), 0.0),
    ]


def _count(data: Any, c: Config, name: str) -> np.ndarray:
    """First iteration with an error below the tolerance, as many as there are where none is."""
    low = data[name].values <= c.tolerance * float(data.scale)
    return np.where(low.any(axis=-1), low.argmax(axis=-1), low.shape[-1])


def plot(data: Any, c: Config) -> Any:
    """Error over iterations of the first seed, one colour a start."""
    fig, ax = plots.figure(width=4.8, height=3.2)
    steps = np.unique(np.geomspace(1, c.longest, 300).astype(int))
    for i, colour in enumerate(plots.mode_colours(len(data.nodes))):
        label = f"{data.nodes.values[i]} nodes" if i else "from zero"
        ax.plot(steps, data.training[0, i, steps] / data.scale, color=colour, label=label)
        ax.plot(steps, data.theory[0, i, steps] / data.scale, color="black", lw=1.0, ls=(0, (4, 2)))
    ax.axhline(c.tolerance, color="0.6", lw=0.8)
    ax.set(xscale="log", yscale="log", ylim=(1e-5, 30), xlabel="iteration", ylabel="error, relative to the solution")
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig
