"""Frequencies of eigenvectors: where they are known, and where points do not tell them apart."""

import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Circle, InputError, frequency_content
from lfp.numerics.fourier import analysis
from lfp.spectra import PartialSpectrum, gram_spectrum
from tests.helpers import arc_cosine_ntk

RNG = np.random.default_rng(0)
MODES = np.arange(6)[:, None]


def made_of(values: np.ndarray, weights: np.ndarray) -> PartialSpectrum:
    """Eigenfunctions that are given, one a column; their rates do not matter."""
    rates, vectors = jnp.ones(values.shape[1]), jnp.asarray(values * np.sqrt(weights)[:, None])
    return PartialSpectrum(rates, vectors, jnp.asarray(weights), 0 * rates, jnp.asarray(1.0), 1)


def test_eigenvectors_of_the_circle_are_modes():
    """Any two eigenvectors of a repeated rate have the power of one mode, whose rate the FFT of a row knows."""
    t = np.arange(24) / 24
    gram = arc_cosine_ntk(jnp.asarray(Circle().embed(2 * np.pi * t)))
    spectrum = gram_spectrum(gram, np.full(24, 1 / 24))
    found = frequency_content(spectrum, t[:, None], np.arange(12)[:, None])
    modes = found.dominant[:-1]  # the lowest rate is that of mode 12, of which the grid sees the cosine only
    np.testing.assert_allclose(found.share[:-1], np.ones(23), atol=1e-10)
    np.testing.assert_allclose(found.mean[:-1], modes, atol=1e-8)
    assert sorted(modes.tolist()) == sorted([0, *range(1, 12), *range(1, 12)])
    exact = np.fft.rfft(np.asarray(gram)[0]).real / 24
    np.testing.assert_allclose(spectrum.rates[:-1], exact[modes], atol=1e-13)


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
