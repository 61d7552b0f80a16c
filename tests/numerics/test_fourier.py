"""The Fourier convention and the measurement of modes."""

import jax.numpy as jnp
import numpy as np
import pytest

from lfp import InputError
from lfp.numerics.fourier import analysis, harmonics, is_full_period_grid, walsh_hadamard


def test_coefficients_follow_the_stated_integral():
    """A period integral by a fine midpoint rule gives the coefficients that the DFT of few points gives."""
    u = lambda t: 0.3 + np.sin(2 * np.pi * t) - 2 * np.cos(2 * np.pi * 3 * t + 0.4)  # noqa: E731
    fine = (np.arange(4096) + 0.5) / 4096
    expected = [np.mean(u(fine) * np.exp(-2j * np.pi * k * fine)) for k in range(4)]
    grid = np.arange(16) / 16
    np.testing.assert_allclose(analysis(grid, np.arange(4), np.full(16, 1 / 16)) @ u(grid), expected, atol=1e-14)


def test_grid_is_numpys_rfft():
    """On a grid that starts at 0 the coefficients are numpy's, over n."""
    u = np.random.default_rng(0).normal(size=12)
    measured = analysis(np.arange(12) / 12, np.arange(7), np.full(12, 1 / 12)) @ u
    np.testing.assert_allclose(measured, np.fft.rfft(u) / 12, atol=1e-15)


def test_phase_is_absolute():
    """A grid that starts elsewhere gives the same coefficients: the transform knows where x = 0 is."""
    u = lambda t: np.sin(2 * np.pi * 2 * t)  # noqa: E731
    for start in (0.0, -0.5, 0.13):
        grid = start + np.arange(9) / 9
        np.testing.assert_allclose(analysis(grid, np.array([2]), np.full(9, 1 / 9)) @ u(grid), [-0.5j], atol=1e-14)


def test_scattered_points_recover_known_coefficients():
    """Least squares on scattered points recovers a band-limited signal; a naive sum does not (control)."""
    rng = np.random.default_rng(1)
    t = np.sort(rng.uniform(size=80))
    u = 0.7 + np.cos(2 * np.pi * 3 * t) - 0.2 * np.sin(2 * np.pi * 5 * t)
    modes, weights = np.array([0, 3, 5]), np.full(80, 1 / 80)
    expected = np.array([0.7, 0.5, 0.1j])
    np.testing.assert_allclose(analysis(t, modes, weights) @ u, expected, atol=1e-12)
    naive = harmonics(t, modes).conj().T @ u / 80
    assert np.abs(naive - expected).max() > 1e-2


def test_aliased_modes_are_refused():
    """A mode above half the number of points is named."""
    with pytest.raises(InputError, match=r"modes=5 is aliased: 8 points resolve modes up to 4"):
        analysis(np.arange(8) / 8, np.array([5]), np.full(8, 1 / 8))


def test_undetermined_modes_are_refused():
    """Points crowded in a corner do not determine the modes of the whole period."""
    with pytest.raises(InputError, match="condition number"):
        analysis(np.linspace(0, 0.05, 30), np.array([8]), np.full(30, 1 / 30))


def test_full_period_grid():
    """End point excluded, evenly spaced; anything else is not a grid."""
    assert is_full_period_grid(np.arange(8) / 8 - 0.3)
    assert not is_full_period_grid(np.linspace(0, 1, 8))
    assert not is_full_period_grid(np.array([0.0]))


def test_high_modes_keep_their_digits():
    """exp(2 pi i k t) at k = 10^9, t = 1/4 + 2^-40: a whole number of turns does not cost precision."""
    value = harmonics(np.array([0.25]), np.array([10**9 + 1]))[0, 0]
    np.testing.assert_allclose(value, 1j, atol=1e-15)


def test_the_fast_transform_is_the_sum_of_its_definition():
    """Against the matrix (-1)^popcount(i & j), and at 2^20 there and back."""
    sign = np.array([[(-1) ** (i & j).bit_count() for i in range(16)] for j in range(16)])
    values = np.random.default_rng(0).normal(size=16)
    np.testing.assert_allclose(walsh_hadamard(jnp.asarray(values)), sign @ values, atol=1e-13)
    large = jnp.asarray(np.random.default_rng(0).normal(size=2**20))
    np.testing.assert_allclose(walsh_hadamard(walsh_hadamard(large)) / 2**20, large, atol=1e-12)
    with pytest.raises(InputError, match="power of two"):
        walsh_hadamard(jnp.ones(3))
