"""Of a parity a network learns its samples and nothing else; of a product of two bits it learns the rest of the cube.

The parity of all bits is the highest frequency of the cube, so a network with a bias to low ones fills what it has not
seen in wrongly. Whether it generalises follows from the kernel of the network at its start. The paper trains by
cross entropy; this is the squared loss.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import lfp
from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate

PAPER = "F-Principle, arXiv 1901.06523"
PREDICTED = "share of the left-out points on which the sign is right, for products of 2 bits and of all"
CAPTION = "Dashed theory over solid training: the share of unseen points that come out right."


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    dim: int = 8
    train: int = 180
    degrees: tuple[int, ...] = (2, 8)
    width: int = 4096
    alpha: float = 50.0
    mu: float = 0.9
    steps: int = 300
    limit: float = 0.1  # a tenth of the points
    chance: float = 0.5  # of a sign


SMOKE = Config(dim=6, train=44, degrees=(2, 6), width=1024, steps=100, seeds=2, limit=0.12)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """Theory and training for every degree, one sample a seed."""
    steps, shares = lfp.log_steps(c.steps, 60), []
    for degree in c.degrees:
        of_seeds = trials.seed_by_seed(c, stage, f"degree {degree}", partial(_one, c, degree, steps))
        shares.append(of_seeds["share"][1])
    return {
        "step": (("step",), steps),
        "share": (("degree", "seed", "kind", "where", "step"), np.array(shares)),
    }


def _one(c: Config, degree: int, steps: np.ndarray, seed: int) -> experiment.Arrays:
    """Share of right signs: theory and training, on left-out points and on samples."""
    x = lfp.Hypercube(c.dim).points()
    y = np.prod(np.sign(x[:, :degree]), axis=1)
    order = np.random.default_rng(seed).permutation(len(x))
    chosen, left = order[: c.train], order[c.train :]
    network = lfp.TwoLayer(c.width, alpha=c.alpha)
    data = lfp.domains.merge(x[chosen], y[chosen])
    known = lfp.extend(lfp.kernel_at_start(network, c.dim, seed), data)
    law = lfp.HeavyBall(2 * known.descent.lr, c.mu)
    theory = known.follow(law, steps, x)
    trained = lfp.train(network, data, law, steps, at=x, seeds=1, seed=seed).trajectory
    right = [f.values[0] * y[None, :] > 0 for f in (theory, trained)]
    shares = [[one[:, part].mean(axis=1) for part in (left, chosen)] for one in right]
    return {"share": (("kind", "where", "step"), shares)}


def check(data: Any, c: Config) -> list[Gate]:
    """Right signs at the end: training against theory; unseen points of the parity and of the product of two bits."""
    share = data.share.values
    off = np.abs(share[:, :, 1, 0] - share[:, :, 0, 0]).max(axis=(0, 2))
    end = share[:, :, 1, :, -1]
    return [
        Gate("share of left-out points right, training against theory, largest", off, c.limit),
        Gate(f"share of samples right at the end, degree {c.degrees[-1]}", end[-1, :, 1], 0.99, above=True),
        Gate(f"share of left-out points right, degree {c.degrees[-1]}", end[-1, :, 0], c.chance),
        Gate(f"share of left-out points right, degree {c.degrees[0]}", end[0, :, 0], c.chance, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Shares over the steps."""
    fig, ax = plots.figure(width=4.2, height=3.0)
    steps = data.step.values[1:]
    for i, (degree, colour) in enumerate(zip(c.degrees, plots.mode_colours(len(c.degrees)), strict=True)):
        for row in data.share.values[i, :, 1, 0]:
            ax.plot(steps, row[1:], color=colour, lw=0.8, alpha=0.5)
        ax.plot([], [], color=colour, label=f"product of {degree} bits")
        mean = data.share.values[i, :, 0, 0].mean(axis=0)
        ax.plot(steps, mean[1:], color="black", lw=1.1, ls=(0, (4, 2)), label=None if i else "theory")
    ax.axhline(0.5, color="0.7", lw=0.8)
    ax.set(xscale="log", xlabel="step of the heavy ball", ylabel="share of left-out points right", ylim=(-0.03, 1.03))
    ax.legend(fontsize=8, loc="center right", bbox_to_anchor=(1.0, 0.62))
    return fig
