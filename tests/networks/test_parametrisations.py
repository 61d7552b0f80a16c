"""The standard parametrisation beside neural-tangents': the same function, other gradients, and what that does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lfp
from lfp.networks.network import inertia
from lfp.prediction.prediction import laziness

X = np.random.default_rng(0).normal(size=(7, 3))
KEY = jax.random.key(1)


def pair(width=64, depth=2, name="erf", **scales):
    return [lfp.MLP(width, depth, name, parametrization=kind, **scales) for kind in ("ntk", "standard")]


def layer_kernels(network, params):
    """Of every layer the kernels of its weights and of its biases, by the Jacobian."""
    jacobian = jax.jacrev(lambda p: network.apply(p, jnp.asarray(X)))(params)
    grams = [[np.asarray(leaf).reshape(len(X), -1) for leaf in layer] for layer in jacobian]
    return np.array([[rows @ rows.T for rows in layer] for layer in grams])


@pytest.mark.parametrize("b_std", [0.0, 0.7])
def test_the_same_function_and_the_factors_between_the_kernels(b_std):
    """f to 1e-12; every layer's kernel by fan_in / w_std^2, of biases by 1 / b_std^2, which may start at 0."""
    ntk, standard = pair(w_std=1.3, b_std=b_std)
    drawn = [network.init(KEY, 3) for network in (ntk, standard)]
    values = [network.apply(params, jnp.asarray(X)) for network, params in zip((ntk, standard), drawn, strict=True)]
    np.testing.assert_allclose(*values, rtol=1e-12)
    own, other = (layer_kernels(*both) for both in zip((ntk, standard), drawn, strict=True))
    for layer, fan_in in enumerate((3, 64, 64)):
        np.testing.assert_allclose(other[layer, 0], own[layer, 0] * fan_in / 1.3**2, rtol=1e-9, atol=1e-12)
        if b_std:
            np.testing.assert_allclose(other[layer, 1], own[layer, 1] / b_std**2, rtol=1e-9, atol=1e-12)
    assert np.abs(other[:, 1]).max() > 0.1


def by_hand(width, w, b):
    """relu, one hidden layer: 1 + m E[s s'] + w^2 E[s' s'] (1 + x.x'), arc-cosine kernels (Cho and Saul 2009)."""
    c = b**2 + w**2 * X @ X.T / 3
    size = np.sqrt(np.diag(c))
    angle = np.arccos(np.clip(c / np.outer(size, size), -1, 1))
    value = np.outer(size, size) * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    return 1 + width * value + w**2 * (np.pi - angle) / (2 * np.pi) * (1 + X @ X.T)


def test_the_kernel_at_infinite_width_by_hand():
    network = pair(512, 1, "relu", w_std=1.1, b_std=0.4)[1]
    np.testing.assert_allclose(lfp.kernel(network)(jnp.asarray(X)), by_hand(512, 1.1, 0.4), rtol=1e-6)
    control = lfp.kernel(pair(256, 1, "relu", w_std=1.1, b_std=0.4)[1])(jnp.asarray(X))
    assert np.abs(control / by_hand(512, 1.1, 0.4) - 1).max() > 0.2


def test_deep_networks_on_the_average():
    """Depth 3, mean of 24 networks of width 512 within four standard errors and 3 % (of order depth / m)."""
    network = pair(512, 3, "erf", w_std=1.4, b_std=0.2)[1]
    grams = np.stack(
        [lfp.empirical_kernel(network, network.init(key, 3), jnp.asarray(X)) for key in jax.random.split(KEY, 24)]
    )
    error = grams.std(axis=0) / np.sqrt(24)
    off = np.abs(grams.mean(axis=0) - np.asarray(lfp.kernel(network)(jnp.asarray(X))))
    assert (off < 4 * error + 0.03 * np.abs(grams.mean(axis=0))).all()


def test_rates_by_mode_are_those_of_the_gram_matrix():
    """The series of the kernel on the circle and its values on a grid, to 1e-9."""
    network = pair(64, 2, "erf", b_std=0.0)[1]
    problem = lfp.sum_of_modes(lfp.Circle(), 96, [1])
    series = lfp.spectrum(network, lfp.Circle(), 6).rates
    gram = np.asarray(lfp.kernel(network)(jnp.asarray(problem.x)))
    np.testing.assert_allclose(series[:6], np.fft.fft(gram[0]).real[:6] / 96, rtol=1e-9, atol=1e-9)


def test_the_clock_of_hidden_weights():
    """K / m tends to the kernel of hidden and output weights over w_std^2: steps of lr = 1 / L do the same work."""
    problem = lfp.sum_of_modes(lfp.Circle(), 32, [1, 2, 3])
    narrow, wide = (lfp.spectrum(pair(m, 1, "relu", b_std=0.0)[1], problem).rates[1:3] / m for m in (1e4, 1e6))
    np.testing.assert_allclose(narrow, wide, rtol=2e-3)
    with pytest.raises(lfp.InputError, match="parametrization='he'"):
        lfp.MLP(8, parametrization="he")  # type: ignore[arg-type]


def test_laziness_is_the_same():
    """He's weights move as far, against their size, as the standard normal ones behind a factor."""
    problem, steps = lfp.sum_of_modes(lfp.Circle(), 16, [1, 2]), np.array([0, 1000])
    ntk, standard = pair(10**6, 1, "relu", w_std=2**0.5, b_std=0.0)
    lazy = []
    for network in (ntk, standard):
        rates = lfp.spectrum(network, problem)
        lazy.append(laziness(network, problem, lfp.GradientDescent(1 / rates.rates[1]), steps, rates)[-1])
    assert lazy[0] / 5 < lazy[1] < 5 * lazy[0]  # the first layer hardly moves in the standard one
    assert inertia(lfp.MultiScale(standard, (1.0, 2.0))) == 2 * standard.inertia


def test_training_is_as_predicted():
    """He's initialisation, width 2048, steps of 1 / L: D_sup at most .05; the theory of the other (control) is off."""
    ntk, standard = pair(2048, 2, "relu", b_std=0.0, alpha=20.0)
    problem = lfp.sum_of_modes(lfp.Circle(), 32, [1, 2, 3])
    said = lfp.predict(standard, problem, steps=lfp.log_steps(300, 20), seeds=4)
    run = lfp.train(said)
    report = lfp.compare(said, run, remedies=False)
    assert report.d_sup <= 0.05, str(report)
    other = lfp.predict(ntk, problem, said.law, said.plan.steps, seeds=1)
    theory, measured = (lfp.probe(one, problem).mean() for one in (other.theory, run.trajectory))
    assert np.abs(theory - measured).max() > 0.1
