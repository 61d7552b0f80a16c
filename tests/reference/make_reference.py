"""Kernels by neural-tangents alone, on the last JAX that it supports as released; no lfp.

Run by hand, with TensorFlow kept out of an environment of its own:

    python -m pip install jax==0.5.3 frozendict
    python -m pip install --no-deps neural-tangents==0.6.5
    python tests/reference/make_reference.py

The network is `serial(*[Dense(1, W_std, b_std), sigma()] * depth, Dense(1, W_std, b_std))`, parameterization "ntk",
with `depth` hidden layers. Layout of kernels_jax053.npz, all arrays but `info` float64:

    info        JSON: versions, W_std, b_std, parameterization, depths, activations (name -> call in stax), points
    x/{points}  (n, d); circle: 8 on the unit circle, line: 6 on [-1, 1], both ends, space: 5 normal in R^3
    {kernel}/{activation}/{depth}/{points}
                (n, n) kernel of the full network, the points with themselves; kernel: nngp or ntk
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import jax
import numpy as np

# The part that needs TensorFlow is not used here.
sys.modules["neural_tangents.experimental"] = ModuleType("neural_tangents.experimental")
from neural_tangents import stax  # noqa: E402

W_STD, B_STD, DEPTHS = 1.3, 0.4, (1, 2, 3)
ACTIVATIONS = {
    "relu": ("Relu(do_stabilize=False)", stax.Relu),
    "erf": ("Erf(a=1, b=1, c=0)", stax.Erf),
    "gelu": ("Gelu(approximate=False)", stax.Gelu),
    "sin": ("Sin(a=1, b=1, c=0)", stax.Sin),
}


def _points() -> dict[str, np.ndarray]:
    angle = 2 * np.pi * np.arange(8) / 8
    return {
        "circle": np.stack([np.cos(angle), np.sin(angle)], axis=1),
        "line": np.linspace(-1, 1, 6)[:, None],
        "space": np.random.default_rng(0).normal(size=(5, 3)),
    }


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    points = _points()
    info = {
        "versions": {name: version(name) for name in ("jax", "jaxlib", "neural-tangents", "numpy")},
        "W_std": W_STD,
        "b_std": B_STD,
        "parameterization": "ntk",
        "depths": DEPTHS,
        "activations": {name: call for name, (call, _) in ACTIVATIONS.items()},
        "points": list(points),
    }
    arrays = {"info": np.array(json.dumps(info))} | {f"x/{name}": x for name, x in points.items()}
    for name, (_, sigma) in ACTIVATIONS.items():
        for depth in DEPTHS:
            dense = stax.Dense(1, W_STD, B_STD, parameterization="ntk")
            kernel_fn = stax.serial(*[dense, sigma()] * depth, dense)[2]
            for where, x in points.items():
                kernels = kernel_fn(x, None, ("nngp", "ntk"))
                for kind, kernel in zip(("nngp", "ntk"), kernels, strict=True):
                    arrays[f"{kind}/{name}/{depth}/{where}"] = np.asarray(kernel)
    assert all(a.dtype == np.float64 and np.isfinite(a).all() for key, a in arrays.items() if key != "info")
    np.savez_compressed(Path(__file__).with_name("kernels_jax053.npz"), **arrays)


if __name__ == "__main__":
    main()
