"""Tables of numbers from files: which columns are meant, which rows are whole."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.domains.delimited import ALONE, NUMBERS, THOUSANDS, Delimited, is_missing, read_text, short
from lfp.domains.joint import MOST_CLASSES

LARGEST_TABLE, LARGEST = 10**7, 1e100
_COORDINATE = re.compile(r"x_?\d*|t", re.IGNORECASE)
_INDEX = ("", "index", "id", "no", "nr", "#", "unnamed: 0")


class Table(NamedTuple):
    """Numbers in columns. One rule for every command: the target is the column y, else the last one.

    A header whose last name is that of a coordinate (x, x1, x2, ..., t) and that names no y has no target.

    Args:
        values: one row a point.
        names: of the columns, as the header has them; None without a header.
        path: where it was read.
        target: the column of the target; None where there is none, as in a single column.
        places: of the columns in the file, the first being 1; empty where they are all.
        remarks: what was left out, and what the file leaves open; one line at most.
        others: the columns of further targets.
        classes: what the numbers of the target stand for, where it is a label.
    """

    values: Float[np.ndarray, "n columns"]
    names: tuple[str, ...] | None
    path: str
    target: int | None
    places: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()
    others: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[int, ...]:
        """The columns of all targets."""
        return () if self.target is None else (self.target, *self.others)

    @property
    def coordinates(self) -> Float[np.ndarray, "n d"]:
        """All columns but the targets."""
        return np.delete(self.values, self.targets, axis=1) if self.targets else self.values

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the coordinates: what errors call them."""
        return tuple(self.column(i) for i in range(self.values.shape[1]) if i not in self.targets)

    @property
    def coordinate_names(self) -> tuple[str, ...] | None:
        """Of all columns but the target; None where one has none."""
        names = tuple(name for i, name in enumerate(self.names or ("",)) if i not in self.targets)
        return names if all(names) else None

    def column(self, i: int) -> str:
        """Number in the file, and name, of a column."""
        return _called(self.places[i] if self.places else i + 1, self.names[i] if self.names else "")

    def with_target(self) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"]]:
        """Coordinates and target.

        Raises:
            InputError: no target, several or labels, or nothing beside it.
        """
        if self.others or self.classes:
            what = "a label for a target" if self.classes else f"{len(self.targets)} targets"
            msg = f"data={self.path!r} has {what}; allowed here: one target, of numbers"
            raise _checks.InputError(msg)
        if self.target is None or self.values.shape[1] < 2:
            what = f"columns {','.join(self.names)}" if self.names else f"{self.values.shape[1]} column"
            if self.names and len(self.names) > 1:
                what += f", the last of which, {self.names[-1]}, is taken for a coordinate"
            what = "; ".join([what, *self.remarks])
            msg = f"data={self.path!r} has {what}; allowed: coordinates and a target, in the column y or the last one, "
            msg += "or named by target"
            raise _checks.InputError(msg)
        return self.coordinates, self.values[:, self.target]

    def with_targets(self) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n o"], tuple[str, ...]]:
        """Coordinates, targets and their names; of labels one target a class, 1 where a row is of it, else 0.

        Raises:
            InputError: no target, nothing beside it, a single class.
        """
        x, first = self._replace(others=(), classes=()).with_target()
        if not self.classes:
            names = [self.names[i] for i in self.targets] if self.names else []
            names = names if len(set(names)) == len(self.targets) else [self.column(i) for i in self.targets]
            return self.coordinates, self.values[:, self.targets], tuple(names)
        present, codes = np.unique(first.astype(int), return_inverse=True)  # rows that were left out may take one along
        if len(present) < 2:
            msg = f"target of data={self.path!r} has one class, {self.classes[present[0]]}; allowed: two or more"
            raise _checks.InputError(msg)
        return x, np.eye(len(present))[codes.ravel()], tuple(self.classes[i] for i in present)

    def thinned(self, count: int, seed: int | None) -> "Table":
        """At most so many of the rows, in their order: drawn without replacement, or even ones.

        Args:
            count: of the rows that are kept.
            seed: of the draw; None takes rows evenly in the order of the coordinates.
        """
        if count >= len(self.values):
            return self
        if seed is not None:
            rows = np.random.default_rng(seed).choice(len(self.values), count, replace=False)
        else:
            order = np.lexsort(self.coordinates.T[::-1])
            rows = order[np.linspace(0, len(order), count, endpoint=False).astype(int)]
        return self._replace(values=self.values[np.sort(rows)])


