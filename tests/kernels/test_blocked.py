"""Blocked products against the dense matrix, on one device and on many."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import MLP, Custom, InputError, TwoLayer, empirical_kernel
from lfp.kernels import blocked, kernel_product, network_product
from tests import devices
from tests.helpers import arc_cosine_ntk

N, B = 37, 5
X = jnp.asarray(np.random.default_rng(0).normal(size=(N, 2)))
V = jnp.asarray(np.random.default_rng(1).normal(size=(N, B)))


def by_numpy(x1, x2):
    """Exp(-|x - x'|), which JAX cannot trace."""
    return np.exp(-np.linalg.norm(np.asarray(x1)[:, None] - np.asarray(x2)[None], axis=2))


@pytest.mark.parametrize(("kernel", "traced"), [(arc_cosine_ntk, True), (by_numpy, False)])
def test_tiles_make_the_matrix(kernel, traced, monkeypatch):
    """Three tiles a side, the last one not full."""
    monkeypatch.setattr(blocked, "TILE", 16)
    product = kernel_product(kernel, X)
    assert (product.mesh is not None) == traced
    dense = np.asarray(kernel(X, X))
    np.testing.assert_allclose(product(V), dense @ np.asarray(V), atol=1e-12)
    np.testing.assert_allclose(product.diagonal(), dense.diagonal(), atol=1e-14)


def test_a_tile_is_computed_once(monkeypatch):
    """The symmetry is used: six tiles of nine."""
    monkeypatch.setattr(blocked, "TILE", 16)
    calls = []

    def counted(x1, x2):
        calls.append(x1.shape)
        return by_numpy(x1, x2)

    product = kernel_product(counted, X)
    calls.clear()
    product(V)
    assert calls == [(16, 2)] * 6


NETWORKS = {
    "two layers": TwoLayer(8, "tanh", alpha=3.0),
    "mlp": MLP(6, 2, "erf"),
    "custom": Custom(
        lambda key, dim: {"w": jax.random.normal(key, (dim,)), "c": jnp.ones(())},
        lambda p, x: jnp.sin(x @ p["w"]) * p["c"],
        1,
    ),
}


@pytest.mark.parametrize("memory", [2**28, 4000])
@pytest.mark.parametrize("name", NETWORKS)
def test_tangents_make_the_matrix(name, memory, monkeypatch):
    """All at once, and with a memory that holds a few vectors and points at a time."""
    network = NETWORKS[name]
    params = jax.tree.map(lambda leaf: leaf.astype(float), network.init(jax.random.key(0), 2))
    dense = empirical_kernel(network, params, X)
    monkeypatch.setattr(blocked, "BLOCK_BYTES", memory)
    product = network_product(network, params, X)
    np.testing.assert_allclose(product(V), dense @ V, atol=1e-12 * float(dense.max()))
    np.testing.assert_allclose(product.diagonal(), jnp.diagonal(dense), rtol=1e-12)


def test_float32_points_make_float32():
    x, v = X.astype(jnp.float32), V.astype(jnp.float32)
    net = NETWORKS["mlp"]
    assert kernel_product(lambda x1, x2: x1 @ x2.T, x)(v).dtype == jnp.float32
    assert network_product(net, net.init(jax.random.key(0), 2), x)(v).dtype == jnp.float32


@pytest.mark.parametrize(
    ("kernel", "match"),
    [
        (lambda x1, x2: x1 @ x2.T + 1e-6 * x1[:, :1], r"not symmetric: .* reaches"),
        (lambda x1, x2: x1 @ x2.T * jnp.nan, "kernel has .* not finite"),
        (lambda x1, x2: x1[:, 0] + x2[:, 0], r"kernel returned shape \(32,\)"),
    ],
)
def test_bad_kernels_are_refused(kernel, match):
    with pytest.raises(InputError, match=match):
        kernel_product(kernel, X)


def test_bad_points_and_parameters_are_refused():
    net, params = NETWORKS["custom"], {"w": jnp.ones(2), "c": jnp.ones(())}
    with pytest.raises(InputError, match=r"x has shape \(37, 0\)"):
        kernel_product(arc_cosine_ntk, X[:, :0])
    bad = np.where(np.arange(2 * N).reshape(N, 2) == 7, np.nan, X)
    with pytest.raises(InputError, match="x has 1 values that are not finite"):
        network_product(net, params, bad)
    with pytest.raises(InputError, match=r"params\['c'\] has 1 values that are not finite"):
        network_product(net, params | {"c": jnp.full((), jnp.nan)}, X)


def start(count: int, *arguments: str) -> subprocess.Popen:
    flags = f"--xla_force_host_platform_device_count={count}"
    root = Path(__file__).parents[2]
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "tests.devices", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=root)


def finish(process: subprocess.Popen, count: int, here: int) -> list[float]:
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    found = json.loads(out.splitlines()[-1])  # gloo talks on stdout
    assert (found["devices"], found["here"]) == (count, here)
    return found["rates"]


@pytest.mark.parametrize("name", ["kernel", "network"])
def test_eight_devices_find_the_same_rates(name):
    found = finish(start(8, name), 8, 8)
    np.testing.assert_allclose(found, devices.rates(name, [jax.devices()[0]]), rtol=1e-9)


@pytest.mark.parametrize("name", ["kernel", "network"])
def test_two_processes_find_the_same_rates(name):
    """Of two devices each, over the loopback; both get the whole result."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = [start(2, name, port, str(i)) for i in range(2)]
    try:
        one = devices.rates(name, [jax.devices()[0]])
        for found in [finish(process, 4, 2) for process in processes]:
            np.testing.assert_allclose(found, one, rtol=1e-9)
    finally:
        for process in processes:
            process.kill()
