"""Tables as programs write them: read exactly, or refused by line and column."""

import gzip
import os

import numpy as np
import pytest

from lfp import InputError
from lfp.domains import read_csv
from lfp.domains.delimited import SEPARATORS


@pytest.fixture
def read(tmp_path):
    """Reads content, text in UTF-8 or bytes, as a file."""

    def from_content(content, **how):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_csv(path, **how)

    return from_content


X, Y = [[0.5], [1.0], [-2000.25]], [1.0, 0.5, 3e-4]
FILES = {
    "commas": "x,y\n0.5,1\n1,0.5\n-2000.25,3e-4\n",
    "commas and spaces": "x, y\n0.5, 1\n1 ,0.5\n-2000.25,   3e-4\n",
    "semicolons": "x;y\n0.5;1\n1;0.5\n-2000.25;3e-4\n",
    "tabs": "x\ty\n0.5\t1\n1\t0.5\n-2000.25\t3e-4\n",
    "bars": "x|y\n0.5|1\n1|.5\n-2000.25|3e-4",
    "spaces": "x    y\n  0.5 1\n1 \t 0.5  \n-2000.25 3e-4\n",
    "decimal commas": "x;y\n0,5;1\n1;0,5\n-2000,25;3e-4\n",
    "decimal commas, tabs": "x\ty\n0,5\t1\n1\t,5\n-2000,25\t3e-4\n",
    "decimal commas, spaces": "x y\n0,5 1\n1 0,5\n-2000,25 3e-4\n",
    "decimal commas, quoted": '"x","y"\n"0,5","1"\n"1","0,5"\n"-2000,25","3e-4"\n',
    "no header": "0.5,1\n1,0.5\n-2000.25,3e-4\n",
    "no header, decimal commas": "0,5;1\n1;0,5\n-2000,25;3e-4\n",
    "quoted": '"x";"y"\n"0.5";"1"\n"1";0.5\n-2000.25;"3e-4"\n',
    "byte-order mark": b"\xef\xbb\xbfx,y\n0.5,1\n1,0.5\n-2000.25,3e-4\n",
    "carriage returns": "x,y\r0.5,1\r1,0.5\r-2000.25,3e-4\r",
    "of Windows": "x,y\r\n0.5,1\r\n\r\n1,0.5\r\n-2000.25,3e-4",
    "UTF-16": "x,y\n0.5,1\n1,0.5\n-2000.25,3e-4\n".encode("utf-16"),
    "UTF-16, no mark": "x,y\n0.5,1\n1,0.5\n-2000.25,3e-4\n".encode("utf-16-be"),
    "Latin-1": "Länge;y\n0,5;1\n1;0,5\n-2000,25;3e-4\n".encode("latin-1"),
    "comments": "# by a spectrometer, at 3 K\nx,y\n  # first\n0.5,1\n1,0.5\n#1,2,3\n-2000.25,3e-4\n",
    "blank rows": "\n\nx,y\n0.5,1\n,\n1,0.5\n \t\n;;;\n-2000.25,3e-4\n\n",
    "packed": gzip.compress(b"x,y\n0.5,1\n", mtime=0) + gzip.compress(b"1,0.5\n-2000.25,3e-4\n"),
    "index of pandas": ",x,y\n0,0.5,1\n1,1,0.5\n2,-2000.25,3e-4\n",
    "row names of R": '"x" "y"\n"1" 0.5 1\n"2" 1 0.5\n"3" -2000.25 3e-4\n',
    "text": 'place,x,y,note\n"Rome, Italy",0.5,1,\nBonn,1,0.5,"two\nlines"\nOslo,-2000.25,3e-4,x\n',
    "dates": "x;y;day\n0,5;1;2020-01-01\n1;0,5;2020-01-02\n-2000,25;3e-4;2020-01-03\n",
    "Windows": "Länge;€\n0,5;1\n1;0,5\n-2000,25;3e-4\n\x1a".encode("cp1252"),
    "separators at the end of rows": "x,y\n0.5,1,\n1,0.5,\n-2000.25,3e-4,\n",
    "Excel's separator": "sep=;\nx;y\n0,5;1\n1;0,5\n-2000,25;3e-4\n",
    "names of numpy": "# made today\n# x y\n0.5 1\n1 0.5\n-2000.25 3e-4\n",
    "a quoted blank row": 'x,y\n0.5,1\n" "," "\n1,0.5\n-2000.25,3e-4\n',
    "a sign of comments within quotes": 'note,x,y\n"a\n# b",0.5,1\nc,1,0.5\nd,-2000.25,3e-4\n',
    "quoted, not a comment": 'note,x,y\n"# b",0.5,1\nc,1,0.5\nd,-2000.25,3e-4\n',
    "a number sign for a name": "#,x,y\n1,0.5,1\n2,1,0.5\n3,-2000.25,3e-4\n",
    "an empty column": "x,y,\n0.5,1,\n1,0.5,\n-2000.25,3e-4,\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_written_is_read(read, kind):
    x, y = read(FILES[kind]).with_target()
    assert x.tolist() == X
    assert y.tolist() == Y


@pytest.mark.parametrize(
    ("content", "values", "remark"),
    [
        ("1,5\n2,5\n", [[1, 5], [2, 5]], "commas separate columns"),
        ("x,y\n1,5\n2,5\n", [[1, 5], [2, 5]], None),
        ("x\n1,5\n2,5\n", [[1.5], [2.5]], "one column, decimal commas"),
        ("1,5;2,5\n", [[1.5, 2.5]], "separated by semicolons, decimal commas"),
        ("1;2\n1,0;3\n", [[1, 2], [1, 3]], "decimal commas"),
        ("1,5 2,5\n3,5 4,5\n", [[1.5, 2.5], [3.5, 4.5]], "separated by spaces, decimal commas"),
        ("1, 5\n2, 5\n", [[1, 5], [2, 5]], "commas separate columns"),
        ("1.5,2\n2.5,3\n", [[1.5, 2], [2.5, 3]], None),
    ],
)
def test_the_rule_where_commas_are_ambiguous(read, content, values, remark):
    """The one that is written down, and said where it matters."""
    table = read(content)
    assert table.values.tolist() == values
    assert remark in table.remarks[0] if remark else not table.remarks


def test_a_decimal_comma_after_the_sample(read):
    """Two thousand whole numbers do not decide."""
    table = read("x;y\n" + "".join(f"{i};1\n" for i in range(2000)) + "0,25;1\n")
    assert table.values[-1].tolist() == [0.25, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x,y\n1\n2\n", "2 names in its header and 1 cell in its rows, separated by commas"),
        ("x,y\n1,2\n1,2,3\n", "line 3 has 3 cells, separated by commas; allowed: as many everywhere, 2"),
        ("# a\n\nx;y\n1;2\n\n3\n", "line 6 has 1 cell, separated by semicolons"),
        ("x,y\n1,2,3\n4,5,6\n", "2 names in its header and 3 cells"),
        ("x,y\n", "no numbers, its first line is 'x,y'"),
        ("", "nothing in it"),
        ("not a table\n", "no numbers, its first line is 'not a table'"),
        ("x,y\n1,2\n3,oops\n", r"line 3, column 2 \(y\): 'oops' is no number"),
        ("x,y\n1,2\n3,nan\n", r"line 3, column 2 \(y\): 'nan' is missing, and 1 of 2 rows have gaps; .*missing='drop'"),
        ("x,y\n1,inf\n3,1\n", "line 2, column 2 .*'inf' is not finite"),
        ("x,y\n1,1e999\n3,1\n", "line 2, column 2 .*'1e999' is not finite"),
        ("x,y\n1,1e150\n3,1\n", "beyond 1e.100"),
        (
            "x,y\n1," + "2" * 5000 + "\n",
            r"line 2, column 2 .*'2{37}\.\.\.' is not finite",
        ),
        ("x;y\n1.234,5;2\n3;4\n", "line 2, column 1 .*'1.234,5' is no number"),
        ("x;y\n1,5;2\n1.5;4\n2;5,5\n", "line 3, column 1 .*'1.5' is no number; .* decimal commas"),
        ('x,y\n1,2\n3,"4\n', "line 3: unexpected end of data"),
        ('x,y\n1,2\n3,"4"5\n', "line 3: ',' expected after"),
        ("x,y,y\n1,2,3\n", "has columns x,y,y; allowed: one called y"),
        ("place,y\nRome,1\nBonn,2\n", r"columns y; table.csv: column 1 \(place\) has no numbers and is left out"),
        ("x;y\n1;987\n2;1.234\n3;12.345", r"line 3, column 2 \(y\): '1.234' is 1.234 or 1234"),
        ("1;2\n1,000;3\n", "line 2, column 1: '1,000' is 1.000 or 1000"),
        ('x,y\n1,987\n2,"1,234"\n3,"2,345"', r"line 3, column 2 \(y\): '1,234' is 1.234 or 1234"),
        ("x\ty\n1\t1,234\n2\t987\n", r"line 2, column 2 \(y\): '1,234' is 1.234 or 1234"),
        ('x,y\n0.5,"1,234"\n1.5,"2,345"\n2.5,987', r"line 2, column 2 \(y\): '1,234' is no number with a sign between"),
        ("x;y\n1;1.234.567\n2;3\n", "'1.234.567' is no number with a sign between its thousands"),
        ("10%,20%\n0,0\n1,1\n", "line 1, column 1: '10%' is no number, and no name of a header"),
        ("1.5;2.5\n1,5;2,5\n3,5;1,5\n", "line 1, column 1: '1.5' is no number"),
        ("\u22125,\u22122\n1,2\n3,4\n", "line 1, column 1: '\u22125' is no number"),
        ("1 000;2 000\n900;2,5", "line 1, column 1: '1 000' is no number"),
        ("Rome,NA,NA\nBonn,1,2\n", "line 1, column 2: 'NA' is missing, and 1 of 2 rows"),
        ("?,bad\n1,2\n", "line 1, column 2: 'bad' is no number"),
        ("x,1960\n1,2\n3,4\n", "line 1, column 1: 'x' is no number, and no name of a header"),
        ("x,y\n1,2\n#N/A,3\n4,5\n", "line 3, column 1 .*'#N/A' is missing"),
        ("x,y\n#DIV/0!,3\n4,5\n", "line 2, column 1 .*'#DIV/0!' is missing"),
        ("x,y\n1,<NA>\n4,5\n", "line 2, column 2 .*'<NA>' is missing"),
        ('x,y\n1,2\n" "," "\n3,oops', r"line 4, column 2 \(y\): 'oops'"),
        ("x y\n1\u00a0234 5\n2 6\n", r"line 2, column 1 \(x\): '1\\xa0234' is no number"),
        ("x,y\n1,2\n\u00a0,\u00a0\n3,oops", r"line 4, column 2 \(y\): 'oops'"),
        ("value,t\n1,2\n2,3\n", "the last of which, t, is taken for a coordinate; .* or named by target"),
        ("My title\nx,y\n1,2\n3,4\n", "1 name in its header and 2 cells .*; line 1 may be a title"),
        ("Of 2020\nx,y\n1,2\n3,4\n", "line 1 may be a title"),
        ("x,y\r\n1,2\r\n3,\x014\r\n", r"line 3 has the control character '\\x01'"),
        (gzip.compress(b"x,y\n1,2\n", mtime=0)[:-9], "damaged gzip"),
        (b"PK\x03\x04 and so on", "a spreadsheet or a zip archive"),
    ],
)
def test_what_cannot_be_read_is_named(read, content, message):
    """The separator that was found, the line as an editor counts it, the column and the cell."""
    with pytest.raises(InputError, match=message):
        read(content).with_target()


