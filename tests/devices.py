"""Rates on all devices of this process, or of two: a script that tests start, and the function that they call."""

import json
import sys

import jax
import numpy as np

from lfp import TwoLayer
from lfp.kernels import kernel_product, network_product
from lfp.spectra import largest_rates
from tests.helpers import arc_cosine_ntk


def rates(name: str, devices: list[jax.Device] | None = None) -> list[float]:
    """The largest five of the `kernel` or of the `network` on 1100 points: three tiles a side, six in all."""
    x = np.random.default_rng(0).normal(size=(1100, 2))
    if name == "kernel":
        product = kernel_product(arc_cosine_ntk, x, devices)
    else:
        network = TwoLayer(8, "tanh")
        product = network_product(network, network.init(jax.random.key(1), 2), x, devices)
    return largest_rates(product, 5, jax.random.key(2)).rates.tolist()


def main(name: str, port: str = "", index: str = "0") -> None:
    jax.config.update("jax_enable_x64", True)
    if port:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=int(index))
    found = rates(name)
    json.dump({"devices": jax.device_count(), "here": jax.local_device_count(), "rates": found}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
