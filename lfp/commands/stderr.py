"""What a command says on stderr while it works: its phases with their times, remarks, a bar for the steps."""

import sys
import time
from typing import Any

OPEN = " ..."
"""What the name of a phase ends with."""
LONGEST = 600
"""Characters of a refusal: of longer ones the middle is left out."""


class Stderr:
    """Lines on stderr.

    Phases share a line, left open for the time of the last of them, until the bar begins or the command ends: what is
    said meanwhile waits for that. So a command that is refused, however late, says one line.
    """

    def __init__(self) -> None:
        self.since: float | None = None
        """When the last phase of the open line began; None where no line is open."""
        self.held: list[str] = []
        """Remarks that wait for the end of the line."""
        self.bar: Any = None

    def say(self, line: str) -> None:
        """A remark; or the name of the next phase, where it ends with dots."""
        self._end_bar()
        if not line.endswith(OPEN):
            self.held.append(line)
            if self.since is None:
                self._flush()
            return
        self._write(line if self.since is None else f"{self._seconds()}; {line}", end=" ")
        self.since = time.monotonic()

    def close(self) -> None:
        """End the open line, or the bar."""
        self._end_bar()
        if self.since is not None:
            self._write(self._seconds())
        self.since = None
        self._flush()

    def fail(self, line: str) -> None:
        """The last word, behind the open line where there is one; what waits is not said."""
        self._end_bar()
        self.since, self.held = None, []
        line = " ".join(line.split())
        self._write("lfp: " + (line if len(line) <= LONGEST else f"{line[: LONGEST - 200]} ... {line[-200:]}"))

    def update(self, done: int, total: int, seconds: float) -> None:
        """A bar with rate and time left, from the first step on; the next line ends it."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TimeRemainingColumn

        if self.bar is None:
            self.close()
            columns = ("training", BarColumn(), "{task.completed}/{task.total} steps", "{task.fields[rate]}")
            self.bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
            self.bar.add_task("training", rate="")
            self.bar.start()
        self.bar.update(0, completed=done, total=total, rate=f"{done / seconds:.0f} steps/s")

    def _seconds(self) -> str:
        return f"{time.monotonic() - (self.since or 0):.1f} s"

    def _flush(self) -> None:
        lines, self.held = self.held, []
        for line in lines:
            self._write(line)

    def _end_bar(self) -> None:
        if self.bar is not None:
            self.bar.stop()
        self.bar = None

    def _write(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=sys.stderr, flush=True)  # noqa: T201
