"""Does the forecast of D_sup hold? Random configurations, predicted and trained: what calibrates it, what tests it.

`python experiments/verdict.py run --seed 1 --count 60 --out runs` predicts and trains, one file a configuration.
`check --folder runs` compares forecasts and measurements. `calibrate --folder others` fits the law of laziness to runs
of other seeds and writes lfp/prediction/calibration.json.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

import lfp
from lfp import Forecast, Problem
from lfp.figures import plots
from lfp.measure.trajectory import parts
from lfp.prediction.forecast import CALIBRATION, HOLDS_BELOW, forecast, has_kink

ACTIVATIONS = ("relu", "tanh", "erf", "gelu", "sin")
SEEDS = 5


@dataclass(frozen=True)
class Config:
    """One configuration; everything follows from it."""

    domain: str
    activation: str
    depth: int
    paper: bool
    width: int
    alpha: float
    relative_lr: float
    steps: int
    modes: tuple[int, ...]
    amplitudes: tuple[float, ...]
    seed: int


def draw(rng: np.random.Generator) -> Config:
    """A random configuration: domain, network, optimiser and target, half of them rather lazy."""
    paper = bool(rng.integers(2))
    modes = np.sort(rng.choice(np.arange(1, 8), rng.integers(1, 5), replace=False))
    return Config(
        domain=str(rng.choice(["circle", "line"])),
        activation=str(rng.choice(ACTIVATIONS)),
        depth=1 if paper else int(rng.integers(1, 4)),
        paper=paper,
        width=int(rng.choice([64, 128, 256, 512, 1024, 2048])),
        alpha=float(np.exp(rng.uniform(np.log(0.5), np.log(100)))),
        relative_lr=float(rng.uniform(0.2, 1.4)),
        steps=int(np.exp(rng.uniform(np.log(200), np.log(2000)))),
        modes=tuple(modes.tolist()),
        amplitudes=tuple(np.exp(rng.normal(0, 0.7, len(modes))).tolist()),
        seed=int(rng.integers(2**31)),
    )


def build(c: Config) -> tuple[Problem, lfp.TwoLayer | lfp.MLP]:
    """Problem and network."""
    domain = lfp.Circle() if c.domain == "circle" else lfp.Line()
    problem = lfp.sum_of_modes(domain, 32, c.modes, c.amplitudes)
    if c.paper:
        return problem, lfp.TwoLayer(c.width, c.activation, alpha=c.alpha)
    return problem, lfp.MLP(c.width, c.depth, c.activation, alpha=c.alpha)


def measure(c: Config) -> dict | None:
    """Predict, train, compare; None where no mode moves by as much as is judged, so that nothing is forecast."""
    began = time.perf_counter()
    problem, network = build(c)
    rates = lfp.spectrum(network, problem)
    law = lfp.GradientDescent(c.relative_lr / float(rates.rates.max()))
    looks, ensemble = lfp.log_steps(c.steps, 50), {"seeds": SEEDS, "seed": c.seed}
    prediction = lfp.predict(network, problem, law, looks, infinite=rates, **ensemble)
    if prediction.forecast is None:
        return None
    training = lfp.train(network, problem, law, looks, **ensemble).trajectory
    report = lfp.compare(prediction, training, remedies=False)
    mean = {name: lfp.probe(curve, problem).mean() for name, curve in prediction.curves.items()}
    return {
        "config": asdict(c),
        "kind": "kink" if has_kink(network) else "smooth",
        "lazy": [row["empirical_vs_training"] for row in report.modes],
        "gap": parts(mean["empirical"] - mean["ntk"]).tolist(),
        "drifted": parts(mean["moving"] - mean["empirical"]).tolist(),
        "modes": [row["d_sup"] for row in report.modes],
        "d_sup": report.d_sup,
        "largest": prediction.forecast.largest.tolist(),
        "laziness": float(prediction.laziness[-1]),
        "seconds": time.perf_counter() - began,
    }


def run(seed: int = 0, count: int = 60, part: int = 0, parts: int = 1, out: Path = Path("verdict")) -> None:
    """Train the configurations of a seed, or every parts-th of them; what is there already is skipped."""
    jax.config.update("jax_enable_x64", True)
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i, c in enumerate([draw(rng) for _ in range(count)]):
        path = out / f"{seed}-{i}.json"
        if i % parts != part or path.exists():
            continue
        result = measure(c)
        if result is None:
            print(i, c, "nothing to forecast", flush=True)
            continue
        path.write_text(json.dumps(result))
        jax.clear_caches()
        print(i, c, f"measured {result['d_sup']:.3g}, expected", np.round(result["largest"], 4), flush=True)


def read(folder: Path) -> list[dict]:
    """All runs of a folder."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def config(stored: dict) -> Config:
    """The configuration of a stored run."""
    return Config(**{key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()})


