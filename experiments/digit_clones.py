"""A clone of digits that knows only their means parts from them early; one with covariances hardly, and later.

Odd against even digits. The isotropic clone has the mean and the total variance of each digit, the Gaussian clone its
covariance as well. Networks are trained on a clone and tested on real digits; the linear theory predicts these losses
from the clone's points alone, for a shallow and a deep network. Networks here are lazy; the paper's are not, and its
images are larger.
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import lfp
from lfp.domains import read_digits
from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Gate, Stage

PAPER = "Distributions of increasing complexity, arXiv 2211.11567"
PREDICTED = "loss on real digits of networks trained on real digits and on their clones"
CAPTION = "Dashed theory over solid training: the isotropic clone parts from real digits, the Gaussian one hardly."
SOURCES = ("isotropic", "Gaussian", "real", "more real")


@dataclass(frozen=True)
class Config:
    """Settings."""

    samples: int = 400
    test: int = 500
    width: int = 1024
    deep_width: int = 256
    depth: int = 3  # 0: the shallow network alone
    alpha: float = 30.0
    mu: float = 0.9
    steps: int = 200
    seeds: int = 5
    apart: float = 0.04
    limit: float = 0.06


SMOKE = Config(depth=0, steps=40, seeds=1, apart=0.03, limit=0.03)


def sources(c: Config, seed: int) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], tuple[np.ndarray, np.ndarray]]:
    """Training data by source, and the test data: pixels and odd (1) or even (-1). Moments are of all digits."""
    (x, shown), rng = read_digits(), np.random.default_rng(seed)
    order = rng.permutation(len(x))
    some, more, test = order[: c.samples], order[c.samples : 2 * c.samples], order[-c.test :]
    isotropic, gaussian = np.empty((2, c.samples, x.shape[1]))
    for digit in range(10):
        of, rows = x[shown == digit], shown[some] == digit
        mean, covariance = of.mean(axis=0), np.cov(of.T)
        noise = rng.normal(size=(rows.sum(), x.shape[1]))
        isotropic[rows] = mean + noise * np.sqrt(np.trace(covariance) / x.shape[1])
        size, vectors = np.linalg.eigh(covariance)
        gaussian[rows] = mean + noise * np.sqrt(np.maximum(size, 0)) @ vectors.T
    y = np.where(shown % 2, 1.0, -1.0)
    made = zip(SOURCES, [isotropic, gaussian, x[some], x[more]], [y[some]] * 3 + [y[more]], strict=True)
    return {name: (points, labels) for name, points, labels in made}, (x[test], y[test])


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Theory and training for every network, seed and source."""
    networks: dict[str, Any] = {"two layers": lfp.TwoLayer(c.width, alpha=c.alpha)}
    if c.depth:
        networks[f"{c.depth + 1} layers"] = lfp.MLP(c.deep_width, c.depth, alpha=c.alpha)
    steps, losses = lfp.log_steps(c.steps, 50), []
    for name, network in networks.items():
        kernel = jax.jit(lfp.kernel(network))
        for seed in range(c.seeds):
            work = lambda seed=seed, network=network, kernel=kernel: _losses(c, network, kernel, seed, steps)  # noqa: E731
            losses.append(stage(f"{name} seed {seed}", work)["loss"][1])
    shape = (len(networks), c.seeds, 2, len(SOURCES), len(steps))
    return {
        "step": (("step",), steps),
        "loss": (("network", "seed", "kind", "source", "step"), np.reshape(losses, shape)),
    }


def _losses(c: Config, network: Any, kernel: Any, seed: int, steps: np.ndarray) -> experiment.Arrays:
    """Loss on real digits, predicted and trained, for every source."""
    made, (test, y) = sources(c, seed)
    law, rows = None, []
    for points, labels in made.values():
        data = lfp.domains.merge(points, labels)
        known = lfp.extend(kernel, data)
        law = law or lfp.HeavyBall(known.descent.lr, c.mu)
        theory = known.follow(law, steps, test).values[0]
        trained = lfp.train(network, data, law, steps, at=test, seeds=1, seed=seed).trajectory.values[0]
        rows.append([((f - y) ** 2).mean(axis=1) / 2 for f in (theory, trained)])
    return {"loss": (("kind", "source", "step"), np.swapaxes(rows, 0, 1))}


def check(data: Any, c: Config) -> list[Gate]:
    """Losses against theory; steps at which clones part; more real digits, which must not part."""
    loss, steps = data.loss.values, data.step.values
    off = np.abs(loss[:, :, 1] - loss[:, :, 0]).max(axis=(0, 2, 3))
    swapped = np.abs(loss[:, :, 1, 0] - loss[:, :, 0, 1]).max(axis=(0, 2))
    gaps = loss[:, :, 1, :, :] - loss[:, :, 1, 2:3, :]
    parted = np.where((gaps > c.apart).any(axis=-1), steps[(gaps > c.apart).argmax(axis=-1)], 2 * steps[-1])
    later = (parted[:, :, 1] / parted[:, :, 0]).min(axis=0)
    end = gaps[:, :, :, -1].min(axis=0)
    return [
        Gate("loss on real digits, training against theory, largest", off, c.limit),
        Gate("the isotropic clone against the theory of the Gaussian one", swapped, c.limit, control=True),
        Gate(
            "step at which the Gaussian clone parts (never: twice the run) over that of the isotropic",
            later,
            1.2,
            above=True,
        ),
        Gate("final loss above that of real digits, isotropic clone", end[:, 0], c.apart, above=True),
        Gate("the same of other real digits", end[:, 3], c.apart, above=True, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Losses over the steps, a panel a network."""
    fig, axes = plots.figure(columns=len(data.network), width=7.0, height=2.9)
    axes = np.atleast_1d(axes)
    steps, mean = data.step.values[1:], data.loss.values.mean(axis=1)[..., 1:]
    for i, ax in enumerate(axes):
        for j, colour in enumerate(plots.mode_colours(3)):
            ax.plot(steps, mean[i, 1, j], color=colour, lw=1.8, label=SOURCES[j])
            ax.plot(steps, mean[i, 0, j], color="black", lw=1, ls=(0, (4, 2)), label="theory" if j == 2 else None)
        ax.set(xscale="log", xlabel="step of the heavy ball", title=("two layers", f"{c.depth + 1} layers")[i])
    axes[0].set_ylabel("loss on real digits")
    axes[-1].legend(fontsize=8)
    return fig
