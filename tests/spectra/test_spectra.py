"""Rates: structured against dense, and what cannot be handled is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Circle, Gaussian, InputError, Line, Operator, TwoLayer, kernel, problem, spectrum, sum_of_modes
from lfp.spectra import FourierSpectrum, GramSpectrum, gram_spectrum
from tests.helpers import arc_cosine_ntk, floats


@pytest.mark.parametrize("n", [15, 16])
def test_circle_rates_are_the_eigenvalues_of_the_gram_matrix(n):
    """FFT of one row against dense eigh, to 1e-14 of the largest rate, with multiplicity two."""
    p = sum_of_modes(Circle(), n, [1])
    fft = spectrum(arc_cosine_ntk, p)
    assert isinstance(fft, FourierSpectrum)
    dense = gram_spectrum(arc_cosine_ntk(jnp.asarray(p.x)), p.weights).rates
    double = fft.rates[1:-1] if n % 2 == 0 else fft.rates[1:]
    once = fft.rates[jnp.array([0, -1])] if n % 2 == 0 else fft.rates[:1]
    both = jnp.sort(jnp.concatenate([once, double, double]))[::-1]
    np.testing.assert_allclose(both, dense, atol=1e-14 * float(dense.max()))


def test_rates_sum_to_the_trace():
    """Sum of multiplicity times rate is K(x, x)."""
    p = sum_of_modes(Circle(), 64, [1])
    rates = spectrum(arc_cosine_ntk, p).rates
    total = rates[0] + 2 * rates[1:-1].sum() + rates[-1]
    np.testing.assert_allclose(total, arc_cosine_ntk(jnp.asarray(p.x))[0, 0], rtol=1e-13)


def test_both_spectra_apply_a_function_alike():
    """g(K) u by Fourier and by eigenvectors is the same; so is the power along the rates."""
    p = sum_of_modes(Circle(), 16, [1, 2, 3])
    fft = spectrum(arc_cosine_ntk, p)
    dense = gram_spectrum(arc_cosine_ntk(jnp.asarray(p.x)), p.weights)
    u = jnp.asarray(np.random.default_rng(0).normal(size=16))
    found, expected = (s.apply(lambda r: jnp.exp(-r)[None], u) for s in (fft, dense))
    np.testing.assert_allclose(found, expected, atol=1e-13)
    np.testing.assert_allclose(fft.coefficients(u).sum(), jnp.mean(u**2), rtol=1e-13)
    np.testing.assert_allclose(dense.coefficients(u).sum(), jnp.mean(u**2), rtol=1e-13)


def test_a_kernel_that_is_not_invariant_falls_back_to_eigh():
    """On the circle too: one row would not know."""
    p = sum_of_modes(Circle(), 16, [1])

    def lopsided(x1, x2=None):
        return arc_cosine_ntk(x1, x2) * jnp.outer(2 + x1[:, 0], 2 + (x1 if x2 is None else x2)[:, 0])

    assert isinstance(spectrum(lopsided, p), GramSpectrum)


def test_scattered_points_on_the_circle_take_eigh():
    """No grid, no FFT."""
    p = problem(Circle(), [0.1, 0.7, 3.0, 5.0], [0.0, 1.0, 0.0, 1.0], [1])
    assert isinstance(spectrum(arc_cosine_ntk, p), GramSpectrum)


def test_weights_count_repeated_points():
    """Merging repeated points leaves the dynamics of the function as it was."""
    t, y = np.array([-0.6, 0.1, 0.1, 0.7]), np.array([1.0, 0.0, 2.0, -1.0])
    p = problem(Line(), t, y, [1])
    merged = spectrum(arc_cosine_ntk, p)
    raw = gram_spectrum(arc_cosine_ntk(jnp.asarray(t)[:, None]), np.full(4, 0.25))
    found = merged.apply(lambda r: jnp.exp(-9 * r)[None], jnp.asarray(p.y))[0]
    expected = raw.apply(lambda r: jnp.exp(-9 * r)[None], jnp.array([1.0, 1.0, 1.0, -1.0]))[0]
    np.testing.assert_allclose(found[jnp.array([0, 1, 1, 2])], expected, atol=1e-13)


def test_float32_knows_its_noise_floor():
    """Rates in float32 differ from float64 by less than the floor that they state, and it is above zero."""
    p = sum_of_modes(Line(), 32, [1])
    gram = arc_cosine_ntk(jnp.asarray(p.x))
    single = gram_spectrum(gram.astype(jnp.float32), p.weights)
    double = gram_spectrum(gram, p.weights)
    assert single.rates.dtype == jnp.float32
    assert 0 < float(jnp.abs(single.rates - double.rates.astype(jnp.float32)).max()) < float(single.noise_floor)


def test_bad_kernels_are_refused():
    """NaN, no symmetry, too many points."""
    with pytest.raises(InputError, match="not finite"):
        gram_spectrum(jnp.full((2, 2), jnp.nan), np.full(2, 0.5))
    with pytest.raises(InputError, match="not symmetric"):
        gram_spectrum(jnp.array([[1.0, 0.5], [0.0, 1.0]]), np.full(2, 0.5))
    with pytest.raises(InputError, match=r"negative rate, -1\.00e\+00"):
        gram_spectrum(jnp.diag(jnp.array([2.0, -2.0])), np.full(2, 0.5))
    t = np.sort(np.random.default_rng(0).uniform(-1, 1, 9000))
    with pytest.raises(InputError, match=r"points=9000 needs 2.4 GiB"):
        spectrum(arc_cosine_ntk, problem(Line(), t, 0 * t, [1]))


def test_a_kernel_that_turns_one_way_is_refused():
    """It depends on the difference of the angles alone, and is not symmetric: no FFT of its even part."""
    turn = lambda x1, x2=None: (x1 + 0.1 * jnp.stack([-x1[:, 1], x1[:, 0]], 1)) @ (x1 if x2 is None else x2).T  # noqa: E731
    with pytest.raises(InputError, match="not symmetric"):
        spectrum(turn, sum_of_modes(Circle(), 16, [1]))


def rates_of_scale(sigma):
    """Rates of the completed operator and of the NTK, on points where rates repeat."""
    data = sum_of_modes(Circle(), 16, [1])
    operator = Operator("relu", w=Gaussian(sigma), b=Gaussian(4.0), dim=data.x.shape[1])
    network = TwoLayer(2, "relu", w=Gaussian(sigma))
    kernels = (lambda x1, x2: operator(x1, x1 if x2 is None else x2)), kernel(network)
    return jnp.concatenate([spectrum(one, data).rates for one in kernels])


def test_rates_are_differentiable_under_jit():
    """jax.jacrev against differences to 1e-6, in pairs of equal rates too; the order of equal rates is anyone's."""
    slope = jax.jit(jax.jacrev(rates_of_scale))(1.3)
    step = 1e-4
    expected = (jax.jit(rates_of_scale)(1.3 + step) - jax.jit(rates_of_scale)(1.3 - step)) / (2 * step)
    np.testing.assert_allclose(slope, expected, atol=1e-6 * float(jnp.abs(expected).max()))
    np.testing.assert_allclose(rates_of_scale(1.3)[0], jax.jit(rates_of_scale)(1.3)[0], rtol=1e-12)  # FFT and eigh
    negative = jax.jit(lambda g: gram_spectrum(g, np.full(2, 0.5)).rates)(jnp.diag(jnp.array([1.0, -0.5])))
    assert np.isnan(negative[1])


