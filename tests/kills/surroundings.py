"""Full disks, folders and files without permission, closed and broken streams, odd terminals: one case each.

A case hands out what is wrong, or None. Every one ends with the exit code that is due, at most one line of error and
no half-written file; the same command in an ordinary place then gives an ordinary run.
"""

import ctypes
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from lfp import _files
from lfp.measure.trajectory import load
from tests.kills.processes import Command
from tests.kills.runs import RUNS, Case, difference, files, run, scratch

Check = Callable[[Path], str | None]
"""Of a folder that `prepare` made."""
LFP = (sys.executable, "-m", "lfp.commands.cli")


def prepare(folder: Path) -> Path:
    """A folder with an undisturbed solution and overlay: their programs are compiled."""
    for name in ("solve", "overlay"):
        run(RUNS[name].arguments(scratch(folder) / f"whole-{name}"), folder)
    return folder


def search(folder: Path, rng: np.random.Generator, count: int) -> list[Case]:
    """All cases in an order of chance, at most so many."""
    prepare(folder)
    names = [name for name in rng.permutation(sorted(CASES))[:count] if impossible(name) is None]
    return [Case("surroundings", name, _tried(name, folder)) for name in names]


def _tried(name: str, folder: Path) -> str | None:
    try:
        return CASES[name](folder)
    except OSError as error:  # what should be there is not
        return f"{type(error).__name__}: {error}"


def impossible(name: str) -> str | None:
    """Why a case cannot be run here."""
    if name.startswith("disk") and not _mounts():
        return "no file system can be mounted here"
    if "permission" in name and os.getuid() == 0 and not sys.platform.startswith("linux"):
        return "permissions do not bind this user"
    return None


def _refusal(code: int, said: str, *named: str) -> str | None:
    """What is wrong with a refusal: exit 2, one line of error, the last, that has these words."""
    errors = [line for line in said.splitlines() if "lfp: " in line]
    if code != 2 or "Traceback" in said or len(errors) != 1 or said.splitlines()[-1] != errors[0]:
        return f"exit {code}: {said}"
    return None if all(word in errors[0] for word in named) else f"{named} not in {errors[0]}"


def _halves(out: Path) -> str | None:
    """Half-written files of a folder."""
    for name in files(out) if out.exists() else ():
        if name.endswith((_files.PARTIAL, _files.LOCK)):
            return f"{name} is left"
        if name.endswith(".json"):
            _files.read_json(out / name)
        if name.endswith(".nc"):
            load(out / name)
    return None


def _failing(
    folder: Path, out: Path, before: Callable[[], object], words: tuple[str, ...], name: str = "solve"
) -> str | None:
    """A command that must be refused in these surroundings, and leave nothing half-written."""
    command = Command([*RUNS[name].arguments(out), *(RUNS[name].resume if out.exists() else ())], folder, before)
    return _refusal(command.end(), command.said(), *words) or _halves(out)


def _ordinary(folder: Path, out: Path, name: str = "solve") -> str | None:
    """The same command without them."""
    command = Command(RUNS[name].arguments(out), folder)
    code = command.end()
    return f"then exit {code}: {command.said()}" if code else difference(out, folder / f"whole-{name}")


# --- disks


def _mounts() -> bool:
    try:
        with tempfile.TemporaryDirectory() as folder, _disk(Path(folder) / "disk", 64):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def _disk(place: Path, size: int) -> Iterator[Path]:
    """A file system of so many KiB."""
    place.mkdir()
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(place)]
        subprocess.run(command, check=True, capture_output=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", str(place)], check=True)
    finally:
        place.rmdir()


def full_disk(size: int, folder: Path, name: str = "solve") -> str | None:
    """Of so many KiB; the command goes on when it is larger."""
    with _disk(folder / "disk", size) as place:
        scratch(place)
        fault = _failing(folder, place / "out", int, ("cannot be read or written", "No space left"), name)
        subprocess.run(["mount", "-o", "remount,size=4m", str(place)], check=True)
        return fault or _ordinary(folder, place / "out", name)


def read_only_disk(folder: Path) -> str | None:
    with _disk(folder / "disk", 64) as place:
        scratch(place)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        return _failing(folder, place / "out", int, ("cannot be", "Read-only file system"))


def file_limit(size: int, folder: Path, name: str = "solve") -> str | None:
    """A limit in bytes on every file."""
    out = folder / "limited"
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    fault = _failing(folder, out, limit, ("cannot be read or written", "File too large"), name) or _ordinary(
        folder, out, name
    )
    shutil.rmtree(out, ignore_errors=True)  # a refusal left none
    return fault


# --- permissions


def ordinary_user() -> None:
    """Permissions bind root too, once it has no capabilities."""
    if os.getuid() == 0:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()) != 0:
            raise OSError(ctypes.get_errno(), "capset")


def without_permission(name: str, mode: int, folder: Path) -> str | None:
    """Of a folder or file that the command has to write or to read."""
    out = folder / "guarded"
    shutil.copytree(folder / "whole-solve", out)
    if name != "result.json":
        (out / "result.json").unlink()  # else it is done
    path = (out / name).resolve()
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        return _failing(folder, out, ordinary_user, ("cannot be", str(path), "Permission denied"))
    finally:
        path.chmod(before)
        shutil.rmtree(out)


