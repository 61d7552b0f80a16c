"""Networks whose initial weights are eight times too large learn digits by heart first and understand them later.

Two hidden layers, squared loss, Adam with weight decay, 150 digits. With large weights the test accuracy follows the
training accuracy late, when the decay has shrunk the weights; with ordinary ones both rise together. Measured only:
decay of the weights themselves changes the kernel, which the linear theory holds fixed. The paper shows MNIST.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lfp.domains import read_digits
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Grokking, arXiv 2405.17479"
PREDICTED = "nothing (measured only): accuracies in training and test"
CAPTION = "Large initial weights: the test accuracy rises late; ordinary ones: at once."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    scales: tuple[float, ...] = (8.0, 1.0)
    samples: int = 150
    test: int = 600
    width: int = 64
    lr: float = 0.01
    decay: float = 0.04
    steps: int = 6000
    looks: int = 60
    seeds: int = 10
    learnt: float = 0.75
    late: float = 0.5  # by heart: fewer than half of the others
    delay: float = 1.25  # a quarter later
    end: float = 0.7  # seven times chance


SMOKE = Config(steps=4000, looks=40, seeds=4, end=0.4)


def apply(params: Any, x: Any) -> Any:
    """The network."""
    for w, b in params[:-1]:
        x = jax.nn.relu(x @ w + b)
    return x @ params[-1][0] + params[-1][1]


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Accuracies of every scale and seed."""

    def train(scale: float) -> experiment.Arrays:
        (x, shown), fit, rows = read_digits(), jax.jit(lambda *one: _fit(c, *one)), []
        for seed in c.each_seed:
            order = np.random.default_rng(seed).permutation(len(x))[: c.samples + c.test]
            points, labels = jnp.asarray(x[order], jnp.float32), jnp.asarray(shown[order])
            rows.append(fit(jnp.float32(scale), points, labels, jax.random.key(seed)))
        return {"accuracy": (("seed", "look", "where"), np.stack(rows))}

    found = [stage(f"scale {scale}", lambda s=scale: train(s))["accuracy"][1] for scale in c.scales]
    return {
        "step": (("look",), np.arange(1, c.looks + 1) * (c.steps // c.looks)),
        "accuracy": (("scale", "seed", "look", "where"), np.stack(found)),
    }


def _fit(c: Config, scale: Any, x: Any, shown: Any, key: Any) -> Any:
    """(training, test) accuracy at every look."""
    sizes, optimiser = (x.shape[1], c.width, c.width, 10), optax.adamw(c.lr, weight_decay=c.decay)
    start = [
        (scale * jax.random.normal(k, pair, jnp.float32) / pair[0] ** 0.5, jnp.zeros(pair[1], jnp.float32))
        for k, pair in zip(jax.random.split(key, 3), pairwise(sizes), strict=True)
    ]
    y = jax.nn.one_hot(shown[: c.samples], 10, dtype=jnp.float32)

    def look(params: Any) -> Any:
        right = (apply(params, x).argmax(axis=1) == shown).astype(jnp.float32)
        return jnp.stack([right[: c.samples].mean(), right[c.samples :].mean()])

    loss = lambda params, _: ((apply(params, x[: c.samples]) - y) ** 2).mean()  # noqa: E731
    return trials.minimise(loss, start, optimiser, c.steps, key, c.looks, look)


def check(data: Any, c: Config) -> list[Gate]:
    """How late the test accuracy is, in the mean: some starts are slow; ordinary weights, where it is not."""
    accuracy, steps = data.accuracy.values, data.step.values
    half = (accuracy >= 0.5).argmax(axis=2)
    reached = (accuracy >= 0.5).any(axis=2).all(axis=2)
    delay = np.where(reached, steps[half[..., 1]] / steps[half[..., 0]], np.nan)
    when = (accuracy[..., 0] >= c.learnt).argmax(axis=2)
    then = np.take_along_axis(accuracy[..., 1], when[..., None], axis=2)[..., 0]
    large, ordinary = c.scales
    return [
        Gate(f"steps to half, test over training, scale {large:g}", delay[0], c.delay, above=True, mean=True),
        Gate(f"the same at scale {ordinary:g}", delay[1], c.delay, above=True, control=True),
        Gate(f"test accuracy when that in training reaches {c.learnt}, scale {large:g}", then[0], c.late, mean=True),
        Gate(f"the same at scale {ordinary:g}", then[1], c.late, control=True),
        Gate(f"test accuracy at the end, scale {large:g}", accuracy[0, :, -1, 1], c.end, above=True, mean=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Accuracies over the steps, a panel a scale."""
    fig, axes = plots.figure(columns=2, width=7.0, height=2.9)
    for ax, scale, found in zip(axes, c.scales, data.accuracy.values, strict=True):
        for i, (name, colour) in enumerate(zip(("training", "test"), ("0.45", "C0"), strict=True)):
            ax.plot(data.step.values, found[:, :, i].T, color=colour, lw=0.9, alpha=0.7)
            ax.plot([], [], color=colour, label=name)
        ax.set(xscale="log", xlabel="step of Adam", ylim=(0, 1.03), title=f"initial weights x {scale:g}")
    axes[0].set_ylabel("accuracy")
    axes[1].legend(fontsize=8, loc="lower right")
    return fig
