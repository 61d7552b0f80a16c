"""Claim: the 20 largest pairs of a kernel on many points cost a few passes over its tiles, and no matrix.

Each row runs in a process of its own and prints its time, cold, that of all cores together, and its peak memory: of
the process, and above what it held once JAX and neural-tangents were imported. The peer is the dense kernel of
neural-tangents and JAX's eigh.
Run: python benchmarks/eigenpairs.py [tiles | network | ratio]
"""

import resource
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from lfp import MLP, kernel
from lfp.kernels import kernel_product, network_product, neural_tangents
from lfp.spectra import largest_rates

DEPTH, COUNT, WIDTH = 3, 20, 512


def sphere(n: int) -> jax.Array:
    x = np.random.default_rng(0).normal(size=(n, 3))
    return jnp.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def tiles(n: int) -> tuple[str, jax.Array]:
    found = largest_rates(kernel_product(kernel(MLP(WIDTH, DEPTH)), sphere(n)), COUNT, jax.random.key(0))
    worst = float(found.residuals.max() / found.rates[0])
    return f"{found.passes} passes, residual {worst:.0e}", found.rates


def network(n: int) -> tuple[str, jax.Array]:
    net = MLP(WIDTH, DEPTH)
    product = network_product(net, net.init(jax.random.key(1), 3), sphere(n))
    found = largest_rates(product, COUNT, jax.random.key(0), block=COUNT + 8)
    worst = float(found.residuals.max() / found.rates[0])
    return f"{found.passes} passes, residual {worst:.0e}", found.rates


def dense(n: int) -> tuple[str, jax.Array]:
    stax, net = neural_tangents().stax, MLP(WIDTH, DEPTH)
    layer = stax.Dense(1, net.w_std, net.b_std, parameterization="ntk")
    gram = jax.jit(lambda x: stax.serial(*[layer, stax.Relu()] * DEPTH, layer)[2](x, None, "ntk"))(sphere(n))
    rates, vectors = jnp.linalg.eigh(gram / n)
    jax.block_until_ready(vectors)
    return "dense", rates[::-1][:COUNT]


def one(job: str, n: int) -> None:
    """In a process of its own: time, peak memory and rates."""
    jax.config.update("jax_enable_x64", True)
    neural_tangents()
    jax.block_until_ready(sphere(n))
    before, began, processor = peak(), time.perf_counter(), time.process_time()
    note, rates = globals()[job](n)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    memory = f"peak {peak():5.2f} GiB, above imports {peak() - before:5.2f} GiB"
    print(f"{job:8} n = {n:6d} {seconds:7.1f} s ({processor:.1f} of a core), {memory}, {note}")
    print(seconds, peak(), peak() - before, *map(float, rates))


def row(job: str, n: int) -> list[float]:
    done = subprocess.run([sys.executable, __file__, job, str(n)], stdout=subprocess.PIPE, text=True, check=True)
    line, numbers = done.stdout.splitlines()
    print(line, flush=True)
    return [float(number) for number in numbers.split()]


def ratio(n: int, rounds: int) -> None:
    """Both ways in turns, every time in a process of its own."""
    pairs = [(row("tiles", n), row("dense", n)) for _ in range(rounds)]
    time_, peak_, above = np.median([np.divide(theirs[:3], ours[:3]) for ours, theirs in pairs], axis=0)
    ours, theirs = pairs[0]
    off = max(abs(a - b) for a, b in zip(ours[3:], theirs[3:], strict=True)) / ours[3]
    print(
        f"ratio    n = {n:6d} time {time_:.1f}, peak {peak_:.1f}, peak above imports {above:.1f}, median of {rounds}; "
        f"rates differ by {off:.0e} of the largest"
    )


def main() -> None:
    wanted = sys.argv[1:] or ["tiles", "network", "ratio"]
    if "tiles" in wanted:
        row("tiles", 20_000)
    if "network" in wanted:
        row("network", 10_000)
    if "ratio" in wanted:
        ratio(4096, 5)
        ratio(8192, 1)  # the dense way takes minutes


if __name__ == "__main__":
    if len(sys.argv) == 3:
        one(sys.argv[1], int(sys.argv[2]))
    else:
        main()
