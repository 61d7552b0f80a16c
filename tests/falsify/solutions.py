"""Random problems of `evolve`, each solved again in mpmath.

The reference shares nothing with lfp: kernels by formulas of their own, eigenvectors and exponentials in 120 digits.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from mpmath import mp, mpf

from lfp import Exact, Gaussian, InputError, Krylov, Operator, Points, Solution, evolve
from lfp.equation.nufft import nufft
from lfp.numerics import fourier
from tests.falsify.finding import Finding

DIGITS = 120  # rates of points 1e-13 apart fall by 1e-26 each
KINDS = ("spread", "clustered", "repeated", "far")
SIZES = (3, 6, 10)  # few: every size is compiled on its own


def relu(dot: Any, distance: Any, scale: Any) -> Any:
    """a, w ~ N(0, 1), b ~ N(0, scale^2): what grows, and the kink."""
    one, three = mp.sqrt(2 / mp.pi) * distance, 2 * mp.sqrt(2 / mp.pi) * distance**3  # E|w.s|, E|w.s|^3
    return (scale**2 + dot + 1 + dot) / 2 + (three / 12 - one * (1 + dot) / 2) / (mp.sqrt(2 * mp.pi) * scale)


def gaussian(dot: Any, distance: Any, scale: Any) -> Any:
    """The same of exp(-z^2 / 2), whose autocorrelation is sqrt(pi) exp(-u^2 / 4), u = w.s."""
    wide = 1 + distance**2 / 2
    slope = (1 / mp.sqrt(wide) - distance**2 / 2 / wide ** mpf(1.5)) / 2
    return (1 / mp.sqrt(wide) + slope * (1 + dot)) / (mp.sqrt(2) * scale)


KERNELS: dict[str, Callable[[Any, Any, Any], Any]] = {"relu": relu, "gaussian": gaussian}


def exact(
    name: str, scale: float, x: np.ndarray, y: np.ndarray, weights: np.ndarray, times: np.ndarray, treatment: str
) -> np.ndarray:
    """sqrt(P) u_t of the flow from h_0 = 0, a row a time."""
    with mp.workdps(DIGITS):
        points, root = mp.matrix(x.astype(float).tolist()), [mp.sqrt(float(w)) for w in weights]
        n = len(root)
        gram, start = mp.matrix(n, n), mp.matrix([-r * mpf(float(value)) for r, value in zip(root, y, strict=True)])
        for i, j in np.ndindex(n, n):
            p, q = points[i, :], points[j, :]
            gram[i, j] = root[i] * root[j] * KERNELS[name](mp.fdot(p, q), mp.norm(p - q), mpf(scale))
        if treatment == "instant" and name == "relu":
            null = mp.matrix([[r, *(r * c for c in points[i, :])] for i, r in enumerate(root)])
            frame = mp.qr(null, mode="skinny")[0]
            project = mp.eye(n) - frame * frame.T
            gram, start = project * gram * project, project * start
        rates, vectors = mp.eigsy(gram)
        along, top = vectors.T * start, max(rates)
        rows = [vectors * mp.matrix([gain(L, t, top) * c for L, c in zip(rates, along, strict=True)]) for t in times]
        return np.array([[float(value) for value in row] for row in rows])


def gain(rate: Any, t: float, largest: Any) -> Any:
    """exp(-t L), and what is left of it at t = infinity."""
    if np.isinf(t):
        return mpf(rate <= largest * mpf(10) ** (-DIGITS + 20))
    return mp.exp(-mpf(float(t)) * rate)


def points(rng: np.random.Generator, kind: str, n: int, dim: int) -> np.ndarray:
    """Points of a kind: clusters are 1e-2 to 1e-13 wide, far ones up to 1000 away from the others."""
    x = rng.uniform(-1, 1, (n, dim))
    if kind == "clustered":
        return x[rng.integers(0, max(1, n // 3), n)] + 10 ** rng.uniform(-13, -2) * rng.normal(size=(n, dim))
    if kind == "repeated":
        return np.concatenate([x, x[rng.integers(0, n, n // 2)]])
    if kind == "far":
        x[rng.integers(0, n, max(1, n // 4))] *= 10 ** rng.uniform(0, 3)
    return x


def merged(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Repeated points once, where they first came."""
    places: dict[tuple[float, ...], list[int]] = {}
    for i, row in enumerate(x.tolist()):
        places.setdefault(tuple(row), []).append(i)
    shares = np.array([sum(weights[i] for i in some) for some in places.values()])
    means = np.array([sum(weights[i] * y[i] for i in some) for some in places.values()]) / shares
    return x[[some[0] for some in places.values()]], means, shares


