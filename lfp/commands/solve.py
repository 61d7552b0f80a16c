"""The LFP equation for data from a file: settings in, a folder of results out. No network is trained."""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float

from lfp import _files
from lfp.commands.options import Solve, given, numbers, refuse
from lfp.commands.rows import read_points, read_rows
from lfp.domains.images import read_image
from lfp.domains.problems import Points, merge
from lfp.domains.tables import Table
from lfp.domains.units import Units, units_of
from lfp.equation.operator import Operator
from lfp.equation.products import Product, choose, dense
from lfp.equation.propagators import Exact, Krylov, Method
from lfp.equation.solution import Solution
from lfp.equation.solver import LARGEST_EXACT, evolve
from lfp.figures import plots
from lfp.measure.trajectory import labelled, parts, save
from lfp.neurons.distributions import DISTRIBUTIONS, Gaussian
from lfp.numerics.krylov import largest_rate
from lfp.spectra.on_points import refuse_dense


class Task(NamedTuple):
    """What the settings ask for."""

    operator: Operator
    data: Points
    method: Method
    product: Product
    treatment: str
    times: Float[np.ndarray, " t"]
    test: Float[np.ndarray, "m d"]
    frequencies: Float[np.ndarray, " f"]
    side: int | None
    """Pixels per side of an image."""
    units: tuple[Units, Units]
    """Of coordinates and targets; frequencies and times are those of the user and of the run."""


def build(s: Solve, say: Callable[[str], None]) -> Task:
    """Everything that the settings name: no other function of this command sees them."""
    s.check()
    table = read_data(s, say)
    rows = table.with_target()
    units = (
        units_of("x", rows[0], standardize=s.standardize, columns=table.columns),
        units_of("y", rows[1], center=s.center, standardize=s.standardize),
    )
    data = merge(units[0].inner(rows[0]), units[1].inner(rows[1]))
    if len(data.x) < len(rows[0]):
        say(f"{len(rows[0]) - len(data.x)} repeated x merged with weights")
    x = data.x
    operator = build_operator(s, x.shape[1])
    reach, spread = s.sigma_w * float(np.abs(x).max()), 4.0 if s.sigma_b is None else s.sigma_b
    if reach > spread and not operator.transform.periodic:
        remedy = "a larger --sigma-b" if s.standardize else "--standardize"
        say(
            f"x reaches {reach:.3g} and the biases {spread:.3g}: few neurons bend between the points; {remedy} mends it"
        )
    exact = s.method == "exact" or (s.method == "auto" and len(x) <= LARGEST_EXACT)
    if exact:
        refuse(s, ("tolerance",), f"{len(x)} points, which are solved exactly", "--method krylov")
    if operator.transform.periodic:
        names = ("frequencies", "sigma_b", "distribution", "treatment")
        there = f"activation={s.activation!r}, which has no transform and no null space, and needs no bias"
        refuse(s, names, there, "another activation")
    method = Exact() if exact else Krylov(**given(s, ("tolerance",)))
    treatment = s.treatment or "finite"
    part = "finite" if treatment == "finite" else "lfp"
    if isinstance(method, Exact):
        refuse_dense(len(x))
        product = dense(operator, x, part=part)
    else:
        product = choose(operator, x, part=part, tolerance=method.tolerance)
    side = None if s.image is None else round(len(x) ** 0.5)
    times, xi = _times(s, product, data.weights), _frequencies(s, units[0].outer(x), side)
    test = _grid(s, x) if s.test is None else units[0].inner(read_points(s, s.test, "test", table, say))
    if operator.transform.periodic:
        say(f"activation={s.activation!r} has no transform: F[h] is left out")
        xi = xi[:0]
    return Task(operator, data, method, product, treatment, times, test, xi, side, units)


def build_operator(s: Solve, dim: int) -> Operator:
    """The operator of the settings."""
    biases = DISTRIBUTIONS[s.distribution or "gaussian"](4.0 if s.sigma_b is None else s.sigma_b)
    return Operator(s.activation, Gaussian(s.sigma_a), Gaussian(s.sigma_w), biases, dim)


def read_data(s: Solve, say: Callable[[str], None] = print) -> Table:
    """Points and targets: the rows of a file, or the pixels of an image, in float64."""
    if s.image is None:
        return read_rows(s, str(s.data), s.seed, say)
    pixels = read_image(s.image, 256 if s.size is None else s.size)
    axis = (2 * np.arange(len(pixels)) + 1) / len(pixels) - 1
    down, across = np.meshgrid(-axis, axis, indexing="ij")
    return Table(np.stack([across.ravel(), down.ravel(), pixels.ravel()], axis=1), None, s.image, 2)


