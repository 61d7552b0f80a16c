"""Folders of runs: one process at a time, nothing left that blocks, nothing of others touched, damage refused."""

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from lfp import InputError, _files
from lfp.commands.cli import main
from lfp.measure.trajectory import labelled, load, save

SETTINGS = {"width": 8, "data": None}
SMALL = ["--width", "64", "--points", "16", "--modes", "1,2", "--steps", "8", "--snapshots", "4", "--seeds", "1"]


def test_a_folder_has_one_holder(tmp_path):
    """A second process is refused with the first one's number; when that is killed the folder is free."""
    code = f"""
import sys, time
sys.argv[0] = "lfp"
from lfp import _files
with _files.held({str(tmp_path / "run")!r}):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(_files.Held, match=f"is being worked in by process {other.pid}"):
            _hold(tmp_path / "run")
        other.kill()
        other.wait()
        _hold(tmp_path / "run")
    assert not (tmp_path / "run" / _files.LOCK).exists()


def _hold(folder):
    with _files.held(folder):
        pass


def test_a_sweep_is_shared_and_nobody_else_gets_in(tmp_path):
    """Two that share, one that does not."""
    code = f"""
import time
from lfp import _files
with _files.held({str(tmp_path)!r}, shared=True):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with _files.held(tmp_path, shared=True):
            pass
        assert (tmp_path / _files.LOCK).exists()  # the other is still in
        with pytest.raises(_files.Held):
            _hold(tmp_path)
        other.kill()
        other.wait()
    _hold(tmp_path)
    assert not (tmp_path / _files.LOCK).exists()


def test_what_is_refused_or_fails_leaves_nothing(tmp_path):
    """No folder where there was none, an empty one where there was; files of others stay."""
    deep = tmp_path / "a" / "b"

    def refuse():
        raise InputError("no")

    def fail():
        _files.claim(deep, SETTINGS)
        (deep / "theory.nc").write_bytes(b"half")
        raise FloatingPointError("diverged")

    for work in (refuse, fail):
        with pytest.raises((InputError, FloatingPointError)):
            _files.once(deep, SETTINGS, work)
        assert not (tmp_path / "a").exists()
    deep.mkdir(parents=True)
    (deep / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="--force"):
        _files.once(deep, SETTINGS, fail)
    assert [path.name for path in deep.iterdir()] == ["mine.txt"]


def test_what_can_be_resumed_is_kept(tmp_path):
    """An interrupt keeps all; a full disk, a full memory and a fault of ours keep what has a checkpoint."""
    for error in (KeyboardInterrupt, OSError, MemoryError, RuntimeError):
        folder = tmp_path / error.__name__

        def work(folder=folder, error=error):
            _files.claim(folder, SETTINGS)
            (folder / _files.CHECKPOINT).write_bytes(b"so far")
            raise error

        with pytest.raises(error):
            _files.once(folder, SETTINGS, work)
        assert {path.name for path in folder.iterdir()} == {"config.json", _files.CHECKPOINT}


@pytest.mark.parametrize("name", ["config.json", "result.json", "curves.nc", "checkpoint", "overlay.png"])
def test_half_written_files_block_nothing(tmp_path, name):
    """Of a process that was killed while it wrote; those of others are not ours."""
    (tmp_path / f"{name}.4711.partial").write_bytes(b"ha")
    (tmp_path / "thesis.tex.4711.partial").write_bytes(b"ha")
    with _files.held(tmp_path):
        _files.claim(tmp_path, SETTINGS)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "thesis.tex.4711.partial"}
    (tmp_path / f"{name}.4711.partial").write_bytes(b"ha")
    with _files.held(tmp_path, shared=True):
        pass  # a run that goes on claims nothing
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "thesis.tex.4711.partial"}


@pytest.mark.parametrize("name", [_files.LOCK, "result.json.PID.partial"])
def test_links_are_not_followed(tmp_path, name):
    """A lock or a partial file that leads to a file of somebody."""
    name = name.replace("PID", str(os.getpid()))
    precious = tmp_path / "precious"
    precious.write_text("dear")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).symlink_to(precious)
    with pytest.raises(OSError, match="symbolic link"), _files.held(folder):
        _files.write_json(folder / "result.json", {})
    assert precious.read_text() == "dear"


