"""python -m tests.kills SEED [SHARE]: kills, damages, races, signals, surroundings, memory; 1 where one has a fault."""

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.kills import corruptions, kills, memory, races, signals, surroundings
from tests.kills.runs import Case, Search, part, precise, table

SEARCHES: dict[str, tuple[Search, int]] = {
    "memory": (memory.search, 100),
    "kills of overlay": (partial(kills.search, "overlay"), 13),
    "kills of experiment": (partial(kills.search, "experiment"), 12),
    "kills of sweep": (partial(kills.search, "sweep"), 9),
    "kills of solve": (partial(kills.search, "solve"), 8),
    "surroundings": (surroundings.search, len(surroundings.CASES)),
    **{
        f"damages of {name}{' unfinished' * unfinished}": (partial(corruptions.search, name, unfinished), count)
        for name, unfinished, count in (
            *(("overlay", False, 42), ("overlay", True, 42), ("solve", False, 36)),
            *(("experiment", False, 36), ("experiment", True, 18), ("sweep", False, 30)),
        )
    },
    "races": (partial(races.search, ["overlay", "solve", "experiment"]), 10),
    "shared sweep": (races.shared_sweep, 1),
    "signals": (signals.search, 5),
}
"""Every search with the number of its cases; those that take long come first."""
LEAST = {"start-up": 10, "training": 10, "writing": 10}
"""Kills that must hit a phase, of all."""


def main(seed: int, share: float = 1.0) -> int:
    """Print what was found; 1 where something is lost, mixed or blocked, or where a phase was not hit."""
    began, cases = time.monotonic(), list[Case]()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), initializer=precise) as pool,
    ):
        jobs = {
            pool.submit(
                part, search, Path(folder) / name.replace(" ", "-"), (seed, i), max(1, round(share * count))
            ): name
            for i, (name, (search, count)) in enumerate(SEARCHES.items())
        }
        for number, job in enumerate(as_completed(jobs), 1):
            cases += job.result()
            print(f"{number} of {len(jobs)}, {jobs[job]}, {time.monotonic() - began:.0f} s", flush=True)
    print("| | cases | faults |\n|---|---|---|")
    print(*table(cases), sep="\n")
    print(*(case.words for case in cases if case.kind.startswith("memory")), sep="\n")
    hit = {phase: sum(case.kind.endswith(f"killed in {phase}") for case in cases) for phase in LEAST}
    print(f"{len(cases)} cases; kills: {hit}")
    rare = [phase for phase, least in LEAST.items() if hit[phase] < share * least]
    return int(any(case.fault for case in cases) or bool(rare))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *map(float, sys.argv[2:])))
