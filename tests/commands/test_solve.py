"""`lfp solve`: the contract of its folder, its numbers against `evolve`, its refusals."""

import json

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from lfp import InputError, Points
from lfp.commands.cli import main
from lfp.commands.options import Solve
from lfp.commands.solve import build_operator, read_data
from lfp.domains.images import read_image
from lfp.equation.solver import evolve

FILES = ["config.json", "curves.nc", "profiles.png", "profiles.svg", "result.json", "spectrum.png", "spectrum.svg"]
ROWS = "x,y\n-1,0.5\n-0.3,-0.2\n0.1,0.7\n0.4,-0.6\n1,0.1\n"


@pytest.fixture
def data(tmp_path):
    """A small file."""
    path = tmp_path / "data.csv"
    path.write_text(ROWS)
    return path


def refused(capsys, *arguments):
    """The one line on stderr of a command that must exit 2."""
    assert main(["solve", *map(str, arguments)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_folder_holds_what_evolve_gives(data, tmp_path, capsys):
    """Every file, every key, every array."""
    test, out = tmp_path / "test.csv", tmp_path / "run"
    test.write_text("0.0\n0.25\n")
    options = ["--times", "0,1,10,inf", "--test", test, "--frequencies", "0.5,1,2", "--json"]
    assert main(["solve", "--data", str(data), "--out", str(out), *map(str, options)]) == 0
    assert sorted(path.name for path in out.iterdir()) == FILES
    result = json.loads(capsys.readouterr().out)
    assert {"method", "products", "error_estimate", "fp_norm", "seconds", "schema"} <= set(result)
    assert result["method"] == "exact, dense"
    settings, times = Solve(data=data), np.array([0, 1, 10, np.inf])
    x, y = read_data(settings).with_target()
    expected = evolve(build_operator(settings, 1), Points(x, y), times)
    with xr.open_dataset(out / "curves.nc", engine="h5netcdf") as curves:
        assert curves.residual.dims == ("time", "sample")
        np.testing.assert_allclose(curves.residual, expected.residual, atol=1e-12)
        np.testing.assert_allclose(curves.h, expected.at(np.array([[0.0], [0.25]])), atol=1e-12)
        spectrum = curves.spectrum.values @ [1, 1j]
        assert curves.spectrum.dims == ("time", "frequency", "part")
        np.testing.assert_allclose(spectrum, expected.transform(np.array([[0.5], [1.0], [2.0]])), atol=1e-12)
        np.testing.assert_array_equal(curves.time, times)


def test_image_is_the_right_way_up(tmp_path):
    """Rows from the top, columns from the left; low frequencies first."""
    pixels = np.zeros((8, 8), np.uint8)
    pixels[0, -1] = 255  # the right upper corner
    Image.fromarray(pixels).save(tmp_path / "dot.png")
    x, y = read_data(Solve(image=str(tmp_path / "dot.png"), size=8)).with_target()
    np.testing.assert_allclose(x[np.argmax(y)], [0.875, 0.875])
    out = tmp_path / "run"
    assert main(["solve", "--image", "china", "--size", "16", "--method", "krylov", "--out", str(out)]) == 0
    result = json.loads((out / "result.json").read_text())
    assert result["method"] == "krylov, fft 16 x 16"
    assert result["rms_residual"] == sorted(result["rms_residual"], reverse=True)
    assert np.abs(read_image("china", 16).mean()) < 1e-12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "allowed: one of the two"),
        (["--image", "nowhere.png"], "image='nowhere.png' cannot be read"),
        (["--image", "china", "--size", "1"], "size=1"),
        (["--image", "china", "--sigma-b", "-1"], "sigma_b=-1.0"),
        (["--image", "china", "--size", "8", "--distribution", "gausian"], "did you mean 'gaussian'"),
        (["--image", "china", "--size", "8", "--times", "3,1"], "times='3,1' cannot be read"),
        (["--image", "china", "--size", "8", "--frequencies", "0,1"], "must be > 0"),
        (["--image", "china", "--size", "8", "--method", "spectrl"], "method='spectrl' is unknown"),
        (["--image", "china", "--size", "128", "--method", "exact"], "GiB for a dense"),
        (["--data", "nowhere.csv", "--size", "8"], "size=8 with data='nowhere.csv'"),
        (["--image", "china", "--method", "exact", "--tolerance", "1"], "tolerance=1.0 with method='exact'"),
        (["--image", "china", "--size", "8", "--activation", "rleu"], "did you mean 'relu'"),
    ],
)
def test_bad_input_is_one_line(arguments, message, tmp_path, capsys):
    """Named, and nothing is written."""
    assert message in refused(capsys, *arguments, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_instant_needs_its_points(data, tmp_path, capsys):
    """One point does not determine an affine function; a test file of another dimension is refused."""
    (tmp_path / "one.csv").write_text("0,1\n")
    arguments = ["--data", tmp_path / "one.csv", "--treatment", "instant", "--times", "1", "--out", tmp_path / "run"]
    assert "determine 1 of the 2" in refused(capsys, *arguments)
    (tmp_path / "plane.csv").write_text("0,1\n")
    assert "allowed: 1" in refused(capsys, "--data", data, "--test", tmp_path / "plane.csv", "--out", tmp_path / "run")
    with pytest.raises(InputError, match="cannot be read"):
        read_image(data, 8)
