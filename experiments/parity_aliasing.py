"""Samples of a parity alias onto every frequency of the cube, with a variance known beforehand, and mislead training.

From s of the 2^n points, drawn without replacement, a function F with mean square 1 shows at frequency S the power
E |F_S|^2 = |F|^2 + (1/s) ((2^n - s) / (2^n - 1)) (1 - |F|^2). Of a parity that is what is learnt first, since its own
frequency is the slowest: on the points left out the network becomes wrong, as its kernel at the start says. The paper's
narrow networks leave the linear regime later and grok; that is outside of this theory.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Grokking, arXiv 2405.17479"
PREDICTED = "power of the samples at every frequency; energy by degree that a network learns of them, its test loss"
CAPTION = "Dashed theory over solid training: samples of a parity teach low degrees, and the test loss rises."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    dim: int = 10
    sizes: tuple[int, ...] = (128, 256, 512, 900)
    draws: int = 400
    low: int = 4  # degrees 1 to this are looked at
    train: int = 512
    width: int = 2048
    alpha: float = 50.0
    mu: float = 0.9
    steps: int = 300
    limit: float = 0.05  # of the energy of the parity
    limit_loss: float = 0.1  # of the loss at the start
    rise: float = 1.05  # by a twentieth


SMOKE = Config(
    dim=6, sizes=(16, 48), draws=2000, low=2, train=32, width=2048, steps=60, seeds=2, limit=0.15, limit_loss=0.4
)


def aliasing(c: Config, s: int, full: float) -> float:
    """E |F_S|^2 of s samples where the whole cube has `full`."""
    n = 2**c.dim
    return full + (n - s) / (n - 1) / s * (1 - full)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Powers of many samples; theory and training on one sample a seed."""
    cube = lfp.Hypercube(c.dim)
    x = cube.points()
    y = np.prod(np.sign(x), axis=1)
    powers = [_powers(c, s, y) for s in c.sizes]
    steps = lfp.log_steps(c.steps, 60)
    arrays = trials.seed_by_seed(c, stage, "training", partial(_seed, c, x, y, steps))
    return arrays | {"step": (("step",), steps), "power": (("size", "draw"), powers)}


def _powers(c: Config, s: int, y: np.ndarray) -> np.ndarray:
    """Mean of |F_S|^2 over the frequencies of low degree, for every draw of s points."""
    cube = lfp.Hypercube(c.dim)
    low = (cube.degrees() >= 1) & (cube.degrees() <= c.low)
    rng = np.random.default_rng([c.seed, s])
    sampled = np.zeros((c.draws, len(y)))
    for row in sampled:
        chosen = rng.permutation(len(y))[:s]
        row[chosen] = y[chosen] * len(y) / s
    found = jax.jit(lambda rows: jax.lax.map(cube.analyse, rows))(sampled)
    return (np.asarray(found)[:, low] ** 2).mean(axis=1)


def _seed(c: Config, x: np.ndarray, y: np.ndarray, steps: np.ndarray, seed: int) -> experiment.Arrays:
    """Test loss and energies by degree on the cube, predicted and trained, from one sample of the parity."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(x))[: c.train])
    network = lfp.TwoLayer(c.width, alpha=c.alpha)
    data = lfp.domains.merge(x[chosen], y[chosen])
    known = lfp.extend(lfp.kernel_at_start(network, c.dim, seed), data)
    law = lfp.HeavyBall(2 * known.descent.lr, c.mu)
    theory = known.follow(law, steps, x).values[0]
    trained = lfp.train(network, data, law, steps, at=x, seeds=1, seed=seed).trajectory.values[0]
    left = np.setdiff1d(np.arange(len(x)), chosen)
    arrays: experiment.Arrays = {}
    for name, f in (("theory", theory), ("training", trained)):
        arrays[f"{name}_test"] = (("step",), ((f - y) ** 2)[:, left].mean(axis=1))
        arrays[f"{name}_train"] = (("step",), ((f - y) ** 2)[:, chosen].mean(axis=1))
        arrays[f"{name}_energy"] = (("step", "degree"), _energies(c, f))
    return arrays


def _energies(c: Config, f: np.ndarray) -> np.ndarray:
    """Energy of every row by degree."""
    cube = lfp.Hypercube(c.dim)
    belongs = cube.degrees()[:, None] == np.arange(c.dim + 1)
    return np.stack([np.asarray(cube.analyse(row)) ** 2 for row in f]) @ belongs


def check(data: Any, c: Config) -> list[Gate]:
    """The variance against its formula, with and without its correction; training against theory."""
    mean = data.power.values.mean(axis=1)
    formula = np.array([aliasing(c, s, 0.0) for s in c.sizes])
    plain = np.array([1 / s for s in c.sizes])
    off = trials.gap(data.training_energy, data.theory_energy)
    loss = trials.gap(data.training_test, data.theory_test)
    return [
        Gate(
            f"power at degrees 1 to {c.low} over the formula - 1, a number a sample size", abs(mean / formula - 1), 0.02
        ),
        Gate("the same without the correction for a finite cube", abs(mean / plain - 1), 0.02, control=True),
        Gate("energy by degree, training against theory, largest", off, c.limit),
        Gate("test loss, training against theory, largest", loss, c.limit_loss),
        Gate("test loss at the end, start = 1", data.training_test.values[:, -1], c.rise, above=True),
        Gate("training loss at the end", data.training_train.values[:, -1], c.rise, above=True, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Aliased power against sample size; losses."""
    fig, (left, right) = plots.figure(columns=2, width=7.0, height=2.9)
    left.plot(c.sizes, data.power.values.mean(axis=1), "o", color="C0", label="measured")
    sizes = np.arange(min(c.sizes) // 2, 2**c.dim)
    left.plot(sizes, [aliasing(c, s, 0.0) for s in sizes], color="black", lw=1, ls=(0, (4, 2)), label="formula")
    left.plot(sizes, 1 / sizes, color="0.6", lw=1, ls=":", label="1 / s")
    left.set(xscale="log", yscale="log", xlabel="number of samples s", ylabel="power at a wrong frequency")
    steps = data.step.values[1:]
    for name, colour in zip(("test", "train"), plots.mode_colours(2), strict=True):
        for row in data[f"training_{name}"].values:
            right.plot(steps, row[1:], color=colour, lw=0.8, alpha=0.5)
        right.plot([], [], color=colour, label="left-out points" if name == "test" else "samples")
        mean = data[f"theory_{name}"].values.mean(axis=0)[1:]
        right.plot(steps, mean, color="black", lw=1.1, ls=(0, (4, 2)), label="theory" if name == "train" else None)
    right.set(xscale="log", xlabel="step of the heavy ball", ylabel="loss of the parity")
    for ax in (left, right):
        ax.legend(fontsize=8)
    return fig
