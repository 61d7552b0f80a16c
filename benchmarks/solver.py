"""Claim: the LFP equation in time costs 1/50 of kernel and eigendecomposition at n = 4096, a minute at 10^5 to 10^6.

Peer: the dense kernel and neural_tangents.predict.gradient_descent_mse, in the same run, on the same data and times:
100 log-spaced from 1 / largest rate to the half-life of mode 256 (1 d) or 64 (2 d), a target of 1/f amplitudes,
float64, error estimate at most 1e-6. Cold is the first solve in the process, compilation included; compiled is the
second, with new data. The floor is the products alone. Peak is that of the process. Up to n = 4096 the ratio is the
median of five, taken in turns.
Run: python benchmarks/solver.py CASE N, for peer 4096 (also without arguments), peer 8192, irregular 4096 (both with
the peer), line 1000000, image 512, scattered 100000
"""

import resource
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp import Gaussian
from lfp.equation.products import choose
from lfp.numerics.krylov import largest_rate

RNG = np.random.default_rng(0)
TOLERANCE, DEPTH, ROUNDS = 1e-6, {1: 96, 2: 256}, 5


def seconds(job) -> tuple[float, jax.Array]:
    began = time.perf_counter()
    out = jax.block_until_ready(job())
    return time.perf_counter() - began, out


def points(case: str, n: int) -> np.ndarray:
    if case in ("peer", "line"):
        return np.linspace(-1, 1, n)[:, None]
    if case == "image":
        axis = np.linspace(-1, 1, n)
        return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return RNG.uniform(-1, 1, (n, 2 if case == "scattered" else 1))


def target(x: np.ndarray) -> np.ndarray:
    """1/f amplitudes, random phases; in 2 d 200 random wave vectors."""
    waves = np.arange(1, 400)[:, None] if x.shape[1] == 1 else RNG.integers(-90, 91, (200, 2))
    y = np.zeros(len(x))
    for k in waves[np.any(waves != 0, axis=1)]:
        y += np.sin(np.pi * (x @ k) + RNG.uniform(0, 2 * np.pi)) / np.linalg.norm(k) ** x.shape[1]
    return y / y.std()


def times(operator: lfp.Operator, product, n: int, dim: int) -> np.ndarray:
    largest = float(largest_rate(lambda v: product(v) / n, jnp.asarray(RNG.normal(size=n)))[0])
    one, w = operator.symbol(jnp.array([128.0 if dim == 1 else 32.0]))
    slowest = float((one + dim / 3 * w)[0]) / 2**dim  # a density of 2^-dim, E|x|^2 = dim / 3
    return np.geomspace(1 / largest, np.log(2) / slowest, 100)


def peer(operator: lfp.Operator, x: np.ndarray, y: np.ndarray, t: np.ndarray) -> jax.Array:
    gram = jax.jit(lambda x: operator(x, x))(jnp.asarray(x))
    flow = lfp.kernels.neural_tangents().predict.gradient_descent_mse(gram, jnp.asarray(y)[:, None], learning_rate=1.0)
    return flow(jnp.asarray(t), jnp.zeros((len(x), 1)))[:, :, 0]


def main(case: str, n: int) -> None:
    jax.config.update("jax_enable_x64", True)
    x = points(case, n)
    dim = x.shape[1]
    operator = lfp.Operator("relu", b=Gaussian(4.0), dim=dim)
    other = points(case, n + 1)  # of another shape, so that nothing is compiled beforehand
    t = times(operator, choose(operator, other, tolerance=TOLERANCE), len(other), dim)
    del other
    method = lfp.Krylov(TOLERANCE, DEPTH[dim])

    def solve(y: np.ndarray) -> lfp.Solution:
        return lfp.evolve(operator, lfp.Points(x, y), t, method=method)

    cold, solution = seconds(lambda: solve(target(x)))
    y = target(x)
    del solution
    compiled, solution = seconds(lambda: solve(y))
    count = int(solution.products.max())
    product, v = choose(operator, x, tolerance=TOLERANCE), jnp.asarray(y)
    loop = jax.jit(lambda v: jax.lax.fori_loop(0, count, lambda _, u: product(u) / len(x), v))
    seconds(lambda: loop(v))
    floor = seconds(lambda: loop(v))[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{case} n = {len(x)}: {solution.product}, {count} products, error {float(solution.error.max()):.1e}")
    print(f"  cold {cold:.2f} s, compiled {compiled:.3f} s, its products alone {floor:.3f} s, peak {peak:.2f} GiB")
    if case in ("peer", "irregular"):
        last, expected = seconds(lambda: peer(operator, x, y, t))
        first, rounds = last, [(compiled, last)]
        if n <= 4096:  # again, compiled: at 8192 the eigendecomposition takes minutes, compilation a second
            rounds = [
                (seconds(lambda: solve(y))[0], seconds(lambda: peer(operator, x, y, t))[0]) for _ in range(ROUNDS)
            ]
            compiled, last = np.median(rounds, axis=0)
        gap = float(jnp.abs(solution.residual + y[None, :] - expected).max() / np.abs(y).max())
        print(f"  neural-tangents cold {first:.1f} s, compiled {last:.1f} s; difference {gap:.1e}")
        ratio = np.median([theirs / ours for ours, theirs in rounds])
        print(f"ratio to the peer, {case} n = {len(x)}: cold {first / cold:.1f}, compiled {ratio:.0f}")


if __name__ == "__main__":
    case, size = sys.argv[1:] or ("peer", "4096")
    main(case, int(size))