@pytest.mark.parametrize(
    ("content", "y"),
    [
        ("x;y\n1;1.234\n2;2.345\n", [1.234, 2.345]),
        ("x;y\n1;1,234\n2;2,345\n", [1.234, 2.345]),
        ("x;y\n1;0.125\n2;1\n3;1.125\n", [0.125, 1, 1.125]),
        ("x;y\n1;1.250\n2;1\n3;1.5\n", [1.25, 1, 1.5]),
        ("x;y\n1;1.234\n2;1000\n3;\n", [1.234, 1000]),
    ],
)
def test_three_digits_that_are_decimals(read, content, y):
    """Where every cell has them, one begins with 0, another has fewer, or no whole number is below 1000."""
    assert read(content, missing="drop").with_target()[1].tolist() == y


def test_comments_and_names_are_said(read):
    """Of a comment that gives the names, of those between the rows; a row without a name keeps none."""
    assert read("# x y\n1 2\n3 4\n").remarks == ("table.csv: names from the comment above the rows: x,y",)
    assert read("# x,y\nu,v\n1,2\n3,4\n").names == ("u", "v")
    assert read("# at 3 K\n1,2\n3,4\n").names is None
    assert read("u,v\n1,2\n# a\n3,4\n#b\n").remarks == (
        "table.csv: 2 lines between the rows begin with # and are left out",
    )
    table = read(",y\n0,3\n1,5\n")
    assert (table.names, table.columns, table.coordinate_names) == (("", "y"), ("1",), None)
    table = read("id,a,temp\n1,5,6\n2,7,8\n")
    assert (table.names, table.columns, table.column(1)) == (("a", "temp"), ("2 (a)",), "3 (temp)")
    assert read("x,Na\n1,2\n3,4\n").names == ("x", "Na")
    assert read(b"x;\x80\n1;2\n").remarks == ("table.csv: not in UTF-8, read as Windows-1252",)


