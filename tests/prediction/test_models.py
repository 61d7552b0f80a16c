"""Empirical kernels of models from elsewhere: flax, equinox, several outputs; parameters that are not numbers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Circle, Custom, InputError, compare, empirical_kernel, log_steps, predict, sum_of_modes, train
from lfp.kernels import empirical as ntk
from lfp.kernels._neural_tangents import load
from lfp.kernels.empirical import ntk_vector_product

X = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
Y = X[:2] + 1.0


def build(key, dim):
    """A model of equinox: its activation is a leaf that is no array."""
    return eqx.nn.MLP(dim, 2, 5, 1, activation=jnp.tanh, key=key)


STATIC = eqx.partition(build(jax.random.key(0), 3), eqx.is_inexact_array)[1]
EQUINOX = Custom(
    lambda key, dim: eqx.filter(build(key, dim), eqx.is_inexact_array),
    lambda params, x: jax.vmap(eqx.combine(params, STATIC))(x),
    width=5,
    alpha=2.0,
)


def jacobian(f, params, x):
    """All derivatives of every output, (n, o, P)."""
    tree = jax.jacobian(lambda p: f(p, x))(params)
    return np.concatenate([np.asarray(leaf).reshape(*leaf.shape[:2], -1) for leaf in jax.tree.leaves(tree)], axis=2)


def test_equinox_model_of_two_outputs():
    """Each output, and the mean over both, by full Jacobians; the mean is not the first, nor the sum."""
    params = EQUINOX.init(jax.random.key(1), 3)
    one, two = (jacobian(EQUINOX.apply_fn, params, x) for x in (X, Y))
    blocks = np.einsum("nap,map->anm", one, two)
    mean = empirical_kernel(EQUINOX, params, X, Y, trace=True)
    np.testing.assert_allclose(mean, blocks.mean(axis=0), rtol=1e-12)
    second = Custom(EQUINOX.init_fn, EQUINOX.apply_fn, width=5, output=1)
    assert np.abs(np.asarray(mean) - blocks[0]).max() > 1e-2
    v = jnp.arange(2.0)
    np.testing.assert_allclose(ntk_vector_product(second, params, X, Y)(v), blocks[1] @ v, rtol=1e-12)


@pytest.mark.slow
def test_mean_over_outputs_is_that_of_neural_tangents():
    """trace_axes=(-1,) of its empirical kernel; symmetric; one output in a row of its own is the scalar kernel."""
    nt = load()
    params = EQUINOX.init(jax.random.key(1), 3)
    reference = nt.empirical_ntk_fn(
        EQUINOX.apply_fn, trace_axes=(-1,), implementation=nt.NtkImplementation.JACOBIAN_CONTRACTION
    )
    found = empirical_kernel(EQUINOX, params, X, trace=True)
    np.testing.assert_allclose(found, reference(X, None, params), rtol=1e-11)
    assert (found == found.T).all()
    single, scalar = (
        Custom(EQUINOX.init_fn, lambda p, x, s=s: EQUINOX.apply_fn(p, x)[:, s], width=5) for s in (slice(0, 1), 0)
    )
    np.testing.assert_allclose(
        empirical_kernel(single, params, X, trace=True), empirical_kernel(scalar, params, X), rtol=1e-13
    )


@pytest.mark.slow
def test_flax_model():
    """A flax module through `Custom`, by its full Jacobian; trained and predicted as any other."""
    from flax import linen as nn

    class Net(nn.Module):
        """Two layers."""

        @nn.compact
        def __call__(self, x):
            return nn.Dense(1)(nn.gelu(nn.Dense(256)(x)))[:, 0]

    module = Net()
    start = lambda key, dim: module.init(key, jnp.zeros((1, dim), jnp.float32))  # noqa: E731
    network = Custom(start, module.apply, width=256, alpha=30.0)
    params = network.init(jax.random.key(0), 3)
    J = jacobian(lambda p, x: module.apply(p, x)[:, None], params, X.astype(jnp.float32))[:, 0]
    np.testing.assert_allclose(empirical_kernel(network, params, X), J @ J.T, rtol=1e-4)
    problem, steps = sum_of_modes(Circle(), 32, [1, 2]), log_steps(200, 16)
    prediction = predict(network, problem, steps=steps, theory="empirical", seeds=2)
    report = compare(prediction, train(network, problem, prediction.law, steps, seeds=2).trajectory)
    assert report.verdict == "holds", str(report)


LINE = Custom(lambda key, dim: jnp.ones(dim), lambda p, x: x @ p["w"], width=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: empirical_kernel(LINE, {"w": jnp.full(3, jnp.nan)}, X), r"params\['w'\] has 3 values .* not finite"),
        (lambda: empirical_kernel(LINE, {"w": jnp.ones(3, int)}, X), r"params\['w'\] is of int64; allowed: arrays of"),
        # where the annotations are not checked, as they are here
        (lambda: ntk._floating(build(jax.random.key(0), 3)), r"params.activation is a .*eqx.partition"),
        (lambda: EQUINOX.apply(EQUINOX.init(jax.random.key(0), 3), X), r"shape \(4, 2\) .* output=None; allowed: \(4,"),
        (
            lambda: Custom(EQUINOX.init_fn, EQUINOX.apply_fn, 5, output=2).apply(EQUINOX.init(jax.random.key(0), 3), X),
            r"shape \(4, 2\) for 4 points, with output=2",
        ),
        (lambda: Custom(EQUINOX.init_fn, EQUINOX.apply_fn, 5, output=-1), "output=-1"),
    ],
)
def test_bad_models_are_named(call, message):
    """The leaf and what is allowed."""
    with pytest.raises(InputError, match=message):
        call()
