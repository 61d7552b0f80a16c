"""Lay the prediction over the measurement: rates, half-lives, D_sup, laziness, budget and verdict."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.kernels.empirical import empirical_kernel
from lfp.measure.probes import movement, sup_distance
from lfp.measure.times import fitted_rate, time_to
from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network, Params
from lfp.prediction.forecast import HOLDS_BELOW, Forecast
from lfp.prediction.prediction import Prediction
from lfp.prediction.remedy import advice
from lfp.prediction.theory import THEORIES, layers
from lfp.training.loop import Run
from lfp.training.plan import unstack

POINTS_FOR_DRIFT = 128


def kernel_drift(network: Network, start: Params, end: Params, x: Float[np.ndarray, "n d"]) -> float:
    """|K_end - K_start| / |K_start| (Frobenius) of the empirical kernel, mean over seeds, at 128 points at most.

    Args:
        network: the network.
        start: parameters before training, stacked over seeds.
        end: parameters after training, stacked over seeds.
        x: the data.

    Example:
        >>> from lfp import TwoLayer
        >>> from lfp.training import initialise
        >>> net = TwoLayer(8)
        >>> params = initialise(net, dim=1, seeds=2)
        >>> kernel_drift(net, params, params, np.zeros((3, 1)))
        0.0
    """
    some = np.unique(np.linspace(0, len(x) - 1, POINTS_FOR_DRIFT).astype(int))
    drifts = []
    for pair in zip(unstack(start), unstack(end), strict=True):
        before, after = (np.asarray(empirical_kernel(network, params, jax.device_put(x[some]))) for params in pair)
        drifts.append(float(np.linalg.norm(after - before) / np.linalg.norm(before)))
    return float(np.mean(drifts))


class Report(eqx.Module):
    """The comparison: one row a mode, and what holds for the whole run.

    Args:
        modes: for every mode or part its `mode`, `frequency` (of a part its cut-off, of a degree none),
            `rate_predicted`, `rate_measured`, `half_life_predicted`, `half_life_measured`, `d_sup`, `d_sup_expected`
            (5, 50, 95 %), `standard_error` and the layers of the budget; None where there is none.
        expected: the expected D_sup, said before training; None without laziness.
        laziness: at the last step, None if not given.
        verdict: `holds` or `fails`, from the measurement; None about other networks than those of the forecast, and
            where nothing was learnt.
        reason: one sentence.
        doubt: why the theory claims nothing, or nothing more from some step on; None where it does.
    """

    modes: list[dict[str, Any]]
    expected: Forecast | None
    laziness: float | None
    verdict: str | None
    reason: str
    doubt: str | None = None

    @property
    def forecast(self) -> str | None:
        """The verdict as it was forecast; `unknown` where the theory claims nothing, None without laziness."""
        if self.doubt is not None:
            return "unknown"
        return None if self.expected is None else self.expected.verdict

    @property
    def d_sup(self) -> float:
        """The largest D_sup of all modes."""
        return max(row["d_sup"] for row in self.modes)

    def budget(self) -> dict[str, float | None]:
        """Each layer of the error, largest over the modes; None where it was not measured."""
        errors = {name: [row[name] for row in self.modes] for name in layers()}
        return {name: None if None in values else max(values) for name, values in errors.items()}

    def __str__(self) -> str:
        """The table, and the verdict under it."""
        columns = ("mode", "rate_predicted", "rate_measured", "half_life_predicted", "half_life_measured", "d_sup")
        heads = ("mode", "rate pred.", "rate meas.", "half-life pred.", "half-life meas.", "D_sup")
        lines = ["  ".join(f"{head:>15}" for head in heads)]
        for row in self.modes:
            cells = (_cell(row[c]) for c in columns)
            lines.append("  ".join(f"{cell:>15}" for cell in cells))
        lines.append("rates per unit of flow time (lr times step), half-lives in steps")
        return "\n".join([*lines, f"{self.verdict or 'no verdict'}: {self.reason}"])


def compare(prediction: Prediction, training: Run | Trajectory, *, remedies: bool = True) -> Report:
    """Per mode: rates and half-lives by one function on both, D_sup = sup over snapshots of |measured - predicted|.

    D_sup compares the means over the runs, relative to the start. Its standard error is the predicted one: the
    largest spread of the prediction's band over the root of the number of trained networks.

    Args:
        prediction: made before the training.
        training: what `train` gave, or its trajectory; it may have ended early.
        remedies: whether the reason of a forecast that fails says what would mend it, which costs a prediction each.

    Returns:
        `Report`. It gives no verdict where nothing was learnt, and neither verdict nor forecast if the trained networks
        are not those of the prediction.

    Raises:
        InputError: the two were looked at on different steps or points, or are about different laws or data; a theory
            that used the kernels of other networks.

    Example:
        >>> from lfp import Circle, GradientDescent, TwoLayer, sum_of_modes
        >>> from lfp.training import Plan
        >>> p, s = sum_of_modes(Circle(), 8, [1]), np.arange(4)
        >>> f = Trajectory(s, (1 - 0.5 ** s)[None, :, None] * p.y, p.x)
        >>> plan = Plan(TwoLayer(8), p, GradientDescent(0.1), s)
        >>> compare(Prediction(plan, "ntk", {"ntk": f}), f).modes[0]["rate_measured"]
        5.0
    """
    training = training.trajectory if isinstance(training, Run) else training
    others = _refuse_others(prediction, training)
    problem, probe = prediction.problem, prediction.probe
    columns = {"d_sup": sup_distance(prediction.theory, training, problem, probe), **prediction.layers(training)}
    if prediction.band is not None:
        spread = probe(prediction.band, problem).spread().max(axis=0)
        columns["standard_error"] = np.hypot(spread / np.sqrt(len(training.values)), _own_error(prediction))
    expected = None if others else prediction.forecast
    lazy = None if prediction.laziness is None else float(prediction.laziness[-1])
    if max(movement(one, problem, probe) for one in (prediction.theory, training)) < HOLDS_BELOW:
        verdict, reason = None, f"nothing was learnt: no {_noun(prediction)} moved by more than {HOLDS_BELOW} of itself"
    else:
        verdict, reason = _verdict(float(columns["d_sup"].max()), expected, lazy)
    if verdict and not probe.modal:
        reason += "; no forecast, which is calibrated on modes, of parts"
    if verdict and remedies and expected is not None and expected.verdict == "fails":
        reason += f": {advice(prediction)}"
    doubt = prediction.doubt
    if doubt is not None:
        reason += f"; the theory is {doubt}"
    if others:
        verdict, reason = None, f"{reason}, of {others}: the prediction speaks about others (train(prediction))"
    if prediction.law.measured:
        verdict, reason = None, "measured only: the optimiser has no law; theory is the flow of the NTK, as a reference"
    elif not prediction.law.exact:
        name = type(prediction.law.base).__name__
        reason += f"; {name} has no linear law: predicted by the estimate of a frozen preconditioner"
    return Report(_rows(prediction, training, columns, expected), expected, lazy, verdict, reason, doubt)


def _own_error(prediction: Prediction) -> Float[np.ndarray, " k"] | float:
    """The standard error of a theory that is a mean of runs of its own; 0 of others."""
    if "standard_error" not in prediction.theory.meta:
        return 0.0
    curves = prediction.probe(prediction.theory, prediction.problem)
    return curves.spread().max(axis=0) / np.sqrt(len(curves.remaining))


def _rows(
    prediction: Prediction, training: Trajectory, columns: dict[str, np.ndarray], expected: Forecast | None
) -> list[dict[str, Any]]:
    """One a mode: rates and half-lives of theory and training, and what `columns` say of it."""
    problem, probe, lr = prediction.problem, prediction.probe, float(prediction.law.lr)
    curves = {"predicted": probe(prediction.theory, problem), "measured": probe(training, problem)}
    frequencies, rows = probe.frequencies(problem), []
    for k, mode in enumerate(probe.labels(problem).tolist()):
        row: dict[str, Any] = {
            "mode": mode,
            "frequency": float(frequencies[k]) if np.isfinite(frequencies[k]) else None,
        }
        for name, curve in curves.items():
            size, fell = curve.size()[:, k], bool(curve.present[k])
            row[f"rate_{name}"] = fitted_rate(curve.steps, size, lr) if fell else None
            row[f"half_life_{name}"] = time_to(curve.steps, size) if fell else None
        if expected is not None:
            row["d_sup_expected"] = expected.modes[k].tolist()
        names = ("d_sup", "standard_error", *layers())
        rows.append(row | {name: float(columns[name][k]) if name in columns else None for name in names})
    return rows


def _refuse_others(prediction: Prediction, training: Trajectory) -> str:
    """Refuse curves at other points, of another law or of other data; say which other networks were trained.

    Curves that do not say what was trained are taken as they are.
    """
    x, plan = prediction.problem.x, prediction.plan
    if training.points.shape != x.shape or not np.allclose(training.points, x, rtol=1e-6, atol=1e-9):
        msg = f"training was looked at in points of shape {training.points.shape}; allowed: the data, {x.shape}"
        raise _checks.InputError(msg)
    seen = {"center": True, **training.meta.get("plan", plan.identity)}
    differing = {key for key, value in plan.identity.items() if seen[key] != value}
    theory = THEORIES.get(prediction.name)
    refused = set(plan.identity) if theory is not None and theory.of_networks else {"law", "data", "center"}
    settings = ("seeds", "seed", "center")
    names = (f"{key}={seen[key]}" if key in settings else f"another {key}" for key in sorted(differing))
    others = ", ".join(names)
    if differing & refused:
        msg = f"training of {others}: not what theory={prediction.name!r} predicts; allowed: train(prediction)"
        raise _checks.InputError(msg)
    # without the kernels of these networks the forecast is about any of their kind
    return "" if differing == {"seed"} and "moving" not in prediction.curves else others


def _cell(value: float | str | None) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:.4g}"


def _verdict(d_sup: float, expected: Forecast | None, lazy: float | None) -> tuple[str, str]:
    """(verdict, reason)."""
    verdict = "holds" if d_sup <= HOLDS_BELOW else "fails"
    reason = f"measured D_sup {d_sup:.3g} {'<=' if verdict == 'holds' else '>'} {HOLDS_BELOW}"
    if expected is None or lazy is None:
        return verdict, reason
    low, middle, high = expected.largest
    moves = ""
    if expected.changes:
        layer = max(expected.changes, key=lambda name: expected.changes[name])
        moves = f"; of all layers linear theory moves {layer} most, by {expected.changes[layer]:.2g} of its norm"
    if expected.verdict == "unknown":
        why = f"put into the network, the movement that linear theory needs bends it by {expected.bent:.2g} of a mode"
        return verdict, f"{reason}; no forecast: {why}, though {middle:.2g} was expected{moves}"
    agrees = "as" if expected.verdict == verdict else f"although {expected.verdict!r} was"
    inside = "inside" if low <= d_sup <= high else "outside"
    reason += f", {agrees} forecast (expected {middle:.3g}, {inside} [{low:.3g}, {high:.3g}]; laziness {lazy:.3g})"
    return verdict, reason + moves


def _noun(prediction: Prediction) -> str:
    return "mode" if prediction.probe.modal else "part"