class _Column(NamedTuple):
    """A column as it was read."""

    label: str
    values: Float[np.ndarray, " n"]
    """NaN where a cell is missing or a word."""
    word: int | None
    """The first row with a word."""
    whole: bool = False
    """Whether every cell is a whole number."""

    @property
    def numeric(self) -> bool:
        return bool(np.any(~np.isnan(self.values)))


def read_csv(
    path: str | Path,
    name: str = "data",
    *,
    columns: str | Sequence[str] | None = None,
    target: str | None = None,
    missing: Literal["refuse", "drop"] = "refuse",
    labels: bool = False,
) -> Table:
    r"""Numbers of a text in columns: separator, decimal sign, encoding and header are found (`delimited`).

    Its first row is a header where no cell of it begins like a number or stands for a missing value. Columns without
    numbers are left out, and so is the first other one where it counts the rows and is called so (no name, index, id,
    no, nr). Gaps count in the columns that are used.

    Args:
        path: of the file; it may be packed by gzip.
        name: what errors call it.
        columns: names of the coordinates, a sequence or between commas, without a header their numbers from 1; None:
            all but the target.
        target: name of the target, or names between commas; None: the column y, else the last one; empty: none.
        missing: whether rows with gaps are refused or dropped.
        labels: whether the target is a label, of words or numbers.

    Raises:
        InputError: a file that cannot be read, rows of unequal length, words among numbers, gaps, unknown columns,
            a column in which a sign between thousands and a decimal sign look alike.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "data.csv"
        >>> _ = path.write_text("place;x;y\nRome;0,5;1\nBonn;1;3\n")
        >>> read_csv(path).with_target()[1].tolist(), read_csv(path).names
        ([1.0, 3.0], ('x', 'y'))
    """
    text = read_text(path, name)
    found, comments = _columns(text)
    (target, further), classes = _several(found, target), ()
    if labels:
        if further:
            msg = f"target={','.join([str(target), *further])!r} with labels (--classes); allowed: one label"
            raise _checks.InputError(msg)
        place = _label(text, found, columns, target)
        target, classes = found[place].label, _encode(text, found, place)
    chosen, aim = _chosen(text, found, columns, target)
    aims = [_named(text, found, "target", name) for name in further]
    if len({aim, *aims}) <= len(aims) or (columns is not None and not set(aims).isdisjoint(chosen)):
        msg = f"target={','.join([str(target), *further])!r} with columns={columns!r} name a column twice; "
        raise _checks.InputError(msg + "allowed: each once")
    chosen += [i for i in aims if i not in chosen]
    remarks = _remarks(text, found, chosen, columns, comments)
    for i in chosen:
        _refuse_word(text, found[i].word, i)
    values = np.stack([found[i].values for i in chosen], axis=1)
    gaps = np.isnan(values)
    whole = np.logical_not(gaps.any(axis=1))
    if not whole.all():
        said = f"{len(values) - whole.sum()} of {len(values)} rows have gaps"
        if missing == "refuse" or not whole.any():
            row = int(np.argmin(whole))
            more = " (or missing='drop')" if whole.any() else ""
            _refuse_cell(text, row, chosen[int(np.argmax(gaps[row]))], f"missing, and {said}", more)
        remarks.append(f"{said} and are dropped")
    far = np.argwhere(np.abs(values) > LARGEST)
    if len(far):
        row, i = map(int, far[0])
        _refuse_cell(text, row, chosen[i], f"not finite or beyond {LARGEST:g}, whose square is no number")
    for i in chosen:
        _refuse_thousands(text, found[i], i)
    names = tuple(text.names[i] for i in chosen) if text.names else None
    places = tuple(i + 1 for i in chosen)
    remark = (f"{Path(path).name}: {'; '.join(remarks)}",) if remarks else ()
    place, others = None if aim is None else chosen.index(aim), tuple(chosen.index(i) for i in aims)
    return Table(values[whole], names, str(path), place, places, remark, others, classes)


def _several(found: list[_Column], target: str | None) -> tuple[str | None, list[str]]:
    """The first target and the others, of names between commas; a column may have a comma in its name."""
    if not target or target in [column.label for column in found]:
        return target, []
    first, *others = (name.strip() for name in target.split(","))
    return first, others


def _label(text: Delimited, found: list[_Column], columns: str | Sequence[str] | None, target: str | None) -> int:
    """The column of the label: as named; else y, or the last one that is no coordinate."""
    if target:
        return _named(text, found, "target", target)
    wanted = [name.strip() for name in columns.split(",")] if isinstance(columns, str) else columns or ()
    free = [i for i, column in enumerate(found) if column.label not in wanted]
    if not free:
        msg = f"columns={columns!r} are all of {text.said}; allowed: a column more, with the label"
        raise _checks.InputError(msg)
    return next((i for i in free if text.names and text.names[i] == "y"), free[-1])


