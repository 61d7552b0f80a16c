"""The LFP operator predicts what a network makes of a photograph, frame by frame.

The middle of the photograph `china` as pixels on a square, five wide lazy relu networks, biases uniform and wide enough
to cover the square; heavy ball, whose law is exact too. Its oscillations add up what a rate is off: after 80 steps 2 %
are a quarter of a radian, and 2 % occur at any width that fits here. The paper has no photograph: the claim is its
equation, in two dimensions, on data with all frequencies.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

import lfp
from lfp.domains import read_image
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "LFP, arXiv 2010.08153"
PREDICTED = "the image that a network has learnt, at every step"
CAPTION = "The LFP solution (above) and a trained network (below), step by step: large shapes first."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    size: int = 16
    width: int = 8192
    weights: float = 4.0
    biases: float = 6.0
    alpha: float = 100.0
    momentum: float = 0.9
    steps: int = 300
    shown: tuple[int, ...] = (2, 20, 80, 300)
    seeds: int = 10  # now and then one is twice as far off as the others


SMOKE = Config(size=8, width=16384, steps=30, shown=(2, 20, 30), seeds=5)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The solution for these pixels, that with half the prefactor, and the networks."""
    axis = (2 * np.arange(c.size) + 1) / c.size - 1
    down, across = np.meshgrid(-axis, axis, indexing="ij")
    pixels = read_image("china", c.size).ravel()
    points = lfp.domains.merge(np.stack([across.ravel(), down.ravel()], axis=1), pixels / pixels.std())
    w, b, looks = lfp.Uniform(c.weights), lfp.Uniform(c.biases), np.union1d(lfp.log_steps(c.steps, 25), c.shown)
    operator, x = lfp.Operator("relu", w=w, b=b, dim=2), jnp.asarray(points.x)
    grams = {"theory": operator(x, x), "half": operator.smooth(x, x) + operator.lfp(x, x) / 2}
    spectra = {name: lfp.spectra.gram_spectrum(gram, points.weights) for name, gram in grams.items()}
    law = lfp.HeavyBall(trials.step_size(spectra["theory"]), c.momentum)
    arrays: experiment.Arrays = {"step": (("step",), looks), "target": (("pixel",), np.asarray(points.y))}
    for name, rates in spectra.items():
        learnt = rates.apply(lambda r: law.learned(r, jnp.asarray(looks, float)), jnp.asarray(points.y))
        arrays[name] = (("step", "pixel"), np.asarray(learnt))
    network = lfp.TwoLayer(c.width, "relu", w=w, b=b, alpha=c.alpha)

    def work() -> experiment.Arrays:
        run = lfp.train(network, points, law, looks, seeds=c.seeds, seed=c.seed)
        return {"training": (("run", "step", "pixel"), run.trajectory.values)}

    return arrays | stage("training", work)


def check(data: Any, c: Config) -> list[Gate]:  # noqa: ARG001 - the limit follows from the arrays
    """Distance of every network to the frames, rms over pixels, the worst step; the limit is half of that of both."""
    off, wrong = (_distance(data.training, data[name]).max("step").values for name in ("theory", "half"))
    nearer = float(_distance(data.theory, data.half).max()) / 2
    return [
        Gate("distance to the LFP frames, worst step, relative to the image", off, nearer, mean=True),
        Gate("the same with half the prefactor", wrong, nearer, control=True, mean=True),
    ]


def _distance(one: Any, other: Any) -> Any:
    return np.sqrt(((one - other) ** 2).mean("pixel"))


def plot(data: Any, c: Config) -> Any:
    """Frames and target: theory, and below it the first network."""
    fig, axes = plots.figure(columns=len(c.shown) + 1, rows=2, width=1.4 * (len(c.shown) + 1), height=3.2)
    where = [int(np.flatnonzero(data.step.values == step)[0]) for step in c.shown]
    for row, kind, frames in zip(axes, ("LFP", "network"), (data.theory, data.training[0]), strict=True):
        images = [data.target.values, *frames.values[where]]  # in the greys of the first
        titles = ["target", *(f"{kind}, step {s}" for s in c.shown)]
        plots.plot_images(row, [image.reshape(c.size, c.size) for image in images], titles)
    return fig
