"""Text in columns, as programs write it: which encoding, which separator, which decimal sign; its cells by line.

The rule: of tab, semicolon, bar, comma and spaces, each with decimal point or comma, the pair under which most rows
have one width and most cells are numbers, or words that no other separator parts; of several that do equally well the
first in this order, the point before the comma. So `1,5;2,5` is 1.5 and 2.5, and `1,5` is 1 and 5, unless the header
names a single column: then it is 1.5.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lfp import _checks, _files

SAMPLE = 1000
"""Rows from which the separator is found."""
MISSING = ("", "na", "n/a", "nan", "-", "--", "null", "none", "?")
ALONE = "\x1f"
"""No text has it: the separator of a single column."""
SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", " ": "spaces", ALONE: "nothing"}
NUMBERS = {
    sign: re.compile(
        rf"[+-]?(\d+{mark}?\d*|{mark}\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE
    )
    for sign, mark in ((".", r"\."), (",", ","))
}
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_IDLE = " \t#,;|"
_BLANK = re.compile(r"^([ \t]*#.*|[ \t,;|]+)$", re.MULTILINE)
_SEVERAL = re.compile(r"[;\t|]|,(?! )|\d \d")
"""In a word: another separator would part it."""
_WORD = 0.9
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Delimited(NamedTuple):
    r"""A text in columns.

    Args:
        said: what errors call it.
        text: with line ends `\n`, comments blank.
        encoding: in which it was read.
        separator: of the cells; a character that is not there for a single column.
        decimal: the decimal sign.
        names: of the columns, as the header has them; None without a header.
        start: lines up to the last of the header.
        width: cells of a row.
        rival: whether commas that separate may have been decimal signs.
    """

    said: str
    text: str
    encoding: str
    separator: str
    decimal: str
    names: tuple[str, ...] | None
    start: int
    width: int
    rival: bool

    def __str__(self) -> str:
        """How it was read."""
        sign = "commas" if self.decimal == "," else "points"
        columns = "one column" if self.separator == ALONE else f"columns separated by {SEPARATORS[self.separator]}"
        return f"{columns}, decimal {sign}"

    @property
    def body(self) -> str:
        """The text behind the header."""
        skipped = sum(len(line) for line in islice(_lines(self.text), self.start))
        return self.text[skipped:]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line and cells of every row behind the header that is not blank."""
        return ((line, cells) for line, cells in _cells(self.text, self.separator) if line > self.start)

    def refuse_ragged(self) -> None:
        """Refuse the first row of another width, and quotes within cells."""
        try:
            for line, cells in self.rows():
                if len(cells) != self.width:
                    msg = f"{self.said} line {line} has {_count(len(cells), 'cell')}, separated by "
                    msg += f"{SEPARATORS[self.separator]}; allowed: as many everywhere, {self.width}"
                    raise _checks.InputError(msg)
        except csv.Error as error:
            msg = f"{self.said} cannot be read: {error}; allowed: cells between closed quotes"
            raise _checks.InputError(msg) from None

    def row(self, number: int) -> tuple[int, list[str]]:
        """Line and cells of a row, the first being 0; lines are counted from 1, as an editor does."""
        return next(islice(self.rows(), number, None))


def read_text(path: str | Path, name: str) -> Delimited:
    """The text of a file that a user names, its encoding, separator, decimal sign and header found.

    Raises:
        InputError: a file that cannot be read, that is no text, or in which no separator finds numbers.
    """
    said = f"{name}={str(path)!r}"
    text, encoding = _decoded(said, _files.read_input(name, path))
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text[:1] in _IDLE or any("\n" + sign in text for sign in _IDLE):
        text = _BLANK.sub("", text)
    separator, decimal, sample = _layout(said, text)
    header = is_header(sample[0][1], decimal)
    rows = [cells for _, cells in sample[header:]]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    names = tuple(sample[0][1]) if header else None
    if names and len(names) == width - 1 >= 2 and _are_names([row[0] for row in rows], decimal):
        names = ("", *names)  # R writes the names of rows, and no name for them
    if names and len(names) != width:
        msg = f"{said} has {_count(len(names), 'name')} in its header and {_count(width, 'cell')} in its rows, "
        msg += f"separated by {SEPARATORS[separator]}; allowed: as many columns everywhere"
        raise _checks.InputError(msg)
    start = sample[1][0] - 1 if header else 0  # a name may have a line end in it
    whole = separator == "," and not header and width == 2 and all(cell.isdigit() for row in rows for cell in row)
    return Delimited(said, text, encoding, separator, decimal, names, start, width, whole and '"' not in text)


def _layout(said: str, text: str) -> tuple[str, str, list[tuple[int, list[str]]]]:
    """Separator, decimal sign and the first rows."""
    best: tuple[float, str, str, list[tuple[int, list[str]]]] = (0.0, "", "", [])
    problem = None
    for separator in SEPARATORS:
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


def is_header(row: list[str], decimal: str) -> bool:
    """Words in every column: a row with a number is data, and so is one of which every cell is missing."""
    return not any(map(NUMBERS[decimal].fullmatch, row)) and not all(cell.lower() in MISSING for cell in row)


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
    header = bool(sample) and is_header(sample[0], decimal)
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
    known = [cell for cell in cells if cell.lower() not in MISSING]
    words = [cell for cell in known if not NUMBERS[decimal].fullmatch(cell)]
    if len(words) == len(known):
        return 0.0
    clean = sum(not _SEVERAL.search(word) for word in words)
    return (count - misfit) / len(rows) * (len(known) - len(words) + _WORD * clean) / len(known)


def _cells(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of every row that is not blank."""
    lines = _lines(text) if separator != " " else (" ".join(line.split()) + "\n" for line in _lines(text))
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    line = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        msg = f"line {line}: {error}"
        raise csv.Error(msg) from None


def _lines(text: str) -> Iterator[str]:
    return (found.group() for found in _LINE.finditer(text))


def _decoded(said: str, raw: bytes) -> tuple[str, str]:
    """The text and its encoding: by its mark, else UTF-8, else UTF-16 where every other byte is 0, else Latin-1."""
    if raw[:2] == b"\x1f\x8b":
        raw = _unpacked(said, raw)
    if raw[:4] == b"PK\x03\x04":
        msg = f"{said} is a spreadsheet or a zip archive; allowed: text in columns, as spreadsheets export it"
        raise _checks.InputError(msg)
    encodings = [encoding for mark, encoding in _MARKS.items() if raw.startswith(mark)]
    for encoding, zeros in (("utf-16-le", raw[1:4096:2]), ("utf-16-be", raw[0:4096:2])):
        if not encodings and zeros and zeros.count(0) > len(zeros) / 2:
            encodings = [encoding]
    for encoding in encodings or ("utf-8", "latin-1"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _CONTROL.search(text):
            break
        return text, encoding
    msg = f"{said} cannot be read: no text in UTF-8, UTF-16 or Latin-1; allowed: columns of numbers, also as .gz"
    raise _checks.InputError(msg)


def _unpacked(said: str, raw: bytes) -> bytes:
    """What gzip packed, at most as large as a plain file may be."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            raw = file.read(_files.LARGEST_INPUT + 1)
    except (OSError, EOFError, zlib.error):
        msg = f"{said} cannot be read: damaged gzip; allowed: a whole file"
        raise _checks.InputError(msg) from None
    if len(raw) > _files.LARGEST_INPUT:
        msg = f"{said} unpacks to more than {_files.LARGEST_INPUT} bytes; allowed: at most these"
        raise _checks.InputError(msg)
    return raw


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
