"""A network comes to its LFP limit as m^(-1/2) in its width, the operator to the kernel as sigma_b^(-2) in the biases.

Five points of the authors, distributions of the cubic case: undamped Gauss-Newton steps, which end where lazy gradient
descent does, give the end of each network. The second law needs no network: the interpolant of the infinitely wide
kernel with Gaussian biases against that of the operator. The controls: a limit of other distributions, to which the
distance stalls. Below a width of 2000 a term in 1/m shows: the slope is -.7 from 500 to 2000, -.5 from 2000 on.
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

PAPER = "LFP, arXiv 2010.08153"
PREDICTED = "exponent of the distance to the LFP limit, in the width and in the spread of the biases"
CAPTION = "Distance to the LFP limit: slope -1/2 in the width (left), -2 in the biases (right); the wrong limit stalls."
X = np.array([[-0.8], [-0.6], [-0.3], [-0.06], [0.1]])
Y = np.array([0.25, -0.25, -0.07, 0.15, -0.05])
AT = np.linspace(-0.8, 0.1, 91)[:, None]


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    widths: tuple[int, ...] = (2000, 4000, 8000, 16000)
    networks: int = 24
    steps: int = 5
    seeds: int = 12
    biases: tuple[float, ...] = (2.0, 4.0, 8.0, 16.0)
    limit: float = 0.15  # of an exponent: -1/2 is neither -1/3 nor -2/3


SMOKE = Config(widths=(1000, 16000), networks=8, steps=4, seeds=4, limit=0.3)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Limits, right and wrong; interpolants over the biases; the ends of networks over the widths."""
    cubic = (lfp.Uniform(0.1), lfp.Uniform(3.0), lfp.Uniform(3.0))
    right, wrong = (
        _limit(lfp.Operator("relu", *laws)) for laws in (cubic, (lfp.Uniform(1.0), lfp.Uniform(0.2), cubic[2]))
    )
    wide = [_biases(scale) for scale in c.biases]
    arrays: experiment.Arrays = {
        "biases": (("bias",), np.array(c.biases)),
        "bias_distance": (("bias",), np.array([distance for distance, _ in wide])),
        "bias_wrong": (("bias",), np.array([distance for _, distance in wide])),
        "widths": (("width",), np.array(c.widths)),
    }
    for width in c.widths:
        network = lfp.TwoLayer(width, "relu", *cubic, alpha=width**0.5)
        arrays |= stage(f"training {width}", lambda net=network: _ends(c, net, right, wrong))
    return arrays


def _limit(operator: lfp.Operator) -> np.ndarray:
    """The LFP limit between the data."""
    return np.asarray(lfp.evolve(operator, lfp.Points(X, Y), np.array([np.inf])).at(AT))[0]


def _biases(scale: float) -> tuple[float, float]:
    """Distance of the interpolant of the NTK to that of the operator, and to one with half its prefactor."""
    x, at = jnp.asarray(X), jnp.asarray(AT)
    operator = lfp.Operator("relu", b=lfp.Gaussian(scale))
    ntk = lfp.kernel(lfp.TwoLayer(2, "relu", b=lfp.Gaussian(scale)))
    bent = lambda *p: operator.smooth(*p) + operator.parts(*p)[0]  # noqa: E731 - without the divergence term
    own, full, other = (k(at, x) @ jnp.linalg.solve(k(x, x), jnp.asarray(Y)) for k in (ntk, operator, bent))
    return _distance(np.asarray(own), np.asarray(full)), _distance(np.asarray(own), np.asarray(other))


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Rms, relative to the deviation of y."""
    return float(np.sqrt(np.mean((one - other) ** 2)) / Y.std())


def _ends(c: Config, network: lfp.TwoLayer, right: np.ndarray, wrong: np.ndarray) -> experiment.Arrays:
    """Distance of a network to both limits, rms over the networks of every seed."""
    rows, looks = [], np.array([0, c.steps])
    for seed in c.each_seed:
        points = lfp.domains.merge(X, Y)
        law = lfp.GaussNewton(1.0)
        run = lfp.train(network, points, law, looks, at=AT, seeds=c.networks, seed=seed, dtype=jnp.float64)
        rows.append([_distance(run.trajectory.values[:, -1], limit[None]) for limit in (right, wrong)])
    return {f"distance{network.width}": (("seed", "limit"), np.array(rows))}


def check(data: Any, c: Config) -> list[Gate]:
    """Slopes of log distance, one of the networks of each seed; to the wrong limit there is none."""
    sizes = np.stack([data[f"distance{width}"].values for width in c.widths])
    slopes = np.stack([np.polyfit(np.log(c.widths), np.log(sizes[:, :, i]), 1)[0] for i in (0, 1)])
    own, other = (np.polyfit(np.log(c.biases), np.log(data[name]), 1)[0] for name in ("bias_distance", "bias_wrong"))
    return [
        Gate("slope in the width, at most", slopes[0], -0.5 + c.limit, mean=True),
        Gate("slope in the width, at least", slopes[0], -0.5 - c.limit, above=True, mean=True),
        Gate("the same to the limit of other distributions", slopes[1], -0.5 + c.limit, control=True, mean=True),
        Gate("slope in sigma_b, difference to -2", abs(own + 2), c.limit),
        Gate("the same without the divergence term", abs(other + 2), c.limit, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Distances, logarithmic, with the slopes that are predicted."""
    fig, axes = plots.figure(columns=2, width=6.6, height=3.0)
    sizes = np.stack([data[f"distance{width}"].values for width in c.widths])
    rows = (
        (axes[0], np.array(c.widths, float), sizes[:, :, 0], sizes[:, :, 1], -0.5, "width m"),
        (
            axes[1],
            np.array(c.biases),
            data.bias_distance.values[:, None],
            data.bias_wrong.values[:, None],
            -2.0,
            "$\\sigma_b$",
        ),
    )
    for ax, x, right, wrong, slope, label in rows:
        ax.plot(x, right.mean(axis=1), "o-", ms=4, color="#0072B2", label="LFP limit")
        ax.plot(x, wrong.mean(axis=1), "s-", ms=4, color="#D55E00", label="control")
        ax.plot(x, right.mean(axis=1)[0] * (x / x[0]) ** slope, color="black", ls=(0, (4, 2)), label=f"slope {slope:g}")
        ax.set(xscale="log", yscale="log", xlabel=label)
        ax.set_xticks(x, [f"{one:g}" for one in x])
        ax.minorticks_off()
        ax.legend(fontsize=7)
    axes[0].set_ylabel("distance, relative to y")
    return fig
