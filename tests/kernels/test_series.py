"""Power series of kernels: against textbook formulas and a product quadrature; nothing is negative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import MLP, InputError, TwoLayer, kernel
from lfp.kernels import power_series

T = np.array([-0.9, -0.3, 0.0, 0.5, 0.9])
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def hidden_layers(phi, derivative, depth, w, b, dim):
    """The NTK recursion at a few t, every Gaussian average by a product rule of 60 x 60 nodes."""
    q, c = w / dim + b, w / dim * T + b
    ntk = c
    for _ in range(depth):
        rho = c / q
        u = np.sqrt(q) * NODES[:, None, None]
        v = np.sqrt(q) * (rho * NODES[:, None, None] + np.sqrt(1 - rho**2) * NODES[None, :, None])
        both = WEIGHTS[:, None, None] * WEIGHTS[None, :, None]
        value, slope = ((both * f(u) * f(v)).sum(axis=(0, 1)) for f in (phi, derivative))
        q, c = w * (WEIGHTS * phi(np.sqrt(q) * NODES) ** 2).sum() + b, w * value + b
        ntk = c + w * slope * ntk
    return ntk


@pytest.mark.parametrize(
    ("name", "phi", "derivative"),
    [
        ("sin", np.sin, np.cos),
        ("gaussian", lambda z: np.exp(-(z**2) / 2), lambda z: -z * np.exp(-(z**2) / 2)),
        ("tanh", np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    ],
)
def test_series_of_a_deep_kernel(name, phi, derivative):
    """Closed coefficients and Hermite coefficients, two layers deep."""
    series = power_series(kernel(MLP(2, 2, name, 1.0, 0.5)), 3)
    np.testing.assert_allclose(series(T), hidden_layers(phi, derivative, 2, 1.0, 0.25, 3), rtol=1e-7)
    assert series.coefficients.min() >= 0
    np.testing.assert_allclose(series.coefficients.sum(), series.total, rtol=1e-12)


def test_relu_without_biases_is_cho_and_saul():
    """kappa_1 + t kappa_0, as far as 4096 terms reach; the tail is stated."""
    series = power_series(kernel(MLP(2, 1, "relu", b_std=0.0)), 2)
    angle = np.arccos(T)
    expected = (np.sin(angle) + 2 * T * (np.pi - angle)) / np.pi
    np.testing.assert_allclose(series(T), expected, atol=1e-12)
    assert series.total == pytest.approx(2.0, rel=1e-15)
    assert 1e-3 < series.beyond < 1e-2
    assert np.count_nonzero(series.coefficients[3::2]) == 0


def test_gelu_in_closed_form_is_gelu_by_quadrature():
    """Twice the same function: the closed coefficients know those below rounding too."""
    exact = power_series(kernel(TwoLayer(2, "gelu")), 2)
    other = power_series(kernel(TwoLayer(2, lambda z: z * (1 + jax.scipy.special.erf(z / 2**0.5)) / 2)), 2)
    np.testing.assert_allclose(exact.coefficients, other.coefficients, atol=1e-14)
    assert exact.scattered == 0 < other.scattered
    assert np.count_nonzero(exact.coefficients) > 2 * np.count_nonzero(other.coefficients)


def test_what_is_not_smooth_has_none():
    """A kink off zero, a jump."""
    for function in (lambda z: jnp.abs(z - 0.3), jnp.sign):
        with pytest.raises(InputError, match="no fast power series"):
            power_series(kernel(TwoLayer(2, function)), 2)
