"""Claim: on a GPU the programs that take time reach a stated share of its peak, in float32 and in float64.

Peaks are measured in the same run, by a product of two large matrices (precision "highest", as the library has it) and
by a pass that reads and writes a large array. What a job must do at least is counted, by formula or by XLA for a
program without loops; its share is the larger of flops over peak and bytes over bandwidth. First calls compile; again
is the median of five.
Run: python benchmarks/gpu.py [--small: on any device, small sizes] [--write docs/performance.md: between its markers]
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from solver import DEPTH as KRYLOV_DEPTH, TOLERANCE, points, target, times

import lfp
from lfp.equation.products import choose
from lfp.harness.bench import NOT_HERE, commit
from lfp.kernels import kernel_product
from lfp.spectra import largest_rates
from lfp.training.loop import loss

ROUNDS, DEPTH = 5, 3
BEGIN, END = "<!-- gpu: written by make bench-gpu -->", "<!-- /gpu -->"
HEAD = ("work", "precision", "first call", "again", "counted", "share of peak")


class Sizes(NamedTuple):
    """Points, widths and steps of every job; rows of the matrices and entries of the array that give the peaks."""

    analytic: int = 8192
    empirical: int = 4096
    width: int = 256
    rates: int = 20_000
    line: int = 10**6
    image: int = 1024
    seeds: int = 32
    wide: int = 65_536
    steps: int = 200
    matrix: int = 8192
    copied: int = 2**28


SMALL = Sizes(64, 32, 16, 96, 300, 12, 2, 64, 3, 128, 2**16)


class Job(NamedTuple):
    """What runs, and the flops and bytes that it takes at least, given what it returned."""

    run: Callable[[], Any]
    count: Callable[[Any], tuple[float, float]]


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    out = jax.block_until_ready(run())
    return time.perf_counter() - began, out


def again(run: Callable[[], Any]) -> float:
    return float(np.median([seconds(run)[0] for _ in range(ROUNDS)]))


def peaks(sizes: Sizes, dtype: Any) -> tuple[float, float]:
    """Flops and bytes a second: of a product of matrices, of a negation."""
    matrix, array = jnp.ones((sizes.matrix, sizes.matrix), dtype), jnp.ones(sizes.copied, dtype)
    product, negated = jax.jit(lambda a: jnp.matmul(a, a, precision="highest")), jax.jit(lambda a: -a)
    jax.block_until_ready((product(matrix), negated(array)))
    return 2 * sizes.matrix**3 / again(lambda: product(matrix)), 2 * array.nbytes / again(lambda: negated(array))


def xla_cost(function: Callable, *arguments: Any) -> tuple[float, float]:
    """Flops and bytes of a program; XLA counts the body of a loop once, so it should have none."""
    cost = jax.jit(function).lower(*arguments).compile().cost_analysis()
    return cost["flops"], cost["bytes accessed"]


def sphere(n: int, dtype: Any) -> jax.Array:
    x = np.random.default_rng(0).normal(size=(n, 3))
    return jnp.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype)


def analytic(activation: str, sizes: Sizes, dtype: Any) -> Job:
    """One layer as XLA counts it, times the depth; the matrix is written once."""
    x, kernel = sphere(sizes.analytic, dtype), lfp.kernel(lfp.MLP(2, DEPTH, activation))
    layer = xla_cost(lfp.kernel(lfp.MLP(2, 1, activation)), x)[0]
    return Job(lambda: kernel(x), lambda gram: (DEPTH * layer, gram.nbytes))


def empirical(sizes: Sizes, dtype: Any) -> Job:
    """Two Gram matrices a layer, below the diagonal: of what comes in and of what comes back."""
    network, n = lfp.MLP(sizes.width, DEPTH), sizes.empirical
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), network.init(jax.random.key(0), 3))
    x, widths = sphere(n, dtype), 3 + 2 * DEPTH * sizes.width + 1
    return Job(lambda: lfp.empirical_kernel(network, params, x), lambda gram: (float(n**2 * widths), gram.nbytes))


def general(sizes: Sizes, dtype: Any) -> Job:
    """A model whose parameters enter through a sine: gradients are formed, and their products below the diagonal."""
    width, n = 16 * sizes.width, sizes.empirical
    network = lfp.Custom(
        lambda key, dim: jax.random.normal(key, (dim, width)), lambda w, x: jnp.tanh(x @ jnp.sin(w)).mean(axis=1), width
    )
    params, x = network.init(jax.random.key(0), 3).astype(dtype), sphere(n, dtype)
    return Job(lambda: lfp.empirical_kernel(network, params, x), lambda gram: (float(n**2 * params.size), gram.nbytes))


def rates(sizes: Sizes, dtype: Any) -> Job:
    """Products of the matrix with a block of 80 vectors, one a pass."""
    x, kernel, n = sphere(sizes.rates, dtype), lfp.kernel(lfp.MLP(2, DEPTH)), sizes.rates
    run = lambda: largest_rates(kernel_product(kernel, x), 20, jax.random.key(0), tolerance=1e-5, block=80)  # noqa: E731
    return Job(run, lambda found: (2.0 * n**2 * 80 * found.passes, 0.0))


def evolution(case: str, n: int, dtype: Any) -> Job:
    """p products: a basis of p vectors is read twice a step and once at the end, the product passes over the points.

    A product is 16 passes over n numbers (prefix sums), or four transforms that read and write 4 n each (FFT).
    """
    x = points(case, n).astype(dtype)
    operator = lfp.Operator("relu", b=lfp.Gaussian(4.0), dim=x.shape[1])
    data = lfp.Points(x, target(x).astype(dtype))
    moments = times(operator, choose(operator, x, tolerance=TOLERANCE), len(x), x.shape[1])
    method = lfp.Krylov(TOLERANCE, KRYLOV_DEPTH[x.shape[1]])

    def count(found: lfp.Solution) -> tuple[float, float]:
        p, passes = int(found.products.max()), 16 if case == "line" else 4 * 2 * 4
        bytes_ = len(x) * np.dtype(dtype).itemsize * p * (p + 1 + passes)
        return 2.0 * len(x) * p * (p + 2 * len(moments)), float(bytes_)

    return Job(lambda: lfp.evolve(operator, data, moments, method=method), count)


def seeds(sizes: Sizes, dtype: Any) -> Job:
    """Forward and backward pass as XLA counts them, times steps and networks."""
    network, problem = lfp.TwoLayer(sizes.wide, alpha=50.0), lfp.sum_of_modes(lfp.Circle(), 64, range(1, 8))
    law, looks = lfp.GradientDescent(1.0), np.array([0, 1, sizes.steps])
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), network.init(jax.random.key(0), 2))
    data = [jnp.asarray(part, dtype) for part in (problem.x, problem.y, problem.weights)]
    flops, bytes_ = xla_cost(jax.grad(lambda p, *data: loss(network, p, *data)), params, *data)
    passes = sizes.steps * sizes.seeds
    run = lambda: lfp.train(network, problem, law, looks, seeds=sizes.seeds, dtype=dtype).end  # noqa: E731
    return Job(run, lambda _: (passes * flops, passes * bytes_))


def jobs(sizes: Sizes, dtype: Any) -> Iterator[tuple[str, Callable[[], Job]]]:
    n = sizes.analytic
    for activation in ("relu", "erf"):
        yield f"kernel, {activation}, depth {DEPTH}, n = {n}", lambda a=activation: analytic(a, sizes, dtype)
    n = sizes.empirical
    yield f"empirical kernel, width {sizes.width}, depth {DEPTH}, n = {n}", lambda: empirical(sizes, dtype)
    yield f"empirical kernel, {48 * sizes.width} gradients formed, n = {n}", lambda: general(sizes, dtype)
    yield f"20 largest rates, n = {sizes.rates}", lambda: rates(sizes, dtype)
    yield f"evolution, line, n = {sizes.line}", lambda: evolution("line", sizes.line, dtype)
    yield f"evolution, image, {sizes.image} x {sizes.image}", lambda: evolution("image", sizes.image, dtype)
    yield f"{sizes.seeds} networks of width {sizes.wide}, {sizes.steps} steps", lambda: seeds(sizes, dtype)


def row(label: str, build: Callable[[], Job], dtype: Any, peak: tuple[float, float]) -> tuple[str, ...]:
    name = np.dtype(dtype).name
    try:
        job = build()
        jax.clear_caches()
        first, out = seconds(job.run)
        counts = job.count(out)
        del out
        warm = again(job.run)
    except jax.errors.JaxRuntimeError as error:  # such as memory that does not suffice: the other rows count as well
        return label, name, f"failed: {str(error).split(':')[0]}", "", "", ""
    shares = [count / warm / most for count, most in zip(counts, peak, strict=True)]
    share = f"{max(shares):.2g} of the {('flops', 'bandwidth')[int(np.argmax(shares))]}"
    return label, name, f"{first:.3g} s", f"{warm:.3g} s", f"{counts[0]:.1e} flop, {counts[1]:.1e} byte", share


def written(text: str, table: str) -> str:
    """The page with the table between its markers."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        sys.exit(f"no markers {BEGIN} ... {END} in the page")
    return pattern.sub(lambda _: f"{BEGIN}\n{table}\n{END}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--small", action="store_true", help="on any device, in small sizes")
    parser.add_argument("--write", type=Path, help="page whose table between the markers is replaced")
    settings = parser.parse_args()
    device = jax.devices()[0]
    if device.platform != "gpu" and not settings.small:
        print(f"no GPU: JAX sees {device.device_kind} alone; --small runs there", file=sys.stderr)
        sys.exit(NOT_HERE)
    sizes = SMALL if settings.small else Sizes()
    told, lines = [], ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    for dtype in (jnp.float32, jnp.float64):
        jax.config.update("jax_enable_x64", dtype == jnp.float64)
        peak = peaks(sizes, dtype)
        told.append(f"{np.dtype(dtype).name} {peak[0]:.1e} flop/s and {peak[1]:.1e} byte/s")
        for label, build in jobs(sizes, dtype):
            lines.append("| " + " | ".join(row(label, build, dtype, peak)) + " |")
            print(lines[-1], flush=True)
    where = f"{device.device_kind}{', small sizes' if settings.small else ''}, JAX {jax.__version__}, commit {commit()}"
    about = f"{where}. Peaks in the same run: {', '.join(told)}."
    table = "\n".join([about, "", *lines])
    print(about)
    if settings.write:
        settings.write.write_text(written(settings.write.read_text(), table))


if __name__ == "__main__":
    main()
