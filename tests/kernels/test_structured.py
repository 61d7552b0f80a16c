"""Kernels by factors against full Jacobians: random architectures, and what is found in them; other ways in."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import MLP, Custom, Differentiated, InputError, MultiScale, PiNet, TwoLayer, empirical_kernel
from lfp.kernels import empirical, gram, parameter_uses

TOKENS, CHANNELS = 4, 3
RNG = np.random.default_rng(0)
X, Y = jnp.asarray(RNG.normal(size=(6, TOKENS * CHANNELS))), jnp.asarray(RNG.normal(size=(3, TOKENS * CHANNELS)))


def gradients(network, params, x):
    """All derivatives of every output, (n, o, P), o = 1 for a vector of values: by reverse mode, no factors."""
    f = getattr(network, "outputs", network.apply)
    leaves = jax.tree.leaves(jax.jit(jax.jacrev(lambda p: f(p, x).reshape(len(x), -1)))(params))
    parts = [np.asarray(leaf, float).reshape(*leaf.shape[:2], -1) for leaf in leaves]
    return np.concatenate(parts, axis=2) / network.alpha / np.sqrt(parts[0].shape[1])


def matches(network, params, x=X, y=Y, rtol=1e-12, **how):
    """sum_j J_j(x) J_j(y)^T / o / alpha^2, to `rtol` of the largest entry."""
    J = gradients(network, params, jnp.concatenate([x, y]))
    whole = np.einsum("nap,map->nm", J[: len(x)], J)
    square = np.asarray(empirical_kernel(network, params, x, **how))
    close = partial(np.testing.assert_allclose, rtol=0, atol=rtol * np.abs(whole).max())
    close(square, whole[:, : len(x)])
    assert (square == square.T).all()
    close(empirical_kernel(network, params, x, y, **how), whole[:, len(x) :])


# Blocks: (shapes of the parameters, function of (parameters, h (n, tokens, channels)) -> the same shape, general ones).
# The names of general parameters, whose gradients are formed, are known by construction.

C, D = CHANNELS, 5


def dense(p, h):
    return jax.nn.gelu(0.7 * (h @ p["w"]) + 0.3 * p["b"][None, None]) @ p["v"] - p["c"][None, None]


def tied(p, h):
    return jnp.tanh(h @ p["w"]) @ p["w"].T


def shared(p, h):
    return jnp.sin(jnp.cos(h @ p["w"] + p["b"][None, None]) @ p["w"] + p["b"][None, None])


def residual(p, h):
    return h + jax.nn.relu(h @ p["w"] - p["b"][None, None])


def norm(p, h):
    h = (h - h.mean(axis=2, keepdims=True)) / jnp.sqrt(0.1 + h.var(axis=2, keepdims=True))
    return p["scale"][None, None] * h + p["offset"][None, None]


def convolved(p, h, stride=1, dilation=1, groups=1):
    h = jax.lax.conv_general_dilated(
        h,
        p["w"],
        (stride,),
        "SAME" if stride == 1 else [(1, 1)],
        rhs_dilation=(dilation,),
        lhs_dilation=(stride,),
        dimension_numbers=("NWC", "WIO", "NWC"),
        feature_group_count=groups,
    )
    return jnp.tanh(h[:, :TOKENS] + p["b"][None, None])


def attention(p, h):
    query, key, value = (h @ w for w in p["w"])
    heads = jnp.einsum("nsc,ntc->nst", query, key) / 2
    return h + jax.nn.softmax(heads, axis=2) @ value @ p["out"]


def by_channel(p, h):
    """A matrix of its own for every channel."""
    return jnp.tanh(jnp.einsum("ntc,cdt->ndc", h, p["w"])) * p["mix"][None]


def normalised(p, h):
    return jnp.sin(h @ (p["w"] / jnp.linalg.norm(p["w"])) + p["b"][None, None])


def recurrent(p, h):
    def step(state, token):
        state = jnp.tanh(state @ p["w"] + token)
        return state, state

    return jax.lax.scan(step, h[:, 0], h.swapaxes(0, 1))[1].swapaxes(0, 1) + p["b"][None, None]


def reshaped(p, h):
    return jax.checkpoint(lambda w, h: jnp.tanh(h @ w.reshape(C, C)))(p["w"], h) + p["b"].reshape(1, TOKENS, C)


def rectified(p, h):
    return h @ jax.nn.relu(p["w"]) + jnp.broadcast_to(p["s"], (1, 1, 1))


def picked(p, h):
    return h + p["table"][jnp.array([0, 2, 0, 1])][None] - p["w"][None, :TOKENS] * p["w"][None, 1 : TOKENS + 1]


def products(p, h):
    return jnp.multiply(*(jnp.tanh(h @ w / 1.5 + b[None, None]) for w, b in zip(p["w"], p["b"], strict=True)))


BLOCKS = {
    "dense": (dense, {"w": (C, D), "b": (D,), "v": (D, C), "c": (C,)}, ""),
    "tied": (tied, {"w": (C, D)}, ""),
    "shared": (shared, {"w": (C, C), "b": (C,)}, ""),
    "residual": (residual, {"w": (C, C), "b": (C,)}, ""),
    "norm": (norm, {"scale": (C,), "offset": (C,)}, ""),
    "convolution": (convolved, {"w": (3, C, C), "b": (C,)}, ""),
    "dilated": (partial(convolved, dilation=2), {"w": (2, C, C), "b": (C,)}, ""),
    "transposed": (partial(convolved, stride=2), {"w": (3, C, C), "b": (C,)}, ""),
    "depthwise": (partial(convolved, groups=C), {"w": (3, 1, C), "b": (C,)}, "w"),
    "attention": (attention, {"w": (3, C, C), "out": (C, C)}, ""),
    "by channel": (by_channel, {"w": (C, TOKENS, TOKENS), "mix": (TOKENS, C)}, ""),
    "normalised": (normalised, {"w": (C, C), "b": (C,)}, "w"),
    "recurrent": (recurrent, {"w": (C, C), "b": (C,)}, "w"),
    "reshaped": (reshaped, {"w": (C * C,), "b": (TOKENS * C,)}, "wb"),
    "rectified": (rectified, {"w": (C, C), "s": ()}, "w"),
    "picked": (picked, {"table": (C, C), "w": (TOKENS + 1, C)}, ["table", "w"]),
    "products": (products, {"w": (2, C, C), "b": (2, C)}, ""),
}


def architecture(names, outputs=None):
    """Blocks one after the other and a linear head; its general parameters by name."""
    shapes = {f"{i} {name}": BLOCKS[name][1] for i, name in enumerate(names)}
    shapes["head"] = {"w": (TOKENS * C,) if outputs is None else (TOKENS * C, outputs)}

    def init(key, _):
        leaves, tree = jax.tree.flatten(shapes, is_leaf=lambda leaf: isinstance(leaf, tuple))
        keys = jax.random.split(key, len(leaves))
        return jax.tree.unflatten(tree, [jax.random.normal(k, s) for k, s in zip(keys, leaves, strict=True)])

    def apply(params, x):
        h = x.reshape(len(x), TOKENS, C)
        for name, (i, block) in zip(names, list(shapes.items())[:-1], strict=True):
            assert set(params[i]) == set(block)
            h = BLOCKS[name][0](params[i], h)
        return h.reshape(len(x), -1) @ params["head"]["w"]

    general = {f"['{i} {name}']['{leaf}']" for i, name in enumerate(names) for leaf in BLOCKS[name][2]}
    return Custom(init, apply, width=C, alpha=2.0), general


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_and_what_is_found_in_it(name):
    """Equal to the full Jacobian; exactly those parameters are general whose gradients have to be formed."""
    network, general = architecture([name])
    params = network.init(jax.random.key(0), 0)
    matches(network, params)
    uses = parameter_uses(network, params, X.shape[1])
    assert set(uses.general) == general
    assert len(uses.general) + len(uses.structured) == len(jax.tree.leaves(params))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_random_architectures(seed):
    """Two to four blocks of any kind; every third has two outputs."""
    rng = np.random.default_rng(seed)
    names = rng.choice(list(BLOCKS), rng.integers(2, 5)).tolist()
    outputs = 2 if seed % 3 == 0 else None
    network, general = architecture(names, outputs)
    params = network.init(jax.random.key(seed), 0)
    matches(network, params, trace=outputs is not None)
    if outputs is not None:  # what is tied swaps its factors, which only one output allows
        general |= {f"['{i} tied']['w']" for i, name in enumerate(names) if name == "tied"}
    assert set(parameter_uses(network, params, X.shape[1], trace=outputs is not None).general) == general


def test_single_precision_and_three_outputs():
    network, _ = architecture(["dense", "convolution", "norm"], outputs=3)
    params = network.init(jax.random.key(1), 0)
    matches(network, params, trace=True)
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
    assert empirical_kernel(network, single, X.astype(jnp.float32), trace=True).dtype == jnp.float32
    matches(network, single, X.astype(jnp.float32), Y.astype(jnp.float32), 1e-5, trace=True)


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(PiNet(4, 3, 2, "tanh", alpha=3.0), id="Pi-net"),
        pytest.param(MultiScale(TwoLayer(6, "erf"), (1.0, 2.0)), id="scales"),
        pytest.param(Differentiated(MLP(4, 2, "sin"), lambda f, x: -jax.hessian(f)(x)[0, 0]), id="operator"),
    ],
)
def test_networks_of_the_package_have_no_general_parameters(network):
    """A differential operator uses every weight several times, forward and transposed."""
    params = jax.tree.map(lambda leaf: leaf.astype(float), network.init(jax.random.key(0), 2))
    matches(network, params, X[:, :2], Y[:, :2])
    assert parameter_uses(network, params, 2).general == ()


@pytest.mark.parametrize("name", ["dense", "convolution", "recurrent"])
def test_tiles_and_chunks_do_not_change_the_kernel(name, monkeypatch):
    """Tiles of one to three points, gradients formed a column at a time."""
    network, _ = architecture([name])
    params = network.init(jax.random.key(0), 0)
    monkeypatch.setattr(gram, "CHUNK_BYTES", 1)
    for size in (1, 2**15):
        monkeypatch.setattr(empirical, "BLOCK_BYTES", size)
        jax.clear_caches()
        matches(network, params)


def test_ways_of_contraction_agree():
    """By places, by gradients, and as a sum written out."""
    rng = np.random.default_rng(1)
    one, two = (
        gram.Pair(jnp.asarray(rng.normal(size=(n, 2, 3, 4))), jnp.asarray(rng.normal(size=(n, 2, 3, 5))))
        for n in (6, 7)
    )
    gradients = [np.einsum("ngsi,ngsj->ngij", *pair).reshape(len(pair.left), -1) for pair in (one, two)]
    for way in (gram._by_places, gram._by_gradients, gram._of_pairs):
        np.testing.assert_allclose(way(one, two), gradients[0] @ gradients[1].T, rtol=1e-12)


def test_it_is_traced_mapped_and_differentiated():
    """d/dt of the kernel of t params, by both modes, against finite differences; one kernel a network in a map."""
    network, _ = architecture(["dense", "normalised"])
    params = network.init(jax.random.key(0), 0)

    @jax.jit
    def total(t):
        return jnp.sum(jnp.sin(empirical_kernel(network, jax.tree.map(lambda p: t * p, params), X)))

    slope = (total(1.0 + 1e-5) - total(1.0 - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.grad(total)(1.0), slope, rtol=1e-6)
    np.testing.assert_allclose(jax.jvp(total, (1.0,), (1.0,))[1], slope, rtol=1e-6)
    keys = jax.random.split(jax.random.key(0))
    many = jax.vmap(lambda key: empirical_kernel(network, network.init(key, 0), X))(keys)
    alone = empirical_kernel(network, network.init(keys[1], 0), X)
    np.testing.assert_allclose(many[1], alone, rtol=0, atol=1e-12 * float(alone.max()))


def test_equinox_and_flax_modules_of_layers():
    """Convolutions, norms and attention as both libraries write them."""
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            h = nn.relu(nn.Conv(3, (2,), strides=2)(x.reshape(len(x), 6, 2)))
            h = nn.MultiHeadDotProductAttention(num_heads=1)(
                nn.LayerNorm(force_float32_reductions=False, param_dtype=float)(h)
            )
            return nn.Dense(1)(h.reshape(len(h), -1))[:, 0]

    module = Net()
    flax = Custom(lambda key, dim: module.init(key, jnp.zeros((1, dim), jnp.float32)), module.apply, 3)
    with jax.numpy_dtype_promotion("standard"):  # flax draws some of them in float32
        params = jax.tree.map(lambda p: p.astype(float), flax.init(jax.random.key(0), 12))
    matches(flax, params)
    assert parameter_uses(flax, params, 12).general == ()

    def build(key):
        keys = jax.random.split(key, 3)
        layers = [eqx.nn.Conv1d(2, 3, 2, key=keys[0]), eqx.nn.Lambda(eqx.nn.PReLU()), eqx.nn.GroupNorm(1, 3)]
        layers += [eqx.nn.Lambda(jnp.ravel), eqx.nn.MLP(15, "scalar", 4, 2, key=keys[1])]
        return eqx.nn.Sequential([eqx.nn.Lambda(lambda x: x.reshape(2, 6)), *layers])

    model, rest = eqx.partition(build(jax.random.key(0)), eqx.is_inexact_array)
    equinox = Custom(lambda key, dim: model, lambda p, x: jax.vmap(eqx.combine(p, rest))(x), 3)
    matches(equinox, model)
    assert len(parameter_uses(equinox, model, 12).structured) >= 8


def test_a_function_of_no_parameter_has_the_kernel_zero():
    still = Custom(lambda key, dim: jnp.ones(dim), lambda p, x: x[:, 0], 1)
    assert not empirical_kernel(still, jnp.ones(3), X[:, :3]).any()


def test_points_that_see_each_other_are_refused():
    batch = Custom(lambda key, dim: jnp.ones(dim), lambda p, x: jnp.tanh((x - x.mean(axis=0)[None]) @ p), 1)
    for x in (X[:, :3], X[jnp.asarray([0, 1, 0]), :3]):  # also where the first and the last are one
        with pytest.raises(InputError, match="depends on the other points of the batch; allowed"):
            empirical_kernel(batch, jnp.ones(3), x)


def skip(width, dtype):
    """h + sin(W h), a product with a vector a point: XLA folds equal points, and rounds their values otherwise."""

    def init(key, dim):
        keys, shapes = jax.random.split(key, 5), ((width, dim), (width,), (width, width), (width,), ())
        return [jax.random.normal(k, s, dtype) / width**0.5 for k, s in zip(keys, shapes, strict=True)]

    def apply(p, x):
        h = jnp.sin(p[0] @ x + p[1])
        return p[3] @ (h + jnp.sin(p[2] @ h)) + p[4]

    return Custom(init, jax.vmap(apply, (None, 0)), width)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("network", ["gelu", "erf", 33, 64, 256])
def test_rounding_is_no_mixing_of_points(network, dtype):
    network = {"gelu": MLP(64, 2, "gelu"), "erf": TwoLayer(50, "erf")}.get(network) or skip(network, dtype)
    for key in jax.random.split(jax.random.key(0), 6):
        params = jax.tree.map(lambda p: p.astype(dtype), network.init(key, 1))
        K = empirical_kernel(network, params, jax.random.normal(key, (4, 1), dtype))
        assert K.dtype == dtype
        assert (jnp.diag(K) > 0).all()


@pytest.mark.slow
def test_a_deep_network_compiles_in_seconds():
    """Depth 24: the number of equations grows with it and nothing else does."""
    import time

    network = MLP(8, 24, "tanh")
    params = network.init(jax.random.key(0), 2)
    began = time.process_time()
    jax.block_until_ready(empirical_kernel(network, params, X[:, :2]))
    assert time.process_time() - began < 60


PEAK = """
import resource, sys
import jax, jax.numpy as jnp
import lfp
jax.config.update("jax_enable_x64", True)
bend = lambda p, x: jnp.tanh(jnp.tanh(x @ jnp.sin(p[0])) @ p[1]) @ p[2]
draw = lambda key, dim: [jax.random.normal(key, shape) / 16 for shape in ((dim, 256), (256, 256), (256,))]
network = {"dense": lfp.MLP(256, 3), "general": lfp.Custom(draw, bend, 256)}[sys.argv[1]]
params = jax.tree.map(lambda leaf: leaf.astype(float), network.init(jax.random.key(0), 64))
x = jax.random.normal(jax.random.key(1), (4096, 64))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
jax.block_until_ready(lfp.empirical_kernel(network, params, x))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20)
"""


@pytest.mark.slow
@pytest.mark.parametrize("which", ["dense", "general"])
def test_memory_is_bounded_at_4096_points(which):
    """GiB above the imports; the matrix is 1/8, all gradients would be 4.8 (dense) and 2.6."""
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", PEAK, which], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 1.0
