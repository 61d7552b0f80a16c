"""Commands of lfp in processes of their own, forked from one that has imported everything: seconds less for each."""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.kills.loaded"])

LONGEST = 900.0
"""Seconds of a command on a busy machine; longer hangs."""


class Command:
    """A command that runs; what it says goes to files beside its folder.

    Args:
        arguments: of `lfp`.
        scratch: for what it says, and for compiled programs, which all commands of a test share.
        before: called in the process before the command.
    """

    def __init__(self, arguments: Sequence[str], scratch: Path, before: Callable[[], object] = int) -> None:
        said = scratch / f"said-{time.monotonic_ns()}"
        self.out, self.errors = said.with_suffix(".out"), said.with_suffix(".err")
        what = (list(arguments), scratch / "programs", self.out, self.errors, before)
        self.process = _CONTEXT.Process(target=_run, args=what)
        self.process.start()

    @property
    def runs(self) -> bool:
        return self.process.is_alive()

    def end(self) -> int:
        """Wait for it; the exit code, negative where a signal ended it."""
        self.process.join(LONGEST)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
            raise TimeoutError(self.said())
        assert self.process.exitcode is not None
        return self.process.exitcode

    def kill(self) -> bool:
        """SIGKILL; whether that was what ended it."""
        self.process.kill()
        return self.end() == -9

    def said(self) -> str:
        """Everything on stderr."""
        return self.errors.read_text() if self.errors.exists() else ""


def barrier(size: int) -> Callable[[], object]:
    """For so many commands, none of which begins before all are there."""
    return _CONTEXT.Barrier(size).wait


def wait(command: Command, condition: Callable[[], bool], seconds: float = LONGEST) -> bool:
    """Look a thousand times a second; whether it became true while the command ran."""
    end = time.monotonic() + seconds
    while command.runs and time.monotonic() < end:
        for _ in range(20):  # to ask whether it runs costs more
            if condition():
                return True
            time.sleep(0.001)
    return False


def _run(arguments: list[str], programs: Path, out: Path, errors: Path, before: Callable[[], object]) -> NoReturn:
    """As `lfp` does it, with a checkpoint at every stretch of training, so that tests of seconds have some."""
    for number, path in ((1, out), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    import jax

    from lfp.commands import cli
    from lfp.training import loop

    jax.config.update("jax_compilation_cache_dir", str(programs))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    loop.SECONDS_BETWEEN_CHECKPOINTS = 0.05
    sys.argv = ["lfp", *arguments]
    before()
    sys.exit(cli.main(arguments))
