"""The mean-field limit stays on networks that learn features, where the linear theory leaves them.

Two-layer networks on the circle at fixed gamma = 1 / (alpha sqrt(m)): one dial from lazy to rich. The mean field is
known before training, and no seed of the networks enters; beside it stands the kernel at the start. Neurons, kernel and
rates move as the mean field says. Controls: the linear theory must fail where features are learnt, and so must a mean
field whose gamma is off by a factor of two. Where lr L of the moving kernel passes 2 the theory ends, and says so.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import lfp
from lfp.figures import plots, ticks
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.measure.probes import MODES, sup_distance
from lfp.prediction import MeanField, features
from lfp.prediction.theory import Ground
from lfp.training import Plan

PAPER = "Mean-field limit, arXiv 1804.06561"
PREDICTED = "modes, movement of neurons and rates of the moving kernel, from lazy to rich"
CAPTION = "D_sup of the linear theory (left) and of the mean field (right) over gamma and width; cross: unstable step."
ACTIVATIONS = ("relu", "tanh")


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    gammas: tuple[float, ...] = (0.002, 0.01, 0.05, 0.25)
    widths: tuple[int, ...] = (256, 1024, 4096)
    networks: int = 4
    steps: int = 1000
    seeds: int = 3
    rich: float = 0.05  # the gamma at which features are compared
    holds: float = 0.05  # what the forecast calls `holds`
    tenth: float = 0.1  # of a quantity


SMOKE = Config(gammas=(0.01, 0.05), widths=(256, 2048), steps=300, seeds=1, holds=0.08, tenth=0.2)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The map of both activations, and what features do."""
    arrays: experiment.Arrays = {"gammas": (("gamma",), np.array(c.gammas)), "widths": (("width",), np.array(c.widths))}
    for name in ACTIVATIONS:
        for i, gamma in enumerate(c.gammas):
            found = stage(f"{name} gamma={gamma:g}", lambda n=name, g=gamma, i=i: _overlay(c, n, g, f"{n}{i}"))
            arrays |= found
    return arrays | stage("features", lambda: _features(c))


def _plan(c: Config, name: str, gamma: float, width: int, seed: int = 0) -> Plan:
    """Networks of one gamma; the step is that of the kernel at the start."""
    data = lfp.sum_of_modes(lfp.Circle(), 32, [1, 2, 3, 4, 5])
    network = lfp.TwoLayer(width, name, alpha=1 / (gamma * width**0.5))
    law = lfp.GradientDescent(1 / float(np.asarray(lfp.spectrum(network, data).rates).max()))
    return Plan(network, data, law, lfp.log_steps(c.steps, 50), c.networks, seed)


def _overlay(c: Config, name: str, gamma: float, key: str) -> experiment.Arrays:
    """D_sup of the mean field, of the linear theory and of a mean field of twice the gamma, at every width and seed."""
    plan = _plan(c, name, gamma, c.widths[-1])
    ground = Ground(plan.network, plan.problem)
    limit = MeanField().follow(plan, ground)
    wrong = MeanField().follow(_plan(c, name, 2 * gamma, c.widths[-1]), ground)
    linear = lfp.solve(ground.infinite, plan.problem, plan.law, plan.steps)
    gaps = np.zeros((c.seeds, len(c.widths), 3))
    for s, seed in enumerate(c.each_seed):
        for w, width in enumerate(c.widths):
            network = _plan(c, name, gamma, width).network
            data, law, looks = plan.problem, plan.law, plan.steps
            trained = lfp.train(network, data, law, looks, seeds=c.networks, seed=seed).trajectory
            gaps[s, w] = [
                sup_distance(one, trained, plan.problem, MODES).max() for one in (limit, _cut(linear, limit), wrong)
            ]
    unstable = limit.meta["unstable_from"]
    return {
        f"gap_{key}": (("seed", "width", "theory"), gaps),
        f"unstable_{key}": ((), np.array(-1 if unstable is None else unstable)),
        f"error_{key}": ((), np.array(limit.meta["standard_error"])),
    }


def _cut(one: lfp.Trajectory, other: lfp.Trajectory) -> lfp.Trajectory:
    """As long as the other: both theories are judged by the same looks."""
    count = len(other.steps)
    return lfp.Trajectory(one.steps[:count], one.values[:, :count], one.points)


