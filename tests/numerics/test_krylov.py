"""Lanczos against the eigendecomposition: the values, the error estimate, and where it stops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Gaussian, GradientDescent, InputError, Operator
from lfp.numerics.krylov import apply_functions, largest_rate

N = 300
RATES = {
    "kernel": None,
    "uniform": np.linspace(0, 1, N),
    "powers": 1 / np.arange(1, N + 1) ** 2.0,
    "repeated": np.repeat([1.0, 0.3, 0.01], N // 3),
    "log": np.geomspace(1e-10, 1, N),
}


def matrix(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rates and orthonormal vectors."""
    if name == "kernel":
        x = jnp.linspace(-1, 1, N)[:, None]
        rates, vectors = np.linalg.eigh(np.asarray(Operator("relu", b=Gaussian(4.0))(x, x)) / N)
        return np.maximum(rates, 0), vectors
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(N, N)))
    return RATES[name], q


def target(name: str, vectors: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Smooth: most in the largest rates; rough: white noise."""
    order = np.argsort(np.argsort(-rates)) + 1.0
    y = vectors @ (1 / order) if name == "smooth" else np.random.default_rng(4).normal(size=N)
    return y / np.linalg.norm(y)


@jax.jit
def flow(a, times, v):
    """Compiled once for all spectra below."""
    return apply_functions(lambda u: a @ u, v, lambda r: jnp.exp(-times[:, None] * r[None, :]), 1e-8)


@pytest.mark.parametrize("kind", ["smooth", "rough"])
@pytest.mark.parametrize("name", RATES)
def test_flow_to_the_tolerance_with_an_honest_estimate(name, kind):
    """exp(-A t) v at 30 times over six decades; the estimate is never below a third of the error."""
    rates, vectors = matrix(name)
    y, times = target(kind, vectors, rates), np.geomspace(1, 1e6, 30) / rates.max()
    found = flow(jnp.asarray((vectors * rates) @ vectors.T), jnp.asarray(times), jnp.asarray(y))
    exact = (np.exp(-times[:, None] * rates[None, :]) * (vectors.T @ y)) @ vectors.T
    error = np.linalg.norm(np.asarray(found.values) - exact, axis=1)
    assert (error <= 3 * np.asarray(found.error)).all()
    floor = 10 * np.finfo(float).eps * times * rates.max()
    assert name == "uniform" or (error <= 1e-8 + floor).all()
    assert int(found.products) < {"kernel": 60, "repeated": 17}.get(name, 257)


def test_discrete_time_and_test_points():
    """p_s(A) v, and (1 - p_s(A)) / A v, which carries the solution to other points, in one family."""
    rates, vectors = matrix("powers")
    y, steps = target("rough", vectors, rates), jnp.array([0.0, 1.0, 7.0, 1000.0])
    a, law = jnp.asarray((vectors * rates) @ vectors.T), GradientDescent(0.9)

    def family(r):
        safe = jnp.where(r > 0, r, 1e-300)
        over = jnp.where(r > 0, law.learned(r, steps) / safe[None, :], 0.9 * steps[:, None])
        return jnp.concatenate([law.factor(r, steps), over])

    found = jax.jit(lambda v: apply_functions(lambda u: a @ u, v, family, 1e-9, N))(jnp.asarray(y))
    powers = (1 - 0.9 * rates[None, :]) ** np.asarray(steps)[:, None]
    exact = np.concatenate([powers, (1 - powers) / rates[None, :]]) * (vectors.T @ y)
    scale = np.array([1, 1, 1, 1, 1, 0.9, 6.3, 900])[:, None]
    np.testing.assert_allclose(found.values / scale, exact @ vectors.T / scale, atol=1e-8)


def test_depth_that_does_not_suffice_is_reported():
    rates = jnp.linspace(0.0, 1.0, 2000)
    y = jax.random.normal(jax.random.key(0), (2000,))
    found = apply_functions(lambda v: rates * v, y, lambda r: jnp.exp(-1e4 * r)[None], 1e-8, 24)
    error = jnp.linalg.norm(found.values[0] - jnp.exp(-1e4 * rates) * y) / jnp.linalg.norm(y)
    assert int(found.products) == 24
    assert found.error[0] > 1e-3
    assert error <= 3 * found.error[0]


def test_float32_reports_its_floor():
    """eps t L is what rounding of A does: 1e-2 at t L = 1e5."""
    rates = jnp.linspace(1e-6, 1.0, 200, dtype=jnp.float32) ** 4
    y = jnp.ones(200, jnp.float32)
    times = jnp.array([1.0, 1e5], jnp.float32)
    found = apply_functions(lambda v: rates * v, y, lambda r: jnp.exp(-times[:, None] * r[None, :]), 1e-5)
    assert found.values.dtype == jnp.float32
    assert found.error[0] < 1e-4
    assert found.error[1] > 1e-3
    exact = jnp.exp(-times[:, None] * rates[None, :])
    error = jnp.linalg.norm(found.values - exact, axis=1) / jnp.sqrt(200.0).astype(jnp.float32)
    assert bool((error <= 3 * found.error).all())


def test_invariant_subspaces_end_the_loop():
    """One eigenvector takes one product's worth of space, and zero has nothing to do."""
    rates = jnp.arange(1.0, 101.0)
    family = lambda r: jnp.exp(-0.1 * r)[None]  # noqa: E731
    run = jax.jit(lambda v: apply_functions(lambda u: rates * u, v, family, max_depth=32))
    one = run(jnp.zeros(100).at[6].set(2.0))
    np.testing.assert_allclose(one.values[0, 6], 2 * np.exp(-0.7), rtol=1e-14)
    assert int(one.products) == 8
    none = run(jnp.zeros(100))
    assert int(none.products) == 0
    assert bool((none.values == 0).all())


@jax.jit
def top(a, v):
    return largest_rate(lambda u: a @ u, v, 1e-4)


@pytest.mark.parametrize("name", RATES)
def test_largest_rate(name):
    rates, vectors = matrix(name)
    a = jnp.asarray((vectors * rates) @ vectors.T)
    found, residual = top(a, jax.random.normal(jax.random.key(1), (N,)))
    assert float(found) <= rates.max() * (1 + 1e-13)
    assert abs(float(found) - rates.max()) <= max(float(residual), 1e-13)
    assert abs(float(found) / rates.max() - 1) < 1e-3


@pytest.mark.parametrize("arguments", [{"tolerance": 0.0}, {"max_depth": 0}])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(InputError, match=next(iter(arguments))):
        apply_functions(lambda v: v, jnp.ones(3), lambda r: r[None], **arguments)
