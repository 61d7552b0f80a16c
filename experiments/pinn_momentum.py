"""Each residual mode of a physics-informed network follows the recurrence of momentum at its own rate.

The network trains on the residuals of a differential equation and of its boundary conditions. Their tangent kernel at
initialisation is the Gram matrix of one more network, g = L f; its eigenvectors are the modes. Two equations: Poisson's
u'' = f on [0, 1] and the transport equation u_t + u_x = 0. The paper takes the kernel at infinite width.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.measure import settled
from lfp.networks import value
from lfp.prediction import network_spectrum
from lfp.training import initialise, unstack

PAPER = "Momentum in PINNs, arXiv 2206.14862"
PREDICTED = "every residual mode at every step, from the kernel of each network at initialisation"
CAPTION = "Left: residual modes in time, dashed the recurrence. Right: steps to 10 %, flat beyond the critical rate."
SHARE, LEAST = 0.1, 0.03


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    equations: tuple[str, ...] = ("poisson", "transport")
    points: int = 40
    width: int = 2000
    spread: float = 4.0
    scale: float = 0.01
    mu: float = 0.9
    wrong_scale: float = 0.05
    wrong_mu: float = 0.99
    steps: int = 600
    limit: float = 0.01  # a hundredth of the residual
    better: float = 0.15  # decades: a factor of 1.4


SMOKE = Config(equations=("transport",), points=16, width=512, steps=200, seeds=4, limit=0.02)

Solution = Callable[[np.ndarray], np.ndarray]


def poisson(c: Config) -> tuple[tuple[Any, ...], lfp.Points, Solution]:
    """u'' / 20 = sum sin k pi x, u = 0 at both ends: operators, data and the solution."""
    inside = (np.arange(c.points)[:, None] + 0.5) / c.points
    x = lfp.collocation(inside, [[0.0], [1.0]])
    waves = np.array([1.0, 2.0, 4.0]) * np.pi
    y = np.where(x[:, 1] == 0, np.sin(x[:, :1] * waves).sum(axis=1), 0.0)
    bend = lambda f, point: jax.hessian(f)(point)[0, 0] / 20  # noqa: E731
    return (bend, value), _points(x, y), lambda x: (-20 * np.sin(x * waves) / waves**2).sum(axis=1)


def transport(c: Config) -> tuple[tuple[Any, ...], lfp.Points, Solution]:
    """(u_t + u_x) / 4 = 0 on the unit square, u known where characteristics enter: u = sin 2 pi (x - t)."""
    side = round((2 * c.points) ** 0.5)
    grid, edge = (np.arange(side) + 0.5) / side, (np.arange(c.points // 4) + 0.5) / (c.points // 4)
    inside = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    border = [np.stack(pair, axis=1) for pair in ((edge, 0 * edge), (0 * edge, edge))]
    x = lfp.collocation(inside, np.concatenate(border))
    solution = lambda x: np.sin(2 * np.pi * (x[:, 0] - x[:, 1]))  # noqa: E731
    carried = lambda f, point: jax.grad(f)(point).sum() / 4  # noqa: E731
    return (carried, value), _points(x, np.where(x[:, 2] == 0, 0.0, solution(x))), solution


EQUATIONS = {"poisson": poisson, "transport": transport}


def _points(x: np.ndarray, y: np.ndarray) -> lfp.Points:
    return lfp.Points(x, y, np.full(len(x), 1 / len(x)))


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """For every equation the recurrences of its residual modes, then training; the control trains far from lazily."""
    looks = np.union1d(np.arange(min(40, c.steps)), lfp.log_steps(c.steps, 100))
    arrays: experiment.Arrays = {"step": (("step",), looks)}
    for name in c.equations:
        arrays |= _equation(c, stage, name, looks)
    return arrays


def _equation(c: Config, stage: Stage, name: str, looks: np.ndarray) -> experiment.Arrays:
    operators, data, solution = EQUATIONS[name](c)
    network = lfp.Pinn(lfp.TwoLayer(c.width, "tanh", w=lfp.Gaussian(c.spread), b=lfp.Gaussian(c.spread / 2)), operators)
    own = [
        network_spectrum(network, data, one) for one in unstack(initialise(network, data.x.shape[1], c.seeds, c.seed))
    ]
    rates = np.stack([one.rates for one in own])
    lr, mode = trials.step_size(rates), f"{name}_mode"
    arrays: experiment.Arrays = {f"{name}_x": (("seed", mode), lr * rates)}
    for kind, mu, scale in (("gd", 0.0, c.scale), ("ball", c.mu, c.scale), ("wrong", c.wrong_mu, c.wrong_scale)):
        law = lfp.HeavyBall(lr, mu)  # without momentum it is gradient descent
        target = lfp.Points(data.x, scale * data.y, data.weights)
        theory = np.concatenate([lfp.solve(one, target, law, looks).values for one in own])
        arrays[f"{name}_{kind}_theory"] = (("seed", "step", mode), _modes(own, target, theory))

        def train(law: Any = law, target: lfp.Points = target, kind: str = kind) -> experiment.Arrays:
            found = lfp.train(network, target, law, looks, seeds=c.seeds, seed=c.seed)
            u = jax.vmap(network.inner.apply, (0, None))(found.end, jnp.asarray(target.x[:, :-1], jnp.float32))
            true = solution(target.x[:, :-1])
            off = np.sqrt(np.mean((np.asarray(u) / c.scale - true) ** 2, axis=1) / np.mean(true**2))
            modes = _modes(own, target, found.trajectory.values)
            return {f"{name}_{kind}": (("seed", "step", mode), modes), f"{name}_{kind}_off": (("seed",), off)}

        arrays |= stage(f"training {name} {kind}", train)
    return arrays


def _modes(own: Any, target: lfp.Points, values: np.ndarray) -> np.ndarray:
    """What is left along the eigenvectors of each network's kernel, in units of the residual at the start."""
    left = (target.y - values) / np.linalg.norm(target.y)
    return np.stack([one @ np.asarray(spectrum.vectors) for one, spectrum in zip(left, own, strict=True)])


