"""SIGTERM, Ctrl-C and SIGKILL of `experiment run all`: its workers end too."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from lfp.harness import claims
from tests.kills.runs import Case, scratch

SENT: dict[str, tuple[list[signal.Signals], int]] = {
    "SIGTERM": ([signal.SIGTERM], 143),
    "Ctrl-C": ([signal.SIGINT], 130),
    "SIGTERM twice": ([signal.SIGTERM, signal.SIGTERM], 143),
    "SIGKILL": ([signal.SIGKILL], -9),
}


def search(folder: Path, rng: np.random.Generator, count: int) -> list[Case]:
    """So many signals at random moments after the workers are there."""
    scripts = scratch(folder) / "scripts"
    scripts.mkdir(exist_ok=True)
    for name in ("decay", "momentum", "multi_scale"):
        shutil.copy(claims.EXPERIMENTS / f"{name}.py", scripts)
    cases = []
    for i in range(count):
        kind, seconds = list(SENT)[i % len(SENT)], float(rng.uniform(0, 12))
        cases.append(Case(f"workers, {kind}", f"{seconds:.1f} s after they began", _sent(folder, i, kind, seconds)))
    return cases


def _sent(folder: Path, number: int, kind: str, seconds: float) -> str | None:
    signals, expected = SENT[kind]
    out, scripts = folder / f"out{number}", folder / "scripts"
    command = [sys.executable, "-m", "lfp.commands.cli", "experiment", "run", "all", "--smoke", "--folder"]
    errors = folder / f"errors{number}"
    with errors.open("w") as file:
        process = subprocess.Popen(
            [*command, str(scripts), "--out", str(out)],
            stdout=file,
            stderr=file,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # the background of a shell ignores it
        )
        while len(descendants(process.pid)) < 3 and process.poll() is None:  # a tracker of resources and two workers
            time.sleep(0.02)
        time.sleep(seconds)
        family = descendants(process.pid)
        for one in signals:
            process.send_signal(one)
            time.sleep(0.05)
        code = process.wait(300)
    end = time.monotonic() + 20
    while (orphans := [pid for pid in family if lives(pid)]) and time.monotonic() < end:
        time.sleep(0.1)
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    said = errors.read_text()
    if code != expected or "Traceback" in said:
        return f"exit {code}: {said}"
    return f"orphans {orphans}" if orphans else None


def descendants(pid: int) -> list[int]:
    """Processes that come from one, by /proc."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            rest = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it ended
            continue
        parents[int(entry.parent.name)] = int(rest[1])
    found, new = [], {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found += sorted(new)
    return found


def lives(pid: int) -> bool:
    """Whether a process is there, and no zombie whose parent is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
