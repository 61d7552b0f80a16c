"""The rows of --data, as every command reads them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.commands.options import Reading
from lfp.domains.delimited import read_text
from lfp.domains.tables import Table, read_csv


def read_points(
    s: Reading, path: str | Path, name: str, like: Table, say: Callable[[str], None]
) -> Float[np.ndarray, "m d"]:
    """The coordinates of a table that was read before, at other points: by their names, else by their number.

    Args:
        s: the settings.
        path: of the file with the other points.
        name: what errors call it.
        like: the table.
        say: takes the remarks.
    """
    header = read_text(path, name).names
    columns = like.coordinate_names if header and like.coordinate_names else s.columns
    target = None if header and columns is None else ""
    table = read_csv(path, name, columns=columns, target=target, missing=s.missing or "refuse")
    for remark in table.remarks:
        say(remark)
    points, dim = table.coordinates, like.coordinates.shape[1]
    if points.shape[1] != dim:
        msg = f"{name}={str(path)!r} has {points.shape[1]} columns; allowed: {dim}, the coordinates"
        raise _checks.InputError(msg)
    return points


def read_rows(s: Reading, data: str | Path, seed: int | None, say: Callable[[str], None]) -> Table:
    """The columns that the settings name, thinned where they say so; what was left out is said.

    Args:
        s: the settings.
        data: the file.
        seed: of the rows that are drawn; None is 0.
        say: takes the remarks.
    """
    table = read_csv(data, columns=s.columns, target=s.target, missing=s.missing or "refuse", labels=s.labelled)
    for remark in table.remarks:
        say(remark)
    if s.subsample is None:
        return table
    thin = table.thinned(s.subsample, None if s.even else seed or 0)
    say(f"{Path(data).name}: {len(thin.values)} of {len(table.values)} rows are kept")
    return thin
