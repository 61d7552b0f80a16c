"""With small weights low frequencies pull at nearly all parameters more: exceptions are as rare as exp(-c / delta).

One tanh neuron a tanh(w x + b), its parameters uniform in a ball of radius delta, and the loss at one frequency,
L(k) = (1/2) |F[h](k) - F[f](k)|^2. In radians F[tanh](k) = -i pi csch(pi k / 2), so that the pull of k on a has the
size pi / (|w| sinh(pi k / 2|w|)) |F[h] - F[f]|, times the sine of a phase that b k / w spreads evenly. Its ratio at two
frequencies exceeds 1 with a probability that is integrated here; exp(-pi (k_2 - k_1) / 2 delta) is its leading part.
The theorem of the paper bounds the share for all parameters of wider networks, without the constant.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lfp import experiment, plotting
from lfp.experiment import Gate, Stage

PAPER = "F-Principle, arXiv 1901.06523"
PREDICTED = "share of weights at which the higher frequency has the larger gradient, against the radius delta"
CAPTION = "Dashed theory over Monte Carlo: the share falls as exp(-c / delta) for tanh and not at all for relu."


@dataclass(frozen=True)
class Config:
    """Settings."""

    low: float = 1.0
    high: float = 2.0
    target: tuple[tuple[float, float], ...] = ((1.0, 0.5), (0.7, -0.6))  # F[f] at the two frequencies, (re, im)
    radii: tuple[float, ...] = (0.2, 0.22, 0.25, 0.28, 0.33, 0.4, 0.5)
    draws: int = 4_000_000
    seeds: int = 5
    straight: float = 0.95
    limit: float = 0.15
    within: float = 0.25


SMOKE = Config(draws=400_000, radii=(0.25, 0.28, 0.33, 0.4, 0.5), seeds=2, limit=0.6)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The integral first; then shares for tanh and relu, for every seed."""
    theory = [expected(c, delta) for delta in c.radii]
    arrays: experiment.Arrays = {"delta": (("delta",), list(c.radii)), "theory": (("delta",), theory)}
    for name, pull in (("tanh", tanh_pulls), ("relu", relu_pulls)):

        def work(name: str = name, pull: Any = pull) -> experiment.Arrays:
            shares = [[share(c, delta, pull, seed) for delta in c.radii] for seed in range(c.seeds)]
            return {name: (("seed", "delta", "parameter"), shares)}

        arrays |= stage(name, work)
    return arrays


def expected(c: Config, delta: float) -> float:
    """P(|sin u_1| < r(w) |sin u_2|) over the law of w in the ball, u_1 and u_2 even and independent.

    Given w it is (4/pi^2) times Legendre's chi, the sum of r^(2j+1) / (2j+1)^2, r < 1.
    """
    w = delta * (np.arange(20_000) + 0.5) / 20_000
    weight = 1 - (w / delta) ** 2  # of a coordinate of a uniform ball in three dimensions
    low, high = (np.pi * k / (2 * w) for k in (c.low, c.high))
    ratio = (
        np.hypot(*c.target[1]) / np.hypot(*c.target[0]) * np.exp(low - high) * np.expm1(-2 * low) / np.expm1(-2 * high)
    )
    odd = np.arange(1, 60, 2)
    given = 4 / np.pi**2 * (ratio[:, None] ** odd / odd**2).sum(axis=1)
    return float((weight * given).sum() / weight.sum())


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
    off = np.abs(tanh[:, :, 0] / data.theory.values - 1).max(axis=1)
    fits = [lines(tanh[:, :, i], radii) for i in range(3)]
    slope = lines(data.theory.values[None], radii)[0][0]
    flat = [lines(relu[:, :, i], radii)[0] for i in range(3)]
    return [
        Gate("share for a over its integral - 1, largest over delta", off, c.limit),
        *[
            Gate(f"R^2 of log share against 1/delta, {p}", f[1], c.straight, above=True)
            for p, f in zip("awb", fits, strict=True)
        ],
        Gate("slope c for a over that of the integral - 1", np.abs(fits[0][0] / slope - 1), c.within),
        Gate("the same for relu", np.abs(flat[0] / slope - 1), c.within, control=True),
        Gate(
            "slope for relu, w and b, over that of the integral - 1",
            np.abs(np.ravel(flat[1:]) / slope - 1),
            c.within,
            control=True,
        ),
    ]


def plot(data: Any, c: Config) -> Any:  # noqa: ARG001 - the arrays hold it all
    """Shares against 1/delta."""
    fig, ax = plotting.figure(width=4.2, height=3.0)
    x = 1 / data.delta.values
    for i, (name, colour) in enumerate(zip("awb", plotting.mode_colours(3), strict=True)):
        ax.plot(
            x, data.tanh.values[:, :, i].mean(axis=0), "osD"[i] + "-", color=colour, ms=4, lw=1, label=f"tanh, {name}"
        )
        ax.plot(
            x, data.relu.values[:, :, i].mean(axis=0), ":", color=colour, label="relu, all three" if i == 0 else None
        )
    ax.plot(x, data.theory.values, color="black", lw=1.1, ls=(0, (4, 2)), label="theory for a")
    ax.set(yscale="log", xlabel="$1/\\delta$", ylabel="share with the larger pull at $k_2$")
    ax.legend(fontsize=8)
    return fig
