"""Claim: an empirical kernel costs a dense network one to three times its formula by hand, and any less than its peer.

The floor is K = sum_l (1 + A_l A_l^T) * (B_l B_l^T) of a dense relu network, A_l what comes into layer l and B_l what
comes back, both as one matrix over all points. The peer is neural_tangents.empirical_ntk_fn by Jacobian contraction.
All are compiled, see the same data in the same run, and take turns; medians of five are compared, of second calls.
Run: python benchmarks/empirical_kernel.py [points ...]
"""

import resource
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp.kernels import neural_tangents, parameter_uses

WIDTH, DEPTH, ROUNDS = 256, 3, 5
MOST_OF_PEER = 512  # points: the gradients of convolutions at 1001 are more than 20 GiB


@jax.jit
def by_hand(params, x):
    """The floor: forward, backward and two products of matrices a layer."""
    inputs, slopes = [], []
    for i, (w, b) in enumerate(params):
        scale = (2 / len(w)) ** 0.5
        slopes.append((x > 0).astype(x.dtype) if i else None)
        inputs.append(jnp.maximum(x, 0) if i else x)
        x = scale * (inputs[-1] @ w) + 0.5 * b[None, :]
    back, total = jnp.ones_like(x), 0
    for (w, _), a, slope in zip(params[::-1], inputs[::-1], slopes[::-1], strict=True):
        total = total + (0.25 + a @ a.T * (2 / len(w))) * (back @ back.T)
        back = None if slope is None else (2 / len(w)) ** 0.5 * (back @ w.T) * slope
    return total


def flax_model():
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            for _ in range(DEPTH):
                x = nn.relu(nn.Dense(WIDTH)(x))
            return nn.Dense(1)(x)[:, 0]

    module = Net()
    return lfp.Custom(lambda key, dim: module.init(key, jnp.zeros((1, dim))), module.apply, WIDTH)


def equinox_model():
    import equinox as eqx

    build = lambda key, dim: eqx.nn.MLP(dim, "scalar", WIDTH, DEPTH, jax.nn.relu, key=key)  # noqa: E731
    rest = eqx.partition(build(jax.random.key(0), 2), eqx.is_inexact_array)[1]
    start = lambda key, dim: eqx.filter(build(key, dim), eqx.is_inexact_array)  # noqa: E731
    return lfp.Custom(start, lambda p, x: jax.vmap(eqx.combine(p, rest))(x), WIDTH)


def attention_model():
    """Tokens with attention, LayerNorm and a scale of the whole: some of it by places, some of it by gradients."""
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.Dense(32)(x.reshape(len(x), 8, -1))
            x = x + nn.MultiHeadDotProductAttention(num_heads=2)(nn.LayerNorm()(x))
            return nn.Dense(1)(nn.gelu(nn.Dense(64)(x.mean(axis=1))))[:, 0]

    module = Net()
    return lfp.Custom(lambda key, dim: module.init(key, jnp.zeros((1, dim))), module.apply, 32), 16


def convolution_model():
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = x.reshape(len(x), 8, 8, 1)
            for _ in range(2):
                x = nn.relu(nn.Conv(32, (3, 3))(x))
            return nn.Dense(1)(x.mean(axis=(1, 2)))[:, 0]

    module = Net()
    return lfp.Custom(lambda key, dim: module.init(key, jnp.zeros((1, dim))), module.apply, 32), 64


def seconds(job) -> float:
    began = time.perf_counter()
    jax.block_until_ready(job())
    return time.perf_counter() - began


def again(job) -> float:
    """The second of two calls: the first finds the memory as the job before it left it, and the peer leaves none."""
    jax.block_until_ready(job())
    return seconds(job)


def peer(network):
    nt = neural_tangents()
    way = nt.NtkImplementation.JACOBIAN_CONTRACTION
    points = lambda p, x: network.apply(p, x)[:, None]  # noqa: E731
    return jax.jit(nt.empirical_ntk_fn(points, vmap_axes=0, implementation=way))


def row(label: str, n: int, network, dim: int, *, floor: bool = False, rounds: int = ROUNDS) -> None:
    params = jax.tree.map(lambda leaf: leaf.astype(float), network.init(jax.random.key(0), dim))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(n, dim)))
    jobs = {"lfp": lambda: lfp.empirical_kernel(network, params, x)}
    if floor:
        jobs["floor"] = lambda: by_hand(params, x)
    contraction = peer(network)
    jobs["peer"] = lambda: contraction(x, None, params)
    first = {name: seconds(job) for name, job in jobs.items()}
    whole = jobs["lfp"]()
    for name in jobs:
        assert jnp.allclose(jobs[name](), whole, rtol=1e-11, atol=1e-11 * float(jnp.abs(whole).max())), name
    times = [{name: again(job) for name, job in jobs.items()} for _ in range(rounds)]
    uses = parameter_uses(network, params, dim)
    parts = [f"{label:20} n = {n:5}: by factors {len(uses.structured)}, general {len(uses.general)}"]
    parts += [f"{name} {np.median([t[name] for t in times]):.3f} s (first {first[name]:.1f})" for name in jobs]
    print("; ".join(parts))
    others = [name for name in jobs if name != "lfp"]
    ratios = [f"lfp / {name} {np.median([t['lfp'] / t[name] for t in times]):.3g}" for name in others]
    print(f"ratio {label}, n = {n}: {', '.join(ratios)}", flush=True)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    for n in map(int, sys.argv[1:] or ("512", "1001")):
        row("MLP", n, lfp.MLP(WIDTH, DEPTH), 2, floor=True)
        row("two layers", n, lfp.TwoLayer(4096), 2)
        row("Pi-net", n, lfp.PiNet(WIDTH, 2, 2), 2)
        row("flax, dense", n, flax_model(), 2)
        row("equinox, dense", n, equinox_model(), 2)
        if n <= MOST_OF_PEER:
            row("flax, convolutions", n, *convolution_model())
            row("flax, attention", n, *attention_model())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak of the process {peak:.2f} GiB")


if __name__ == "__main__":
    main()
