"""The rows of --data, as every command reads them."""

from collections.abc import Callable
from pathlib import Path

from lfp.commands.options import Reading
from lfp.domains.tables import Table, read_csv


def read_rows(s: Reading, data: str | Path, seed: int | None, say: Callable[[str], None]) -> Table:
    """The columns that the settings name, thinned where they say so; what was left out is said.

    Args:
        s: the settings.
        data: the file.
        seed: of the rows that are drawn; None is 0.
        say: takes the remarks.
    """
    table = read_csv(data, columns=s.columns, target=s.target, missing=s.missing or "refuse")
    for remark in table.remarks:
        say(remark)
    if s.subsample is None:
        return table
    thin = table.thinned(s.subsample, None if s.even else seed or 0)
    say(f"{Path(data).name}: {len(thin.values)} of {len(table.values)} rows are kept")
    return thin