def _encode(text: Delimited, found: list[_Column], place: int) -> tuple[str, ...]:
    """The classes of a column of labels, whose cells become their numbers: numbers in their order, words in theirs."""
    number = NUMBERS[text.decimal]

    def label(cell: str) -> tuple[bool, float, str]:
        """Words after numbers, of which 1 and 1.0 are one."""
        if not number.fullmatch(cell):
            return True, 0.0, cell
        value = float(cell.replace(",", "."))
        return False, value, f"{value:.12g}"

    cells = [cells[place].strip() for _, cells in text.rows()]
    labels = [None if is_missing(cell) else label(cell) for cell in cells]
    known = sorted({one for one in labels if one is not None})
    if len(known) > MOST_CLASSES:
        msg = f"{text.said} column {_place(text, place)} has {len(known)} different labels; allowed: {MOST_CLASSES}"
        raise _checks.InputError(msg)
    code = {one: i for i, one in enumerate(known)}
    values = np.array([np.nan if one is None else code[one] for one in labels])
    found[place] = _Column(found[place].label, values, None, whole=True)
    return tuple(one[2] for one in known)


def _columns(text: Delimited) -> tuple[list[_Column], int]:
    """Every column of the file, in numbers, and the number of comments between the rows."""
    import pandas

    exact = tuple(map(int, pandas.__version__.split(".")[:2])) >= (3, 1)
    options: dict[str, Any] = {} if exact else {"float_precision": "round_trip"}
    body, comments, separator = text.body, 0, r"\s+" if text.separator == " " else text.separator
    if not text.plain:
        (body, comments), separator = text.plainly(), ALONE
    try:
        frame = pandas.read_csv(
            io.BytesIO(body.encode()),
            sep=separator,
            decimal=text.decimal,
            header=None,
            keep_default_na=False,
            na_values=[""],
            skipinitialspace=True,
            low_memory=False,
            **options,
        )
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError) as error:
        text.plainly()
        msg = f"{text.said} cannot be read: {str(error).strip()}; allowed: columns of numbers; read as {text}"
        raise _checks.InputError(msg) from None
    if frame.shape[1] != text.width or frame.isna().to_numpy().any():  # where a row is too short, there are gaps too
        text.plainly()
    if len(frame) > LARGEST_TABLE:
        msg = f"{text.said} has {len(frame)} rows; allowed: at most {LARGEST_TABLE}"
        raise _checks.InputError(msg)
    names = text.names or ("",) * text.width
    return [_column(name or str(i + 1), frame[i], text.decimal) for i, name in enumerate(names)], comments


def _column(label: str, series: Any, decimal: str) -> _Column:
    """What pandas took for numbers, or every cell on its own."""
    if series.dtype.kind in "iuf":
        return _Column(label, series.to_numpy(np.float64), None, series.dtype.kind != "f")
    number, word = NUMBERS[decimal], None
    values = np.full(len(series), np.nan)
    for i, cell in enumerate(series.tolist()):
        if isinstance(cell, str):
            cell = cell.strip()
            if number.fullmatch(cell):
                values[i] = float(cell.replace(",", "."))
            elif not is_missing(cell) and word is None:
                word = i
        elif isinstance(cell, bool):
            word = i if word is None else word
        elif cell == cell:  # whole numbers of more than 64 bits
            values[i] = cell if abs(cell) < LARGEST * 10 else np.copysign(np.inf, cell)
    return _Column(label, values, word)


def _chosen(
    text: Delimited, found: list[_Column], columns: str | Sequence[str] | None, target: str | None
) -> tuple[list[int], int | None]:
    """The columns that are used, the target among them, and which of them it is."""
    numeric = [i for i, column in enumerate(found) if column.numeric]
    aim = _named(text, found, "target", target) if target else None
    if columns is not None:
        wanted = [name.strip() for name in columns.split(",")] if isinstance(columns, str) else columns
        chosen = [_named(text, found, "columns", name) for name in wanted]
        if len(set(chosen)) < len(chosen) or aim in chosen:
            msg = f"columns={columns!r} with target={target!r} name a column twice; allowed: each once"
            raise _checks.InputError(msg)
        free = [i for i in numeric if i not in chosen]
    else:
        chosen = free = numeric[1:] if len(numeric) > 2 and _is_index(text, found, numeric[0], aim) else numeric
    if target is None and text.names and "y" in text.names and (columns is None or text.names.index("y") in free):
        aim = _named(text, found, "target", "y")
    elif target is None and len(free) > (columns is None):
        aim = None if text.names and _COORDINATE.fullmatch(text.names[free[-1]]) else free[-1]
    used = chosen if aim is None or aim in chosen else [*chosen, aim]
    for i in used:
        if not found[i].numeric:
            _refuse_cell(text, 0, i, "no number, as none of its column is")
    return used, aim


