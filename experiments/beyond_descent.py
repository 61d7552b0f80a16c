"""Five optimisers that are not gradient descent learn low frequencies first, two of them without gradients.

A small tanh network learns sin x + sin 3x + sin 5x by conjugate gradients, BFGS, L-BFGS, Powell's method (scipy) and a
particle swarm. There is no linear law for them in this regime: what is predicted is the order, measured is the share of
runs that keep it. Neurons start in pairs that cancel, so that nothing of any sine is learnt at the start, and Powell is
watched at every evaluation that betters the loss: one of its iterations is a line search along every parameter, in
which two sines fall. Gauss-Newton, whose law has no order, is the control, on a network so wide, with weights so large,
that its steps stay small; `conjugate_gradient` holds it and conjugate gradients on one network against their laws.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Frequency bias beyond gradient descent, arXiv 2101.00747"
PREDICTED = "order in which the three sines are learnt (measured, no rates)"
CAPTION = "Every optimiser brings sin x down before sin 3x and sin 5x; Gauss-Newton does not keep the order."
METHODS = ("CG", "BFGS", "L-BFGS-B", "Powell", "swarm")


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    modes: tuple[int, ...] = (1, 3, 5)
    points: int = 48
    width: int = 12  # half of them cancel the others at the start
    iterations: int = 100
    powell: int = 10
    particles: int = 60
    scatter: float = 0.1  # of the swarm at the start: one that is wide has learnt by chance
    sweeps: int = 500
    wide: int = 64  # Gauss-Newton: times as many neurons, their inputs times `steep`
    steep: float = 3.0
    learnt: float = 0.5
    seeds: int = 10
    most: float = 0.5  # of the runs


SMOKE = Config(seeds=4, iterations=60, powell=4, sweeps=300)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Every optimiser from the same starts: what is left of each sine after every iteration."""
    x = np.pi * (2 * np.arange(c.points) / c.points - 1)
    waves = np.sin(np.multiply.outer(np.array(c.modes), x))
    task = Task(x, waves, c, c.width)
    wide = Task(x, waves, c, c.wide * c.width, c.steep)  # else the linear model does not reach as far as its step
    arrays: experiment.Arrays = {"mode": (("mode",), np.array(c.modes))}
    for name in (*METHODS, "Gauss-Newton"):

        def work(name: str = name) -> experiment.Arrays:
            one = wide if name == "Gauss-Newton" else task
            runs = [one.curves(name, seed) for seed in c.each_seed]
            longest = max(map(len, runs))
            runs = [np.pad(rows, ((0, longest - len(rows)), (0, 0)), mode="edge") for rows in runs]
            return {name: (("run", f"iteration {name}", "mode"), np.array(runs))}

        arrays |= stage(name, work)
    return arrays


