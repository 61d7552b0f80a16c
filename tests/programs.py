"""The programs that take the library's time, small: each a function, and the arrays that it is compiled for."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

import lfp
from lfp.equation.nufft import nufft
from lfp.equation.products import dense, direct
from lfp.equation.structured import grid_fft, prefix_sums
from lfp.kernels import blocked
from lfp.kernels.blocked import TILE
from lfp.prediction.particles import Particles, flowed, particles_of, values
from lfp.spectra import gram_spectrum
from lfp.training import loop


class Program(NamedTuple):
    """`job(*arrays)` is what runs; the arrays have the precision that was asked for."""

    job: Callable[..., Any]
    arrays: tuple[Any, ...]


PROGRAMS: dict[str, Callable[[Any], Program]] = {}


def program(*cases: Any) -> Callable[[Callable], Callable]:
    """Put a builder (dtype, case) into the table, once for every case."""

    def add(build: Callable) -> Callable:
        for case in cases:
            PROGRAMS[f"{build.__name__} {case}".replace("_", " ")] = lambda dtype, case=case: build(dtype, case)
        return build

    return add


def scattered(n: int, dim: int, dtype: Any) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (n, dim)).astype(dtype)


def lattice(side: int, dtype: Any) -> np.ndarray:
    axis = np.linspace(-1, 1, side, dtype=dtype)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def drawn(network: Any, dim: int, dtype: Any) -> Any:
    """Parameters of a network."""
    return jax.tree.map(lambda leaf: leaf.astype(dtype), network.init(jax.random.key(0), dim))


ANALYTIC = {
    "relu": lfp.MLP(8, 3, "relu", b_std=0.5),
    "erf": lfp.MLP(8, 3, "erf"),
    "two layers": lfp.TwoLayer(8, "relu"),
}


@program(*ANALYTIC)
def analytic_kernel(dtype: Any, case: str) -> Program:
    return Program(lfp.kernel(ANALYTIC[case]), (scattered(20, 3, dtype),))


def squashed(params: Any, x: jax.Array) -> jax.Array:
    """A model whose first matrix enters through its sine: its gradients are formed, those of the second are not."""
    first, second = params
    return jnp.tanh(x @ jnp.sin(first)) @ second


MODELS = {
    "mlp": lfp.MLP(16, 2, "relu"),
    "custom": lfp.Custom(
        lambda key, dim: (jax.random.normal(key, (dim, 16)), jax.random.normal(key, (16,))), squashed, 16
    ),
}


@program(*MODELS)
def empirical_kernel(dtype: Any, case: str) -> Program:
    network = MODELS[case]
    return Program(lambda x: lfp.empirical_kernel(network, drawn(network, 3, dtype), x), (scattered(20, 3, dtype),))


@program("kernel", "network")
def tiles(dtype: Any, case: str) -> Program:
    """A block of vectors through a kernel, on one device: what `largest_rates` does in a pass."""
    x, v = scattered(2 * TILE, 3, dtype), scattered(2 * TILE, 4, dtype)
    mesh = Mesh([jax.config.jax_default_device or jax.devices()[0]], ("rows",))
    if case == "kernel":
        kernel, pairs = lfp.kernel(ANALYTIC["relu"]), np.array([[[0, 0], [0, 1], [1, 1]]], np.int32)
        return Program(lambda x, v: blocked._sum_of_tiles(kernel, x, v, pairs, mesh), (x, v))
    network, chunks = MODELS["mlp"], (x.reshape(4, -1, 3), v.reshape(4, -1, 4))
    return Program(lambda x, v: blocked._there_and_back(network, drawn(network, 3, dtype), x, v, mesh), chunks)


PRODUCTS = {
    "prefix sums, grid": (prefix_sums, lambda dtype: np.linspace(-1, 1, 48, dtype=dtype)[:, None]),
    "prefix sums, scattered": (prefix_sums, lambda dtype: scattered(48, 1, dtype)),
    "fft": (grid_fft, lambda dtype: lattice(8, dtype)),
    "nufft": (partial(nufft, modes=3), lambda dtype: scattered(200, 2, dtype)),
    "direct": (direct, lambda dtype: scattered(48, 2, dtype)),
    "dense": (dense, lambda dtype: scattered(48, 2, dtype)),
}


@program(*PRODUCTS)
def evolve(dtype: Any, case: str) -> Program:
    """The product is built, and the equation solved in time and at the limit: `Krylov`, `Exact` with the matrix."""
    build, place = PRODUCTS[case]
    x = place(dtype)
    known, times = jnp.asarray(x), np.array([1.0, 30.0, np.inf], dtype)
    method = lfp.Exact() if case == "dense" else lfp.Krylov(1e-3, 16)

    def solve(scale: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        operator = lfp.Operator("relu", b=lfp.Gaussian(scale), dim=x.shape[1])
        product = build(operator, known)
        solution = lfp.evolve(operator, lfp.Points(x, y), times, method=method, product=product)
        return solution.residual, solution.error

    return Program(solve, (np.asarray(4.0, dtype), np.sin(3 * x[:, 0])))


LAWS = {
    "descent": lfp.GradientDescent(0.1),
    "momentum": lfp.HeavyBall(0.1, 0.5),
    "adam": lfp.Adam(0.01, steps=100),
}


@program(*LAWS, *[f"{law}, three networks" for law in LAWS])
def training_steps(dtype: Any, case: str) -> Program:
    """Steps of the loop; many networks one after the other on a CPU, at once elsewhere."""
    name, seeds = case.split(",")[0], 3 if "three" in case else 1
    network = lfp.TwoLayer(16, "relu", alpha=5.0)
    x = scattered(20, 3, dtype)
    law = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), LAWS[name])
    y, weights = np.sin(x[:, 0])[None].repeat(seeds, 0), np.full(20, 1 / 20, dtype)

    def steps(*data: jax.Array) -> Any:
        start = lfp.training.initialise(network, 3, seeds, dtype=dtype)
        with jax.numpy_dtype_promotion("standard"):  # optax's bias correction promotes
            moved, state = loop._begin(law, network.alpha, start)
            return loop._advance(network, law, start, moved, state, *data, np.asarray(3))[0]

    return Program(steps, (x, y, weights))


@program("relu", "tanh")
def particles(dtype: Any, case: str) -> Program:
    """The flow of the mean field by adaptive steps; those of neurons with a kink are bounded from below."""
    limit = Particles.of(lfp.TwoLayer(16, case), 8, 0.3)
    start = particles_of(limit, 3, 2, dtype=dtype)
    x, step = scattered(20, 3, dtype), np.full(2, 0.1, dtype)
    data = x, np.sin(x[:, 0]), np.full(20, 1 / 20, dtype)

    def flow(span: jax.Array, step: jax.Array, *data: jax.Array) -> Any:
        moved = jax.tree.map(jnp.zeros_like, start)
        moved, *_ = flowed(limit, start, moved, data, span, step, 0.0, 1e-3, 0.025 * (case == "relu"))
        return values(limit, start, moved, data[0])

    return Program(flow, (np.asarray(0.3, dtype), step, *data))


@program(*LAWS)
def law_of(dtype: Any, case: str) -> Program:
    return Program(LAWS[case].factor, (np.geomspace(1e-6, 1, 9).astype(dtype), np.array([0, 1, 5, 50], dtype)))


@program("circle", "sphere", "points")
def spectrum(dtype: Any, case: str) -> Program:
    """The row of a kernel and its transform; on a sphere the row, whose sums by degree are numpy's; all of points."""
    kernel = lfp.kernel(ANALYTIC["relu"])
    if case == "circle":
        circle = lfp.Circle()
        return Program(
            lambda x: circle.analyse(kernel(x[:1], x)[0]).real, (circle.embed(circle.grid(32)).astype(dtype),)
        )
    if case == "sphere":
        pair = lfp.Sphere(4).apart(np.linspace(0, np.pi, 16))
        return Program(kernel, tuple(np.asarray(x, dtype) for x in pair))
    return Program(lambda x: gram_spectrum(kernel(x), np.full(16, 1 / 16)).rates, (scattered(16, 3, dtype),))
