"""`lfp overlay` on tables with several targets, or with labels."""

import json

import numpy as np
import pytest
import xarray as xr
from sklearn.datasets import load_diabetes, load_digits, load_iris

from lfp.commands.cli import main
from lfp.domains import read_csv

SMALL = ["--width", "128", "--steps", "40", "--snapshots", "8", "--seeds", "2"]
RNG = np.random.default_rng(0)
ROWS = [f"{a:.3f},{b:.3f},{np.sin(a):.4f},{a * b:.4f}" for a, b in RNG.normal(size=(30, 2))]


@pytest.fixture
def write(tmp_path):
    """Writes lines as a table, gives its path."""

    def lines(*rows):
        path = tmp_path / "table.csv"
        path.write_text("\n".join([*rows, ""]))
        return str(path)

    return lines


def overlaid(out, *arguments):
    """Result and stored curves of a run."""
    assert main(["overlay", *arguments, "--out", str(out)]) == 0
    with xr.open_dataset(out / "curves.nc", engine="h5netcdf") as data:
        curves = data.load()
    return json.loads((out / "result.json").read_text()), curves


def iris():
    """150 flowers of three kinds, as scikit-learn ships them."""
    flowers = load_iris()
    names = [name.split(" (")[0].replace(" ", "_") for name in flowers.feature_names]
    rows = zip(flowers.data.tolist(), flowers.target_names[flowers.target].tolist(), strict=True)
    return [",".join([*names, "species"]), *(",".join([*map(str, x), name]) for x, name in rows)]


def test_words_are_classes(tmp_path, write, capsys):
    """D_sup of ranks and outputs, accuracy and cross-entropy from the stored curves, by formulas written out."""
    arguments = ["--data", write(*iris()), "--target", "species", "--classes", "--standardize", *SMALL]
    result, curves = overlaid(tmp_path / "run", *arguments)
    assert "3 classes: setosa, versicolor, virginica" in capsys.readouterr().err
    gap = curves.remaining_training.mean("run").values - curves.remaining_theory.values
    assert result["d_sup"] == pytest.approx(np.linalg.norm(gap, axis=-1).max(), rel=1e-9)
    assert result["verdict"] == ("holds" if result["d_sup"] <= 0.05 else "fails")
    assert [row["output"] for row in result["outputs"]] == ["setosa", "versicolor", "virginica"]
    assert curves.output.values[:4].tolist() == ["setosa", "versicolor", "virginica", "setosa"]
    count = len(curves.point) // 3
    f, theory = curves.f_training.values.reshape(2, -1, count, 3), curves.f_theory.values.reshape(1, -1, count, 3)
    y = curves.target.values.reshape(count, 3)
    table = np.loadtxt(iris()[1:], delimiter=",", usecols=range(4))
    places = curves.x.values[::3, :4] * table.std(axis=0) + table.mean(axis=0)
    weights = (
        np.array([np.sum(np.abs(table - place).sum(axis=1) < 1e-9) for place in places]) / 150
    )  # one is there twice
    assert (count, weights.max()) == (149, 2 / 150)
    scale = y.max(axis=0) - y.min(axis=0)
    assert np.allclose(scale, 1)  # in the units of the user
    for c, row in enumerate(result["outputs"]):
        deviation = np.sqrt(weights @ (y[:, c] - weights @ y[:, c]) ** 2)
        apart = np.sqrt(((f.mean(axis=0) - theory[0])[..., c] ** 2 @ weights).max()) / deviation
        assert row["d_sup"] == pytest.approx(apart, rel=1e-6)
    right = (f[:, -1].argmax(axis=-1) == y.argmax(axis=-1)) @ weights
    assert curves.accuracy.values[:, -1] == pytest.approx(right)
    assert (tmp_path / "run" / "outputs.png").exists()


