"""Rates on all devices of this process, or of two: a script that tests start, and the function that they call."""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np

from lfp import TwoLayer, kernel_product, largest_rates, network_product
from tests.helpers import arc_cosine_ntk


def rates(devices: list[jax.Device] | None = None) -> list[float]:
    """The largest five of an analytic and of an empirical kernel on 1100 points: three tiles a side, six in all."""
    x = np.random.default_rng(0).normal(size=(1100, 2))
    network = TwoLayer(8, "tanh")
    params = network.init(jax.random.key(1), 2)
    products = kernel_product(arc_cosine_ntk, x, devices), network_product(network, params, x, devices)
    found = [largest_rates(product, 5, jax.random.key(2)).rates for product in products]
    return jnp.concatenate(found).tolist()


def main(port: str, index: str) -> None:
    jax.config.update("jax_enable_x64", True)
    if port:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=int(index))
    found = rates()
    json.dump({"devices": jax.device_count(), "here": jax.local_device_count(), "rates": found}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
