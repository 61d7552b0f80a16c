"""Divided differences against closed forms, over all gaps of two rates; derivatives of functions of a matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from lfp import Circle, GradientDescent
from lfp.numerics.symmetric import apply_family, divided, eigenpairs
from lfp.spectra import gram_spectrum

GAPS = np.concatenate([[0.0], np.logspace(-15, -0.01, 200)])


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-3)])
def test_exponentials_at_every_gap(dtype, tolerance):
    """exp(-t x): -t exp(-t m) sinh(t h) / (t h), x and y at m +- h; the plain quotient (control) loses all digits."""
    x, y, times = (np.asarray(a, dtype) for a in (0.7 * (1 + GAPS), 0.7, [0.1, 1.0, 5.0]))
    family = lambda r: jnp.exp(-jnp.asarray(times)[:, None] * r[None, :])  # noqa: E731
    m, h = (x.astype(float) + float(y)) / 2, (x.astype(float) - float(y)) / 2
    t = times.astype(float)[:, None]
    exact = -t * np.exp(-t * m) * np.where(h > 0, np.sinh(t * h) / np.where(h > 0, t * h, 1), 1)
    slopes = divided(family, jnp.asarray(x), jnp.asarray(y))
    assert slopes.dtype == dtype
    np.testing.assert_allclose(slopes, exact, rtol=tolerance)
    gap = (x - y)[x > y]
    plain = (np.asarray(family(jnp.asarray(x)))[:, x > y] - np.asarray(family(jnp.asarray(y)[None]))) / gap
    assert np.abs(plain / exact[:, x > y] - 1).max() > 100 * tolerance


def test_powers_are_sums_of_products():
    """x^3: x^2 + x y + y^2, of either sign and at 0."""
    x = jnp.array([0.0, 1e-9, 0.3, 2.0, -1.0])
    for y in (0.0, 0.3, -2.0):
        np.testing.assert_allclose(divided(lambda r: r[None] ** 3, x, jnp.asarray(y))[0], x**2 + x * y + y**2)


def decay(rates):
    """1 - exp(-t L), t = 1 and 4."""
    return -jnp.expm1(-jnp.array([1.0, 4.0])[:, None] * rates[None, :])


def applied(matrix, vector):
    return apply_family(matrix, *eigenpairs(matrix), vector, decay)


TWICE = np.diag([1.0, 1.0, 1.0, 0.5, 0.5, 0.0])
ALONG = np.random.default_rng(0).normal(size=(6, 6))
ALONG = (ALONG + ALONG.T) / 20
VECTOR = np.arange(1.0, 7.0)


@pytest.mark.parametrize("matrix", [TWICE, TWICE + ALONG @ ALONG, np.eye(6), np.zeros((6, 6))])
def test_derivatives_where_rates_repeat(matrix):
    """Against differences of scipy's exponential, forwards and in reverse; JAX's own of eigh are infinite there."""

    def exact(s):
        return VECTOR - scipy.linalg.expm(-4 * (matrix + s * ALONG)) @ VECTOR

    expected = (exact(1e-5) - exact(-1e-5)) / 2e-5
    along = lambda s: applied(jnp.asarray(matrix) + s * ALONG, jnp.asarray(VECTOR))[1]  # noqa: E731
    np.testing.assert_allclose(along(0.0), exact(0.0), atol=1e-12)
    np.testing.assert_allclose(jax.jvp(along, (0.0,), (1.0,))[1], expected, atol=1e-8)
    reverse = jax.grad(lambda s: along(s) @ VECTOR)(0.0)
    np.testing.assert_allclose(reverse, expected @ VECTOR, atol=1e-7)
    np.testing.assert_allclose(jax.jit(jax.grad(lambda s: along(s) @ VECTOR))(0.0), reverse, rtol=1e-10)


def test_second_derivatives_where_no_rate_repeats():
    matrix = np.diag(np.arange(1.0, 7.0)) / 3
    of = lambda s: jnp.sum(applied(jnp.asarray(matrix) + s * ALONG, jnp.asarray(VECTOR)) ** 2)  # noqa: E731
    differences = (of(1e-3) + of(-1e-3) - 2 * of(0.0)) / 1e-6
    np.testing.assert_allclose(jax.hessian(of)(0.0), differences, rtol=1e-4)


def test_eigenpairs_have_derivatives_without_gaps():
    """The sum of all rates changes by the trace; vectors of rates that repeat do not turn, and nothing is infinite."""
    for matrix in (TWICE, np.eye(6)):
        rates, vectors = jax.jvp(eigenpairs, (jnp.asarray(matrix),), (jnp.asarray(ALONG),))[1]
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(rates.sum(), np.trace(ALONG))


def test_derivative_of_what_a_network_learns():
    """d/ds |f|^2 for s exp(x.y) on 16 even points of the circle, whose rates repeat: central differences of scipy."""
    x, y = Circle().embed(Circle().grid(16)), np.sin(Circle().grid(16)) + 0.3 * np.cos(3 * Circle().grid(16))
    gram, law, steps = np.exp(x @ x.T), GradientDescent(0.3), jnp.array([3.0])

    def learnt(s):
        found = gram_spectrum(s * jnp.asarray(gram), np.full(16, 1 / 16))
        return jnp.sum(found.apply(lambda rates: law.learned(rates, steps), jnp.asarray(y)) ** 2)

    def exact(s):
        left = np.linalg.matrix_power(np.eye(16) - 0.3 * s * gram / 16, 3)
        return np.sum((y - left @ y) ** 2)

    assert float(jax.grad(learnt)(1.0)) == pytest.approx((exact(1 + 1e-6) - exact(1 - 1e-6)) / 2e-6, rel=1e-8)


def test_second_derivatives_where_rates_repeat_are_unknown():
    """NaN, and no wrong number."""
    of = lambda s: jnp.sum(applied(jnp.asarray(TWICE) + s * ALONG, jnp.asarray(VECTOR)))  # noqa: E731
    assert np.isnan(jax.hessian(of)(0.0))
