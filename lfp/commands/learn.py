"""Learning curves on a domain or on the rows of a file: settings in, a folder with table and picture out."""

import csv
import io
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from lfp import _checks, _files
from lfp.commands.options import LAZY_ALPHA, NTK, Learn, given, numbers
from lfp.commands.rows import read_rows
from lfp.domains.circle import Circle
from lfp.domains.domain import Zonal
from lfp.domains.named import domain
from lfp.domains.problems import Points, merge
from lfp.domains.units import Units, units_of
from lfp.figures import learning, plots
from lfp.kernels.algebra import Kernel
from lfp.measure.trajectory import labelled, log_steps, save
from lfp.networks.mlp import MLP
from lfp.networks.network import kernel
from lfp.optimisers.descent import GradientDescent
from lfp.prediction.concentration import concentration
from lfp.prediction.drawn import drawn_curve
from lfp.prediction.learning_curve import learning_curve
from lfp.prediction.learning_in_time import first_best, learning_in_time, stable_lr
from lfp.prediction.trained_curve import trained_curve
from lfp.spectra.on_domain import ModeRates
from lfp.spectra.on_points import GramSpectrum
from lfp.spectra.spectrum import spectrum

_FOLLOWED = 3  # degrees above those of the target that draws are measured in
_RATES, _LOOKS, _GRID = 128, 40, 30  # degrees of the kernel, looks in time, numbers of samples of the theory
_DRAWN_NETWORKS = 3
_LARGEST_FILE = 3000  # rows whose Gram matrix is taken apart


@dataclass(frozen=True)
class Task:
    """What is learnt: a target on a domain, or the rows of a file.

    Args:
        where: domain, or points.
        rates: of the kernel there, by degree or by rank.
        power: of the target, in the same order.
        degrees: of the target; empty for points.
        population: number of points; None on a domain.
        units: of the targets.
    """

    where: Zonal | Points
    rates: ModeRates | GramSpectrum
    power: np.ndarray
    degrees: tuple[int, ...]
    population: int | None
    units: Units

    @property
    def followed(self) -> np.ndarray | None:
        """Power of the degrees that draws are measured in."""
        if isinstance(self.where, Points):
            return None
        top = max(self.degrees) + _FOLLOWED
        return self.power[: 1 + min(top, len(self.power) - 1)]

    @property
    def theory(self) -> dict[str, Any]:
        """Rates and power as the theory takes them."""
        rates = np.asarray(self.rates.rates) if isinstance(self.rates, GramSpectrum) else self.rates
        return {"rates": rates, "power": self.power, "population": self.population}

    @property
    def law(self) -> dict[str, Any]:
        """As the theory at the end of training takes them: pairs of samples are known on spheres and large cubes."""
        known = self.population is None and not isinstance(self.where, Circle | Points)
        return self.theory | ({"where": self.where} if known else {})


