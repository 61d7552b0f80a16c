"""A narrow Ricker activation has no spectral bias; a wider one has.

sigma(z) = pi^(1/4) / (15 a) (1 - (z/a)^2) exp(-(z/a)^2 / 2). The kernel gives every mode nearly the same rate at
a = .1 and different ones at a = .3. The width of the activation is the survey's; the lazy two-layer network is ours.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp import Activation
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Overview, arXiv 2201.07395"
PREDICTED = "steps to a tenth of each mode for two widths of the activation"
CAPTION = "Low frequencies lead with a Ricker activation of width .3, all go together with one of width .1."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    wide: float = 0.3
    narrow: float = 0.1
    modes: tuple[int, ...] = (1, 3, 5)
    points: int = 16
    width: int = 65536
    alpha: float = 100.0
    relative_lr: float = 0.05
    limit: float = 0.1  # a tenth of the time


SMOKE = Config(width=8192, seeds=4, limit=0.3)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """One trial a width of the activation."""
    arrays: experiment.Arrays = {}
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes)
    for a in (c.wide, c.narrow):
        network = lfp.TwoLayer(c.width, ricker(a), alpha=c.alpha)
        dense = partial(kernel, a)
        rates = lfp.spectrum(dense, problem).rates
        law = trials.descent(rates, c.relative_lr)
        steps = trials.looks(float(rates[max(c.modes)]), law.lr)
        arrays |= trials.trial(f"width{a:g}", network, problem, law, steps, stage, c=c, dense=dense)
    return arrays


def ricker(a: float) -> Activation:
    """The Ricker wavelet of width a."""
    size = np.pi**0.25 / (15 * a)
    return Activation(f"ricker {a:g}", lambda z: size * (1 - (z / a) ** 2) * jnp.exp(-((z / a) ** 2) / 2))


def kernel(a: float, x1: Any, x2: Any = None) -> Any:
    """The NTK on the unit circle, a, w, b ~ N(0, 1), in closed form.

    The activation is -size a^2 g'', g(z) = exp(-z^2 / 2 a^2), and E[g(z) g(z')] = a^2 / sqrt((a^2 + v)^2 - q^2) with
    the variance v = 2 of z and z' and their covariance q = 1 + x.x'. Each d/dq puts a derivative on both g.
    """
    overlap = lambda q: a**2 / jnp.sqrt((a**2 + 2) ** 2 - q**2)  # noqa: E731
    second = jax.grad(jax.grad(overlap))
    scale, q = (np.pi**0.25 / 15 * a) ** 2, 1 + x1 @ (x1 if x2 is None else x2).T
    value, slope = (jnp.vectorize(f)(q) for f in (second, jax.grad(second)))
    return scale * (value + slope * q)


def check(data: Any, c: Config) -> list[Gate]:
    """Times as predicted; the lead with the wide activation, and that with the narrow one, about between the two."""
    lead = {a: trials.lead(data, f"width{a:g}") for a in (c.wide, c.narrow)}
    between = trials.middle(data, *(f"width{a:g}" for a in lead))
    what = f"lead of mode {c.modes[0]} over mode {c.modes[-1]}, ratio of steps to 10 %"
    return [
        *(
            Gate(f"steps to 10 %, a = {a:g}, relative error", trials.errors(data, f"width{a:g}"), c.limit, mean=True)
            for a in lead
        ),
        Gate(f"{what}, a = {c.wide:g}", lead[c.wide], between, above=True, mean=True),
        Gate(f"{what}, a = {c.narrow:g}", lead[c.narrow], between, above=True, control=True, mean=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Theory over training, one panel a width."""
    fig, axes = plots.figure(columns=2, width=7.0, height=3.2)
    trials.draw(axes, data, {f"width{a:g}": f"Ricker activation, a = {a:g}" for a in (c.wide, c.narrow)})
    return fig