def beside_without_permission(folder: Path) -> str | None:
    """The folder in which that of the run would be."""
    place = scratch(folder / "closed")
    place.chmod(0o555)
    fault = _failing(
        folder, place / "out", ordinary_user, ("cannot be read or written", str(place), "Permission denied")
    )
    shutil.rmtree(place)
    return fault


def finished_without_permission(folder: Path) -> str | None:
    """A run that is finished is shown from where nothing can be written."""
    whole = folder / "whole-solve"
    whole.chmod(0o555)
    command = Command(RUNS["solve"].arguments(whole), folder, ordinary_user)
    code = command.end()
    whole.chmod(0o755)
    return None if code == 0 and "finished before" in command.said() else f"exit {code}: {command.said()}"


def checkpoint_without_permission(folder: Path) -> str | None:
    """Which is to be read."""
    out = folder / "resumed"
    shutil.copytree(folder / "whole-overlay", out)
    (out / "result.json").unlink()
    (out / "checkpoint").write_bytes(b"")
    (out / "checkpoint").chmod(0)
    fault = _failing(folder, out, ordinary_user, ("checkpoint", "cannot be read", "Permission denied"), "overlay")
    shutil.rmtree(out, ignore_errors=True)  # a refusal left none
    return fault


# --- streams and terminals, of processes from the shell


def shell(
    end: str, code: int, folder: Path, name: str = "solve", check: Callable[[str], bool] = str.strip, **env: str
) -> str | None:
    """A command with such an end of its line, and such an environment; `{errors}` is a file."""
    out, errors = folder / "éout", folder / "errors.txt"
    words = [*LFP, *(word for word in RUNS[name].arguments(out) if word != "--json")]
    line = f"{' '.join(words)} {end.format(errors=errors)}"
    programs = {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, check=False, env=os.environ | programs | env
    )
    said = done.stdout.decode(errors="replace") + (errors.read_text() if errors.exists() else "")
    errors.unlink(missing_ok=True)
    trouble = done.stderr.decode(errors="replace")
    whole = difference(out, folder / f"whole-{name}")
    shutil.rmtree(out, ignore_errors=True)
    if done.returncode != code or "Traceback" in said + trouble or "Exception" in said + trouble:
        return f"exit {done.returncode}: {said} {trouble}"
    return whole or (None if check(said) else f"printed {said!r}")


def _plain(text: str) -> bool:
    return "\x1b" not in text and "FP-norm" in text


def _colourless(text: str) -> bool:
    return not re.search(r"\x1b\[[\d;]*[34]\d", text) and "FP-norm" in text


def _narrow(text: str) -> bool:
    return all(len(line) <= 40 for line in text.splitlines() if "results in" not in line) and "FP-norm" in text


def _ascii(text: str) -> bool:
    return text.isascii() and "FP-norm" in text


def _silent(text: str) -> bool:
    return not text


_LOCALE = {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}

CASES: dict[str, Check] = {
    **{f"disk of {size} KiB": partial(full_disk, size) for size in (4, 12, 48, 100)},
    **{f"disk of {size} KiB, overlay": partial(full_disk, size, name="overlay") for size in (24, 200)},
    "disk that is read-only": read_only_disk,
    **{f"files of {size} bytes": partial(file_limit, size) for size in (400, 20_000, 45_000)},
    "files of 2000 bytes, overlay": partial(file_limit, 2000, name="overlay"),
    "no permission to write beside": beside_without_permission,
    "no permission to write": partial(without_permission, ".", 0o555),
    "no permission at all": partial(without_permission, ".", 0),
    "no permission to read the settings": partial(without_permission, "config.json", 0),
    "no permission to read the result": partial(without_permission, "result.json", 0),
    "no permission to read the data": partial(without_permission, "../data.csv", 0),
    "no permission to write, finished": finished_without_permission,
    "no permission to read the checkpoint": checkpoint_without_permission,
    "closed stdout": partial(shell, ">&-", 0, check=lambda _: True),
    "closed stderr": partial(shell, "2>&-", 0, name="overlay"),
    "all closed": partial(shell, "<&- >&- 2>&-", 0, check=_silent),
    "full stdout": partial(shell, "> /dev/full 2> {errors}", 2, check=lambda said: "No space left" in said),
    "full stderr": partial(shell, "2> /dev/full", 0, name="overlay"),
    "head -1": partial(shell, "2> {errors} | head -1", 0),
    "nobody reads": partial(shell, "2> {errors} | true", 0),
    "nobody reads either": partial(shell, "2>&1 | true", 0, name="overlay", check=_silent),
    "TERM=dumb": partial(shell, "", 0, check=_plain, TERM="dumb"),
    "NO_COLOR": partial(shell, "", 0, check=_colourless, NO_COLOR="1", FORCE_COLOR="1"),
    "COLUMNS=40": partial(shell, "", 0, check=_narrow, COLUMNS="40"),
    "LANG=C": partial(shell, "", 0, check=lambda said: "FP-norm" in said, LANG="C", LC_ALL="C"),
    "LANG=C without UTF-8": partial(shell, "", 0, check=_ascii, PYTHONUTF8="0", **_LOCALE),
    "PYTHONIOENCODING=ascii": partial(shell, "", 0, check=_ascii, PYTHONIOENCODING="ascii"),
}
