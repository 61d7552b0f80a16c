"""Minimising the integral of <xi>^alpha |F[h]|^2 interpolates for alpha > d and leaves spikes for alpha < d.

On the torus with frequencies up to a cut-off M, the minimiser through given points is the least-norm solution of a
linear system, where gradient descent from zero ends. As M doubles, below the critical exponent d what is left of h are
spikes at the points, whose size is known; above it h settles. A trend in M is tested: the limit is not reached.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Overview, arXiv 2201.07395"
PREDICTED = "size of the minimiser below the critical exponent, against the cut-off"
CAPTION = "Below the critical exponent the minimiser shrinks to spikes (dashed), above it settles."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    cuts: tuple[tuple[int, ...], ...] = ((16, 32, 64, 128, 256, 512, 1024), (4, 8, 16, 32, 64))
    below: float = 0.6
    above: float = 2.0
    points: int = 4
    limit: float = 0.1  # a tenth of the size


SMOKE = Config(cuts=((16, 32, 64, 128, 256), (4, 8, 16, 32)), seeds=2, limit=0.2)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Rms of the minimiser over the torus, in one and in two dimensions; spikes in closed form."""
    arrays: experiment.Arrays = {}
    for dim, cuts in enumerate(c.cuts, 1):
        for name, ratio in (("below", c.below), ("above", c.above)):
            key = f"{name}{dim}"
            data = [_data(seed, c.points, dim) for seed in c.each_seed]
            spikes = [[_spikes(cut, ratio * dim, *one) for cut in cuts] for one in data]
            arrays[f"{key}_theory"] = (("run", f"cut{dim}"), np.array(spikes))
            work = lambda key=key, data=data, cuts=cuts, alpha=ratio * dim, dim=dim: {  # noqa: E731
                key: (("run", f"cut{dim}"), np.array([[_size(cut, alpha, *one) for cut in cuts] for one in data]))
            }
            arrays |= stage(key, work)
    return arrays


def _data(seed: int, n: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the torus [0, 2 pi)^d that keep apart, and values."""
    rng = np.random.default_rng(seed)
    x = 2 * np.pi * (np.arange(n)[:, None] + rng.uniform(0.2, 0.8, (n, dim))) / n
    return x, rng.choice([-1.0, 1.0], n) * rng.uniform(0.5, 1.0, n)


def _weights(cut: int, alpha: float, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies |xi| <= M, and <xi>^-alpha."""
    axis = np.arange(-cut, cut + 1.0)
    xi = np.stack(np.meshgrid(*[axis] * dim), axis=-1).reshape(-1, dim)
    squares = (xi**2).sum(axis=1)
    inside = squares <= cut**2
    return xi[inside], (1 + squares[inside]) ** (-alpha / 2)


def _size(cut: int, alpha: float, x: np.ndarray, y: np.ndarray) -> float:
    """Rms of the minimiser: F[h] = <xi>^(-alpha/2) c with the least |c| that interpolates."""
    xi, weights = _weights(cut, alpha, x.shape[1])
    root = np.sqrt(weights)
    c = np.linalg.lstsq(np.exp(1j * x @ xi.T) * root, y.astype(complex), rcond=None)[0]
    return float(np.linalg.norm(root * c))


def _spikes(cut: int, alpha: float, x: np.ndarray, y: np.ndarray) -> float:
    """Rms of y_i G(x - x_i) / G(0), G(s) = sum <xi>^-alpha exp(i xi.s): every point a spike of its own."""
    weights = _weights(cut, alpha, x.shape[1])[1]
    return float(np.linalg.norm(y) * np.linalg.norm(weights) / weights.sum())


def check(data: Any, c: Config) -> list[Gate]:
    """The last doubling of the cut-off: spikes shrink, as much as they should; what interpolates does not."""
    gates = []
    for dim in range(1, len(c.cuts) + 1):
        below, above, spikes = (data[name].values for name in (f"below{dim}", f"above{dim}", f"below{dim}_theory"))
        between = float((spikes[:, -1] / spikes[:, -2]).mean() ** 0.5)  # as spikes shrink, and not at all
        doubling = "size of h when the cut-off doubles, ratio"
        gates += [
            Gate(f"{doubling}, alpha = {c.below:g} d, d = {dim}", below[:, -1] / below[:, -2], between),
            Gate(f"{doubling}, alpha = {c.above:g} d, d = {dim}", above[:, -1] / above[:, -2], between, control=True),
            Gate(f"size of h against spikes, d = {dim}, relative error", np.abs(below / spikes - 1)[:, -1], c.limit),
        ]
    return gates


def plot(data: Any, c: Config) -> Any:
    """Size over cut-off, one panel a dimension."""
    fig, axes = plots.figure(columns=len(c.cuts), width=6.6, height=3.0)
    for dim, ax in enumerate(axes, 1):
        for name, ratio, colour in (("below", c.below, "#D55E00"), ("above", c.above, "#0072B2")):
            sizes = data[f"{name}{dim}"].values
            cuts = c.cuts[dim - 1]
            ax.plot(cuts, sizes.T, color=colour, lw=0.8, alpha=0.6)
            ax.plot(cuts, sizes.mean(axis=0), "o-", ms=3, color=colour, label=f"$\\alpha = {ratio:g}\\, d$")
        spikes = data[f"below{dim}_theory"].values.mean(axis=0)
        ax.plot(cuts, spikes, color="black", ls=(0, (4, 2)), lw=1.1, label="spikes")
        ax.set(xscale="log", yscale="log", xlabel="cut-off M", title=f"d = {dim}")
        ax.set_xticks(cuts[::2], [str(cut) for cut in cuts[::2]])
        ax.minorticks_off()
    axes[0].set_ylabel("rms of the minimiser")
    axes[1].legend(fontsize=8)
    return fig
