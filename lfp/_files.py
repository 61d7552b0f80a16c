"""Files appear whole or not at all; the folder of a run: what was asked (config.json), what came out (result.json)."""

import io
import json
import math
from pathlib import Path
from typing import Any

from lfp import _checks


def write_whole(path: str | Path, content: bytes) -> None:
    """Write under a temporary name, then give the file its own: a full disk leaves nothing half-written.

    Libraries hand us their bytes instead of writing themselves: HDF5 crashes the process when a disk is full.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


FORMATS = (".png", ".svg")
PICTURES = ("overlay", "heatmap", "snapshots", "profiles", "spectrum", "sweep", "budget", "experiment")
CHECKPOINT = "checkpoint"
SCHEMA = 1
"""Of result.json: it grows when a key goes or changes its meaning."""
OURS = {CHECKPOINT, "config.json", "result.json", "theory.nc", "curves.nc", *(p + f for p in PICTURES for f in FORMATS)}


def environment() -> dict[str, str]:
    """Versions and device that a result depends on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import jax

    versions = {"device": str(jax.devices()[0].device_kind), "python": platform.python_version()}
    for package in ("lfp", "jax", "jaxlib", "neural-tangents", "optax", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "unknown"
    return versions


def claim(out: str | Path, settings: dict[str, Any], *, force: bool = False, resume: bool = False) -> Path:
    """Make the folder of a run and write its config.json; refuse one that belongs to something else.

    Args:
        out: the folder.
        settings: all settings of the run.
        force: take the folder over, removing an earlier run's files (never anything else).
        resume: keep the checkpoint of an interrupted run of the same settings.

    Raises:
        InputError: the folder holds another run, or something that is no run, and `force` is off.
    """
    refuse_taken(out, settings, force=force)
    kept = {CHECKPOINT} if resume and settings_of(Path(out)) == plain(settings) else set()
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name in OURS - kept:
            path.unlink()
    write_json(folder / "config.json", {"settings": settings, "environment": environment()})
    return folder


def refuse_taken(out: str | Path, settings: dict[str, Any], *, force: bool = False) -> None:
    """Refuse a folder that `claim` would refuse, before work that takes long."""
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        msg = f"out={str(out)!r} is a file; allowed: a folder"
        raise _checks.InputError(msg)
    taken = folder.is_dir() and any(folder.iterdir())
    if taken and not force and settings_of(folder) != plain(settings):
        msg = f"out={str(out)!r} exists and is not a run of this configuration; allowed: another folder, or --force"
        raise _checks.InputError(msg)


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
    try:
        return json.loads((folder / "config.json").read_text())["settings"]
    except (OSError, ValueError, KeyError):
        return None


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
