"""HashWH: buckets against the exact transform, gradients, sizes that have no full transform."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lfp import HashWH, InputError

DIM, BITS = 6, 3


def model(params, x):
    """A network without structure on the cube."""
    first, second = params
    return jnp.tanh(x @ first) @ second


@pytest.fixture(scope="module")
def params():
    """Its parameters."""
    keys = jax.random.split(jax.random.key(1))
    return jax.random.normal(keys[0], (DIM, 5)), jax.random.normal(keys[1], (5,))


def slow_buckets(f, dim, sigma):
    """Every coefficient by its defining sum over the cube, put into the bucket sigma S mod 2."""
    cube = np.array(list(itertools.product([0, 1], repeat=dim)))
    values = np.asarray(f(jnp.asarray(cube, float)))
    out = np.zeros(2 ** len(sigma))
    for subset in cube:
        coefficient = np.mean(values * (-1.0) ** (cube @ subset))
        out[sum(int(bit) << j for j, bit in enumerate(sigma @ subset % 2))] += coefficient
    return out


@pytest.mark.parametrize("chunk", [1024, 3])
def test_buckets_are_sums_of_coefficients(params, chunk):
    penalty = HashWH(model, DIM, BITS, strength=0.3, chunk=chunk)
    key = jax.random.key(0)
    sigma = penalty.hash(key)
    assert 0 < int(sigma.sum()) < BITS * DIM
    expected = slow_buckets(lambda x: model(params, x), DIM, np.asarray(sigma))
    assert np.abs(penalty.buckets(params, sigma) - expected).max() < 1e-12
    assert float(penalty(key, params)) == pytest.approx(0.3 * np.abs(expected).sum(), rel=1e-12)
    wrong = slow_buckets(lambda x: model(params, x), DIM, 1 - np.asarray(sigma))  # another hash: the check can fail
    assert np.abs(penalty.buckets(params, sigma) - wrong).max() > 1e-2


def test_gradient_is_that_of_the_sum(params):
    penalty, key = HashWH(model, DIM, BITS, chunk=3), jax.random.key(0)
    slope = jax.jit(jax.grad(penalty, argnums=1))(key, params)
    direction = jax.tree.map(lambda leaf: jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape), params)
    move = lambda h: float(penalty(key, jax.tree.map(lambda p, d: p + h * d, params, direction)))  # noqa: E731
    along = sum(float(jnp.vdot(a, b)) for a, b in zip(slope, direction, strict=True))
    assert along == pytest.approx((move(1e-6) - move(-1e-6)) / 2e-6, rel=1e-6)


@pytest.mark.parametrize("dim", [25, 50])
def test_large_cubes_need_only_the_hash(dim):
    """Two products of bits, of 2^dim coefficients: their two buckets hold them, all others nothing."""
    sets = np.zeros((2, dim), int)
    sets[0, [0, dim - 1]] = sets[1, 3:8] = 1
    g = lambda p, x: p[0] * x[:, 0] * x[:, dim - 1] + p[1] * jnp.prod(x[:, 3:8], axis=1)  # noqa: E731
    penalty = HashWH(g, dim, 7, levels=(1.0, -1.0))
    sigma = penalty.hash(jax.random.key(2))
    found = np.asarray(penalty.buckets(jnp.array([2.0, -0.5]), sigma))
    expected = np.zeros(2**7)
    for subset, amplitude in zip(sets, (2.0, -0.5), strict=True):
        expected[int((np.asarray(sigma) @ subset % 2) @ 2 ** np.arange(7))] += amplitude
    assert np.abs(found - expected).max() < 1e-12
    assert np.abs(found).sum() == pytest.approx(2.5)


def test_any_optimiser_thins_the_spectrum():
    """From all coefficients equal, descent on the penalty alone shortens the l1 norm; at strength 0 nothing moves."""
    signs = jnp.asarray(1.0 - 2.0 * ((np.arange(8)[:, None] >> np.arange(3)) & 1))
    waves = lambda x: jnp.stack([jnp.prod(jnp.where(s < 0, x, 1.0), axis=1) for s in signs], axis=1)  # noqa: E731

    def end(strength):
        penalty = HashWH(lambda p, x: waves(x) @ p, 3, 2, strength=strength, levels=(1.0, -1.0))
        optimiser, p = optax.adam(0.02), jnp.ones(8)

        def step(carry, key):
            p, state = carry
            updates, state = optimiser.update(jax.grad(penalty, argnums=1)(key, p), state)
            return (optax.apply_updates(p, updates), state), None

        return jax.lax.scan(step, (p, optimiser.init(p)), jax.random.split(jax.random.key(0), 100))[0][0]

    with jax.numpy_dtype_promotion("standard"):  # optax raises floats to whole powers
        assert float(jnp.abs(jax.jit(end)(1.0)).sum()) < 4
        assert jax.jit(end)(0.0).tolist() == [1.0] * 8


@pytest.mark.parametrize("bad", [{"bits": 0}, {"bits": 21}, {"dim": 0}, {"strength": -1.0}, {"chunk": 0}])
def test_bad_settings_are_named(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        HashWH(model, **{"dim": 6, **bad})
