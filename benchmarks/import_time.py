"""Claim: `import lfp` costs at most 1.5 times `import jax`.

Fresh processes in turn; the median of the ratios.
Run: python benchmarks/import_time.py
"""

import subprocess
import sys

import numpy as np

ROUNDS = 9


def seconds(package: str) -> float:
    code = f"import time; began = time.perf_counter(); import {package}; print(time.perf_counter() - began)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def main() -> None:
    seconds("jax"), seconds("lfp")
    rounds = [(seconds("lfp"), seconds("jax")) for _ in range(ROUNDS)]
    lfp, jax = np.median(rounds, axis=0)
    print(f"import lfp {lfp:.2f} s, import jax {jax:.2f} s")
    print(f"ratio {np.median([a / b for a, b in rounds]):.2f} (claim: at most 1.5)")


if __name__ == "__main__":
    main()
