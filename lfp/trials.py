"""One network of an experiment: its modes predicted, then trained, as arrays that are stored; times read off them."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lfp.compare import time_errors, times_to
from lfp.dynamics import Dynamics
from lfp.experiment import Arrays, Stage, direct, pack, unpack
from lfp.networks import Network
from lfp.ntk import Kernel, kernel
from lfp.plotting import plot_modes
from lfp.probes import probe
from lfp.problems import Problem
from lfp.solver import solve
from lfp.spectra import spectrum
from lfp.training import train
from lfp.trajectory import log_steps

KINDS = ("theory", "training")


def trial(
    name: str,
    problem: Problem,
    network: Network,
    law: Dynamics,
    steps: Int[np.ndarray, " t"],
    stage: Stage = direct,
    *,
    seeds: int = 5,
    dense: Kernel | None = None,
) -> Arrays:
    """Mode curves by the kernel at infinite width, then those of real training, under `name`.

    Args:
        name: what the arrays are called: NAME_theory, NAME_training and what `pack` puts beside them.
        problem: the data.
        network: what is trained.
        law: the optimiser.
        steps: steps at which to look, increasing from 0.
        stage: keeps the training.
        seeds: number of networks.
        dense: its kernel at infinite width; None for `kernel(network)`.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.dynamics import GradientDescent
        >>> from lfp.networks import TwoLayer
        >>> from lfp.problems import sum_of_modes
        >>> p = sum_of_modes(Circle(), 8, [1])
        >>> found = trial("one", p, TwoLayer(64), GradientDescent(0.1), np.arange(3), seeds=2)
        >>> found["one_theory"][1].shape, found["one_training"][1].shape
        ((1, 3, 1, 2), (2, 3, 1, 2))
    """
    theory = solve(problem, spectrum(dense or kernel(network), problem), law, steps)

    def work() -> Arrays:
        run = train(network, problem, law, steps, seeds=seeds)
        return pack(f"{name}_training", probe(run.trajectory, problem))

    return pack(f"{name}_theory", probe(theory, problem)) | stage(f"training {name}", work)


def looks(slowest: float, lr: float, share: float = 0.1, count: int = 100) -> Int[np.ndarray, " t"]:
    """Steps at which to look, until well after gradient descent has a share left of the slowest mode.

    Args:
        slowest: the smallest rate that counts.
        lr: learning rate.
        share: of the mode.
        count: about how many.

    Example:
        >>> int(looks(0.1, 1.0)[-1])
        33
    """
    return log_steps(int(1.5 * np.log(share) / np.log1p(-lr * slowest)) + 1, count)


def errors(data: Any, name: str, share: float = 0.1) -> list[float]:
    """Relative error of the predicted time to a share, the worst mode of every seed; 1 stands for all above it.

    Example:
        >>> from lfp.probes import ModeCurves
        >>> from lfp.trajectory import labelled
        >>> s = np.arange(60)
        >>> curves = [ModeCurves(s, np.array([1]), r[None, :, None] + 0j, np.array([1])) for r in (0.95**s, 0.9**s)]
        >>> data = labelled({}, **pack("a_theory", curves[0]), **pack("a_training", curves[1]))
        >>> np.round(errors(data, "a"), 2).tolist()
        [0.49]
    """
    theory, training = (unpack(data, f"{name}_{kind}") for kind in KINDS)
    return np.minimum(time_errors(theory, training, share).max(axis=1), 1.0).tolist()


def times(data: Any, name: str, kind: str = "training", share: float = 0.1) -> Float[np.ndarray, "run k"]:
    """Step at which a share of each mode is left; infinite where it never came so far.

    Args:
        data: arrays of `trial`.
        name: of the trial.
        kind: `theory` or `training`.
        share: of the mode.

    Example:
        >>> from lfp.probes import ModeCurves
        >>> from lfp.trajectory import labelled
        >>> s = np.arange(9)
        >>> curves = ModeCurves(s, np.array([1, 2]), np.stack([0.5**s, 0.9**s], axis=1)[None] + 0j, np.array([1, 1]))
        >>> times(labelled({}, **pack("a_theory", curves)), "a", "theory", share=0.25).tolist()
        [[2.0, inf]]
    """
    return times_to(unpack(data, f"{name}_{kind}"), share)


def draw(axes: Any, data: Any, titles: dict[str, str]) -> None:
    """Theory over training, one panel a trial; the legend beside the last.

    Args:
        axes: one for every trial.
        data: arrays of `trial`.
        titles: title of each panel by the name of its trial.

    Example:
        >>> from lfp.plotting import figure
        >>> from lfp.probes import ModeCurves
        >>> from lfp.trajectory import labelled
        >>> curves = ModeCurves(np.arange(3), np.array([1]), np.ones((1, 3, 1), complex), np.array([1]))
        >>> draw([figure()[1]], labelled({}, **pack("a_theory", curves), **pack("a_training", curves)), {"a": "A"})
    """
    for i, (ax, (name, title)) in enumerate(zip(axes, titles.items(), strict=True)):
        plot_modes(ax, *(unpack(data, f"{name}_{kind}") for kind in KINDS), legend=i == len(titles) - 1)
        ax.set_ylabel(ax.get_ylabel() if i == 0 else "")
        ax.set_title(title)
