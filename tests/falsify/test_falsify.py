"""Small draws; `make falsify` is the whole of it."""

import pytest

from tests.falsify import laws, rates
from tests.falsify.__main__ import main
from tests.falsify.finding import Finding, broken, report
from tests.falsify.searches import SEARCHES


@pytest.mark.parametrize(("search", "count"), [(rates.search, 4), (laws.search, 10)])
def test_no_statement_is_broken(search, count):
    """A sixtieth of some would be (control): a draw as small as this does not come as near as that of the command."""
    found = list(search(7, count))
    assert not broken(found)
    assert broken(found, 1 / 60)


def test_a_broken_statement_is_found():
    """One of three, and one that is no number; the report has the worst."""
    off = [Finding("", "a", 1.0, true, 0.0) for true in (0.5, 1.5, float("nan"))]
    assert broken(off) == off[1:]
    assert broken(off[:1], 0.4) == off[:1]
    assert report(off[:2]) == ["| a | 2 | 1.5 | 1.33 |"]


@pytest.mark.slow
def test_the_whole_command(capsys):
    """A thirtieth of every search, in processes."""
    main(3, 0.03)
    printed = capsys.readouterr().out
    assert "BROKEN" not in printed
    assert all(f"{name}: 0 of" in printed for name in SEARCHES)
