"""The predicted spread over seeds against the spread of real initialisations and real training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    MLP,
    Circle,
    GradientDescent,
    InputError,
    Line,
    TwoLayer,
    fluctuations,
    kernel,
    predict,
    probe,
    solve,
    spectrum,
    sum_of_modes,
    train,
)
from lfp.prediction.fluctuations import NEURONS, _of_width, network_spectrum

STEPS = np.array([0, 3, 30, 200])


def sampled_spread(p, network, law, count):
    """The obvious way: the kernels of many fresh networks, solved one by one."""
    runs = [
        solve(network_spectrum(network, p, network.init(key, p.x.shape[1])), p, law, STEPS).values
        for key in jax.random.split(jax.random.key(7), count)
    ]
    made = fluctuations(network, p, law, STEPS, kernel(network), jax.random.key(1))
    both = (type(made)(STEPS, np.concatenate(runs), p.x), made)
    return [probe(one, p).spread() for one in both]


@pytest.mark.slow
def test_per_neuron_spread_is_that_of_many_networks():
    """Circle and line, with and without antisymmetric pairs: within 25 %, 4 sampling errors of 150 networks."""
    for p, asi in ((sum_of_modes(Circle(), 16, [1, 2, 3]), True), (sum_of_modes(Line(), 16, [1, 3]), False)):
        network = TwoLayer(1024, asi=asi)
        law = GradientDescent(1 / float(spectrum(kernel(network), p).rates.max()))
        measured, predicted = sampled_spread(p, network, law, 150)
        np.testing.assert_allclose(predicted[1:], measured[1:], rtol=0.25)


@pytest.mark.parametrize("width", [512, pytest.param(8192, marks=pytest.mark.slow)])
def test_spread_of_trained_networks_late(width):
    """Where a thousandth of a mode is left too, steps 600 and 1000; to first order it was .07 to .8 of the truth."""
    p, looks = sum_of_modes(Circle(), 24, [1, 2, 3, 4]), np.array([0, 10, 100, 300, 600, 1000])
    network = TwoLayer(width, alpha=50.0)
    law, count = GradientDescent(1 / float(spectrum(network, p).rates.max())), 128 if width < 1000 else 64
    measured = probe(train(network, p, law, looks, seeds=count, seed=100).trajectory, p).spread()
    predicted = probe(fluctuations(network, p, law, looks, kernel(network), jax.random.key(1)), p).spread()
    np.testing.assert_allclose(predicted[1:], measured[1:], rtol=0.25)


def test_pairs_double_the_variance():
    """Antisymmetric initialisation has half as many independent neurons: sqrt(2), to three sampling errors."""
    p = sum_of_modes(Circle(), 16, [1])
    law, limit = GradientDescent(0.5), kernel(TwoLayer(64))
    paired, free = (
        probe(fluctuations(TwoLayer(16384, asi=asi), p, law, STEPS, limit, jax.random.key(0)), p).spread()
        for asi in (True, False)
    )
    np.testing.assert_allclose(
        paired[1:3] / free[1:3], np.sqrt(2), atol=0.37
    )  # later it is no deviation of first order


def test_a_sample_has_mean_and_variance_of_wide_networks():
    """4 NEURONS neurons by a quarter of them; K_c itself (control) has four times their variance."""
    x, network = jnp.asarray(sum_of_modes(Circle(), 5, [1]).x), TwoLayer(4 * NEURONS, asi=False)
    limit, keys = kernel(network)(x, None), jax.random.split(jax.random.key(0), 400)
    made = np.array([_of_width(network, x, limit, one) for one in keys])
    narrow = np.array([_of_width(TwoLayer(NEURONS, asi=False), x, limit, one) for one in keys])
    error = made.std(axis=0) / 20
    assert (np.abs(made.mean(axis=0) - limit) < 5 * error).all()
    a, w, b = np.random.default_rng(0).normal(size=(3, 400, 4 * NEURONS, 1))
    w = np.concatenate([w, np.random.default_rng(1).normal(size=w.shape)], axis=2)
    z = w @ np.asarray(x).T + b
    slope = a * (z > 0)
    value, dot = np.maximum(z, 0), 1 + np.asarray(x @ x.T)
    true = (np.einsum("rmi,rmj->rij", value, value) + np.einsum("rmi,rmj->rij", slope, slope) * dot) / (4 * NEURONS)
    np.testing.assert_allclose(made.std(axis=0), true.std(axis=0), rtol=0.2)
    np.testing.assert_allclose(narrow.std(axis=0), 2 * true.std(axis=0), rtol=0.2)


def test_unstable_samples_make_no_band():
    """A step that a narrow network does not bear: said by `fluctuations`; `predict` goes without a band."""
    p, network = sum_of_modes(Circle(), 16, [1, 2]), TwoLayer(32)
    law = GradientDescent(1.95 / float(spectrum(network, p).rates.max()))
    with pytest.raises(InputError, match="unstable for a network of this width"):
        fluctuations(network, p, law, STEPS, kernel(network), jax.random.key(0))
    assert predict(network, p, law, STEPS, seeds=2).band is None


def test_deep_networks_take_fresh_initialisations():
    """One run a network, and they differ."""
    p = sum_of_modes(Circle(), 8, [1])
    network = MLP(16, 2)
    made = fluctuations(network, p, GradientDescent(0.1), STEPS, kernel(network), jax.random.key(0))
    assert made.values.shape == (128, 4, 8)
    assert probe(made, p).spread()[-1, 0] > 1e-3
