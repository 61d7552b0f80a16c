"""Killed and resumed: the same curves, bit for bit; what is damaged is refused."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from lfp import Circle, HeavyBall, InputError, MiniBatch, TwoLayer, sum_of_modes, train
from lfp.commands.cli import main
from lfp.training import checkpoint, loop as training

ROOT = Path(__file__).parent.parent
SETTINGS = ["--width", "64", "--points", "16", "--modes", "1-2", "--seeds", "2", "--theory", "ntk", "--optimizer"]
SETTINGS += ["sgd", "--batch-size", "4", "--snapshots", "400"]


@pytest.fixture(params=[HeavyBall(0.1, 0.9), MiniBatch(0.1, 2, 8, 4.0)], ids=["momentum", "batches"])
def halfway(request, tmp_path, monkeypatch):
    """A run that was interrupted after its fourth snapshot, and how to run it."""
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    data, path = sum_of_modes(Circle(), 8, [1]), tmp_path / "checkpoint"

    def stop(done, total, seconds):
        if done >= 12:
            raise KeyboardInterrupt

    def go(**options):
        return train(TwoLayer(8), data, request.param, np.array([0, 1, 3, 6, 12, 20]), seeds=2, **options)

    assert go(checkpoint_file=path, progress=stop).interrupted
    return go, path


def test_resumed_is_the_same_run(halfway):
    """Curves and weights of the uninterrupted one, to the last bit, and not from the start again."""
    go, path = halfway
    whole, seen = go(), []
    resumed = go(checkpoint_file=path, resume=True, progress=lambda done, total, seconds: seen.append(done))
    assert min(seen) > 6
    np.testing.assert_array_equal(resumed.trajectory.values, whole.trajectory.values)
    for a, b in zip(resumed.end, whole.end, strict=True):
        np.testing.assert_array_equal(a, b)


def test_damaged_or_foreign_checkpoints_are_refused(halfway, tmp_path):
    """One flipped bit anywhere, a cut, another run: named, never used."""
    go, path = halfway
    content = path.read_bytes()
    for place in (0, 40, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(InputError, match=r"checkpoint=.*damaged"):
            go(checkpoint_file=path, resume=True)
    path.write_bytes(content[:-7])
    with pytest.raises(InputError, match="damaged"):
        go(checkpoint_file=path, resume=True)
    path.write_bytes(content)
    with pytest.raises(InputError, match="another run"):
        go(checkpoint_file=path, resume=True, seed=1)
    with pytest.raises(InputError, match="another run"):
        go(checkpoint_file=path, resume=True, dtype=jnp.float64)


def test_checkpoints_hold_arrays_to_the_bit(tmp_path):
    """Any dtype, NaN and -0 too."""
    arrays = [np.array([np.nan, -0.0]), np.arange(3, dtype=np.uint32), np.float32(0.1)]
    checkpoint.save(tmp_path / "c", arrays, b"run")
    for a, b in zip(arrays, checkpoint.load(tmp_path / "c", b"run"), strict=True):
        assert np.asarray(a).tobytes() == b.tobytes()
        assert np.asarray(a).dtype == b.dtype


@pytest.mark.slow
@pytest.mark.parametrize("patience", [0.0, 1.9])
def test_sigkill_at_any_time_and_resume(tmp_path, patience):
    """Killed at a random moment after its first checkpoint; `lfp overlay --resume` ends as if it had not been."""
    steps = ["--steps", "15000"]
    arguments = ["overlay", *SETTINGS, *steps, "--out", str(tmp_path / "killed")]
    script = "import sys; from lfp.commands import cli; from lfp.training import loop;"
    script += "loop.SECONDS_BETWEEN_CHECKPOINTS = 0.0;"
    script += f"sys.exit(cli.main({arguments!r}))"
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.DEVNULL)
    kept = tmp_path / "killed" / "checkpoint"
    while not kept.exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(patience * np.random.default_rng(os.getpid()).uniform())
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "killed too late to show anything"
    assert not (tmp_path / "killed" / "result.json").exists()
    assert main([*arguments, "--resume"]) == 0
    assert not kept.exists()
    assert main(["overlay", *SETTINGS, *steps, "--out", str(tmp_path / "whole")]) == 0
    killed, whole = (xr.open_dataset(tmp_path / n / "curves.nc", engine="h5netcdf") for n in ("killed", "whole"))
    with killed, whole:
        assert killed.identical(whole)


def test_damaged_checkpoint_from_the_command_line(tmp_path, capsys):
    """Exit 2, one line."""
    arguments = ["overlay", *SETTINGS, "--steps", "5", "--out", str(tmp_path / "run")]
    assert main(arguments) == 0
    (tmp_path / "run" / "checkpoint").write_bytes(b"half a file")
    (tmp_path / "run" / "result.json").unlink()  # else it is done
    capsys.readouterr()
    assert main([*arguments, "--resume"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert "checkpoint=" in lines[-1]
    assert "damaged" in lines[-1]
    assert main(arguments) == 0  # from the start
