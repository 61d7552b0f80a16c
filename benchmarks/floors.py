"""Claim: what lfp computes reaches .7 of its floor, or the table says what stands above it.

A floor is what cannot be left out, as a program of its own: the transforms of a product by FFT, the running sums of one
on a line, the matrix products and functions of a kernel's entries, LAPACK's eigensolver, the bare pass of a training.
Both sides are compiled, see the same data and take turns; the share is the median of floor over lfp.
Run: python benchmarks/floors.py [rows ...], a row by the beginning of its name
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp import Gaussian, Operator
from lfp.equation.nufft import nufft
from lfp.equation.products import Product, choose
from lfp.numerics import fourier
from lfp.spectra import gram_spectrum
from lfp.training.loop import loss

ROUNDS = 9
table = ["| work | lfp | its floor | floor | share |", "|---|---|---|---|---|"]
RNG = np.random.default_rng(0)
relu = {dim: Operator("relu", b=Gaussian(4.0), dim=dim) for dim in (1, 2)}


def compare(name: str, what: str, job, floor) -> None:
    def seconds(one) -> float:
        began = time.perf_counter()
        jax.block_until_ready(one())
        return time.perf_counter() - began

    for one in (job, floor, job, floor):
        seconds(one)
    times = np.array([(seconds(job), seconds(floor)) for _ in range(ROUNDS)])
    ours, least = np.median(times, axis=0) * 1e3
    share = np.median(times[:, 1] / times[:, 0])
    print(f"ratio of floor to lfp, {name}: {share:.2f}", flush=True)
    table.append(f"| {name} | {ours:.3g} ms | {what} | {least:.3g} ms | {share:.2f} |")


def _grid(side: int) -> np.ndarray:
    axis = np.linspace(-1, 1, side)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def line_product(n: int = 10**6) -> None:
    product = choose(relu[1], np.linspace(-1, 1, n)[:, None])
    v = jnp.asarray(RNG.normal(size=n))
    sums = jax.jit(lambda v: v[None, :] * jnp.arange(1.0, 5.0)[:, None] + 1)  # four rows of n numbers, written once
    compare("product, line, 10^6, prefix sums", "v read, four rows written", lambda: product(v), lambda: sums(v))


def image_product(side: int = 512) -> None:
    product = choose(relu[2], _grid(side))
    v, u = jnp.asarray(RNG.normal(size=side**2)), jnp.asarray(RNG.normal(size=(2, side, side)))
    both = jax.jit(lambda u: jnp.fft.irfftn(jnp.fft.rfftn(u, product.sizes, (1, 2)), product.sizes, (1, 2)))
    compare(f"product, image, {side} x {side}, FFT", "its four transforms", lambda: product(v), lambda: both(u))


def scattered_product(n: int = 10**5) -> None:
    x = RNG.uniform(-1, 1, (n, 2))
    product = nufft(relu[2], x, modes=50)
    shape, v = product.coefficients.shape[1:], jnp.asarray(RNG.normal(size=n))

    @jax.jit
    def transforms(v):
        modes = fourier.gather_modes(jax.lax.complex(v, v), product.angles, shape, product.accuracy)
        return fourier.evaluate_modes(modes, product.angles, product.accuracy)

    name = f"product, scattered, {n}, NUFFT {shape[0]} x {shape[1]}"
    compare(name, "its two transforms", lambda: product(v), lambda: transforms(v))


def evolution(n: int = 4096) -> None:
    x = np.linspace(-1, 1, n)[:, None]
    y = np.sin(7 * x[:, 0]) + RNG.normal(size=n) / 9
    times = np.geomspace(1e-2, 1e6, 100)
    product: Product = choose(relu[1], x)
    data = lfp.Points(x, y)
    solve = lambda: lfp.evolve(relu[1], data, times).residual  # noqa: E731
    taken = int(lfp.evolve(relu[1], data, times).products.max())
    basis = jnp.asarray(RNG.normal(size=(taken, n)))

    @jax.jit
    def least(v):
        """As many products, and every vector twice against half of the basis."""

        def step(_, v):
            v = product(v)
            v = v - (basis @ v) @ basis / 2
            return v / jnp.linalg.norm(v)

        return jax.lax.fori_loop(0, taken, step, v)

    v = jnp.asarray(y)
    compare(f"evolution, line, {n}, {taken} products", "products, one pass of the basis each", solve, lambda: least(v))


def eigensolver(n: int = 1000) -> None:
    x = jnp.asarray(RNG.normal(size=(n, 3)))
    gram = lfp.kernel(lfp.MLP(64, 2))(x)
    weights, known = np.full(n, 1 / n), np.asarray(gram)
    from scipy.linalg import eigh

    compare(
        f"rates of {n} points", "LAPACK's syevd", lambda: gram_spectrum(gram, weights).rates, lambda: eigh(known)[0]
    )


def analytic_kernel(n: int = 2000) -> None:
    x = jnp.asarray(RNG.normal(size=(n, 3)))
    kernel = lfp.kernel(lfp.MLP(64, 3, "relu"))

    @jax.jit
    def least(x):
        """Scalar products; an arccos and a root of every entry of three layers."""
        c = x @ x.T / (x**2).sum(axis=1).max()
        total = jnp.zeros_like(c)
        for _ in range(3):
            angle = jnp.arccos(jnp.clip(c, -1, 1))
            c = (jnp.sqrt(1 - jnp.clip(c, -1, 1) ** 2) + c * (jnp.pi - angle)) / jnp.pi
            total = c + total * (1 - angle / jnp.pi)
        return total

    name = f"kernel, {n} points, relu, depth 3"
    compare(name, "scalar products, three arccos and roots an entry", lambda: kernel(x), lambda: least(x))


def training(steps: int = 100) -> None:
    problem, network = lfp.sum_of_modes(lfp.Circle(), 64, range(1, 8)), lfp.TwoLayer(8192, alpha=50.0)
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), network.init(jax.random.key(0), 2))
    x, y, p = (jnp.asarray(v, jnp.float32) for v in (problem.x, problem.y, problem.weights))
    bare = jax.jit(jax.value_and_grad(lambda q: loss(network, q, x, y, p)))
    law, looks = lfp.GradientDescent(1.0), np.array([0, 1, steps])
    run = lambda: lfp.train(network, problem, law, looks, seeds=1).end  # noqa: E731
    compare(f"training, {steps} steps", "as many bare passes", run, lambda: [bare(params) for _ in range(steps)])


ROWS = {
    "line": line_product,
    "image": image_product,
    "scattered": scattered_product,
    "evolution": evolution,
    "eigensolver": eigensolver,
    "analytic": analytic_kernel,
    "training": training,
}


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    for name, row in ROWS.items():
        if len(sys.argv) == 1 or any(name.startswith(word) for word in sys.argv[1:]):
            row()
    print(*table, sep="\n")


if __name__ == "__main__":
    main()
