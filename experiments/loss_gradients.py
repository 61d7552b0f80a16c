"""With small weights low frequencies pull at nearly all parameters more: exceptions are as rare as exp(-c / delta).

One tanh neuron a tanh(w x + b), its parameters uniform in a ball of radius delta, and the loss at one frequency,
L(k) = (1/2) |F[h](k) - F[f](k)|^2. In radians F[tanh](k) = -i pi csch(pi k / 2), so that k pulls at a by
(pi / |w|) csch(pi k / 2|w|) |F[f]| sin(b k / w - arg F[f]), at b by the cosine times a k / w, while h is small. The
higher frequency wins only about the zeros of the sine of the lower, in bands as wide as the ratio of the two csch:
the sum over these zeros is integrated here. The paper bounds the share for wider networks, without the constants.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "F-Principle, arXiv 1901.06523"
PREDICTED = "share of weights at which the higher frequency has the larger gradient, against the radius delta"
CAPTION = "Dashed theory over Monte Carlo: the share falls as exp(-c / delta) for tanh and not at all for relu."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    low: float = 1.0
    high: float = 2.0
    target: tuple[tuple[float, float], ...] = ((0.8, -0.8), (0.7, 0.6))  # F[f] at the two frequencies, (re, im)
    radii: tuple[float, ...] = (0.28, 0.32, 0.36, 0.42, 0.5)
    draws: int = 4_000_000
    straight: float = 0.95  # a twentieth of the variance is off the line
    limit: float = 0.15  # first order: the widest band is .15 of the distance between two
    within: float = 0.25  # a quarter of the slope: there are corrections, powers of delta


SMOKE = Config(draws=400_000, radii=(0.36, 0.42, 0.5), seeds=2, limit=0.3, straight=0.8, within=0.4)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The integral first; then shares for tanh and relu, for every seed."""
    theory = [[expected(c, delta, turn) for turn in (0, 1)] for delta in c.radii]
    arrays: experiment.Arrays = {"delta": (("delta",), list(c.radii)), "theory": (("delta", "of"), theory)}
    for name, pull in (("tanh", tanh_pulls), ("relu", relu_pulls)):

        def work(name: str = name, pull: Any = pull) -> experiment.Arrays:
            shares = [[share(c, delta, pull, seed) for delta in c.radii] for seed in c.each_seed]
            return {name: (("seed", "delta", "parameter"), shares)}

        arrays |= stage(name, work)
    return arrays


def expected(c: Config, delta: float, turn: int) -> float:
    """Share for a (turn 0) and b (turn 1), to first order in the width of the bands.

    The sine vanishes at b_j = (w / k_1)(arg F_1 + turn pi / 2 + j pi); w and b have the joint density
    2 (delta^2 - w^2 - b^2)^(1/2) / (4 pi delta^3 / 3).
    """
    steps = 20_000
    w = (delta * (np.arange(steps) + 0.5) / steps)[:, None]
    (size1, angle1), (size2, angle2) = ((abs(complex(*f)), np.angle(complex(*f))) for f in c.target)
    phase = angle1 + turn * np.pi / 2 + np.pi * np.arange(-20, 21)
    density = 2 * np.sqrt(np.maximum(delta**2 - w**2 - (w * phase / c.low) ** 2, 0)) / (4 * np.pi * delta**3 / 3)
    low, high = (np.pi * k / (2 * w) for k in (c.low, c.high))
    ratio = size2 / size1 * np.exp(low - high) * np.expm1(-2 * low) / np.expm1(-2 * high) * (c.high / c.low) ** turn
    band = 2 * ratio * np.abs(np.sin(phase * c.high / c.low - angle2 - turn * np.pi / 2)) * w / c.low
    return float(2 * (density * band).sum() * delta / steps)


def share(c: Config, delta: float, pulls: Any, seed: int) -> np.ndarray:
    """Share of draws at which the gradient of L(high) is larger than that of L(low), for a, w and b."""
    rng = np.random.default_rng([seed, round(delta * 1000)])
    count, done = np.zeros(3), 0
    while done < c.draws:
        size = min(200_000, c.draws - done)
        points = rng.normal(size=(3, size))
        points *= delta * rng.random(size) ** (1 / 3) / np.linalg.norm(points, axis=0)
        low, high = (np.abs(pulls(k, complex(*f), *points)) for k, f in zip((c.low, c.high), c.target, strict=True))
        count += (high > low).sum(axis=1)
        done += size
    return count / c.draws


