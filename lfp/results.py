"""The folder of one run: what was asked (config.json), what came out (result.json), written whole or not at all."""

import io
import json
import math
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lfp import _checks
from lfp._files import write_whole

FORMATS = (".png", ".svg")
PICTURES = ("overlay", "heatmap", "snapshots", "profiles", "spectrum", "sweep", "budget", "experiment")
CHECKPOINT = "checkpoint"
OURS = {CHECKPOINT, "config.json", "result.json", "theory.nc", "curves.nc", *(p + f for p in PICTURES for f in FORMATS)}


def environment() -> dict[str, str]:
    """Versions and device that a result depends on.

    Example:
        >>> sorted(environment())[:3]
        ['device', 'jax', 'jaxlib']
    """
    import jax

    found = {"device": str(jax.devices()[0].device_kind), "python": platform.python_version()}
    for package in ("lfp", "jax", "jaxlib", "neural-tangents", "optax", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def claim(out: str | Path, settings: dict[str, Any], *, force: bool = False, resume: bool = False) -> Path:
    """Make the folder of a run and write its config.json; refuse one that belongs to something else.

    Args:
        out: the folder.
        settings: all settings of the run.
        force: take the folder over, removing an earlier run's files (never anything else).
        resume: keep the checkpoint of an interrupted run of the same settings.

    Raises:
        InputError: the folder holds another run, or something that is no run, and `force` is off.

    Example:
        >>> import tempfile
        >>> folder = claim(tempfile.mkdtemp(), {"width": 8})
        >>> json.loads((folder / "config.json").read_text())["settings"]
        {'width': 8}
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
    """Refuse a folder that `claim` would refuse, before work that takes long.

    Example:
        >>> refuse_taken("a folder that does not exist", {})
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        msg = f"out={str(out)!r} is a file; allowed: a folder"
        raise _checks.InputError(msg)
    taken = folder.is_dir() and any(folder.iterdir())
    if taken and not force and settings_of(folder) != plain(settings):
        msg = f"out={str(out)!r} exists and is not a run of this configuration; allowed: another folder, or --force"
        raise _checks.InputError(msg)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON under a temporary name, then give it its own; NaN and infinity become null.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "result.json"
        >>> write_json(path, {"rate": float("nan")})
        >>> path.read_text().split()
        ['{', '"rate":', 'null', '}']
    """
    write_whole(path, (json.dumps(plain(content), indent=2, allow_nan=False) + "\n").encode())


def save_figure(fig: Any, folder: Path, name: str) -> None:
    """Write a figure as PNG and SVG.

    Example:
        >>> import tempfile
        >>> from matplotlib.figure import Figure
        >>> folder = Path(tempfile.mkdtemp())
        >>> save_figure(Figure(), folder, "empty")
        >>> sorted(p.name for p in folder.iterdir())
        ['empty.png', 'empty.svg']
    """
    for suffix in FORMATS:
        buffer = io.BytesIO()
        fig.savefig(buffer, format=suffix[1:], metadata={"Date": None} if suffix == ".svg" else None)
        write_whole(folder / f"{name}{suffix}", buffer.getvalue())


def settings_of(folder: Path) -> Any:
    """The settings of an earlier run, None where there is none.

    Example:
        >>> settings_of(Path("a folder that does not exist"))
    """
    try:
        return json.loads((folder / "config.json").read_text())["settings"]
    except (OSError, ValueError, KeyError):
        return None


def plain(value: Any) -> Any:
    """Only what JSON knows.

    Example:
        >>> plain({"widths": (8, 16)})
        {'widths': [8, 16]}
    """
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
