"""Training ends at the interpolant of least FP-norm: splines, cubic or linear by the distributions of the weights.

The authors' five points and four corners, networks without 1/sqrt(m) as theirs. On the line, weights large against
the output weights end near a natural cubic spline, the opposite near a piecewise linear one; XOR in the plane; tanh.
Gradient descent for relu; for tanh, whose rates span 1 to 200 000, undamped Gauss-Newton steps, with the same end.
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
PREDICTED = "the function at the end of training, for the authors' data and distributions"
CAPTION = "Where training ends (solid) and the LFP limit (dashed): cubic, linear, XOR along its diagonal, tanh."
# activation, laws of (a, w, b)
CASES = {
    "cubic": ("relu", lfp.Uniform(0.1), lfp.Uniform(3.0), lfp.Uniform(3.0)),
    "linear": ("relu", lfp.Uniform(1.0), lfp.Uniform(0.2), lfp.Uniform(1.0)),
    "xor": ("relu", lfp.Gaussian(0.2), lfp.Gaussian(0.8), lfp.Gaussian(2.0)),
    "tanh": ("tanh", lfp.Uniform(4.0), lfp.Uniform(1.5), lfp.Uniform(3.0)),
}


@dataclass(frozen=True)
class Config(Settings):
    """Settings; steps until the slowest mode is down to .003 (tanh: Gauss-Newton steps)."""

    cases: tuple[str, ...] = ("cubic", "linear", "xor", "tanh")
    steps: tuple[int, ...] = (60_000, 8_000, 500, 6)
    widths: tuple[int, ...] = (16_000, 32_000, 16_000, 4000)


SMOKE = Config(cases=("xor",), steps=(500,), widths=(4000,), seeds=4)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Limits of every case and of a wrong one, then the ends of training."""
    arrays: experiment.Arrays = {}
    for case, steps in zip(c.cases, c.steps, strict=True):
        points, at = _data(case)
        operator = lfp.Operator(*CASES[case], dim=points.x.shape[1])
        for kind, one in (("theory", operator), ("wrong", _wrong(case))):
            limit = lfp.evolve(one, points, np.array([np.inf])).at(at)
            arrays[f"{case}_{kind}"] = ((f"at {case}",), np.asarray(limit)[0])
        arrays[f"{case}_at"] = ((f"at {case}", f"input {case}"), at)
        arrays[f"{case}_std"] = ((), float(np.asarray(points.y).std()))
        arrays |= stage(f"training {case}", lambda case=case, steps=steps: _train(c, case, steps))
    return arrays


def _data(case: str) -> tuple[Any, np.ndarray]:
    """The authors' points; where to look: the line, or the diagonal and the edge of the square."""
    if case == "xor":
        axis = np.linspace(-1, 1, 41)
        corners = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        at = np.concatenate([np.stack([axis, axis], axis=1), np.stack([axis, 0 * axis + 1], axis=1)])
        return lfp.domains.merge(corners, corners.prod(axis=1)), at
    x = np.array([[-0.8], [-0.6], [-0.3], [-0.06], [0.1]])
    return lfp.domains.merge(x, np.array([0.25, -0.25, -0.07, 0.15, -0.05])), np.linspace(-0.8, 0.1, 91)[:, None]


def _wrong(case: str) -> lfp.Operator:
    """The operator of another case; in the plane, of another activation."""
    if case == "xor":
        return lfp.Operator("gaussian", lfp.Gaussian(0.2), lfp.Gaussian(8.0), lfp.Uniform(9.0), 2)
    return lfp.Operator(*CASES["linear" if case == "cubic" else "cubic"])


def _train(c: Config, case: str, steps: int) -> experiment.Arrays:
    """The function between the data after the last step, one row a network."""
    points, at = _data(case)
    width = c.widths[c.cases.index(case)]
    network = lfp.TwoLayer(width, *CASES[case], alpha=width**0.5)
    law, dtype = trials.descent(lfp.spectrum(network, points), 1.5), jnp.float32
    if case == "tanh":
        law, dtype = lfp.GaussNewton(1.0), jnp.float64
    looks = np.array([0, steps])
    ends = lfp.train(network, points, law, looks, at=at, seeds=c.seeds, seed=c.seed, dtype=dtype)
    return {f"{case}_training": (("run", f"at {case}"), ends.trajectory.values[:, -1])}


def check(data: Any, c: Config) -> list[Gate]:
    """Distance of the end of each network to the limit; the limit of it is half of that between the two."""
    gates = []
    for case in c.cases:
        off = [_distance(data, f"{case}_training", f"{case}_{kind}") for kind in ("theory", "wrong")]
        nearer = float(_distance(data, f"{case}_theory", f"{case}_wrong")) / 2
        gates.append(Gate(f"distance to the limit, {case}, relative to y", off[0], nearer, mean=True))
        gates.append(Gate(f"the same to another limit, {case}", off[1], nearer, control=True, mean=True))
    return gates


def _distance(data: Any, one: str, other: str) -> np.ndarray:
    gap = data[one].values - data[other].values
    return np.sqrt((gap**2).mean(axis=-1)) / float(data[f"{one.split('_')[0]}_std"])


def plot(data: Any, c: Config) -> Any:
    """One panel a case."""
    columns = min(2, len(c.cases))
    fig, axes = plots.figure(columns, rows=-(-len(c.cases) // columns), width=3.4 * columns, height=5.4)
    axes = np.atleast_1d(axes).ravel()
    for ax, case in zip(axes, c.cases, strict=True):
        points, at = _data(case)
        shown = slice(0, 41) if case == "xor" else slice(None)
        where, runs = at[shown, 0], data[f"{case}_training"].values[:, shown]
        ax.plot(where, runs.T, color="#0072B2", lw=0.8, alpha=0.6)
        ax.plot(where, data[f"{case}_wrong"][shown], color="0.6", ls=":", lw=1.2)
        ax.plot(where, data[f"{case}_theory"][shown], color="black", ls=(0, (4, 2)), lw=1.2)
        on = points.x[:, 0] == points.x[:, -1]
        ax.plot(points.x[on, 0], points.y[on], "o", ms=4, color="black")
        ax.set(title=case, xlabel="$x_1 = x_2$" if case == "xor" else "x")
    for ax in axes[::columns]:
        ax.set_ylabel("f at the end of training")
    for style, label in (
        (dict(color="#0072B2"), "networks"),
        (dict(color="black", ls="--"), "LFP limit"),
        (dict(color="0.6", ls=":"), "another limit"),
    ):
        axes[-1].plot([], [], **style, label=label)
    axes[-1].legend(fontsize=7)
    return fig
