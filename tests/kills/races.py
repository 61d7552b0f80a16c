"""Two or three processes on one folder, some with --force: one works, and the folder is its own."""

import re
import shutil
import time
from pathlib import Path

import numpy as np

from tests.kills.corruptions import FOREIGN
from tests.kills.processes import Command, barrier, wait
from tests.kills.runs import RUNS, TINY, Case, Run, difference, files, run, scratch

POINTS = 12
SWEEP = Run(("overlay", *TINY, "--sweep", "width=16,32,64", "alpha=5,10,20,40"), "*=*")


def search(names: list[str], folder: Path, rng: np.random.Generator, count: int) -> list[Case]:
    """So many races, on an empty folder or on that of a finished run."""
    scratch(folder)
    kinds = {name: [RUNS[name], FOREIGN[name]] for name in names}
    if "experiment" in names:  # of which other seeds have another folder
        kinds["experiment"][1] = RUNS["experiment"]
    for name, pair in kinds.items():
        for i, one in enumerate(pair):
            run(one.arguments(folder / f"{name}{i}"), folder)
    cases = []
    for number in range(count):
        name = names[number % len(names)]
        out, size, begun = folder / f"race{number}", 2 + number % 2, bool(rng.integers(2))
        which, forces = rng.integers(2, size=size), rng.integers(2, size=size).astype(bool)
        if begun:
            shutil.copytree(folder / f"{name}0", out)
            forces[0] = True  # else none may work
        gate = barrier(size)
        commands = [
            Command([*kinds[name][i].arguments(out), *["--force"] * bool(force)], folder, gate)
            for i, force in zip(which, forces, strict=True)
        ]
        codes = [command.end() for command in commands]
        said = [command.said() for command in commands]
        worked = [k for k in range(size) if codes[k] == 0 and "finished before" not in said[k]]
        words = f"{list(map(int, which))}, force {forces.tolist()}, finished before {begun}: exits {codes}"
        cases.append(Case(f"race of {size} on {name}", words, fault_of(codes, said, worked)))
        if len(worked) == 1 and cases[-1].fault is None:
            reference = folder / f"{name}{which[worked[0]]}"
            cases[-1] = Case(cases[-1].kind, words, difference(out, reference))
    return cases


def fault_of(codes: list[int], said: list[str], worked: list[int]) -> str | None:
    if len(worked) != 1:
        return f"{len(worked)} worked: {said}"
    for code, text in zip(codes, said, strict=True):
        refused = "is being worked in by process" in text or "is not a run of this configuration" in text
        if "Traceback" in text or not (code == 0 or (code == 2 and refused)):
            return f"exit {code}: {text}"
    return None


def shared_sweep(folder: Path, rng: np.random.Generator, count: int) -> list[Case]:
    """Three processes share a sweep of twelve points, two are killed at random moments: the third does the rest."""
    reference = scratch(folder) / "reference"
    run(SWEEP.arguments(reference), folder)
    return [_shared(folder, folder / f"sweep{i}", reference, rng) for i in range(count)]


def _shared(folder: Path, out: Path, reference: Path, rng: np.random.Generator) -> Case:
    commands = [Command(SWEEP.arguments(out), folder) for _ in range(3)]
    moments = sorted(int(after) for after in rng.integers(0, POINTS - 3, size=2))
    for command, after in zip(commands, moments, strict=False):
        wait(command, lambda after=after: len([*out.glob("*=*/result.json")]) >= after)
        time.sleep(rng.uniform(0, 2))
        if not command.kill():
            return Case("shared sweep", "", f"killed too late, after {after} points")
    code = commands[2].end()
    begun = [re.findall(rf"^\d+/{POINTS} (\S+)$", command.said(), re.MULTILINE) for command in commands]
    held = [some[-1] for some in begun[:2] if some]
    every = [name for some in begun for name in some]
    twice = [name for name in set(every) if every.count(name) > 1 + held.count(name)]
    words = f"killed after {moments} points, holding {held}; begun {list(map(len, begun))}"
    fault = f"run twice: {twice}" if twice else difference(out, reference)
    if code != 0:
        fault = f"exit {code}, {len(files(out))} files: {commands[2].said()}"
    return Case("shared sweep", words, fault)