def run(s: Solve, out: str | Path, *, force: bool = False, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Solve and draw: result.json. Settings that cannot be run are refused before anything is written."""
    s.check()
    work = partial(_run, s, out, force=force, say=say)
    return _files.once(out, asdict(s), work, force=force, say=say)


def _run(s: Solve, out: str | Path, *, force: bool, say: Callable[[str], None]) -> dict[str, Any]:
    began = time.perf_counter()
    operator, data, method, product, treatment, times, test, xi, side, (of_x, of_y) = build(s, say)
    x, y = data.x, np.asarray(data.y)
    say("solving ...")
    solution = evolve(operator, data, times, method=method, product=product, treatment=treatment)
    folder = _files.claim(out, asdict(s), force=force)
    say("evaluating and drawing ...")
    name = f"{type(method).__name__.lower()}, {solution.product}"
    error = float(solution.error.max())
    remark = ""
    if isinstance(method, Krylov) and error > method.tolerance:
        remark = f", above the tolerance {method.tolerance:g}: more products or earlier times are needed"
    values = np.asarray(solution.residual + y[None, :] if test is x else solution.at(test))
    residual = np.asarray(solution.residual) * of_y.scale
    curves = labelled(
        {"time": times, "frequency": xi, "part": ["re", "im"]},
        residual=(("time", "sample"), residual),
        h=(("time", "test"), of_y.outer(values)),
        spectrum=(("time", "frequency", "part"), parts(_along(solution, xi, of_x) * of_y.scale)),
        x=(("sample", "input"), of_x.outer(np.asarray(solution.x))),
        x_test=(("test", "input"), of_x.outer(test)),
    )
    save(folder / "curves.nc", curves)
    draw(folder, of_x.outer(x), of_y.outer(y), curves, side)
    result = {
        "method": name,
        "products": int(solution.products.max()),
        "error_estimate": error,
        "fp_norm": [float(v) * float(of_y.scale) for v in solution.norm],
        "times": [float(t) for t in times],
        "rms_residual": [float(v) for v in np.sqrt((residual**2) @ np.asarray(solution.weights))],
        "units": {"x": of_x.summary(), "y": of_y.summary()},
        "seconds": round(time.perf_counter() - began, 2),
    }
    say(f"{len(x)} points in {x.shape[1]} d by {name}; error estimate {error:.1e}{remark}")
    return _files.write_result(folder, result)


def draw(folder: Path, x: np.ndarray, y: np.ndarray, curves: Any, side: int | None = None) -> None:
    """h over x, or as images, at the times; |F[h]| over frequency and time."""
    times, h = curves.time.values, curves.h.values
    looks = np.unique(np.linspace(0, len(times) - 1, 5).astype(int))
    titles = ["target", *(named_time(t) for t in times[looks])]
    with plots.style():
        if x.shape[1] == 2:
            fig, axes = plots.figure(columns=len(titles), width=1.5 * len(titles), height=1.9)
            if side is None:
                plots.plot_maps(list(axes), [(x, y), *((curves.x_test.values, h[i]) for i in looks)], titles)
            else:
                plots.plot_images(list(axes), [y.reshape(side, side), *h[looks].reshape(-1, side, side)], titles)
            _files.save_figure(fig, folder, "profiles")
        elif x.shape[1] == 1:
            fig, axes = plots.figure()
            plots.plot_profiles(axes, x[:, 0], y, curves.x_test.values[:, 0], h, [named_time(t) for t in times])
            _files.save_figure(fig, folder, "profiles")
        size = np.hypot(*np.moveaxis(curves.spectrum.values, -1, 0))
        shown = np.isfinite(times) & (times > 0)
        if shown.sum() > 1 and len(curves.frequency) > 1:
            fig, axes = plots.figure()
            plots.plot_spectrum(axes, curves.frequency.values, times[shown], size[shown])
            _files.save_figure(fig, folder, "spectrum")


def _times(s: Solve, product: Product, weights: np.ndarray) -> Float[np.ndarray, " t"]:
    if s.times is not None:
        return np.array(numbers("times", s.times, float, increasing=True))
    root, start = jnp.sqrt(weights), np.random.default_rng(0).normal(size=len(weights))
    rate = float(largest_rate(lambda v: root * product(root * v), jnp.asarray(start))[0])
    return 10.0 ** (np.ceil(-np.log10(rate)) + np.arange(9))


def _grid(s: Solve, x: np.ndarray) -> Float[np.ndarray, "m d"]:
    """A grid over the data, or the data themselves."""
    if s.image is not None or x.shape[1] > 2:
        return x
    count = 512 if x.shape[1] == 1 else 64
    axes = [np.linspace(low, high, count) for low, high in zip(x.min(0), x.max(0), strict=True)]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def _frequencies(s: Solve, x: np.ndarray, side: int | None) -> Float[np.ndarray, " f"]:
    if s.frequencies is not None:
        return np.array(numbers("frequencies", s.frequencies, float, increasing=True))
    extent = float(np.ptp(x[:, 0])) or 1.0
    across = side or len(np.unique(x[:, 0]))
    return np.arange(1, max(2, min(64, across // 2))) / (2 * extent)


def _along(solution: Solution, xi: np.ndarray, units: Units) -> Complex[np.ndarray, "t f"]:
    """F[h] at frequencies along x1, in the units of x: with x = m + s z it is |s| exp(-2 pi i m.xi) F_z[h](s xi)."""
    if not len(xi):
        return np.zeros((len(solution.times), 0), complex)
    dim = solution.x.shape[1]
    shift, scale = (np.broadcast_to(np.asarray(one, float), dim) for one in units)
    along = np.zeros((len(xi), dim))
    along[:, 0] = xi * scale[0]
    phase = np.exp(-2j * np.pi * np.mod(shift[0] * xi, 1.0))
    return np.asarray(solution.transform(along)) * (np.prod(scale) * phase)


def named_time(t: float) -> str:
    """As titles have it."""
    return "t = inf" if np.isinf(t) else f"t = {t:.3g}"
