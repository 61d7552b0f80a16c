"""Tables of numbers from files."""

import csv
import io
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lfp import _checks

LARGEST_FILE = 10**5


def read_csv(path: str | Path, least: int = 2) -> Float[np.ndarray, "n columns"]:
    r"""Numbers of a CSV file, header optional, at most 10^5 rows of at least `least` columns.

    Raises:
        InputError: a file that cannot be read, too few columns, rows of unequal length, words, NaN.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "data.csv"
        >>> _ = path.write_text("x,y\n0,1\n1,3\n")
        >>> read_csv(path).tolist()
        [[0.0, 1.0], [1.0, 3.0]]
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"data={str(path)!r} cannot be read: {error.strerror if isinstance(error, OSError) else 'not text'}"
        raise _checks.InputError(msg) from None
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    if rows and not _is_number(rows[0][0]):
        rows = rows[1:]
    widths = {len(row) for row in rows}
    if len(widths) != 1 or widths.pop() < least or len(rows) > LARGEST_FILE:
        msg = f"data={str(path)!r} has {len(rows)} rows of {sorted({len(r) for r in rows})} columns; "
        msg += f"allowed: at least {least} columns everywhere and 1 to {LARGEST_FILE} rows"
        raise _checks.InputError(msg)
    for number, row in enumerate(rows, 1):
        if not all(map(_is_number, row)):
            msg = f"data={str(path)!r} data row {number} is {','.join(row)!r}; allowed: numbers"
            raise _checks.InputError(msg)
    return _checks.finite(f"data={str(path)!r}", np.array(rows, np.float64))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
