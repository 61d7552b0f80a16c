"""A hashed penalty on the l1 norm of its Walsh spectrum makes a network find a sparse function from few samples.

The target is a sum of five Walsh functions of degrees 1 to 5 on ten bits, known at 200 of 1024 points. Alone, the
network prefers low degrees and fills the rest with noise of all degrees. HashWH is evaluated on 128 points a step.
Measured only: deep networks and Adam are outside of the linear theory; the identity of the hash is exact (tests).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import lfp
from lfp import experiment, plotting
from lfp.experiment import Gate, Stage

PAPER = "Walsh-Hadamard regulariser, arXiv 2305.09779"
PREDICTED = "nothing (measured only): R^2 on the points left out, error by degree"
CAPTION = "With the penalty every degree is found; without it high degrees stay, and noise comes in."


@dataclass(frozen=True)
class Config:
    """Settings."""

    dim: int = 10
    degrees: int = 5
    samples: int = 200
    bits: int = 7
    strengths: tuple[float, ...] = (0.0, 0.01)
    lr: float = 0.01
    steps: int = 1500
    looks: int = 30
    seeds: int = 5
    gain: float = 0.2
    found: float = 0.8


SMOKE = Config(dim=7, degrees=4, samples=56, bits=5, strengths=(0.0, 0.02), steps=300, looks=6, seeds=2, found=0.6)


def target(c: Config, seed: int) -> np.ndarray:
    """y on the cube: a random set of each size, amplitude 1."""
    rng, x = np.random.default_rng(seed), np.sign(lfp.Hypercube(c.dim).points())
    sets = [rng.permutation(c.dim)[: k + 1] for k in range(c.degrees)]
    return sum(np.prod(x[:, one], axis=1) for one in sets)


def init(c: Config, key: Any) -> Any:
    """Weights of n - 10n - 10n - n - 1, in He's scale."""
    sizes = (c.dim, 10 * c.dim, 10 * c.dim, c.dim, 1)
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
    """Adam with and without the penalty, from the same weights and samples."""

    def train(strength: float) -> experiment.Arrays:
        penalty = lfp.HashWH(apply, c.dim, c.bits, levels=(1.0, -1.0))
        x = jnp.asarray(np.sign(lfp.Hypercube(c.dim).points()), jnp.float32)
        fit = jax.jit(lambda *one: _fit(c, penalty, x, *one))
        rows = []
        for seed in range(c.seeds):
            chosen = np.random.default_rng(1000 + seed).permutation(len(x))[: c.samples]
            y = jnp.asarray(target(c, seed), jnp.float32)
            rows.append(fit(jnp.float32(strength), y, jnp.asarray(chosen), jax.random.key(seed)))
        return {"f": (("seed", "look", "point"), np.stack(rows))}

    fits = [stage(f"strength {strength}", lambda s=strength: train(s))["f"][1] for strength in c.strengths]
    scores, errors = zip(*[_judge(c, f) for f in fits], strict=True)
    return {
        "step": (("look",), np.arange(1, c.looks + 1) * (c.steps // c.looks)),
        "score": (("strength", "seed", "look"), np.stack(scores)),
        "error": (("strength", "seed", "look", "degree"), np.stack(errors)),
    }


def _fit(c: Config, penalty: Any, x: Any, strength: Any, y: Any, chosen: Any, key: Any) -> Any:
    """f on the cube at every look."""
    optimiser, start = optax.adam(c.lr), init(c, key)

    def loss(params: Any, key: Any) -> Any:
        return ((apply(params, x[chosen]) - y[chosen]) ** 2).mean() + strength * penalty(key, params)

    def step(carry: Any, key: Any) -> Any:
        params, state = carry
        updates, state = optimiser.update(jax.grad(loss)(params, key), state)
        return (optax.apply_updates(params, updates), state), None

    def look(carry: Any, keys: Any) -> Any:
        carry = jax.lax.scan(step, carry, keys)[0]
        return carry, apply(carry[0], x)

    keys = jax.random.split(jax.random.fold_in(key, 1), (c.looks, c.steps // c.looks))
    return jax.lax.scan(look, (start, optimiser.init(start)), keys)[1]


def _judge(c: Config, fits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R^2 on the points left out, and the squared error by degree on the cube, of every seed and look."""
    cube, scores, errors = lfp.Hypercube(c.dim), [], []
    belongs = (cube.degrees()[:, None] == np.arange(c.dim + 1)).astype(float)
    analyse = jax.jit(lambda rows: jax.lax.map(cube.analyse, rows))
    for seed, f in enumerate(fits):
        y = target(c, seed)
        left = np.random.default_rng(1000 + seed).permutation(len(y))[c.samples :]
        scores.append(1 - ((f - y) ** 2)[:, left].mean(axis=1) / y[left].var())
        errors.append(np.asarray(analyse(np.asarray(f - y, np.float64))) ** 2 @ belongs)
    return np.array(scores), np.array(errors)


def check(data: Any, c: Config) -> list[Gate]:
    """R^2 at the end, with and without."""
    without, with_it = data.score.values[:, :, -1]
    return [
        Gate("R^2 on the points left out, gained by the penalty", with_it - without, c.gain, above=True),
        Gate("R^2 on the points left out, with the penalty", with_it, c.found, above=True),
        Gate("R^2 on the points left out, strength 0", without, c.found, above=True, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """R^2 over the steps; error by degree at the end."""
    fig, (left, right) = plotting.figure(columns=2, width=7.0, height=2.9)
    for i, colour in enumerate(("C1", "C0")):
        label = "HashWH" if c.strengths[i] else "no penalty"
        for row in data.score.values[i]:
            left.plot(data.step.values, row, color=colour, lw=0.8, alpha=0.5)
        left.plot([], [], color=colour, label=label)
        mean = data.error.values[i, :, -1].mean(axis=0)
        right.plot(np.arange(len(mean)), mean, "os"[i] + "-", color=colour, ms=4, label=label)
    left.set(xlabel="step of Adam", ylabel="$R^2$ on points left out", ylim=(-0.5, 1.05))
    right.set(xlabel="degree", ylabel="squared error at the end", yscale="log")
    for ax in (left, right):
        ax.legend(fontsize=8)
    return fig
