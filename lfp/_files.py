"""Files appear whole or not at all."""

from pathlib import Path


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