def test_several_targets(tmp_path, write):
    """By name, and without a header by number; every one is an output of its own, in its units."""
    named = write("a,b,first,second", *ROWS)
    result, curves = overlaid(tmp_path / "named", "--data", named, "--target", "first,second", "--center", *SMALL)
    table = np.array([row.split(",") for row in ROWS], float)
    np.testing.assert_allclose(curves.target.values.reshape(-1, 2), table[:, 2:], atol=1e-12)
    assert [row["output"] for row in result["outputs"]] == ["first", "second"]
    np.testing.assert_allclose(result["units"]["y"]["shift"], table[:, 2:].mean(axis=0))
    assert "accuracy" not in result
    other, _ = overlaid(tmp_path / "numbered", "--data", write(*ROWS), "--target", "3,4", "--center", *SMALL)
    assert other["d_sup"] == result["d_sup"]


def test_unbalanced_classes_are_judged_in_their_own_units(tmp_path, write):
    """Nine rows of 60 are rare; targets of variance 1 stretch them, accuracy and cross-entropy see 0 and 1."""
    x = np.random.default_rng(4).normal(size=(60, 2))
    rows = [f"{a:.4f},{b:.4f},{'rare' if i < 9 else 'common'}" for i, (a, b) in enumerate(x.tolist())]
    arguments = ["--data", write("u,v,kind", *rows), "--classes", "--standardize", *SMALL]
    result, curves = overlaid(tmp_path / "run", *arguments)
    f, y = curves.f_training.values.reshape(2, -1, 60, 2), curves.target.values.reshape(60, 2)
    assert set(np.unique(y.round(12)).tolist()) == {0.0, 1.0}
    right = (f.argmax(axis=-1) == y.argmax(axis=-1)).mean(axis=-1)
    entropy = (np.log(np.exp(f).sum(axis=-1)) - (f * y).sum(axis=-1)).mean(axis=-1)
    np.testing.assert_allclose(curves.accuracy, right)
    np.testing.assert_allclose(curves.cross_entropy, entropy, rtol=1e-9)
    assert result["cross_entropy"] == pytest.approx(entropy[:, -1].mean())


LABELLED = {
    "first column": (["kind,u,v", "2,1,0", "10,0,1", "2,1,1", "10,2,0"], {"columns": "u,v"}, ("2", "10"), [0, 1, 0, 1]),
    "a name of a coordinate": (["x1,x2,x3", "1,0,b", "0,1,a", "1,1,b"], {}, ("a", "b"), [1, 0, 1]),
    "one number, two ways": (["u,kind", "1,1", "2,1.0", "3,2"], {}, ("1", "2"), [0, 0, 1]),
    "decimal commas": (["u;kind", "1,5;10,5", "2,5;2,5", "3,5;2,5"], {}, ("2.5", "10.5"), [1, 0, 0]),
    "a class gone with its rows": (
        ["u,kind", "1,a", "2,b", ",c", "3,a"],
        {"missing": "drop"},
        ("a", "b"),
        [0, 1, 0],
    ),
    "no header": (["1,0,b", "0,1,a", "1,1,b"], {"target": "3"}, ("a", "b"), [1, 0, 1]),
}


@pytest.mark.parametrize("case", LABELLED)
def test_labels_are_read(case, write):
    """Classes in order, a row each."""
    rows, how, names, codes = LABELLED[case]
    x, y, found = read_csv(write(*rows), labels=True, **how).with_targets()
    assert found == names
    assert y.argmax(axis=1).tolist() == codes
    assert x.shape[1] == len(rows[-1].split(";" if ";" in rows[0] else ",")) - 1


