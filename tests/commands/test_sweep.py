"""Sweeps: the grid, what is done once, what another process has, exponents of the layers."""

import fcntl
import json
import threading
from dataclasses import replace

import numpy as np
import pytest

from lfp import InputError
from lfp.commands import overlay
from lfp.commands.options import Overlay
from lfp.commands.sweep import run, slope_errors, slopes

SMALL = Overlay(points=16, modes="1,2", steps=8, snapshots=4, seeds=1)


def test_every_combination_is_run_once(tmp_path):
    """A folder each, and none again; what a killed process left is taken up; the summary holds all."""
    said = []
    found = run(SMALL, ["width=16,32", "alpha=10"], tmp_path / "s", say=said.append)
    assert [(row["width"], row["alpha"]) for row in found["points"]] == [(16, 10.0), (32, 10.0)]
    assert found["missing"] == 0
    assert "width" in found["slopes"]["d_sup"]
    assert "alpha" not in found["slopes"]["d_sup"]
    assert (tmp_path / "s" / "sweep.png").exists()
    assert (tmp_path / "s" / "budget.png").exists()
    first, second = (tmp_path / "s" / f"width={w},alpha=10" / "result.json" for w in (16, 32))
    written, kept = second.stat().st_mtime_ns, json.loads(first.read_text())
    first.unlink()
    again = run(SMALL, ["width=16,32", "alpha=10"], tmp_path / "s", say=said.append)
    assert second.stat().st_mtime_ns == written
    assert json.loads(first.read_text())["d_sup"] == kept["d_sup"]
    assert again["points"] == found["points"]
    assert sum("there already" in line for line in said) == 1


@pytest.mark.slow
def test_dial_from_lazy_to_rich(tmp_path):
    """One picture; a point that is unstable is unknown from there on; the linear layer grows with gamma."""
    base = replace(SMALL, theory="meanfield", width=256, steps=200, snapshots=12, points=16)
    found = run(base, ["gamma=0.002,0.4"], tmp_path / "s", say=lambda _: None)
    lazy, rich = found["points"]
    assert rich["ntk_vs_meanfield"] > 3 * lazy["ntk_vs_meanfield"]
    assert (tmp_path / "s" / "dial.png").exists()


def test_what_another_process_has_is_taken_up_when_it_dies(tmp_path):
    """It is said once, waited for, and run when the other ends without a result."""
    (tmp_path / "width=16").mkdir()
    said = []
    with (tmp_path / "width=16" / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        def say(line):
            said.append(line)
            if "another process has it" in line:
                threading.Timer(1.5, lambda: fcntl.flock(file, fcntl.LOCK_UN)).start()

        found = run(SMALL, ["width=16"], tmp_path, force=True, say=say)
    assert found["missing"] == 0
    assert said.count("1/1 width=16: another process has it") == 1


def test_a_sweep_takes_no_other_run_s_folder(tmp_path):
    """Refused without force; a damaged point of its own is run again, one with another's result too."""
    overlay.run(replace(SMALL, width=16, alpha=3.0), tmp_path / "s" / "width=16", say=lambda _: None)
    with pytest.raises(InputError, match="not a run of this configuration"):
        run(SMALL, ["width=16"], tmp_path / "s", say=lambda _: None)
    run(SMALL, ["width=16"], tmp_path / "s", force=True, say=lambda _: None)
    for name in ("result.json", "config.json"):
        (tmp_path / "s" / "width=16" / name).write_text("[]")
        assert run(SMALL, ["width=16"], tmp_path / "s", say=lambda _: None)["missing"] == 0
    (tmp_path / "s" / "config.json").write_text("[]")
    with pytest.raises(InputError, match=r"s/config\.json' is damaged; allowed: .*--force"):
        run(SMALL, ["width=16"], tmp_path / "s", say=lambda _: None)


def test_slopes_are_those_of_the_law():
    """Two settings at once; what is missing or zero is left out; a word has no exponent."""
    rows = [{"w": w, "a": a, "n": "x", "d_sup": 3 * w**-0.5 * a**-1.0} for w in (1, 4, 16) for a in (1.0, 10.0)]
    assert slopes([*rows, {"w": 1, "a": 1.0, "n": "y", "d_sup": None}], ["w", "a", "n"]) == {
        "d_sup": {"w": -0.5, "a": -1.0}
    }


def test_slope_errors_are_those_of_the_scatter():
    """One run in twenty strays by more than two standard errors, of two hundred noisy sweeps; seeds and 0 have none."""
    rng, strays = np.random.default_rng(0), []
    for _ in range(200):
        rows = [
            {"w": w, "seed": s, "mu": 0.0, "d_sup": w**-0.5 * np.exp(0.3 * rng.normal())}
            for w in (1, 4, 16)
            for s in range(8)
        ]
        names = ["w", "seed", "mu"]
        powers, errors = slopes(rows, names)["d_sup"], slope_errors(rows, names)["d_sup"]
        assert set(powers) == set(errors) == {"w"}
        strays.append(abs(powers["w"] + 0.5) > 2 * errors["w"])
    assert 0.015 < np.mean(strays) < 0.11
    assert slope_errors([{"w": w, "d_sup": w} for w in (1, 2)], ["w"]) == {"d_sup": {}}


@pytest.mark.parametrize(
    ("swept", "message"),
    [
        (["widht=8"], "did you mean 'width'"),
        (["width=8,x"], "width=x is no int"),
        (["width=8,8"], "twice"),
        (["width=8", "width=16"], "twice"),
        (["modes"], "cannot be read"),
        (["width=16,17"], "must be even"),
        (["theory=ntk,magic"], "theory='magic' is unknown"),
        (["x64=true"], "sweep='x64'"),
    ],
)
def test_bad_input_is_named(swept, message, tmp_path):
    """Before anything is written."""
    with pytest.raises(InputError, match=message):
        run(SMALL, swept, tmp_path / "s")
    assert not (tmp_path / "s").exists()
