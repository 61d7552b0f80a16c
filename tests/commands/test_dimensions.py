"""`lfp overlay` in several dimensions: points, sphere, torus, hypercube; what does not apply or is not resolved."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr

from lfp import DegreeProbe, DirectionProbe, FilterProbe, Hypercube, Points, Sphere, Torus, sum_of_degrees
from lfp.commands.cli import main
from lfp.commands.options import Overlay
from lfp.commands.overlay import build_problem

SMALL = ["--width", "128", "--steps", "40", "--snapshots", "8", "--seeds", "2"]
RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(40, 3)) * [2.0, 1.0, 0.5]
Y = np.sin(CLOUD[:, 0]) + CLOUD[:, 1] * CLOUD[:, 2]


def table(path, x, y=None, header=None):
    """A file of points, its path."""
    names = header or [f"x{i + 1}" for i in range(x.shape[1])] + ["y"] * (y is not None)
    rows = x if y is None else np.column_stack([x, y])
    path.write_text("\n".join([",".join(names), *(",".join(map(repr, row)) for row in rows.tolist()), ""]))
    return str(path)


def overlaid(tmp_path, *arguments):
    """Result and stored curves of a run, D_sup of which is the one said."""
    out = tmp_path / "run"
    assert main(["overlay", *SMALL, *arguments, "--out", str(out)]) == 0
    result = json.loads((out / "result.json").read_text())
    with xr.open_dataset(out / "curves.nc", engine="h5netcdf") as data:
        curves = data.load()
    last = "part" if "part" in curves.dims else "component"
    gap = curves.remaining_training.mean("run").values - curves.remaining_theory.values
    d_sup = np.linalg.norm(gap, axis=-1).max()
    assert last in curves.remaining_theory.dims
    assert result["d_sup"] == pytest.approx(d_sup, rel=1e-9)
    assert result["verdict"] == ("holds" if d_sup <= 0.05 else "fails")
    assert (out / "snapshots.png").exists()
    return result, curves


def test_points_of_a_file_by_rank(tmp_path):
    """Ranks are those of the kernel; the target is the column y; frequencies grow as rates fall, on the whole."""
    result, curves = overlaid(tmp_path, "--data", table(tmp_path / "a.csv", CLOUD, Y), "--modes", "1,2,5")
    assert [row["mode"] for row in result["modes"]] == ["rank 1", "rank 2", "rank 5"]
    assert result["probe"] == {"name": "rank", "resolution": 40.0, "condition": 1.0}
    np.testing.assert_allclose(curves.target, Y)
    assert len(result["d_sup_expected"]) == 3
    assert (np.diff(curves.rate) < 0).all()


PROBES = {
    "filter": (["--probe", "filter", "--cutoffs", "0.1,0.3"], lambda data: FilterProbe((0.1, 0.3))),
    "direction": (["--probe", "direction", "--modes", "1,2"], lambda data: DirectionProbe(data, [1, 2], 2)),
}


@pytest.mark.parametrize("kind", PROBES)
def test_probes_of_points_are_those_of_the_library(kind, tmp_path):
    """Curves of the stored functions."""
    options, make = PROBES[kind]
    result, curves = overlaid(tmp_path, "--data", table(tmp_path / "a.csv", CLOUD, Y), *options)
    probe, data = make(Points(CLOUD, Y)), Points(CLOUD, Y)
    remaining = probe.parts(data, Y - curves.f_theory.values[0])
    target = probe.parts(data, Y[None])[0]
    expected = (
        remaining / target if probe.modal else np.linalg.norm(remaining, axis=-1) / np.linalg.norm(target, axis=-1)
    )
    stored = curves.remaining_theory.values
    found = stored @ [1, 1j] if probe.modal else np.linalg.norm(stored, axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert (result["forecast"] is None) == (kind == "filter")


@pytest.mark.parametrize(("name", "dim"), [("sphere", 5), ("torus", 2), ("hypercube", 5)])
def test_degrees_of_a_space(name, dim, tmp_path):
    """A sum of degrees on random points, and the same from a file of them."""
    arguments = ["--domain", name, "--dim", str(dim), "--points", "60", "--modes", "1,2"]
    result, curves = overlaid(tmp_path, *arguments)
    assert [row["mode"] for row in result["modes"]] == ["degree 1", "degree 2"]
    assert result["forecast"] is None
    x = curves.x.values
    (tmp_path / "again").mkdir()
    user = {"sphere": lambda: x, "torus": lambda: np.arctan2(x[:, 1::2], x[:, ::2]), "hypercube": lambda: np.sign(x)}
    path = table(tmp_path / "a.csv", user[name](), curves.target.values)
    again, _ = overlaid(tmp_path / "again", "--domain", name, "--data", path, "--modes", "1,2")
    np.testing.assert_allclose(
        [row["d_sup"] for row in again["modes"]], [row["d_sup"] for row in result["modes"]], 1e-3
    )


def built(data=None, **options):
    return build_problem(Overlay(data=data and Path(data), **options), print)[0]


def test_what_the_options_build(tmp_path):
    """All corners of a small cube; degrees from a file; angles in degrees; signs; standardized columns."""
    cube = built(domain="hypercube", dim=3, modes="1")
    np.testing.assert_array_equal(cube.x, Hypercube(3).points())
    np.testing.assert_allclose(cube.y, sum_of_degrees(Hypercube(3), cube.x, [1]).y)
    angles = np.asarray(Torus(2).random(jax.random.key(0), 9))
    path = table(tmp_path / "a.csv", np.degrees(angles), angles[:, 0], ["u", "v", "y"])
    np.testing.assert_allclose(built(domain="torus", data=path, period=360.0).x, Torus(2).embed(angles), atol=1e-12)
    scaled = table(tmp_path / "b.csv", 50 * CLOUD + 7, 1e3 * Y)
    data = built(data=scaled, standardize=True)
    np.testing.assert_allclose(data.x, (CLOUD - CLOUD.mean(axis=0)) / CLOUD.std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(data.y, (Y - Y.mean()) / Y.std(), rtol=1e-9)
    sphere = built(domain="sphere", dim=4, points=30, modes="1,3", amplitude=2.0)
    probe = DegreeProbe(Sphere(4), sphere, [0, 1])
    assert probe.quality(sphere)["condition"] < 10
    assert np.linalg.norm(probe.parts(sphere, sphere.y[None])[0][1]) == pytest.approx(2.0, rel=0.8)


FILES = {
    "cloud": (CLOUD, Y),
    "few": (CLOUD[:5], Y[:5]),
    "flat": (CLOUD[:2], Y[:2]),
    "still": (CLOUD, np.ones(40)),
    "line": (CLOUD[:, :1], Y),
}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cloud", ["--columns", "x1,x9"], "columns='x9' is unknown"),
        ("cloud", ["--probe", "modes"], "probe='modes' with domain='points'"),
        ("cloud", ["--probe", "degree"], "probe='degree' with domain=None"),
        ("cloud", ["--modes", "41"], "ranks=41 has no rate above rounding on 40 points; allowed: up to 40"),
        ("few", ["--modes", "6"], "ranks=6 has no rate above rounding on 5 points"),
        ("few", ["--probe", "direction", "--modes", "2"], "9 waves, more than 5 points tell apart; allowed: up to 1"),
        ("flat", [], "has 2 rows of 3 coordinates"),
        ("still", [], "y is 1 everywhere"),
        ("cloud", ["--probe", "filter", "--modes", "1"], "modes='1' with probe='filter' of points; allowed: --cutoffs"),
        ("cloud", ["--probe", "filter", "--cutoffs", "99"], "cutoffs=99 is aliased: 40 points resolve modes up to"),
        ("cloud", ["--probe", "direction", "--modes", "auto"], "modes='auto' with probe='direction'"),
        ("cloud", ["--probe", "direction", "--modes", "0"], "modes=[0] must be whole numbers >= 1"),
        ("cloud", ["--domain", "sphere"], "x has norm"),
        ("cloud", ["--domain", "hypercube"], "allowed: 1 on the hypercube"),
        ("cloud", ["--domain", "sphere", "--dim", "4"], "dim=4 with 3 columns of coordinates"),
        ("cloud", ["--domain", "torus", "--period", "1"], "is beyond one turn of 1"),
        ("cloud", ["--domain", "points", "--period", "1"], "period=1.0 with domain='points'"),
        ("cloud", ["--domain", "line"], "has 4 columns, x1,x2,x3,y"),
        ("line", ["--dim", "2"], "dim=2 with domain=None"),
        (None, ["--domain", "points"], "domain='points' with no data"),
        (None, ["--domain", "sphere", "--dim", "2"], "dim=2 is the circle"),
        (
            None,
            ["--domain", "sphere", "--dim", "10", "--modes", "3"],
            "275 functions; 256 points do not",
        ),
        (None, ["--domain", "sphere", "--probe", "weights"], "probe='weights' with domain='sphere'"),
        (None, ["--domain", "hypercube", "--dim", "3", "--modes", "4"], "degrees=4 on the hypercube of dim=3"),
        (None, ["--domain", "torus", "--period", "360"], "period=360.0 with no data"),
        (None, ["--domain", "sphere", "--modes", "1", "--cutoffs", "2"], "cutoffs='2' with probe='degree'"),
    ],
)
def test_what_does_not_fit_is_one_line(name, options, message, tmp_path, capsys):
    """Exit 2, nothing left behind."""
    data = [] if name is None else ["--data", table(tmp_path / "a.csv", *FILES[name])]
    assert main(["overlay", *SMALL, *data, *options, "--out", str(tmp_path / "run")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert message in lines[-1], lines
    assert not (tmp_path / "run").exists()