def check(data: Any, c: Config) -> list[Gate]:
    """Residual modes against the recurrence; what the control and momentum do."""
    gates = []
    for name in c.equations:
        gaps = {
            kind: trials.gap(data[f"{name}_{kind}"], data[f"{name}_{kind}_theory"]) for kind in ("gd", "ball", "wrong")
        }
        mistaken = trials.gap(data[f"{name}_ball"], data[f"{name}_gd_theory"])
        better = np.log10(data[f"{name}_gd_off"].values / data[f"{name}_ball_off"].values)
        far = f"{name}: the same at scale {c.wrong_scale:g}, mu = {c.wrong_mu:g}"
        gates += [
            Gate(f"{name}: largest error of a residual mode, gradient descent", gaps["gd"], c.limit),
            Gate(f"{name}: largest error of a residual mode, heavy ball", gaps["ball"], c.limit),
            Gate(f"{name}: decades that the heavy ball takes off the error", better, c.better, above=True, mean=True),
            Gate(far, gaps["wrong"], c.limit, control=True),
            Gate(f"{name}: heavy ball predicted as gradient descent", mistaken, c.limit, control=True),
        ]
    return gates


def plot(data: Any, c: Config) -> Any:
    """Per equation: the strongest residual modes of one network in time; steps to a tenth over the rate, all seeds."""
    fig, axes = plots.figure(columns=2, rows=len(c.equations), width=7.0, height=3.2 * len(c.equations))
    steps = data.step.values
    for name, left, right in zip(c.equations, *np.reshape(axes, (-1, 2)).T, strict=True):
        theory, training = (data[f"{name}_ball{end}"].values[0] for end in ("_theory", ""))
        strongest = np.sort(np.argsort(-abs(training[0]))[:4])[::-1]
        for colour, k in zip(plots.mode_colours(4), strongest, strict=True):
            x = data[f"{name}_x"].values[0, k]
            left.plot(steps, training[:, k] / training[0, k], color=colour, lw=2.0, label=f"{x:.2g}")
            left.plot(steps, theory[:, k] / training[0, k], color="black", lw=1.0, ls=(0, (4, 2)))
        left.set(xscale="symlog", xlabel="step", ylabel="residual mode over its start", title=f"{name}, heavy ball")
        left.legend(title="lr times rate", fontsize=7, title_fontsize=7)
        x, measured, laws = data[f"{name}_x"].values, {}, {}
        wide, looks = np.geomspace(max(x.min(), 1e-4), x.max(), 60), lfp.log_steps(100 * c.steps, 400)
        for kind, label, mu in (("gd", "gradient descent", 0.0), ("ball", "heavy ball", c.mu)):
            curves = np.moveaxis(abs(data[f"{name}_{kind}"].values), 1, 2)
            found = [[_steps(steps, one) for one in seed] for seed in curves]
            measured[label] = (x, np.array(found))
            law = np.abs(np.asarray(lfp.HeavyBall(1.0, mu).factor(wide, looks)))
            laws[label] = (wide, np.array([settled(looks, one, SHARE) for one in law.T]))
        plots.plot_steps(right, measured, laws, lfp.HeavyBall(1.0, c.mu).critical[0])
        right.set(xlim=(1e-4, 1.5), ylim=(1, 2 * c.steps), ylabel="steps until 10 % is left for good")
    return fig


def _steps(steps: np.ndarray, size: np.ndarray) -> float:
    """Steps to a tenth of a mode; NaN where the target has too little of it to see that."""
    return settled(steps, size / size[0], SHARE) if size[0] > LEAST else np.nan
