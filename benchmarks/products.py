"""Claim: a product with the kernel costs about n log n, and how far each method is from its floor.

Cold is the first call of `choose` and of the product, code and data new; warm is the median of repeated products. The
floor is four real FFTs of the padded size, taken in turns with the product; the ratio is the median. Peak is that of
the process.
Run: python benchmarks/products.py
"""

import resource
import time

import jax
import jax.numpy as jnp
import numpy as np

from lfp import Gaussian, Operator
from lfp.equation.nufft import NUFFT, nufft
from lfp.equation.products import Product, choose
from lfp.equation.structured import GridFFT, grid_fft

ROUNDS = 7
RNG = np.random.default_rng(0)


def seconds(job, *args) -> float:
    began = time.perf_counter()
    jax.block_until_ready(job(*args))
    return time.perf_counter() - began


def floor(product: Product):
    """Four real FFTs, two forward and two back, of the size that the product pads to; None for other products."""
    if not isinstance(product, GridFFT):
        return None
    u = jnp.asarray(RNG.normal(size=(2, *product.sizes)))
    axes = tuple(range(1, u.ndim))
    both = jax.jit(lambda u: jnp.fft.irfftn(jnp.fft.rfftn(u, axes=axes), product.sizes, axes))
    jax.block_until_ready(both(u))
    return lambda: both(u)


def row(label: str, build, operator: Operator, x: np.ndarray) -> float:
    v = jnp.asarray(RNG.normal(size=len(x)))
    began = time.perf_counter()
    product = build(operator, x)
    jax.block_until_ready(product)
    built = time.perf_counter() - began
    first, least = seconds(product, v), floor(product)
    rounds = [(seconds(product, v), seconds(least) if least else np.nan) for _ in range(ROUNDS)]
    one = float(np.median([ours for ours, _ in rounds]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    error = f"error {float(product.error):.0e}" if isinstance(product, NUFFT) else "exact"
    print(
        f"{label:18} {product.name:24} {len(x):8d} built {built:6.2f} s, first {first:6.3f} s, "
        f"warm {one * 1e3:9.3f} ms, peak {peak:5.2f} GiB, {error}",
        flush=True,
    )
    if least:
        print(f"ratio to its FFTs, {label}, n = {len(x)}: {np.median([ours / ffts for ours, ffts in rounds]):.2f}")
    return one


def exponent(sizes: list[int], times: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def line(n: int) -> np.ndarray:
    return np.linspace(-1, 1, n)[:, None]


def square(side: int) -> np.ndarray:
    axis = np.linspace(-1, 1, side)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    relu = {d: Operator("relu", b=Gaussian(4.0), dim=d) for d in (1, 2)}
    sizes = [2**k for k in range(12, 21, 2)]
    for label, build in (("line, FFT", grid_fft), ("line, prefix", choose)):
        times = [row(label, build, relu[1], line(n)) for n in sizes]
        print(f"{label}: cost grows as n^{exponent(sizes, times):.2f}")
    sides = [64, 128, 256, 512]
    times = [row("square, FFT", choose, relu[2], square(side)) for side in sides]
    print(f"square, FFT: cost grows as n^{exponent([s * s for s in sides], times):.2f}")
    many = [1000, 10_000, 100_000]
    for tolerance in (1e-4, 1e-6):

        def build(operator: Operator, x: np.ndarray, tolerance: float = tolerance) -> NUFFT:
            return nufft(operator, x, tolerance=tolerance)

        times = [row(f"scattered, {tolerance:.0e}", build, relu[2], RNG.uniform(-1, 1, (n, 2))) for n in many]
        print(f"scattered, {tolerance:.0e}: cost grows as n^{exponent(many, times):.2f}")


if __name__ == "__main__":
    main()
