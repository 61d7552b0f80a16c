"""Claim: `import lfp` costs at most a tenth of `import jax`; with predict, train and compare at most 1.5 times as much.

Names are imported where they are first used. Fresh processes in turn; the medians of the ratios.
Run: python benchmarks/import_time.py
"""

import subprocess
import sys

import numpy as np

ROUNDS = 9
WORK = "lfp; lfp.TwoLayer, lfp.predict, lfp.train, lfp.compare"


def seconds(what: str) -> float:
    code = f"import time; began = time.perf_counter(); import {what}; print(time.perf_counter() - began)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def main() -> None:
    seconds("jax"), seconds(WORK)
    rounds = np.array([[seconds(what) for what in ("lfp", WORK, "jax")] for _ in range(ROUNDS)])
    alone, work, jax = np.median(rounds, axis=0)
    print(f"import lfp {alone:.3f} s, with its verbs {work:.2f} s, import jax {jax:.2f} s")
    ratios = np.median(rounds[:, :2] / rounds[:, 2:], axis=0)
    print(f"ratio {ratios[0]:.3f} (claim: at most .1), with its verbs {ratios[1]:.2f} (claim: at most 1.5)")


if __name__ == "__main__":
    main()
