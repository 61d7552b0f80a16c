"""What is expected of a training: the parts of its forecast, worked out for the very networks before any is trained.

Kernels that move are dear. Of more than `drift.LARGEST` values a part stands for all: of an ordered problem every
second one, or every third one and so on, of others random ones. It is learnt by the same law, and sums over the data
become sums over the part.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Complex, Float, Inexact, Int

from lfp.domains.joint import Joint
from lfp.domains.problems import Points, Problem
from lfp.measure.trajectory import Trajectory
from lfp.optimisers.mini_batch import on_part
from lfp.prediction.bend import bend, relative_change
from lfp.prediction.drift import LARGEST
from lfp.prediction.empirical import Empirical
from lfp.prediction.forecast import Forecast, forecast
from lfp.prediction.moving import added
from lfp.prediction.noise import batch_noise
from lfp.prediction.ntk import NTK
from lfp.prediction.rounding import rounding
from lfp.prediction.theory import Ground, Theory
from lfp.spectra.on_points import Spectrum

if TYPE_CHECKING:
    from lfp.prediction.prediction import Prediction

NOISY, RUNS = 128, 64
"""Values and samples of the noise of batches."""


class Part:
    """A part of the data that stands for all of it, and what theories find there.

    Args:
        said: the prediction.
        ground: what its theories share.
        most: values of the part.
    """

    def __init__(self, said: "Prediction", ground: Ground, most: int) -> None:
        plan = said.plan
        self.probe, self.data = said.probe, said.problem
        self.rows, some = part_of(plan.problem, most)
        self.whole = len(self.rows) == len(plan.problem.x)
        self.plan, self.ground = plan, ground
        if not self.whole:
            self.plan = replace(plan, problem=some, law=on_part(plan.law, len(self.rows)))
            how = {name: getattr(ground, name) for name in ("seeds", "seed", "dtype", "center")}
            self.ground = Ground(plan.network, some, self.plan.law, **how)

    def seen(self, values: Float[np.ndarray, "run t s"]) -> Inexact[np.ndarray, "run t k"]:
        """What an addition to f at the part changes of what is left of every mode."""
        share, full = np.asarray(self.plan.problem.weights), np.zeros((*values.shape[:2], len(self.data.x)))
        full[..., self.rows] = values * (share / np.asarray(self.data.weights)[self.rows])
        return self.probe.changes(self.data, full)

    def follow(self, theory: Theory) -> Float[np.ndarray, "run t s"]:
        """What a theory says of it."""
        return theory.follow(self.plan, self.ground).values


def part_of(problem: Problem | Points, most: int) -> tuple[Int[np.ndarray, " s"], Problem | Points]:
    """At most so many values that stand for all: their places, and the data there; the data itself where it is small.

    Of several outputs those of a point stay together.

    Example:
        >>> from lfp import Circle, sum_of_modes
        >>> rows, part = part_of(sum_of_modes(Circle(), 12, [1]), 4)
        >>> rows.tolist(), part.weights.tolist()
        ([0, 3, 6, 9], [0.25, 0.25, 0.25, 0.25])
    """
    outputs = problem.outputs if isinstance(problem, Joint) else 1
    count, most = len(problem.x) // outputs, max(most // outputs, 2)
    if count <= most:
        return np.arange(len(problem.x)), problem
    if isinstance(problem, Problem) and np.ndim(problem.t) == 1:
        chosen = np.sort(np.argsort(problem.t)[:: -(-count // most)])
    else:
        chosen = np.sort(np.random.default_rng(0).choice(count, most, replace=False))
    rows = (chosen[:, None] * outputs + np.arange(outputs)).ravel()
    x, y, weights = (np.asarray(part)[rows] for part in (problem.x, problem.y, problem.weights))
    weights = weights * (np.asarray(problem.weights).sum() / weights.sum())
    if isinstance(problem, Joint):
        return rows, Joint(x, y, weights, problem.names, problem.classes)
    return rows, Points(x, y, weights)


def expected(said: "Prediction", ground: Ground, chosen: Theory) -> Forecast:
    """The forecast of D_sup, from what is known of the very networks.

    Args:
        said: the prediction, without forecast.
        ground: what its theories share.
        chosen: the theory that is laid over training.
    """
    curves, strays = said.curves, None
    if "moving" in curves:
        mean = {name: said.probe(curve, said.problem).mean() for name, curve in curves.items()}
        gap, drifted = mean["empirical"] - mean[said.name], mean["moving"] - mean["empirical"]
    else:
        gap, drifted = _gap_and_drift(said, Part(said, ground, LARGEST), chosen)
    if said.law.batched:
        strays = _batches(Part(said, ground, NOISY)) / np.sqrt(said.plan.seeds)
    return forecast(gap, drifted, said.network, strays=strays, rough=rough(said, ground.reference))


def _gap_and_drift(
    said: "Prediction", part: Part, chosen: Theory
) -> tuple[Complex[np.ndarray, "t k"], Complex[np.ndarray, "t k"]]:
    """What linear dynamics of the very networks, and the movement of their kernels, add to the theory."""
    probe, data, curves = said.probe, said.problem, said.curves
    try:
        still = part.follow(Empirical())
    except FloatingPointError:  # unstable for the kernel of a network: a mode bounces
        nothing = np.zeros((len(said.plan.steps), len(probe.modes(data))), complex)
        return nothing + 1, nothing
    moved = np.stack([added(part.plan, part.ground, network) for network in range(part.plan.seeds)])
    mean = {name: probe(curve, data).mean() for name, curve in curves.items()}
    if "empirical" in curves:
        gap = mean["empirical"] - mean[said.name]
    elif chosen.of_networks:
        gap = part.seen(still - part.follow(chosen)).mean(axis=0)
    elif "ntk" in curves:
        gap = part.seen(still - part.follow(NTK())).mean(axis=0) + mean["ntk"] - mean[said.name]
    else:
        start = np.zeros((1, *said.theory.values.shape[1:]))
        start = probe(Trajectory(said.plan.steps, start, said.theory.points), data).mean()
        gap = start + part.seen(still).mean(axis=0) - mean[said.name]
    return gap, part.seen(moved).mean(axis=0)


def _batches(part: Part) -> Complex[np.ndarray, "run t k"]:
    """Samples of the noise of batches, under the kernel of the first network."""
    ground, law = part.ground, part.plan.law
    rates, lesson = ground.empirical[0], ground.lessons[0]
    root = np.sqrt(np.asarray(rates.weights))
    gram = jax.device_put(np.asarray(rates.matrix) / np.outer(root, root))
    return part.seen(batch_noise(lesson, gram, law, part.plan.steps, jax.random.key(0), RUNS))


def expected_of_limit(said: "Prediction", limit: Trajectory, band: Trajectory, spectrum: Spectrum) -> Forecast:
    """The forecast where the mean field is known: laziness is the distance to it, what is left is the width.

    The mean over the networks strays as `band` says, and the mean field as its own runs do.
    """
    probe, problem, plan = said.probe, said.problem, said.plan
    groups = [(probe(band, problem).remaining, plan.seeds), (probe(limit, problem).remaining, len(limit.values))]
    total = sum(len(strays) for strays, _ in groups) - 1  # `forecast` takes all as one sample
    scale = [np.sqrt(total / ((len(strays) - 1) * runs)) for strays, runs in groups]
    strays = np.concatenate([c * (s - s.mean(axis=0)[None]) for (s, _), c in zip(groups, scale, strict=True)])
    lazy = probe(said.theory, problem).mean() - probe(limit, problem).mean()
    how: dict[str, Any] = {"network": said.network, "strays": strays, "rough": rough(said, spectrum)}
    moved, still = (forecast(gap, 0 * lazy, **how) for gap in (lazy, 0 * lazy))
    return replace(moved, lazy=float(np.abs(lazy).max()), wide=still.wide)


def rough(said: "Prediction", spectrum: Spectrum) -> Complex[np.ndarray, "t k"] | float:
    """What rounding does to the mean of the mode curves."""
    errors = rounding(said.plan, spectrum)
    return 0.0 if errors is None else said.probe.changes(said.problem, errors).mean(axis=0)


def guarded(found: Forecast, said: "Prediction", ground: Ground) -> Forecast:
    """With how far the first network goes and bends on the way of its own linear theory."""
    part = Part(said, ground, LARGEST)
    plan, own = part.plan, part.ground
    way = (plan.network, own.lessons[0], plan.law, plan.steps, own.starts[0], own.empirical[0])
    bent = float(np.abs(part.seen(bend(*way)[None])).max())
    return replace(found, bent=bent, changes=relative_change(*way))
