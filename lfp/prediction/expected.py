"""What is expected of a training: the parts of its forecast, worked out for the very networks before any is trained.

Kernels that move are dear. Of more than `drift.LARGEST` values a part stands for all: of an ordered problem every
second one, or every third one and so on, where that resolves its modes; else random ones, whatever their weights. It is
learnt by the same law, and sums over the data become sums over the part. What the width costs is worked out on up to
`WHOLE` values; beyond, on a part of so many, and its difference to the smaller part widens the interval.
"""

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Complex, Float, Inexact, Int

from lfp import _checks
from lfp.domains.joint import Joint
from lfp.domains.problems import Points, Problem
from lfp.measure.trajectory import Trajectory
from lfp.optimisers.mini_batch import on_part
from lfp.prediction.bend import bend, relative_change
from lfp.prediction.drift import LARGEST
from lfp.prediction.empirical import Empirical
from lfp.prediction.forecast import Forecast, calibrated_on, forecast
from lfp.prediction.moving import added
from lfp.prediction.noise import batch_noise
from lfp.prediction.ntk import NTK
from lfp.prediction.rounding import rounding
from lfp.prediction.theory import Ground, Theory
from lfp.spectra.on_points import Spectrum

if TYPE_CHECKING:
    from lfp.prediction.prediction import Prediction

WHOLE = 1024
"""Values of which every network's kernel is taken apart as a whole."""
NOISY, RUNS = 128, 64
"""Values and samples of the noise of batches."""
GROWN = 2.0
"""Starts of a mode: a theory that leaves more is unstable."""


class Part:
    """A part of the data that stands for all of it, and what theories find there.

    Args:
        said: the prediction.
        ground: what its theories share.
        most: values of the part.
        seed: of random parts.
    """

    def __init__(self, said: "Prediction", ground: Ground, most: int, seed: int = 0) -> None:
        plan = said.plan
        self.probe, self.data = said.probe, said.problem
        self.rows, some = part_of(plan.problem, most, seed)
        self.plan, self.ground = plan, ground
        if some is not plan.problem:
            self.plan = replace(plan, problem=some, law=on_part(plan.law, len(self.rows)))
            how = {name: getattr(ground, name) for name in ("seeds", "seed", "dtype", "center")}
            self.ground = Ground(plan.network, some, self.plan.law, **how)

    def seen(self, values: Float[np.ndarray, "run t s"]) -> Inexact[np.ndarray, "run t k"]:
        """What an addition to f at the part changes of what is left of every mode."""
        share = np.asarray(self.plan.problem.weights) / np.asarray(self.data.weights)[self.rows]
        found = []
        for run in values:  # one after the other: all of them may be more than memory
            full = np.zeros((1, len(run), len(self.data.x)))
            full[0][:, self.rows] = run * share
            found.append(self.probe.changes(self.data, full))
        return np.concatenate(found)

    def follow(self, theory: Theory) -> Float[np.ndarray, "run t s"]:
        """What a theory says of it."""
        return theory.follow(self.plan, self.ground).values


def part_of(problem: Problem | Points, most: int, seed: int = 0) -> tuple[Int[np.ndarray, " s"], Problem | Points]:
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
    stride = -(-count // most)
    if isinstance(problem, Problem) and 2 * stride * int(np.max(problem.modes, initial=0)) < count:
        chosen = np.arange(seed % stride, count, stride)
    else:
        chosen = np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
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
    probe, data = said.probe, said.problem
    mean = {name: probe(curve, data).mean() for name, curve in said.curves.items()}
    theory, strays = mean[said.name], []
    nothing = np.zeros_like(theory)
    if np.abs(theory).max() > GROWN * max(1, np.abs(theory[0]).max()):
        return forecast(nothing + 1, nothing, said.network)  # the theory itself is unstable
    try:
        part = Part(said, ground, LARGEST)
        gap = _gap(said, mean, part, ground, chosen)
        if "empirical" not in said.curves and len(data.x) > WHOLE:  # a larger part, whose error is half of this one's
            gap, small = _gap(said, mean, Part(said, ground, WHOLE, seed=1), ground, chosen), gap
            strays.append(np.stack([1, -1])[:, None, None] * (gap - small) / 10**0.5)
        if "moving" in said.curves:
            drifted = mean["moving"] - mean["empirical"]
        else:
            moved = np.stack([added(part.plan, part.ground, network) for network in range(said.plan.seeds)])
            drifted = part.seen(moved).mean(axis=0)
    except FloatingPointError:  # unstable for the kernel of a network: a mode bounces
        return forecast(nothing + 1, nothing, said.network)
    if said.law.batched:
        strays.append(_batches(Part(said, ground, NOISY)) / np.sqrt(said.plan.seeds))
    found = forecast(gap, drifted, said.network, strays=strays, rough=rough(said, ground.reference))
    return found if calibrated_on(said.network) else guarded(found, part)


def _gap(
    said: "Prediction", mean: dict[str, Any], part: Part, ground: Ground, chosen: Theory
) -> Complex[np.ndarray, "t k"]:
    """What linear dynamics of the very networks add to the theory."""
    probe, data, own = said.probe, said.problem, Empirical()
    if "empirical" in mean:
        return mean["empirical"] - mean[said.name]
    if len(data.x) <= WHOLE:
        return probe(own.follow(said.plan, ground), data).mean() - mean[said.name]
    still = part.follow(own)
    with contextlib.suppress(_checks.InputError):  # a theory that knows only the data it was made for
        if chosen.of_networks:
            return part.seen(still - part.follow(chosen)).mean(axis=0)
        if "ntk" in mean:
            return part.seen(still - part.follow(NTK())).mean(axis=0) + mean["ntk"] - mean[said.name]
    start = np.zeros((1, *said.theory.values.shape[1:]))
    start = probe(Trajectory(said.plan.steps, start, said.theory.points), data).mean()
    return start + part.seen(still).mean(axis=0) - mean[said.name]


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
    how: dict[str, Any] = {"network": said.network, "strays": [strays], "rough": rough(said, spectrum)}
    moved, still = (forecast(gap, 0 * lazy, **how) for gap in (lazy, 0 * lazy))
    return replace(moved, lazy=float(np.abs(lazy).max()), wide=still.wide)


def rough(said: "Prediction", spectrum: Spectrum) -> Complex[np.ndarray, "t k"] | float:
    """What rounding does to the mean of the mode curves."""
    errors = rounding(said.plan, spectrum)
    return 0.0 if errors is None else said.probe.changes(said.problem, errors).mean(axis=0)


def guarded(found: Forecast, part: Part) -> Forecast:
    """With how far the first network goes and bends on the way of its own linear theory."""
    plan, own = part.plan, part.ground
    way = (plan.network, own.lessons[0], plan.law, plan.steps, own.starts[0], own.empirical[0])
    bent = float(np.abs(part.seen(bend(*way)[None])).max())
    return replace(found, bent=bent, changes=relative_change(*way))
