"""The LFP operator predicts the function that a network has learnt, at every time, between the data too.

Two-layer networks of relu and tanh on a line and in a square, lazy, their biases uniform and wide enough to cover the
data: the completed operator K_0 + K_LFP is then the kernel of the infinitely wide network. The paper proves the
equation; a widely quoted form has half the prefactor, which is the control.
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

PAPER = "LFP, arXiv 2010.08153"
PREDICTED = "h(x, t) between the data, relu and tanh, in one and two dimensions"
CAPTION = (
    "Distance of a trained network to the LFP solution (solid) stays near that of its width; half the prefactor fails."
)


@dataclass(frozen=True)
class Config(Settings):
    """Settings; biases are uniform up to `biases`, weights up to 3."""

    activations: tuple[str, ...] = ("relu", "tanh")
    biases: tuple[float, ...] = (4.5, 9.0)
    weights: float = 3.0
    points: tuple[int, ...] = (16, 24)
    width: int = 16384
    alpha: float = 100.0
    steps: int = 1000


SMOKE = Config(activations=("relu",), points=(16,), width=4096, steps=300, seeds=5)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The solution, that with half the prefactor, and the networks, for every activation and dimension."""
    arrays: experiment.Arrays = {}
    looks = lfp.log_steps(c.steps, 30)
    for name, bias in zip(c.activations, c.biases, strict=False):
        for dim, count in enumerate(c.points, 1):
            points, at = _data(dim, count, c.seed)
            w, b, key = lfp.Uniform(c.weights), lfp.Uniform(bias), f"{name}{dim}"
            operator = lfp.Operator(name, w=w, b=b, dim=dim)
            law = trials.descent(lfp.spectrum(operator, points))
            theory = lfp.evolve(operator, points, looks, law=law).at(at)
            network = lfp.TwoLayer(c.width, name, w=w, b=b, alpha=c.alpha)
            arrays[f"{key}_theory"] = (("step", f"at{dim}"), np.asarray(theory))
            arrays[f"{key}_half"] = (("step", f"at{dim}"), _half(operator, points, at, law, looks))
            arrays[f"size{dim}"] = ((), float(np.sqrt(np.mean(np.asarray(points.y) ** 2))))
            task = (network, points, law, looks, at)
            arrays |= stage(f"training {key}", lambda key=key, task=task: _train(c, key, *task))
    return arrays | {"step": (("step",), looks)}


def _train(
    c: Config, key: str, network: lfp.TwoLayer, points: Any, law: Any, looks: np.ndarray, at: np.ndarray
) -> experiment.Arrays:
    """The functions that the networks have learnt, at the points between the data."""
    run = lfp.train(network, points, law, looks, at=at, seeds=c.seeds, seed=c.seed)
    return {f"{key}_training": (("run", "step", f"at{key[-1]}"), run.trajectory.values)}


def _data(dim: int, count: int, seed: int) -> tuple[Any, np.ndarray]:
    """Points of a line or a square, and others between them."""
    if dim == 1:
        x = np.linspace(-1, 1, count)[:, None]
        return lfp.domains.merge(x, np.sin(3 * x[:, 0]) + 0.5 * np.sin(9 * x[:, 0])), np.linspace(-0.97, 0.97, 41)[
            :, None
        ]
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 2))
    y = np.sin(2 * x[:, 0] + x[:, 1]) + 0.5 * np.cos(4 * x[:, 1] - 2 * x[:, 0])
    return lfp.domains.merge(x, y), np.random.default_rng([seed, 1]).uniform(-0.8, 0.8, (41, 2))


def _half(operator: lfp.Operator, points: Any, at: np.ndarray, law: Any, looks: np.ndarray) -> np.ndarray:
    """h with half the prefactor, K_0 + K_LFP / 2, by its eigenvectors."""
    kernel = lambda *p: operator.smooth(*p) + operator.lfp(*p) / 2  # noqa: E731
    x, z = jnp.asarray(points.x), jnp.asarray(at)
    rates, vectors = jnp.linalg.eigh(kernel(x, x) / len(x))
    summed = law.learned(rates, jnp.asarray(looks, float)) / rates[None, :] * (vectors.T @ points.y)[None, :]
    return np.asarray(summed @ vectors.T @ kernel(x, z)) / len(x)


def check(data: Any, c: Config) -> list[Gate]:
    """Distance of each network to the solution; the limit is half of that between the two solutions."""
    gates = []
    for name in c.activations:
        for dim in range(1, len(c.points) + 1):
            key, where = f"{name}{dim}", f"{name}, d = {dim}"
            off = [_distance(data, f"{key}_training", f"{key}_{kind}") for kind in ("theory", "half")]
            nearer = float(_distance(data, f"{key}_theory", f"{key}_half")) / 2
            gates += [
                Gate(f"distance to the LFP solution over all times, {where}, relative to y", off[0], nearer, mean=True),
                Gate(f"the same with half the prefactor, {where}", off[1], nearer, control=True, mean=True),
            ]
    return gates


def _distance(data: Any, one: str, other: str, times: bool = False) -> np.ndarray:
    """Rms over the points between the data and, but for `times`, the log-spaced times, relative to y."""
    gap, dim = data[one].values - data[other].values, one.split("_")[0][-1]
    return np.sqrt((gap**2).mean(axis=-1 if times else (-2, -1))) / float(data[f"size{dim}"])


def plot(data: Any, c: Config) -> Any:
    """On the line: the function at a few steps; in the plane: distance over the steps."""
    fig, axes = plots.figure(columns=2, width=7.0, height=3.2)
    last = len(c.points)
    name, at, shown = c.activations[-1], np.linspace(-0.97, 0.97, 41), [4, 12, 20, -1]
    for colour, i in zip(plots.mode_colours(len(shown)), shown, strict=True):
        mean = data[f"{name}1_training"].values[:, i].mean(axis=0)
        axes[0].plot(at, mean, color=colour, lw=1.6, label=f"step {data.step.values[i]}")
        axes[0].plot(at, data[f"{name}1_theory"].values[i], color="black", lw=1.0, ls=(0, (4, 2)))
    axes[0].set(xlabel="x", ylabel="f(x): training, LFP dashed", title=f"{name}, d = 1")
    axes[0].legend(fontsize=7)
    for name, colour in zip(c.activations, ("#0072B2", "#D55E00"), strict=False):
        for kind, style, text in (("theory", "-", "LFP"), ("half", ":", "half")):
            size = _distance(data, f"{name}{last}_training", f"{name}{last}_{kind}", times=True).mean(axis=0)
            axes[1].plot(data.step[1:], size[1:], style, color=colour, label=f"{name}, {text}")
    axes[1].set(xscale="log", yscale="log", xlabel="step", ylabel="distance, relative to y", title=f"d = {last}")
    axes[1].legend(fontsize=7)
    return fig
