"""Text in columns, as programs write it: which separator, which decimal sign; its cells by line.

The rule: of tab, semicolon, bar, comma and spaces, each with decimal point or comma, the pair under which most rows
have one width and most cells are numbers, or words that no other separator parts; of several that do equally well the
first in this order, the point before the comma. So `1,5;2,5` is 1.5 and 2.5, and `1,5` is 1 and 5, unless the header
names a single column: then it is 1.5.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lfp import _checks, _files
from lfp.domains.encoded import decoded

SAMPLE = 1000
"""Rows from which the separator is found."""
ERRORS = ("#n/a", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!")
"""Of Excel."""
MISSING = ("", "na", "<na>", "n/a", "nan", "-", "--", "null", "none", "?", ".", "*", *ERRORS)
ALONE = "\x1f"
"""No text has it: the separator of a single column."""
SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", " ": "spaces", ALONE: "nothing"}
NUMBERS = {
    sign: re.compile(
        rf"[+-]?(\d+{mark}?\d*|{mark}\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE
    )
    for sign, mark in ((".", r"\."), (",", ","))
}
THOUSANDS = {
    sign: re.compile(rf"[+-]?[1-9]\d{{0,2}}({mark}\d{{3}})+", re.ASCII) for sign, mark in ((".", r"\."), (",", ","))
}
"""What may be a whole number with a sign between its thousands."""
_COMMENT = re.compile(rf"[ \t]*#(?!({'|'.join(re.escape(error[1:]) for error in ERRORS)}))", re.IGNORECASE)
_IDLE = " \t#,;|"
"""A line that begins with one may be blank or a comment."""
_ODD_SPACE = re.compile(r"[^\S \t\n]")
_LIKE_A_NUMBER = re.compile(r"[+\-\u2010-\u2015\u2212]*[ ]?[.,]?\d|[+-]?(inf|infinity)$", re.IGNORECASE)
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[ \t]*(\n|$)', re.IGNORECASE)
_SPACES = re.compile("[ \\t]+")
_SEVERAL = re.compile(r"[;\t|]|,(?! )|\d \d")
"""In a word: another separator would part it."""
_WORD = 0.9
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")


class Delimited(NamedTuple):
    r"""A text in columns.

    Args:
        said: what errors call it.
        body: the text behind the header, with line ends `\n`.
        encoding: in which it was read.
        separator: of the cells; a character that is not there for a single column.
        decimal: the decimal sign.
        names: of the columns, as the header has them; None without a header.
        start: lines before the body.
        width: cells of a row.
        remarks: which reading was taken where another one is possible.
    """

    said: str
    body: str
    encoding: str
    separator: str
    decimal: str
    names: tuple[str, ...] | None
    start: int
    width: int
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        """How it was read."""
        sign = "commas" if self.decimal == "," else "points"
        columns = "one column" if self.separator == ALONE else f"columns separated by {SEPARATORS[self.separator]}"
        return f"{columns}, decimal {sign}"

    def rows(self, comments: list[str] | None = None) -> Iterator[tuple[int, list[str]]]:
        """Line and cells of every row behind the header that is not blank; a list takes the comments between them."""
        return _cells(self.body, self.separator, self.start, comments)

    @property
    def plain(self) -> bool:
        """Whether the body has no quotes, no odd spaces, and no line that may be blank or a comment."""
        text = self.body
        odd = not (text.isascii() and "\f" not in text) and _ODD_SPACE.search(text)
        return not (odd or '"' in text or text[:1] in _IDLE or any("\n" + sign in text for sign in _IDLE))

    def plainly(self) -> tuple[str, int]:
        """The rows with `ALONE` between the cells, quoted where needed, and the number of comments among them.

        Raises:
            InputError: a row of another width, or quotes within cells.
        """
        out, comments = io.StringIO(), list[str]()
        write = csv.writer(out, delimiter=ALONE, lineterminator="\n").writerow
        try:
            for line, cells in self.rows(comments):
                if len(cells) != self.width:
                    msg = f"{self.said} line {line} has {_count(len(cells), 'cell')}, separated by "
                    msg += f"{SEPARATORS[self.separator]}; allowed: as many everywhere, {self.width}"
                    raise _checks.InputError(msg)
                write(cells)
        except csv.Error as error:
            msg = f"{self.said} cannot be read: {error}; allowed: cells between closed quotes"
            raise _checks.InputError(msg) from None
        return out.getvalue(), len(comments)

    def row(self, number: int) -> tuple[int, list[str]]:
        """Line and cells of a row, the first being 0; lines are counted from 1, as an editor does."""
        return next(islice(self.rows(), number, None))


def read_text(path: str | Path, name: str) -> Delimited:
    """The text of a file that a user names, its encoding, separator, decimal sign and header found.

    Raises:
        InputError: a file that cannot be read, that is no text, or in which no separator finds numbers.
    """
    said = f"{name}={str(path)!r}"
    text, encoding = decoded(said, _files.read_input(name, path))
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    told = _SEPARATOR_LINE.match(text)  # Excel's own
    text = "\n" + text[told.end() :] if told else text
    allowed = [told[1]] if told and told[1] in SEPARATORS else list(SEPARATORS)
    separator, decimal, sample = _layout(said, text, allowed)
    header = is_header(sample[0][1])
    rows = [cells for _, cells in sample[header:]]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    start = sample[header][0] - 1  # a name may have a line end in it
    names, remarks = (tuple(sample[0][1]), []) if header else _names_in_comment(text, separator, start, width)
    if names and len(names) == width - 1 and not any(row[-1] for row in rows):
        names = (*names, "")  # a separator ends every row
    if names and len(names) == width - 1 >= 2 and _are_names([row[0] for row in rows], decimal):
        names = ("", *names)  # R writes the names of rows, and no name for them
    if names and len(names) != width:
        msg = f"{said} has {_count(len(names), 'name')} in its header and {_count(width, 'cell')} in its rows, "
        msg += f"separated by {SEPARATORS[separator]}; allowed: as many columns everywhere"
        msg += f"; line {sample[0][0]} may be a title" if len(names) < width else ""
        raise _checks.InputError(msg)
    skipped = sum(len(line) for line in islice(_lines(text), start))
    whole = separator == "," and not names and width == 2 and all(cell.isdigit() for row in rows for cell in row)
    if whole and '"' not in text and not told:
        remarks.append("commas separate columns; of decimal commas a header or semicolons would say so")
    return Delimited(said, text[skipped:], encoding, separator, decimal, names, start, width, tuple(remarks))


def _names_in_comment(text: str, separator: str, start: int, width: int) -> tuple[tuple[str, ...] | None, list[str]]:
    """The names in the last comment before the first row, one a column and no numbers among them, as numpy writes."""
    comments = [line for line in islice(_lines(text), start) if _COMMENT.match(line)]
    if not comments:
        return None, []
    try:
        _, names = next(_cells(comments[-1].lstrip(" \t").lstrip("#"), separator), (0, [""]))
    except csv.Error:
        return None, []
    names = names[1:] if len(names) == width + 1 and not names[0] else names
    if len(names) != width or not is_header(names):
        return None, []
    return tuple(names), [f"names from the comment above the rows: {','.join(names)}"]


def _layout(said: str, text: str, separators: list[str]) -> tuple[str, str, list[tuple[int, list[str]]]]:
    """Separator, decimal sign and the first rows."""
    best: tuple[float, str, str, list[tuple[int, list[str]]]] = (0.0, "", "", [])
    problem = None
    for separator in separators:
        try:
            sample = list(islice(_cells(text, separator), SAMPLE))
        except csv.Error as error:
            problem = error
            continue
        if separator != ALONE and max((len(cells) for _, cells in sample), default=0) < 2:
            continue
        for decimal in NUMBERS:
            score = _score([cells for _, cells in sample], separator, decimal)
            if score > best[0]:
                best = score, separator, decimal, sample
    score, separator, decimal, sample = best
    if not score:
        first = next((line for line in map(str.strip, _lines(text)) if line), "")
        why = problem or (f"no numbers, its first line is {short(first)}" if first else "nothing in it")
        msg = f"{said} cannot be read: {why}; allowed: columns of numbers"
        raise _checks.InputError(msg)
    if decimal == "." and separator != "," and not re.search(r"\d\.\d", text) and re.search(r"\d,\d", text):
        decimal = ","  # whole numbers alone among the first rows
    return separator, decimal, sample


def is_header(row: list[str]) -> bool:
    """Words in every column, or nothing: no cell begins like a number, and none stands for a missing value."""
    return any(row) and not any(_LIKE_A_NUMBER.match(cell) or (cell and is_missing(cell)) for cell in row)


def is_missing(cell: str) -> bool:
    """Whether a cell stands for no value; Na is sodium."""
    return cell.lower() in MISSING and cell != "Na"


def _are_names(cells: list[str], decimal: str) -> bool:
    """Whether cells count the rows, or none is a number."""
    counts = any(cells == [str(i + start) for i in range(len(cells))] for start in (0, 1))
    return counts or not any(map(NUMBERS[decimal].fullmatch, cells))


def short(cell: str) -> str:
    """A cell as an error shows it."""
    return repr(cell if len(cell) <= 40 else f"{cell[:37]}...")


def _score(sample: list[list[str]], separator: str, decimal: str) -> float:
    """The share of rows of one width, times that of numbers in them; a word counts little less, unless it is several.

    Between columns of words a table has few numbers; `0,5;Rome` is half a number and half a word, not 0 and `5;Rome`.
    """
    header = bool(sample) and is_header(sample[0])
    rows = sample[header:]
    if not rows:
        return 0.0
    if separator == ALONE:
        several = header and any(map(sample[0][0].count, ",;|\t"))
        if several or (decimal == "," and not header):
            return 0.0  # commas are decimal signs of a single column only where a header names a single one
    width, count = Counter(map(len, rows)).most_common(1)[0]
    misfit = header and len(sample[0]) not in (width, width - 1 if width > 2 else width)
    cells = [cell for row in rows if len(row) == width for cell in row]
    known = [cell for cell in cells if not is_missing(cell)]
    words = [cell for cell in known if not NUMBERS[decimal].fullmatch(cell)]
    if len(words) == len(known) or (decimal == "," and _are_thousands(known)):
        return 0.0
    clean = sum(separator in word or not _SEVERAL.search(word) for word in words)  # quotes hold its own separator
    if separator == ALONE and clean < len(words):
        return 0.0
    return (count - misfit) / len(rows) * (len(known) - len(words) + _WORD * clean) / len(known)


def _are_thousands(cells: list[str]) -> bool:
    """Whether three digits follow every comma, and other cells have decimal points."""
    commas = [cell for cell in cells if "," in cell and NUMBERS[","].fullmatch(cell)]
    points = any("." in cell and NUMBERS["."].fullmatch(cell) for cell in cells)
    return points and all(map(THOUSANDS[","].fullmatch, commas))


def _cells(
    text: str, separator: str, start: int = 0, comments: list[str] | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of every row that is neither blank nor a comment; lines are counted from start + 1."""
    number, first = start, 0

    def lines() -> Iterator[str]:
        nonlocal number, first
        for line in _lines(text):
            number += 1
            blank = not line.strip(" \t,;|\n")
            if not first and (blank or _COMMENT.match(line)):  # within quotes it is neither
                if comments is not None and not blank:
                    comments.append(line)
                continue
            first = first or number
            yield line if separator != " " else _SPACES.sub(" ", line.strip(" \t\n")) + "\n"

    try:
        for row in csv.reader(lines(), delimiter=separator, skipinitialspace=True, strict=True):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield first, cells
            first = 0
    except csv.Error as error:
        msg = f"line {first}: {error}"
        raise csv.Error(msg) from None


def _lines(text: str) -> Iterator[str]:
    return (found.group() for found in _LINE.finditer(text))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
