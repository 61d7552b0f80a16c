"""Deeper layers see an easier target: what is left for them to learn has more low frequencies.

The effective target of layer l is y as a function of the l-th hidden layer. Its share of low frequencies is measured by
Gaussian filtering on the points of that layer, the width of the filter a share of their spread. Measured only: trained
networks with weights that move have no linear theory. Depth alone gives some of it; what training adds is the claim.
The control is a network that learns the same with weights that hardly move.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.training import unstack

PAPER = "Overview, arXiv 2201.07395 (deep frequency principle, 2007.14313)"
PREDICTED = "nothing: the share of low frequencies layer by layer is measured"
CAPTION = "Share of low frequencies in the effective target of each layer: training adds to it where weights move."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    points: int = 64
    frequencies: tuple[float, ...] = (2.0, 5.0)
    width: int = 128
    alpha: float = 0.2
    lazy: float = 100.0  # alpha of the control
    depth: int = 4
    steps: int = 2500
    relative_lr: float = 0.5
    filter: float = 0.02
    gain: float = 0.1  # a tenth of the energy of y


SMOKE = Config(seeds=2, steps=1000, points=48)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Train, then filter y on the hidden layers, before and after."""
    x = np.linspace(-1, 1, c.points)[:, None]
    points = lfp.domains.merge(x, sum(np.sin(np.pi * k * x[:, 0]) for k in c.frequencies))

    def work(name: str, alpha: float) -> experiment.Arrays:
        network = lfp.MLP(c.width, c.depth, "relu", alpha=alpha)
        law = trials.descent(lfp.spectrum(network, points), c.relative_lr)
        run = lfp.train(network, points, law, lfp.log_steps(c.steps, 8), seeds=c.seeds, seed=c.seed)
        arrays: experiment.Arrays = {}
        for when, params in (("before", run.start), ("after", run.end)):
            low = [[_low(h, points.y, c.filter) for h in _layers(network, one, x)] for one in unstack(params)]
            arrays[f"{name}_{when}"] = (("run", "layer"), np.array(low))
        return arrays

    rows = {"rich": c.alpha, "lazy": c.lazy}
    return {k: v for row in rows.items() for k, v in stage(f"training, {row[0]}", partial(work, *row)).items()}


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
    """What training adds at the last hidden layer; the input is the same before and after."""
    what = "share of low frequencies that training adds at the last hidden layer"
    rich, lazy = ((data[f"{name}_after"] - data[f"{name}_before"]).values[:, -1] for name in ("rich", "lazy"))
    return [
        Gate(what, rich, c.gain, above=True),
        Gate(f"the same, alpha = {c.lazy:g}", lazy, c.gain, above=True, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Share of low frequencies over the layer."""
    fig, ax = plots.figure(width=3.6, height=3.0)
    layers = np.arange(len(data.layer))
    shown = {
        "lazy_after": (f"after, $\\alpha = {c.lazy:g}$", "#D55E00", "o-"),
        "rich_after": (f"after, $\\alpha = {c.alpha:g}$", "#0072B2", "o-"),
        "rich_before": ("before training", "black", ":"),
    }
    for name, (label, colour, kind) in shown.items():
        values = data[name].values
        ax.errorbar(layers, values.mean(axis=0), 2 * values.std(axis=0), fmt=kind, ms=4, color=colour, label=label)
    ax.set(xlabel="layer (0: the input)", ylabel="share of low frequencies of y", xticks=layers)
    ax.legend(fontsize=8)
    return fig
