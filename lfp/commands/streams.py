"""Standard streams that outlast their readers: `| head -1`, closed, ASCII, full."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any


class _Lasting:
    """A stream that goes nowhere once its reader is gone: what was computed is written all the same.

    Args:
        stream: what is written to.
        ignored: errors of writing that are none of the command.
    """

    def __init__(self, stream: Any, ignored: type[OSError]) -> None:
        self._stream, self._ignored = stream, ignored
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # what the encoding lacks is no reason to fail

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._to_nowhere_if_lost():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._to_nowhere_if_lost():
            self._stream.flush()

    @contextlib.contextmanager
    def _to_nowhere_if_lost(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # what is buffered goes there too
            if not isinstance(error, self._ignored):
                raise


@contextlib.contextmanager
def lasting() -> Iterator[None]:
    """Run with such streams; a closed one is opened on nothing, else the next file would take its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest free number: this one
    before = sys.stdout, sys.stderr
    streams = _Lasting(sys.stdout or _nothing(), BrokenPipeError), _Lasting(sys.stderr or _nothing(), OSError)
    sys.stdout, sys.stderr = streams  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        for stream in streams:
            with contextlib.suppress(OSError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _nothing() -> Any:
    return open(os.devnull, "w")  # as long as the process