LABELS = ["x1,x2,kind", "1,0,a", "0,1,b", "1,1,a", "0.5,2,b", "2,0.5,a"]
REFUSED = {
    "one class": (
        ["x1,x2,kind", *[f"{i},{i * i},a" for i in range(6)]],
        ["--classes"],
        "has one class, a; allowed: two",
    ),
    "labels without the option": (LABELS, ["--target", "kind"], "column 3 (kind)"),
    "an unknown target": (LABELS, ["--target", "sort", "--classes"], "target='sort'"),
    "another unknown one": (["a,b,first,second", *ROWS], ["--target", "first,third"], "target='third'"),
    "a target twice": (["a,b,first,second", *ROWS], ["--target", "first,first"], "name a column twice"),
    "a target among the columns": (
        ["a,b,first,second", *ROWS],
        ["--columns", "a,second", "--target", "first,second"],
        "twice",
    ),
    "a constant target": (
        ["x,p,q", *[f"{i},{i},1" for i in range(6)]],
        ["--target", "p,q"],
        "target q is 1 everywhere",
    ),
    "more coordinates than rows": (
        ["a,b,c,d,k", "1,2,3,4,u", "2,1,0,1,v"],
        ["--classes"],
        "has 2 rows of 4 coordinates",
    ),
    "a missing label": ([*LABELS, "3,1,"], ["--classes"], "line 7, column 3 (kind)"),
    "a sphere": (LABELS, ["--classes", "--domain", "sphere"], "domain='sphere' with several targets"),
    "modes": (LABELS, ["--classes", "--probe", "filter"], "probe='filter' with several targets"),
    "batches": (LABELS, ["--classes", "--optimizer", "sgd", "--batch-size", "2"], "optimizer='sgd' with classes"),
    "a factor": (LABELS, ["--classes", "--amplitude", "2"], "amplitude=2 with classes; allowed: 1"),
    "a label and a target": (LABELS, ["--classes", "--target", "kind,x2"], "allowed: one label"),
    "the operator": (LABELS, ["--classes", "--theory", "lfp"], "theory='lfp'"),
    "no data": (None, ["--classes"], "classes=True with no data; allowed: --data"),
    "one output alone": (
        ["x,y", "1,2", "2,1", "3,5", "4,0"],
        ["--theory", "separate", "--domain", "points"],
        "nothing couples",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_run_is_one_line(case, tmp_path, write, capsys):
    """Exit code 2, the argument by name, no folder."""
    rows, arguments, words = REFUSED[case]
    data = [] if rows is None else ["--data", write(*rows)]
    assert main(["overlay", *data, *arguments, *SMALL, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.split("lfp: ")
    assert len(said) == 2, said
    assert words in said[1]
    assert said[1].count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["solve", "spectrum"])
def test_other_commands_take_one_target(command, write, capsys, tmp_path):
    """Several targets are refused by those that have no use for them, or are no coordinates."""
    arguments = {"solve": [], "spectrum": ["--domain", "euclidean"]}[command]
    path = write("a,b,first,second", *ROWS)
    out = tmp_path / "run"
    code = main([command, "--data", path, "--target", "first,second", *arguments, "--out", str(out)])
    if command == "solve":
        assert code == 2
        assert "has 2 targets; allowed here: one target" in capsys.readouterr().err
    else:
        assert code == 0
        assert json.loads((out / "result.json").read_text())["rates"]


def table_of(data, tmp_path):
    """A data set of scikit-learn as a table."""
    names = [f"x{i}" for i in range(data.data.shape[1])]
    rows = np.column_stack([data.data, data.target]).tolist()
    path = tmp_path / "real.csv"
    path.write_text("\n".join([",".join([*names, "y"]), *(",".join(map(repr, row)) for row in rows), ""]))
    return str(path)


REAL = {"diabetes": (load_diabetes, ["--standardize"], 0.02), "digits": (load_digits, ["--classes"], 0.0005)}


@pytest.mark.parametrize("name", REAL)
def test_real_data(name, tmp_path):
    """442 x 10, and 1797 x 64 with ten classes: lazy networks hold as forecast, those of small alpha (control) fail."""
    load, options, small = REAL[name]
    how = ["--data", table_of(load(), tmp_path), *options, "--width", "4096", "--seeds", "2", "--steps", "300"]
    lazy, _ = overlaid(tmp_path / "lazy", *how)
    assert lazy["d_sup"] <= 0.05
    assert (lazy["verdict"], lazy["forecast"]) == ("holds", "holds")
    low, _, high = lazy["d_sup_expected"]
    assert low <= lazy["d_sup"] <= high
    rich, _ = overlaid(tmp_path / "rich", *how, "--alpha", str(small))
    assert (rich["verdict"], rich["forecast"]) == ("fails", "fails")
