"""Modules of flax and equinox as they come: their own numbers, their own f, and what is said where that cannot be."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from lfp import Custom, InputError, Joint, Points, compare, empirical_kernel, log_steps, predict, train
from lfp.measure.probes import sup_distance
from tests.helpers import floats

KEY = jax.random.key(3)
X = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def as_users_have_it():
    """float32, and JAX's promotion as it comes: flax counts on it."""
    with floats(32), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


class Normalised(linen.Module):
    """Dense layers with batch normalisation and dropout."""

    @linen.compact
    def __call__(self, x, train=False):
        x = linen.BatchNorm(use_running_average=not train)(linen.Dense(16)(x))
        return linen.Dense(1)(linen.Dropout(0.5, deterministic=not train)(jnp.tanh(x)))


class Residual(nnx.Module):
    """A block of two convolutions beside the identity, on 8 x 8 pixels."""

    def __init__(self, *, rngs):
        self.first, self.second = (nnx.Conv(1, 1, (3, 3), rngs=rngs) for _ in range(2))
        self.norm, self.end = nnx.BatchNorm(1, rngs=rngs), nnx.Linear(64, 1, rngs=rngs)

    def __call__(self, x):
        y = self.second(nnx.relu(self.norm(self.first(x)))) + x
        return self.end(y.reshape(len(y), -1))


class Siren(eqx.Module):
    """Two layers of sines and a linear one; the frequency is a number and not trained."""

    layers: list
    omega: float = eqx.field(static=True, default=10.0)

    def __init__(self, key):
        keys = jax.random.split(key, 3)
        sizes = ((2, 32), (32, 32), (32, 1))
        self.layers = [eqx.nn.Linear(*size, key=k) for size, k in zip(sizes, keys, strict=True)]

    def __call__(self, x):
        for layer in self.layers[:-1]:
            x = jnp.sin(self.omega * layer(x))
        return self.layers[-1](x)


class Attention(linen.Module):
    """Eight tokens of eight numbers, normalised, that attend to each other; the mean over them."""

    @linen.compact
    def __call__(self, x):
        x = linen.LayerNorm()(linen.Dense(16)(x))
        x = x + linen.MultiHeadDotProductAttention(2, qkv_features=16)(x)
        return linen.Dense(1)(x.mean(axis=1))


DENSE = linen.Sequential([linen.Dense(32), jnp.tanh, linen.Dense(16), jnp.tanh, linen.Dense(1)])
PIXELS = np.random.default_rng(1).normal(size=(12, 64)).astype(np.float32)


def its_own_linen(module, shape):
    def own(key, x):
        return module.init_with_output(key, x.reshape(len(x), *shape))[0]

    return own


# (as lfp has it, the module's own f by a key, points)
MODULES = {
    "linen": (lambda: Custom.from_flax(DENSE), its_own_linen(DENSE, (2,)), X),
    "linen, BatchNorm, Dropout": (lambda: Custom.from_flax(Normalised()), its_own_linen(Normalised(), (2,)), X),
    "linen, attention, LayerNorm": (
        lambda: Custom.from_flax(Attention(), 16, shape=(8, 8)),
        its_own_linen(Attention(), (8, 8)),
        PIXELS,
    ),
    "nnx, residual convolutions": (
        lambda: Custom.from_flax(lambda rngs: Residual(rngs=rngs), 9, shape=(8, 8, 1)),
        lambda key, x: _evaluated(Residual(rngs=nnx.Rngs(key)), x.reshape(-1, 8, 8, 1)),
        PIXELS,
    ),
    "equinox": (
        lambda: Custom.from_equinox(lambda key: eqx.nn.MLP(2, 1, 24, 2, key=key)),
        lambda key, x: jax.vmap(eqx.nn.MLP(2, 1, 24, 2, key=key))(x),
        X,
    ),
    "equinox, siren": (lambda: Custom.from_equinox(Siren), lambda key, x: jax.vmap(Siren(key))(x), X),
    "equinox, convolution": (
        lambda: Custom.from_equinox(_convolution, 4, shape=(1, 8, 8)),
        lambda key, x: jax.vmap(eqx.nn.inference_mode(_convolution(key)))(x.reshape(-1, 1, 8, 8)),
        PIXELS,
    ),
}


def _evaluated(module, x):
    module.eval()
    return module(x)


