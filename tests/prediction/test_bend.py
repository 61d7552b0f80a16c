"""How far a network bends on the way of linear theory, against a loop over the steps in numpy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lfp
from lfp.networks.joined import joined
from lfp.prediction import forecast
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


def lazy_sines():
    """A network of one's own, and data that it learns lazily."""
    network = lfp.Custom.from_equinox(lambda key: eqx.nn.MLP(2, 1, 64, 1, jnp.tanh, key=key), alpha=100.0)
    return network, lfp.sum_of_modes(lfp.Circle(), 16, [1, 2])


def test_a_forecast_that_bending_contradicts_is_unknown(monkeypatch):
    """Of a network of one's own; those that the forecast was calibrated on are not asked."""
    network, problem = lazy_sines()
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        said = lfp.predict(network, problem, steps=LOOKS, theory="empirical", seeds=1)
        assert said.forecast.verdict == "holds"
        assert 0 < said.forecast.bent < forecast.BENDS_BELOW
        monkeypatch.setattr(forecast, "BENDS_BELOW", said.forecast.bent / 2)
        report = lfp.compare(said, lfp.train(said))
    assert report.forecast == "unknown"
    assert report.verdict == "holds"
    assert "no forecast: put into the network" in report.reason
    layer, most = max(said.forecast.changes.items(), key=lambda pair: pair[1])
    assert f"linear theory moves {layer} most, by {most:.2g} of its norm" in report.reason
    ours = lfp.predict(lfp.TwoLayer(64, "tanh", alpha=100.0), problem, steps=LOOKS, theory="empirical", seeds=1)
    assert ours.forecast.bent == 0
    assert forecast.calibrated_on(lfp.MLP(8))
    assert not forecast.calibrated_on(lfp.MLP(8, parametrization="standard"))


def test_some_values_stand_for_all():
    """More than 512: the bend is that of the rest too, to a tenth."""
    network, _ = lazy_sines()
    problem = lfp.sum_of_modes(lfp.Circle(), 1500, [1, 2])
    few = lfp.sum_of_modes(lfp.Circle(), 200, [1, 2])
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        law = lfp.GradientDescent(0.1)
        sizes = [lfp.predict(network, p, law, LOOKS, theory="empirical", seeds=1).forecast.bent for p in (problem, few)]
    np.testing.assert_allclose(*sizes, rtol=0.1)


@pytest.mark.parametrize("center", [True, False])
def test_the_published_network_is_not_told_to_hold(center):
    """Three layers of 256 relu, weights N(0, 1 / (3 fan_in)) (Basri et al. 2019): linear theory fails there by .5."""
    sizes = [(2, 256), (256, 256), (256, 256), (256, 1)]

    def init(key, dim):
        keys = jax.random.split(key, len(sizes))
        weights = [jax.random.normal(k, size) / (3 * size[0]) ** 0.5 for k, size in zip(keys, sizes, strict=True)]
        return weights, [jnp.zeros(size[1]) for size in sizes[:-1]]

    def apply(params, x):
        weights, biases = params
        for w, b in zip(weights[:-1], biases, strict=True):
            x = jax.nn.relu(x @ w + b[None, :])
        return (x @ weights[-1])[:, 0]

    data = lfp.sum_of_modes(lfp.Circle(), 1001, [4, 14], 1 / np.sqrt(1001))
    settings = {"theory": "empirical", "seeds": 1, "center": center}
    said = lfp.predict(
        lfp.Custom(init, apply, 256), data, lfp.GradientDescent(1.001), lfp.log_steps(5000, 30), **settings
    )
    assert said.forecast.verdict in ("unknown", "fails")


def test_only_holds_is_doubted():
    ends = {name: np.array([0.5, 1, 2]) * size for name, size in (("small", 0.03), ("large", 0.2))}
    said = [
        forecast.Forecast(ends[name][None], ends[name], 0.0, 0.0, bent=bent).verdict
        for name, bent in (("small", 0.29), ("small", 0.31), ("large", 0.31), ("large", 0.0))
    ]
    assert said == ["holds", "unknown", "fails", "fails"]
