"""Clones of a distribution that know its statistics up to order p are learnt alike until degree p is learnt.

On the cube p(x | y = +-1) = 2^-d (1 +- sum_S c_S chi_S): a statistic of order k is a Walsh coefficient of degree k, so
the clone of order p keeps the degrees up to p. A network that is trained on a clone and tested on the real data has the
loss (1/2) E (f - y)^2 in closed form, because degree k is learnt at its own rate: that of the kernel of each network at
its start, since the rate of one function of degree 3 scatters by 13 % about that of infinite width (4096 neurons). The
paper clones images; this is the case in which all is exact, and digit_clones has images.
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "Distributions of increasing complexity, arXiv 2211.11567"
PREDICTED = "test loss on the real data of a network trained on each clone; the steps at which clones part from it"
CAPTION = "Dashed theory over solid training: the clone of order p follows the real data until degree p + 1 counts."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    dim: int = 8
    amplitudes: tuple[float, ...] = (0.4, 0.3, 0.2)  # of degree 1, 2, 3: their sum is below 1, so that p >= 0
    samples: int = 2_000_000
    width: int = 4096
    alpha: float = 30.0
    steps: int = 2000
    apart: float = 0.003
    limit: float = 0.01  # a fiftieth of the loss at the start
    limit_steps: float = 0.1  # a tenth


SMOKE = Config(dim=6, samples=200_000, width=1024, steps=600, seeds=2, limit_steps=0.3)


def coefficients(c: Config) -> np.ndarray:
    """c_S: the first Walsh function of every degree in turn; their bits overlap."""
    out = np.zeros(2**c.dim)
    out[[2 ** (k + 1) - 1 for k in range(len(c.amplitudes))]] = c.amplitudes
    return out


def orders(c: Config) -> range:
    """The clones, the last of which is the real distribution."""
    return range(1, len(c.amplitudes) + 1)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Theory of the population; training on samples of every clone."""
    cube, network = lfp.Hypercube(c.dim), lfp.TwoLayer(c.width, alpha=c.alpha)
    rates = lfp.spectra.grid_rates(jax.jit(lfp.kernel(network)), cube)
    law, steps = trials.descent(rates), lfp.log_steps(c.steps, 100)
    learned = np.asarray(law.learned(rates, steps))
    real, degrees = coefficients(c), cube.degrees()
    grams = [lfp.kernel_at_start(network, c.dim, seed)(cube.points(), None) for seed in c.each_seed]
    theory = [_predict(c, p, grams, law, steps) for p in orders(c)]
    first = learned[:, degrees == 1].mean(axis=1, keepdims=True)  # the control: every degree at the rate of the first
    flat = [_loss(real, first * np.where(degrees <= p, real, 0.0)) for p in orders(c)]

    def train() -> experiment.Arrays:
        return {"training": (("order", "run", "step"), [_train(c, p, network, law, steps) for p in orders(c)])}

    arrays = {"step": (("step",), steps), "theory": (("order", "run", "step"), theory)}
    return arrays | {"flat": (("order", "step"), flat)} | stage("training", train)


def _loss(real: np.ndarray, f: np.ndarray) -> np.ndarray:
    """(1/2) E (f - y)^2 of functions with these coefficients, y = +-1 with mean sum c_S chi_S."""
    return (1 - real @ real + ((f - real) ** 2).sum(axis=-1)) / 2


def _mean(c: Config, p: int) -> np.ndarray:
    """E[y | x] of the clone of order p, at all points."""
    cube = lfp.Hypercube(c.dim)
    return np.asarray(cube.synthesise(np.where(cube.degrees() <= p, coefficients(c), 0.0)))


def _of_function(c: Config, f: np.ndarray) -> np.ndarray:
    """Loss on the real data of functions on the cube."""
    return _loss(coefficients(c), np.stack([np.asarray(lfp.Hypercube(c.dim).analyse(row)) for row in f]))


def _predict(c: Config, p: int, grams: list[Any], law: Any, steps: np.ndarray) -> np.ndarray:
    """Real test loss by the kernel of every network at its start, on the population of the clone of order p."""
    population = lfp.domains.merge(lfp.Hypercube(c.dim).points(), _mean(c, p))
    spectra = [lfp.spectra.gram_spectrum(gram, population.weights) for gram in grams]
    return np.array([_of_function(c, lfp.solve(one, population, law, steps).values[0]) for one in spectra])


def _train(c: Config, p: int, network: lfp.TwoLayer, law: Any, steps: np.ndarray) -> np.ndarray:
    """Real test loss of networks trained on samples of the clone of order p, one sample a seed."""
    mean, losses = _mean(c, p), []
    for seed in c.each_seed:
        rng = np.random.default_rng(seed)
        which = rng.integers(len(mean), size=c.samples)
        y = np.where(rng.random(c.samples) < (1 + mean[which]) / 2, 1.0, -1.0)
        count = np.bincount(which, minlength=len(mean))
        data = lfp.Points(lfp.Hypercube(c.dim).points(), np.bincount(which, y, len(mean)) / count, count / c.samples)
        f = lfp.train(network, data, law, steps, seeds=1, seed=seed).trajectory.values[0]
        losses.append(_of_function(c, f))
    return np.array(losses)


def departures(losses: np.ndarray, steps: np.ndarray, apart: float) -> np.ndarray:
    """Step at which each clone's loss is `apart` above that of the real data, linear between looks; else the last."""
    gaps = losses[:-1] - losses[-1:]
    i = np.maximum((gaps > apart).argmax(axis=-1), 1)
    before, after = (np.take_along_axis(gaps, at[..., None], axis=-1)[..., 0] for at in (i - 1, i))
    found = steps[i - 1] + (apart - before) / (after - before) * (steps[i] - steps[i - 1])
    return np.where((gaps > apart).any(axis=-1), found, steps[-1])


def check(data: Any, c: Config) -> list[Gate]:
    """Curves and steps of parting of every seed; the control gives all degrees one rate."""
    training, theory, flat = (data[name].values for name in ("training", "theory", "flat"))
    off, wrong = (np.abs(training - curve).max(axis=(0, 2)) for curve in (theory, flat[:, None]))
    steps = data.step.values
    found, expected = departures(training, steps, c.apart), departures(theory, steps, c.apart)
    part = np.abs(found / expected - 1).max(axis=0)
    order = (np.diff(found, axis=0) > 0).all(axis=0)
    return [
        Gate("test loss, training against theory, largest over clones and steps", off, c.limit),
        Gate("step at which a clone parts from the real data, relative error", part, c.limit_steps),
        Gate("lower orders part first", order, 1, above=True),
        Gate("test loss, every degree at the rate of degree 1", wrong, c.limit, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Test loss of the clones over the steps."""
    fig, ax = plots.figure(width=4.2, height=3.0)
    steps, names = data.step.values[1:], [f"degree <= {p}" for p in orders(c)[:-1]] + ["real data"]
    for p, colour in enumerate(plots.mode_colours(len(names))):
        ax.plot(steps, data.training.values[p].mean(axis=0)[1:], color=colour, lw=1.8, label=names[p])
        ax.plot(steps, data.theory.values[p].mean(axis=0)[1:], color="black", lw=1, ls=(0, (4, 2)))
    ax.plot([], [], color="black", lw=1, ls=(0, (4, 2)), label="theory")
    ax.set(xscale="log", xlabel="step of gradient descent", ylabel="loss on the real data")
    ax.legend(fontsize=8)
    return fig
