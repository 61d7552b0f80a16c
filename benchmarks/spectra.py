"""Claim: rates on a symmetric space cost one row of the kernel, not a Gram matrix, in any dimension.

The peer is a dense symmetric eigensolver on the Gram matrix of the same kernel, at a size that it can hold. First is
with every import and compilation, again is the second call; the ratio is the median of five, taken in turns. Peak is
that of the process.
Run: python benchmarks/spectra.py
"""

import resource
import time

import jax
import jax.numpy as jnp
import numpy as np

from lfp import MLP, Circle, Hypercube, Sphere, kernel, spectrum
from lfp.spectra import grid_rates

RELU, ERF = MLP(2, 3, "relu", b_std=0.5), MLP(2, 2, "erf")
DENSE, ROUNDS = 2048, 5


def seconds(job) -> float:
    began = time.perf_counter()
    jax.block_until_ready(job())
    return time.perf_counter() - began


def row(label: str, job) -> None:
    first, again = seconds(job), seconds(job)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{label:40} first {first:6.2f} s, again {again:6.2f} s, peak {peak:5.2f} GiB", flush=True)


def dense(n: int) -> jax.Array:
    return jnp.linalg.eigvalsh(kernel(RELU)(jnp.asarray(Circle().embed(Circle().grid(n))), None) / n)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    fast = lambda: grid_rates(kernel(RELU), Circle(), DENSE)  # noqa: E731
    row(f"circle, grid of {DENSE}, FFT", fast)
    row("circle, grid of 2^20, FFT", lambda: grid_rates(kernel(RELU), Circle(), 2**20))
    row("circle, modes to 1024", lambda: spectrum(RELU, Circle(), 1024).shares)
    row("sphere, dim 100, degrees to 100, relu", lambda: spectrum(RELU, Sphere(100), 100).shares)
    row("sphere, dim 100, degrees to 100, erf", lambda: spectrum(ERF, Sphere(100), 100).shares)
    row("hypercube, dim 1000, all degrees, erf", lambda: spectrum(ERF, Hypercube(1000), 1000).shares)
    row(f"dense eigensolver, grid of {DENSE}", lambda: dense(DENSE))
    ratios = [seconds(lambda: dense(DENSE)) / seconds(fast) for _ in range(ROUNDS)]
    print(f"ratio dense / FFT at {DENSE} points {np.median(ratios):.0f}")


if __name__ == "__main__":
    main()
