"""What experiments share: networks predicted and trained, their seeds, steps, errors and times, as stored arrays."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float, Int

from lfp import _checks
from lfp.domains.problems import Problem
from lfp.figures.plots import plot_modes
from lfp.harness.experiment import Arrays, Settings, Stage, direct, pack, unpack
from lfp.kernels.analytic import Kernel
from lfp.measure.probes import ModeCurves, probe
from lfp.measure.times import time_errors, times_to
from lfp.measure.trajectory import log_steps
from lfp.networks.network import Network, kernel
from lfp.optimisers.descent import GradientDescent
from lfp.optimisers.law import Law
from lfp.prediction.linear import solve
from lfp.spectra.spectrum import spectrum
from lfp.training.loop import train

if TYPE_CHECKING:
    from optax import GradientTransformation

KINDS = ("theory", "training")


def trial(
    name: str,
    network: Network,
    problem: Problem,
    law: Law,
    steps: Int[np.ndarray, " t"],
    stage: Stage = direct,
    *,
    c: Settings,
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
        c: the seeds.
        dense: its kernel at infinite width; None for `kernel(network)`.
    """
    rates: Any = spectrum(dense or kernel(network), problem)
    theory = solve(rates, problem, law, steps)

    def work() -> Arrays:
        run = train(network, problem, law, steps, seeds=c.seeds, seed=c.seed)
        return pack(f"{name}_training", probe(run.trajectory, problem))

    return pack(f"{name}_theory", probe(theory, problem)) | stage(f"training {name}", work)


def seed_by_seed(c: Settings, stage: Stage, name: str, work: Callable[[int], Arrays]) -> Arrays:
    """The arrays of every seed, each a part that is kept, stacked along a first dimension "seed"."""
    rows = [stage(f"{name} seed {seed}", partial(work, seed)) for seed in c.each_seed]
    return {key: (("seed", *dims), np.stack([row[key][1] for row in rows])) for key, (dims, _) in rows[0].items()}


def step_size(rates: Any, share: float = 1.0) -> float:
    """Step of gradient descent that takes a share off the fastest mode: lr = share / L_max.

    Args:
        rates: a spectrum, or rates.
        share: of the mode that one step takes; 2 is the border of stability.

    Example:
        >>> step_size(np.array([0.5, 4.0]), 0.5)
        0.125
    """
    return share / float(np.nanmax(getattr(rates, "rates", rates)))


def descent(rates: Any, share: float = 1.0) -> GradientDescent:
    """Gradient descent by `step_size`."""
    return GradientDescent(step_size(rates, share))


def minimise(
    loss: Callable[[Any, Any], Any],
    params: Any,
    optimiser: "GradientTransformation",
    steps: int,
    key: Any = None,
    looks: int = 1,
    look: Callable[[Any], Any] = lambda params: params,
) -> Any:
    """What `look` sees of the parameters, `looks` times in so many steps of an optax optimiser; to be compiled.

    Args:
        loss: of (params, key): the key is for what is random in a step.
        params: at the start.
        optimiser: of optax.
        steps: in all; a multiple of `looks`.
        key: split over the steps; None where nothing is random in them.
        looks: how many, the last after the last step.
        look: of the parameters; what it gives is stacked.

    Raises:
        InputError: steps that are no multiple of `looks`.

    Example:
        >>> from optax import sgd
        >>> square = lambda p, key: (p**2).sum() / 2
        >>> minimise(square, jax.numpy.ones(2), sgd(0.5), 4, looks=2).tolist()
        [[0.25, 0.25], [0.0625, 0.0625]]
    """
    from optax import apply_updates

    if steps % looks:
        msg = f"steps={steps} with looks={looks}; allowed: a multiple of looks"
        raise _checks.InputError(msg)

    def step(carry: Any, key: Any) -> Any:
        params, state = carry
        updates, state = optimiser.update(jax.grad(loss)(params, key), state, params)
        return (apply_updates(params, updates), state), None

    def stretch(carry: Any, keys: Any) -> Any:
        carry = jax.lax.scan(step, carry, keys)[0]
        return carry, look(carry[0])

    keys = jax.random.split(jax.random.key(0) if key is None else key, (looks, steps // looks))
    return jax.lax.scan(stretch, (params, optimiser.init(params)), keys)[1]


def looks(slowest: float, lr: float, share: float = 0.1, count: int = 100) -> Int[np.ndarray, " t"]:
    """About `count` steps at which to look, until well after a share is left of the mode of the smallest rate."""
    return log_steps(int(1.5 * np.log(share) / np.log1p(-lr * slowest)) + 1, count)


def late(theory: ModeCurves, training: ModeCurves, share: float = 0.1, cap: float = 1.0) -> Float[np.ndarray, " run"]:
    """Relative error of the predicted time to a share of a mode, the worst mode of every run; `cap` for all above."""
    return np.minimum(time_errors(theory, training, share).max(axis=1), cap)


def errors(data: Any, name: str, share: float = 0.1) -> Float[np.ndarray, " run"]:
    """`late` of a trial that is stored."""
    theory, training = (unpack(data, f"{name}_{kind}") for kind in KINDS)
    return late(theory, training, share)


def gap(one: Any, other: Any) -> Float[np.ndarray, " seed"]:
    """Largest distance of two arrays for every entry of the first dimension: a seed."""
    apart = np.abs(np.asarray(one) - np.asarray(other))
    return apart.reshape(len(apart), -1).max(axis=1)


def times(data: Any, name: str, kind: str = "training", share: float = 0.1) -> Float[np.ndarray, "run k"]:
    """Step at which a share of each mode is left, of `theory` or `training`; infinite where it never came so far."""
    return times_to(unpack(data, f"{name}_{kind}"), share)


def later(times: Float[np.ndarray, "run k"]) -> Float[np.ndarray, " run"]:
    """Time of each mode over that of the one before it, the least of every run: above one where all keep the order."""
    return (times[:, 1:] / times[:, :-1]).min(axis=1)


def lead(data: Any, name: str, kind: str = "training", share: float = 0.1) -> Float[np.ndarray, " run"]:
    """Steps to a share of the last mode over those of the first, of every run."""
    found = times(data, name, kind, share)
    return found[:, -1] / found[:, 0]


def middle(data: Any, one: str, other: str) -> float:
    """Geometric middle of the predicted leads of two trials: a limit that the measured ones lie on either side of."""
    return float(np.sqrt(lead(data, one, "theory")[0] * lead(data, other, "theory")[0]))


def draw(axes: Any, data: Any, titles: dict[str, str]) -> None:
    """Theory over training, one panel a trial, with titles by the name of the trial; the legend beside the last."""
    for i, (ax, (name, title)) in enumerate(zip(axes, titles.items(), strict=True)):
        plot_modes(ax, *(unpack(data, f"{name}_{kind}") for kind in KINDS), legend=i == len(titles) - 1)
        ax.set_ylabel(ax.get_ylabel() if i == 0 else "")
        ax.set_title(title)
