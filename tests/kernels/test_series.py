"""Power series of kernels: against textbook formulas, a product quadrature, 60 digits; nothing is negative."""

from decimal import Decimal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import MLP, InputError, MultiScale, PiNet, TwoLayer, kernel
from lfp.kernels import power_series
from tests.reference.decimals import network_series

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
    assert exact.scattered < 1e-100 < other.scattered
    assert np.count_nonzero(exact.coefficients) > 2 * np.count_nonzero(other.coefficients)


def test_what_is_not_smooth_has_none():
    """A kink off zero, a jump."""
    for function in (lambda z: jnp.abs(z - 0.3), jnp.sign):
        with pytest.raises(InputError, match="no fast power series"):
            power_series(kernel(TwoLayer(2, function)), 2)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "erf", "gaussian", "sin"])
@pytest.mark.parametrize(("w", "b", "dim"), [(0.1, 5.0, 1000), (1.4, 0.5, 3), (3.0, 0.0, 2)])
def test_coefficients_against_sixty_digits(name, w, b, dim):
    """Three layers; large biases, with which every correlation is 1 but for 1e-7, cost no digits."""
    found = power_series(kernel(MLP(2, 3, name, w, b)), dim, terms=48)
    exact = network_series(name, 3, w, b, dim, 48)
    for n, (a, expected) in enumerate(zip(found.coefficients, exact, strict=True)):
        assert abs(Decimal(float(a)) - expected) <= Decimal(found.rounding * (n + 8)) * expected, n
    assert found.rounding < 2e-15


CONTINUED = {
    "no biases": kernel(MLP(2, 2, "relu", 1.4, 0.0)),
    "biases of 1e-6": kernel(MLP(2, 1, "relu", 1.4, 1e-6)),
    "small biases": kernel(MLP(2, 3, "relu", 1.4, 3e-3)),
    "biases": kernel(MLP(2, 2, "leaky_relu", 1.4, 0.5)),
    "large biases": kernel(MLP(2, 3, "relu", 0.1, 5.0)),
    "product": kernel(MLP(2, 2, "relu", 1.4, 0.0)) * kernel(MLP(2, 1, "relu", 1.4, 0.3)),
    "scales": kernel(MultiScale(MLP(2, 2, "relu", b_std=0.1), (1.0, 2.0))),
    "pi-net": kernel(PiNet(2, 2, 2, "relu")),
}


@pytest.mark.parametrize("which", CONTINUED.values(), ids=CONTINUED)
def test_the_law_of_the_coefficients_foretells_them(which):
    """Fitted to 512 of 2048 coefficients, it gives the others within the error that it states, below 1e-10."""
    short, full = power_series(which, 3, terms=512), power_series(which, 3, terms=2048)
    n = np.arange(512, 2048)
    a, error = short.later(n.astype(float), np.where(n % 2 == 0, 1, -1))
    expected = full.coefficients[n]
    assert np.all(np.abs(a - expected) <= error)
    assert np.all(error <= 1e-10 * expected)


def test_no_law_is_made_up():
    """A smooth part has corners elsewhere; slopes near those of a line have them close to the circle."""
    smooth = kernel(MLP(2, 2, "relu")) + kernel(MLP(2, 1, "erf"))
    for which in (kernel(MLP(2, 2, "erf")), smooth):
        series = power_series(which, 3, terms=512)
        assert series.law is None
        with pytest.raises(InputError, match="law=None"):
            series.later(np.array([600.0]), 1)
