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
LARGEST_INPUT, DEEPEST = 2**30, 100
"""Bytes of a file that a user names; folders above the folder of a run."""


def read_input(name: str, path: str | Path) -> bytes:
    """What is in a file that a user names: a plain one of at most 1 GiB.

    Raises:
        InputError: none such, a folder, pipe or device, one too large or that may not be read; `name` is the argument.
    """
    try:
        where = Path(path)
        if where.exists() and not where.is_file():
            msg = f"{name}={str(path)!r} is no plain file; allowed: one, no folder, pipe or device"
            raise _checks.InputError(msg)
        if where.stat().st_size > LARGEST_INPUT:
            msg = f"{name}={str(path)!r} has {where.stat().st_size} bytes; allowed: at most {LARGEST_INPUT}"
            raise _checks.InputError(msg)
        return where.read_bytes()
    except OSError as error:
        msg = f"{name}={str(path)!r} cannot be read: {error.strerror or error}; allowed: a file"
        raise _checks.InputError(msg) from None


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


class Damaged(_checks.InputError):
    """A stored file that is damaged, or of another run."""


def _open_plainly(path: Path, flags: int) -> int:
    """A file of our own, never what a link leads to."""
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | flags, 0o666)


FORMATS = (".png", ".svg")
PICTURES = ("overlay", "heatmap", "snapshots", "profiles", "spectrum", "sweep", "budget", "experiment")
CHECKPOINT, CONFIG, RESULT = "checkpoint", "config.json", "result.json"
SCHEMA = 1
"""Of result.json: it grows when a key goes or changes its meaning."""
FILMS = ("animation.gif", "animation.mp4", "animation.html")
OURS = {CHECKPOINT, CONFIG, RESULT, "theory.nc", "curves.nc", *(p + f for p in PICTURES for f in FORMATS), *FILMS}


def environment() -> dict[str, Any]:
    """Versions, device and draws that a result depends on."""
    import platform

    import jax

    versions: dict[str, Any] = {"device": str(jax.devices()[0].device_kind), "python": platform.python_version()}
    names = ("jax_threefry_partitionable", "jax_default_prng_impl")
    versions["draws"] = {name: getattr(jax.config, name) for name in names}
    packages = ("jax", "jaxlib", "neural-tangents", "optax", "numpy")
    return {**versions, "lfp": version_of("lfp-jax"), **{package: version_of(package) for package in packages}}


