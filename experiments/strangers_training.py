"""A training that others published: the forecast does not say that linear theory holds, and our networks follow it.

Basri, Jacobs, Kasten and Kritchman trained three hidden layers of 256 relu neurons on sin 4t + sin 14t, at 1001 even
points of the circle, by 19277 steps of full-batch descent, and published the outputs. Least squares on those gives what
was left of both modes. Nothing there was made lazy: f_0 is kept, and weights move by a tenth or more of their size. Ten
networks of ours of the same description must surround the published one. The control: the kernels at the start, frozen.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage, pack, unpack
from lfp.harness.gate import Gate

PAPER = "Basri et al., arXiv 1906.00425, NeurIPS 2019, figure 2"
PREDICTED = "that frozen kernels fail; what is left of modes 4 and 14"
CAPTION = "Ten networks of ours around the published one (crosses); linear theory, dashed, was not forecast to hold."
MODES = (4, 14)
PUBLISHED = {50: (0.4655, 0.9654), 500: (0.0046, 0.8431), 19277: (0.004, 0.0469)}
"""Of the outputs that were published with the paper: step, and what is left of both modes, one network."""
POINTS, STEP = 1001, 0.001  # of descent on (1/2) sum (f - y)^2, y of Euclidean norm 1


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    width: int = 256
    last: int = 19277
    seeds: int = 10
    forecast_by: int = 2  # networks
    deviations: float = 3.0


SMOKE = Config(last=500, seeds=4, forecast_by=1)


def network(c: Config) -> lfp.Custom:
    """Weights of variance 1 / (3 fan_in), trained as they are; biases from 0; none at the output."""
    sizes = [(2, c.width), (c.width, c.width), (c.width, c.width), (c.width, 1)]

    def init(key: Any, dim: int) -> Any:  # noqa: ARG001 - points of the circle
        keys = jax.random.split(key, len(sizes))
        weights = [jax.random.normal(k, size) / (3 * size[0]) ** 0.5 for k, size in zip(keys, sizes, strict=True)]
        return weights, [jnp.zeros(size[1]) for size in sizes[:-1]]

    def apply(params: Any, x: Any) -> Any:
        weights, biases = params
        for w, b in zip(weights[:-1], biases, strict=True):
            x = jax.nn.relu(x @ w + b[None, :])
        return (x @ weights[-1])[:, 0]

    return lfp.Custom(init, apply, c.width)


def data() -> lfp.Problem:
    """The sum of two sines, of norm 1."""
    plain = lfp.sum_of_modes(lfp.Circle(), POINTS, MODES)
    size = float(np.linalg.norm(plain.y))
    return lfp.sum_of_modes(lfp.Circle(), POINTS, MODES, 1 / size)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Forecast and linear theory of some networks; then all are trained, f_0 kept."""
    model, problem, law = network(c), data(), lfp.GradientDescent(STEP * POINTS)
    steps = np.union1d(lfp.log_steps(c.last, 60), [step for step in PUBLISHED if step <= c.last])

    def before() -> experiment.Arrays:
        settings = {"theory": "empirical", "seeds": c.forecast_by, "seed": c.seed, "center": False}
        said = lfp.predict(model, problem, law, steps, **settings)
        holds = said.forecast is not None and said.forecast.verdict == "holds"
        expected = np.zeros(3) if said.forecast is None else said.forecast.largest
        found = {"holds": ((), float(holds)), "expected": (("quantile",), expected)}
        return found | pack("theory", lfp.probe(said.theory, problem))

    def after() -> experiment.Arrays:
        training = lfp.train(model, problem, law, steps, seeds=c.seeds, seed=c.seed, center=False)
        return pack("training", lfp.probe(training.trajectory, problem))

    return stage("forecast", before) | stage("training", after)


def left(data: Any, name: str, step: int) -> Any:
    """What is left of both modes at a step, of every network, as least squares gives it."""
    curves = unpack(data, name)
    return np.abs(curves.remaining[:, list(curves.steps).index(step)])


def check(data: Any, c: Config) -> list[Gate]:
    """The forecast; the published numbers in deviations of our networks; those of linear theory, which fail."""
    steps = [step for step in PUBLISHED if step <= c.last]
    gates = [Gate("forecast says that linear theory holds, 1 or 0", [float(data["holds"])], 0.5)]
    for step in steps:
        ours = left(data, "training", step)
        off = np.abs(np.array(PUBLISHED[step]) - ours.mean(axis=0)) / ours.std(axis=0, ddof=1)
        gates += [
            Gate(f"published, left of mode {mode} at step {step}, deviations of our networks", [one], c.deviations)
            for mode, one in zip(MODES, off, strict=True)
        ]
    ours, frozen = left(data, "training", 500)[:, 1], left(data, "theory", 500)[:, 1].mean()
    off = abs(PUBLISHED[500][1] - frozen) / ours.std(ddof=1)
    return [*gates, Gate("linear theory, left of mode 14 at step 500, likewise", [off], c.deviations, control=True)]


def plot(data: Any, c: Config) -> Any:
    """Each mode: networks, linear theory, and the published ones as crosses."""
    fig, axes = plots.figure(columns=2, width=7.0, height=3.0)
    theory, training = unpack(data, "theory"), unpack(data, "training")
    for ax, (k, mode) in zip(axes, enumerate(MODES), strict=True):
        for i, run in enumerate(np.abs(training.remaining[:, 1:, k])):
            ax.plot(training.steps[1:], run, color="C0", lw=0.8, alpha=0.6, label="ours" if i == 0 else None)
        ax.plot(theory.steps[1:], np.abs(theory.mean()[1:, k]), ls=plots.DASHED, color="0.2", label="linear theory")
        seen = [(step, values[k]) for step, values in PUBLISHED.items() if step <= c.last]
        ax.plot(*zip(*seen, strict=True), "x", color="C1", ms=7, mew=2, label="published")
        ax.set(xscale="log", yscale="log", xlabel="step", title=f"mode {mode}", ylim=(1e-3, 2))
    axes[0].set_ylabel("left of the mode")
    axes[0].legend(loc="lower left", fontsize=7)
    return fig
