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

NOT_HERE = 2
"""Exit code of a script that cannot run on this machine."""
TABLE = "table.md"

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
        end), `code` (of its exit), `error` (its last words, where it did not), `seconds`.
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
        "code": process.returncode,
        "error": None if process.returncode == 0 else (printed or [f"exit code {process.returncode}"])[-1],
        "seconds": round(time.perf_counter() - began, 1),
    }
    return _files.write_result(place, result)


def run_all(
    out: str | Path = "bench",
    names: Sequence[str] = (),
    *,
    folder: Path = BENCHMARKS,
    say: Callable[[str], None] = print,
) -> bool:
    """Run benchmarks one after the other, each in a folder of its own; their lines of ratios go into OUT/table.md.

    Args:
        out: folder of the table and of the folders, which are taken over.
        names: which; none for all of them.
        folder: where the scripts are.
        say: receives every line, and the table.

    Returns:
        Whether all that can run here came to their ends.
    """
    for name in names:
        _checks.choice("name", name, benchmarks(folder))
    results = [run(name, Path(out) / name, force=True, folder=folder, say=say) for name in names or benchmarks(folder)]
    text = table(results, folder)
    _files.write_whole(Path(out) / TABLE, text.encode())
    say(text)
    return all(result["code"] in (0, NOT_HERE) for result in results)


def table(results: Sequence[dict[str, Any]], folder: Path = BENCHMARKS) -> str:
    """Every line that begins with the word ratio, under the commit and the versions, as Markdown."""
    about = {"commit": commit(folder), **_files.environment()}
    about.pop("draws")
    rows = ["| benchmark | ratio |", "|---|---|"]
    for result in results:
        lines = [line["text"].strip() for line in result["lines"]]
        ratios = [line.removeprefix("ratio").strip(" :") for line in lines if re.match(r"ratio\b", line)]
        if not result["passed"]:
            ratios.append(f"{'not run' if result['code'] == NOT_HERE else 'FAILED'}: {result['error']}")
        rows += [f"| {result['name']} | {ratio.replace('|', '/')} |" for ratio in ratios]
    return "\n".join([", ".join(f"{name} {value}" for name, value in about.items()), "", *rows, ""])


def commit(folder: Path = BENCHMARKS) -> str:
    """The commit of a checkout, `unknown` where there is none; `-dirty` says that files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


if __name__ == "__main__":  # OUT [NAME ...]
    sys.exit(not run_all(sys.argv[1], sys.argv[2:]))