@pytest.mark.parametrize("cell", ["", "NA", "-", "null", "2020_11", "0x1", "\u0661", "True", "1 000"])
def test_a_bad_cell_is_neither_header_nor_number(read, cell):
    """A row with a gap was lost; 2020_11 was 202011."""
    why = "missing" if cell in ("", "NA", "-", "null") else "no number"
    with pytest.raises(InputError, match=f"line 1, column 1: '{cell}' is {why}"):
        read(f"{cell},1\n2,3\n4,5\n")
    with pytest.raises(InputError, match=rf"line 3, column 2 \(y\): '{cell}' is {why}"):
        read(f"x,y\n0,1\n2,{cell}\n")


def test_rows_with_gaps_are_dropped_on_demand(read):
    """Those of the columns that are used, and how many is said; words are refused all the same."""
    content = "a,b,y\n1,NA,2\n2,3,\n4,?,6\n7,8,9\n"
    table = read(content, missing="drop")
    assert table.values.tolist() == [[7, 8, 9]]
    assert table.remarks == ("table.csv: 3 of 4 rows have gaps and are dropped",)
    assert read(content, columns="a", missing="drop").values.tolist() == [[1, 2], [4, 6], [7, 9]]
    assert read("a,b,y\n1,NA,2\n4,x,6\n", columns="a").values.tolist() == [[1, 2], [4, 6]]
    with pytest.raises(InputError, match="line 3, column 1"):
        read("x,y\n1,\nx,2\n3,4\n", missing="drop")
    with pytest.raises(InputError, match="is missing, and 2 of 2 rows"):
        read("x,y\n1,\n,2\n", missing="drop")


