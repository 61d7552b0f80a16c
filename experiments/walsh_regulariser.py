"""A hashed penalty on the l1 norm of its Walsh spectrum makes a network find more of a sparse function of few samples.

The target is a sum of Walsh functions, one of each degree up to a highest, known at few points: 200 of the 1024 of ten
bits. Alone, the network prefers low degrees and fills the rest with noise of all degrees. HashWH is evaluated on 128
points a step, so that 25 and 50 bits, whose cube nobody can transform, cost no more: there R^2 is that of 2000 fresh
points. The step falls to zero, else the noise of mini-batches hides what is found; how much single networks find
scatters, and the mean decides. The control is a penalty as large on the values of the network, at as many points.
Measured only: deep networks and Adam are outside of the linear theory; the hash's identity is exact (tests).
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Walsh-Hadamard regulariser, arXiv 2305.09779"
PREDICTED = "nothing (measured only): R^2 on the points left out, error by degree"
CAPTION = "With the penalty more is found, of high degrees above all; on 25 and 50 bits by the hash alone."
WHOLE = 12  # bits up to which the cube is written out
KINDS = ("no penalty", "HashWH", "values")


class Case(NamedTuple):
    """A cube, the highest degree of its target, samples, hidden neurons, steps, and R^2 that the penalty must gain."""

    dim: int
    degrees: int
    samples: int
    width: int
    steps: int
    gain: float


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    cases: tuple[Case, ...] = (
        Case(10, 5, 200, 100, 1500, 1 / 3),  # a third of the variance
        Case(25, 3, 800, 250, 2000, 0.05),  # a twentieth of it: the network alone finds more than half
        Case(50, 3, 2000, 250, 3000, 0.05),
    )
    fresh: int = 2000
    bits: int = 7
    strength: float = 0.01
    lr: float = 0.01
    looks: int = 25
    batch: int = 256
    seeds: int = 8


SMOKE = Config(cases=(Case(8, 4, 80, 70, 1000, 0.4),), bits=6, looks=5, seeds=6)


def data_of(c: Config, case: Case, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (the cube, or random ones where it is too large), y of amplitude 1 a degree, and which are samples."""
    rng = np.random.default_rng([seed, 0])
    sets = [rng.permutation(case.dim)[: k + 1] for k in range(case.degrees)]
    whole = case.dim <= WHOLE
    x = np.sign(lfp.Hypercube(case.dim).points()) if whole else rng.choice([-1, 1], (case.samples + c.fresh, case.dim))
    chosen = np.random.default_rng([seed, 1]).permutation(len(x))[: case.samples]
    return x, sum(np.prod(x[:, one], axis=1) for one in sets), chosen


def init(case: Case, key: Any) -> Any:
    """Weights of n - width - width - n - 1, in He's scale."""
    sizes = (case.dim, case.width, case.width, case.dim, 1)
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        (jax.random.normal(k, pair, jnp.float32) * (2 / pair[0]) ** 0.5, jnp.zeros(pair[1], jnp.float32))
        for k, pair in zip(keys, pairwise(sizes), strict=True)
    ]


