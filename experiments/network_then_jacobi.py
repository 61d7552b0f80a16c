"""A network solves the low frequencies of Poisson's equation, Jacobi's iteration the high ones: together they are fast.

-u'' = g on (0, 1), u = 0 at the ends, n inner points. The network is x (1 - x) times a two-layer one and is trained on
the residual; its error in every sine mode is predicted from its kernel at the start, and from that error the number of
iterations that Jacobi still needs. The paper trains on an energy; the order of frequencies is the same.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "F-Principle, arXiv 1901.06523"
PREDICTED = "Jacobi iterations that are left after so many steps of the network"
CAPTION = "Dashed theory over solid training: iterations of damped Jacobi after the network stops at a step."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    points: int = 63
    modes: tuple[int, ...] = (1, 4, 10)
    width: int = 1024
    alpha: float = 30.0
    mu: float = 0.9
    steps: int = 2000
    accuracy: float = 1e-3  # largest error of u, relative to the largest u
    limit: float = 0.1  # a tenth of the iterations
    seeds: int = 8
    saved: float = 0.3  # decades: half of the iterations


SMOKE = Config(points=31, modes=(1, 4), width=256, steps=300, seeds=8, limit=0.1)


def model(c: Config) -> lfp.Custom:
    """u and -u'' as one function of (x, order): order 0 is u, 1 is -u''."""
    inner = lfp.TwoLayer(c.width, "tanh", w=lfp.Gaussian(3.0), b=lfp.Gaussian(2.0))

    def apply(params: Any, points: Any) -> Any:
        def u(x: Any) -> Any:
            return x * (1 - x) * inner.apply(params, x[:, None])

        x, once = points[:, 0], jnp.ones_like(points[:, 0])
        slope = lambda x: jax.jvp(u, (x,), (once,))[1]  # noqa: E731
        return jnp.where(points[:, 1] > 0, -jax.jvp(slope, (x,), (once,))[1], u(x))

    return lfp.Custom(lambda key, dim: inner.init(key, dim - 1), apply, c.width, alpha=c.alpha)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Errors of u at the points after every step, predicted and trained; iterations from both."""
    x = np.arange(1, c.points + 1) / (c.points + 1)
    waves = np.sin(np.pi * np.outer(np.arange(1, c.points + 1), x))  # mode, point
    u = sum(waves[k - 1] / k for k in c.modes)
    g = sum(np.pi**2 * k * waves[k - 1] for k in c.modes)
    scale = np.abs(g).max()
    data = lfp.domains.merge(np.stack([x, np.ones_like(x)], axis=1), g / scale)
    at, network = np.stack([x, np.zeros_like(x)], axis=1), model(c)
    own = [lfp.extend(lfp.kernel_at_start(network, 2, seed), data) for seed in c.each_seed]
    law, steps = lfp.HeavyBall(min(one.descent.lr for one in own), c.mu), lfp.log_steps(c.steps, 30)
    theory = np.stack([one.follow(law, steps, at).values[0] for one in own]) * scale - u

    def train() -> experiment.Arrays:
        runs = [lfp.train(network, data, law, steps, at=at, seeds=1, seed=seed) for seed in c.each_seed]
        errors = np.concatenate([one.trajectory.values for one in runs]) * scale - u
        return {"training": (("seed", "step", "point"), errors)}

    trained = stage("training", train)
    counts = {"predicted": law_count(c, theory, u), "measured": sweep_count(c, trained["training"][1], u)}
    arrays = {name: (("seed", "step"), count) for name, count in counts.items()}
    return arrays | trained | {"step": (("step",), steps), "theory": (("seed", "step", "point"), theory)}


def law_count(c: Config, errors: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Iterations by the law of every sine mode, by bisection: the error falls."""
    n, law = c.points, lfp.Jacobi(lr=2 / 3)
    waves = np.sin(np.pi * np.outer(np.arange(1, n + 1), np.arange(1, n + 1)) / (n + 1))
    modes, gains = errors @ waves * 2 / (n + 1), 1 - law.lr * np.asarray(law.rates(n))

    def large(count: np.ndarray) -> np.ndarray:
        return np.abs((modes * gains ** count[..., None]) @ waves).max(axis=-1) > c.accuracy * np.abs(u).max()

    low, high = np.zeros(errors.shape[:2]), np.full(errors.shape[:2], 2.0**20)
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        low, high = np.where(large(middle), middle, low), np.where(large(middle), high, middle)
    return np.where(large(np.zeros_like(high)), high, 0)


def sweep_count(c: Config, errors: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Iterations by doing them, all errors side by side."""
    e, count, done = errors.reshape(-1, c.points).copy(), np.zeros(errors.shape[0] * errors.shape[1]), 0
    while (large := np.abs(e).max(axis=1) > c.accuracy * np.abs(u).max()).any():
        sides = np.pad(e, ((0, 0), (1, 1)))
        e, done = e / 3 + (sides[:, :-2] + sides[:, 2:]) / 3, done + 1
        count[large] = done
    return count.reshape(errors.shape[:2])


def check(data: Any, c: Config) -> list[Gate]:
    """Iterations against prediction; what the network saves, and Jacobi alone, which saves nothing."""
    predicted, measured = data.predicted.values, data.measured.values
    off, wrong = (np.abs(measured - one).max(axis=1) / predicted[:, 0] for one in (predicted, predicted[:, :1]))
    saved, early = (np.log10(measured[:, 0] / np.maximum(measured[:, i], 1)) for i in (-1, 1))
    return [
        Gate("Jacobi iterations after any step against prediction, largest, in those of Jacobi alone", off, c.limit),
        Gate("the same predicted as if the network had learnt nothing", wrong, c.limit, control=True),
        Gate("decades of iterations that the network saves", saved, c.saved, above=True, mean=True),
        Gate("the same after one step of the network", early, c.saved, above=True, control=True, mean=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Iterations left against the step; the error in the sine modes before and after training."""
    fig, (left, right) = plots.figure(columns=2, width=7.0, height=2.9)
    steps = data.step.values[1:]
    left.plot(steps, data.measured.values.T[1:], color="C0", lw=0.9, alpha=0.6)
    left.plot(steps, data.predicted.values.T[1:], color="black", lw=0.9, ls=(0, (4, 2)))
    left.plot([], [], color="C0", label="measured, each network")
    left.plot([], [], color="black", lw=1, ls=(0, (4, 2)), label="theory")
    left.set(xscale="log", yscale="log", xlabel="steps of the network before", ylabel="Jacobi iterations after")
    k = np.arange(1, c.points + 1)
    waves = np.sin(np.pi * np.outer(k, k) / (c.points + 1)) * 2 / (c.points + 1)
    for step, colour in zip((0, -1), plots.mode_colours(2), strict=True):
        for name, style in (("training", "-"), ("theory", "--")):
            modes = np.abs(data[name].values[:, step] @ waves).mean(axis=0)
            label = f"step {data.step.values[step]}" if name == "training" else None
            shade = "black" if name == "theory" else colour
            right.plot(k, np.maximum(modes, 1e-6), style, color=shade, lw=1, label=label)
    right.set(yscale="log", xlabel="sine mode", ylabel="error of u", ylim=(1e-6, None))
    for ax in (left, right):
        ax.legend(fontsize=8)
    return fig
