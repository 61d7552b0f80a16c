"""Networks: scaling, antisymmetric initialisation, laws, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import MLP, Custom, Gaussian, InputError, Network, TwoLayer, Uniform, activation


def test_two_layer_is_its_formula():
    """(alpha / sqrt(m)) sum_j a_j sigma(w_j . x + b_j), one neuron at a time."""
    network = TwoLayer(6, "tanh", alpha=3.0, asi=False)
    a, w, b = network.init(jax.random.key(0), dim=2)
    x = np.array([0.3, -1.2])
    expected = (
        3 / np.sqrt(6) * sum(float(a[j]) * np.tanh(float(w[0, j] * x[0] + w[1, j] * x[1] + b[j])) for j in range(6))
    )
    np.testing.assert_allclose(network.apply((a, w, b), jnp.asarray(x)[None])[0], expected, rtol=1e-13)


def test_mlp_is_neural_tangents_parametrisation():
    """Two hidden layers by hand."""
    network = MLP(4, depth=2, activation="erf", w_std=1.3, b_std=0.4, alpha=2.0)
    (w1, b1), (w2, b2), (w3, b3) = network.init(jax.random.key(1), dim=3)
    x = np.array([[0.3, -1.2, 0.5]])
    erf = jax.scipy.special.erf
    z = erf(1.3 / np.sqrt(3) * x @ w1 + 0.4 * b1[None])
    z = erf(1.3 / 2 * z @ w2 + 0.4 * b2[None])
    expected = 2 * (1.3 / 2 * z @ w3 + 0.4 * b3[None])[0, 0]
    np.testing.assert_allclose(network.apply([(w1, b1), (w2, b2), (w3, b3)], jnp.asarray(x))[0], expected, rtol=1e-13)


def test_antisymmetric_initialisation_starts_at_zero():
    """f_0 = 0 with it, and not without (control)."""
    x = jnp.linspace(-1, 1, 5)[:, None]
    paired, plain = TwoLayer(64), TwoLayer(64, asi=False)
    assert float(jnp.abs(paired.apply(paired.init(jax.random.key(0), 1), x)).max()) < 1e-14
    assert float(jnp.abs(plain.apply(plain.init(jax.random.key(0), 1), x)).max()) > 1e-3


@pytest.mark.parametrize("law", [Gaussian(1.7), Uniform(1.7)])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_laws_have_the_moments_that_they_state(law, dim):
    """E r and E r^2 of 10^5 samples within five standard errors; the mean direction is zero."""
    w = law.sample(jax.random.key(3), 100_000, dim)
    r = np.linalg.norm(w, axis=1)
    for q in (1, 2):
        assert abs((r**q).mean() - float(law.moment(q, dim))) < 5 * (r**q).std() / np.sqrt(len(r))
    assert np.abs(np.mean(w, axis=0)).max() < 5 * r.std() / np.sqrt(len(r)) + 0.02


def test_densities_at_zero():
    """p_b(0) of the stated laws."""
    np.testing.assert_allclose(float(Gaussian(2.0).density_at_zero()), 1 / (np.sqrt(2 * np.pi) * 2))
    np.testing.assert_allclose(float(Uniform(2.0).density_at_zero()), 0.25)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TwoLayer(1), "width=1"),
        (lambda: TwoLayer(7), "width=7 must be even"),
        (lambda: TwoLayer(8, alpha=0.0), "alpha=0.0"),
        (lambda: TwoLayer(8, "rleu"), r"activation='rleu' is unknown \(did you mean 'relu'\?\)"),
        (lambda: MLP(8, depth=0), "depth=0"),
        (lambda: MLP(8, w_std=0.0), "w_std=0.0"),
        (lambda: MLP(8, b_std=-1.0), "b_std=-1.0"),
        (lambda: Gaussian(-1.0), "scale=-1.0"),
        (lambda: Uniform(0.0), "bound=0.0"),
        (lambda: Custom(lambda k, d: 0, lambda p, x: x, width=0), "width=0"),
    ],
)
def test_bad_networks(make, message):
    """Every slip is named with its value."""
    with pytest.raises(InputError, match=message):
        make()


def test_custom_network_must_return_one_number_a_point():
    """A model that returns (n, 1) is refused with its shape, not broadcast."""
    network = Custom(lambda key, dim: jnp.ones(dim), lambda p, x: (x @ p)[:, None], width=1)
    with pytest.raises(InputError, match=r"shape \(3, 1\) for 3 points"):
        network.apply(network.init(jax.random.key(0), 1), jnp.ones((3, 1)))


def test_own_function_as_activation():
    """A user's function becomes an activation with JAX's derivative."""
    cube = activation(lambda z: z**3)
    np.testing.assert_allclose(cube.derivative(jnp.array([2.0])), [12.0])
    network: Network = TwoLayer(8, cube)
    assert network.apply(network.init(jax.random.key(0), 1), jnp.ones((2, 1))).shape == (2,)
