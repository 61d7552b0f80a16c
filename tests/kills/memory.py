"""The memory of a sweep of a hundred points of ten shapes: what is done is forgotten."""

from pathlib import Path

import numpy as np

from tests.kills.processes import Command
from tests.kills.runs import TINY, Case, scratch

SETTLED = 20
"""Points until the memory is that of ten programs at once."""
ALLOWED = 2.0
"""MB a point: a run keeps what Python and XLA do not hand back; its programs take 30."""


def search(folder: Path, rng: np.random.Generator, count: int) -> list[Case]:
    """The growth over so many points, the memory after every one of them read from outside."""
    widths = ",".join(str(2 * w) for w in sorted(rng.choice(np.arange(8, 40), 10, replace=False)))
    alphas = ",".join(str(a) for a in range(5, 5 + count // 10))
    out = scratch(folder) / "sweep"
    command = Command(["overlay", *TINY, "--sweep", f"alpha={alphas}", f"width={widths}", "--out", str(out)], folder)
    sizes: list[float] = []
    while command.runs:
        done = len([*out.glob("*=*/result.json")])
        size = resident(command.process.pid)
        if done > len(sizes) and size:
            sizes += [size] * (done - len(sizes))
        command.process.join(0.05)
    code, kind = command.end(), f"memory of {count} points"
    growth = per_point(sizes[SETTLED:])
    words = f"{sizes[9]:.0f} MB after 10, {sizes[-1]:.0f} after {len(sizes)}, {growth:.2f} a point after {SETTLED}"
    fault = f"exit {code}: {command.said()}" if code else None if growth < ALLOWED else "it grows"
    return [Case(kind, words, fault)]


def resident(pid: int | None) -> float:
    """MB in memory; 0 of a process that ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def per_point(sizes: list[float]) -> float:
    """Slope of the largest of every ten, between two clearances."""
    peaks = [max(sizes[i : i + 10]) for i in range(0, len(sizes) - 9, 10)]
    return float(np.polyfit(10 * np.arange(len(peaks)), peaks, 1)[0])
