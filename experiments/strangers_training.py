"""A published training that nobody made lazy: ten networks of ours repeat it, linear theory does not, as was said.

Basri et al. train three hidden layers of 256 relu on y = sin 4t + sin 14t, 1001 points of the circle, y divided by its
norm. Weights are N(0, 1 / (3 fan_in)), hidden biases start at 0, the output has none; full-batch steps of .001 on half
of the sum of squares, lr = 1.001 here. f_0 is kept. The published outputs of one network are left with these shares of
the two modes (least squares on the outputs that come with figure 2 of the paper).
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage, pack, unpack
from lfp.harness.gate import Gate
from lfp.prediction.forecast import BENDS_BELOW, HOLDS_BELOW

PAPER = "Basri, Jacobs, Kasten, Kritchman, NeurIPS 2019, arXiv 1906.00425"
PREDICTED = "mode curves of each network's kernel at its start, and by how far its path bends"
CAPTION = "Share left of modes 4 and 14: ten networks, dashed linear theory of their kernels, crosses as published."
PUBLISHED = {50: (0.4655, 0.9654), 500: (0.0046, 0.8431), 19277: (0.004, 0.0469)}
"""Left of modes 4 and 14 after so many steps, one network."""
AMPLITUDE = 1001**-0.5


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    points: int = 1001
    width: int = 256
    modes: tuple[int, ...] = (4, 14)
    lr: float = 1.001
    looks: tuple[int, ...] = tuple(PUBLISHED)
    seeds: int = 10
    deviations: float = 3.0


SMOKE = Config(points=143, looks=(50, 500), seeds=8)  # modes up to 71


def network(c: Config) -> lfp.Custom:
    """As its authors wrote it."""
    sizes = [(2, c.width), (c.width, c.width), (c.width, c.width), (c.width, 1)]

    def init(key: Any, dim: int) -> Any:  # noqa: ARG001 - points of the circle
        keys = jax.random.split(key, len(sizes))
        weights = [jax.random.normal(k, size) / (3 * size[0]) ** 0.5 for k, size in zip(keys, sizes, strict=True)]
        return weights, [jax.numpy.zeros(size[1]) for size in sizes[:-1]]

    def apply(params: Any, x: Any) -> Any:
        weights, biases = params
        for w, b in zip(weights[:-1], biases, strict=True):
            x = jax.nn.relu(x @ w + b[None, :])
        return (x @ weights[-1])[:, 0]

    return lfp.Custom(init, apply, c.width)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The prediction, then the networks trained."""
    data = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes, AMPLITUDE)
    steps = np.unique(np.concatenate([lfp.log_steps(c.looks[-1], 60), c.looks]))
    law = lfp.GradientDescent(c.lr)
    same: dict[str, Any] = {"seeds": c.seeds, "center": False}
    said = lfp.predict(network(c), data, law, steps, theory="empirical", seed=c.seed, **same)

    assert said.forecast is not None
    forecast = {"expected": ((), said.forecast.largest[1]), "bent": ((), said.forecast.bent)}

    def trained() -> experiment.Arrays:
        run = lfp.train(network(c), data, law, steps, seed=c.seed, **same)
        return pack("training", lfp.probe(run.trajectory, data))

    return pack("theory", lfp.probe(said.theory, data)) | forecast | stage("training", trained)


def at_looks(data: Any, name: str, c: Config) -> Any:
    """Share left of each mode at the published steps: (network, look, mode)."""
    curves = unpack(data, name)
    return np.abs(curves.remaining[:, np.isin(curves.steps, c.looks)])


def check(data: Any, c: Config) -> list[Gate]:
    """The published network is one of ours; it is none of linear theory, and nobody is told that it were."""
    published = np.array([PUBLISHED[look] for look in c.looks])
    theory, training = (at_looks(data, name, c) for name in ("theory", "training"))
    off, wrong = (np.abs(published - some.mean(axis=0)) / some.std(axis=0, ddof=1) for some in (training, theory))
    far = np.abs(unpack(data, "training").remaining - unpack(data, "theory").remaining).max(axis=(1, 2))
    told = float(data.expected) <= HOLDS_BELOW and float(data.bent) <= BENDS_BELOW
    return [
        Gate("published shares, distance from the mean of ours, standard deviations", off.ravel(), c.deviations),
        Gate("largest error of linear theory, D_sup", far, HOLDS_BELOW, above=True),
        Gate("told to hold, 1 or 0", float(told), 0.0),
        Gate(
            "published share of mode 14 at step 500, from the mean of linear theory",
            wrong[1, 1],
            c.deviations,
            control=True,
        ),
    ]


def plot(data: Any, c: Config) -> Any:
    """Both modes over the steps."""
    fig, ax = plots.figure(width=4.6, height=3.0)
    theory, training = unpack(data, "theory"), unpack(data, "training")
    for k, (colour, dark) in enumerate(plots.mode_pairs(len(c.modes))):
        for row in np.abs(training.remaining[:, 1:, k]):
            ax.plot(training.steps[1:], row, color=colour, lw=0.7)
        ax.plot(theory.steps[1:], np.abs(theory.mean()[1:, k]), color=dark, ls=plots.DASHED, label=f"mode {c.modes[k]}")
        seen, label = [PUBLISHED[look][k] for look in c.looks], "published" if k else None
        ax.plot(c.looks, seen, "x", color=dark, ms=7, mew=2, label=label)
    ax.set(xscale="log", yscale="log", ylim=(1e-3, 2), xlabel="step", ylabel="share left")
    ax.legend(loc="lower left")
    return fig
