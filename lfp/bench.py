"""Benchmarks: the claims of speed, each a script of benchmarks/ that prints ratios against a named peer."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lfp import _checks, experiment, results

FOLDER = Path(__file__).parent.parent / "benchmarks"
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)")


def names(folder: Path = FOLDER) -> list[str]:
    """The benchmarks of a folder: scripts that run when they are called.

    Raises:
        InputError: no folder of benchmarks, as where only the package is installed.

    Example:
        >>> "import_time" in names()
        True
    """
    return [
        path.stem for path in experiment.scripts(folder, "benchmarks") if '__name__ == "__main__"' in path.read_text()
    ]


def numbers(line: str) -> list[float]:
    """The numbers that stand apart in a line.

    Example:
        >>> numbers("ratio 1.4 (claim: at most 2), error 3e-7, S2 and n^0.8 stay")
        [1.4, 2.0, 3e-07]
    """
    return [float(found) for found in _NUMBER.findall(line.replace("^", "_"))]


def run(
    name: str,
    out: str | Path = "bench",
    *,
    arguments: Sequence[str] = (),
    force: bool = False,
    folder: Path = FOLDER,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Run a benchmark in a process of its own, and keep what it prints.

    Args:
        name: of the benchmark.
        out: folder for config.json and result.json; a second run there needs `force`.
        arguments: handed to the script.
        force: take over a folder that holds another run.
        folder: where the benchmarks are.
        say: receives every line as it is printed.

    Returns:
        What result.json holds: `claim`, `lines` (text and numbers of those with numbers), `passed` (it came to its
        end), `error` (its last words, where it did not), `seconds`.

    Raises:
        InputError: an unknown name, a folder that holds another run.

    Example:
        >>> try:
        ...     run("perpetuum", "nowhere")
        ... except _checks.InputError as error:
        ...     str(error).startswith("name='perpetuum' is unknown")
        True
    """
    path = folder / f"{_checks.choice('name', name, names(folder))}.py"
    place = results.claim(out, {"benchmark": name, "arguments": list(arguments)}, force=force)
    began, printed = time.perf_counter(), []
    process = subprocess.Popen(
        [sys.executable, str(path), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with process:
        for line in process.stdout or ():
            printed.append(line.rstrip())
            say(printed[-1])
    result = {
        "name": name,
        "claim": experiment.claim(name, folder),
        "lines": [{"text": line, "numbers": numbers(line)} for line in printed if numbers(line)],
        "passed": process.returncode == 0,
        "error": None if process.returncode == 0 else (printed or [f"exit code {process.returncode}"])[-1],
        "seconds": round(time.perf_counter() - began, 1),
    }
    results.write_json(place / "result.json", result)
    return result
