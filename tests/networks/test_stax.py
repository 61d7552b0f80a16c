"""Networks of stax: their kernel is a theory as that of any network of ours."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lfp
from lfp import MLP, InputError, Stax, kernel
from lfp.kernels import neural_tangents
from lfp.measure.probes import sup_distance

X = np.random.default_rng(0).normal(size=(10, 4))


@pytest.fixture(autouse=True)
def as_neural_tangents_counts_on_it():
    """JAX's promotion as it comes."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def dense(width=512):
    stax = neural_tangents().stax
    layers = [stax.Dense(width, W_std=2**0.5, b_std=0.5), stax.Relu()]
    return stax.serial(*layers, stax.Dense(1, W_std=2**0.5, b_std=0.5))


def convolutions(channels):
    stax = neural_tangents().stax
    pair = [stax.Conv(channels, (3, 3), padding="SAME", W_std=2**0.5, b_std=0.1), stax.Relu()]
    return stax.serial(*pair, *pair, stax.GlobalAvgPool(), stax.Dense(1, W_std=1.0, b_std=0.1))


def test_a_dense_network_has_the_kernel_and_f_of_ours():
    """To rounding; and the numbers of its initialisation, put into ours, give its f."""
    network, ours = Stax(*dense(), width=512, alpha=3.0), MLP(512, 1, b_std=0.5, alpha=3.0)
    np.testing.assert_allclose(kernel(network)(jnp.asarray(X)), kernel(ours)(jnp.asarray(X)), rtol=1e-12)
    params = network.init(jax.random.key(0), 4)
    same = [(w, b.ravel()) for w, b in (layer for layer in params if len(layer) == 2)]
    x = jnp.asarray(X, jnp.float32)
    same = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), same)
    narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
    np.testing.assert_allclose(network.apply(narrow, x), ours.apply(same, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("run", "match"),
    [
        (lambda: Stax(*dense(), width=0), "width=0"),
        (lambda: Stax(*dense(), width=8, shape=(3, 3)).kernel()(jnp.asarray(X)), r"shape=\(3, 3\) of points with 4"),
        (
            lambda: _two().apply(_two().init(jax.random.key(0), 4), jnp.asarray(X, jnp.float32)),
            r"gives shape \(10, 2\)",
        ),
    ],
    ids=["no width", "another shape", "two outputs"],
)
def test_what_does_not_fit_is_named(run, match):
    """Width, shape, outputs."""
    with pytest.raises(InputError, match=match):
        run()


def _two():
    stax = neural_tangents().stax
    return Stax(*stax.serial(stax.Dense(8), stax.Dense(2)), width=8)


def test_points_go_in_as_images():
    """The kernel and f of pixels in rows are those of the pictures themselves."""
    init, apply, kernel_fn = convolutions(4)
    network = Stax(init, apply, kernel_fn, width=4, shape=(4, 4, 1))
    rows = np.random.default_rng(1).normal(size=(3, 16))
    pictures = jnp.asarray(rows.reshape(3, 4, 4, 1))
    np.testing.assert_allclose(kernel(network)(jnp.asarray(rows)), kernel_fn(pictures, None, "ntk"), rtol=1e-6)
    params = network.init(jax.random.key(0), 16)
    np.testing.assert_allclose(network.apply(params, jnp.asarray(rows)), apply(params, pictures)[:, 0], rtol=1e-6)


def digits(count=24):
    """Images of 8 x 8 pixels, even digits 1 and odd ones -1."""
    from sklearn.datasets import load_digits

    found = load_digits()
    some = np.random.default_rng(1).choice(len(found.data), count, replace=False)
    return lfp.Points(found.data[some] / 16, np.where(found.target[some] % 2 == 0, 1.0, -1.0))


def test_convolutions_follow_their_kernel_at_infinite_width():
    """Five networks of 512 channels on digits, seed 7: within .05 and three standard errors; half the step is off."""
    stax = neural_tangents().stax
    layers = stax.serial(stax.Conv(512, (3, 3), padding="VALID"), stax.Relu(), stax.Flatten(), stax.Dense(1))
    network, data = lfp.Stax(*layers, width=512, alpha=50.0, shape=(8, 8, 1)), digits()
    said = lfp.predict(network, data, None, lfp.log_steps(200, 20), seeds=5, seed=7)
    run = lfp.train(said)
    report = lfp.compare(said, run, remedies=False)
    assert report.d_sup <= 0.05, str(report)
    for row in report.modes:
        assert row["d_sup"] <= 3 * row["standard_error"], row
    slower = lfp.predict(network, data, lfp.GradientDescent(said.law.lr / 2), said.plan.steps, seeds=5, seed=7)
    assert sup_distance(slower.theory, run.trajectory, data, said.probe).max() > 0.1
