"""SIGKILL at random moments of start-up, training and writing; the same command then ends as if nothing had been."""

import shutil
import time
from functools import partial
from pathlib import Path

import numpy as np

from tests.kills.processes import Command, wait
from tests.kills.runs import RUNS, Case, difference, files, run, scratch

PHASES = ("start-up", "training", "writing")


def search(name: str, folder: Path, rng: np.random.Generator, count: int) -> list[Case]:
    """So many kills of one command, its phases in turn, each followed to its end."""
    kind, reference = RUNS[name], scratch(folder) / "reference"
    phases = [phase for phase in PHASES if name != "solve" or phase != "training"]  # it computes before it claims
    run(kind.arguments(reference), folder)  # compiles
    timeline = _timeline(kind.arguments(folder / "timed"), folder, folder / "timed")
    cases: list[Case] = []
    for _ in range(3 * count + 3):
        if len(cases) == count:
            break
        out = folder / f"killed{len(cases)}"
        shutil.rmtree(out, ignore_errors=True)
        command = Command(kind.arguments(out), folder)
        rarest = min(phases, key=[case.kind.rpartition(" in ")[2] for case in cases].count)
        moment = _wait(command, out, rarest, timeline, kind.place, rng)
        if not command.kill():
            continue  # it was too late
        left, phase = files(out), _phase(out, kind.place)
        again = Command([*kind.arguments(out), *kind.resume], folder)
        code = again.end()
        fault = difference(out, reference) if code == 0 else f"exit {code}: {again.said()}"
        if "Traceback" in again.said():
            fault = again.said()
        cases.append(Case(f"{name} killed in {phase}", f"{moment}, left {sorted(left)}", fault))
    return cases


def _timeline(arguments: list[str], folder: Path, out: Path) -> dict[str, float]:
    """Seconds from the start at which every file is first seen, half-written ones too."""
    began, seen = time.monotonic(), {"end": 0.0}
    command = Command(arguments, folder)

    def look() -> bool:
        now = time.monotonic() - began
        for name in files(out) if out.exists() else ():
            seen.setdefault(name.replace(f".{command.process.pid}.", ".PID."), now)
        return False

    wait(command, look)
    assert command.end() == 0, command.said()
    seen["end"] = time.monotonic() - began
    return seen


def _wait(
    command: Command, out: Path, phase: str, timeline: dict[str, float], place: str, rng: np.random.Generator
) -> str:
    """Wait for a random moment of a phase; its name."""
    ours = [name for name in timeline if Path(name).match(f"{place}/*" if place != "." else "*")]
    claimed = min(timeline[name] for name in ours if name.endswith("config.json"))
    measured = min(timeline[name] for name in ours if name.endswith("curves.nc"))
    if phase == "start-up":
        seconds = rng.uniform(0, claimed)
        wait(command, lambda: False, seconds)
        return f"after {seconds:.2f} s"
    if phase == "training":
        wait(command, lambda: any(name.endswith("config.json") and _within(name, place) for name in _names(out)))
        seconds = rng.uniform(0, measured - claimed)
        wait(command, lambda: False, seconds)
        return f"{seconds:.2f} s after config.json"
    written = sorted({name.split(".PID.")[0] for name in timeline if name != "end" and ".lock" not in name})
    chosen = str(rng.choice(written))
    if chosen == "checkpoint":  # one of many
        wait(command, partial(_appears, out, "checkpoint"))
        wait(command, lambda: False, rng.uniform(0, 0.3))
    wait(command, lambda: any(name == chosen or name.startswith(f"{chosen}.") for name in _names(out)))
    time.sleep(rng.choice([0.0, 0.0, 0.002, 0.05]))
    return f"at {chosen}"


def _appears(out: Path, name: str) -> bool:
    return (out / name).exists()


def _names(out: Path) -> set[str]:
    try:
        return files(out)
    except OSError:  # a file that went while we looked
        return set()


def _within(name: str, place: str) -> bool:
    return place == "." or Path(name).parent.match(place)


def _phase(out: Path, place: str) -> str:
    """In what it was killed, by what it left."""
    if any(name.endswith(".partial") for name in files(out)):
        return "writing"
    begun = [out] if place == "." else [path for path in out.glob(place) if path.is_dir()]
    unfinished = [path for path in begun if not (path / "result.json").exists()]
    if not any((path / "config.json").exists() for path in unfinished):
        return "writing" if begun and not unfinished else "start-up"
    return "writing" if any((path / "curves.nc").exists() for path in unfinished) else "training"
