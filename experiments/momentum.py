"""Momentum learns a band of frequencies at one speed, and the slower ones 1 / (1 - mu) times faster, no less biased.

With x = lr L, the heavy ball takes a mode of rate L down by sqrt(mu) a step, whatever its rate, for x between the
critical rates (1 -+ sqrt(mu))^2: there the bias towards low frequencies is gone. Below, it is that of gradient descent.
Nesterov's critical rate is ((1 - mu) / (1 + mu))^2. The paper trains physics-informed networks: see `pinn_momentum`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import lfp
from lfp import Law
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.measure import settled

PAPER = "Momentum in PINNs, arXiv 2206.14862"
PREDICTED = "steps to a tenth of eight modes under gradient descent, heavy ball and Nesterov"
CAPTION = "Dashed laws, dots five networks: flat right of the critical rate, parallel to gradient descent left of it."
SHARE = 0.1
NAMES = {"gd": "gradient descent", "ball": "heavy ball", "nesterov": "Nesterov", "adam": "Adam (measured only)"}


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    modes: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    points: int = 32
    width: int = 16384
    alpha: float = 50.0
    mu: float = 0.85
    steps: int = 2500
    adam: float = 0.3
    limit: float = 0.25  # a quarter; momentum makes a step seven times as long


SMOKE = Config(width=2048, seeds=4, limit=0.6)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The laws at the rates of the kernel, then training by each, and by Adam, which has no law."""
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes)
    network = lfp.TwoLayer(c.width, "relu", alpha=c.alpha)
    rates = lfp.spectrum(network, problem)
    lr, less = trials.step_size(rates), round(2 * c.steps * (1 - c.mu))
    laws = {
        "gd": (lfp.GradientDescent(lr), c.steps),
        "ball": (lfp.HeavyBall(lr, c.mu), less),
        "nesterov": (lfp.Nesterov(lr, c.mu), less),
        "adam": (lfp.Adam(c.adam / c.width**0.5, less), less),
    }
    own = rates.rates_of(problem.modes)
    assert own is not None, "a full grid on the circle has one rate a mode"
    arrays: experiment.Arrays = {"x": (("mode",), lr * np.asarray(own))}
    for name, (law, steps) in laws.items():
        looks = np.union1d(np.arange(40), lfp.log_steps(steps, 150))
        if name != "adam":  # it has no linear law: measured only
            theory = lfp.solve(rates, problem, law, looks)
            arrays |= experiment.pack(f"{name}_theory", lfp.probe(theory, problem))
        arrays |= stage(f"training {NAMES[name]}", lambda law=law, looks=looks, name=name: _train(c, law, looks, name))
    return arrays


def _train(c: Config, law: Law, looks: np.ndarray, name: str) -> experiment.Arrays:
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes)
    network = lfp.TwoLayer(c.width, "relu", alpha=c.alpha)
    found = lfp.train(network, problem, law, looks, seeds=c.seeds, seed=c.seed).trajectory
    return experiment.pack(f"{name}_training", lfp.probe(found, problem))


def check(data: Any, c: Config) -> list[Gate]:
    """Steps to a tenth, the worst mode of every seed; what momentum does inside and below the band."""
    laws = ("gd", "ball", "nesterov")
    curves = {
        (name, kind): experiment.unpack(data, f"{name}_{kind}") for name in laws for kind in ("theory", "training")
    }
    gates = [
        Gate(
            f"steps to 10 % by {NAMES[name]}, relative error",
            trials.late(curves[name, "theory"], curves[name, "training"], SHARE, cap=10.0),
            c.limit,
            mean=True,
        )
        for name in laws
    ]
    x, (critical, _) = data.x.values, lfp.HeavyBall(1.0, c.mu).critical
    below, band = x < critical / 2, x > critical
    steps = {name: _settled(curves[name, "training"]) for name in laws}
    faster = (steps["gd"] / steps["ball"])[:, below] * (1 - c.mu)
    ratio = {name: found[:, band].max(axis=1) / found[:, band].min(axis=1) for name, found in steps.items()}
    return [
        *gates,
        Gate("below the band: speed-up over 1 / (1 - mu), less 1", np.abs(faster - 1).max(axis=1), c.limit),
        Gate("in the band: steps of the slowest mode over the fastest, heavy ball", ratio["ball"], 4.0),
        Gate("the same by gradient descent", ratio["gd"], 4.0, control=True),
        Gate(
            "heavy ball predicted as gradient descent",
            trials.late(curves["gd", "theory"], curves["ball", "training"], SHARE, cap=10.0),
            c.limit,
            control=True,
        ),
    ]


def _settled(curves: Any) -> np.ndarray:
    """Steps from which on a tenth is left, a row a seed: oscillations are waited for."""
    return np.array([[settled(curves.steps, size, SHARE) for size in run.T] for run in np.abs(curves.remaining)])


def plot(data: Any, c: Config) -> Any:
    """One mode in time; steps to a tenth over the rate, with the critical rate."""
    fig, (left, right) = plots.figure(columns=2, width=7.0, height=3.3)
    x, last, measured = data.x.values, len(c.modes) - 1, {}
    for (name, label), colour in zip(NAMES.items(), plots.SERIES, strict=True):
        training = experiment.unpack(data, f"{name}_training")
        left.plot(
            training.steps[1:], np.abs(training.mean())[1:, last], color=colour, lw=2.2 if name == "ball" else 1.2
        )
        if name != "adam":
            theory = experiment.unpack(data, f"{name}_theory")
            left.plot(theory.steps[1:], np.abs(theory.mean())[1:, last], color="black", lw=1.0, ls=(0, (4, 2)))
        steps = _settled(training)
        measured[label] = (np.tile(x, (len(steps), 1)), steps)
    wide, looks = (
        np.geomspace(x.min() / 1.5, x.max() * 1.5, 60),
        np.union1d(np.arange(60), lfp.log_steps(4 * c.steps, 300)),
    )
    laws = {}
    for law in (lfp.GradientDescent(1.0), lfp.HeavyBall(1.0, c.mu), lfp.Nesterov(1.0, c.mu)):
        curves = np.abs(np.asarray(law.factor(wide, looks)))
        laws[type(law).__name__] = (wide, np.array([settled(looks, one, SHARE) for one in curves.T]))
    plots.plot_steps(right, measured, laws, lfp.HeavyBall(1.0, c.mu).critical[0])
    right.set_ylabel("steps until 10 % is left for good")
    left.set(xscale="log", yscale="log", ylim=(plots.FLOOR, 1.6), xlabel="step", title=f"mode {c.modes[last]}")
    left.set_ylabel("what is left of the mode")
    return fig
