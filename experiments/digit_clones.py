"""A clone of digits that knows only their means parts from them early; one with covariances hardly, and later.

Odd against even digits. The isotropic clone has the mean and the total variance of each digit, the Gaussian clone its
covariance as well. Networks are trained on a clone and tested on real digits; the linear theory predicts these losses
from the clone's points and the kernel of each network at its start, for a shallow and a deep network. Networks here are
lazy; the paper's are not, and its images are larger.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import lfp
from lfp.domains import read_digits
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Distributions of increasing complexity, arXiv 2211.11567"
PREDICTED = "loss on real digits of networks trained on real digits and on their clones"
CAPTION = "Dashed theory over solid training: the isotropic clone parts from real digits, the Gaussian one hardly."
SOURCES = ("isotropic", "Gaussian", "real", "more real")


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    samples: int = 400
    test: int = 300
    width: int = 512
    deep_width: int = 256
    depth: int = 2  # 0: the shallow network alone
    alpha: float = 30.0
    mu: float = 0.9
    steps: int = 200
    seeds: int = 8
    apart: float = 0.04  # above the scatter of more real digits
    limit: float = 0.025  # a twentieth of the loss at the start


SMOKE = Config(depth=0, width=128, steps=100, seeds=6, limit=0.015)


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
        work = partial(_losses, c, network, steps)
        losses.append(trials.seed_by_seed(c, stage, name, work)["loss"][1])
    return {
        "step": (("step",), steps),
        "loss": (("network", "seed", "kind", "source", "step"), np.array(losses)),
    }


def _losses(c: Config, network: Any, steps: np.ndarray, seed: int) -> experiment.Arrays:
    """Loss on real digits, predicted and trained, for every source."""
    made, (test, y) = sources(c, seed)
    kernel, law, rows = lfp.kernel_at_start(network, test.shape[1], seed), None, []
    for name, (points, labels) in made.items():
        data = lfp.domains.merge(points, labels)
        theory = np.full((len(steps), len(test)), np.nan)
        if name != "more real":  # measured only, as a control
            known = lfp.extend(kernel, data)
            law = law or lfp.HeavyBall(known.descent.lr, c.mu)
            theory = known.follow(law, steps, test).values[0]
        trained = lfp.train(network, data, law, steps, at=test, seeds=1, seed=seed).trajectory.values[0]
        rows.append([((f - y) ** 2).mean(axis=1) / 2 for f in (theory, trained)])
    return {"loss": (("kind", "source", "step"), np.swapaxes(rows, 0, 1))}


def check(data: Any, c: Config) -> list[Gate]:
    """Losses against theory; steps at which clones part; more real digits, which must not part."""
    loss, steps = data.loss.values, data.step.values
    off = np.nanmax(np.abs(loss[:, :, 1] - loss[:, :, 0]), axis=(0, 2, 3))
    swapped = np.abs(loss[:, :, 1, 0] - loss[:, :, 0, 1]).max(axis=(0, 2))
    gaps = loss[:, :, 1, :, :] - loss[:, :, 1, 2:3, :]
    parted = np.where((gaps > c.apart).any(axis=-1), steps[(gaps > c.apart).argmax(axis=-1)], 2 * steps[-1])
    later = np.log10(parted[:, :, 1] / parted[:, :, 0]).min(axis=0)
    end = gaps[:, :, :, -1].min(axis=0)
    return [
        Gate("loss on real digits, training against theory, largest", off, c.limit),
        Gate("the isotropic clone against the theory of the Gaussian one", swapped, c.limit, control=True, mean=True),
        Gate(
            "decades of steps that the Gaussian clone parts later (never: twice the run)", later, 0.1, True, mean=True
        ),
        Gate("final loss above that of real digits, isotropic clone", end[:, 0], c.limit, above=True, mean=True),
        Gate("the same of other real digits", end[:, 3], c.limit, above=True, control=True, mean=True),
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