def again(run: dict, calibration: dict | None = None) -> Forecast:
    """The forecast of a stored run with these constants, or with those that ship now."""
    gap, drifted = (np.array(run[name]) @ np.array([1, 1j]) for name in ("gap", "drifted"))
    return forecast(gap, drifted, build(config(run["config"]))[1], calibration=calibration)


def calibrate(folder: Path) -> None:
    """The constants of the drift, by kind of activation.

    The growth with which as many telling runs lie above the median as below, then the least scatter with which 95 % of
    all lie inside.
    """
    runs = {kind: [r for r in read(folder) if r["kind"] == kind] for kind in ("kink", "smooth")}
    found = {kind: _constants(kind, some) for kind, some in runs.items()}
    for kind, some in runs.items():
        print(kind, len(some), "runs", found[kind])
    CALIBRATION.write_text(json.dumps(found) + "\n")


def _constants(kind: str, runs: list[dict]) -> dict:
    """Growth from the median of the telling runs, scatter from the coverage of all."""

    def ends(growth: float, scatter: float, some: list[dict]) -> np.ndarray:
        constants = {kind: {"growth": growth, "scatter": scatter}}
        return np.array([again(r, constants).largest for r in some])

    telling = [r for r in runs if 1e-2 < max(r["lazy"]) < 1]
    high = np.array([r["d_sup"] for r in telling])
    growths = np.arange(0.0, 20.5, 0.5)
    growth = float(growths[np.argmin([abs(np.mean(high > ends(g, 0.5, telling)[:, 1]) - 0.5) for g in growths])])
    measured = np.array([r["d_sup"] for r in runs])
    for scatter in np.arange(0.1, 2.0, 0.05):
        low, _, up = ends(growth, scatter, runs).T
        if ((low <= measured) & (measured <= up)).mean() >= 0.95:
            break
    return {"growth": growth, "scatter": round(float(scatter), 2)}


def picture(axes: Any, expected: np.ndarray, measured: np.ndarray) -> None:
    """Measured against forecast D_sup, one bar a run from the 5 to the 95 % quantile; orange where it fell outside."""
    inside = (expected[:, 0] <= measured) & (measured <= expected[:, 2])
    for colour, some, label in (("C0", inside, "inside"), ("C1", ~inside, "outside")):
        low, middle, high = expected[some].T
        bars = [middle - low, high - middle]
        axes.errorbar(middle, measured[some], xerr=bars, fmt="o", ms=3, lw=0.8, color=colour, label=label)
    ends = [0.5 * min(measured.min(), expected.min()), 2 * max(measured.max(), expected.max())]
    axes.plot(ends, ends, color="0.4", lw=0.8, ls="--")
    axes.axhline(HOLDS_BELOW, color="0.7", lw=0.8)
    axes.axvline(HOLDS_BELOW, color="0.7", lw=0.8)
    axes.set(xscale="log", yscale="log", xlabel="D_sup forecast before training", ylabel="D_sup measured")
    axes.legend(loc="upper left", fontsize=7)


def check(folder: Path) -> bool:
    """Coverage of the intervals that the shipped constants give, and how often the verdict was forecast right."""
    runs = read(folder)
    said = [again(r) for r in runs]
    measured, ends = np.array([r["d_sup"] for r in runs]), np.array([f.largest for f in said])
    modes = np.array(
        [(*e, d) for r, f in zip(runs, said, strict=True) for e, d in zip(f.modes, r["modes"], strict=True)]
    )
    inside = (ends[:, 0] <= measured) & (measured <= ends[:, 2])
    holds, forecast = measured <= HOLDS_BELOW, ends[:, 1] <= HOLDS_BELOW
    right = float((holds == forecast).mean())
    print(f"{len(runs)} runs, {holds.sum()} hold and {(~holds).sum()} fail")
    print(f"largest D_sup inside its interval: {inside.mean():.3f} (gate .90)")
    print(f"a mode's inside its own: {((modes[:, 0] <= modes[:, 3]) & (modes[:, 3] <= modes[:, 2])).mean():.3f}")
    print(f"median ratio of the ends: {np.median(ends[:, 2] / ends[:, 0]):.2f} (gate 4)")
    print(f"verdict right: {right:.3f} (gate .95); the majority guessed: {max(holds.mean(), 1 - holds.mean()):.3f}")
    with plots.style():
        fig, axes = plots.figure(width=4.6, height=3.6)
        picture(axes, ends, measured)
        fig.savefig(folder / "verdict.png")
    return bool(inside.mean() >= 0.9 and np.median(ends[:, 2] / ends[:, 0]) <= 4 and right >= 0.95)


if __name__ == "__main__":
    import tyro

    tyro.extras.subcommand_cli_from_dict({"run": run, "calibrate": calibrate, "check": check})
