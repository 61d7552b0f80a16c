"""The predicted spread over seeds against the spread of real initialisations and real training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import MLP, Circle, GradientDescent, Line, TwoLayer, fluctuations, kernel, probe, solve, spectrum, sum_of_modes
from lfp.prediction.fluctuations import NETWORKS, network_spectrum
from lfp.spectra import gram_spectrum

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


def test_pairs_double_the_variance():
    """Antisymmetric initialisation has half as many independent neurons: control that the factor is seen."""
    p = sum_of_modes(Circle(), 16, [1])
    law, key = GradientDescent(0.5), jax.random.key(0)
    paired, free = (
        probe(fluctuations(TwoLayer(64, asi=asi), p, law, STEPS, kernel(TwoLayer(64)), key), p).spread()
        for asi in (True, False)
    )
    np.testing.assert_allclose(paired[1:], np.sqrt(2) * free[1:], rtol=1e-10, atol=1e-14)


def test_response_is_the_derivative_of_the_solution():
    """First order in the change of the kernel: the error of the prediction falls with its square."""
    from lfp.prediction.fluctuations import _response

    p = sum_of_modes(Line(), 8, [1, 2])
    rng = np.random.default_rng(0)
    x, feature = jnp.asarray(p.x), jnp.asarray(rng.normal(size=(1, 8, 1)))
    gram = jnp.exp(-((x - x.T) ** 2))
    base, change = gram_spectrum(gram, p.weights), feature[0] @ feature[0].T
    law = GradientDescent(1 / float(base.rates.max()))
    steps = np.array([1, 20, 300])
    response = np.asarray(_response(base, law, jnp.asarray(steps, float), feature, jnp.asarray(p.y)))[0]
    errors = []
    for h in (1e-3, 5e-4, 2.5e-4):
        moved = solve(gram_spectrum(gram + h * change, p.weights), p, law, steps).values[0]
        errors.append(np.abs(moved - solve(base, p, law, steps).values[0] - h * response).max())
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.1)


def test_deep_networks_take_fresh_initialisations():
    """One run a network, and they differ."""
    p = sum_of_modes(Circle(), 8, [1])
    network = MLP(16, 2)
    made = fluctuations(network, p, GradientDescent(0.1), STEPS, kernel(network), jax.random.key(0))
    assert made.values.shape == (NETWORKS, 4, 8)
    assert probe(made, p).spread()[-1, 0] > 1e-3
