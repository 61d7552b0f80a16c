"""A share of `make fuzz`, and that the search finds what it looks for."""

import os
import time

import numpy as np
import pytest

from lfp import _files
from lfp.commands import cli
from tests.fuzz.commands import files, lines, workers


@pytest.fixture
def world(tmp_path, monkeypatch):
    """The folder of the files that command lines name."""
    files.world(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_no_command_line_ends_in_a_traceback_or_leaves_a_trap(world):
    rng = np.random.default_rng(6)
    drawn = [lines.draw(rng) for _ in range(25)] + [files.draw(rng, world, n) for n in range(20)]
    drawn = [words for words in drawn if words[:2] != ["experiment", "run"]]  # which start processes
    assert [(words, found) for words in drawn if (found := workers.run(words))[0]] == []


def test_options_that_do_not_apply_are_refused(world):
    """Of the many that `make fuzz` tries, those that are refused before anything is computed."""
    pairs = [
        (["overlay"], ["--cutoffs", "2"]),
        (["overlay"], ["--momentum", "0.9"]),
        (["overlay"], ["--batch-size", "4"]),
        (["overlay"], ["--w-std", "1"]),
        (["overlay"], ["--subsample", "8"]),
        (["overlay", "--depth", "2"], ["--distribution", "uniform"]),
        (["overlay", "--data", "good.csv"], ["--points", "8"]),
        (["solve", "--data", "good.csv"], ["--size", "8"]),
        (["solve", "--data", "good.csv", "--method", "exact"], ["--tolerance", "1e-6"]),
        (["spectrum"], ["--sigma-w", "1"]),
        (["spectrum"], ["--features", "3"]),
        (["spectrum"], ["--sampling", "ball"]),
        (["spectrum"], ["--seed", "3"]),
        (["spectrum", "--parametrization", "paper"], ["--degree", "2"]),
        (["learn"], ["--width", "8"]),
        (["learn"], ["--lr", "1"]),
        (["learn"], ["--subsample", "8"]),
        (["learn", "--data", "good.csv"], ["--modes", "1"]),
        (["learn", "--domain", "circle"], ["--dim", "3"]),
        (["experiment", "list"], ["--seed", "3"]),
        (["experiment", "list"], ["--smoke"]),
        (["experiment", "cards"], ["--jobs", "2"]),
        (["experiment", "run", "decay"], ["--jobs", "2"]),
        (["bench", "list"], ["--force"]),
    ]
    for base, more in pairs:
        fault, kind, said, _ = workers.run([*base, *more])
        assert (fault, kind) == (None, "exit 2"), (base, more, said)
        assert more[0] in said.replace("_", "-") or more[0][2:].replace("-", "_") + "=" in said, said


def _leave(arguments):
    place = arguments[arguments.index("--out") + 1]
    os.makedirs(place)
    cli._fail("width=0 is no width", 2)
    return 2


@pytest.mark.parametrize(
    ("main", "fault"),
    [
        (lambda _: {}["lost"], "traceback"),
        (lambda _: 3, "exit code 3"),
        (lambda _: 2, "no line that says why"),
        (lambda _: cli._fail("something is wrong", 2), "names nothing"),
        (lambda _: [cli._say("a remark"), cli._fail("width=0", 2)][1], "more than one line"),
        (_leave, "leaves a folder that blocks"),
        (lambda _: _files.plain({"rate": float("nan")}) and 0, "NaN in the results"),
        (lambda _: 0, None),
    ],
)
def test_the_search_sees_each_fault(world, monkeypatch, main, fault):
    """Control: commands made to go wrong."""
    monkeypatch.setattr(cli, "main", main)
    assert workers.run(["overlay"])[0] == fault


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:os.fork")
def test_the_search_sees_what_hangs_and_what_dies(world, monkeypatch):
    """Control: a command that waits for ever, one that kills its process, one that is right."""
    calls = {"overlay": lambda: time.sleep(1000), "solve": lambda: os._exit(7), "spectrum": lambda: 0}
    monkeypatch.setattr(cli, "main", lambda words: calls[words[0]]())
    monkeypatch.setattr(workers, "PATIENCE", 0.5)
    found = {one.words[0]: one.fault for one in workers.search([[name] for name in calls], world)}
    assert found == {"overlay": "hangs", "solve": "died", "spectrum": None}


def test_an_option_that_is_ignored_is_seen(world, monkeypatch):
    """Control: settings that change nothing give one digest, others two."""
    base = ["solve", "--data", "good.csv", "--times", "0,1"]
    more = ([], ["--method", "exact"], ["--method", "krylov"])
    first, again, other = (workers.run([*base, *words])[3] for words in more)
    assert first
    assert first == again != other
