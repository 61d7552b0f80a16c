"""Lay the prediction over the measurement: rates, half-lives, D_sup, laziness, budget and verdict."""

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from lfp.forecast import HOLDS_BELOW, Forecast
from lfp.networks import Network, Params
from lfp.ntk import empirical_kernel
from lfp.prediction import LAYERS, Prediction, unstack
from lfp.probes import ModeCurves, sup_distance
from lfp.stochastic import Adam
from lfp.trajectory import Trajectory

FALLEN, LEARNT = 0.5, 0.2
POINTS_FOR_DRIFT = 128


def fitted_rate(steps: Int[np.ndarray, " t"], size: Float[np.ndarray, " t"], lr: float) -> float | None:
    """Rate L of (1 - lr L)^s, fitted where a mode falls from 1 to .2; None where it never fell by half.

    Least squares through (0, log 1): slope = sum s log|r| / sum s^2, L = (1 - exp(slope)) / lr.

    Args:
        steps: steps of the optimiser, from 0.
        size: what is left of the mode, 1 at the start.
        lr: flow time per step.

    Example:
        >>> s = np.array([0, 1, 2, 3])
        >>> round(fitted_rate(s, 0.6**s, lr=0.5), 12)
        0.8
    """
    if size.min() > FALLEN:
        return None
    below = np.flatnonzero(size < LEARNT)
    stop = below[0] if len(below) else len(size)
    # a mode that falls below .2 in one step is fitted by that step
    window = slice(1, max(stop, 2))
    s = steps[window].astype(float)
    slope = s @ np.log(np.maximum(size[window], np.finfo(float).tiny)) / (s @ s)
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
    below = np.flatnonzero(size <= share)
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
    above = np.flatnonzero(size > share)
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


def kernel_drift(network: Network, start: Params, end: Params, x: Float[np.ndarray, "n d"]) -> float:
    """|K_end - K_start| / |K_start| (Frobenius) of the empirical kernel, mean over seeds, at 128 points at most.

    Args:
        network: the network.
        start: parameters before training, stacked over seeds.
        end: parameters after training, stacked over seeds.
        x: the data.

    Example:
        >>> from lfp.networks import TwoLayer
        >>> from lfp.training import initialise
        >>> net = TwoLayer(8)
        >>> params = initialise(net, dim=1, seeds=2)
        >>> kernel_drift(net, params, params, np.zeros((3, 1)))
        0.0
    """
    some = np.unique(np.linspace(0, len(x) - 1, POINTS_FOR_DRIFT).astype(int))
    drifts = []
    for pair in zip(unstack(start), unstack(end), strict=True):
        before, after = (empirical_kernel(network, params, jnp.asarray(x[some])) for params in pair)
        drifts.append(float(jnp.linalg.norm(after - before) / jnp.linalg.norm(before)))
    return float(np.mean(drifts))


class Report(eqx.Module):
    """The comparison: one row a mode, and what holds for the whole run.

    Args:
        modes: for every mode or part its `mode`, `frequency` (of a part its cut-off), `rate_predicted`,
            `rate_measured`, `half_life_predicted`, `half_life_measured`, `d_sup`, `d_sup_expected` (5, 50, 95 %),
            `standard_error` and the layers of the budget; None where there is none.
        expected: the expected D_sup, said before training; None without laziness.
        laziness: at the last step, None if not given.
        verdict: `holds` or `fails`, from the measurement.
        reason: one sentence.
    """

    modes: list[dict[str, Any]]
    expected: Forecast | None
    laziness: float | None
    verdict: str
    reason: str

    @property
    def forecast(self) -> str | None:
        """The verdict as it was forecast; None without laziness."""
        return None if self.expected is None else self.expected.verdict

    @property
    def d_sup(self) -> float:
        """The largest D_sup of all modes."""
        return max(row["d_sup"] for row in self.modes)

    def budget(self) -> dict[str, float | None]:
        """Each layer of the error, largest over the modes; None where it was not measured."""
        layers = {name: [row[name] for row in self.modes] for name in LAYERS}
        return {name: None if None in values else max(values) for name, values in layers.items()}

    def __str__(self) -> str:
        """The table, and the verdict under it."""
        columns = ("mode", "rate_predicted", "rate_measured", "half_life_predicted", "half_life_measured", "d_sup")
        heads = ("mode", "rate pred.", "rate meas.", "half-life pred.", "half-life meas.", "D_sup")
        lines = ["  ".join(f"{head:>15}" for head in heads)]
        for row in self.modes:
            cells = (_cell(row[c]) for c in columns)
            lines.append("  ".join(f"{cell:>15}" for cell in cells))
        return "\n".join([*lines, f"{self.verdict}: {self.reason}"])