def tanh_pulls(k: float, target: complex, a: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Gradient of L(k) in a, w, b; F[h](k) = (a / |w|) F[tanh](k / w) exp(i b k / w)."""
    v = np.pi * k / (2 * w)
    csch = (
        2 * np.sign(v) * np.exp(-np.abs(v)) / -np.expm1(-2 * np.abs(v))
    )  # where it underflows, the higher k did first
    size = -1j * np.pi / np.abs(w) * csch * np.exp(1j * b * k / w)
    in_w = a * size * (-1 / w + v / np.tanh(v) / w - 1j * b * k / w**2)
    left = np.conj(a * size - target)
    return np.stack([(left * size).real, (left * in_w).real, (left * a * size * 1j * k / w).real])


def relu_pulls(k: float, target: complex, a: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The control: a kink has the transform -|w| / k^2 at every w, without a scale."""
    size = -np.abs(w) / k**2 * np.exp(1j * b * k / w)
    in_w = a * size * (1 / w - 1j * b * k / w**2)
    left = np.conj(a * size - target)
    return np.stack([(left * size).real, (left * in_w).real, (left * a * size * 1j * k / w).real])


def lines(shares: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """c and R^2 of log share = const - c / delta, for every row."""
    x, y = 1 / radii, np.log(np.maximum(shares, 1e-12))
    slope = np.polyfit(x, y.T, 1)
    rest = y - (slope[0][:, None] * x + slope[1][:, None])
    return -slope[0], 1 - (rest**2).sum(axis=1) / ((y - y.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)


def check(data: Any, c: Config) -> list[Gate]:
    """The share for a against its integral; straight lines for all three; relu, whose lines are flat."""
    radii, tanh, relu = data.delta.values, data.tanh.values, data.relu.values
    a, b = (tanh[:, :, i].sum(axis=1) / data.theory.values[:, j].sum() - 1 for i, j in ((0, 0), (2, 1)))
    fits = [lines(tanh[:, :, i], radii) for i in range(3)]
    flat = np.ravel([lines(relu[:, :, i], radii)[0] for i in range(3)])
    slopes = lines(data.theory.values.T, radii)[0]
    return [
        Gate("share for a, all delta together, over its integral - 1", np.abs(a), c.limit),
        Gate("share for b, the same", np.abs(b), c.limit),
        *[
            Gate(f"R^2 of log share against 1/delta, {p}", f[1], c.straight, above=True)
            for p, f in zip("awb", fits, strict=True)
        ],
        Gate("slope c for a, over that of the integral - 1", np.abs(fits[0][0] / slopes[0] - 1), c.within),
        Gate("slope c for b, the same", np.abs(fits[2][0] / slopes[1] - 1), c.within),
        Gate(
            "slope c for relu, a, w and b, over that for tanh - 1", np.abs(flat / slopes[0] - 1), c.within, control=True
        ),
    ]


def plot(data: Any, c: Config) -> Any:  # noqa: ARG001 - the arrays hold it all
    """Shares against 1/delta."""
    fig, ax = plots.figure(width=4.2, height=3.0)
    x = 1 / data.delta.values
    for i, (name, colour) in enumerate(zip("awb", plots.mode_colours(3), strict=True)):
        ax.plot(
            x, data.tanh.values[:, :, i].mean(axis=0), "osD"[i] + "-", color=colour, ms=4, lw=1, label=f"tanh, {name}"
        )
        ax.plot(
            x, data.relu.values[:, :, i].mean(axis=0), ":", color=colour, label="relu, all three" if i == 0 else None
        )
    for row, label in zip(data.theory.values.T, ("theory, a and b", None), strict=True):
        ax.plot(x, row, color="black", lw=1.1, ls=(0, (4, 2)), label=label)
    ax.set(yscale="log", xlabel="$1/\\delta$", ylabel="share with the larger pull at $k_2$")
    ax.legend(fontsize=8)
    return fig