def _features(c: Config) -> experiment.Arrays:
    """Movement of neurons, drift of the kernel and rates, predicted and measured, networks of every seed apart."""
    predicted = features(_plan(c, "relu", c.rich, c.widths[-1]))
    rows = [features(_plan(c, "relu", c.rich, c.widths[-1], seed), networks=True) for seed in c.each_seed]
    arrays: experiment.Arrays = {"steps": (("step",), predicted.steps)}
    for name in ("moved", "drift", "rates"):
        dims = ("step", "mode")[: getattr(predicted, name).ndim - 1]
        arrays[f"{name}_predicted"] = (dims, getattr(predicted, name).mean(axis=0))
        arrays[f"{name}_measured"] = (("seed", *dims), np.stack([getattr(row, name).mean(axis=0) for row in rows]))
    return arrays


def check(data: Any, c: Config) -> list[Gate]:
    """At the largest width; features at the last step, relative."""
    gates = []
    for name in ACTIVATIONS:
        for i, gamma in enumerate(c.gammas):
            own, linear, wrong = data[f"gap_{name}{i}"].values[:, -1].T
            gates.append(Gate(f"{name}, gamma {gamma:g}: D_sup of the mean field", own, c.holds))
            if gamma == c.rich:
                gates.append(Gate(f"{name}: D_sup of the linear theory", linear, c.holds, control=True))
                gates.append(Gate(f"{name}: D_sup at twice the gamma", wrong, c.holds, control=True))
    for name, words in (("moved", "movement of neurons"), ("drift", "drift of the kernel"), ("rates", "rates")):
        wanted, measured = (data[f"{name}_{kind}"].values for kind in ("predicted", "measured"))
        off = np.abs(measured[:, -1] / wanted[-1][None] - 1).reshape(c.seeds, -1).max(axis=1)
        gates.append(Gate(f"{words} at the end, relative error", off, c.tenth))
    still = np.abs(data.rates_measured.values[:, -1] / data.rates_predicted.values[0][None] - 1).max(axis=1)
    gates.append(Gate("rates of the kernel at the start, relative error", still, c.tenth, control=True))
    return gates


def plot(data: Any, c: Config) -> Any:
    """The map; below it movement, drift and rates over the steps."""
    from matplotlib.colors import LogNorm

    fig, axes = plots.figure(columns=4, rows=2, width=9.0, height=4.8)
    norm, drawn = LogNorm(0.005, 0.5), None
    for row, name in enumerate(ACTIVATIONS):
        gaps = np.stack([data[f"gap_{name}{i}"].values.mean(axis=0) for i in range(len(c.gammas))])
        for column, title in ((1, "linear theory"), (0, "mean field")):
            ax = axes[row, 1 - column]
            drawn = ax.pcolormesh(
                np.arange(len(c.gammas) + 1) - 0.5,
                np.arange(len(c.widths) + 1) - 0.5,
                gaps[:, :, column].T,
                cmap="cividis",
                norm=norm,
                edgecolor="white",
                lw=0.5,
            )
            for i in range(len(c.gammas)):
                for w in range(len(c.widths)):
                    shade = "white" if gaps[i, w, column] < 0.05 else "black"
                    ax.text(i, w, f"{gaps[i, w, column]:.2g}", ha="center", va="center", fontsize=6, color=shade)
                if data[f"unstable_{name}{i}"].values >= 0:
                    ax.plot(i, len(c.widths) - 0.65, "x", color="#D55E00", ms=5)
            ticks.rows(ax.xaxis, [f"{gamma:g}" for gamma in c.gammas])
            ticks.rows(ax.yaxis, [str(width) for width in c.widths])
            ax.set(xlabel="gamma", ylabel="width")
            ax.set_title(f"{name}, {title}", fontsize=8)
    fig.colorbar(drawn, ax=list(axes[:, 1]), label="D_sup")
    places = {"moved": axes[0, 2], "drift": axes[1, 2], "rates": axes[0, 3]}
    for (name, ax), label in zip(places.items(), ("movement of a neuron", "drift of the kernel", "rate"), strict=True):
        measured = data[f"{name}_measured"].values.mean(axis=0).reshape(len(data.steps), -1)
        wanted = data[f"{name}_predicted"].values.reshape(len(data.steps), -1)
        for k, colour in enumerate(plots.mode_colours(wanted.shape[1])):
            ax.plot(data.steps[1:], measured[1:, k], color=colour, lw=2)
            ax.plot(data.steps[1:], wanted[1:, k], color="black", lw=1, ls=plots.DASHED)
        ax.set(xscale="log", xlabel="step")
        ax.set_title(f"{label}, relu, gamma {c.rich:g}", fontsize=8)
    axes[0, 3].set(yscale="log")
    axes[1, 3].set_axis_off()
    return fig
