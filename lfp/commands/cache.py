"""Programs that JAX has compiled, kept in the user's cache folder from one command to the next.

JAX looks a program up by a hash of itself, of the compiler and of its options, but not of the processor for which it
was compiled: homes are shared by machines, so that every kind of processor has a folder of its own.
"""

import contextlib
import hashlib
import os
import platform
import tempfile
import warnings
from pathlib import Path

VARIABLE = "LFP_CACHE"
"""The environment variable that names another folder, or is `off`."""
LARGEST = 2**28
"""Bytes above which the older half of the programs is deleted."""


def keep_programs() -> Path | None:
    """Let JAX keep what it compiles from now on, and take what it finds.

    Returns:
        The folder; None where it is switched off, cannot be written, or JAX has one of its own.
    """
    import jax

    where = os.environ.get(VARIABLE)
    if where == "off" or getattr(jax.config, "jax_compilation_cache_dir", None) is not None:
        return None
    try:
        folder = (Path(where) if where else _home() / "lfp") / _processor()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            _trim(folder)
    except (OSError, RuntimeError):  # it cannot be written, or there is no home
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    # a program that another process is writing, or that a kill cut short, has a wrong checksum and is compiled again
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")
    return folder


def _home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _processor() -> str:
    """A hash of the instructions that the processor has."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    return hashlib.sha256(f"{platform.machine()} {flags}".encode()).hexdigest()[:16]


def _trim(folder: Path) -> None:
    """Delete the older half of more than `LARGEST` bytes."""
    files = []
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):  # another process was faster
            files.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
    files.sort()
    if sum(size for _, size, _ in files) > LARGEST:
        for _, _, path in files[: len(files) // 2]:
            with contextlib.suppress(OSError):
                os.unlink(path)
