"""`lfp learn`, from the command line: files, keys, tables, refusals."""

import csv
import json

import numpy as np
import pytest
import xarray as xr

from lfp.commands.cli import main

SMALL = ["--dim", "5", "--modes", "1,2", "--amplitude", "1,0.5", "--samples", "8,20", "--draws", "6", "--noise", "0.1"]
FILES = ["config.json", "curves.nc", "learn.csv", "learn.png", "learn.svg", "result.json"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One small run, its folder."""
    out = tmp_path_factory.mktemp("small") / "run"
    assert main(["learn", *SMALL, "--steps", "50", "--out", str(out)]) == 0
    return out


@pytest.fixture
def table(tmp_path):
    """A file of 30 rows, a smooth target with noise."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 2))
    path = tmp_path / "rows.csv"
    y = 100 + 5 * x[:, 0] + rng.standard_normal(30)
    np.savetxt(path, np.c_[x, y], delimiter=",", header="x1,x2,y", comments="")
    return path


def test_folder_holds_the_contract(small):
    assert sorted(path.name for path in small.iterdir()) == FILES
    result = json.loads((small / "result.json").read_text())
    assert {"domain", "modes", "power", "noise", "ridge", "curves", "times", "seconds", "schema"} <= set(result)
    assert result["power"] == [1.0, 0.25]
    assert [row["samples"] for row in result["curves"]] == [8, 20]
    for row in result["curves"]:
        assert {"theory", "drawn", "standard_error", "best_ridge", "good_to_10_percent", "modes"} <= set(row)
        assert row["best_theory"] <= row["theory"]
        assert row["low"] <= row["drawn"] <= row["high"]
        # at so few samples of a sphere of so low a dimension theory and draws need not agree to more than this
        assert row["theory"] == pytest.approx(row["drawn"], rel=0.5)
    time = result["times"][1]
    assert time["theory"][0] == pytest.approx(1.25 + 0.1)
    assert time["theory"][-1] < time["theory"][0]
    assert time["best_step"] in time["steps"]


def test_table_and_curves_hold_what_the_result_says(small):
    result = json.loads((small / "result.json").read_text())
    with (small / "learn.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["mode"] for row in rows] == ["all", "1", "2"] * 2
    assert float(rows[0]["theory"]) == result["curves"][0]["theory"]
    assert float(rows[4]["drawn"]) == result["curves"][1]["modes"][0]["drawn"]
    with xr.open_dataset(small / "curves.nc", engine="h5netcdf") as data:
        assert data.theory_mode.sel(count=20, mode=2) == result["curves"][1]["modes"][1]["theory"]
        assert data.theory_in_time.shape == (2, len(result["times"][0]["steps"]))


def test_networks_stand_beside_their_kernel(tmp_path, capsys):
    words = ["--dim", "3", "--modes", "1", "--samples", "8", "--draws", "2", "--steps", "40", "--train"]
    assert main(["learn", *words, "--width", "512", "--seeds", "1", "--out", str(tmp_path / "run"), "--json"]) == 0
    time = json.loads(capsys.readouterr().out)["times"][0]
    assert time["networks"][-1] == pytest.approx(time["drawn"][-1], rel=0.4)
    assert time["network_modes"][0]["networks"] == pytest.approx(time["network_modes"][0]["kernel"], abs=0.2)


def test_rows_of_a_file(table, tmp_path, capsys):
    words = ["--data", str(table), "--standardize", "--samples", "10,25", "--draws", "5", "--ridge", "0.5"]
    assert main(["learn", *words, "--kernel", "nngp", "--out", str(tmp_path / "run"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["domain"], result["rows"], result["modes"]) == ("file", 30, [])
    assert result["target_variance"] == pytest.approx(1)
    first, last = result["curves"]
    assert last["drawn"] < first["drawn"] < 1.5
    assert last["theory"] == pytest.approx(last["drawn"], rel=0.6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--samples", "0,3"], "samples='0,3'"),
        (["--samples", "30,3"], "samples='30,3'"),
        (["--amplitude", "1,2"], "amplitude='1,2' for 3 modes"),
        (["--modes", "1,1"], "modes='1,1'"),
        (["--modes", "200"], "modes='200'"),
        (["--train"], "train=True with steps=None"),
        (["--train", "--steps", "9", "--kernel", "nngp"], "kernel='nngp'"),
        (["--width", "9"], "width=9 with no training"),
        (["--lr", "9"], "lr=9.0 with no steps"),
        (["--dim", "3", "--samples", "4", "--draws", "2", "--steps", "9", "--lr", "900"], "lr=900 diverges"),
        (["--domain", "circle", "--dim", "3"], "dim=3"),
        (["--domain", "hypercube", "--dim", "3", "--samples", "8"], "samples=8"),
        (["--domain", "hypercube", "--dim", "3", "--modes", "4"], "modes=4"),
        (["--data", "none.csv"], "none.csv"),
        (["--noise", "-1"], "noise=-1.0"),
        (["--activation", "rely"], "did you mean 'relu'"),
    ],
)
def test_slips_are_one_line(words, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["learn", *words, "--out", "run"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert said in lines[0]
    assert not (tmp_path / "run").exists()


def test_samples_of_a_file_are_fewer_than_its_rows(table, tmp_path, capsys):
    assert main(["learn", "--data", str(table), "--samples", "30", "--out", str(tmp_path / "run")]) == 2
    assert "population of 30" in capsys.readouterr().err
