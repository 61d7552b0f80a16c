"""Benchmarks: the claims of speed, each a script of benchmarks/ that prints ratios against a named peer."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lfp import _checks, _files
from lfp.harness.claims import BENCHMARKS, benchmarks

_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)")


def numbers(line: str) -> list[float]:
    """The numbers that stand apart in a line."""
    return [float(number) for number in _NUMBER.findall(line.replace("^", "_"))]


def run(
    name: str,
    out: str | Path = "bench",
    *,
    arguments: Sequence[str] = (),
    force: bool = False,
    folder: Path = BENCHMARKS,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Run a benchmark in a process of its own; `say` receives every line as it is printed.

    Returns:
        What result.json holds: `claim`, `lines` (text and numbers of those with numbers), `passed` (it came to its
        end), `error` (its last words, where it did not), `seconds`.
    """
    scripts = benchmarks(folder)
    path = folder / f"{_checks.choice('name', name, scripts)}.py"
    with _files.held(out):
        place = _files.claim(out, {"benchmark": name, "arguments": list(arguments)}, force=force)
        return _timed(name, scripts[name].claim, [sys.executable, str(path), *arguments], place, say)


def _timed(name: str, claim: str, command: list[str], place: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Run a script and keep what it prints: result.json."""
    began, printed = time.perf_counter(), []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            for line in process.stdout or ():
                printed.append(line.rstrip())
                say(printed[-1])
        except BaseException:
            process.terminate()
            raise
    result = {
        "name": name,
        "claim": claim,
        "lines": [{"text": line, "numbers": numbers(line)} for line in printed if numbers(line)],
        "passed": process.returncode == 0,
        "error": None if process.returncode == 0 else (printed or [f"exit code {process.returncode}"])[-1],
        "seconds": round(time.perf_counter() - began, 1),
    }
    return _files.write_result(place, result)