def _is_index(text: Delimited, found: list[_Column], column: int, aim: int | None) -> bool:
    """Whether a column is called an index, or nothing, and counts the rows from 0 or 1."""
    values = found[column].values
    called = text.names is not None and text.names[column].lower() in _INDEX and column != aim
    return called and np.array_equal(values, np.arange(len(values)) + (values[0] == 1))


def _named(text: Delimited, found: list[_Column], option: str, name: str) -> int:
    """The place of a column."""
    labels = [column.label for column in found]
    place = labels.index(_checks.choice(option, name, labels))
    if labels.count(name) > 1:
        msg = f"{text.said} has columns {','.join(labels)}; allowed: one called {name}"
        raise _checks.InputError(msg)
    return place


def _remarks(text: Delimited, found: list[_Column], chosen: list[int], columns: Any, comments: int) -> list[str]:
    """What a reader should know: how the file was read, where it may be read otherwise; what was left out unasked."""
    remarks = [str(text)] if text.decimal == "," else []
    remarks += text.remarks
    if text.encoding in ("cp1252", "latin-1"):
        remarks.append(f"not in UTF-8, read as {'Windows-1252' if text.encoding == 'cp1252' else 'Latin-1'}")
    if comments:
        said = "1 line between the rows begins" if comments == 1 else f"{comments} lines between the rows begin"
        remarks.append(f"{said} with # and {'is' if comments == 1 else 'are'} left out")
    for i, column in enumerate(found):
        empty = not column.numeric and column.word is None and not (text.names and text.names[i])
        if columns is None and i not in chosen and not empty:
            why = "counts the rows" if column.numeric else "has no numbers"
            remarks.append(f"column {_place(text, i)} {why} and is left out")
    return remarks


def _place(text: Delimited, column: int) -> str:
    return _called(column + 1, text.names[column] if text.names else "")


def _called(number: int, name: str) -> str:
    """Number and name of a column."""
    return f"{number} ({name})" if name else f"{number}"


def _refuse_word(text: Delimited, row: int | None, column: int) -> None:
    """Refuse a column with words among its numbers, the first of them in this row."""
    if row is None:
        return
    _, cells = text.row(row)
    why = "no number"
    if any(thousands.fullmatch(cells[column]) for thousands in THOUSANDS.values()):
        why = "no number with a sign between its thousands"
    elif row == 0 and not text.names:
        why = "no number, and no name of a header: these begin like no number and stand for no missing value"
    _refuse_cell(text, row, column, why)


def _refuse_thousands(text: Delimited, numbers: _Column, column: int) -> None:
    """Refuse a column with cells such as 1.234, all with three digits behind the sign, and others such as 987."""
    values = 1e3 * numbers.values[~np.isnan(numbers.values)]
    if numbers.whole or np.any(np.abs(values - np.rint(values)) > 1e-9 * np.abs(values)):
        return
    signed, small = None, False
    for row, (_, cells) in enumerate(text.rows()):
        cell = cells[column]
        if text.decimal in cell and not is_missing(cell):
            if not THOUSANDS[text.decimal].fullmatch(cell):
                return
            signed = row if signed is None else signed
        small = small or (cell.lstrip("+-").isdigit() and len(cell.lstrip("+-")) <= 3)
    if signed is not None and small:
        cell = text.row(signed)[1][column]
        why = f"{cell.replace(',', '.')} or {cell.replace(text.decimal, '')}: others have no sign"
        _refuse_cell(text, signed, column, why, " without a sign between thousands, or all with decimals")


def _refuse_cell(text: Delimited, row: int, column: int, why: str, more: str = "") -> None:
    """Refuse a cell by its line, its column and what stands there."""
    line, cells = text.row(row)
    msg = f"{text.said} line {line}, column {_place(text, column)}: {short(cells[column])} is {why}; "
    msg += f"allowed: numbers{more}; read as {text}"
    raise _checks.InputError(msg)