def _convolution(key):
    keys = jax.random.split(key)
    layers = [eqx.nn.Conv2d(1, 4, 3, key=keys[0]), eqx.nn.Lambda(jax.nn.relu), eqx.nn.Lambda(jnp.ravel)]
    return eqx.nn.Sequential([*layers, eqx.nn.Dropout(0.5), eqx.nn.Linear(4 * 36, 1, key=keys[1])])


@pytest.mark.parametrize("name", MODULES)
def test_f_and_the_numbers_it_begins_with_are_the_modules_own(name):
    """To 1e-6, at the key of a network; and compiled, for all networks at once, as training draws them."""
    make, own, x = MODULES[name]
    network = make()
    found = network.apply(network.init(KEY, x.shape[1]), jnp.asarray(x))
    np.testing.assert_allclose(found, np.asarray(own(KEY, jnp.asarray(x)))[:, 0], rtol=1e-6, atol=1e-6)
    keys = jax.random.split(KEY, 2)
    stacked = jax.jit(jax.vmap(lambda key: network.init(key, x.shape[1])))(keys)
    values = jax.jit(jax.vmap(lambda p: network.apply(p, jnp.asarray(x))))(stacked)
    expected = [np.asarray(own(key, jnp.asarray(x)))[:, 0] for key in keys]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "width"), [("linen", 16), ("linen, BatchNorm, Dropout", 16), ("equinox", 24), ("equinox, siren", 32)]
)
def test_dense_layers_tell_the_width(name, width):
    """That of the narrowest hidden layer."""
    assert MODULES[name][0]().width == width


def test_what_is_frozen_is_left_out_of_kernel_and_training():
    """The kernel is that of the gradients by the last layer; the first ones stay as they were at key 0."""
    make = lambda key: eqx.nn.MLP(2, 1, 8, 1, key=key)  # noqa: E731
    network = Custom.from_equinox(make, 8, frozen=lambda model: model.layers[0])
    params = network.init(KEY, 2)
    assert sorted(leaf.shape for leaf in jax.tree.leaves(params)) == [(1,), (1, 8)]
    hidden = jax.nn.relu(
        jnp.asarray(X) @ make(jax.random.key(0)).layers[0].weight.T + make(jax.random.key(0)).layers[0].bias
    )
    np.testing.assert_allclose(empirical_kernel(network, params, jnp.asarray(X)), hidden @ hidden.T + 1, rtol=1e-5)
    twice = Custom.from_equinox(make, 8, frozen=lambda model: [model.layers[0], model.layers[1].bias])
    assert [leaf.shape for leaf in jax.tree.leaves(twice.init(KEY, 2))] == [(1, 8)]


def test_whole_numbers_stay_as_they_are():
    """A table of places in a module is no parameter."""

    class Gather(eqx.Module):
        places: jax.Array
        layer: eqx.nn.Linear

        def __init__(self, key):
            self.places, self.layer = jnp.array([1, 0]), eqx.nn.Linear(2, 1, key=key)

        def __call__(self, x):
            return self.layer(x[self.places])

    network = Custom.from_equinox(Gather, 2)
    found = network.apply(network.init(KEY, 2), jnp.asarray(X))
    np.testing.assert_allclose(found, np.asarray(jax.vmap(Gather(KEY))(jnp.asarray(X)))[:, 0], rtol=1e-6)


class Complex(eqx.Module):
    """A weight of complex numbers."""

    weight: jax.Array

    def __init__(self, key):
        self.weight = jnp.ones(2, complex)

    def __call__(self, x):
        return (self.weight @ x).real


class Stateful(nnx.Module):
    """Not made by a function of its random numbers."""


def _used(network, x=X):
    return network.apply(network.init(KEY, x.shape[1]), jnp.asarray(x))


