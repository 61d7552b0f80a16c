"""Claim: 32 seeds of the default network compile once, cost at most 1.1 times 32 single compiled runs, below 2 GiB.

Both sides are compiled, see the same data in the same process, and take turns; medians are compared.
Run: python benchmarks/ensemble.py
"""

import resource
import time

import jax
import numpy as np

import lfp

STEPS, SEEDS, ROUNDS = 50, 32, 5


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    problem, network = lfp.sum_of_modes(lfp.Circle(), 64, range(1, 8)), lfp.TwoLayer(8192, alpha=50.0)
    law, looks, compiled = lfp.GradientDescent(1.0), np.array([0, 1, STEPS]), []

    def seconds(seeds: int, seed: int) -> float:
        began = time.perf_counter()
        jax.block_until_ready(lfp.train(network, problem, law, looks, seeds=seeds, seed=seed).end)
        return time.perf_counter() - began

    def listen(event: str, _: float, **__: object) -> None:
        compiled.append("backend_compile" in event)

    seconds(SEEDS, 0), seconds(1, 0)
    jax.monitoring.register_event_duration_secs_listener(listen)
    rounds = [(seconds(SEEDS, 0), sum(seconds(1, seed) for seed in range(SEEDS))) for _ in range(ROUNDS)]
    together, alone = np.median(rounds, axis=0)
    print(f"{SEEDS} seeds at once {together:.2f} s, one after the other {alone:.2f} s, {STEPS} steps each")
    print(f"ratio {np.median([a / b for a, b in rounds]):.2f} (claim: at most 1.1)")
    print(f"compilations after the first run {sum(compiled)} (claim: 0)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak of the process {peak:.2f} GiB (claim: at most 2)")


if __name__ == "__main__":
    main()