@pytest.mark.parametrize(
    ("text", "x", "y"),
    [
        ("x1,x2,y\n1,2,3\n4,5,6\n", [[1, 2], [4, 5]], [3, 6]),
        ("y,x1,x2\n3,1,2\n6,4,5\n", [[1, 2], [4, 5]], [3, 6]),
        ("1,2,3\n4,5,6\n", [[1, 2], [4, 5]], [3, 6]),
        ("row,pixel,brightness\n1,2,3\n4,5,6\n", [[1, 2], [4, 5]], [3, 6]),
        ("id,x,y\n1,2,3\n3,5,6\n", [[1, 2], [3, 5]], [3, 6]),
        ("index,y\n1,3\n2,6\n", [[1], [2]], [3, 6]),
        ("x1,x2\n1,2\n4,5\n", [[1, 2], [4, 5]], None),
        ("1\n4\n", [[1], [4]], None),
    ],
)
def test_one_rule_for_the_target(read, text, x, y):
    """The column y; the last without a header; none where a header names no y. What counts rows stays if needed."""
    table = read(text)
    assert table.coordinates.tolist() == x
    if y is None:
        with pytest.raises(InputError, match="allowed: coordinates and a target, in the column y"):
            table.with_target()
    else:
        assert table.with_target()[1].tolist() == y


