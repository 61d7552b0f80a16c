"""Does the forecast of D_sup hold? Random configurations, predicted and trained: what calibrates it, what tests it.

`python experiments/verdict.py run --seed 0 --count 150 --out runs` trains and stores one file a configuration; those
that are there already are skipped. `calibrate runs` fits the law of laziness to them and prints what lfp/forecast.py
ships; `check runs` compares forecasts with measurements on runs that were no part of that.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import numpy as np

import lfp
from lfp.prediction import parts
from lfp.probes import probe
from lfp.problems import Problem

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


def run(c: Config) -> dict:
    """Predict, train, compare."""
    began = time.perf_counter()
    problem, network = build(c)
    rates = lfp.spectrum(lfp.kernel(network), problem)
    law = lfp.GradientDescent(c.relative_lr / float(rates.rates.max()))
    prediction = lfp.predict(
        problem, network, lfp.log_steps(c.steps, 50), law, seeds=SEEDS, seed=c.seed, infinite=rates
    )
    training = lfp.train(network, problem, law, prediction.theory.steps, seeds=SEEDS, seed=c.seed).trajectory
    report = lfp.compare(prediction, training)
    curves = {name: probe(curve, problem).mean() for name, curve in prediction.curves.items()}
    curves["training"] = probe(training, problem).mean()
    spread = probe(prediction.band, problem).spread()
    return {
        "config": asdict(c),
        "d_sup": [row["d_sup"] for row in report.modes],
        "lazy": [row["empirical_vs_training"] for row in report.modes],
        "width": [row["ntk_vs_empirical"] for row in report.modes],
        "laziness": prediction.laziness.tolist(),
        "spread": spread.tolist(),
        "steps": training.steps.tolist(),
        "curves": {name: parts(curve).tolist() for name, curve in curves.items() if name != "flow"},
        "seconds": time.perf_counter() - began,
    }


def main(seed: int, count: int, out: Path) -> None:
    jax.config.update("jax_enable_x64", True)
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i, c in enumerate([draw(rng) for _ in range(count)]):
        path = out / f"{seed}-{i}.json"
        if path.exists():
            continue
        path.touch()
        try:
            result = run(c)
        except FloatingPointError as error:
            result = {"config": asdict(c), "diverged": str(error)}
        path.write_text(json.dumps(result))
        print(i, c.domain, c.activation, c.depth, c.paper, c.width, f"{c.alpha:.3g}", result.get("d_sup"), flush=True)
        jax.clear_caches()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
