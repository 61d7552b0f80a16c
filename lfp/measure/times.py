"""When a mode is learnt: rates and times that are read off curves."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from lfp import _checks
from lfp.measure.probes import ModeCurves

FALLEN, LEARNT = 0.5, 0.2


def fitted_rate(steps: Int[np.ndarray, " t"], size: Float[np.ndarray, " t"], lr: float) -> float | None:
    """Rate L of (1 - lr L)^s, fitted where a mode falls from 1 to .2; None where it never fell by half.

    Least squares through (0, log 1): slope = sum s log|r| / sum s^2, L = (1 - exp(slope)) / lr. None also of a mode
    that does not decay like this, one that rises first or swings through 0: its fit has another half-life than it has,
    or more than a half of it is left again later, by more than a factor of two and a step.

    Args:
        steps: steps of the optimiser, from 0.
        size: what is left of the mode, 1 at the start.
        lr: flow time per step.

    Example:
        >>> s = np.array([0, 1, 2, 3])
        >>> round(fitted_rate(s, 0.6**s, lr=0.5), 12)
        0.8
    """
    _checks.positive("lr", lr)
    if size.min() > FALLEN:
        return None
    below = np.flatnonzero(size < LEARNT)
    stop = below[0] if len(below) else len(size)
    # a mode that falls below .2 in one step is fitted by that step
    window = slice(1, max(stop, 2))
    s = steps[window].astype(float)
    slope = s @ np.log(np.maximum(size[window], np.finfo(float).tiny)) / (s @ s)
    half, seen = np.log(FALLEN) / slope if slope < 0 else np.inf, time_to(steps, size)
    assert seen is not None
    after = int(np.flatnonzero(size <= FALLEN)[0])  # the look at which it is seen below a half
    if not seen / 2 - 1 <= half <= 2 * seen + 1 or not settled(steps, size) <= 2 * steps[after] + 1:
        return None
    return float(-np.expm1(slope) / lr)


def time_to(steps: Int[np.ndarray, " t"], size: Float[np.ndarray, " t"], share: float = FALLEN) -> float | None:
    """Step at which a share of a mode is left, log-linear between snapshots; None where it never fell so far.

    Args:
        steps: steps of the optimiser, from 0.
        size: what is left of the mode, 1 at the start.
        share: of the mode; a half for its half-life.

    Example:
        >>> s = np.array([0, 2, 4])
        >>> round(time_to(s, 0.5 ** (s / 3)), 12), round(time_to(s, 0.5 ** (s / 3), 0.8), 3)
        (3.0, 0.966)
    """
    below = np.flatnonzero(size <= _checks.positive("share", share))
    if not len(below):
        return None
    i = below[0]
    if i == 0:
        return float(steps[0])
    before, after = np.log(np.maximum(size[i - 1 : i + 1], np.finfo(float).tiny))
    part = (before - np.log(share)) / (before - after)
    return float(steps[i - 1] + part * (steps[i] - steps[i - 1]))


def settled(steps: Int[np.ndarray, " t"], size: Float[np.ndarray, " t"], share: float = FALLEN) -> float:
    """The first of the looks from which on no more than a share of a mode is left; NaN where it never stays there.

    Where a mode oscillates, as under momentum, `time_to` gives its first passage and this the last.

    Args:
        steps: steps of the optimiser, from 0.
        size: what is left of the mode.
        share: of the mode.

    Example:
        >>> settled(np.arange(6), np.array([1.0, 0.2, 0.7, 0.4, 0.3, 0.1])), settled(np.arange(1), np.ones(1))
        (3.0, nan)
    """
    above = np.flatnonzero(size > _checks.positive("share", share))
    last = above[-1] if len(above) else -1
    return float(steps[last + 1]) if last + 1 < len(steps) else float("nan")


def times_to(curves: ModeCurves, share: float = FALLEN) -> Float[np.ndarray, "run k"]:
    """Step at which a share of every mode is left, of every run; infinite where it never came so far.

    Example:
        >>> s = np.arange(9)
        >>> left = np.stack([0.5**s, 0.9**s], axis=1)[None] + 0j
        >>> times_to(ModeCurves(s, np.array([1, 2]), left, np.array([1, 1])), 0.25).tolist()
        [[2.0, inf]]
    """
    found = [[time_to(curves.steps, size, share) for size in run.T] for run in np.abs(curves.remaining)]
    return np.array([[np.inf if one is None else one for one in row] for row in found])


def time_errors(theory: ModeCurves, training: ModeCurves, share: float = FALLEN) -> Float[np.ndarray, "run k"]:
    """Relative error of the predicted time to a share of every mode, of every run; what is within one step is 0.

    Args:
        theory: predicted curves; their mean is the prediction.
        training: measured curves.
        share: of the mode that is left.

    Returns:
        max(|t - t_predicted| - 1, 0) / t_predicted, infinite where one of the two never came so far.

    Example:
        >>> s = np.arange(40)
        >>> one, other = (ModeCurves(s, np.array([1]), r[None, :, None] + 0j, np.array([1])) for r in (0.9**s, 0.8**s))
        >>> time_errors(one, other).round(2).tolist()
        [[0.38]]
    """
    said = times_to(replace(theory, remaining=theory.mean()[None]), share)
    seen = times_to(training, share)
    known = np.isfinite(seen) & np.isfinite(said) & (said > 0)
    off = np.maximum(np.abs(np.where(known, seen - said, 0.0)) - 1, 0.0)
    return np.where(known, off / np.where(known, said, 1.0), np.inf)