def version_of(distribution: str) -> str:
    """The version that is installed, `unknown` where there is none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


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
    if len(folder.parts) > DEEPEST:
        msg = f"out={str(out)!r} lies in {len(folder.parts)} folders; allowed: at most {DEEPEST}"
        raise _checks.InputError(msg)
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
            try:
                file.truncate(0)
                file.write(f"process {os.getpid()}, {Path(sys.argv[0]).name} {' '.join(sys.argv[1:2])}".encode())
                file.flush()
                yield
            finally:
                with contextlib.suppress(OSError):  # others share it: the last of them removes it
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove_halves(folder)
                    path.unlink(missing_ok=True)
            return


_ATTEMPTS = 20
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


class Held(_checks.InputError):
    """A folder in which another process works."""


def remove_ours(folder: Path, kept: frozenset[str] = frozenset()) -> None:
    """Remove the files of a run, and never anything else.

    The result goes first and the settings last: a kill in between leaves a run without a result, never files of none.
    """
    _remove_halves(folder)
    order = {RESULT: 0, CONFIG: 2}
    for path in sorted(folder.iterdir(), key=lambda path: order.get(path.name, 1)):
        if path.name in OURS - kept:
            path.unlink(missing_ok=True)


def _remove_halves(folder: Path) -> None:
    """Remove what a process that was killed had half written."""
    for path in folder.glob(f"*{PARTIAL}"):
        if any(path.name.startswith(f"{name}.") for name in OURS):
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
    if going_on and (folder / CHECKPOINT).exists() and not same_draws(folder, around):
        drawn = _config(folder)["environment"]["draws"]
        msg = f"resume=True, and random numbers were drawn with {drawn}; allowed: the same, now {around['draws']}"
        raise _checks.InputError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    remove_ours(folder, frozenset({CONFIG, CHECKPOINT} if going_on else {CONFIG}))  # replaced, never gone
    _claimed.add(folder.absolute())
    write_json(folder / CONFIG, {"settings": settings, "environment": around, "inputs": _inputs(settings)})
    return folder


def refuse_taken(out: str | Path, settings: dict[str, Any], *, force: bool = False) -> None:
    """Refuse a folder that `claim` would refuse, before work that takes long."""
    folder = Path(out)
    _refuse_file(folder, out)
    taken = folder.is_dir() and any(path.name != LOCK and not path.name.endswith(PARTIAL) for path in folder.iterdir())
    if not taken or force:
        return
    if damaged(folder):
        read_json(folder / CONFIG)  # says how
    if settings_of(folder) != plain(settings):
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
    around = environment()
    same = same and config["environment"].get("lfp") == around["lfp"] and same_draws(folder, around)
    if not same or not (folder / RESULT).exists():
        return None
    try:
        result = read_result(folder)
    except Damaged:
        if (folder / RESULT).exists():
            raise
        return None  # another process took it away just now
    return None if result.get("interrupted") else result


def same_draws(folder: Path, around: dict[str, Any]) -> bool:
    """Whether the random numbers of an earlier run are those that are drawn now; so where nothing is known."""
    return _config(folder).get("environment", {}).get("draws", around["draws"]) == around["draws"]


def identity(settings: Any) -> str:
    """SHA-256 of settings, which the files of a run carry: one of another run is not taken for one of theirs."""
    return hashlib.sha256(json.dumps(plain(settings), sort_keys=True).encode()).hexdigest()


def _inputs(settings: dict[str, Any]) -> dict[str, str]:
    """Digests of the files that settings name: another content is another run."""
    named = {name: Path(str(settings[name])) for name in ("data", "test", "image") if settings.get(name)}
    files = {name: path for name, path in named.items() if path.is_file()}
    return {name: hashlib.sha256(read_input(name, path)).hexdigest() for name, path in files.items()}


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote.

    Raises:
        InputError: a file that cannot be read or holds something else: it is named.
    """
    content, why = None, "is damaged"
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    except (ValueError, RecursionError):
        pass
    if isinstance(content, dict):
        digest = content.pop("digest", None)
        if digest == identity(content):
            return content
        why = "has no digest, as those of lfp 0.1" if digest is None else "is damaged: its digest is another"
    msg = f"{str(path)!r} {why}; allowed: one that this lfp wrote (--force runs it again)"
    raise Damaged(msg)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON with a digest of it, whole or not at all; NaN and infinity become null."""
    content = {**plain(content), "digest": identity(content)}
    write_whole(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def write_result(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Write result.json with the number of its schema and the identity of its run; return what it holds."""
    result = {"schema": SCHEMA, **result}
    write_json(folder / RESULT, {**result, "run": identity(settings_of(folder))})
    return result


def read_result(folder: Path) -> dict[str, Any]:
    """What `write_result` wrote.

    Raises:
        InputError: config.json or result.json damaged, or of two runs: the file is named.
    """
    settings, result = read_json(folder / CONFIG).get("settings"), read_json(folder / RESULT)
    if result.pop("run", None) != identity(settings):
        msg = f"{str(folder / RESULT)!r} is of another run than {CONFIG}; allowed: its own (--force runs it again)"
        raise Damaged(msg)
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
        return read_json(folder / CONFIG)
    except _checks.InputError:
        return {}


def damaged(folder: Path) -> bool:
    """Whether the config.json of a run is there and cannot be read."""
    return (folder / CONFIG).exists() and not _config(folder)


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