@pytest.mark.parametrize(
    ("columns", "target", "x", "y"),
    [
        ("b", None, [[2], [6]], [4, 8]),
        ("c, a", "b", [[3, 1], [7, 5]], [2, 6]),
        ("d", None, [[4], [8]], [3, 7]),
        (None, "a", [[2, 3, 4], [6, 7, 8]], [1, 5]),
        ("b,a", "", [[2, 1], [6, 5]], None),
    ],
)
def test_columns_by_name(read, columns, target, x, y):
    """By number where there is no header."""
    table = read("a,b,c,d\n1,2,3,4\n5,6,7,8\n", columns=columns, target=target)
    assert table.coordinates.tolist() == x
    assert (None if y is None else table.with_target()[1].tolist()) == y
    number = str.maketrans("abcd", "1234")
    columns, target = (name and name.translate(number) for name in (columns, target))
    assert read("1,2,3,4\n5,6,7,8\n", columns=columns, target=target).coordinates.tolist() == x


@pytest.mark.parametrize(
    ("columns", "target", "message"),
    [
        ("spead", None, r"columns='spead' is unknown \(did you mean 'speed'\?\); allowed: place, speed, time, y"),
        ("speed", "tyme", r"target='tyme' is unknown \(did you mean 'time'\?\)"),
        ("speed,speed", None, "name a column twice"),
        ("speed", "speed", "name a column twice"),
        ("place", None, r"line 2, column 1 \(place\): 'a' is no number, as none of its column is"),
        ("", None, "columns='' is unknown"),
    ],
)
def test_columns_that_are_not_there(read, columns, target, message):
    with pytest.raises(InputError, match=message):
        read("place,speed,time,y\na,1,2,3\nb,3,4,5\n", columns=columns, target=target)


def test_unreadable_files(tmp_path):
    """A missing file, a folder, a picture, a pipe; a cell that is too long."""
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    (tmp_path / "long.csv").write_text("1,2\n1," + "2" * 200_000)
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing.csv", "", "picture.csv", "long.csv", "pipe"):
        with pytest.raises(InputError, match=r"^test=.* (cannot be read|is no plain file)"):
            read_csv(tmp_path / name, "test")


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    """More than a plain file may have."""
    from lfp import _files

    monkeypatch.setattr(_files, "LARGEST_INPUT", 10_000)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"1,2\n" * 10_000))
    with pytest.raises(InputError, match="unpacks to more than 10000 bytes"):
        read_csv(tmp_path / "bomb.csv.gz")


def test_thinned(read):
    """Drawn with the seed, or even in the order of the coordinates; rows stay together, in their order."""
    rng = np.random.default_rng(0)
    x = rng.permutation(100)
    table = read("x,y\n" + "".join(f"{a},{2 * a}\n" for a in x))
    even, drawn = table.thinned(20, None), table.thinned(20, 3)
    assert sorted(even.values[:, 0]) == list(range(0, 100, 5))
    for thin in (even, drawn):
        np.testing.assert_array_equal(thin.values[:, 1], 2 * thin.values[:, 0])
        places = [x.tolist().index(a) for a in thin.values[:, 0]]
        assert places == sorted(places)
    assert len(set(drawn.values[:, 0])) == 20
    assert drawn.values.tolist() == table.thinned(20, 3).values.tolist() != table.thinned(20, 4).values.tolist()
    assert table.thinned(100, 0) is table


WORDS = ["Rome", "New York", "a;b", "x, y", 'the "old"', "2020-01-01", "öl", "", "tab\tbed", "two\nlines", "1 000"]


