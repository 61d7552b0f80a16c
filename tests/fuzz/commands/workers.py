"""Runs command lines in forked workers and as processes, and says what is wrong with what became of them."""

import contextlib
import hashlib
import io
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE = 30.0
"""Seconds of waiting for nothing, or of work of two cores, after which a command hangs."""
MEMORY = 12 << 30
"""Bytes of address space that a worker has."""
BETWEEN_CLEARANCES = 60


class Outcome(NamedTuple):
    """What became of a command line."""

    words: list[str]
    fault: str | None
    """What is wrong with it; None: nothing."""
    kind: str
    """Exit code, and the class of what was said."""
    said: str
    digest: str = ""
    """Of the results."""


def search(lines: Iterable[list[str]], world: Path, workers: int = 2) -> Iterator[Outcome]:
    """Every command line, run in the folder `world` by one of so many workers."""
    started: list[Any] = []
    try:
        yield from _search(iter(lines), world, workers, started)
    finally:
        for worker in started:
            worker.kill()


def _search(todo: Iterator[list[str]], world: Path, workers: int, started: list[Any]) -> Iterator[Outcome]:
    idle, busy = [], {}
    context = multiprocessing.get_context("fork")

    def start() -> None:
        ours, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(theirs, world))
        worker.start()
        started.append(worker)
        theirs.close()
        idle.append((ours, worker))

    for _ in range(workers):
        start()
    more = True
    while more or busy:
        while idle and more:
            words = next(todo, None)
            more = words is not None
            if words is not None:
                pipe, worker = idle.pop()
                pipe.send(words)
                busy[pipe] = worker, words, time.monotonic(), _seconds_of(worker.pid)
        for pipe in wait(list(busy), timeout=0.5):
            assert isinstance(pipe, Connection)
            worker, words, *_ = busy.pop(pipe)
            try:
                yield Outcome(words, *pipe.recv())
                idle.append((pipe, worker))
            except (EOFError, ConnectionError):
                worker.join()
                yield Outcome(words, "died", f"exit {worker.exitcode}", "")
                start()
        for pipe, (worker, words, began, spent) in list(busy.items()):
            wall, cpu = time.monotonic() - began, _seconds_of(worker.pid) - spent
            if cpu > 2 * PATIENCE or (wall > PATIENCE and cpu < 1) or wall > 10 * PATIENCE:
                del busy[pipe]
                worker.kill()
                yield Outcome(words, "hangs", f"after {wall:.0f} s, {cpu:.0f} s of work", "")
                start()


def _seconds_of(pid: int) -> float:
    """Seconds that a process has worked: a clock on the wall counts those of its neighbours too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _work(pipe: Connection, world: Path) -> None:
    parent = os.getppid()
    os.chdir(world)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.stdin = open(os.devnull)  # noqa: SIM115 - for as long as the worker lives
    for count in range(sys.maxsize):
        while not pipe.poll(1.0):
            if os.getppid() != parent:  # siblings hold its end of the pipe too: nothing else says that it is gone
                return
        words = pipe.recv()
        pipe.send(run(words))
        if count % BETWEEN_CLEARANCES == BETWEEN_CLEARANCES - 1:
            import jax

            jax.clear_caches()


def run(words: list[str]) -> tuple[str | None, str, str, str]:
    """Fault, kind, words and digest of a command line, run here in a folder of results of its own."""
    from lfp import _files
    from lfp.commands import cli

    stdout, stderr = io.StringIO(), io.StringIO()
    missing: list[str] = []
    plain = _files.plain

    def watched(value: Any) -> Any:
        if isinstance(value, float) and value != value:
            missing.append("NaN")
        return plain(value)

    with tempfile.TemporaryDirectory(dir=".") as place:
        out = Path(place, "out")
        arguments = words if any(w == "--out" or w.startswith("--out=") for w in words) else _with_out(words, out)
        _files.plain = watched
        code: Any = None
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            try:
                code = cli.main(arguments)
            except SystemExit as stop:
                code = stop.code or 0
            except BaseException as error:
                frames = traceback.extract_tb(error.__traceback__)
                inside = [f for f in frames if "/lfp/" in f.filename] or frames
                where = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}"
                return "traceback", f"{type(error).__name__} at {where}", str(error)[:300], ""
            finally:
                _files.plain = plain
        fault = _fault(code, stderr.getvalue(), out, missing)
        found = _digest(out) if code == 0 else ""
    return fault, f"exit {code}", stderr.getvalue()[-400:], found


def _digest(out: Path) -> str:
    """Of figures and arrays: two runs that differ in nothing but the time they took have one."""
    import json

    import xarray as xr

    kept = hashlib.sha256()
    for path in sorted(out.glob("*.nc")):
        with xr.open_dataset(path) as data:
            for name in sorted(data.variables):
                kept.update(name.encode() + data[name].values.tobytes())
    for path in sorted(out.glob("result.json")):
        kept.update(json.dumps({**json.loads(path.read_text()), "seconds": 0, "digest": "", "run": ""}).encode())
    return kept.hexdigest()


def _with_out(words: list[str], out: Path) -> list[str]:
    """With a folder of its own, where the command takes one."""
    takes = (words[:1] and words[0] in ("overlay", "solve", "spectrum", "learn")) or words[1:2] in (
        ["run"],
        ["cards"],
        ["margins"],
    )
    return [*words, "--out", str(out)] if takes else words


def _fault(code: Any, stderr: str, out: Path, missing: list[str]) -> str | None:
    if code not in (0, 1, 2):
        return f"exit code {code}"
    if code == 1 and not re.search("lfp: |broken|left out|MISSED", stderr) and not any(out.rglob("result.json")):
        return "no line that says why"
    if code == 2:
        lines = stderr.strip().splitlines()
        last = lines[-1] if lines else ""
        if "lfp: " not in last or len(last) > 1500:
            return "no line that says why"
        if len(lines) > 1 and any("..." not in line and "merged" not in line for line in lines[:-1]):
            return "more than one line"
        if not re.search(r"[\w-]+=|--\w|no |'|lfp: \w+ has |Unrecognized", last):
            return "names nothing"
        if out.exists():
            return "leaves a folder that blocks"
    if code == 0 and missing:
        return "NaN in the results"
    if code == 0 and (out / "curves.nc").exists():
        return _not_numbers(out)
    return None


def _not_numbers(out: Path) -> str | None:
    """NaN in what was predicted, measured or solved."""
    import numpy as np
    import xarray as xr

    for path in out.glob("*.nc"):
        with xr.open_dataset(path) as data:
            for name in ("f", "f_theory", "f_training", "residual", "h"):
                if name in data and np.isnan(data[name].values).any():
                    return f"NaN in {path.name}: {name}"
    return None


def process(words: list[str], world: Path, number: int) -> Outcome:
    """The same as a process of its own."""
    out = world / f"process{number}"
    arguments = words if any(w.startswith("--out") for w in words) else _with_out(words, out)
    script = [sys.executable, "-m", "lfp.commands.cli", *arguments]
    try:
        done = subprocess.run(
            script,
            cwd=world,
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return Outcome(words, "hangs", "process", "")
    said = done.stderr[-400:]
    if "Traceback" in done.stderr:
        return Outcome(words, "traceback", "process", said)
    return Outcome(words, _fault(done.returncode, done.stderr, out, []), f"exit {done.returncode}", said)