def search(
    seed: int,
    count: int,
    sizes: tuple[int, ...] = SIZES,
    dims: tuple[int, ...] = (1, 2),
    methods: tuple[str, ...] = ("Exact",) * 3 + ("Krylov",) * 3 + ("NUFFT",) * fourier.has_nufft(),
) -> Iterator[Finding]:
    """So many problems, at four times and in the limit: what is stated of each and what is true."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        kind, name, dtype = rng.choice(KINDS), str(rng.choice(list(KERNELS))), rng.choice([np.float32, np.float64])
        dim, treatment = int(rng.choice(dims)), str(rng.choice(["finite", "instant"], p=[0.7, 0.3]))
        method, x = str(rng.choice(methods)), points(rng, kind, rng.choice(sizes), dim).astype(dtype)
        y = (np.sin(5 * x[:, 0]) if rng.integers(2) else rng.normal(size=len(x))).astype(dtype)
        weights = rng.uniform(0.5, 2, len(x)).astype(dtype)
        scale = float(dtype(np.abs(x).max() * rng.uniform(1, 4)))
        times = np.append(np.sort(10 ** rng.uniform(-2, 14, 4)), np.inf).astype(dtype)
        data = Points(x, y, weights / weights.sum())
        with warnings.catch_warnings(), contextlib.suppress(InputError):  # points that do not fix the null space
            warnings.simplefilter("ignore", UserWarning)  # repeated points
            operator, product = Operator(name, b=Gaussian(scale), dim=dim), None
            if method == "NUFFT":
                distinct = merged(*(np.asarray(a, float) for a in (data.x, data.y, data.weights)))[0].astype(dtype)
                part = "finite" if treatment == "finite" else "lfp"
                product = nufft(operator, distinct, part=part, tolerance=10 ** rng.uniform(-6 + 2 * dim, -4 + dim))
            how = Exact() if method == "Exact" else Krylov()
            solution = evolve(operator, data, times, method=how, treatment=treatment, product=product)
            words = f"{seed}/{number} {name} {kind} d={dim} {dtype.__name__} {treatment} {solution.product}"
            yield from compare(solution, exact_of(data, name, scale, times, treatment), method, words)


def exact_of(data: Points, name: str, scale: float, times: np.ndarray, treatment: str) -> tuple[np.ndarray, float]:
    """`exact` of data as they come, and the size of the start."""
    x, y, weights = merged(np.asarray(data.x, float), np.asarray(data.y, float), np.asarray(data.weights, float))
    size = float(np.linalg.norm(np.sqrt(weights) * y))
    return exact(name, scale, x, y, weights, times.astype(float), treatment), size


def compare(solution: Solution, reference: tuple[np.ndarray, float], method: str, words: str) -> list[Finding]:
    """What is stated and what is true at every time."""
    truth, size = reference
    root, dtype = np.sqrt(np.asarray(solution.weights, float)), solution.residual.dtype
    off = np.linalg.norm(root * np.asarray(solution.residual, float) - truth, axis=1) / size
    found = []
    for t, stated, true in zip(solution.times, solution.error, off, strict=True):
        group = f"{method}{', limit' * bool(np.isinf(t))}, {dtype}"
        text = f"{words} n={len(root)} t={t:.1e}: stated {stated:.2e}, true {true:.2e}"
        found.append(Finding(text, group, float(stated), float(true), 4 * float(np.finfo(dtype).eps)))
    return found
