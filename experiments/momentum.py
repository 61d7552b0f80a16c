"""Momentum learns a band of frequencies at one speed, and the slower ones 1 / (1 - mu) times faster, no less biased.

With x = lr L, a mode of rate L decays as sqrt(mu)^s for x between the critical rates (1 -+ sqrt(mu))^2 of the heavy
ball, ((1 - mu) / (1 + mu))^2 and 1 of Nesterov: there the bias towards low frequencies is gone. Below, it is that of
gradient descent. The paper trains physics-informed networks; `pinn_poisson` and `pinn_transport` do.
"""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import numpy as np

import lfp
from lfp import experiment, plotting
from lfp.compare import time_errors, time_to
from lfp.dynamics import Dynamics
from lfp.experiment import Gate, Stage

PAPER = "Momentum in PINNs, arXiv 2206.14862"
PREDICTED = "steps to a tenth of eight modes under gradient descent, heavy ball and Nesterov"
CAPTION = "Dashed laws, dots five networks: flat right of the critical rate, parallel to gradient descent left of it."
SHARE = 0.1
COLOURS = {"gd": "#0072B2", "ball": "#D55E00", "nesterov": "#009E73", "adam": "#CC79A7"}
NAMES = {"gd": "gradient descent", "ball": "heavy ball", "nesterov": "Nesterov", "adam": "Adam (measured only)"}


@dataclass(frozen=True)
class Config:
    """Settings."""

    modes: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    points: int = 32
    width: int = 16384
    alpha: float = 50.0
    mu: float = 0.85
    steps: int = 2500
    adam: float = 0.1
    seeds: int = 5
    limit: float = 0.25


SMOKE = Config(width=2048, seeds=2, limit=0.6)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The laws at the rates of the kernel, then training by each, and by Adam, which has no law."""
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes)
    network = lfp.TwoLayer(c.width, "relu", alpha=c.alpha)
    rates = lfp.spectrum(eqx.filter_jit(lfp.kernel(network)), problem)
    lr, less = 1 / float(rates.rates.max()), round(2 * c.steps * (1 - c.mu))
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
            theory = lfp.solve(problem, rates, law, looks)
            arrays |= experiment.pack(f"{name}_theory", lfp.probe(theory, problem))
        arrays |= stage(f"training {NAMES[name]}", lambda law=law, looks=looks, name=name: _train(c, law, looks, name))
    return arrays


def _train(c: Config, law: Dynamics, looks: np.ndarray, name: str) -> experiment.Arrays:
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes)
    network = lfp.TwoLayer(c.width, "relu", alpha=c.alpha)
    found = lfp.train(network, problem, law, looks, seeds=c.seeds).trajectory
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
            _errors(curves[name, "theory"], curves[name, "training"]),
            c.limit,
        )
        for name in laws
    ]
    x, (critical, _) = data.x.values, lfp.HeavyBall(1.0, c.mu).critical
    below, band = x < critical / 2, x > critical
    first = {name: _first(curves[name, "training"]) for name in laws}
    faster = (first["gd"] / first["ball"])[:, below] * (1 - c.mu)
    settled = {name: _settled(curves[name, "training"])[:, band] for name in ("gd", "ball")}
    ratio = {name: found.max(axis=1) / found.min(axis=1) for name, found in settled.items()}
    return [
        *gates,
        Gate("below the band: speed-up over 1 / (1 - mu), less 1", np.abs(faster - 1).max(axis=1), c.limit),
        Gate("in the band: steps of the slowest mode over the fastest, heavy ball", ratio["ball"], 4.0),
        Gate("the same by gradient descent", ratio["gd"], 4.0, control=True),
        Gate(
            "heavy ball predicted as gradient descent",
            _errors(curves["gd", "theory"], curves["ball", "training"]),
            c.limit,
            control=True,
        ),
    ]


def _errors(theory: Any, training: Any) -> np.ndarray:
    return np.minimum(time_errors(theory, training, SHARE).max(axis=1), 10.0)


def _first(curves: Any) -> np.ndarray:
    """Steps to a tenth, a row a seed; NaN where it was not reached."""
    found = [[time_to(curves.steps, size, SHARE) for size in run.T] for run in np.abs(curves.remaining)]
    return np.array(found, float)


def _settled(curves: Any) -> np.ndarray:
    """The last step at which more than a tenth is left: oscillations are waited for."""
    above = np.abs(curves.remaining) > SHARE
    return np.array([[curves.steps[np.flatnonzero(mode)[-1]] for mode in run.T] for run in above], float)


def plot(data: Any, c: Config) -> Any:
    """One mode in time; steps to a tenth over the rate, with the critical rates."""
    fig, (left, right) = plotting.figure(columns=2, width=7.0, height=3.3)
    x, last = data.x.values, len(c.modes) - 1
    for name, colour in COLOURS.items():
        training = experiment.unpack(data, f"{name}_training")
        left.plot(training.steps[1:], np.abs(training.mean())[1:, last], color=colour, lw=1.8)
        if name != "adam":
            theory = experiment.unpack(data, f"{name}_theory")
            left.plot(theory.steps[1:], np.abs(theory.mean())[1:, last], "k--", lw=1.0)
        steps = _first(training)
        right.plot(np.tile(x, (len(steps), 1)).ravel(), steps.ravel(), "o", ms=3, color=colour, label=NAMES[name])
    wide = np.geomspace(x.min() / 1.5, x.max() * 1.5, 60)
    for law in (lfp.GradientDescent(1.0), lfp.HeavyBall(1.0, c.mu), lfp.Nesterov(1.0, c.mu)):
        looks = lfp.log_steps(4 * c.steps, 300)
        curves = np.abs(np.asarray(law.factor(wide, looks)))
        right.plot(wide, [time_to(looks, one, SHARE) or np.nan for one in curves.T], "k--", lw=1.0)
    for law, name in ((lfp.HeavyBall(1.0, c.mu), "ball"), (lfp.Nesterov(1.0, c.mu), "nesterov")):
        right.axvline(law.critical[0], color=COLOURS[name], lw=0.8, ls=":")
    left.set(xscale="log", yscale="log", ylim=(plotting.FLOOR, 1.6), xlabel="step", title=f"mode {c.modes[last]}")
    left.set_ylabel("what is left of the mode")
    left.plot([], [], "k--", lw=1.0, label="law")
    left.legend(fontsize=7, loc="lower left")
    right.set(xscale="log", yscale="log", xlabel="lr times rate of the mode", ylabel="steps to 10 %")
    right.set_title("dotted: critical rates")
    right.legend(fontsize=7, loc="upper right")
    return fig
