"""Arithmetic of kernels: against matrices, sums over modes, dense Gram matrices; power series of the results."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    MLP,
    Circle,
    Hypercube,
    InputError,
    MultiScale,
    PiNet,
    Sphere,
    TwoLayer,
    Uniform,
    kernel,
    profile,
    spectrum,
    sum_of_modes,
)
from lfp.kernels import Differential, Dilated, Given, Mapped, as_kernel, power_series
from lfp.spectra import gram_spectrum
from lfp.spectra.zonal import quadrature_shares, series_shares

X, Y = (jnp.asarray(np.random.default_rng(i).normal(size=(3 + i, 2))) for i in (0, 1))
ONE, TWO = kernel(MLP(2, 1, "erf")), kernel(TwoLayer(2, "sin"))


def plain(x1, x2):
    """A user's function, of numpy."""
    return np.exp(np.asarray(x1) @ np.asarray(x2).T)


def test_arithmetic_is_that_of_the_matrices():
    """Sums, products and multiples, a plain function on either side, a number of numpy; one argument, two."""
    a, b, c = (np.asarray(K(X, Y)) for K in (ONE, TWO, plain))
    for found, expected in (
        (2 * ONE + TWO * ONE, 2 * a + b * a),
        (plain + ONE * np.float64(0.5), c + a / 2),
        (ONE + plain, a + c),
        (plain * TWO, b * c),
        (Given(plain) * plain, c * c),
        (jnp.asarray(3.0) * TWO, 3 * b),
    ):
        np.testing.assert_allclose(found(X, Y), expected, rtol=1e-14)
    np.testing.assert_array_equal((ONE + TWO)(X), (ONE + TWO)(X, X))
    np.testing.assert_allclose(Dilated(ONE, 2.0)(X, Y), ONE(2 * X, 2 * Y), rtol=1e-14)
    np.testing.assert_allclose(Mapped(ONE, jnp.cos)(X, Y), ONE(jnp.cos(X), jnp.cos(Y)), rtol=1e-14)


def test_rates_of_a_sum_are_sums_of_rates():
    """In a dimension where only the power series knows them; of a product they are not products."""
    one, two = MLP(2, 1, "erf"), PiNet(2, 2, activation="sin")
    parts = [spectrum(net, Sphere(100), 12) for net in (one, two)]
    total = spectrum(2 * kernel(one) + kernel(two), Sphere(100), 12)
    assert total.above_noise.all()
    np.testing.assert_allclose(total.rates, 2 * parts[0].rates + parts[1].rates, rtol=1e-10)
    product = spectrum(kernel(one) * kernel(two), Sphere(100), 12)
    np.testing.assert_allclose(product.shares.sum() + product.tail, parts[0].trace * parts[1].trace, rtol=1e-12)
    assert not np.allclose(product.rates, parts[0].rates * parts[1].rates, rtol=0.1)


@pytest.mark.slow
def test_product_on_the_circle_is_a_convolution_of_the_rates():
    """Modes k and l of the factors make k + l and k - l: by hand; the same kernel goes into `spectrum`."""
    K = ONE * Given(plain)
    found = spectrum(K, Circle(), 5).rates
    a, b = (np.asarray(spectrum(part, Circle(), 40).shares) for part in (ONE, plain))
    a, b = (np.concatenate([s[:0:-1] / 2, s[:1], s[1:] / 2]) for s in (a, b))
    np.testing.assert_allclose(found, np.convolve(a, b)[80:86], rtol=1e-10)
    problem = sum_of_modes(Circle(), 16, [1])
    dense = gram_spectrum(jnp.asarray(K(*[jnp.asarray(problem.x)] * 2)), problem.weights).rates
    np.testing.assert_allclose(spectrum(K, problem).rates.max(), dense.max(), rtol=1e-12)


@pytest.mark.parametrize(
    ("which", "space"),
    [
        (0.5 * ONE * TWO + kernel(MultiScale(PiNet(2, 2, activation="sin"), (0.5, 1.5))), Sphere(3)),
        pytest.param(PiNet(2, 3, depth=2, activation="erf"), Sphere(3), marks=pytest.mark.slow),
        pytest.param(PiNet(2, 2), Circle(), marks=pytest.mark.slow),
        pytest.param(MultiScale(TwoLayer(2, "gaussian"), (0.5, 1.5)), Hypercube(9), marks=pytest.mark.slow),
    ],
    ids=["algebra", "pi", "relu pi", "scales"],
)
def test_both_ways_agree_within_their_errors(which, space):
    """Quadrature of the kernel and its power series; the series of a part is not that of the whole."""
    K = kernel(which)
    one, error = quadrature_shares(profile(K, space), 9)
    two, other = series_shares(power_series(K, space.dim), space, 9)
    assert np.all(np.abs(one - two) <= error + other)
    part, _ = series_shares(power_series(ONE, space.dim), space, 9)
    assert np.any(np.abs(one - part) > 1e3 * (error + other))


def test_what_has_no_power_series_says_so():
    """A user's function, a mapped kernel, uniform weights; also as a part."""
    for K in (Given(plain), Mapped(ONE, jnp.cos), kernel(TwoLayer(2, w=Uniform(1.0))), ONE + plain, 2 * (ONE * plain)):
        assert power_series(K, 3) is None


def test_operators_of_a_given_kernel():
    """d/dx d/dx' of exp(-(x - x')^2 / 2), by hand; in blocks of rows and columns."""
    x, y = jnp.array([[0.1], [0.7], [1.0]]), jnp.array([[-0.5], [0.1]])
    bell = lambda a, b: jnp.exp(-((a - b.T) ** 2) / 2)  # noqa: E731
    s = np.asarray(x) - np.asarray(y).T
    with jax.numpy_rank_promotion("allow"):
        found = Differential(bell, lambda f, u: jax.grad(f)(u)[0])(x, y)
    np.testing.assert_allclose(found, (1 - s**2) * np.exp(-(s**2) / 2), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: -1 * ONE, "factor=-1"),
        (lambda: ONE * 0.0, r"factor=0\.0"),
        (lambda: float("nan") * ONE, "factor=nan"),
        (lambda: ONE * "two", "factor='two' is no number"),
        (lambda: as_kernel(3.0), r"kernel=3\.0 is no function"),  # annotations are checked here
        (lambda: (ONE + (lambda x1, x2: jnp.ones(3)))(X), r"kernel returned shape \(3,\); allowed: \(3, 3\)"),
        (lambda: (ONE * (lambda x1, x2: jnp.ones((1, 1))))(X, Y), r"shape \(1, 1\); allowed: \(3, 4\)"),
    ],
)
def test_bad_arithmetic_is_named(call, message):
    """A kernel is not negative, nothing is broadcast."""
    with pytest.raises(InputError, match=message):
        call()
