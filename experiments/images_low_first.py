"""On images too, low frequencies of the labels are learnt first, by a Gaussian filter and along the data's direction.

Labels are functions of the pixels: odd (1) or even (-1). The filter splits them at a width in pixel space; the other
probe takes their transform along the first principal direction. Both are linear, so that the linear theory, from the
kernel of each network at its start, predicts what they show. The control is Gauss-Newton, which has no preference.
`Config(data="mnist", samples=2000)` runs the same on MNIST.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import lfp
from lfp.domains import read_digits
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "F-Principle, arXiv 1901.06523"
PREDICTED = "relative error of the low and high part of the labels, and of frequencies along the principal direction"
CAPTION = "Dashed theory over solid training: the low part of the labels is learnt before the high part."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    data: str = "digits"
    samples: int = 400
    variance: float = 1.0  # of the filter, in pixels squared
    frequencies: tuple[float, ...] = (0.1, 0.3)  # cycles per unit along the direction
    width: int = 1024
    alpha: float = 30.0
    mu: float = 0.9
    steps: int = 300
    newton_samples: int = 100
    newton_steps: int = 12
    limit: float = 0.05  # a twentieth of the labels
    lead: float = 1.25  # a quarter more


SMOKE = Config(samples=150, width=256, steps=100, seeds=2, newton_samples=60, newton_steps=6, limit=0.1)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Theory and training of descent, then training by Gauss-Newton."""
    steps, newton = lfp.log_steps(c.steps, 60), np.arange(c.newton_steps + 1)
    network = lfp.TwoLayer(c.width, alpha=c.alpha)

    def descent(seed: int) -> experiment.Arrays:
        data = _data(c, seed, c.samples)
        known = lfp.extend(lfp.kernel_at_start(network, data.x.shape[1], seed), data)
        law = lfp.HeavyBall(known.descent.lr, c.mu)
        theory = known.follow(law, steps, data.x).values[0]
        return _probe(c, data, "theory", theory) | _trained(c, data, "training", network, law, steps, seed)

    def control(seed: int) -> experiment.Arrays:
        small = lfp.TwoLayer(256, alpha=c.alpha)
        return _trained(c, _data(c, seed, c.newton_samples), "newton", small, lfp.GaussNewton(0.2), newton, seed)

    arrays: experiment.Arrays = {"step": (("step",), steps), "newton_step": (("newton_step",), newton)}
    for work in (descent, control):
        arrays |= trials.seed_by_seed(c, stage, work.__name__, work)
    return arrays


def _data(c: Config, seed: int, count: int) -> lfp.Points:
    """So many images, drawn anew for every seed."""
    x, shown = read_digits(c.data)
    some = np.random.default_rng(seed).permutation(len(x))[:count]
    return lfp.domains.merge(x[some], np.where(shown[some] % 2, 1.0, -1.0))


def _trained(
    c: Config, data: Any, name: str, network: Any, law: Any, steps: np.ndarray, seed: int
) -> experiment.Arrays:
    run = lfp.train(network, data, law, steps, seeds=1, seed=seed)
    return _probe(c, data, name, run.trajectory.values[0])


def _probe(c: Config, data: Any, name: str, f: np.ndarray) -> experiment.Arrays:
    """|low(f - y)| / |low(y)|, the same of high, and the relative error along the direction."""
    both = lfp.measure.gaussian_filter(data.x, np.concatenate([(f - data.y).T, data.y[:, None]], axis=1), c.variance)
    split = [np.linalg.norm(part[:, :-1], axis=0) / np.linalg.norm(part[:, -1]) for part in both]
    direction, k = lfp.measure.principal_direction(data.x), np.array(c.frequencies)
    target = lfp.measure.along(data.x, data.y, direction, k)
    lines = [lfp.measure.relative_error(lfp.measure.along(data.x, row, direction, k), target) for row in f]
    step = "newton_step" if name == "newton" else "step"
    return {name: ((step, "part"), np.transpose(split)), f"{name}_along": ((step, "frequency"), np.array(lines))}


def check(data: Any, c: Config) -> list[Gate]:
    """Both probes against theory; how far the high part is behind when half of the low part is learnt."""
    off, along = (trials.gap(data[f"training{p}"], data[f"theory{p}"]) for p in ("", "_along"))
    swapped = trials.gap(data.training[:, :, 0], data.theory[:, :, 1])
    return [
        Gate("error of the low and high part, training against theory, largest", off, c.limit),
        Gate("the low part against the theory of the high part", swapped, c.limit, control=True),
        Gate("error along the principal direction, training against theory, largest", along, c.limit),
        Gate("error of the high part over that of the low, when this is 1/2", _lead(data.training), c.lead, above=True),
        Gate("the same by Gauss-Newton", _lead(data.newton), c.lead, above=True, control=True),
    ]


def _lead(curves: Any) -> list[float]:
    """High over low at the first look at which at most half of the low part is left."""
    values = curves.values
    return [float(one[(one[:, 0] <= 0.5).argmax(), 1] / one[(one[:, 0] <= 0.5).argmax(), 0]) for one in values]


def plot(data: Any, c: Config) -> Any:
    """Both probes over the steps: means over the seeds."""
    fig, axes = plots.figure(columns=2, width=7.0, height=2.9)
    names = (("low part", "high part"), tuple(f"{k:g} cycles" for k in c.frequencies))
    for ax, probe, labels in zip(axes, ("", "_along"), names, strict=True):
        for i, colour in enumerate(plots.mode_colours(len(labels))):
            steps = data.step.values[1:]
            ax.plot(steps, data[f"training{probe}"].values[:, 1:, i].mean(0), color=colour, lw=1.8, label=labels[i])
            ax.plot(steps, data[f"theory{probe}"].values[:, 1:, i].mean(0), color="black", lw=1, ls=(0, (4, 2)))
        ax.set(xscale="log", xlabel="step of the heavy ball", ylim=(0, None))
    axes[0].plot([], [], color="black", lw=1, ls=(0, (4, 2)), label="theory")
    axes[0].set(ylabel="relative error", title="Gaussian filter")
    axes[1].set(title="principal direction")
    for ax in axes:
        ax.legend(fontsize=8)
    return fig
