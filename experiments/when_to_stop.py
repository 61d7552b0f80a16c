"""Noise makes the test error rise again, from the step on that the rates of the kernel predict.

The error in time on random samples follows from the sample covariance before anything is trained.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.prediction.learning_in_time import stable_lr

PAPER = "Bordelon, Atanasov, Pehlevan, arXiv 2402.01092"
PREDICTED = "test error after every step of gradient descent on random samples, and when to stop"
CAPTION = "Dashed theory over draws of kernel regression; the triangle is where the theory stops."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    dim: int = 10
    degrees: tuple[int, ...] = (1, 2)
    samples: int = 100
    noise: float = 4.0
    steps: int = 10**4
    draws: int = 60
    limit: float = 0.1  # of the error
    regret: float = 1.02  # test error at the step that was predicted over the least


SMOKE = Config(draws=30, seeds=2, limit=0.25)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Theory in time, then draws."""
    network, space = lfp.MLP(2, 1, "relu"), lfp.Sphere(c.dim)
    rates: Any = lfp.spectrum(network, space, 32)
    power = np.isin(np.arange(33), c.degrees).astype(float)
    law, steps = lfp.GradientDescent(stable_lr(rates, [c.samples])), lfp.log_steps(c.steps, 40)
    theory = lfp.learning_in_time(rates, power, c.samples, law, steps, noise=c.noise)
    last = min(max(c.degrees) + 3, 32)

    def mean(seed: int) -> Any:
        how: dict[str, Any] = {"rates": rates, "law": law, "steps": steps, "draws": c.draws}
        drawn = lfp.drawn_curve(network, space, c.samples, power[: last + 1], 0.0, c.noise, **how, seed=seed)
        return drawn.mean.sum(axis=1) + c.noise

    def work() -> experiment.Arrays:
        return {"drawn": (("seed", "step"), np.stack([mean(seed) for seed in c.each_seed]))}

    left = law.factor(jnp.nan_to_num(jnp.asarray(rates.rates)), jnp.asarray(steps))
    alone = (power * np.asarray(left) ** 2).sum(axis=1)
    return {
        "step": (("step",), steps),
        "theory": (("step",), theory.test),
        "alone": (("step",), alone + c.noise),
        "stop": ((), theory.best_step),
        **stage("drawn", work),
    }


def check(data: Any, c: Config) -> list[Gate]:
    """Theory against draws; the step at which to stop; infinitely many samples, which never overfit."""
    drawn, least = data.drawn.values, data.drawn.values.min(axis=1)
    off, wrong = (np.abs(data[name].values / drawn - 1).max(axis=1) for name in ("theory", "alone"))
    at = int(np.argmin(np.abs(data.step.values - float(data.stop))))
    return [
        Gate("test error in time, theory against draws, relative, largest", off, c.limit),
        Gate("test error at the predicted step over the least", drawn[:, at] / least, c.regret),
        Gate("test error in time without the effects of sampling", wrong, c.limit, control=True),
        Gate("test error at the last step over the least", drawn[:, -1] / least, c.regret, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Test error in time."""
    fig, ax = plots.figure(width=4.2, height=3.0)
    colour, dark = plots.mode_pairs(3)[1]
    for row in data.drawn.values:
        ax.plot(data.step[1:], row[1:], color=colour, lw=1)
    ax.plot(data.step[1:], data.theory[1:], color=dark, ls=plots.DASHED)
    place = int(np.argmin(np.abs(data.step.values - float(data.stop))))
    ax.plot(float(data.stop), data.theory.values[place], "v", color=dark)
    ax.set(xscale="log", xlabel="step of gradient descent", ylabel="test error, with noise", title=f"n = {c.samples}")
    return fig
