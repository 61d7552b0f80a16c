"""Claim: one step of the default training loop costs at most 3 times a bare forward and backward pass.

Both sides are compiled, see the same data in the same run, and take turns; medians are compared.
Run: python benchmarks/training_loop.py
"""

import time

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp.training.loop import loss

STEPS, ROUNDS = 100, 7


def seconds(job) -> float:
    began = time.perf_counter()
    jax.block_until_ready(job())
    return time.perf_counter() - began


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    problem, network = lfp.sum_of_modes(lfp.Circle(), 64, range(1, 8)), lfp.TwoLayer(8192, alpha=50.0)
    law, looks = lfp.GradientDescent(1.0), np.array([0, 1, STEPS])
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), network.init(jax.random.key(0), 2))
    x, y, p = (jnp.asarray(v, jnp.float32) for v in (problem.x, problem.y, problem.weights))
    bare = jax.jit(jax.value_and_grad(lambda q: loss(network, q, x, y, p)))

    def passes():
        return [bare(params) for _ in range(STEPS)]

    def loop():
        return lfp.train(network, problem, law, looks, seeds=1).end

    passes(), loop()
    rounds = [(seconds(loop) / STEPS, seconds(passes) / STEPS) for _ in range(ROUNDS)]
    step, alone = np.median(rounds, axis=0)
    print(f"training loop {step * 1e3:.3f} ms a step, bare forward and backward {alone * 1e3:.3f} ms")
    print(f"ratio {np.median([a / b for a, b in rounds]):.2f} (claim: at most 3)")


if __name__ == "__main__":
    main()
