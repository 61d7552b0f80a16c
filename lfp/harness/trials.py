"""One network of an experiment: its modes predicted, then trained, as arrays that are stored; times read off them."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lfp.domains.problems import Problem
from lfp.figures.plots import plot_modes
from lfp.harness.experiment import Arrays, Stage, direct, pack, unpack
from lfp.kernels.analytic import Kernel
from lfp.measure.probes import probe
from lfp.measure.times import time_errors, times_to
from lfp.measure.trajectory import log_steps
from lfp.networks.network import Network, kernel
from lfp.optimisers.law import Law
from lfp.prediction.linear import solve
from lfp.spectra.spectrum import spectrum
from lfp.training.loop import train

KINDS = ("theory", "training")


def trial(
    name: str,
    network: Network,
    problem: Problem,
    law: Law,
    steps: Int[np.ndarray, " t"],
    stage: Stage = direct,
    *,
    seeds: int = 5,
    dense: Kernel | None = None,
) -> Arrays:
    """Mode curves by the kernel at infinite width, then those of real training: NAME_theory, NAME_training.

    Args:
        name: what the arrays are called.
        network: what is trained.
        problem: the data.
        law: the optimiser.
        steps: steps at which to look, increasing from 0.
        stage: keeps the training.
        seeds: number of networks.
        dense: its kernel at infinite width; None for `kernel(network)`.
    """
    rates: Any = spectrum(dense or kernel(network), problem)
    theory = solve(rates, problem, law, steps)

    def work() -> Arrays:
        run = train(network, problem, law, steps, seeds=seeds)
        return pack(f"{name}_training", probe(run.trajectory, problem))

    return pack(f"{name}_theory", probe(theory, problem)) | stage(f"training {name}", work)


def looks(slowest: float, lr: float, share: float = 0.1, count: int = 100) -> Int[np.ndarray, " t"]:
    """About `count` steps at which to look, until well after a share is left of the mode of the smallest rate."""
    return log_steps(int(1.5 * np.log(share) / np.log1p(-lr * slowest)) + 1, count)


def errors(data: Any, name: str, share: float = 0.1) -> list[float]:
    """Relative error of the predicted time to a share, the worst mode of every seed; 1 stands for all above it."""
    theory, training = (unpack(data, f"{name}_{kind}") for kind in KINDS)
    return np.minimum(time_errors(theory, training, share).max(axis=1), 1.0).tolist()


def times(data: Any, name: str, kind: str = "training", share: float = 0.1) -> Float[np.ndarray, "run k"]:
    """Step at which a share of each mode is left, of `theory` or `training`; infinite where it never came so far."""
    return times_to(unpack(data, f"{name}_{kind}"), share)


def draw(axes: Any, data: Any, titles: dict[str, str]) -> None:
    """Theory over training, one panel a trial, with titles by the name of the trial; the legend beside the last."""
    for i, (ax, (name, title)) in enumerate(zip(axes, titles.items(), strict=True)):
        plot_modes(ax, *(unpack(data, f"{name}_{kind}") for kind in KINDS), legend=i == len(titles) - 1)
        ax.set_ylabel(ax.get_ylabel() if i == 0 else "")
        ax.set_title(title)
