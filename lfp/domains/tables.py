"""Tables of numbers from files."""

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lfp import _checks, _files

LARGEST_FILE, LARGEST = 10**5, 1e100
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_COORDINATE = re.compile(r"x_?\d*|t", re.IGNORECASE)
_MISSING = ("", "na", "n/a", "-", "--", "null", "none", "?")


class Table(NamedTuple):
    """Numbers in columns. One rule for every command: the target is the column y, else the last one.

    A header whose last name is that of a coordinate (x, x1, x2, ..., t) and that names no y has no target.

    Args:
        values: one row a point.
        names: of the columns, as the header has them; None without a header.
        path: where it was read.
    """

    values: Float[np.ndarray, "n columns"]
    names: tuple[str, ...] | None
    path: str

    @property
    def target(self) -> int | None:
        """The column of the target; None where there is none, as in a single column."""
        if self.names is not None and "y" in self.names:
            return self.names.index("y")
        coordinates = self.names is not None and _COORDINATE.fullmatch(self.names[-1])
        return None if coordinates or self.values.shape[1] == 1 else self.values.shape[1] - 1

    @property
    def coordinates(self) -> Float[np.ndarray, "n d"]:
        """All columns but the target."""
        return self.values if self.target is None else np.delete(self.values, self.target, axis=1)

    def with_target(self) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"]]:
        """Coordinates and target.

        Raises:
            InputError: no target, or nothing beside it.
        """
        if self.target is None or self.values.shape[1] < 2:
            what = f"columns {','.join(self.names)}" if self.names else f"{self.values.shape[1]} column"
            msg = f"data={self.path!r} has {what}; allowed: coordinates and a target, in the column y or the last one"
            raise _checks.InputError(msg)
        return self.coordinates, self.values[:, self.target]


def read_csv(path: str | Path, name: str = "data") -> Table:
    r"""Numbers of a CSV file, at most 10^5 rows; its first row is a header where no cell of it is a number.

    Args:
        path: of the file.
        name: what errors call it.

    Raises:
        InputError: a file that cannot be read, rows of unequal length, words, gaps, NaN, two columns called y.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "data.csv"
        >>> _ = path.write_text("x,y\n0,1\n1,3\n")
        >>> read_csv(path).with_target()[1].tolist(), read_csv(path).names
        ([1.0, 3.0], ('x', 'y'))
    """
    said = f"{name}={str(path)!r}"
    try:
        text = _files.read_input(name, path).decode("utf-8-sig")
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""))]
    except (UnicodeDecodeError, csv.Error) as error:
        why = error if isinstance(error, csv.Error) else "not text in UTF-8"
        msg = f"{said} cannot be read: {why}; allowed: a table with commas"
        raise _checks.InputError(msg) from None
    rows = [row for row in rows if any(row)]
    names = tuple(rows.pop(0)) if rows and _is_header(rows[0]) else None
    widths = {len(row) for row in [*rows, *([names] if names else [])]}
    if len(widths) != 1 or not 1 <= len(rows) <= LARGEST_FILE:
        msg = f"{said} has {len(rows)} rows of {sorted(widths)} columns; "
        msg += f"allowed: as many columns everywhere and 1 to {LARGEST_FILE} rows"
        raise _checks.InputError(msg)
    if names and names.count("y") > 1:
        msg = f"{said} has columns {','.join(names)}; allowed: one called y"
        raise _checks.InputError(msg)
    for number, row in enumerate(rows, 1):
        if not all(map(_NUMBER.fullmatch, row)):
            msg = f"{said} data row {number} is {','.join(row)!r}; allowed: numbers"
            raise _checks.InputError(msg)
    values = _checks.finite(said, np.array(rows, np.float64))
    if np.abs(values).max() > LARGEST:
        far = np.abs(values).max()
        msg = f"{said} has numbers up to {far:.3g}; allowed: up to {LARGEST:g}, so that their squares are numbers"
        raise _checks.InputError(msg)
    return Table(values, names, str(path))


def _is_header(row: list[str]) -> bool:
    """Words in every column: a row with a number is data, and so is one of which every cell is missing."""
    return not any(map(_NUMBER.fullmatch, row)) and not all(cell.lower() in _MISSING for cell in row)
