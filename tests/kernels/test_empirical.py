"""Empirical kernels against full Jacobians and neural-tangents called directly; the limit of large width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import MLP, Custom, Gaussian, TwoLayer, Uniform, empirical_kernel, kernel
from lfp.kernels import empirical, neural_tangents, ntk_vector_product
from tests.helpers import neuron_features

SPACE = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)))
NETWORKS = {
    "two layers": TwoLayer(32, "tanh", alpha=3.0),
    "two layers, uniform": TwoLayer(32, "relu", w=Uniform(2.0), b=Uniform(1.0), asi=False),
    "MLP": MLP(16, 3, "gelu", alpha=0.5),
    "custom": Custom(
        lambda key, dim: {"u": jax.random.normal(key, (dim,)), "v": jnp.ones(())},
        lambda p, x: jnp.sin(x @ p["u"]) * p["v"],
        width=1,
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in ("MLP", "two layers, uniform") else []) for n in NETWORKS]
)
def test_empirical_kernel_is_that_of_the_full_jacobian(name):
    network = NETWORKS[name]
    params = network.init(jax.random.key(1), 3)
    other = SPACE[:2] + 1

    def jacobian(x):
        tree = jax.jacobian(lambda p: network.apply(p, x))(params)
        return np.concatenate([np.asarray(leaf).reshape(len(x), -1) for leaf in jax.tree.leaves(tree)], axis=1)

    scale = network.alpha**2
    square = empirical_kernel(network, params, SPACE)
    np.testing.assert_allclose(square, jacobian(SPACE) @ jacobian(SPACE).T / scale, rtol=1e-12, atol=1e-12)
    rectangle = empirical_kernel(network, params, SPACE, other)
    np.testing.assert_allclose(rectangle, jacobian(SPACE) @ jacobian(other).T / scale, rtol=1e-12, atol=1e-12)
    assert (square == square.T).all()
    v = jnp.arange(2.0)
    product = ntk_vector_product(network, params, SPACE, other)
    np.testing.assert_allclose(product(v), rectangle @ v, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_blocks_do_not_change_the_kernel(monkeypatch):
    network = MLP(17, 2)
    params = network.init(jax.random.key(0), 3)
    whole = empirical_kernel(network, params, SPACE)
    monkeypatch.setattr(empirical, "BLOCK_BYTES", 1)
    jax.clear_caches()
    np.testing.assert_allclose(empirical_kernel(network, params, SPACE), whole, rtol=1e-13)


@pytest.mark.parametrize("network", [TwoLayer(32, "erf"), MLP(32, 2, "relu")])
def test_empirical_kernel_is_that_of_neural_tangents(network):
    nt = neural_tangents()
    params = network.init(jax.random.key(2), 3)
    reference = nt.empirical_ntk_fn(
        lambda p, x: network.apply(p, x)[:, None], implementation=nt.NtkImplementation.JACOBIAN_CONTRACTION
    )
    np.testing.assert_allclose(
        empirical_kernel(network, params, SPACE), reference(SPACE, None, params), rtol=1e-11, atol=1e-13
    )


LIMITS = {
    "relu": lambda m: TwoLayer(m, "relu", a=Gaussian(0.7), b=Gaussian(0.5)),
    "tanh, alpha": lambda m: TwoLayer(m, "tanh", w=Gaussian(2.0), alpha=5.0),
    "uniform": lambda m: TwoLayer(m, "relu", a=Uniform(2.0), w=Uniform(2.0), b=Uniform(1.0)),
    "MLP": lambda m: MLP(m, 2, "erf", alpha=2.0),
}


@pytest.mark.parametrize("name", ["relu", *(pytest.param(n, marks=pytest.mark.slow) for n in LIMITS if n != "relu")])
def test_empirical_converges_to_analytic_as_the_root_of_the_width(name):
    exact = np.asarray(kernel(LIMITS[name](2))(SPACE))
    widths = [16, 64, 256]
    keys = jax.random.split(jax.random.key(0), 24)

    def kernels(width):
        network = LIMITS[name](width)
        return np.asarray(jax.vmap(lambda key: empirical_kernel(network, network.init(key, 3), SPACE))(keys))

    samples = [kernels(width) for width in widths]
    errors = [np.sqrt(((s - exact) ** 2).mean()) for s in samples]
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.15)
    # control: with half the kernel it stalls
    stalled = [np.sqrt(((s - exact / 2) ** 2).mean()) for s in samples]
    assert np.polyfit(np.log(widths), np.log(stalled), 1)[0] > -0.3


@pytest.mark.slow
def test_features_are_the_kernel_neuron_by_neuron():
    network = TwoLayer(40, "silu", w=Uniform(2.0), alpha=7.0)
    params = network.init(jax.random.key(3), 3)
    F = neuron_features(network, params, SPACE)
    assert F.shape == (40, 5, 5)
    np.testing.assert_allclose(
        jnp.einsum("jnf,jmf->nm", F, F) / 40, empirical_kernel(network, params, SPACE), rtol=1e-12
    )
    one = network.neurons(jax.random.key(4), 1, 3)
    single = TwoLayer(2, "silu", asi=False)
    twice = jax.tree.map(lambda p: jnp.concatenate([p, p], axis=-1), one)
    (F,) = neuron_features(network, one, SPACE)
    np.testing.assert_allclose(F @ F.T, empirical_kernel(single, twice, SPACE), rtol=1e-12)