def _drawn(rng):
    """Content of a file, its numbers as they are to be read, and how it was made."""
    rows, columns = int(rng.integers(2, 12)), int(rng.integers(1, 5))
    separator, decimal = str(rng.choice(list(SEPARATORS)[:5])), str(rng.choice([".", ","]))
    header, quoting = rng.random() < 0.6, str(rng.choice(["needed", "words", "all"]))
    end, encoding = str(rng.choice(["\n", "\r\n", "\r"])), str(rng.choice(["utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    values = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-20, 20, columns)
    values = np.where(rng.random(columns) < 0.3, np.round(rng.normal(size=(rows, columns)) * 50), values)
    whole = rng.random(columns) < 0.5
    shown = [[_written(v, decimal, plain) for v, plain in zip(row, whole, strict=True)] for row in values.tolist()]
    names = [f"{rng.choice(['speed', 'Länge', 'x y', 'p(t)'])}{i}" for i in range(columns)]
    words = [False] * columns
    if header and columns > 1 and rng.random() < 0.3:
        names, words, number = [str(rng.choice(["", "index"])), *names], [False, *words], int(rng.integers(2))
        shown = [[str(number + i), *row] for i, row in enumerate(shown)]
    for _ in range(rng.integers(3) if columns > 1 else 0):
        place = int(rng.integers(len(words) + 1))
        names.insert(place, "note" if place else "place")
        words.insert(place, True)
        column = [str(rng.choice(WORDS)) for _ in shown]
        column[0] = "Rome"  # a column without a word has no name to be left out by
        for row, word in zip(shown, column, strict=True):
            row.insert(place, word)
    texts = [True] * len(words)
    lines = [separator.join(_cell(c, w, separator, quoting) for c, w in zip(r, words, strict=True)) for r in shown]
    if header:
        lines.insert(0, separator.join(_cell(n, w, separator, quoting) for n, w in zip(names, texts, strict=True)))
    for note in ("# a comment, with commas; 1,2", "", "   ", separator.join(['" "'] * len(words))):
        if rng.random() < 0.2:
            lines.insert(int(rng.integers(len(lines) + 1)), note)
    content = end.join(lines) + (end if rng.random() < 0.7 else "")
    raw = content.encode(encoding)
    return gzip.compress(raw) if rng.random() < 0.1 else raw, values, (separator, decimal, header, columns, words)


def _written(value, decimal, plain):
    text = str(int(value)) if plain and value == int(value) and abs(value) < 1e15 else repr(value)
    return text.replace(".", decimal)


def _cell(text, word, separator, quoting):
    """As a program writes it that quotes all cells, those of words, or those that need it."""
    needed = any(sign in text for sign in (separator, '"', "\n", "\r")) or (not text and separator == " ")
    needed = needed or (separator == " " and "\t" in text)
    quoted = needed or quoting == "all" or (quoting == "words" and word)
    return '"' + text.replace('"', '""') + '"' if quoted else text


def _ambiguous(separator, decimal, header, columns, words):
    """Where another reading is as good, and the rule takes it: no header, or few numbers among words."""
    few = columns == 1 or (separator == " " and columns - any(words) < 2)
    return decimal == "," and few and not header


def test_a_table_that_was_written_is_read_back(read):
    """Five hundred of any separator, sign, encoding, quoting, line end, with and without header, words and index."""
    rng = np.random.default_rng(0)
    for number in range(500):
        content, values, kind = _drawn(rng)
        if not _ambiguous(*kind):
            found = read(content).values
            assert found.tolist() == values.tolist(), (number, kind, content)


@pytest.mark.parametrize("seed", range(60))
def test_thousands_and_spoilt_first_rows_are_refused(read, seed):
    """Never a thousandth of the number, never a row less: of any separator, sign between thousands, and slip."""
    rng = np.random.default_rng(seed)
    separator, sign = str(rng.choice(list(SEPARATORS)[:5])), str(rng.choice([",", "."]))
    values = [*rng.integers(1, 10 ** rng.integers(4, 8), size=int(rng.integers(2, 10))).tolist(), 987, 1234]
    rng.shuffle(values)
    cells = [f"{value:,}".replace(",", sign) for value in values]
    cells = [f'"{cell}"' if separator == sign else cell for cell in cells]
    others = [f"{x:.2f}" for x in rng.uniform(0, 9, len(values))] if rng.random() < 0.5 else range(len(values))
    lines = [f"{x}{separator}{cell}" for x, cell in zip(others, cells, strict=True)]
    with pytest.raises(InputError, match=r"is no number|or 1234|: others have no sign"):
        read("\n".join([f"x{separator}y"] * bool(rng.random() < 0.5) + lines))
    spoil = str(rng.choice(["{}%", "\u2212{}", "{}e", "{} m", "+-{}", "\u2013{}"]))
    spoilt = [f'"{spoil.format(value)}"' for value in (1.5, 2)]
    with pytest.raises(InputError, match=r"line 1, column 1: .* is no number"):
        read("\n".join([separator.join(spoilt), *(f"{x}{separator}{x}" for x in range(5))]))
