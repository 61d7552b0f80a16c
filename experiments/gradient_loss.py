"""A gradient term in the loss multiplies the rate of mode k by 1 + k^2, if the activation is smooth.

Trained on values and slopes, gelu and erf networks learn mode k at (1 + k^2) L_k, L_k the rate on values alone. relu is
the control: its autodiff slope omits the delta in the second derivative, and the high modes miss the gain.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import lfp
from lfp import Problem
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.measure import fitted_rate

PAPER = "Overview, arXiv 2201.07395"
PREDICTED = "rate of each mode with a gradient term in the loss"
CAPTION = "Measured rates (dots) on the predicted (1 + k²) L_k (dashed) for smooth activations; relu falls off it."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    smooth: tuple[str, ...] = ("erf", "gelu")
    modes: int = 5
    points: int = 16
    width: int = 16384
    alpha: float = 100.0
    steps: int = 400
    seeds: int = 10
    limit: float = 0.1  # a tenth of the rate


SMOKE = Config(smooth=("erf",), width=2048, seeds=4, modes=4, limit=0.3)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Rates predicted with and without the factor, then measured; relu last."""
    modes, arrays = np.arange(1, c.modes + 1), {}
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, modes)
    for name in (*c.smooth, "relu"):
        network = lfp.TwoLayer(c.width, name, alpha=c.alpha)
        plain = lfp.spectrum(network, problem)
        both = lfp.spectra.sobolev_rates(plain)
        arrays[f"{name}_plain"] = (("mode",), np.asarray(plain.rates[modes]))
        arrays[f"{name}_theory"] = (("mode",), np.asarray(both.rates[modes]))
        arrays |= stage(f"training {name}", lambda net=network, law=both, key=name: _measure(c, problem, net, law, key))
    return arrays | {"mode": (("mode",), modes)}


def _measure(c: Config, problem: Problem, network: lfp.TwoLayer, rates: Any, name: str) -> experiment.Arrays:
    """Rate of every mode and seed, fitted to training on values and slopes."""
    lr, slope = trials.step_size(rates), sum(k * np.cos(k * problem.t) for k in problem.modes)
    both = lfp.Sobolev(network)
    points, looks = both.points(problem, slope), lfp.log_steps(c.steps, 100)
    law, at = lfp.GradientDescent(lr), points.x[: c.points]
    run = lfp.train(both, points, law, looks, at=at, seeds=c.seeds, seed=c.seed)
    curves = lfp.probe(lfp.Trajectory(looks, run.trajectory.values, problem.x), problem)
    found = [[fitted_rate(looks, size, lr) or 0.0 for size in np.abs(one).T] for one in curves.remaining]
    return {f"{name}_training": (("run", "mode"), np.array(found))}


def check(data: Any, c: Config) -> list[Gate]:
    """Rates, the worst mode of every seed, of which the mean decides: theirs scatter about those of infinite width.

    relu, and the rates without the factor, must miss.
    """
    gates = [
        Gate(f"rate against (1 + k²) L_k, {name}, relative error", _error(data, name, "theory"), c.limit, mean=True)
        for name in c.smooth
    ]
    plain = Gate("the same without the factor 1 + k²", _error(data, c.smooth[0], "plain"), c.limit, control=True)
    return [*gates, plain, Gate("the same, relu", _error(data, "relu", "theory"), c.limit, control=True)]


def _error(data: Any, name: str, theory: str) -> np.ndarray:
    return np.abs(data[f"{name}_training"].values / data[f"{name}_{theory}"].values - 1).max(axis=1)


def plot(data: Any, c: Config) -> Any:
    """Rates over the mode, one panel an activation."""
    names = (*c.smooth, "relu")
    fig, axes = plots.figure(columns=len(names), width=3.0 * len(names), height=3.0)
    for ax, name in zip(axes, names, strict=True):
        measured = data[f"{name}_training"].values
        ax.plot(data.mode, data[f"{name}_theory"], color="black", ls=(0, (4, 2)), label="$(1 + k^2) L_k$")
        ax.plot(data.mode, data[f"{name}_plain"], color="0.6", ls=":", label="$L_k$")
        ax.errorbar(
            data.mode, measured.mean(axis=0), 2 * measured.std(axis=0), fmt="o", ms=4, color="#0072B2", label="training"
        )
        ax.set(yscale="log", xlabel="mode k", title=name, xticks=data.mode.values)
    axes[0].set_ylabel("rate (1 / flow time)")
    axes[0].legend(fontsize=8)
    return fig