def test_rates_lower_for_every_platform():
    """jax.export for CPU, CUDA and TPU in float32."""
    with floats(32):
        run = jax.jit(rates_of_scale)
        exported = jax.export.export(run, platforms=("cpu", "cuda", "tpu"))(jnp.float32(1.3))
        assert exported.platforms == ("cpu", "cuda", "tpu")
        found, expected = exported.call(jnp.float32(1.3)), run(jnp.float32(1.3))
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(found, expected, atol=1e-5 * float(expected.max()))


def test_repeated_points_of_a_full_grid_keep_their_weights():
    """16 angles, half of them ten times: no circulant matrix, the rates of the weighted one; even weights: an FFT."""
    t = np.concatenate([np.arange(16), np.repeat(np.arange(0, 16, 2), 9)]) * np.pi / 8
    p = problem(Circle(), t, np.sin(t), [1])
    gram = arc_cosine_ntk(jnp.asarray(p.x))
    root = np.sqrt(p.weights)
    expected = np.linalg.eigvalsh(root[:, None] * np.asarray(gram) * root[None])[::-1]
    np.testing.assert_allclose(spectrum(arc_cosine_ntk, p).rates, expected, atol=1e-12)
    even = problem(Circle(), np.tile(np.arange(16) * np.pi / 8, 3), np.zeros(48), [1])
    assert isinstance(spectrum(arc_cosine_ntk, even), FourierSpectrum)
