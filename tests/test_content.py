"""Frequencies of eigenvectors: where they are known, and where points do not tell them apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Circle, InputError, frequency_content, gram_spectrum, kernel_product, largest_rates
from lfp.fourier import analysis
from lfp.spectra import GramSpectrum
from tests.helpers import arc_cosine_ntk

RNG = np.random.default_rng(0)
MODES = np.arange(6)[:, None]


def made_of(values: np.ndarray, weights: np.ndarray) -> GramSpectrum:
    """Eigenfunctions that are given, one a column; their rates do not matter."""
    return GramSpectrum(
        jnp.ones(values.shape[1]), jnp.asarray(values * np.sqrt(weights)[:, None]), jnp.asarray(weights)
    )


def test_eigenvectors_of_the_circle_are_modes():
    """Rates fall with k but for odd modes > 1: the order of the rates is 0 or 1, then 2, 3, ... by twos."""
    t = np.arange(24) / 24
    x = Circle().embed(2 * np.pi * t)
    spectrum = largest_rates(kernel_product(arc_cosine_ntk, x), 9, jax.random.key(0), tolerance=1e-11)
    found = frequency_content(spectrum, t[:, None], np.arange(12)[:, None])
    np.testing.assert_allclose(found.share, np.ones(9), atol=1e-8)
    np.testing.assert_allclose(found.mean, found.dominant, atol=1e-6)
    exact = np.fft.rfft(np.asarray(arc_cosine_ntk(jnp.asarray(x)))[0]).real / 24
    np.testing.assert_allclose(spectrum.rates, exact[found.dominant], atol=1e-12)
    assert sorted(set(found.dominant.tolist())) == sorted(
        np.argsort(-exact)[: len(set(found.dominant.tolist()))].tolist()
    )


def test_scattered_points_with_weights():
    """A known sum of waves comes back, mode by mode as by `analysis`; correlations alone would leak."""
    t, weights = RNG.uniform(0, 1, 60), RNG.uniform(1, 2, 60)
    weights /= weights.sum()
    values = 3 * np.cos(2 * np.pi * 2 * t + 0.4) + np.sin(2 * np.pi * 5 * t) + 0.5
    found = frequency_content(made_of(values[:, None], weights), t[:, None], MODES)
    wave = lambda k, c: 2 * (c[k] * np.exp(2j * np.pi * k * t)).real  # noqa: E731
    c = analysis(t, MODES[:, 0], weights) @ values
    expected = [np.sum(weights * wave(k, c) ** 2) for k in range(1, 6)]
    np.testing.assert_allclose(found.power[1:, 0], expected, atol=1e-12)
    np.testing.assert_allclose(found.power[:, 0] > 1e-12, [True, False, True, False, False, True])
    np.testing.assert_allclose(found.explained, np.sum(weights * values**2), rtol=1e-12)
    assert found.dominant.tolist() == [2]
    assert abs(np.sum(weights * values * np.exp(2j * np.pi * 3 * t))) ** 2 > 1e-3  # the leak


def test_the_plane():
    """Frequency vectors; the mean is that of their lengths."""
    x = RNG.uniform(-1, 1, (80, 2))
    frequencies = np.array([[0.0, 0.0], [0.3, 0.0], [0.0, 0.4], [0.6, 0.8], [0.6, -0.8]])
    values = np.sin(2 * np.pi * x @ frequencies[3])
    found = frequency_content(made_of(values[:, None], np.full(80, 1 / 80)), x, frequencies)
    assert found.dominant.tolist() == [3]
    np.testing.assert_allclose(found.mean, [1.0], rtol=1e-12)
    np.testing.assert_allclose(found.share, np.mean(values**2), rtol=1e-12)


def test_what_is_no_given_frequency_is_not_explained():
    """Mode 5 on a grid is orthogonal to the modes below 5."""
    t = np.arange(16) / 16
    values = np.sqrt(2) * np.cos(2 * np.pi * 5 * t)
    one = made_of(values[:, None], np.full(16, 1 / 16))
    np.testing.assert_allclose(frequency_content(one, t[:, None], MODES[:5]).explained, 0, atol=1e-14)
    np.testing.assert_allclose(frequency_content(one, t[:, None], MODES).explained, 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "frequencies", "match"),
    [
        (np.arange(16)[:, None] / 16, np.array([[1], [-1]]), "do not tell apart"),
        (np.arange(16)[:, None] / 16, np.array([[1], [17]]), "do not tell apart"),
        (np.arange(16)[:, None] / 16, np.array([[8]]), "do not tell apart"),
        (np.arange(15)[:, None] / 16, MODES, r"x of shape \(15, 1\)"),
        (np.arange(16)[:, None] / 16, np.ones((3, 2)), r"frequencies of \(3, 2\)"),
        (np.full((16, 1), np.nan), MODES, "x has 16 values"),
        (np.arange(16)[:, None] / 16, np.array([[np.inf]]), "frequencies has 1 values"),
    ],
)
def test_bad_input_is_refused(x, frequencies, match):
    spectrum = gram_spectrum(jnp.eye(16), np.full(16, 1 / 16))
    with pytest.raises(InputError, match=match):
        frequency_content(spectrum, x, frequencies)
