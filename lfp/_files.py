"""Files appear whole or not at all; the folder of a run: what was asked (config.json), what came out (result.json).

A folder belongs to one process at a time (`held`). What a killed one left, half-written files and its lock, is no
reason to refuse the next.
"""

import contextlib
import errno
import hashlib
import io
import itertools
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lfp import _checks

PARTIAL, LOCK = ".partial", ".lock"


def write_whole(path: str | Path, content: bytes) -> None:
    """Write under a temporary name, then give the file its own: neither a full disk nor a kill leaves half a file.

    Libraries hand us their bytes instead of writing themselves: HDF5 crashes the process when a disk is full.
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with open(_open_plainly(partial, os.O_TRUNC), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _open_plainly(path: Path, flags: int) -> int:
    """A file of our own, never what a link leads to."""
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | flags, 0o666)


FORMATS = (".png", ".svg")
PICTURES = ("overlay", "heatmap", "snapshots", "profiles", "spectrum", "sweep", "budget", "experiment")
CHECKPOINT = "checkpoint"
SCHEMA = 1
"""Of result.json: it grows when a key goes or changes its meaning."""
OURS = {CHECKPOINT, "config.json", "result.json", "theory.nc", "curves.nc", *(p + f for p in PICTURES for f in FORMATS)}


def environment() -> dict[str, Any]:
    """Versions, device and draws that a result depends on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import jax

    versions: dict[str, Any] = {"device": str(jax.devices()[0].device_kind), "python": platform.python_version()}
    names = ("jax_threefry_partitionable", "jax_default_prng_impl")
    versions["draws"] = {name: getattr(jax.config, name) for name in names}
    for package in ("lfp", "jax", "jaxlib", "neural-tangents", "optax", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "unknown"
    return versions


_holding: set[Path] = set()
"""Folders that this process holds."""
_claimed: set[Path] = set()


@contextlib.contextmanager
def held(out: str | Path, *, shared: bool = False, keep: bool = True) -> Iterator[Path]:
    """Work in a folder that no other process works in, as long as this one lives: locks of the dead are none.

    Args:
        out: the folder; made where there is none, and removed again where nothing was written.
        shared: let others in that share it too, as the processes of one sweep.
        keep: what was written by work that failed; else the next command can take the folder, whatever its settings,
            unless there is a checkpoint to go on from, or curves.

    Raises:
        InputError: a file of that name, or another process that holds the folder: it is named.
    """
    folder = Path(out).absolute()
    if folder in _holding:
        yield Path(out)
        return
    _refuse_file(folder, out)
    made = _make(folder)
    try:
        with _locked(folder, shared):
            _holding.add(folder)
            try:
                yield Path(out)
            except Exception as error:
                dear = any((folder / name).exists() for name in (CHECKPOINT, "curves.nc"))
                if folder in _claimed and not keep and (not dear or isinstance(error, FloatingPointError)):
                    remove_ours(folder)
                raise
            finally:
                _holding.discard(folder)
                _claimed.discard(folder)
    finally:
        for empty in reversed(made):
            with contextlib.suppress(OSError):
                empty.rmdir()


def _refuse_file(folder: Path, out: str | Path) -> None:
    if folder.exists() and not folder.is_dir():
        msg = f"out={str(out)!r} is a file; allowed: a folder"
        raise _checks.InputError(msg)


def _make(folder: Path) -> list[Path]:
    """Make a folder and what it lies in; those that there were not."""
    missing = [folder, *folder.parents]
    missing = [place for place in missing if not place.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


@contextlib.contextmanager
def _locked(folder: Path, shared: bool) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # no such locks on Windows
        yield
        return
    path = folder / LOCK
    for attempt in itertools.count():
        _make(folder)  # its last holder may have removed it
        with open(_open_plainly(path, 0), "r+b") as file:
            try:
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                if shared and attempt < _ATTEMPTS:  # the last of those that share it looks whether it is alone
                    time.sleep(0.05)
                    continue
                holder = file.read(200).decode(errors="replace").strip() or "another process"
                msg = f"out={str(folder)!r} is being worked in by {holder}; allowed: another folder, or later"
                raise Held(msg) from None
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                yield  # a file system without locks
                return
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                continue  # its holder removed it between our two calls
            file.truncate(0)
            file.write(f"process {os.getpid()}, {Path(sys.argv[0]).name} {' '.join(sys.argv[1:2])}".encode())
            file.flush()
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # others share it: the last of them removes it
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink(missing_ok=True)
            return


_ATTEMPTS = 20
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


class Held(_checks.InputError):
    """A folder in which another process works."""


def remove_ours(folder: Path, kept: frozenset[str] = frozenset()) -> None:
    """Remove the files of a run, and never anything else."""
    for path in folder.iterdir():
        half = path.name.endswith(PARTIAL) and any(path.name.startswith(f"{name}.") for name in OURS)
        if half or path.name in OURS - kept:
            path.unlink(missing_ok=True)


def claim(out: str | Path, settings: dict[str, Any], *, force: bool = False, resume: bool = False) -> Path:
    """Make the folder of a run and write its config.json; refuse one that belongs to something else.

    Args:
        out: the folder.
        settings: all settings of the run.
        force: take the folder over, removing an earlier run's files (never anything else).
        resume: keep the checkpoint of an interrupted run of the same settings.

    Raises:
        InputError: the folder holds another run, or something that is no run, and `force` is off; to be resumed, one
            whose random numbers were drawn otherwise.
    """
    refuse_taken(out, settings, force=force)
    folder, around = Path(out), environment()
    going_on = resume and settings_of(folder) == plain(settings)
    drawn = _config(folder).get("environment", {}).get("draws", around["draws"])
    if going_on and (folder / CHECKPOINT).exists() and drawn != around["draws"]:
        msg = f"resume=True, and random numbers were drawn with {drawn}; allowed: the same, now {around['draws']}"
        raise _checks.InputError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    remove_ours(folder, frozenset({CHECKPOINT} if going_on else ()))
    _claimed.add(folder.absolute())
    write_json(folder / "config.json", {"settings": settings, "environment": around, "inputs": _inputs(settings)})
    return folder


def refuse_taken(out: str | Path, settings: dict[str, Any], *, force: bool = False) -> None:
    """Refuse a folder that `claim` would refuse, before work that takes long."""
    folder = Path(out)
    _refuse_file(folder, out)
    taken = folder.is_dir() and any(path.name != LOCK and not path.name.endswith(PARTIAL) for path in folder.iterdir())
    if taken and not force and settings_of(folder) != plain(settings):
        msg = f"out={str(out)!r} exists and is not a run of this configuration; allowed: another folder, or --force"
        raise _checks.InputError(msg)


def once(
    out: str | Path,
    settings: dict[str, Any],
    work: Callable[[], dict[str, Any]],
    *,
    force: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """What `work` hands out, in a folder of its own; of a run that is finished already its result.json."""
    done = None if force else finished(out, settings)  # which may lie where nothing can be written
    if done is not None:
        say(f"{out}: finished before (--force runs it again)")
        return done
    with held(out, keep=False):
        refuse_taken(out, settings, force=force)
        return work()


def finished(out: str | Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """result.json of a run of these settings that came to its end under this version; None where there is none.

    Raises:
        InputError: a result.json that is damaged.
    """
    folder = Path(out)
    config = _config(folder)
    same = config.get("settings") == plain(settings) and config.get("inputs") == _inputs(settings)
    version = config.get("environment", {}).get("lfp")
    if not same or not (folder / "result.json").exists() or version != environment()["lfp"]:
        return None
    result = read_json(folder / "result.json")
    return None if result.get("interrupted") else result


def _inputs(settings: dict[str, Any]) -> dict[str, str]:
    """Digests of the files that settings name: another content is another run."""
    named = {name: Path(str(settings[name])) for name in ("data", "test", "image") if settings.get(name)}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in named.items() if path.is_file()}


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote.

    Raises:
        InputError: a file that cannot be read or holds something else: it is named.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        msg = f"{str(path)!r} is damaged; allowed: one that lfp wrote (--force runs it again)"
        raise _checks.InputError(msg)
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON under a temporary name, then give it its own; NaN and infinity become null."""
    write_whole(path, (json.dumps(plain(content), indent=2, allow_nan=False) + "\n").encode())


def write_result(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Write result.json with the number of its schema, and return what it holds."""
    result = {"schema": SCHEMA, **result}
    write_json(folder / "result.json", result)
    return result


def save_figure(fig: Any, folder: Path, name: str) -> None:
    """Write a figure as PNG and SVG."""
    for suffix in FORMATS:
        buffer = io.BytesIO()
        fig.savefig(buffer, format=suffix[1:], metadata={"Date": None} if suffix == ".svg" else None)
        write_whole(folder / f"{name}{suffix}", buffer.getvalue())


def settings_of(folder: Path) -> Any:
    """The settings of an earlier run, None where there is none."""
    return _config(folder).get("settings")


def _config(folder: Path) -> dict[str, Any]:
    """config.json; empty where there is none that can be read."""
    try:
        return read_json(folder / "config.json")
    except _checks.InputError:
        return {}


def plain(value: Any) -> Any:
    """Only what JSON knows."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
