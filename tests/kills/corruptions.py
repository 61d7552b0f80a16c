"""Every stored file of a run damaged: the next command refuses it by name, or comes to the same values."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lfp import InputError
from lfp.commands import cli
from lfp.measure.trajectory import load
from tests.kills.processes import Command, wait
from tests.kills.runs import RUNS, Case, Run, arrays, difference, files, overlay, run, scratch, without

Damage = Callable[[bytes, bytes, np.random.Generator], bytes]
"""(content, that of another file, chance) -> content."""


def _flip(content: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(content)))
    return content[:place] + bytes([content[place] ^ (1 << int(rng.integers(8)))]) + content[place + 1 :]


def _zero(content: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(content)))
    return content[:place] + bytes(min(64, len(content) - place)) + content[place + 64 :]


DAMAGES: dict[str, Damage] = {
    "a bit flipped": _flip,
    "zeros": _zero,
    "cut": lambda content, _, rng: content[: int(rng.integers(len(content)))],
    "emptied": lambda *_: b"",
    "swapped": lambda _, other, rng: other,
    "garbage": lambda _, other, rng: rng.bytes(int(rng.integers(1, 2000))),
}

SEEDS = Run((*RUNS["experiment"].words, "--seed", "7"), "small-smoke-seed7")
FOREIGN = {
    "overlay": overlay(seed=1),
    "solve": Run(("solve", "--data", "data.csv", "--times", "0.2,1,inf")),
    "experiment": SEEDS,
    "sweep": Run((*RUNS["sweep"].words, "--seed", "1"), "*=*"),
}


def search(name: str, unfinished: bool, folder: Path, rng: np.random.Generator, count: int) -> list[Case]:
    """So many damages to the folder of a command that is finished, or was killed in its training."""
    kind, whole, stored = RUNS[name], scratch(folder) / "whole", folder / "stored"
    run(kind.arguments(whole), folder)
    run(FOREIGN[name].arguments(folder / "foreign"), folder)
    resume = list(kind.resume) if unfinished else []
    if unfinished:
        _killed(kind, stored, folder)
    else:
        shutil.copytree(whole, stored)
    code, expected, _ = main([*kind.arguments(whole)])
    assert code == 0
    cases = []
    for i in range(count):
        out, damage = folder / "damaged", list(DAMAGES)[i % len(DAMAGES)]
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(stored, out)
        names = sorted(files(out))
        path = out / names[(i // len(DAMAGES) + i) % len(names)]
        others = [out / one for one in names if out / one != path]
        if (alike := _foreign(folder / "foreign", path, out)) is not None:
            others += [alike] * len(others)  # half of them
        other = others[int(rng.integers(len(others)))].read_bytes()
        path.write_bytes(DAMAGES[damage](path.read_bytes(), other, rng))
        fault = fault_of([*kind.arguments(out), *resume], path, out, whole, expected, unfinished)
        what = "unfinished" if unfinished else "finished"
        cases.append(Case(f"{name} {what}, {path.suffix or path.name}", f"{damage}: {path.relative_to(out)}", fault))
    return cases


def _killed(kind: Run, out: Path, folder: Path) -> None:
    """A run that was killed in its training, with what it goes on from."""
    while True:
        command = Command(kind.arguments(out), folder)
        kept = (lambda: (out / "checkpoint").exists()) if kind.resume else (lambda: len([*out.rglob("parts/*.nc")]) > 1)
        wait(command, kept)
        if command.kill() and not [*out.rglob("curves.nc")]:
            return
        shutil.rmtree(out)


def _foreign(foreign: Path, path: Path, out: Path) -> Path | None:
    """The same file of a run of other settings."""
    name = str(path.relative_to(out)).replace(f"{RUNS['experiment'].place}/", f"{SEEDS.place}/")
    return foreign / name if (foreign / name).exists() else None


def fault_of(arguments: list[str], path: Path, out: Path, whole: Path, expected: Any, unfinished: bool) -> str | None:
    """What is wrong with how the command takes the damage."""
    before = path.read_bytes()
    code, result, said = main(arguments)
    if code == 2:
        last = said.strip().splitlines()[-1]
        named = path.name in last or (path.name == "config.json" and str(path.parent) in last)  # that of another run
        if not ("lfp: " in last and named and "; allowed: " in last):
            return f"refused without its name or a way out: {said}"
        if "--force" in last:
            code, result, _ = main([*arguments, "--force"])
            if code != 0 or without(result, "seconds") != without(expected, "seconds"):
                return f"the way out does not help: {last}"
        return None
    if code != 0:
        return f"exit {code}: {said}"
    if without(result, "seconds") != without(expected, "seconds"):
        return "other values, and exit 0"
    if unfinished:
        return difference(out, whole)
    if path.suffix == ".nc" and path.read_bytes() == before:  # not read by the command, but by users
        with contextlib.suppress(InputError):
            load(path)
            same = whole / path.relative_to(out)
            return None if arrays(path) == arrays(same) or _of_another_run(path, out) else "read with other values"
    return None


def _of_another_run(path: Path, out: Path) -> bool:
    """A whole file in the place of another: it is what it says."""
    candidates = [*out.rglob("*.nc"), *(out.parent / "foreign").rglob("*.nc"), *(out.parent / "stored").rglob("*.nc")]
    return any(one != path and one.read_bytes() == path.read_bytes() for one in candidates)


def main(arguments: list[str]) -> tuple[int, Any, str]:
    """Exit code, what is printed as JSON, stderr: in this process, where everything is compiled."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = cli.main(arguments)
    return code, json.loads(out.getvalue()) if code == 0 else None, errors.getvalue()
