"""Small draws of every kind, and that the harness finds what it looks for; `make kills` is the whole of it."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from lfp import _files
from lfp.measure.trajectory import labelled, save
from tests.kills import corruptions, kills, memory, races, signals, surroundings
from tests.kills.__main__ import SEARCHES
from tests.kills.runs import RUNS, Case, difference, run, scratch, table


def _no_faults(cases):
    assert cases
    assert [case for case in cases if case.fault] == []


@pytest.mark.parametrize(("name", "count"), [("solve", 2), ("overlay", 3), ("experiment", 3), ("sweep", 3)])
def test_killed_and_run_again(name, count, tmp_path):
    _no_faults(kills.search(name, tmp_path, np.random.default_rng(3), count))


@pytest.mark.parametrize(
    ("name", "unfinished"),
    [
        ("solve", False),
        ("overlay", False),
        ("overlay", True),
        ("experiment", False),
        ("experiment", True),
        ("sweep", False),
    ],
)
def test_damaged_files_are_refused_or_harmless(name, unfinished, tmp_path):
    _no_faults(corruptions.search(name, unfinished, tmp_path, np.random.default_rng(4), 12))


@pytest.mark.parametrize("name", ["solve", "overlay"])
def test_one_of_many_on_a_folder_works(name, tmp_path):
    _no_faults(races.search([name], tmp_path, np.random.default_rng(5), 2))


def test_a_shared_sweep_is_finished_by_the_last(tmp_path):
    _no_faults(races.shared_sweep(tmp_path, np.random.default_rng(6), 1))


def test_workers_end_with_their_parent(tmp_path):
    _no_faults(signals.search(tmp_path, np.random.default_rng(7), len(signals.SENT)))


def test_a_sweep_forgets_its_programs(tmp_path):
    _no_faults(memory.search(tmp_path, np.random.default_rng(8), 100))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return surroundings.prepare(tmp_path_factory.mktemp("surroundings"))


@pytest.mark.parametrize("name", surroundings.CASES)
def test_surroundings(name, prepared):
    if why := surroundings.impossible(name):
        pytest.skip(why)
    assert surroundings.CASES[name](prepared) is None


# --- controls: what is broken by hand is seen


@pytest.fixture
def folders(tmp_path):
    """Two folders of one run, made without a command."""
    for name in ("one", "two"):
        folder = _files.claim(tmp_path / name, {"width": 8})
        save(folder / "curves.nc", labelled({}, f=(("x",), np.arange(3.0))))
        _files.write_result(folder, {"d_sup": 0.1, "seconds": float(len(name))})
    return tmp_path / "one", tmp_path / "two"


def test_folders_that_differ_are_told_apart(folders):
    one, two = folders
    assert difference(one, two) is None
    (one / "curves.nc.1.partial").touch()
    assert "curves.nc.1.partial" in str(difference(one, two))
    (one / "curves.nc.1.partial").unlink()
    save(one / "curves.nc", labelled({}, f=(("x",), np.array([0.0, 1.0, np.nextafter(2.0, 3.0)]))))
    assert difference(one, two) == "curves.nc has other arrays"
    shutil.copy(two / "curves.nc", one)
    _files.write_result(one, {"d_sup": 0.2})
    assert difference(one, two) == "result.json has other values"
    _files.claim(one, {"width": 9}, force=True)
    shutil.copy(two / "curves.nc", one)
    _files.write_result(one, {"d_sup": 0.1})
    assert difference(one, two) == "config.json has other settings"


def test_a_file_that_is_believed_is_a_fault(tmp_path):
    """A result with one digit off, and a digest that says that it is right."""
    whole, out = scratch(tmp_path) / "whole", tmp_path / "out"
    solve = RUNS["solve"]
    run(solve.arguments(whole), tmp_path)
    shutil.copytree(whole, out)
    code, expected, _ = corruptions.main(solve.arguments(whole))
    assert code == 0
    forged = _files.read_result(out)
    _files.write_result(out, {**forged, "error_estimate": 2 * forged["error_estimate"]})
    asked = (solve.arguments(out), out / "result.json", out, whole, expected, False)
    assert corruptions.fault_of(*asked) == "other values, and exit 0"
    (out / "result.json").write_text(json.dumps(forged))
    assert corruptions.fault_of(*asked) is None  # no digest: refused, and --force helps


def test_two_winners_and_tracebacks_are_faults():
    assert "2 worked" in str(races.fault_of([0, 0], ["", ""], [0, 1]))
    assert "Traceback" in str(races.fault_of([0, 1], ["", "Traceback"], [0]))
    assert races.fault_of([0, 2], ["", "is being worked in by process 3"], [0]) is None


def test_growing_memory_and_orphans_are_seen():
    sizes = 300 + 3.0 * np.arange(80) + 20 * (np.arange(80) % 10)
    assert memory.per_point(list(sizes)) == pytest.approx(3.0)
    assert memory.per_point(list(sizes - 3.0 * np.arange(80))) == pytest.approx(0.0, abs=1e-9)
    with subprocess.Popen(["sleep", "60"]) as process:
        assert process.pid in signals.descendants(os.getpid())
        assert signals.lives(process.pid)
        process.kill()
    assert not signals.lives(process.pid)


def test_faults_are_counted():
    assert table([Case("a", "x"), Case("a", "y", "bad")]) == ["| a | 2 | 1 |", "FAULT a: y: bad"]
    assert sum(count for name, (_, count) in SEARCHES.items() if name.startswith("kills")) >= 40
    assert sum(count for name, (_, count) in SEARCHES.items() if name.startswith("damages")) >= 200