def test_a_finished_run_is_not_run_again(tmp_path):
    """Until its settings, the data they name, the version or `force` say otherwise; an interrupted one is."""
    data = tmp_path / "data.csv"
    data.write_text("0,1\n")
    out, settings, said, count = tmp_path / "run", {"data": str(data)}, [], []

    def work(interrupted=False):
        _files.claim(out, settings, force=True)
        count.append(1)
        return _files.write_result(out, {"interrupted": interrupted, "d_sup": 0.1})

    first = _files.once(out, settings, work, say=said.append)
    assert _files.once(out, settings, work, say=said.append) == first
    assert "finished before" in said[0]
    assert len(count) == 1
    data.write_text("0,2\n")
    _files.once(out, settings, lambda: work(interrupted=True), say=said.append)
    assert len(count) == 2
    _files.once(out, settings, work, say=said.append)
    _files.once(out, settings, work, force=True, say=said.append)
    assert len(count) == 4


@pytest.mark.parametrize("content", ["", "[]", "3", "{", "[" * 10**5, '{"a": ' * 10**4, "\x00"])
def test_damaged_json_is_named(tmp_path, content):
    """One line with the way out, which helps."""
    with _files.held(tmp_path):
        _files.claim(tmp_path, SETTINGS)
        (tmp_path / "result.json").write_text(content)
        with pytest.raises(InputError, match=r"result\.json' is damaged; allowed: .*--force"):
            _files.finished(tmp_path, SETTINGS)
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(InputError, match=r"config\.json' is damaged; allowed: .*--force"):
            _files.claim(tmp_path, SETTINGS)
        _files.claim(tmp_path, SETTINGS, force=True)


def test_a_changed_digit_or_another_run_s_file_is_named(tmp_path):
    """JSON that can be read: one digit off, an earlier version's, another run's result beside these settings."""
    for name, width in (("one", 8), ("two", 9)):
        _files.claim(tmp_path / name, {"width": width})
        _files.write_result(tmp_path / name, {"d_sup": width / 100})
    one, two = (tmp_path / name / "result.json" for name in ("one", "two"))
    assert _files.finished(tmp_path / "one", {"width": 8}) == {"schema": 1, "d_sup": 0.08}
    whole = one.read_text()
    for content, why in (
        (whole.replace("0.08", "0.09"), "is damaged: its digest is another"),
        ('{"d_sup": 0.08}', "has no digest, as those of lfp 0.1"),
        (two.read_text(), "is of another run than config.json"),
    ):
        one.write_text(content)
        with pytest.raises(InputError, match=f"one/result.json' {why}; allowed: .*--force"):
            _files.finished(tmp_path / "one", {"width": 8})


@pytest.mark.parametrize("settings", [SETTINGS, {"width": 9}])
def test_there_is_no_moment_without_settings(tmp_path, monkeypatch, settings):
    """Killed between any two removals of a claim: a folder of the one run or of the other, with no result."""
    _files.claim(tmp_path, SETTINGS)
    for name in ("theory.nc", "curves.nc", "overlay.png"):
        (tmp_path / name).write_bytes(b"")
    _files.write_result(tmp_path, {})
    removed, unlink = [], Path.unlink

    def watched(path, **how):
        unlink(path, **how)
        removed.append(path.name)
        assert _files.settings_of(tmp_path) in (SETTINGS, settings)
        assert not (tmp_path / "result.json").exists()

    monkeypatch.setattr(Path, "unlink", watched)
    _files.claim(tmp_path, settings, force=True)
    assert {"result.json", "theory.nc", "curves.nc", "overlay.png"} <= set(removed)


def test_other_draws_are_not_resumed(tmp_path, monkeypatch):
    """The random numbers of JAX hang on a flag."""
    with _files.held(tmp_path):
        _files.claim(tmp_path, SETTINGS)
        (tmp_path / _files.CHECKPOINT).write_bytes(b"so far")
        around = _files.environment()
        other = {**around, "draws": {**around["draws"], "jax_threefry_partitionable": "other"}}
        monkeypatch.setattr(_files, "environment", lambda: other)
        with pytest.raises(InputError, match="jax_threefry_partitionable"):
            _files.claim(tmp_path, SETTINGS, resume=True)


