"""Checkpoints: arrays in one file that is whole or refused."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lfp import _checks
from lfp._files import write_whole

_DIGEST = 32  # bytes of SHA-256, before the arrays


def save(path: str | Path, arrays: Sequence[Any], identity: bytes) -> None:
    """Write arrays under the identity of their run; a kill while writing leaves the checkpoint before."""
    buffer = io.BytesIO()
    np.savez(buffer, *[np.asarray(one) for one in arrays])
    content = hashlib.sha256(identity).digest() + buffer.getvalue()
    write_whole(path, hashlib.sha256(content).digest() + content)


def load(path: str | Path, identity: bytes) -> list[np.ndarray]:
    """Read what `save` wrote, to the last bit.

    Raises:
        InputError: a file that cannot be read, is damaged, or belongs to another run.
    """
    try:
        whole = Path(path).read_bytes()
    except OSError as error:
        msg = f"checkpoint={str(path)!r} cannot be read: {error.strerror}"
        raise _checks.InputError(msg) from None
    content = whole[_DIGEST:]
    if len(content) < _DIGEST or hashlib.sha256(content).digest() != whole[:_DIGEST]:
        msg = f"checkpoint={str(path)!r} is damaged ({len(whole)} bytes); allowed: a whole one, or a run from the start"
        raise _checks.InputError(msg)
    if content[:_DIGEST] != hashlib.sha256(identity).digest():
        msg = f"checkpoint={str(path)!r} belongs to another run; allowed: that of the same settings and data"
        raise _checks.InputError(msg)
    with np.load(io.BytesIO(content[_DIGEST:]), allow_pickle=False) as data:
        return [data[f"arr_{i}"] for i in range(len(data.files))]
