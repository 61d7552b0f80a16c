"""Conjugate gradients learn low frequencies first, mode by mode as the Krylov polynomial says; Gauss-Newton does not.

The network is linear in its parameters about their start. Conjugate gradients step its 4 m parameters; the polynomial
of least loss in the spectrum of its kernel says what is left of each mode, before a step is taken. Gauss-Newton, on the
network itself, takes the same share off every mode.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.training import initialise, unstack

PAPER = "Frequency bias beyond gradient descent, arXiv 2101.00747"
PREDICTED = "what conjugate gradients and Gauss-Newton leave of each sine, step by step"
CAPTION = "Conjugate gradients keep the order of frequencies, on the Krylov polynomial; Gauss-Newton has none."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    modes: tuple[int, ...] = (1, 3, 5)
    points: int = 32
    width: int = 2048
    steps: int = 8
    share: float = 0.1
    rounding: float = 1e-6  # float64, to which the polynomials are ill-conditioned
    limit: float = 0.01  # 1 / alpha: how far the network is from linear
    order: float = 0.1  # a tenth later


SMOKE = Config(width=512, seeds=2, limit=0.02)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Krylov polynomials of every network, then steps in its parameters; Gauss-Newton by its law, then in training."""
    problem, steps = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes), np.arange(c.steps + 1)
    network = lfp.TwoLayer(c.width, "relu", alpha=100.0)
    starts = unstack(initialise(network, 2, c.seeds, c.seed, dtype=jnp.float64))
    theory, wrong = (
        lfp.Trajectory(steps, _krylov(c, network, starts, problem, own), problem.x) for own in (True, False)
    )
    newton = lfp.GaussNewton(c.share)
    rows = {"krylov_theory": lfp.probe(theory, problem), "descent": lfp.probe(wrong, problem)}
    rows["newton_theory"] = lfp.probe(
        lfp.solve(_spectrum(network, starts[0], problem), problem, newton, steps), problem
    )
    arrays: experiment.Arrays = {}
    for name, curves in rows.items():
        arrays |= experiment.pack(name, curves)

    def work() -> experiment.Arrays:
        values = np.stack([_conjugate(network, start, problem, c.steps) for start in starts])
        run = lfp.train(network, problem, newton, steps, seeds=c.seeds, seed=c.seed)
        curves = {"krylov_training": lfp.Trajectory(steps, values, problem.x), "newton_training": run.trajectory}
        packed = [experiment.pack(name, lfp.probe(one, problem)) for name, one in curves.items()]
        return packed[0] | packed[1]

    return arrays | stage("conjugate gradients and Gauss-Newton", work)


def _spectrum(network: lfp.TwoLayer, params: Any, problem: Any) -> Any:
    return lfp.spectra.gram_spectrum(lfp.empirical_kernel(network, params, jnp.asarray(problem.x)), problem.weights)


def _krylov(c: Config, network: lfp.TwoLayer, starts: list[Any], problem: Any, krylov: bool) -> np.ndarray:
    """f by the law of conjugate gradients, or of gradient descent, in the spectrum of each network."""
    values = []
    for params in starts:
        rates = _spectrum(network, params, problem)
        power = rates.coefficients(jnp.asarray(problem.y))
        law = lfp.ConjugateGradient(rates.rates, power) if krylov else trials.descent(rates)
        values.append(lfp.solve(rates, problem, law, np.arange(c.steps + 1)).values[0])
    return np.stack(values)


def _conjugate(network: lfp.TwoLayer, params: Any, problem: Any, steps: int) -> np.ndarray:
    """Conjugate gradients on (1/2n) |J d - y|^2 in the parameters d, by products with J and J^T alone.

    Every gradient is made orthogonal to those before: rounding would bring back what is learnt.
    """
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.y)
    flat, restore = ravel_pytree(params)
    f, push = jax.linearize(lambda p: network.apply(restore(p), x), flat)
    pull = jax.linear_transpose(push, flat)
    moved, search, gradients, values = jnp.zeros_like(flat), jnp.zeros_like(flat), [], []
    for _ in range(steps + 1):
        values.append(push(moved))
        (gradient,) = pull((y - f - values[-1]) / len(y))
        for before in 2 * gradients:
            gradient = gradient - before * (before @ gradient) / (before @ before)
        turn = gradient @ gradient / (gradients[-1] @ gradients[-1]) if gradients else 0.0
        search = gradient + turn * search
        image = push(search)
        moved = moved + gradient @ gradient / (image @ image / len(y)) * search
        gradients.append(gradient)
    return np.asarray(jnp.stack(values))


def check(data: Any, c: Config) -> list[Gate]:
    """Steps in the parameters against the polynomial; the order of the modes, and none for Gauss-Newton."""
    names = ("krylov_theory", "descent", "krylov_training", "newton_theory", "newton_training")
    theory, descent, krylov, law, newton = (experiment.unpack(data, name).remaining for name in names)
    first = {kind: trials.times(data, kind, share=0.5) for kind in ("krylov", "newton")}
    lead = {kind: (np.diff(found, axis=1) / found[:, :1]).min(axis=1) for kind, found in first.items()}
    what = "delay of each sine to the one below it, in steps to a half of the first"
    return [
        Gate("conjugate gradients against the Krylov polynomial", trials.gap(krylov, theory), c.rounding),
        Gate("the same for the law of gradient descent", trials.gap(krylov, descent), c.rounding, control=True),
        Gate("Gauss-Newton against its law", trials.gap(newton, law), c.limit),
        Gate(f"{what}, conjugate gradients", lead["krylov"], c.order, above=True),
        Gate(f"{what}, Gauss-Newton", lead["newton"], c.order, above=True, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """What is left of each mode, step by step."""
    fig, axes = plots.figure(columns=2, width=6.6, height=3.0)
    for ax, kind, title in zip(axes, ("krylov", "newton"), ("conjugate gradients", "Gauss-Newton"), strict=True):
        theory, training = (np.abs(experiment.unpack(data, f"{kind}_{one}").mean()) for one in trials.KINDS)
        styles = zip(plots.mode_colours(len(c.modes)), c.modes, plots.MARKERS, strict=False)
        for i, (colour, mode, marker) in enumerate(styles):
            ax.plot(training[:, i], marker + "-", ms=4 - i, color=colour, label=f"mode {mode}")
            ax.plot(theory[:, i], color="black", lw=1.0, ls=(0, (4, 2)), label="law" if i == 0 else None)
        ax.set(xlabel="step", title=title, ylim=(-0.05, 1.1))
    axes[0].set_ylabel("what is left of the mode")
    axes[1].legend(fontsize=8)
    return fig
