"""Files of users, from the command line: columns, gaps, many rows; units that people have."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from lfp import Circle, InputError, problem
from lfp.commands import overlay, solve, spectrum, sweep
from lfp.commands.cli import main
from lfp.commands.options import Overlay, Solve, Spectrum
from lfp.domains.units import Units
from lfp.equation.solution import Solution
from lfp.equation.solver import evolve

SMALL = ["--width", "256", "--steps", "40", "--snapshots", "10", "--seeds", "2"]
TURNS = np.arange(32) / 32
WAVE = np.sin(2 * np.pi * 2 * TURNS) + 0.3 * np.cos(2 * np.pi * 5 * TURNS)
RANDOM = np.random.default_rng(0).uniform(size=(40, 2))


def table(header, *columns, separator=",", decimal="."):
    rows = [separator.join(str(v).replace(".", decimal) for v in row) for row in zip(*columns, strict=True)]
    return "\n".join([header, *rows, ""])


def many():
    """A million rows."""
    x = np.random.default_rng(1).uniform(0, 24, 10**6)
    return "hour,y\n" + "".join(f"{a:.6f},{b:.6f}\n" for a, b in zip(x, np.sin(2 * np.pi * x / 24), strict=True))


YEARS = table("Jahr;Wert", 1900 + 2.5 * np.arange(32), 100 + 3 * WAVE, separator=";", decimal=",")
SHAPES = {
    "years with decimal commas": (YEARS, ["--standardize", "--modes", "2,5"], "2,5", 1 / 80),
    "tabs, degrees": (
        table("a\tf", 360 * TURNS, WAVE, separator="\t"),
        ["--period", "360"],
        "1,2,3,4,5,6,7,8",
        1 / 360,
    ),
    "packed": (gzip.compress(table("x,y", TURNS, WAVE).encode()), ["--modes", "auto"], "2,5", 1.0),
    "hours": (table("hour,y", 24 * TURNS, WAVE), ["--period", "24", "--modes", "auto"], "2,5", 1 / 24),
    "a million rows": (many, ["--period", "24", "--subsample", "64", "--modes", "1"], "1", 1 / 24),
    "thousands": (
        table("x y", TURNS, 5000 + 900 * WAVE, separator=" "),
        ["--standardize", "--modes", "auto"],
        "2,5",
        1,
    ),
    "three columns": (table("u,x,y", TURNS**2, TURNS, WAVE), ["--columns", "x", "--modes", "2"], "2", 1.0),
    "words": (table("place,x,y", ["Rome"] * 32, TURNS, WAVE), ["--modes", "2"], "2", 1.0),
    "gaps": (table("x,y", TURNS, [*WAVE[:-1], "NA"]), ["--missing", "drop", "--modes", "2"], "2", None),
}


def wave(turns):
    return np.sin(2 * np.pi * 2 * turns) + 0.3 * np.cos(2 * np.pi * 5 * turns)


KNOWN_AT = (TURNS, wave)
KNOWN = {
    "years with decimal commas": (1900 + 2.5 * np.arange(32), lambda t: 100 + 3 * wave((t - 1900) / 80)),
    "tabs, degrees": (360 * TURNS, lambda t: wave(t / 360)),
    "hours": (24 * TURNS, lambda t: wave(t / 24)),
    "a million rows": (None, lambda t: np.sin(2 * np.pi * t / 24)),
    "thousands": (TURNS, lambda t: 5000 + 900 * wave(t)),
    "gaps": (TURNS[:-1], wave),
}
"""The coordinates and the target as a function of them, in the units of the user, by the name of the shape."""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_to_its_verdict(shape, tmp_path):
    """The verdict agrees with D_sup of the stored curves; results speak of the user's units."""
    content, options, modes, frequency = SHAPES[shape]
    content = content() if callable(content) else content
    path, out = tmp_path / "table.txt", tmp_path / "run"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["overlay", "--data", str(path), *SMALL, *options, "--out", str(out)]) == 0
    result = json.loads((out / "result.json").read_text())
    assert ",".join(str(row["mode"]) for row in result["modes"]) == modes
    if frequency is not None:
        assert result["modes"][0]["frequency"] / int(modes.split(",")[0]) == pytest.approx(frequency)
    with xr.open_dataset(out / "curves.nc", engine="h5netcdf") as data:
        measured, predicted = (data[f"remaining_{kind}"].values @ [1, 1j] for kind in ("training", "theory"))
        t, target, f = data.t.values, data.target.values, data.f_training.values
    place, wave = KNOWN.get(shape, KNOWN_AT)
    order = np.argsort(t)
    if place is not None:
        np.testing.assert_allclose(t[order], place, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(target[order], wave(t[order]), rtol=1e-5, atol=1e-5)
    d_sup = np.abs(measured.mean(axis=0) - predicted).max()
    assert result["verdict"] == ("holds" if d_sup <= 0.05 else "fails")
    if shape == "thousands":
        np.testing.assert_allclose(f[:, 0], 5000 + 0 * f[:, 0], atol=900 * 0.2)  # at the start the network is 0


def problem_of(tmp_path, content, **options):
    path = tmp_path / "table.csv"
    path.write_text(content)
    return overlay.build_problem(Overlay(data=path, **options), print)


@pytest.mark.parametrize("options", [{}, {"domain": "circle", "period": 24.0}])
def test_units_are_nothing_to_the_run(options, tmp_path):
    """To rounding: the network sees the same points and targets, and the same modes are followed."""
    x, y = 24 * RANDOM[:, 0], WAVE[np.floor(32 * RANDOM[:, 0]).astype(int)] + 0.1 * RANDOM[:, 1]
    factor = 1.0 if not options else 15.0
    other = {**options, "period": 24.0 * factor} if options else options
    first, _ = problem_of(tmp_path, table("x,y", x, y), standardize=True, modes="auto", **options)
    moved = table("x,y", (x if options else 3e3 * x) * factor + 100, -7e4 + 2e3 * y)
    again, units = problem_of(tmp_path, moved, standardize=True, modes="auto", **other)
    assert first.modes.tolist() == again.modes.tolist()
    np.testing.assert_allclose(again.x, first.x, atol=1e-9)
    np.testing.assert_allclose(again.y, first.y, atol=1e-9)
    np.testing.assert_allclose(np.sort(units.outer(again.y)), np.sort(-7e4 + 2e3 * y), rtol=1e-12)


def test_units_are_nothing_to_the_verdict(tmp_path):
    """D_sup to the rounding of single precision, and the verdict, of a run and of the same in other units."""
    found = []
    for scale, shift in ((1.0, 0.0), (2500.0, -1e4)):
        (tmp_path / "table.csv").write_text(table("x,y", scale * TURNS + shift, shift + scale * WAVE))
        arguments = ["--data", str(tmp_path / "table.csv"), "--standardize", "--modes", "auto", *SMALL]
        assert main(["overlay", *arguments, "--out", str(tmp_path / f"run{scale}")]) == 0
        found.append(json.loads((tmp_path / f"run{scale}" / "result.json").read_text()))
    assert found[0]["verdict"] == found[1]["verdict"]
    for one, other in zip(found[0]["modes"], found[1]["modes"], strict=True):
        assert one["mode"] == other["mode"]
        assert one["d_sup"] == pytest.approx(other["d_sup"], abs=1e-5)


def test_what_the_units_spoil_is_said_before_training(tmp_path, capsys, monkeypatch):
    """With the option that mends it, which does."""

    def untrained(*args, progress, **kwargs):
        progress(1, 40, 0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr(overlay, "train", untrained)
    (tmp_path / "table.csv").write_text(table("x,y", TURNS, 300 + WAVE))
    arguments = ["--data", str(tmp_path / "table.csv"), "--modes", "2", "--out", str(tmp_path / "run"), *SMALL]
    assert main(["overlay", *arguments]) == 130
    assert "for the units of the targets: it would be 0.0" in (said := capsys.readouterr().err)
    assert "with --center" in said
    assert main(["overlay", *arguments, "--center", "--force"]) == 130
    assert "the forecast fails" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("x,y\n1,2\n2,3\n3,4\n4,9\n", ["--columns", "z"], "columns='z' is unknown; allowed: x, y"),
        ("speed,y\n1,2\n2,3\n", ["--columns", "sped"], "did you mean 'speed'"),
        (
            "a,b,y\n1,2,3\n2,3,4\n",
            ["--domain", "line"],
            "has 3 columns, a,b,y; allowed: 2 (x, y), or --columns and --target",
        ),
        ("a,y\nRome,1\nBonn,2\n", [], "column 1 (a) has no numbers"),
        ("x,y\n1,2\n2,\n3,4\n", [], "line 3, column 2 (y): '' is missing, and 1 of 3 rows have gaps"),
        ("x,y\n1,7\n2,7\n3,7\n4,7\n", [], "y is 7 everywhere"),
        ("x,y\n1,7\n2,7\n3,7\n4,7\n", ["--modes", "auto"], "y is 7 everywhere"),
        ("x,y\n1,7\n2,7\n3,7\n4,7\n", ["--standardize"], "y is 7 everywhere"),
        ("x,y\n1,2\n2,3\n3,4\n4,9\n", ["--modes", "1-8"], "modes=8 is aliased: 4 points"),
        ("x,y\n1,2\n200,3\n370,4\n", ["--period", "360"], "beyond one period of the circle"),
        ("x,y\n1,2\n200,3\n359,4\n", ["--domain", "circle"], "--period 360"),
        ("x,y\n1,2\n2,3\n", ["--period", "360", "--domain", "line"], "period=360.0 with domain='line'"),
        ("x,y\n1,2\n2,3\n", ["--period", "0"], "period=0.0 is beyond its limits"),
        ("x,y\n1,2\n2,3\n", ["--even"], "even=True with no subsample"),
        ("x,y\n1,2\n2,3\n", ["--center", "--standardize"], "allowed: one of the two"),
    ],
)
def test_bad_tables_are_one_line(content, options, message, tmp_path, capsys):
    """Exit 2, nothing left behind."""
    (tmp_path / "table.csv").write_text(content)
    assert main(["overlay", "--data", str(tmp_path / "table.csv"), *options, "--out", str(tmp_path / "run")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert message in lines[0]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["overlay", "--columns", "x"], "columns='x' with no data"),
        (["overlay", "--standardize"], "standardize=True with no data"),
        (["overlay", "--center"], "center=True with no data"),
        (["overlay", "--modes", "auto"], "modes='auto' with no data"),
        (["solve", "--image", "china", "--missing", "drop"], "missing='drop' with no data"),
        (["solve", "--data", "a.csv", "--seed", "1"], "seed=1 with nothing random"),
        (["solve", "--data", "a.csv", "--seed", "1", "--subsample", "9", "--even"], "seed=1 with nothing random"),
        (["spectrum", "--target", "x"], "target='x' with no data"),
        (
            ["spectrum", "--domain", "euclidean", "--data", "a.csv", "--columns", "x", "--target", "y"],
            "target='y' with",
        ),
    ],
)
def test_options_without_their_data(words, message, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert message in capsys.readouterr().err


def test_solve_speaks_of_the_units_of_the_user(tmp_path):
    """Standardized by hand: h, residual and points come back in the units of the file, and columns by name."""
    x, y = 1e3 + 50 * RANDOM, 200 + 30 * np.sin(6 * RANDOM[:, 0])
    (tmp_path / "table.csv").write_text(table("u,note,v,y", x[:, 0], ["a"] * 40, x[:, 1], y))
    (tmp_path / "test.csv").write_text(table("v,u", x[:3, 1] + 1, x[:3, 0] + 2))
    options = ["--columns", "u,v", "--standardize", "--times", "0,10,inf", "--frequencies", "0.01,0.02"]
    files = ["--data", str(tmp_path / "table.csv"), "--test", str(tmp_path / "test.csv")]
    assert main(["solve", *files, *options, "--out", str(tmp_path / "run")]) == 0
    from lfp import Points

    z, w = (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()
    expected = evolve(solve.build_operator(Solve(), 2), Points(z, w), np.array([0, 10, np.inf]))
    at = (x[:3] + np.array([2, 1]) - x.mean(axis=0)) / x.std(axis=0)
    with xr.open_dataset(tmp_path / "run" / "curves.nc", engine="h5netcdf") as curves:
        np.testing.assert_allclose(curves.x, x, rtol=1e-12)
        np.testing.assert_allclose(curves.x_test, x[:3] + np.array([2, 1]), rtol=1e-12)
        np.testing.assert_allclose(curves.h, y.mean() + y.std() * np.asarray(expected.at(at)), rtol=1e-8)
        np.testing.assert_allclose(curves.residual, y.std() * np.asarray(expected.residual), atol=1e-7)


@pytest.mark.parametrize(
    ("header", "test", "x", "x_test", "options"),
    [
        ("x1,x2,y", "x2,x1\n5,6\n7,8\n", (0, 1), [[6, 5], [8, 7]], []),
        ("speed,p,q", "speed,p,q\n4,5,6\n7,8,9\n", (1, 2), [[5, 6], [8, 9]], ["--target", "speed"]),
        ("p,q,temp", "p,q\n5,6\n7,8\n", (0, 1), [[5, 6], [7, 8]], []),
        ("p,q,temp", "5,6\n7,8\n", (0, 1), [[5, 6], [7, 8]], []),
        ("1,2,3", "5,6\n7,8\n", (0, 1), [[5, 6], [7, 8]], []),
        ("1,2,3", "5,6,7\n7,8,9\n", (0, 2), [[5, 7], [7, 9]], ["--columns", "1,3", "--target", "2"]),
    ],
)
def test_other_points_are_read_by_the_names_of_the_coordinates(header, test, x, x_test, options, tmp_path):
    """In any order; the target is not read; without a header by their number."""
    (tmp_path / "table.csv").write_text(content := table(header, *np.random.default_rng(0).uniform(size=(3, 6))))
    (tmp_path / "test.csv").write_text(test)
    words = dict(zip([option.removeprefix("--") for option in options[::2]], options[1::2], strict=True))
    task = solve.build(Solve(data=tmp_path / "table.csv", test=tmp_path / "test.csv", times="1", **words), print)
    assert task.test.tolist() == x_test
    rows = np.array([line.split(",") for line in content.splitlines()[header != "1,2,3" :]], float)
    assert task.data.x.tolist() == rows[:, x].tolist()


def test_bad_files_of_other_points(tmp_path, capsys):
    """A name that is not there is refused with the nearest one; gaps as in --data, and what is left out is said."""
    (tmp_path / "table.csv").write_text(table("speed,dir,y", *RANDOM[:, :2].T, RANDOM[:, 0]))
    settings = Solve(data=tmp_path / "table.csv", test=tmp_path / "test.csv", times="1")
    (tmp_path / "test.csv").write_text("sped,dir\n1,2\n")
    with pytest.raises(InputError, match=r"columns='speed' is unknown \(did you mean 'sped'"):
        solve.build(settings, print)
    (tmp_path / "test.csv").write_text("1,2,3\n")
    with pytest.raises(InputError, match=r"test=.* has 3 columns; allowed: 2"):
        solve.build(settings, print)
    (tmp_path / "test.csv").write_text("speed,dir\n1,2\nNA,3\n")
    with pytest.raises(InputError, match=r"line 3, column 1 .* is missing"):
        solve.build(settings, print)
    task = solve.build(replace(settings, missing="drop"), print)
    assert task.test.tolist() == [[1, 2]]
    assert "test.csv: 1 of 2 rows have gaps and are dropped" in capsys.readouterr().out


def test_the_column_that_is_constant_is_named(tmp_path):
    """Of the file and by its name: the smallest deviation need not be the one that is too small."""
    (tmp_path / "table.csv").write_text(table("id,a,b,y", [1, 2, 3], [1e-9, 2e-9, 3e-9], [1e6] * 3, [1, 2, 3]))
    with pytest.raises(InputError, match=r"x is 1e\+06 everywhere in column 3 \(b\); allowed"):
        solve.build(Solve(data=tmp_path / "table.csv", standardize=True), print)


def test_the_ends_of_a_turn_are_one_place(tmp_path, capsys):
    """0 and 360 degrees are merged with weights, and said."""
    degrees = np.linspace(0, 360, 33)
    data, _ = problem_of(tmp_path, table("a,f", degrees, np.arange(33)), period=360.0, modes="1")
    assert data.t.tolist() == degrees[:-1].tolist()
    assert data.y[0] == 16
    np.testing.assert_allclose(data.weights, np.where(data.t == 0, 2 / 33, 1 / 33))
    assert "1 repeated x merged with weights" in capsys.readouterr().out
    radians = problem(Circle(), np.append(2 * np.pi * TURNS, 2 * np.pi), np.arange(33.0), [1])
    np.testing.assert_allclose(radians.y, data.y)
    data, _ = problem_of(tmp_path, table("x,f", degrees, np.arange(33)), modes="1")
    assert len(data.t) == 33


def test_the_target_that_is_left_out_is_named(tmp_path, capsys):
    """By its number in the file, behind an index that is left out too."""
    (tmp_path / "table.csv").write_text(table("id,a,b,temp", [1, 2, 3], [1, 2, 4], [3, 7, 6], [1, 2, 3]))
    words = ["--domain", "euclidean", "--data", str(tmp_path / "table.csv"), "--modes", "2"]
    assert main(["spectrum", *words, "--out", str(tmp_path / "run")]) == 0
    assert "column 4 (temp) is the target and left out" in capsys.readouterr().err


def test_fourier_features_of_standardized_points(tmp_path):
    """Frequencies are those of the file: B x turns alike, whatever the units of the run; its units are stored."""
    x = np.stack([500 * RANDOM[:, 0], 3 - 2 * RANDOM[:, 1]], axis=1)
    (tmp_path / "table.csv").write_text(table("u,v", *x.T))
    common = {"domain": "euclidean", "data": tmp_path / "table.csv", "columns": "u,v", "fourier": 0.1}
    turns = []
    for standardize in (False, True):
        where, units, networks = spectrum.build(Spectrum(**common, standardize=standardize), print)
        (network,) = networks.values()
        phases = np.asarray(where.points) @ np.asarray(network.frequencies).T
        turns.append(phases - phases[0])
    np.testing.assert_allclose(turns[1], turns[0], atol=1e-9 * np.abs(turns[0]).max())
    np.testing.assert_allclose(units.summary()["scale"], x.std(axis=0))


def test_a_sweep_over_seeds_says_that_rows_differ(tmp_path):
    """With --even they do not."""
    (tmp_path / "table.csv").write_text(table("x,y", TURNS, WAVE))
    said = []

    def stop():
        raise KeyboardInterrupt

    for even in (False, True):
        base = Overlay(data=tmp_path / "table.csv", subsample=16, even=even, modes="1")
        with pytest.raises(KeyboardInterrupt):
            sweep.run(base, ["seed=0,1"], tmp_path / f"{even}", say=said.append, settled=stop)
    assert said == ["every seed draws its own 16 rows; --even takes the same ones"]


class Gaussian(Solution):
    """h(z) = exp(-pi z^2)."""

    x = np.zeros((1, 1))
    times = np.zeros(1)

    def transform(self, xi):
        return np.exp(-np.pi * xi[:, 0] ** 2)[None]


def test_the_transform_in_the_units_of_the_user():
    """Of a Gaussian h(z) = exp(-pi z^2), whose transform is itself: against the integral over x."""
    units = Units(np.array([3.0]), np.array([2.0]))
    known = object.__new__(Gaussian)
    xi, x = np.array([0.1, 0.3]), np.linspace(-20, 26, 20001)
    h = np.exp(-np.pi * units.inner(x) ** 2)
    integral = [np.trapezoid(h * np.exp(-2j * np.pi * k * x), x) for k in xi]
    np.testing.assert_allclose(solve._along(known, xi, units)[0], integral, atol=1e-12)


def test_solve_says_that_no_neuron_bends_between_the_points(tmp_path, capsys):
    """Before anything is solved, with the option."""
    (tmp_path / "table.csv").write_text(table("x,y", 1e3 * TURNS, WAVE))
    solve.build(Solve(data=tmp_path / "table.csv", times="1"), print)
    assert "x reaches 969 and the biases 4: few neurons bend" in (said := capsys.readouterr().out)
    assert "--standardize mends it" in said
    solve.build(Solve(data=tmp_path / "table.csv", times="1", standardize=True), print)
    assert "bend" not in capsys.readouterr().out


def test_rates_of_standardized_points(tmp_path):
    """The same in any units."""
    found = []
    for scale in (1.0, 500.0):
        (tmp_path / "table.csv").write_text(table("u,v", scale * RANDOM[:, 0], 3 - scale * RANDOM[:, 1]))
        words = ["--domain", "euclidean", "--data", str(tmp_path / "table.csv"), "--standardize", "--modes", "5"]
        assert main(["spectrum", *words, "--columns", "u,v", "--out", str(tmp_path / f"run{scale}")]) == 0
        found.append(json.loads((tmp_path / f"run{scale}" / "result.json").read_text())["rates"])
    np.testing.assert_allclose(*([row["rate"] for row in rates] for rates in found), rtol=1e-9)


def test_a_circle_in_degrees():
    """The points and the modes are those of radians, frequencies are in cycles per degree."""
    degrees = np.arange(0, 360, 10.0) - 90
    p, radians = (
        problem(c, c.period / 360 * degrees, np.cos(np.deg2rad(degrees)), [1]) for c in (Circle(360.0), Circle())
    )
    np.testing.assert_allclose(p.x, radians.x, atol=1e-14)
    np.testing.assert_allclose(p.coefficients(), radians.coefficients(), atol=1e-14)
    assert p.frequencies.tolist() == [1 / 360]
    np.testing.assert_allclose(Circle(360.0, zero=90.0).embed(np.array([90.0, 180.0])), [[1, 0], [0, 1]], atol=1e-15)
