"""Which omega_0, which sigma, how many bands: the time of every mode is predicted before any network is trained.

What stands in front of a network sets its rates: omega_0 of a SIREN and the scales of a multi-scale network multiply
the input, sigma is the spread of the frequencies of Fourier features. A small one leaves high modes for later than
anybody waits; a large one evens all modes out. Two-layer networks on the circle, and on
the line behind the features. The controls: the prediction for another value.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage, unpack
from lfp.harness.gate import Gate
from lfp.measure.times import times_to

PAPER = "SIREN, arXiv 2006.09661; Fourier features, 2006.10739; MscaleDNN, 2007.11207"
PREDICTED = "steps to a tenth of each mode over omega_0, sigma and the number of bands"
CAPTION = "Steps to a tenth of each mode over omega_0, sigma, bands: theory dashed, trained networks as points."
SHARE, LONGEST = 0.1, 10**7
LABELS = {"omega": "$\\omega_0$ of a SIREN", "sigma": "$\\sigma$ of Fourier features", "bands": "bands 1, 2, 4, ..."}


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    omega: tuple[float, ...] = (1.0, 3.0, 10.0)
    sigma: tuple[float, ...] = (0.5, 1.0, 2.0)  # cycles per unit of the line, which is two units long
    bands: tuple[int, ...] = (1, 2, 4)
    between: int = 4  # predictions from one trained value to the next
    modes: tuple[int, ...] = (1, 2, 4, 8)
    points: int = 64
    width: int = 16384
    features: int = 64
    alpha: float = 100.0
    steps: int = 2000  # modes that are predicted to take longer are not followed
    seeds: int = 8
    limit: float = 0.25  # of each time


SMOKE = Config(omega=(3.0, 10.0), sigma=(0.5, 1.0), bands=(1, 2), between=2, width=4096, steps=800, seeds=4, limit=0.5)


def networks(c: Config) -> dict[str, Callable[[float], Any]]:
    """The network of every value."""
    drawn = lfp.Gaussian(1.0).sample(jax.random.key(c.seed), c.features, 1)
    behind = lfp.TwoLayer(c.width, "relu", w=lfp.Gaussian(c.features**-0.5), alpha=c.alpha)

    def several(count: float) -> Any:
        inner = lfp.TwoLayer(2 * (c.width // int(2 * count)), "erf", alpha=c.alpha)
        return lfp.MultiScale(inner, tuple(2.0**i for i in range(int(count))))

    return {
        "omega": lambda omega: lfp.MultiScale(lfp.TwoLayer(c.width, "sin", alpha=c.alpha), (omega,)),
        "sigma": lambda sigma: lfp.FourierFeatures(behind, sigma * drawn),
        "bands": several,
    }


def values(c: Config, name: str) -> Any:
    """Where the times are predicted: between the trained ones and a little beyond, every number of bands."""
    trained = getattr(c, name)
    if name == "bands":
        return np.arange(1, trained[-1] + 1)
    ends = np.log([trained[0] / 2, *trained, 2 * trained[-1]])
    places = np.linspace(0, len(ends) - 1, c.between * (len(ends) - 1) + 1)
    return np.exp(np.interp(places, np.arange(len(ends)), ends))


def data(c: Config, name: str) -> lfp.Problem:
    """A sum of the modes, on the domain that the networks see."""
    return lfp.sum_of_modes(lfp.Line() if name == "sigma" else lfp.Circle(), c.points, c.modes)


def predicted(network: Any, problem: lfp.Problem) -> tuple[lfp.GradientDescent, Any]:
    """The law that takes half of the fastest mode in a step, and the time of every mode under it."""
    rates = lfp.spectrum(network, problem)
    law = trials.descent(rates, 0.5)
    theory = lfp.solve(rates, problem, law, lfp.log_steps(LONGEST, 400))
    return law, times_to(lfp.probe(theory, problem), SHARE)[0]


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """All predictions, then the networks of the values that are trained."""
    arrays: experiment.Arrays = {}
    for name, make in networks(c).items():
        problem, places = data(c, name), values(c, name)
        times = np.stack([predicted(make(value), problem)[1] for value in places])
        arrays |= {name: ((name,), places), f"{name}_times": ((name, "mode"), times)}
    for name, make in networks(c).items():
        problem = data(c, name)
        for i, value in enumerate(getattr(c, name)):
            law, times = predicted(make(value), problem)
            followed = replace(problem, modes=np.array(c.modes)[times <= c.steps])
            last = int(1.5 * times[times <= c.steps].max()) + 2
            steps = lfp.log_steps(last, 150)
            arrays |= trials.trial(f"{name}{i}", make(value), followed, law, steps, stage, c=c)
    return arrays


def check(data: Any, c: Config) -> list[Gate]:
    """Every time within the limit at every value; the prediction of the next value is not."""
    gates = []
    for name in LABELS:
        trained = range(len(getattr(c, name)))
        right = np.stack([trials.errors(data, f"{name}{i}", SHARE) for i in trained]).max(axis=0)
        wrong = np.stack([_swapped(data, name, i, (i + 1) % len(trained)) for i in trained]).min(axis=0)
        gates += [
            Gate(f"steps to 10 %, {name}, relative error", right, c.limit, mean=True),
            Gate(f"steps to 10 %, {name}, by the prediction of another value", wrong, c.limit, control=True),
        ]
    return gates


def _swapped(data: Any, name: str, i: int, other: int) -> Any:
    """The largest relative error over the modes that both follow, if the theory were that of another value."""
    theory, training = unpack(data, f"{name}{other}_theory"), unpack(data, f"{name}{i}_training")
    both = np.intersect1d(theory.modes, training.modes)
    said, seen = (times_to(one, SHARE)[:, np.isin(one.modes, both)] for one in (theory, training))
    return (np.abs(seen - said) / said).max(axis=1)


def plot(data: Any, c: Config) -> Any:
    """One panel each: predicted times over the value, dashed, and those of trained networks."""
    fig, axes = plots.figure(columns=3, width=7.0, height=2.9)
    for ax, (name, label) in zip(axes, LABELS.items(), strict=True):
        for k, (mode, colour) in enumerate(zip(c.modes, plots.mode_colours(len(c.modes)), strict=True)):
            within = np.asarray(data[f"{name}_times"])[:, k]
            ax.plot(data[name], np.where(np.isfinite(within), within, np.nan), ls=plots.DASHED, color=colour)
            for i, value in enumerate(getattr(c, name)):
                training = unpack(data, f"{name}{i}_training")
                if mode in training.modes:
                    seen = times_to(training, SHARE)[:, list(training.modes).index(mode)]
                    named = f"mode {mode}" if ax is axes[0] and i == len(getattr(c, name)) - 1 else None
                    ax.plot(value, seen.mean(), plots.MARKERS[k], color=colour, ms=4, label=named)
        ax.set(xlabel=label, yscale="log", ylim=(1, 10 * c.steps))
        if name != "bands":
            ax.set_xscale("log")
            ax.minorticks_off()
            ax.set_xticks(getattr(c, name), [f"{value:g}" for value in getattr(c, name)])
    axes[0].set_ylabel("steps to 10 %")
    fig.legend(loc="outside lower center", ncols=len(c.modes))
    return fig
