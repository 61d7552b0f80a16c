"""A network groks sin 6x when its samples make a low frequency of it: the test loss rises before it falls.

Of 65 samples of sin 6x, 20 lie where sin x takes the same value and 10 where sin 3x does: on them the data look like
sin x, which is learnt first, and is wrong everywhere else. The linear theory knows the function between the samples,
so it predicts both losses; evenly spaced samples alias nothing low, and nothing rises. The paper trains narrower
networks on an interval and counts frequencies; here networks are lazy, on the circle.
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Grokking, arXiv 2405.17479"
PREDICTED = "training loss, test loss and the spurious sine at every step"
CAPTION = "Dashed theory over solid training: chosen samples grok; even ones, few or many, do not."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    mode: int = 6
    like: tuple[tuple[int, int], ...] = ((1, 20), (3, 10))  # (mode, how many samples that look like it)
    even: int = 35
    many: int = 1000  # 0: left out
    width: int = 8192
    alpha: float = 50.0
    steps: int = 1000
    steps_many: int = 150
    limit: float = 0.05  # of the loss at the start
    rise: float = 1.05  # by a twentieth


SMOKE = Config(width=2048, many=0, steps=400, seeds=4, limit=0.09)


def samples(c: Config) -> dict[str, np.ndarray]:
    """The angles of every case."""
    grid = lfp.Circle().grid(10_000)
    gaps = {k: np.abs(np.sin(k * grid) - np.sin(c.mode * grid)) for k, _ in c.like}
    near = [grid[np.argsort(gaps[k], kind="stable")[:count]] for k, count in c.like]
    chosen = np.concatenate([*near, lfp.Circle().grid(c.even)])  # some points twice
    cases = {"chosen": chosen, "even": lfp.Circle().grid(len(np.unique(chosen)))}
    return cases | ({"many": lfp.Circle().grid(c.many)} if c.many else {})


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Losses of theory and training for the three sets of samples."""
    network, arrays = lfp.TwoLayer(c.width, alpha=c.alpha), {}
    kernel, circle = jax.jit(lfp.kernel(network)), lfp.Circle()
    test = circle.grid(256)
    for case, angles in samples(c).items():
        data = lfp.domains.merge(circle.embed(angles), np.sin(c.mode * angles))
        known = lfp.extend(kernel, data)
        law = known.descent
        steps = lfp.log_steps(c.steps_many if case == "many" else c.steps, 100)
        at = np.concatenate([circle.embed(test), data.x])
        arrays |= _losses(f"{case}_theory", known.follow(law, steps, at), data, np.sin(c.mode * test))

        def work(data: Any = data, law: Any = law, steps: Any = steps, at: Any = at, case: str = case) -> Any:
            trained = lfp.train(network, data, law, steps, at=at, seeds=c.seeds, seed=c.seed).trajectory
            return _losses(f"{case}_training", trained, data, np.sin(c.mode * test))

        arrays |= {f"{case}_step": ((f"{case}_step",), steps)} | stage(f"training {case}", work)
    return arrays


def _losses(name: str, trajectory: lfp.Trajectory, data: Any, y: np.ndarray) -> experiment.Arrays:
    """Relative losses on the test circle and on the samples, and the amplitude of sin x, which the target has not."""
    f, seen = trajectory.values[:, :, : len(y)], trajectory.values[:, :, len(y) :]
    case = name.split("_")[0]
    dims = (f"{name}_run", f"{case}_step")
    test = ((f - y) ** 2).mean(axis=2) / (y**2).mean()
    train = ((seen - data.y) ** 2) @ data.weights / (data.y**2 @ data.weights)
    wrong = 2 * np.abs(np.fft.rfft(f, axis=2)[:, :, 1]) / len(y)
    return {f"{name}_test": (dims, test), f"{name}_train": (dims, train), f"{name}_wrong": (dims, wrong)}


def check(data: Any, c: Config) -> list[Gate]:
    """Curves against theory, the mean over the seeds; the rise, and even samples that must not show it."""
    rises = {case: data[f"{case}_training_test"].values.max(axis=1) for case in samples(c)}
    training, even = (data[f"{name}_test"] for name in ("chosen_training", "even_theory"))
    return [
        Gate("test loss, each network against theory, largest over steps", _off(data, "test"), c.limit, mean=True),
        Gate("training loss, the same", _off(data, "train"), c.limit, mean=True),
        Gate("spurious amplitude of sin x, the same", _off(data, "wrong"), c.limit, mean=True),
        Gate("the same against the theory of even samples", trials.gap(training, even), c.limit, control=True),
        Gate("highest test loss, start = 1", rises["chosen"], c.rise, above=True),
        *[
            Gate(f"highest test loss, {len(angles)} even samples", rises[case], c.rise, above=True, control=True)
            for case, angles in samples(c).items()
            if case != "chosen"
        ],
    ]


def _off(data: Any, what: str) -> np.ndarray:
    """Largest distance of a training curve from its theory, for every seed."""
    return trials.gap(data[f"chosen_training_{what}"], data[f"chosen_theory_{what}"])


def plot(data: Any, c: Config) -> Any:
    """Test and training loss of the three cases; the amplitude of sin x."""
    fig, axes = plots.figure(columns=2, width=7.0, height=2.9)
    colours = plots.mode_colours(3)
    for case, colour in zip(("chosen", "even"), colours, strict=False):
        steps = data[f"{case}_step"].values[1:]
        for what, lw in (("test", 1.8), ("train", 0.9)):
            label = f"{case}, {what}"
            axes[0].plot(steps, data[f"{case}_training_{what}"].values.mean(0)[1:], color=colour, lw=lw, label=label)
            axes[0].plot(steps, data[f"{case}_theory_{what}"].values[0, 1:], color="black", lw=1, ls=(0, (4, 2)))
        axes[1].plot(steps, data[f"{case}_training_wrong"].values.mean(0)[1:], color=colour, lw=1.8, label=case)
        axes[1].plot(steps, data[f"{case}_theory_wrong"].values[0, 1:], color="black", lw=1, ls=(0, (4, 2)))
    axes[0].set(xscale="log", xlabel="step", ylabel=f"loss of sin {c.mode}x, start = 1")
    axes[1].set(xscale="log", xlabel="step", ylabel="amplitude of sin x (target: 0)")
    axes[1].plot([], [], color="black", lw=1, ls=(0, (4, 2)), label="theory")
    for ax in axes:
        ax.legend(fontsize=8)
    return fig
