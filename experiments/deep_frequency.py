"""Deeper layers see an easier target: what is left for them to learn has more low frequencies.

The effective target of layer l is y as a function of the l-th hidden layer. Its share of low frequencies is measured by
Gaussian filtering on the points of that layer, the width of the filter a share of their spread. Measured only: trained
networks with weights that move have no linear theory. The control is depth without training.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Gate, Stage
from lfp.training import unstack

PAPER = "Overview, arXiv 2201.07395 (deep frequency principle, 2007.14313)"
PREDICTED = "nothing: the share of low frequencies layer by layer is measured"
CAPTION = "Share of low frequencies in the effective target of each layer, before and after training."


@dataclass(frozen=True)
class Config:
    """Settings."""

    points: int = 64
    frequencies: tuple[float, ...] = (2.0, 5.0)
    width: int = 128
    alpha: float = 0.2
    depth: int = 4
    steps: int = 2500
    relative_lr: float = 0.5
    filter: float = 0.02
    seeds: int = 5
    gain: float = 0.3


SMOKE = Config(seeds=2, steps=1000, points=48)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Train, then filter y on the hidden layers, before and after."""
    x = np.linspace(-1, 1, c.points)[:, None]
    points = lfp.domains.merge(x, sum(np.sin(np.pi * k * x[:, 0]) for k in c.frequencies))
    network = lfp.MLP(c.width, c.depth, "relu", alpha=c.alpha)

    def work() -> experiment.Arrays:
        law = lfp.GradientDescent(c.relative_lr / float(lfp.spectrum(network, points).rates[0]))
        run = lfp.train(network, points, law, lfp.log_steps(c.steps, 8), seeds=c.seeds)
        arrays: experiment.Arrays = {}
        for name, params in (("before", run.start), ("after", run.end)):
            low = [[_low(h, points.y, c.filter) for h in _layers(network, one, x)] for one in unstack(params)]
            arrays[name] = (("run", "layer"), np.array(low))
        left = ((run.trajectory.values[:, -1] - points.y) ** 2).mean(axis=1) / (points.y**2).mean()
        return arrays | {"left": (("run",), left)}

    return stage("training", work)


def _layers(network: lfp.MLP, params: Any, x: np.ndarray) -> list[np.ndarray]:
    """The input and the values of every hidden layer."""
    h, layers = jnp.asarray(x), [np.asarray(x)]
    for w, b in params[:-1]:
        h = jax.nn.relu(network.w_std / np.sqrt(len(w)) * (h @ w) + network.b_std * b[None, :])
        layers.append(np.asarray(h, np.float64))
    return layers


def _low(h: np.ndarray, y: np.ndarray, share: float) -> float:
    """Share of y that a Gaussian filter leaves whose variance is a share of the mean squared spread of the points."""
    spread = float(((h - h.mean(axis=0)) ** 2).sum(axis=1).mean())
    low, _ = lfp.measure.gaussian_filter(h, np.asarray(y)[:, None], share * spread)
    return float((low**2).sum() / (np.asarray(y) ** 2).sum())


def check(data: Any, c: Config) -> list[Gate]:
    """What the last hidden layer gains on the input."""
    after, before = (data[name].values[:, -1] - data[name].values[:, 0] for name in ("after", "before"))
    what = "gain of the last hidden layer on the input in the share of low frequencies"
    return [
        Gate(f"{what}, trained", after, c.gain, above=True),
        Gate(f"{what}, untrained", before, c.gain, above=True, control=True),
    ]


def plot(data: Any, c: Config) -> Any:  # noqa: ARG001 - every plot takes its settings
    """Share of low frequencies over the layer."""
    fig, ax = plots.figure(width=3.6, height=3.0)
    for name, colour in (("before", "0.5"), ("after", "#0072B2")):
        values = data[name].values
        layers = np.arange(values.shape[1])
        ax.errorbar(
            layers, values.mean(axis=0), 2 * values.std(axis=0), fmt="o-", ms=4, color=colour, label=f"{name} training"
        )
    ax.set(xlabel="layer (0: the input)", ylabel="share of low frequencies of y", xticks=layers)
    ax.legend(fontsize=8)
    return fig