SLIPS = {
    "batch statistics": (lambda: _used(Custom.from_flax(Normalised(), train=True)), "refuses its call"),
    "dropout": (
        lambda: _used(
            Custom.from_flax(
                linen.Sequential([linen.Dense(4), linen.Dropout(0.5, deterministic=False), linen.Dense(1)])
            )
        ),
        r"InvalidRngError.*deterministic=True",
    ),
    "a class of linen": (
        lambda: Custom.from_flax(Normalised),
        "module=Normalised is none; allowed: a module of linen, made",
    ),
    "a made module of nnx": (
        lambda: Custom.from_flax(Residual(rngs=nnx.Rngs(0))),
        r"module=Residual is made.*lambda rngs: Residual",
    ),
    "what makes no module": (
        lambda: Custom.from_flax(lambda rngs: 3),
        "module gave int; allowed: a function of nnx.Rngs",
    ),
    "a made module of equinox": (
        lambda: Custom.from_equinox(eqx.nn.MLP(2, 1, 8, 1, key=KEY)),
        r"make=MLP is a module, with its numbers; allowed: .*lambda key: MLP\(..., key=key\)",
    ),
    "a state": (
        lambda: Custom.from_equinox(lambda key: eqx.nn.Sequential([eqx.nn.BatchNorm(2, "batch", mode="batch")]), 2),
        "with a state",
    ),
    "complex parameters": (
        lambda: _used(Custom.from_equinox(Complex, 2)),
        "parameters of complex64 at .weight; allowed: floats",
    ),
    "no parameters": (lambda: _used(Custom.from_equinox(lambda key: eqx.nn.Lambda(jnp.sum), 2)), "nothing to train"),
    "a width that is not told": (lambda: Custom.from_flax(Attention(), shape=(8, 8)), "width=None of module=Attention"),
    "another shape": (
        lambda: _used(Custom.from_flax(DENSE, shape=(3, 3))),
        r"shape=\(3, 3\) of points with 2 coordinates",
    ),
    "other points": (
        lambda: _used(Custom.from_equinox(lambda key: eqx.nn.MLP(5, 1, 8, 1, key=key))),
        "module=.* refuses its call",
    ),
    "too many axes": (
        lambda: _used(Custom.from_flax(linen.ConvTranspose(3, (2,)), 3, shape=(2, 1))),
        r"gives shape \(12, 2, 3\) for 12",
    ),
    "an argument it has not": (
        lambda: _used(Custom.from_flax(DENSE, deterministic=True)),
        "refuses its call, TypeError",
    ),
    "a part that is not there": (
        lambda: Custom.from_equinox(lambda key: eqx.nn.MLP(2, 1, 8, 1, key=key), frozen=lambda model: model.first),
        "refuses its call, AttributeError",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_one_sentence(slip):
    """Never the traceback of flax or equinox."""
    run, match = SLIPS[slip]
    with pytest.raises(InputError, match=match) as said:
        run()
    assert "\n" not in str(said.value)


def test_outputs_of_a_module_are_joint():
    """(n, 2) where two are asked for."""
    data = Joint.of(X.astype(float), np.stack([X[:, 0], X[:, 1]], axis=1))
    said = predict(
        Custom.from_flax(linen.Sequential([linen.Dense(16), linen.relu, linen.Dense(2)])),
        data,
        theory="empirical",
        steps=np.arange(4),
        seeds=1,
    )
    assert train(said).trajectory.values.shape == (1, 4, 24)


LAZY = {
    "linen": (lambda: Custom.from_flax(linen.Sequential([linen.Dense(128), jnp.tanh, linen.Dense(1)]), alpha=100.0), X),
    "siren": (lambda: Custom.from_equinox(Siren, alpha=100.0), X),
    "convolutions": (lambda: Custom.from_flax(lambda rngs: Residual(rngs=rngs), 9, 200.0, shape=(8, 8, 1)), PIXELS),
    "attention": (lambda: Custom.from_flax(Attention(), 16, 200.0, shape=(8, 8)), PIXELS),
    "equinox convolution": (lambda: Custom.from_equinox(_convolution, 4, 200.0, shape=(1, 8, 8)), PIXELS),
}


@pytest.mark.parametrize("name", LAZY)
def test_the_empirical_theory_holds_over_lazy_modules(name):
    """D_sup at most .02; the theory of twice the step (control) is off."""
    make, x = LAZY[name]
    data = Points(x.astype(float), np.sin(2 * x[:, 0].astype(float)))
    said = predict(make(), data, theory="empirical", steps=log_steps(100, 20), seeds=2)
    run = train(said)
    report = compare(said, run, remedies=False)
    assert report.d_sup <= 0.02, str(report)
    faster = predict(make(), data, type(said.law)(1.9 * said.law.lr), said.plan.steps, theory="empirical", seeds=2)
    assert sup_distance(faster.theory, run.trajectory, data, said.probe).max() > 0.1
