"""python -m tests.falsify SEED [SHARE]: all searches, on all cores; 1 if a statement breaks, or a control is idle."""

import os
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

from tests.falsify.finding import Finding, broken, report
from tests.falsify.searches import SEARCHES, part


def main(seed: int, share: float = 1.0) -> int:
    """Print what was found; 1 where a statement is broken, or where a control finds nothing."""
    found: dict[str, list[Finding]] = {name: [] for name in SEARCHES}
    start = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        jobs: dict[Future[Any], str] = {}
        for name, (_, count, parts, _) in SEARCHES.items():
            for index in range(parts):
                jobs[pool.submit(part, name, (seed, index), max(1, round(share * count / parts)))] = name
        for number, job in enumerate(as_completed(jobs), 1):
            found[jobs[job]] += job.result()
            print(f"{number} of {len(jobs)} parts, {jobs[job]}, {time.monotonic() - start:.0f} s", flush=True)
    print("| | statements | worst true over stated | median stated over true |\n|---|---|---|---|")
    failed = False
    for name, some in found.items():
        divisor, missed = SEARCHES[name][3], broken(some)
        control = len(broken(some, 1 / divisor))
        print(*report(some), *(f"BROKEN {one.words}" for one in missed), sep="\n")
        print(f"{name}: {len(missed)} of {len(some)} broken; with statements over {divisor} (control): {control}")
        failed = failed or bool(missed) or not control
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *map(float, sys.argv[2:])))
