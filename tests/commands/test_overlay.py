"""The main job, from the command line: files, verdict, refusals, interruption."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr

import lfp
from lfp import InputError, _files
from lfp.commands import overlay as module
from lfp.commands.cli import main
from lfp.commands.options import Overlay
from lfp.domains.images import scan_line
from lfp.measure.trajectory import Trajectory
from lfp.prediction.theory import layers

SMALL = ["--width", "256", "--points", "16", "--modes", "1,2", "--steps", "30", "--snapshots", "10", "--seeds", "2"]
FILES = [
    "budget.png",
    "budget.svg",
    "config.json",
    "curves.nc",
    "heatmap.png",
    "heatmap.svg",
    "overlay.png",
    "overlay.svg",
    "result.json",
]
FILES += ["snapshots.png", "snapshots.svg", "theory.nc"]


def run_in(out, *arguments):
    """The folder of a small run."""
    assert main(["overlay", *SMALL, *arguments, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One small run, its folder."""
    return run_in(tmp_path_factory.mktemp("small") / "run")


BRIEF = [word for word in SMALL if word not in ("--points", "16")]


def refused(capsys, *arguments):
    """The one line on stderr of a command that must exit 2."""
    assert main(["overlay", *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_folder_holds_the_contract(small):
    """Every file, every key."""
    assert sorted(path.name for path in small.iterdir()) == FILES
    config = json.loads((small / "config.json").read_text())
    assert config["settings"]["width"] == 256
    assert {"device", "jax", "neural-tangents", "lfp"} <= set(config["environment"])
    result = json.loads((small / "result.json").read_text())
    assert {"modes", "laziness", "kernel_drift", "budget", "verdict", "reason", "forecast", "seconds"} <= set(result)
    assert result["schema"] == 1
    assert set(result["budget"]) == set(layers())
    row = result["modes"][0]
    assert {"rate_predicted", "rate_measured", "half_life_predicted", "half_life_measured", "d_sup"} <= set(row)


def test_curves_hold_what_the_table_says(small):
    """D_sup recomputed from the stored arrays."""
    with xr.open_dataset(small / "curves.nc", engine="h5netcdf") as data:
        measured = data.remaining_training.mean("run").values @ [1, 1j]
        predicted = data.remaining_theory.values @ [1, 1j]
    stored = [row["d_sup"] for row in json.loads((small / "result.json").read_text())["modes"]]
    np.testing.assert_allclose(np.abs(measured - predicted).max(axis=0), stored, rtol=1e-12)
    theory = Trajectory.load(small / "theory.nc")
    assert theory.meta["kind"] == "theory"


def test_filter_measures_low_and_high_parts(tmp_path):
    """Result and curves speak of the two parts; D_sup and e = |P(y - f)| / |P y| again from the stored functions."""
    out = run_in(tmp_path / "run", "--probe", "filter", "--cutoffs", "1")
    assert sorted(path.name for path in out.iterdir()) == FILES
    result = json.loads((out / "result.json").read_text())
    assert [row["mode"] for row in result["modes"]] == ["low 1", "high 1"]
    assert result["probe"] == {"name": "filter", "resolution": 8.0}
    assert result["forecast"] is None
    with xr.open_dataset(out / "curves.nc", engine="h5netcdf") as data:
        y, x = data.target.values, data.x.values
        theory, training = data.f_theory.values[0], data.f_training.values
        left = np.linalg.norm(data.remaining_theory.values, axis=-1)
    gains = np.exp(-((x[:, None] - x[None]) ** 2).sum(axis=-1) / 2)
    gains /= gains.sum(axis=1, keepdims=True)
    for k, part in enumerate((gains, np.eye(16) - gains)):
        size = np.linalg.norm(part @ y)
        np.testing.assert_allclose(left[:, k], np.linalg.norm((y - theory) @ part.T, axis=1) / size, atol=1e-10)
        d_sup = np.linalg.norm((training.mean(axis=0) - theory) @ part.T, axis=1).max() / size
        assert result["modes"][k]["d_sup"] == pytest.approx(d_sup, rel=1e-8)
        assert result["modes"][k]["d_sup"] <= sum(
            result["modes"][k][name] for name in ("ntk_vs_empirical", "empirical_vs_training")
        )


def test_same_configuration_runs_again_and_compiles_nothing(small):
    """A second run in one process, same folder: no compilation, same numbers."""
    before, compiled = json.loads((small / "result.json").read_text()), []
    jax.monitoring.register_event_duration_secs_listener(lambda event, _, **kw: compiled.append(event))
    assert main(["overlay", *SMALL, "--out", str(small)]) == 0
    assert not [event for event in compiled if "backend_compile" in event]
    after = json.loads((small / "result.json").read_text())
    assert {k: v for k, v in after.items() if k != "seconds"} == {k: v for k, v in before.items() if k != "seconds"}


def test_json_prints_the_result_and_nothing_else(small, capsys):
    """stdout is result.json."""
    capsys.readouterr()
    assert main(["overlay", *SMALL, "--out", str(small), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == _files.read_result(small)


def test_table_is_printed(small, capsys):
    """Without --json: a table and the verdict."""
    assert main(["overlay", *SMALL, "--out", str(small)]) == 0
    out = capsys.readouterr().out
    assert "D_sup" in out
    assert re.search(r"(holds|fails): measured", out)


def test_other_configuration_needs_force(small, tmp_path, capsys):
    """A folder with another run, or with something else, is left alone; --force removes only a run's own files."""
    assert "--force" in refused(capsys, *SMALL, "--seed", "1", "--out", str(small))
    (tmp_path / "letter.txt").write_text("keep me")
    assert "--force" in refused(capsys, *SMALL, "--out", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    (tmp_path / "photo.png").write_text("mine")
    assert main(["overlay", *SMALL, "--out", str(tmp_path), "--force"]) == 0
    assert (tmp_path / "letter.txt").read_text() == "keep me"
    assert (tmp_path / "photo.png").read_text() == "mine"


def test_theory_is_complete_before_training(tmp_path, monkeypatch):
    """Training raises: the complete theory is on disk and closed, and no result is."""

    def broken(*args, **kwargs):
        theory = Trajectory.load(tmp_path / "run" / "theory.nc")
        assert theory.steps[-1] == 30
        with xr.open_dataset(tmp_path / "run" / "theory.nc", engine="h5netcdf") as data:
            assert {"f", "remaining", "spread", "laziness", "rate"} <= set(data)
        assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [".lock", "config.json", "theory.nc"]
        raise RuntimeError("training")

    monkeypatch.setattr(module, "train", broken)
    with pytest.raises(RuntimeError, match="training"):
        main(["overlay", *SMALL, "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()  # free for the next command


def test_interrupt_writes_what_there_is(tmp_path, monkeypatch):
    """Ctrl-C during training: exit 130, curves and pictures of the snapshots so far."""
    real = module.train

    def interrupted(*args, progress, **kwargs):
        def stop(done, total, seconds):
            if done >= 10:
                raise KeyboardInterrupt

        return real(*args, progress=stop, **kwargs)

    monkeypatch.setattr(module, "train", interrupted)
    assert main(["overlay", *SMALL, "--out", str(tmp_path / "run")]) == 130
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["interrupted"]
    assert 0 < result["steps"] < 30
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == FILES


def test_csv_of_a_photograph(tmp_path, capsys):
    """A scan line of china.jpg, in pixels, with a repeated row: merged and said."""
    line = scan_line(n=32)
    rows = ["pixel,brightness", *(f"{20 * i},{y}" for i, y in enumerate(line.y)), f"0,{line.y[0]}"]
    path = tmp_path / "china.csv"
    path.write_text("\n".join(rows))
    out = tmp_path / "run"
    assert main(["overlay", *BRIEF, "--sigma-b", "4", "--data", str(path), "--out", str(out)]) == 0
    assert "1 repeated x merged with weights" in capsys.readouterr().err
    result = json.loads((out / "result.json").read_text())
    assert [row["mode"] for row in result["modes"]] == [1, 2]
    assert result["modes"][0]["frequency"] == pytest.approx(1 / 640)


def test_subsample_is_only_taken_when_asked(tmp_path, capsys):
    """10^4 rows: refused with the memory that they need, or thinned."""
    t = np.sort(np.random.default_rng(0).uniform(size=10_000))
    path = tmp_path / "long.csv"
    np.savetxt(path, np.stack([t, np.sin(6 * t)], axis=1), delimiter=",")
    line = refused(capsys, *BRIEF, "--data", str(path), "--out", str(tmp_path / "run"))
    assert "GiB" in line
    assert "--subsample" in line
    assert len(module.build_problem(Overlay(data=path, modes="1", subsample=50), print)[0].t) == 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--width", "1"], "width=1"),
        (["--width", "7"], "width=7 must be even"),
        (["--width", "many"], "--width"),
        (["--widht", "8"], "--width"),
        (["--lr", "-1"], "lr=-1"),
        (["--lr", "0.1", "--steps", "0"], "steps=0"),
        (["--steps", "-5"], "steps=-5"),
        (["--alpha", "0"], "alpha=0"),
        (["--alpha", "nan"], "alpha=nan"),
        (["--gamma", "0"], "gamma=0"),
        (["--gamma", "0.1", "--alpha", "2"], "alpha=2.0 with gamma=0.1; allowed: one of the two"),
        (["--theory", "meanfield", "--depth", "2"], "theory='meanfield' does not apply: network=MLP"),
        (["--theory", "meanfield", "--optimizer", "adam"], "law=Adam"),
        (["--theory", "meanfield", "--optimizer", "sgd", "--batch-size", "4"], "law=MiniBatch, whose noise"),
        (["--lr", "1e3"], "allowed: below"),
        (["--activation", "relo"], "did you mean 'relu'"),
        (["--domain", "sircle"], "did you mean 'circle'"),
        (["--optimizer", "adma"], "optimizer='adma'"),
        (["--momentum", "0.9"], "momentum=0.9"),
        (["--theory", "magic"], "theory='magic'"),
        (["--probe", "fliter"], "did you mean 'filter'"),
        (["--cutoffs", "2"], "cutoffs='2' with probe='modes'"),
        (["--probe", "filter", "--cutoffs", "9"], "cutoffs=9 is aliased"),
        (["--probe", "filter", "--cutoffs", "0"], "cutoffs=0"),
        (["--distribution", "cauchy"], "distribution='cauchy'"),
        (["--parametrization", "mup"], "parametrization='mup'"),
        (["--depth", "3", "--parametrization", "paper"], "depth=3"),
        (["--modes", "1,9"], "aliasing"),
        (["--modes", "one"], "modes='one'"),
        (["--seeds", "0"], "seeds=0"),
        (["--sigma-w", "0"], "sigma_w=0"),
        (["--w-std", "1"], "w_std=1.0 with parametrization='paper'"),
        (["--depth", "2", "--sigma-b", "1"], "sigma_b=1.0 with parametrization='ntk'"),
        (["--parametrization", "ntk", "--distribution", "uniform"], "distribution='uniform' with"),
        (["--parametrization", "standard", "--sigma-a", "2"], "sigma_a=2.0 with parametrization='standard'"),
        (["--omega", "3"], "omega=3.0 with activation='relu'; allowed: activation='sin', or --scales"),
        (["--omega", "3", "--activation", "sin", "--scales", "1,2"], "omega=3.0 with scales='1,2'"),
        (["--scales", "0,1"], "scales=0"),
        (["--scales", "wide"], "scales='wide' cannot be read"),
        (["--features", "9"], "features=9 with no Fourier features; allowed: --fourier"),
        (["--fourier", "0"], "fourier=0"),
        (["--keep-f0"], "keep_f0=True with parametrization='paper', whose f_0 is 0"),
        (["--optimizer", "sgd"], "batch_size=None with optimizer='sgd'"),
        (["--batch-size", "4"], "batch_size=4 with optimizer='gd'"),
        (["--lr", "0"], "lr=0.0"),
        (["--lr", "fast"], "lr='fast' is no number"),
        (["--subsample", "9"], "subsample=9 with no data"),
        (["--data", "nowhere.csv"], "cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_nothing_written(tmp_path, capsys, arguments, message):
    """Exit 2, argument and value named, no folder made."""
    out = tmp_path / "run"
    small = BRIEF if "--data" in arguments else SMALL
    assert message in refused(capsys, *small, *arguments, "--out", str(out))
    assert not out.exists()


def test_what_stands_in_front_is_that_of_the_library():
    """The kernel of what an option builds, at the data, against the network written out."""
    sines, relus = lfp.TwoLayer(64, "sin", alpha=50.0), lfp.TwoLayer(64, alpha=50.0)
    drawn = lfp.Gaussian(0.3).sample(jax.random.fold_in(jax.random.key(4), 1), 8, 2)
    he = lfp.MLP(64, 2, "relu", b_std=0.0, alpha=50.0, parametrization="standard")
    expected = {
        (("activation", "sin"), ("omega", 3.0)): lfp.MultiScale(sines, (3.0,)),
        (("scales", "1,2.5"),): lfp.MultiScale(relus, (1.0, 2.5)),
        (("fourier", 0.3), ("features", 8), ("scales", "2")): lfp.FourierFeatures(lfp.MultiScale(relus, (2.0,)), drawn),
        (("parametrization", "standard"), ("depth", 2), ("b_std", 0.0)): he,
    }
    for options, network in expected.items():
        settings = Overlay(width=64, points=16, seed=4, **dict(options))
        settings.check()
        data = module.build_problem(settings, print)[0]
        built = module.build_network(settings, data)
        kernels = (np.asarray(lfp.kernel(one)(jax.numpy.asarray(data.x))) for one in (built, network))
        np.testing.assert_allclose(*kernels, rtol=1e-6, atol=1e-9)
        assert built.alpha == 50.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--omega", "2", "--activation", "sin", "--width", "4096"],
        ["--depth", "1", "--parametrization", "standard", "--keep-f0", "--theory", "empirical", "--width", "2048"],
    ],
    ids=["omega", "f_0 kept"],
)
def test_they_run_and_say_what_they_measured(tmp_path, options):
    """D_sup of the command inside the interval of its forecast; f_0 kept: what is left starts away from 1."""
    out = run_in(tmp_path / "run", *options)
    result = json.loads((out / "result.json").read_text())
    low, _, high = result["d_sup_expected"]
    assert low <= result["d_sup"] <= high
    with xr.open_dataset(out / "curves.nc") as curves:
        first = curves["remaining_training"].sel(part="re")[:, 0].values
    assert (np.abs(first - 1).max() > 0.01) == ("--keep-f0" in options)


@pytest.mark.slow
def test_mean_field_from_command_to_picture(tmp_path):
    """gamma sets alpha; the layers of the budget are there, and forecast and pictures."""
    out = tmp_path / "run"
    assert (
        main(["overlay", *SMALL, "--theory", "meanfield", "--gamma", "0.05", "--width", "400", "--out", str(out)]) == 0
    )
    found = json.loads((out / "result.json").read_text())
    assert found["budget"]["meanfield_vs_training"] == found["d_sup"]
    assert found["budget"]["ntk_vs_meanfield"] > 0
    assert found["forecast"] in ("holds", "fails")
    assert (out / "overlay.png").exists()
    same = tmp_path / "same"
    arguments = ["--theory", "meanfield", "--alpha", "1", "--width", "400", "--out", str(same)]  # 1 / (1 * 20)
    assert main(["overlay", *SMALL, *arguments]) == 0
    assert json.loads((same / "result.json").read_text())["d_sup"] == found["d_sup"]


@pytest.mark.slow
def test_divergence_is_allowed_only_on_request(tmp_path, capsys):
    """Beyond the limit: refused with the largest stable value; --allow-divergence runs, and fails in one line."""
    line = refused(capsys, *SMALL, "--lr", "1e3", "--out", str(tmp_path / "a"))
    limit = float(re.search(r"below ([\d.]+)", line).group(1))
    assert main(["overlay", *SMALL, "--lr", str(0.99 * limit), "--out", str(tmp_path / "b")]) == 0
    arguments = ["--lr", "1e15", "--allow-divergence"]
    assert main(["overlay", *SMALL, *arguments, "--out", str(tmp_path / "c")]) == 1
    assert "diverged before step" in capsys.readouterr().err


@pytest.mark.slow
def test_full_disk_is_one_line(tmp_path):
    """No room for any file: exit 2 and one line, nothing half written."""
    script = (
        "import resource, sys; from lfp.commands.cli import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900));"
        f"sys.exit(main(['overlay', *{SMALL!r}, '--out', {str(tmp_path / 'run')!r}]))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (tmp_path / "run").exists()


def test_out_that_is_a_file(tmp_path, capsys):
    """Named."""
    (tmp_path / "run").write_text("")
    assert "is a file" in refused(capsys, *SMALL, "--out", str(tmp_path / "run"))


def test_help_and_unknown_commands(capsys):
    """Help exits 0, an unknown command is named."""
    with pytest.raises(SystemExit) as stop:
        main(["overlay", "--help"])
    assert stop.value.code == 0
    assert "--sigma-b" in capsys.readouterr().out
    assert main(["overlook"]) == 2
    assert "overlook" in capsys.readouterr().err


def test_nothing_a_number_cannot_be_reaches_json(tmp_path):
    """NaN and infinity become null, paths become text."""
    _files.write_json(tmp_path / "a.json", {"a": [float("inf"), Path("b")], "c": (1, float("nan"))})
    content = {"a": [None, "b"], "c": [1, None]}
    assert json.loads((tmp_path / "a.json").read_text()) == {**content, "digest": _files.identity(content)}
    assert _files.read_json(tmp_path / "a.json") == content


def test_large_circle_grid_needs_no_dense_matrix():
    """FFT of one row: 10000 points are predicted; what needs a dense matrix is left out and said to be missing."""
    from lfp import Circle, TwoLayer, predict, sum_of_modes

    made = predict(TwoLayer(8), sum_of_modes(Circle(), 10_000, [1]), steps=np.array([0, 1]))
    assert made.band is None
    assert set(made.curves) == {"ntk", "flow"}
    with pytest.raises(InputError, match="GiB"):
        predict(TwoLayer(8), sum_of_modes(Circle(), 10_000, [1]), steps=np.array([0, 1]), theory="empirical")
