"""The spectral filter against sums over places, Wiener's gain, gradient descent one step at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import InputError
from lfp.networks import SpectralFilter, coloured, filter_error, learnt_gain, power_spectrum, shares, wiener


def slow_filter(gain: np.ndarray, x: np.ndarray) -> np.ndarray:
    """One map of one or two dimensions: the full transform as a sum over places, the gains mirrored by hand."""
    shape, total = x.shape, np.zeros(x.shape, complex)
    places = list(np.ndindex(*shape))
    for k in places:
        mirrored = k if k[-1] <= shape[-1] // 2 else tuple(-i % n for i, n in zip(k, shape, strict=True))
        phase = {p: 2j * np.pi * sum(a * b / n for a, b, n in zip(k, p, shape, strict=True)) for p in places}
        c = sum(x[p] * np.exp(-phase[p]) for p in places) / x.size
        for p in places:
            total[p] += gain[mirrored] * c * np.exp(phase[p])
    return total


@pytest.mark.parametrize("shape", [(5,), (6,), (4, 4), (3, 5)])
def test_a_fixed_gain_multiplies_the_transform(shape):
    layer, rng = SpectralFilter(shape), np.random.default_rng(0)
    x, gain = rng.normal(size=(2, *shape, 2)), rng.uniform(size=layer.frequencies)
    if len(shape) == 2:  # a real filter: gains of k and -k are equal where both stand in the half plane
        for column in {0, shape[-1] // 2} if shape[-1] % 2 == 0 else {0}:
            gain[:, column] = (gain[:, column] + gain[-np.arange(shape[0]) % shape[0], column]) / 2
    found = np.asarray(layer.apply({"gain": jnp.asarray(gain)}, jnp.asarray(x)))
    for i, channel in np.ndindex(2, 2):
        expected = slow_filter(gain, x[i, ..., channel])
        assert abs(expected.imag).max() < 1e-12
        np.testing.assert_allclose(found[i, ..., channel], expected.real, atol=1e-12)


@pytest.mark.parametrize(("shape", "reach"), [((8,), 1), ((4, 6), 1)])
def test_the_mask_is_made_of_the_magnitudes(shape, reach):
    layer = SpectralFilter(shape, adaptive=True, reach=reach)
    params = layer.init()
    assert np.ptp(np.asarray(layer.gains(params, jnp.ones((1, *shape, 1))))) == 0  # a half, to begin with
    keys = jax.random.split(jax.random.key(0), 3)
    params = {name: jax.random.normal(key, leaf.shape) for key, (name, leaf) in zip(keys, params.items(), strict=False)}
    x = jax.random.normal(keys[2], (3, *shape, 4))
    axes = tuple(range(1, x.ndim - 1))
    power = np.abs(np.fft.rfftn(np.asarray(x), axes=axes)) ** 2 / np.prod(shape)
    pooled = np.log(np.stack([power.mean(axis=-1), power.max(axis=-1)], axis=-1))
    padded = np.pad(pooled, [(0, 0)] + [(reach, reach)] * len(shape) + [(0, 0)])
    gains = np.asarray(layer.gains(params, x))
    weights = np.asarray(params["weights"])[..., 0]
    for index in np.ndindex(3, *layer.frequencies):
        window = padded[index[0]][tuple(slice(i, i + 2 * reach + 1) for i in index[1:])]
        logit = float(params["gain"][index[1:]]) + (window * weights).sum()
        np.testing.assert_allclose(gains[index], 1 / (1 + np.exp(-logit)), rtol=1e-9)
    shifted = jnp.roll(x, 1, axis=1)  # magnitudes do not see where things are
    np.testing.assert_allclose(layer.gains(params, shifted), gains, rtol=1e-9)
    np.testing.assert_allclose(layer.apply(params, shifted), jnp.roll(layer.apply(params, x), 1, axis=1), atol=1e-12)


def test_errors_and_their_least():
    """Closed form against made maps; Wiener's gain beats its neighbours; descent step by step, by JAX's gradient."""
    rng, last = np.random.default_rng(1), 8
    signal, noise, gain = rng.uniform(0.5, 2, (3, 5))
    assert shares((5,), last).sum() == pytest.approx(1)
    best = filter_error(wiener(signal, noise), signal, noise, last)
    for k in range(5):
        for move in (-0.01, 0.01):
            assert filter_error(wiener(signal, noise) + move * (np.arange(5) == k), signal, noise, last) > best
    loss = lambda g: jnp.sum(shares((5,), last) * ((1 - g) ** 2 * signal + g**2 * noise)) / 2  # noqa: E731
    g = jnp.full(5, 0.5)
    for _ in range(7):
        g = g - 0.8 * jax.grad(loss)(g)
    np.testing.assert_allclose(learnt_gain(signal, noise, last, 0.8, np.array([7.0]))[0], g, rtol=1e-12)
    one, other = jax.random.split(jax.random.key(0))
    clean, added = (coloured(key, power, 40000, last) for key, power in ((one, signal), (other, noise)))
    np.testing.assert_allclose(power_spectrum(np.asarray(added)), noise, rtol=0.03)
    filtered = SpectralFilter((last,)).apply({"gain": jnp.asarray(gain)}, clean + added)
    measured, expected = float(jnp.mean((filtered - clean) ** 2)), filter_error(gain, signal, noise, last)
    assert measured == pytest.approx(expected, rel=0.02)
    assert measured != pytest.approx(filter_error(gain, noise, signal, last), rel=0.02)  # the control: exchanged


def test_coloured_maps_of_two_dimensions():
    power = np.zeros((4, 3))
    power[1, 1] = power[3, 1] = 2.0
    x = np.asarray(coloured(jax.random.key(0), power, 4000, 4, channels=2))
    assert x.shape == (4000, 4, 4, 2)
    np.testing.assert_allclose(power_spectrum(x), power, atol=0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SpectralFilter((2, 2, 2)), r"shape=\(2, 2, 2\) has 3 dimensions; allowed: 1 or 2"),
        (lambda: SpectralFilter((1,)), "shape=1"),
        (lambda: SpectralFilter((8,), reach=-1), "reach=-1"),
        (
            lambda: SpectralFilter((8,)).apply(SpectralFilter((8,)).init(), jnp.ones((2, 9, 1))),
            r"\(maps, 8, channels\)",
        ),
    ],
)
def test_bad_maps_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