def apply(params: Any, x: jax.Array) -> jax.Array:
    """The network."""
    for w, b in params[:-1]:
        x = jax.nn.leaky_relu(x @ w + b)
    return (x @ params[-1][0] + params[-1][1])[:, 0]


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Adam without a penalty and with it, from the same weights and samples; where the cube is small, the control."""
    arrays: experiment.Arrays = {}
    for case in c.cases:
        kinds = KINDS if case.dim <= WHOLE else KINDS[:2]
        fits = [stage(f"{case.dim} bits, {kind}", partial(_train, c, case, kind))["f"][1] for kind in kinds]
        look = f"look {case.dim}"
        arrays[f"step{case.dim}"] = ((look,), np.arange(1, c.looks + 1) * (case.steps // c.looks))
        arrays[f"score{case.dim}"] = (
            (f"kind {len(kinds)}", "seed", look),
            np.stack([_score(c, case, f) for f in fits]),
        )
        if case.dim <= WHOLE:
            arrays["error"] = (
                (f"kind {len(kinds)}", "seed", look, "degree"),
                np.stack([_degrees(c, case, f) for f in fits]),
            )
    return arrays


def on_values(c: Config, case: Case, key: Any, params: Any) -> Any:
    """The mean of |f| at as many random points as the hash asks for."""
    return jnp.abs(apply(params, jax.random.rademacher(key, (2**c.bits, case.dim), jnp.float32))).mean()


def _train(c: Config, case: Case, kind: str) -> experiment.Arrays:
    """f at all points at every look, of every seed."""
    hashed = lfp.HashWH(apply, case.dim, c.bits, levels=(1.0, -1.0))
    penalty = partial(on_values, c, case) if kind == "values" else hashed
    fit = jax.jit(lambda *one: _fit(c, case, penalty, *one))
    rows = []
    for seed in c.each_seed:
        x, y, chosen = data_of(c, case, seed)
        points = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), jnp.asarray(chosen)
        rows.append(fit(jnp.float32(c.strength * (kind != KINDS[0])), *points, jax.random.key(seed)))
    return {"f": (("seed", "look", "point"), np.stack(rows))}


def _fit(c: Config, case: Case, penalty: Any, strength: Any, x: Any, y: Any, chosen: Any, key: Any) -> Any:
    """f at all points at every look."""
    optimiser, start = optax.adam(optax.cosine_decay_schedule(c.lr, case.steps)), init(case, key)

    def loss(params: Any, key: Any) -> Any:
        draw, hash_key = jax.random.split(key)
        some = jax.random.choice(draw, chosen, (min(c.batch, case.samples),), replace=False)
        return ((apply(params, x[some]) - y[some]) ** 2).mean() + strength * penalty(hash_key, params)

    batches = jax.random.fold_in(key, 1)
    return trials.minimise(loss, start, optimiser, case.steps, batches, c.looks, lambda params: apply(params, x))


def _score(c: Config, case: Case, fits: np.ndarray) -> np.ndarray:
    """R^2 on the points left out, of every seed and look."""
    scores = []
    for seed, f in zip(c.each_seed, fits, strict=True):
        _, y, chosen = data_of(c, case, seed)
        off, rest = np.delete(f - y, chosen, axis=1), np.delete(y, chosen)
        scores.append(1 - (off**2).mean(axis=1) / rest.var())
    return np.array(scores)


def _degrees(c: Config, case: Case, fits: np.ndarray) -> np.ndarray:
    """The squared error by degree on the cube, of every seed and look."""
    cube = lfp.Hypercube(case.dim)
    belongs = (cube.degrees()[:, None] == np.arange(case.dim + 1)).astype(float)
    analyse = jax.jit(lambda rows: jax.lax.map(cube.analyse, rows))
    errors = [np.asarray(f - data_of(c, case, seed)[1], np.float64) for seed, f in zip(c.each_seed, fits, strict=True)]
    return np.array([np.asarray(analyse(one)) ** 2 @ belongs for one in errors])


def check(data: Any, c: Config) -> list[Gate]:
    """R^2 at the end, less that of the same network without a penalty."""
    gates = []
    for case in c.cases:
        without, *others = data[f"score{case.dim}"].values[:, :, -1]
        names = ("gained by the penalty", "gained by one on values")
        for name, found in zip(names, others, strict=False):
            text, control = f"R^2 on points left out, {case.dim} bits, {name}", name == names[1]
            gates.append(Gate(text, found - without, case.gain, above=True, control=control, mean=True))
    return gates


def plot(data: Any, c: Config) -> Any:
    """R^2 over the steps for every cube; error by degree at the end where the cube is known."""
    rows = len(c.cases) // 2 + 1
    fig, axes = plots.figure(columns=2, rows=rows, width=6.8, height=2.7 * rows)
    axes = np.ravel(axes)
    for i, colour in enumerate(("#D55E00", "#0072B2")):
        for ax, case in zip(axes, c.cases, strict=False):
            for row in data[f"score{case.dim}"].values[i]:
                ax.plot(data[f"step{case.dim}"].values, row, color=colour, lw=1.0, alpha=0.6)
            ax.set(xlabel="step of Adam", title=f"{case.dim} bits", ylim=(-0.1, 1.05))
        mean = data.error.values[i, :, -1].mean(axis=0)
        axes[-1].plot(np.arange(len(mean)), mean, "os"[i] + "-", color=colour, ms=4, label=KINDS[i])
    for ax in axes[:-1:2]:
        ax.set_ylabel("$R^2$ on points left out")
    axes[-1].set(xlabel="degree", ylabel="squared error at the end", yscale="log", title=f"{c.cases[0].dim} bits")
    axes[-1].legend(fontsize=8)
    return fig