class Task:
    """The network, its loss and the share of each sine that is left."""

    def __init__(self, x: np.ndarray, waves: np.ndarray, c: Config, m: int, steep: float = 1.0):
        points, self.waves, self.y, self.c, self.width, self.steep = jnp.asarray(x), waves, waves.sum(0), c, m, steep

        def f(p: Any) -> Any:
            return p[2 * m : 3 * m] @ jnp.tanh(p[:m, None] * points[None, :] + p[m : 2 * m, None])

        loss = lambda p: jnp.mean((f(p) - self.y) ** 2) / 2  # noqa: E731
        self.f, self.loss, self.losses = jax.jit(f), jax.jit(loss), jax.jit(jax.vmap(loss))
        self.slope, self.jacobian = jax.jit(jax.grad(loss)), jax.jit(jax.jacrev(f))

    def left(self, p: np.ndarray) -> np.ndarray:
        """Share of each sine that is left."""
        return np.abs((self.y - np.asarray(self.f(p))) @ self.waves.T * 2 / len(self.y))

    def curves(self, name: str, seed: int) -> np.ndarray:
        """What is left of each sine after every iteration of an optimiser."""
        rng, m = np.random.default_rng(seed), self.width
        w, b, a = rng.normal(size=(3, m // 2)) * np.array([[self.steep], [self.steep], [1.0]])
        start = np.concatenate([w, w, b, b, a / m**0.5, -a / m**0.5])  # f = 0
        rows = [self.left(start)]
        keep = lambda p: rows.append(self.left(p))  # noqa: E731
        if name == "swarm":
            self._swarm(rng, start, keep)
        elif name == "Gauss-Newton":
            self._newton(start, keep)
        else:
            self._scipy(name, start, keep)
        return np.array(rows)

    def _scipy(self, name: str, start: np.ndarray, keep: Callable[[np.ndarray], None]) -> None:
        from scipy.optimize import minimize

        if name != "Powell":
            how = {"jac": lambda p: np.asarray(self.slope(p), float), "callback": keep}
            options = {"maxiter": self.c.iterations}
            minimize(lambda p: float(self.loss(p)), start, method=name, options=options, **how)
            return
        best = np.inf

        def watched(p: np.ndarray) -> float:
            nonlocal best
            value = float(self.loss(p))
            if value < best:
                best = value
                keep(p)
            return value

        minimize(watched, start, method=name, options={"maxiter": self.c.powell})

    def _swarm(self, rng: np.random.Generator, start: np.ndarray, keep: Callable[[np.ndarray], None]) -> None:
        """Every particle is drawn to the best place it saw and to the best of all (inertia .73, pulls 1.5)."""
        place = start + self.c.scatter * rng.normal(size=(self.c.particles, len(start)))
        speed = np.zeros_like(place)
        best, value = place.copy(), np.asarray(self.losses(place))
        for _ in range(self.c.sweeps):
            own, all_ = rng.uniform(size=(2, *place.shape))
            speed = 0.73 * speed + 1.5 * own * (best - place) + 1.5 * all_ * (best[value.argmin()] - place)
            place = place + speed
            now = np.asarray(self.losses(place))
            better = now < value
            best[better], value = place[better], np.minimum(now, value)
            keep(best[value.argmin()])

    def _newton(self, p: np.ndarray, keep: Callable[[np.ndarray], None]) -> None:
        """A tenth of the least-norm Gauss-Newton step, directions left out in which the network hardly moves."""
        for _ in range(self.c.iterations):
            jacobian = np.asarray(self.jacobian(p))
            inverse = np.linalg.pinv(jacobian @ jacobian.T, rcond=1e-6, hermitian=True)
            p = p - 0.1 * jacobian.T @ (inverse @ (np.asarray(self.f(p)) - self.y))
            keep(p)


def check(data: Any, c: Config) -> list[Gate]:
    """Share of the runs in which the sines are learnt in the order of their frequencies."""
    what = "share of runs that learn sin x before sin 3x before sin 5x"
    kept = {name: _ordered(data[name].values, c) for name in (*METHODS, "Gauss-Newton")}
    return [
        Gate(f"{what}, {name}", runs, c.most, above=True, mean=True, control=name == "Gauss-Newton")
        for name, runs in kept.items()
    ]


def _ordered(runs: np.ndarray, c: Config) -> np.ndarray:
    """Whether each sine first falls to the threshold after the one below it; the lowest must fall."""
    low = runs <= c.learnt
    first = np.where(low.any(axis=1), low.argmax(axis=1), 10**9)
    rising = (first[:, 1:] > first[:, :-1]) | (first[:, 1:] == 10**9)
    return rising.all(axis=1) & (first[:, 0] < 10**9)


def plot(data: Any, c: Config) -> Any:
    """Median over the runs, one panel an optimiser."""
    fig, axes = plots.figure(rows=2, columns=3, width=7.0, height=4.6)
    for ax, name in zip(axes.flat, (*METHODS, "Gauss-Newton"), strict=True):
        middle = np.median(data[name].values, axis=0)
        for i, (colour, k) in enumerate(zip(plots.mode_colours(len(c.modes)), c.modes, strict=True)):
            ax.plot(np.arange(1, len(middle) + 1), middle[:, i], color=colour, label=f"sin {k}x" if k > 1 else "sin x")
        ax.set(xscale="log", title=name, ylim=(0, 1.5))
        ax.set_xlabel("better evaluation + 1" if name == "Powell" else "iteration + 1")
    for ax in axes[:, 0]:
        ax.set_ylabel("what is left")
    axes[0, 0].legend()
    return fig
