"""`lfp spectrum`, from the command line: files, keys, tables, refusals."""

import json

import numpy as np
import pytest
import xarray as xr

from lfp.commands.cli import main

SMALL = ["--activation", "erf,tanh", "--depth", "1,2", "--modes", "48"]
FILES = ["config.json", "curves.nc", "result.json", "spectrum.png", "spectrum.svg"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One small run, its folder."""
    out = tmp_path_factory.mktemp("small") / "run"
    assert main(["spectrum", *SMALL, "--out", str(out)]) == 0
    return out


def refused(capsys, *arguments):
    """The one line on stderr of a command that must exit 2."""
    assert main(["spectrum", *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_folder_holds_the_contract(small):
    """Every file, every key; the first network stands on the top level."""
    assert sorted(path.name for path in small.iterdir()) == FILES
    result = json.loads((small / "result.json").read_text())
    assert {"rates", "trace", "noise_floor", "decay", "effective_rank", "networks", "seconds", "schema"} <= set(result)
    assert {"mode", "rate", "multiplicity", "above_noise"} <= set(result["rates"][0])
    assert {"kind", "base", "interval"} <= set(result["decay"])
    names = [one["network"] for one in result["networks"]]
    assert names == ["erf, depth 1", "erf, depth 2", "tanh, depth 1", "tanh, depth 2"]
    assert result["rates"] == result["networks"][0]["rates"]


def test_sums_and_noise(small):
    """Rates with their multiplicities and the tail make K(x, x); what is not above the noise has no rate."""
    for one in json.loads((small / "result.json").read_text())["networks"]:
        total = sum(row["multiplicity"] * (row["rate"] or 0.0) for row in one["rates"])
        np.testing.assert_allclose(total + one["tail"], one["trace"], rtol=1e-12)
        low, high = one["effective_rank"]
        assert 1 < low <= high < 1.1 * low
        for row in one["rates"]:
            assert (row["rate"] is None) == (not row["above_noise"])
            assert row["rate"] is None or row["rate"] > row["noise"]
    assert one["rates"][48]["above_noise"]  # of tanh, 1e-14 of K(x, x): no quadrature sees it


def test_curves_hold_what_the_table_says(small):
    """The stored rates are those of result.json, NaN for null."""
    result = json.loads((small / "result.json").read_text())
    with xr.open_dataset(small / "curves.nc", engine="h5netcdf") as data:
        stored = data.rate.sel(network="tanh, depth 2").values
    listed = [np.nan if row["rate"] is None else row["rate"] for row in result["networks"][3]["rates"]]
    np.testing.assert_array_equal(stored, listed)


def test_json_prints_the_result_and_nothing_else(small, capsys):
    """stdout is result.json."""
    capsys.readouterr()
    assert main(["spectrum", *SMALL, "--out", str(small), "--json"]) == 0
    printed, kept = json.loads(capsys.readouterr().out), json.loads((small / "result.json").read_text())
    assert printed == {name: kept[name] for name in printed}
    assert set(kept) - set(printed) == {"digest", "run"}  # of the file


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--domain", "sphere", "--b-std", "0", "--modes", "20"], marks=pytest.mark.slow),
        ["--domain", "hypercube", "--dim", "1000", "--activation", "erf"],
        pytest.param(["--domain", "torus", "--activation", "erf", "--modes", "3"], marks=pytest.mark.slow),
        ["--parametrization", "paper", "--activation", "gelu"],
    ],
    ids=["sphere", "hypercube", "torus", "paper"],
)
def test_every_domain_has_a_table_and_a_law(options, tmp_path, capsys):
    """Table and law on stdout; `absent` for the odd modes of relu without biases."""
    assert main(["spectrum", *options, "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "K(x,x) = " in out
    assert ("absent" in out) == ("0" in options)


def test_points_of_a_file(tmp_path):
    """Rates by rank, their sum the mean of K(x, x); what is below the noise floor of the matrix has none."""
    x = np.random.default_rng(0).uniform(-1, 1, (40, 1))
    path = tmp_path / "points.csv"
    np.savetxt(path, np.concatenate([x, x[:5]]), delimiter=",", header="x1", comments="")
    options = ["--domain", "euclidean", "--data", str(path), "--activation", "erf", "--modes", "40"]
    assert main(["spectrum", *options, "--degree", "2", "--out", str(tmp_path / "run")]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    rows = result["rates"]
    assert [row["mode"] for row in rows] == list(range(1, 41))
    np.testing.assert_allclose(sum(row["rate"] or 0.0 for row in rows) + result["tail"], result["trace"], rtol=1e-12)
    assert 5 < sum(row["above_noise"] for row in rows) < 40
    assert all((row["rate"] or 1.0) > result["noise_floor"] for row in rows)
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == FILES


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--dim", "3", "--points", "50", "--sampling", "ball"],
        ["--points", "50", "--activation", "erf", "--scales", "1,2"],
        ["--points", "50", "--fourier", "0.5", "--features", "8"],
    ],
    ids=["ball", "scales", "features"],
)
def test_random_points(options, tmp_path, capsys):
    """As often as one asks, the same; another seed, others."""
    results = []
    for run, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        arguments = ["spectrum", "--domain", "euclidean", *options, "--modes", "9", "--seed", seed]
        assert main([*arguments, "--out", str(tmp_path / run)]) == 0
        results.append(json.loads((tmp_path / run / "result.json").read_text())["rates"])
    assert results[0] == results[1] != results[2]
    assert "K(x,x) = " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--domain", "euclidean", "--points", "9000"], "points=9000"),
        (["--domain", "euclidean", "--points", "9", "--modes", "10"], "modes=10"),
        (["--domain", "euclidean", "--sampling", "bal"], "did you mean 'ball'"),
        (["--domain", "euclidean", "--data", "nowhere.csv"], "data='nowhere.csv' cannot be read"),
        (["--domain", "euclidean", "--data", "nowhere.csv", "--points", "9"], "points=9 with data="),
        (["--data", "nowhere.csv"], "data='nowhere.csv' with domain='circle'"),
        (["--fourier", "1"], "fourier=1.0 with domain='circle'"),
        (["--scales", "1,two"], "scales='1,two'"),
        (["--degree", "0"], "degree=0"),
        (["--features", "8"], "features=8 with no Fourier features"),
        (["--sampling", "ball"], "sampling='ball' with domain='circle'"),
        (["--sigma-w", "1"], "sigma_w=1.0 with parametrization='ntk'"),
        (["--w-std", "1", "--parametrization", "paper"], "w_std=1.0 with parametrization='paper'"),
        (["--degree", "2", "--parametrization", "paper"], "degree=2"),
        (["--domain", "shpere"], "did you mean 'sphere'"),
        (["--domain", "sphere", "--dim", "1"], "dim=1"),
        (["--domain", "circle", "--dim", "3"], "dim=3"),
        (["--domain", "hypercube", "--dim", "9", "--modes", "10"], "modes=10"),
        (["--modes", "1000000"], "modes=1000000"),
        (["--modes", "-1"], "modes=-1"),
        (["--activation", "rely"], "did you mean 'relu'"),
        (["--activation", ","], "names none"),
        (["--depth", "two"], "depth='two'"),
        (["--depth", "0"], "depth=0"),
        (["--w-std", "nan"], "w_std=nan"),
        (["--b-std", "-1"], r"b_std=-1"),
        (["--depth", "2", "--parametrization", "paper"], "depth=2"),
        (["--parametrization", "paper", "--sigma-w", "0"], "sigma_w=0"),
    ],
)
def test_bad_input_exits_two(options, message, tmp_path, capsys):
    """One line that names the argument, its value and what is allowed; nothing is written."""
    assert message in refused(capsys, *options, "--out", str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_other_configuration_needs_force(small, capsys):
    """A folder with another run is left alone."""
    assert "--force" in refused(capsys, "--activation", "erf", "--out", str(small))