def run(s: Learn, out: str | Path, *, force: bool = False, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Theory, draws and networks at every number of samples: result.json, learn.csv, curves.nc, learn.png.

    Settings that cannot be run are refused before anything is written.
    """
    s.check()
    work = partial(_run, s, out, force=force, say=say)
    return _files.once(out, asdict(s), work, force=force, say=say)


def _run(s: Learn, out: str | Path, *, force: bool, say: Callable[[str], None]) -> dict[str, Any]:
    began = time.perf_counter()
    network = MLP(s.width or 2048, s.depth, s.activation, alpha=s.alpha or LAZY_ALPHA, **given(s, NTK))
    known = kernel(network, s.kernel)
    task = _task(s, known, say)
    counts = _samples(s, task)
    theory = learning_curve(**task.law, samples=counts, ridge=s.ridge, noise=s.noise)  # refuses
    law = GradientDescent(s.lr or stable_lr(task.theory["rates"], counts, task.population)) if s.steps else None
    folder = _files.claim(out, asdict(s), force=force)
    rows, times = [], []
    for i, n in enumerate(counts):
        say(f"{s.draws} draws of {n} samples ...")
        how = {"ridge": s.ridge, "noise": s.noise, "power": task.followed, "seed": s.seed, "repeated": False}
        how["repeated"] = not task.population
        drawn = drawn_curve(known, task.where, n, rates=_rates(task), draws=s.draws, **how)
        mean = drawn
        if task.degrees:  # few draws of one target each scatter widely about their mean
            mean = drawn_curve(known, task.where, n, rates=_rates(task), draws=s.draws, averaged=True, **how)
        spread = concentration(known, task.where, n, s.ridge, repeated=how["repeated"], seed=s.seed)
        rows.append(_row(task, theory, i, drawn, mean, spread))
        if law is not None:
            times.append(_in_time(s, task, network, known, n, law, how, say))
    fine = learning_curve(**task.law, samples=_grid(counts), ridge=s.ridge, noise=s.noise)
    result = {
        "domain": "file" if isinstance(task.where, Points) else task.where.name,
        "dim": int(task.where.x.shape[1]) if isinstance(task.where, Points) else task.where.dim,
        "rows": task.population if isinstance(task.where, Points) else None,
        "modes": list(task.degrees),
        "power": [float(task.power[k]) for k in task.degrees],
        "target_variance": float(np.var(task.where.y)) if isinstance(task.where, Points) else float(task.power.sum()),
        "noise": s.noise,
        "ridge": s.ridge,
        "kernel": s.kernel,
        "units": {"y": task.units.summary()},
        "curves": rows,
        "times": times,
    }
    say("drawing ...")
    save(folder / "curves.nc", _curves(task, fine, rows, times))
    _files.write_whole(folder / "learn.csv", _table(result).encode())
    with plots.style():
        fig, axes = plots.figure(3 if times else 2, width=10.5 if times else 7.6, height=3.6)
        learning.draw(axes, result, fine)
        _files.save_figure(fig, folder, "learn")
    return _files.write_result(folder, result | {"seconds": round(time.perf_counter() - began, 2)})


def _task(s: Learn, known: Kernel, say: Callable[[str], None]) -> Task:
    if s.data is None:
        name = s.domain or "sphere"
        where = domain(name, None if name == "circle" else s.dim or 10)
        degrees = numbers("modes", s.modes or "1,2,3")
        if where.highest is not None and max(degrees) > where.highest:
            msg = f"modes={max(degrees)} is beyond the degrees of the {where.name}; allowed: up to {where.highest}"
            raise _checks.InputError(msg)
        top = max(4 * max(degrees), 4096 if name == "circle" else _RATES)
        rates: Any = spectrum(known, where, min(top, where.highest or top))
        power = np.zeros(len(rates.labels))
        power[degrees] = np.square(numbers("amplitude", s.heights, float))
        small = where.highest is not None and 2**where.dim <= 2**16
        return Task(where, rates, power, tuple(degrees), 2**where.dim if small else None, Units())
    table = read_rows(s, s.data, s.seed, say)
    if table.target is None:
        msg = f"data={str(s.data)!r} has no target; allowed: a column y, or --target"
        raise _checks.InputError(msg)
    y = table.values[:, table.target]
    inner = units_of("x", table.coordinates, standardize=s.standardize, columns=table.columns)
    units = units_of("y", y, center=s.center, standardize=s.standardize)
    points = merge(inner.inner(table.coordinates), units.inner(y))
    if len(points.x) < len(y):
        say(f"{len(y) - len(points.x)} rows repeat others: their targets are averaged, all points count alike")
        points = Points(points.x, points.y)
    if len(points.x) > _LARGEST_FILE:
        msg = f"data={str(s.data)!r} has {len(points.x)} rows; allowed: up to {_LARGEST_FILE}, or --subsample"
        raise _checks.InputError(msg)
    rates = spectrum(known, points)
    power = np.asarray(rates.coefficients(jnp.asarray(points.y)))
    return Task(points, rates, power, (), len(points.x), units)


def _rates(task: Task) -> ModeRates | None:
    return task.rates if isinstance(task.rates, ModeRates) else None


def _samples(s: Learn, task: Task) -> list[int]:
    if s.samples is not None:
        counts = numbers("samples", s.samples)
        _checks.within("samples", max(counts), 1, 10**4)
        return counts
    if task.population is None:
        return [10, 30, 100, 300, 1000]
    shares = (0.1, 0.2, 0.4, 0.6, 0.8, 0.9) if isinstance(task.where, Points) else (0.01, 0.03, 0.1, 0.3, 0.6)
    counts = sorted({max(1, min(1000, round(share * task.population))) for share in shares})
    return [n for n in counts if n < task.population]


def _grid(counts: list[int]) -> np.ndarray:
    """Whole numbers between the fewest and the most samples, and all that are drawn."""
    between = np.rint(np.geomspace(counts[0], counts[-1], _GRID)).astype(int)
    return np.union1d(between, counts)


def _row(task: Task, theory: Any, i: int, drawn: Any, averaged: Any, spread: Any) -> dict[str, Any]:
    """One number of samples, for result.json: bands of single draws, means over targets and noise where known."""
    whole, wholes = (one.excess.sum(axis=2)[:, 0] for one in (drawn, averaged))
    mean, error = averaged.mean[0], averaged.standard_error[0]
    low, high = (edge[0] for edge in drawn.band())
    modes = [
        {
            "mode": int(k),
            "power": float(task.power[k]),
            "learnability": float(theory.learnability[i, k]),
            "theory": float(theory.excess[i, k]),
            "drawn": float(mean[k]),
            "standard_error": float(error[k]),
            "low": float(low[k]),
            "high": float(high[k]),
        }
        for k in task.degrees
    ]
    return {
        "samples": int(theory.samples[i]),
        "good_to_10_percent": spread.good,
        "spread": spread.spread if np.isfinite(spread.spread) else None,
        "kappa": float(theory.kappa[i]),
        "theory": float(theory.test[i]),
        "theory_error": float(theory.error[i]),
        "training": float(theory.training[i]),
        "best_ridge": float(theory.best_ridge[i]) if np.isfinite(theory.best_ridge[i]) else None,
        "best_theory": float(theory.best_test[i]),
        "drawn": float(wholes.mean() + theory.noise),
        "standard_error": float(wholes.std() / np.sqrt(len(wholes) - 1)),
        "low": float(np.quantile(whole, 0.1) + theory.noise),
        "high": float(np.quantile(whole, 0.9) + theory.noise),
        "modes": modes,
    }


def _in_time(
    s: Learn, task: Task, network: MLP, known: Kernel, n: int, law: Any, how: dict[str, Any], say: Any
) -> dict[str, Any]:
    """Errors over the steps at one number of samples."""
    assert s.steps is not None
    steps = log_steps(s.steps, _LOOKS)
    say(f"{s.steps} steps on {n} samples ...")
    theory = learning_in_time(**task.theory, samples=n, law=law, steps=steps, ridge=s.ridge, noise=s.noise)
    drawn = drawn_curve(known, task.where, n, rates=_rates(task), law=law, steps=steps, draws=min(s.draws, 20), **how)
    whole = drawn.excess.sum(axis=2) + s.noise
    found = {
        "samples": n,
        "lr": float(law.lr),
        "steps": steps.tolist(),
        "theory": theory.test.tolist(),
        "best_step": theory.best_step,
        "drawn": whole.mean(axis=0).tolist(),
        "low": np.quantile(whole, 0.1, axis=0).tolist(),
        "high": np.quantile(whole, 0.9, axis=0).tolist(),
        "best_step_drawn": first_best(steps, whole.mean(axis=0)),
        "networks": None,
    }
    if s.train:
        say(f"training {_DRAWN_NETWORKS * (s.seeds or 3)} networks on {n} samples ...")
        run = trained_curve(
            network, task.where, n, law, steps, draws=min(_DRAWN_NETWORKS, s.draws), seeds=s.seeds or 3, **how
        )
        trained = run.excess.sum(axis=2) + s.noise
        found["networks"] = trained.mean(axis=0).tolist()
        found["networks_standard_error"] = (trained.std(axis=0) / np.sqrt(max(len(trained) - 1, 1))).tolist()
        ends = (run.mean[-1], drawn.excess[: len(trained), -1].mean(axis=0))
        found["network_modes"] = [
            {"mode": int(k), "networks": float(ends[0][k]), "kernel": float(ends[1][k])} for k in task.degrees
        ]
    return found


def _curves(task: Task, fine: Any, rows: list[dict[str, Any]], times: list[dict[str, Any]]) -> Any:
    """Theory on a fine grid of samples, draws, and all in time, labelled."""
    axes: dict[str, Any] = {"count": fine.samples.tolist(), "samples": [row["samples"] for row in rows]}
    data: dict[str, Any] = {
        "theory": (("count",), fine.test),
        "kappa": (("count",), fine.kappa),
        "best": (("count",), fine.best_test),
        "drawn": (("samples",), np.array([row["drawn"] for row in rows])),
    }
    if task.degrees:
        axes["mode"] = list(task.degrees)
        data["theory_mode"] = (("count", "mode"), fine.excess[:, list(task.degrees)])
        drawn = np.array([[mode["drawn"] for mode in row["modes"]] for row in rows])
        data["drawn_mode"] = (("samples", "mode"), drawn)
    if times:
        axes["step"] = times[0]["steps"]
        for name in ("theory", "drawn"):
            data[f"{name}_in_time"] = (("samples", "step"), np.array([one[name] for one in times]))
    return labelled(axes, **data)


def _table(result: dict[str, Any]) -> str:
    """One line a number of samples and mode, `all` for the whole error with its noise."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("samples", "mode", "theory", "drawn", "standard_error", "low", "high", "good_to_10_percent"))
    for row in result["curves"]:
        for one in ({"mode": "all", **row}, *row["modes"]):
            numbers_of = [one[name] for name in ("theory", "drawn", "standard_error", "low", "high")]
            writer.writerow([row["samples"], one["mode"], *map(repr, numbers_of), row["good_to_10_percent"]])
    return out.getvalue()
