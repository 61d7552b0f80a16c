"""Transforms of the activations against their defining integrals, and the numerical transform against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Activation, InputError, activation
from lfp.neurons.activations import ACTIVATIONS
from lfp.neurons.numerical import LARGEST_ERROR, numerical
from lfp.numerics.quadrature import gauss_legendre

TRANSFORMED = sorted(set(ACTIVATIONS) - {"sin"})
SMOOTH = sorted(set(TRANSFORMED) - {"relu", "leaky_relu", "elu"})
REACH = 42.0  # beyond it every activation is its two lines, to rounding


def panels(*breaks: float, reach: float = REACH) -> tuple[np.ndarray, np.ndarray]:
    return gauss_legendre(np.unique([*np.linspace(-reach, reach, 421), *breaks]))


def finite_part(which: Activation, u: float) -> tuple[float, float]:
    """A(u) and B(u) by their definition, one u at a time."""
    (c0, c1), (d0, d1) = which.slopes, which.levels
    t, w = panels(0.0, u / 2, -u / 2, reach=REACH + u / 2)
    c, d = np.where(t > 0, c1, c0), np.where(t > 0, d1, d0)
    left, right = jnp.asarray(t + u / 2), jnp.asarray(t - u / 2)
    grown = c**2 * (t**2 - u**2 / 4) + 2 * c * d * t + d**2
    value = np.sum(w * (which(left) * which(right) - grown))
    return value, np.sum(w * (which.derivative(left) * which.derivative(right) - c**2))


@pytest.mark.parametrize("name", TRANSFORMED)
def test_profiles_are_the_finite_parts(name):
    which = activation(name)
    u = np.array([0.0, 1e-6, 0.02, 0.5, 1.59, 1.61, 4.0, 15.0])
    expected = np.array([finite_part(which, v) for v in u])
    np.testing.assert_allclose(which.transform.profile(jnp.asarray(u)), expected[:, 0], rtol=2e-12, atol=2e-10)
    np.testing.assert_allclose(which.transform.slope_profile(jnp.asarray(u)), expected[:, 1], rtol=2e-12, atol=1e-12)


@pytest.mark.parametrize("name", TRANSFORMED)
def test_slope_profile_is_minus_the_second_derivative(name):
    transform = activation(name).transform
    u = jnp.array([0.01, 0.7, 1.55, 1.65, 5.0, 30.0])
    curvature = jax.jit(jax.vmap(jax.grad(jax.grad(transform.profile))))(u)
    np.testing.assert_allclose(transform.slope_profile(u), -curvature, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", TRANSFORMED)
def test_powers_against_the_integral_of_a_derivative_that_decays(name):
    """By parts: F[sigma''] is the jump of sigma' plus the integral of sigma'' on either side of 0."""
    which = activation(name)
    z, w = panels(0.0)
    second = w * np.asarray(jax.jit(jax.vmap(jax.grad(jax.grad(which.function))))(jnp.asarray(z)))
    jump = np.diff(which.derivative(jnp.array([-1e-14, 1e-14])))[0] if name in ("relu", "leaky_relu") else 0.0
    eta = np.array([0.01, 0.1, 0.3, 0.5, 0.7])
    transform = np.exp(-2j * np.pi * np.outer(eta, z)) @ second + jump
    resolved = np.abs(transform) > 1e-7 * np.sum(np.abs(second))  # 1e-8 of it is above rounding
    power = np.abs(transform) ** 2 / (2 * np.pi * eta) ** 4
    assert resolved.sum() >= 3
    np.testing.assert_allclose(which.transform.power(jnp.asarray(eta))[resolved], power[resolved], rtol=1e-8)
    slope = which.transform.slope_power(jnp.asarray(eta))
    np.testing.assert_allclose(slope, which.transform.power(jnp.asarray(eta)) * (2 * np.pi * eta) ** 2, rtol=1e-13)


@pytest.mark.parametrize("name", TRANSFORMED)
def test_powers_and_profiles_are_finite_far_out_and_in_float32(name):
    transform = activation(name).transform

    @jax.jit
    def probe(far, near):
        slopes = [jax.vmap(jax.grad(f))(near) for f in (transform.profile, transform.slope_profile)]
        return transform.power(far), transform.slope_power(far), transform.profile(far[:2]), *slopes

    for dtype in (jnp.float32, jnp.float64):
        for values in probe(jnp.array([1e2, 1e4, 1e7], dtype), jnp.array([0.0, 1e-8, 50.0], dtype)):
            assert values.dtype == dtype
            assert bool(jnp.isfinite(values).all())


@pytest.mark.parametrize("name", ["softplus", "tanh", "gaussian"])
def test_numerical_transform_of_a_smooth_function(name):
    """As if the function were the user's: one per order of the derivative that decays."""
    which = activation(name)
    found = numerical(name, which.function)
    assert found.slopes == which.slopes
    np.testing.assert_allclose(found.levels, which.levels, atol=1e-13)
    assert found.error < 1e-12
    eta = jnp.array([0.003, 0.1, 0.3, 0.5])
    np.testing.assert_allclose(found.power(eta), which.transform.power(eta), rtol=1e-8)
    np.testing.assert_allclose(found.slope_power(eta), which.transform.slope_power(eta), rtol=1e-8)
    u = jnp.array([0.0, 1e-4, 0.4, 3.0, 20.0, 300.0])
    np.testing.assert_allclose(found.profile(u), which.transform.profile(u), rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(found.slope_profile(u), which.transform.slope_profile(u), rtol=1e-11, atol=1e-11)


@pytest.mark.slow
def test_numerical_transform_with_kinks():
    """leaky relu (a jump of the slope) over four decades; a hat with two kinks: F[hat] = (sin(pi eta) / pi eta)^2."""
    leaky = activation("leaky_relu")
    found = numerical("mine", leaky.function, kinks=(0.0,))
    eta = jnp.array([0.01, 0.7, 9.0, 11.0, 100.0])
    np.testing.assert_allclose(found.power(eta), leaky.transform.power(eta), rtol=1e-8)
    hat = numerical("hat", lambda z: jnp.maximum(1 - jnp.abs(z), 0.0), kinks=(-1.0, 0.0, 1.0))
    np.testing.assert_allclose(hat.power(eta), jnp.sinc(eta) ** 4, rtol=1e-8, atol=1e-18)
    u = jnp.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
    spline = jnp.where(u < 1, (4 - 6 * u**2 + 3 * u**3) / 6, jnp.maximum(2 - u, 0.0) ** 3 / 6)
    np.testing.assert_allclose(hat.profile(u), spline, atol=1e-12)


@pytest.mark.parametrize(
    ("function", "kinks", "message"),
    [
        (jnp.cos, (), "approaches no line"),
        (jnp.square, (), "approaches no line"),
        (jax.nn.soft_sign, (), "approaches no line"),
        (jax.nn.relu, (), "does not show"),
        (jax.nn.elu, (), "does not converge"),
        (lambda z: jnp.clip(z, -1, 1), (1.0,), "does not converge"),
        (lambda z: jnp.where(z > 0.3, 1.0, 0.0), (), "does not"),
    ],
)
def test_functions_without_a_transform_are_refused(function, kinks, message):
    with pytest.raises(InputError, match=message):
        numerical("mine", function, kinks)


def test_the_sine_has_lines_and_no_power():
    assert activation("sin").transform.periodic
    with pytest.raises(InputError, match="periodic"):
        activation("sin").transform.power(jnp.ones(1))
    assert LARGEST_ERROR < 1e-8


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'relu'"):
        activation("rellu")
