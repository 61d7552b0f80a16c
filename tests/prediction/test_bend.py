"""How far a network bends on the way of linear theory, against a loop over the steps in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lfp
from lfp.networks.joined import joined
from lfp.prediction.bend import bend
from lfp.prediction.fluctuations import network_spectrum

X = np.array([[-0.8], [-0.1], [0.3], [0.9]])
DATA = lfp.Points(X, np.array([0.5, -0.3, 0.1, 0.4]), np.array([0.1, 0.4, 0.3, 0.2]))
LOOKS = np.array([0, 1, 3, 40])
TINY = lfp.Custom(
    lambda key, dim: jnp.array([0.7, -0.4, 1.2]), lambda p, x: p[2] * jnp.tanh(p[0] * x[:, 0] + p[1]), 1, 2.0
)


def by_hand(lr, decay=0.0):
    """u' = u - lr K P u, theta' = theta + lr J^T P (-u) / alpha^2, the network at theta; alpha = 2."""
    theta = np.array([0.7, -0.4, 1.2])
    h = np.tanh(theta[0] * X[:, 0] + theta[1])
    jacobian = 2 * np.stack([theta[2] * (1 - h**2) * X[:, 0], theta[2] * (1 - h**2), h], axis=1)
    kernel, u, moved, seen = jacobian @ jacobian.T / 4, -DATA.y, np.zeros(3), []
    for s in range(LOOKS[-1] + 1):
        if s in LOOKS:
            a, b, c = theta + moved
            seen.append(2 * (c * np.tanh(a * X[:, 0] + b) - theta[2] * h) - jacobian @ moved)
        moved = moved - lr * jacobian.T @ (DATA.weights * u) / 4
        u = u - lr * kernel @ (DATA.weights * u)
    return np.array(seen)


def test_a_tiny_network_by_hand():
    params = TINY.init(jax.random.key(0), 1)
    rates = network_spectrum(TINY, DATA, params)
    found = bend(TINY, DATA, lfp.GradientDescent(0.8), LOOKS, params, rates)
    np.testing.assert_allclose(found, by_hand(0.8), atol=1e-12)
    assert np.abs(found[-1]).max() > 0.01
    assert not found[0].any()


def test_a_linear_model_does_not_bend():
    network = lfp.Custom(lambda key, dim: jnp.ones(1), lambda p, x: x @ p, 1)
    params = network.init(jax.random.key(0), 1)
    rates = network_spectrum(network, DATA, params)
    assert np.abs(bend(network, DATA, lfp.HeavyBall(0.5), LOOKS, params, rates)).max() < 1e-14


@pytest.mark.parametrize("outputs", [1, 2])
def test_laziness_straightens_as_one_over_alpha(outputs):
    """Twice alpha halves it, in the last octave within 10 %; two outputs likewise."""
    sizes = []
    for alpha in (200.0, 400.0):
        network = lfp.MLP(32, 2, "tanh", alpha=alpha, outputs=outputs)
        data = DATA if outputs == 1 else lfp.Joint.of(X, np.stack([DATA.y, DATA.y[::-1]], axis=1))
        inside = joined(network, data)
        params = jax.tree.map(lambda leaf: leaf.astype(float), inside.init(jax.random.key(0), data.x.shape[1]))
        rates = network_spectrum(inside, data, params)
        law = lfp.GradientDescent(1 / float(rates.rates.max()))
        sizes.append(np.abs(bend(inside, data, law, LOOKS, params, rates)).max())
    np.testing.assert_allclose(sizes[0] / sizes[1], 2, rtol=0.1)
