"""The table that checks the numbers of the explorer: settings, and what lfp makes of them. Printed as JSON."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

import lfp
from lfp.commands.explore import CONTROLS
from lfp.training import unstack

POINTS, SETTINGS, STEPS, LOOKS = 64, 40, 300, 40
SMOOTH = ("erf", "sin", "gaussian")


def network(net: dict[str, Any], width: int = 64) -> lfp.TwoLayer:
    """The network of a row of the table."""
    a, w, b = (lfp.Gaussian(net[name]) for name in ("sigmaA", "sigmaW", "sigmaB"))
    return lfp.TwoLayer(width, net["activation"], a, w, b, net.get("alpha", 1.0))


def nets() -> list[dict[str, Any]]:
    """Settings over the whole range of the page's sliders, ends included, every activation in turn."""
    rng = np.random.default_rng(0)
    spans = {name: (CONTROLS[name]["min"], CONTROLS[name]["max"]) for name in ("sigmaA", "sigmaW", "sigmaB")}
    drawn = [{name: float(np.exp(rng.uniform(*np.log(span)))) for name, span in spans.items()} for _ in range(SETTINGS)]
    for end in range(8):  # the corners of the box
        drawn[end] = {name: span[end >> bit & 1] for bit, (name, span) in enumerate(spans.items())}
    activations = ("relu", *SMOOTH)
    return [{"activation": activations[(i + i // 8) % 4], **net} for i, net in enumerate(drawn)]


def rates(settings: Sequence[int]) -> list[dict[str, Any]]:
    """Of modes 0 to 32 on 64 points of the circle."""
    problem = lfp.sum_of_modes(lfp.Circle(), POINTS, range(1, 9))
    every = np.arange(POINTS // 2 + 1)
    return [
        {"net": net, "rates": np.asarray(lfp.spectrum(network(net), problem).rates_of(every)).tolist()}
        for net in np.array(nets())[list(settings)]
    ]


def laws() -> list[dict[str, Any]]:
    """Of descent and heavy ball: slow, fast, at the critical rates, beyond the limit."""
    looks, rows = lfp.log_steps(STEPS, LOOKS), []
    for mu in (0.0, 0.5, 0.9, 0.99):
        low, high = (1 - mu**0.5) ** 2, (1 + mu**0.5) ** 2
        speeds = [1e-6, 1e-3, low, (low + high) / 2, 0.999 * high, 2.1 * (1 + mu)]
        law = lfp.HeavyBall(0.5, mu) if mu else lfp.GradientDescent(0.5)
        factor = np.asarray(law.factor(jax.numpy.asarray(speeds) / 0.5, jax.numpy.asarray(looks)))
        rows.append({"mu": mu, "lr": 0.5, "rates": [x / 0.5 for x in speeds], "looks": looks.tolist()})
        rows[-1]["left"] = factor.T.tolist()
    return rows


def train(which: Sequence[int]) -> list[dict[str, Any]]:
    """Predicted, then trained in float64 from the weights of the row: lazy and rich, with momentum and without."""
    circle = lfp.sum_of_modes(lfp.Circle(), POINTS, [1, 2, 5, 8], [1.0, 0.5, 0.8, 0.3])
    rng = np.random.default_rng(1)
    t = np.sort(rng.uniform(3.0, 11.0, 40))
    t[7] = t[6]  # one x twice
    values = np.sin(t) + 0.3 * rng.normal(size=len(t)) + 5.0
    rows = []
    for i, activation in enumerate(("relu", *SMOOTH, "relu", "gaussian")):
        if i not in which:
            continue
        net = {"activation": activation, "sigmaA": 1.0, "sigmaW": 0.8, "sigmaB": 1.5, "alpha": (50.0, 1.0)[i % 2]}
        mu, speed = (0.0, 0.9)[i // 2 % 2], (1.0, 0.4)[i % 2]
        on_line = i >= 4
        problem = line(t, values) if on_line else circle
        model = network(net)
        largest = float(np.asarray(lfp.spectrum(model, problem).rates).max())
        law = lfp.HeavyBall(speed / largest, mu) if mu else lfp.GradientDescent(speed / largest)
        looks = lfp.log_steps(STEPS, LOOKS)
        prediction = lfp.predict(model, problem, law, looks, seeds=2, seed=i, dtype=jax.numpy.float64)
        run = lfp.train(prediction)
        theory, measured = (lfp.ModeProbe()(one, problem) for one in (prediction.theory, run.trajectory))
        starts = [dict(zip("awb", map(np.asarray, start), strict=True)) for start in unstack(run.start)]
        rows.append(
            {
                "net": net,
                "speed": speed,
                "mu": mu,
                "looks": looks.tolist(),
                "amplitudes": [1.0, 0.5, 0, 0, 0.8, 0, 0, 0.3],
                "rows": np.stack([t, values], axis=1).tolist() if on_line else None,
                "modes": problem.modes.tolist(),
                "largest": largest,
                "theory": complexes(theory.mean()),
                "starts": [weights(start) for start in starts],
                "functions": run.trajectory.values.tolist(),
                "mean": complexes(measured.mean()),
                "spread": (2 * measured.spread()).tolist(),
                "d_sup": lfp.compare(prediction, run, remedies=False).d_sup,
            }
        )
    return rows


def line(t: np.ndarray, values: np.ndarray) -> lfp.Problem:
    """What the page makes of pasted rows: standardised, on the interval of the points, modes that the target has."""
    y = (values - values.mean()) / values.std()
    whole = lfp.problem(lfp.Line.over(t), t, y, range(1, 9))
    size = np.abs(lfp.ModeProbe().parts(whole, whole.y[None])[0])
    return replace(whole, modes=whole.modes[size > 1e-3])


def weights(start: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """As the page has them: two input weights, the second of them 0 on a line."""
    w = start["w"]
    second = w[1] if len(w) > 1 else 0 * w[0]
    parts = {"a": start["a"], "w0": w[0], "w1": second, "b": start["b"]}
    return {name: part.tolist() for name, part in parts.items()}


def complexes(values: np.ndarray) -> list[Any]:
    """(re, im) along a last axis."""
    return np.stack([values.real, values.imag], axis=-1).tolist()


def table(settings: Sequence[int] = range(SETTINGS), trainings: Sequence[int] = range(6)) -> dict[str, Any]:
    """All of it, or only some settings and trainings."""
    from scipy.special import erf

    x = np.linspace(-7, 7, 401)
    return {
        "rates": rates(settings),
        "laws": laws(),
        "trainings": train(trainings),
        "looks": [{"total": n, "count": k, "steps": lfp.log_steps(n, k).tolist()} for n, k in SIZES],
        "erf": {"x": x.tolist(), "y": erf(x).tolist()},
        "half_life": half_lives(),
    }


SIZES = ((1, 2), (2, 60), (100, 5), (2000, 80), (3000, 80), (20000, 80))


def half_lives() -> list[dict[str, Any]]:
    """Of curves that fall, fall at once, and never fall."""
    from lfp.measure.times import time_to

    looks = lfp.log_steps(STEPS, LOOKS)
    sizes = [np.exp(-looks / 20.0), np.where(looks > 0, 0.0, 1.0), 1 - looks / (4 * STEPS), 0.5 + 0 * looks]
    return [{"looks": looks.tolist(), "sizes": s.tolist(), "step": time_to(looks, s)} for s in sizes]


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    print(json.dumps(table()))
