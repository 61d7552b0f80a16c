"""Is the forecast right about networks of others? Random ones, as `Custom`, predicted and trained.

`python experiments/strangers.py run --seed 1 --count 40 --out runs` predicts and trains, one file a configuration; what
is there is skipped. `check --folder runs` says how often the forecast was right, beside the forecast without bending
and beside guessing the majority. Nothing is fitted here.
A training that diverges counts as one that fails, with a D_sup of infinity.
"""

import json
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp.prediction.forecast import HOLDS_BELOW

ACTIVATIONS = ("relu", "tanh", "erf", "gelu", "sin")
VARIANCES = {"he": 2.0, "lecun": 1.0, "third": 1 / 3}
"""Of weights, times fan_in; `standard` is torch's uniform of both weights and biases, `ntk` has factors in front."""


@dataclass(frozen=True)
class Config:
    """One configuration; everything follows from it."""

    depth: int
    width: int
    scaling: str
    biases: bool
    activation: str
    points: int
    size: float
    steps: int
    relative_lr: float
    modes: tuple[int, ...]
    amplitudes: tuple[float, ...]
    seed: int
    networks: int = 2


def draw(rng: np.random.Generator) -> Config:
    """A network and a training that nobody made lazy."""
    modes = np.sort(rng.choice(np.arange(1, 8), rng.integers(1, 5), replace=False))
    return Config(
        depth=int(rng.integers(1, 6)),
        width=int(rng.choice([64, 128, 256, 512])),
        scaling=str(rng.choice(["standard", *VARIANCES, "ntk"])),
        biases=bool(rng.integers(2)),
        activation=str(rng.choice(ACTIVATIONS)),
        points=int(np.exp(rng.uniform(np.log(20), np.log(300)))),
        size=float(np.exp(rng.uniform(np.log(1e-2), np.log(10)))),
        steps=int(np.exp(rng.uniform(np.log(200), np.log(1000)))),
        relative_lr=float(rng.uniform(0.1, 1.0)),
        modes=tuple(modes.tolist()),
        amplitudes=tuple(np.exp(rng.normal(0, 0.7, len(modes))).tolist()),
        seed=int(rng.integers(2**31)),
    )


def build(c: Config) -> lfp.Custom:
    """The network, written out as its owner would."""
    act, sizes = lfp.activation(c.activation), [2, *[c.width] * c.depth, 1]

    def layer(key: Any, fan_in: int, fan_out: int) -> list[Any]:
        keys = jax.random.split(key)
        if c.scaling == "ntk":
            w, b = jax.random.normal(keys[0], (fan_in, fan_out)), jax.random.normal(keys[1], (fan_out,))
        elif c.scaling == "standard":
            w, b = (
                jax.random.uniform(k, shape, minval=-1, maxval=1) / fan_in**0.5
                for k, shape in zip(keys, ((fan_in, fan_out), (fan_out,)), strict=True)
            )
        else:
            w = jax.random.normal(keys[0], (fan_in, fan_out)) * (VARIANCES[c.scaling] / fan_in) ** 0.5
            b = jnp.zeros(fan_out)
        return [w, b] if c.biases else [w]

    def init(key: Any, dim: int) -> Any:  # noqa: ARG001 - points of the circle
        keys = jax.random.split(key, len(sizes) - 1)
        return [layer(k, *pair) for k, pair in zip(keys, pairwise(sizes), strict=True)]

    def apply(params: Any, x: Any) -> Any:
        for i, (w, *b) in enumerate(params):
            x = act(x) if i else x
            x = (2 / len(w)) ** 0.5 * (x @ w) if c.scaling == "ntk" else x @ w
            if b:
                x = x + (0.5 if c.scaling == "ntk" else 1.0) * b[0][None, :]
        return x[:, 0]

    return lfp.Custom(init, apply, c.width)


def measure(c: Config) -> dict[str, Any]:
    """Predict, train, compare."""
    problem = lfp.sum_of_modes(lfp.Circle(), c.points, c.modes, [c.size * a for a in c.amplitudes])
    network, looks = build(c), lfp.log_steps(c.steps, 50)
    ensemble = {"theory": "empirical", "seeds": c.networks, "seed": c.seed}
    stable = lfp.predict(network, problem, steps=np.array([0, 1]), **ensemble).law.lr  # 1 / largest rate
    clock = [time.perf_counter()]
    said = lfp.predict(network, problem, lfp.GradientDescent(c.relative_lr * stable), looks, **ensemble)
    clock.append(time.perf_counter())
    expected = said.forecast
    found: dict[str, Any] = {"config": asdict(c), "forecast": None, "laziness": float(np.asarray(said.laziness)[-1])}
    if expected is not None:
        found |= {"forecast": expected.verdict, "expected": expected.largest.tolist()}
        found |= {"bent": expected.bent, "changes": expected.changes}
    try:
        report = lfp.compare(said, lfp.train(said), remedies=False)
        found |= {"d_sup": report.d_sup, "verdict": report.verdict}
    except FloatingPointError:  # it diverges where linear theory is stable
        found |= {"d_sup": float("inf"), "verdict": "fails"}
    clock.append(time.perf_counter())
    return found | {"seconds": np.diff(clock).tolist()}


def run(seed: int = 0, count: int = 40, out: Path = Path("strangers")) -> None:
    """Train the configurations of a seed; what is there already is skipped."""
    jax.config.update("jax_enable_x64", True)
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i, c in enumerate([draw(rng) for _ in range(count)]):
        path = out / f"{seed}-{i}.json"
        if not path.exists():
            path.write_text(json.dumps(measure(c)))
            jax.clear_caches()
        print(i, path.read_text(), flush=True)


def check(folder: Path) -> bool:
    """How often the forecast was right of those that it judged, how often it did not know, and the gates."""
    runs = [one for path in sorted(folder.glob("*.json")) if (one := json.loads(path.read_text()))["verdict"]]
    held = np.array([one["d_sup"] <= HOLDS_BELOW for one in runs])
    said = np.array([one["forecast"] or "unknown" for one in runs])
    known, plain = said != "unknown", np.array([one.get("expected", [0, 1, 0])[1] <= HOLDS_BELOW for one in runs])
    right = float(((said == "holds") == held)[known].mean())
    worst = max([one["d_sup"] for one, word in zip(runs, said, strict=True) if word == "holds"], default=0.0)
    told = int((said[held] == "holds").sum())
    print(f"{len(runs)} runs in which something was learnt, {held.sum()} hold, of them {told} told")
    print(f"right of those judged: {right:.3f} (gate .9); unknown: {1 - known.mean():.3f} (gate .25)")
    print(f"largest D_sup of those told to hold: {worst:.3g} (gate .1)")
    print(f"without bending {(plain == held).mean():.3f}, the majority {max(held.mean(), 1 - held.mean()):.3f}")
    return right >= 0.9 and 1 - known.mean() <= 0.25 and worst <= 0.1


if __name__ == "__main__":
    import tyro

    tyro.extras.subcommand_cli_from_dict({"run": run, "check": check})