ARRAYS = {
    "f": (("run", "step"), np.array([[1.0, np.nan, -0.0], [np.inf, -np.float64(np.nan), 2.0]])),
    "name": (("step",), np.array(["low", "high", "é"])),
    "count": (("step",), np.arange(3)),
    "fine": (("step",), np.ones(3, np.float32)),
    "there": (("step",), np.array([True, False, True])),
}


def test_stored_arrays_come_back(tmp_path):
    """Kinds, NaN of either sign, texts, attributes; plain xarray reads them too."""
    data = labelled({"step": np.arange(3)}, **ARRAYS).assign_attrs(
        seconds=1.5, meta="{}", many=[1.0, 2.0], one=[3], word=["a"]
    )
    save(tmp_path / "one.nc", data)
    found = load(tmp_path / "one.nc")
    for name, (_, values) in ARRAYS.items():
        np.testing.assert_array_equal(found[name].values, values)
    assert found.attrs["seconds"] == 1.5
    with xr.open_dataset(tmp_path / "one.nc", engine="h5netcdf") as plain:
        assert plain.identical(found)


def test_corrupted_arrays_are_refused_or_harmless(tmp_path):
    """200 flipped, cut, doubled and overwritten files: the same arrays, or a refusal that names the file."""
    data = labelled({"step": np.arange(64)}, f=(("step",), np.random.default_rng(0).normal(size=64)))
    path, rng, refused = tmp_path / "one.nc", np.random.default_rng(1), 0
    save(path, data)
    whole = path.read_bytes()
    for i in range(200):
        broken, place = bytearray(whole), int(rng.integers(len(whole)))
        if i % 4 == 0:
            broken[place] ^= 1 << int(rng.integers(8))
        elif i % 4 == 1:
            broken = broken[:place]
        elif i % 4 == 2:
            broken[place : place + 64] = bytes(64)
        else:
            broken[place : place + 8] = rng.bytes(8)
        path.write_bytes(bytes(broken))
        try:
            found = load(path)
        except InputError as error:
            refused += "one.nc" in str(error)
            continue
        np.testing.assert_array_equal(found["f"].values, data["f"].values)
    assert refused > 120  # the others are as they were: zeros on zeros


def test_arrays_of_an_earlier_version_are_named(tmp_path):
    labelled({}, f=(("step",), np.ones(3))).to_netcdf(tmp_path / "old.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=r"old\.nc' has no digest: it is cut short or overwritten, or of lfp 0\.1"):
        load(tmp_path / "old.nc")
    with pytest.raises(InputError, match=r"none\.nc' cannot be read: no such file"):
        load(tmp_path / "none.nc")


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_writes_what_there_is_and_says_how_to_go_on(tmp_path, sent, code):
    """No verdict, the step, the command; the run that goes on gives the same curves as one in a piece."""
    long = [*SMALL[:-6], "--steps", "3000000", "--snapshots", "6", "--seeds", "1"]
    out, whole = tmp_path / "run", tmp_path / "whole"
    command = [sys.executable, "-m", "lfp.commands.cli", "overlay", *long, "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (out / "checkpoint").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(sent)
        said, errors = process.communicate()
    assert process.returncode == code, errors
    result = json.loads((out / "result.json").read_text())
    assert result["interrupted"]
    assert result["verdict"] is None
    assert "interrupted at step" in said
    assert "--resume" in errors
    assert main(["overlay", *long, "--out", str(out), "--resume"]) == 0
    assert main(["overlay", *long, "--out", str(whole)]) == 0
    with xr.open_dataset(out / "curves.nc") as one, xr.open_dataset(whole / "curves.nc") as two:
        np.testing.assert_array_equal(one["f_training"].values, two["f_training"].values)


def test_a_lock_is_of_a_process_not_of_a_file(tmp_path):
    """What was left by a process that died is no lock."""
    (tmp_path / _files.LOCK).write_text("process 1, lfp overlay")
    _hold(tmp_path)
    with Path(tmp_path / "other").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _hold(tmp_path)


def test_a_lock_that_cannot_be_written_is_not_left(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"), _files.held(tmp_path / "run"):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "run" / _files.LOCK).exists()
    _hold(tmp_path / "run")
