"""The LFP equation for data from a file: settings in, a folder of results out. No network is trained."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float

from lfp import _checks, panels, plotting, results
from lfp.choice import choose
from lfp.images import read_image
from lfp.krylov import largest_rate
from lfp.laws import Gaussian, Law, Uniform
from lfp.methods import Exact, Krylov, Method
from lfp.operator import Operator
from lfp.problems import merge, read_csv
from lfp.products import Product, dense
from lfp.solution import Solution
from lfp.solver import LARGEST_EXACT, TREATMENTS, evolve
from lfp.spectra import refuse_dense
from lfp.trajectory import labelled, parts, save

METHODS = ("auto", "exact", "krylov")
BIASES: dict[str, Callable[[float], Law]] = {"gaussian": Gaussian, "uniform": Uniform}


@dataclass(frozen=True)
class Equation:
    """Solve the LFP equation for data, in time and at the limit; no network is trained."""

    data: Path | None = None
    """CSV file with columns x1..xd, y (header optional)"""
    image: str = ""
    """image file, or china or flower of scikit-learn: grey values on [-1, 1] x [-1, 1]"""
    size: int = 256
    """pixels per side that --image is averaged to"""
    activation: str = "relu"
    """activation of the neurons"""
    sigma_a: float = 1.0
    """standard deviation of the output weights"""
    sigma_w: float = 1.0
    """standard deviation of every input weight, per unit of x"""
    sigma_b: float = 4.0
    """biases: standard deviation (gaussian) or bound (uniform)"""
    bias: str = "gaussian"
    """law of the biases: gaussian or uniform"""
    times: str = ""
    """flow times such as 0,1,10,inf; without them nine powers of ten from 1 / largest rate on"""
    test: Path | None = None
    """CSV file with columns x1..xd, where h is wanted; without it a grid over the data, or the pixels"""
    frequencies: str = ""
    """frequencies along x1 at which F[h] is wanted, in cycles per unit of x; without them 1/2L, 2/2L, .. of the data"""
    treatment: str = "finite"
    """finite (the flow of K_0 + K_LFP) or instant (the null space fitted at once)"""
    method: str = "auto"
    """auto, exact (eigendecomposition) or krylov (matrix-free)"""
    tolerance: float = 1e-8
    """of the Krylov method, relative to the residual at the start"""


def build_operator(s: Equation, dim: int) -> Operator:
    """The operator of the settings.

    Example:
        >>> build_operator(Equation(sigma_b=2.0), 1).b.scale
        2.0
    """
    for name in ("sigma_a", "sigma_w", "sigma_b"):
        _checks.positive(name, getattr(s, name))
    bias = BIASES[_checks.choice("bias", s.bias, BIASES)](s.sigma_b)
    return Operator(s.activation, Gaussian(s.sigma_a), Gaussian(s.sigma_w), bias, dim)


def read_data(s: Equation) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"]]:
    """Points and targets: the rows of a file, or the pixels of an image, in float64.

    Example:
        >>> x, y = read_data(Equation(image="china", size=8))
        >>> x.shape, y.shape
        ((64, 2), (64,))
    """
    if (s.data is None) == (not s.image):
        msg = f"data={str(s.data)!r} and image={s.image!r}; allowed: one of the two"
        raise _checks.InputError(msg)
    if s.data is not None:
        table = read_csv(s.data)
        return table[:, :-1], table[:, -1]
    pixels = read_image(s.image, s.size)
    axis = (2 * np.arange(s.size) + 1) / s.size - 1
    down, across = np.meshgrid(-axis, axis, indexing="ij")
    return np.stack([across.ravel(), down.ravel()], axis=1), pixels.ravel()


def run(s: Equation, out: str | Path, *, force: bool = False, say: Callable[[str], None] = print) -> dict[str, Any]:
    r"""Solve and draw.

    Args:
        s: the settings.
        out: folder for config.json, curves.nc, result.json and the pictures.
        force: take over a folder that holds another run.
        say: receives remarks, one line each.

    Returns:
        What result.json holds.

    Raises:
        InputError: settings that cannot be run; nothing is written then.
        OSError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "data.csv").write_text("x,y\n0,0\n0.5,1\n1,0\n")
        >>> settings = Equation(data=folder / "data.csv", times="1,inf")
        >>> run(settings, folder / "out", say=lambda line: None)["method"]
        'exact, dense'
    """
    began = time.perf_counter()
    _checks.choice("treatment", s.treatment, TREATMENTS)
    table = read_data(s)
    data = merge(*table)
    if len(data.x) < len(table[0]):
        say(f"{len(table[0]) - len(data.x)} repeated x merged with weights")
    x, y = data.x, np.asarray(data.y)
    operator = build_operator(s, x.shape[1])
    method = _method(s, len(x))
    product = _product(s, operator, x, method)
    times, test, xi = _times(s, product, data.weights), _test(s, x), _frequencies(s, x)
    if operator.transform.periodic:
        say(f"activation={s.activation!r} has no transform: F[h] is left out")
        xi = xi[:0]
    results.refuse_taken(out, asdict(s), force=force)
    how = {"method": method, "product": product, "treatment": s.treatment}
    solution = evolve(operator, x, y, times, weights=data.weights, **how)
    folder = results.claim(out, asdict(s), force=force)
    name = f"{type(method).__name__.lower()}, {solution.product}"
    error = float(solution.error.max())
    short = isinstance(method, Krylov) and error > method.tolerance
    remark = f", above the tolerance {s.tolerance:g}: more products or earlier times are needed" if short else ""
    say(f"{len(x)} points in {x.shape[1]} d by {name}; error estimate {error:.1e}{remark}")
    values = solution.residual + y[None, :] if test is x else solution.at(test)
    curves = labelled(
        {"time": times, "frequency": xi, "part": ["re", "im"]},
        residual=(("time", "sample"), solution.residual),
        h=(("time", "test"), values),
        spectrum=(("time", "frequency", "part"), parts(_along(solution, xi))),
        x=(("sample", "input"), solution.x),
        x_test=(("test", "input"), test),
    )
    save(folder / "curves.nc", curves)
    draw(s, folder, x, y, curves)
    result = {
        "method": name,
        "products": int(solution.products.max()),
        "error_estimate": float(solution.error.max()),
        "fp_norm": [float(v) for v in solution.norm],
        "times": [float(t) for t in times],
        "rms_residual": [float(v) for v in jnp.sqrt((solution.residual**2) @ solution.weights)],
        "seconds": round(time.perf_counter() - began, 2),
    }
    results.write_json(folder / "result.json", result)
    return result


def draw(s: Equation, folder: Path, x: np.ndarray, y: np.ndarray, curves: Any) -> None:
    """h over x, or as images, at the times; |F[h]| over frequency and time.

    Example:
        >>> import tempfile
        >>> folder, x, time = Path(tempfile.mkdtemp()), np.array([[0.0], [1.0]]), ("time", "frequency", "part")
        >>> arrays = {"h": (("time", "test"), np.ones((1, 2))), "x_test": (("test", "input"), x)}
        >>> curves = labelled({"time": [1.0]}, spectrum=(time, np.ones((1, 2, 2))), **arrays)
        >>> draw(Equation(), folder, x, x[:, 0], curves)
        >>> [path.name for path in folder.glob("*.png")]
        ['profiles.png']
    """
    times, h = curves.time.values, curves.h.values
    looks = np.unique(np.linspace(0, len(times) - 1, 5).astype(int))
    titles = ["target", *(_time(t) for t in times[looks])]
    with plotting.style():
        if s.image:
            frames = [y.reshape(s.size, s.size), *h[looks].reshape(-1, s.size, s.size)]
            fig, axes = plotting.figure(columns=len(frames), width=1.5 * len(frames), height=1.9)
            panels.plot_images(list(axes), frames, titles)
            results.save_figure(fig, folder, "profiles")
        elif x.shape[1] == 2:
            frames = [(x, y), *((curves.x_test.values, h[i]) for i in looks)]
            fig, axes = plotting.figure(columns=len(frames), width=1.5 * len(frames), height=1.9)
            panels.plot_maps(list(axes), frames, titles)
            results.save_figure(fig, folder, "profiles")
        elif x.shape[1] == 1:
            fig, axes = plotting.figure()
            panels.plot_profiles(axes, x[:, 0], y, curves.x_test.values[:, 0], h, [_time(t) for t in times])
            results.save_figure(fig, folder, "profiles")
        size = np.hypot(*np.moveaxis(curves.spectrum.values, -1, 0))
        shown = np.isfinite(times) & (times > 0)
        if shown.sum() > 1 and len(curves.frequency) > 1:
            fig, axes = plotting.figure()
            panels.plot_spectrum(axes, curves.frequency.values, times[shown], size[shown])
            results.save_figure(fig, folder, "spectrum")


def _method(s: Equation, n: int) -> Method:
    _checks.positive("tolerance", s.tolerance)
    which = _checks.choice("method", s.method, METHODS)
    exact = which == "exact" or (which == "auto" and n <= LARGEST_EXACT)
    return Exact() if exact else Krylov(s.tolerance)


def _product(s: Equation, operator: Operator, x: np.ndarray, method: Method) -> Product:
    part = "finite" if s.treatment == "finite" else "lfp"
    if isinstance(method, Exact):
        refuse_dense(len(x))
        return dense(operator, x, part=part)
    return choose(operator, x, part=part, tolerance=s.tolerance)


def _times(s: Equation, product: Product, weights: np.ndarray) -> Float[np.ndarray, " t"]:
    if s.times:
        return _numbers("times", s.times)
    root, start = jnp.sqrt(weights), np.random.default_rng(0).normal(size=len(weights))
    rate = float(largest_rate(lambda v: root * product(root * v), jnp.asarray(start))[0])
    return 10.0 ** (np.ceil(-np.log10(rate)) + np.arange(9))


def _test(s: Equation, x: np.ndarray) -> Float[np.ndarray, "m d"]:
    if s.test is not None:
        table = read_csv(s.test, least=1)
        if table.shape[1] != x.shape[1]:
            msg = f"test={str(s.test)!r} has {table.shape[1]} columns; allowed: {x.shape[1]}, the coordinates"
            raise _checks.InputError(msg)
        return table
    if s.image or x.shape[1] > 2:
        return x
    axes = [
        np.linspace(low, high, 512 if x.shape[1] == 1 else 64) for low, high in zip(x.min(0), x.max(0), strict=True)
    ]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def _frequencies(s: Equation, x: np.ndarray) -> Float[np.ndarray, " f"]:
    if s.frequencies:
        found = _numbers("frequencies", s.frequencies)
        if not (found > 0).all():
            msg = f"frequencies={s.frequencies!r} must be > 0"
            raise _checks.InputError(msg)
        return found
    extent = float(np.ptp(x[:, 0])) or 1.0
    across = s.size if s.image else len(np.unique(x[:, 0]))
    return np.arange(1, max(2, min(64, across // 2))) / (2 * extent)


def _along(solution: Solution, xi: np.ndarray) -> Complex[np.ndarray, "t f"]:
    """F[h] at frequencies along x1."""
    if not len(xi):
        return np.zeros((len(solution.times), 0), complex)
    along = np.zeros((len(xi), solution.x.shape[1]))
    along[:, 0] = xi
    return np.asarray(solution.transform(along))


def _numbers(name: str, text: str) -> Float[np.ndarray, " k"]:
    try:
        found = np.array([float(part) for part in text.split(",")])
    except ValueError:
        found = np.array([np.nan])
    if np.isnan(found).any() or (found < 0).any() or (np.diff(found) <= 0).any():
        msg = f"{name}={text!r} cannot be read; allowed: increasing numbers >= 0 such as 0,1,10,inf"
        raise _checks.InputError(msg)
    return found


def _time(t: float) -> str:
    return "t = inf" if np.isinf(t) else f"t = {t:.3g}"