def compare(prediction: Prediction, training: Trajectory) -> Report:
    """Per mode: rates and half-lives by one function on both, D_sup = sup over snapshots of |measured - predicted|.

    D_sup compares the means over the runs, relative to the start. Its standard error is the predicted one: the
    largest spread of the prediction's band over the root of the number of trained networks.

    Args:
        prediction: made before the training.
        training: measured; may have ended early.

    Returns:
        `Report`.

    Raises:
        InputError: the two were looked at on different steps.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.dynamics import GradientDescent
        >>> from lfp.problems import sum_of_modes
        >>> p, s = sum_of_modes(Circle(), 8, [1]), np.arange(4)
        >>> f = Trajectory(s, (1 - 0.5 ** s)[None, :, None] * p.y, p.x)
        >>> compare(Prediction(p, GradientDescent(0.1), "ntk", {"ntk": f}), f).modes[0]["rate_measured"]
        5.0
    """
    problem, probe, lr = prediction.problem, prediction.probe, float(prediction.law.lr)
    curves = {"predicted": probe(prediction.theory, problem), "measured": probe(training, problem)}
    columns = {"d_sup": sup_distance(prediction.theory, training, problem, probe), **prediction.layers(training)}
    if prediction.band is not None:
        spread = probe(prediction.band, problem).spread().max(axis=0)
        columns["standard_error"] = spread / np.sqrt(len(training.values))
    rows = []
    frequencies = probe.modes(problem) / problem.domain.period
    for k, mode in enumerate(probe.labels(problem).tolist()):
        row: dict[str, Any] = {"mode": mode, "frequency": float(frequencies[k])}
        for name, curve in curves.items():
            size = curve.size()[:, k]
            fell = bool(curve.present[k])
            row[f"rate_{name}"] = fitted_rate(curve.steps, size, lr) if fell else None
            row[f"half_life_{name}"] = time_to(curve.steps, size) if fell else None
        if prediction.forecast is not None:
            row["d_sup_expected"] = prediction.forecast.modes[k].tolist()
        row |= {
            name: float(columns[name][k]) if name in columns else None for name in ("d_sup", "standard_error", *LAYERS)
        }
        rows.append(row)
    lazy = None if prediction.laziness is None else float(prediction.laziness[-1])
    other = prediction.name == "lfp" and np.max(columns.get("lfp_vs_ntk", 0.0)) > HOLDS_BELOW
    verdict, reason = _verdict(float(columns["d_sup"].max()), prediction.forecast, lazy, bool(other))
    if isinstance(prediction.law, Adam):
        reason += "; Adam has no linear law: predicted by the estimate of a frozen preconditioner"
    return Report(rows, prediction.forecast, lazy, verdict, reason)


def _cell(value: float | str | None) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:.4g}"


def _verdict(d_sup: float, expected: Forecast | None, lazy: float | None, other: bool) -> tuple[str, str]:
    """(verdict, reason); `other`: whether the LFP operator is not the kernel."""
    verdict = "holds" if d_sup <= HOLDS_BELOW else "fails"
    reason = f"measured D_sup {d_sup:.3g} {'<=' if verdict == 'holds' else '>'} {HOLDS_BELOW}"
    if expected is None or lazy is None:
        return verdict, reason
    low, middle, high = expected.largest
    agrees = "as" if expected.verdict == verdict else f"although {expected.verdict!r} was"
    inside = "inside" if low <= d_sup <= high else "outside"
    reason += f", {agrees} forecast (expected {middle:.3g}, {inside} [{low:.3g}, {high:.3g}]; laziness {lazy:.3g})"
    if expected.verdict == "fails":
        remedy = "laziness too large, raise alpha or the width" if expected.lazy > HOLDS_BELOW else "raise the width"
        reason += ": the operator is not the kernel, raise sigma_b" if other else f": {remedy}"
    return verdict, reason
