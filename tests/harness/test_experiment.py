"""Experiments: gates, kept parts, folders, the command."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from lfp import InputError, _files
from lfp.commands import cli
from lfp.harness import cards, claims, experiment, suite
from lfp.harness.experiment import Kept, Settings

SCRIPT = '''"""A straight line has a slope.

Nothing else.
"""
from dataclasses import dataclass
import numpy as np
from lfp.figures import plots
from lfp.harness import experiment
from lfp.harness.experiment import Settings
from lfp.harness.gate import Gate
PAPER, PREDICTED, CAPTION = "Euclid", "the slope", "a line"
@dataclass(frozen=True)
class Config(Settings):
    slope: float = 2.0
    stop: bool = False
SMOKE = Config(slope=1.0)
def run(c, stage=experiment.direct):
    x = np.arange(4.0)
    one = stage("Part one!", lambda: {"y": (("x",), c.slope * x)})
    if c.stop: raise KeyboardInterrupt
    return {"x": (("x",), x)} | one | stage("part two", lambda: {"z": ((), 1.0)})
def check(data, c):
    found = np.diff(data.y.values)
    return [Gate("slope", abs(found - c.slope), 1e-12), Gate("slope 0", abs(found), 0.5, control=True)]
def plot(data, c):
    fig, ax = plots.figure()
    ax.plot(data.x, data.y)
    return fig
'''


@pytest.fixture
def folder(tmp_path):
    """A folder of one experiment and one file that is none."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "line.py").write_text(SCRIPT)
    (tmp_path / "scripts" / "helper.py").write_text("def run(): ...")
    return tmp_path / "scripts"


def test_only_experiments_are_listed(folder):
    assert list(claims.experiments(folder)) == ["line"]
    assert claims.experiments(folder)["line"].claim == "A straight line has a slope."
    with pytest.raises(InputError, match="folder"):
        claims.experiments(folder / "nowhere")


def test_a_run_is_kept_and_judged_again(folder, tmp_path):
    said: list[str] = []
    first = experiment.run("line", tmp_path, folder=folder, say=said.append)
    assert first["passed"]
    assert [gate["control"] for gate in first["gates"]] == [False, True]
    assert {p.name for p in (tmp_path / "line").iterdir()} == {
        *("config.json", "curves.nc", "experiment.png", "experiment.svg", "result.json")
    }
    assert json.loads((tmp_path / "line" / "result.json").read_text())["seconds"] == first["seconds"]
    assert any("Part one" in line for line in said)
    said.clear()
    again = experiment.run("line", tmp_path, folder=folder, say=said.append)
    assert again == first
    assert not any("Part one" in line for line in said)
    experiment.run("line", tmp_path, folder=folder, say=said.append, force=True)
    assert any("Part one" in line for line in said)


def test_other_settings_need_another_folder(folder, tmp_path):
    experiment.run("line", tmp_path, folder=folder, say=str)
    (folder / "line.py").write_text(SCRIPT.replace("2.0", "3.0"))
    with pytest.raises(InputError, match="not a run of this configuration"):
        experiment.run("line", tmp_path, folder=folder, say=str)
    assert experiment.run("line", tmp_path, folder=folder, say=str, force=True)["passed"]
    assert experiment.run("line", tmp_path, folder=folder, say=str, smoke=True)["passed"]  # a folder of its own


def test_a_seed_shifts_all_seeds_in_a_folder_of_its_own(folder, tmp_path):
    for seed, name in ((0, "line"), (1000, "line-seed1000")):
        experiment.run("line", tmp_path, folder=folder, say=str, seed=seed)
        config = json.loads((tmp_path / name / "config.json").read_text())["settings"]
        assert (config["seed"], config["seeds"]) == (seed, 5)
    assert list(Settings(seeds=2, seed=7).each_seed) == [7, 8]
    (folder / "line.py").write_text(SCRIPT.replace("Config(Settings)", "Config"))
    with pytest.raises(InputError, match="seed=3"):
        experiment.run("line", tmp_path, folder=folder, say=str, seed=3)


def test_a_killed_run_goes_on_after_its_last_part(folder, tmp_path):
    (folder / "line.py").write_text(SCRIPT.replace("if c.stop", "if not (Path(__file__).parent / 'go').exists()"))
    (folder / "line.py").write_text("from pathlib import Path\n" + (folder / "line.py").read_text())
    with pytest.raises(KeyboardInterrupt):
        experiment.run("line", tmp_path, folder=folder, say=str)
    (folder / "go").touch()
    said: list[str] = []
    assert experiment.run("line", tmp_path, folder=folder, say=said.append)["passed"]
    assert "line: Part one!: kept" in said
    assert "line: part two" in said
    assert not (tmp_path / "line" / "parts").exists()


def test_parts_and_curves_of_others_are_named(folder, tmp_path):
    """Whole files, each in the place of another: of another part, of other settings."""
    arrays = {"v": (("s",), np.ones(2))}
    kept = Kept(tmp_path / "parts", str, {"width": 8})
    kept("one", lambda: arrays)
    kept("two", lambda: arrays)
    (tmp_path / "parts" / "one.nc").replace(tmp_path / "parts" / "two.nc")
    with pytest.raises(InputError, match=r"two\.nc' is of another run or part"):
        kept("two", lambda: arrays)
    for seed in (0, 7):
        experiment.run("line", tmp_path, folder=folder, say=str, seed=seed)
    (tmp_path / "line-seed7" / "curves.nc").replace(tmp_path / "line" / "curves.nc")
    with pytest.raises(InputError, match=r"line/curves\.nc' is of another run"):
        experiment.run("line", tmp_path, folder=folder, say=str)
    assert experiment.run("line", tmp_path, folder=folder, say=str, force=True)["passed"]


def test_force_removes_parts_before_it_claims(folder, tmp_path, monkeypatch):
    """Killed between the two, the next run has no parts of code that was."""
    (folder / "line.py").write_text(SCRIPT.replace("if c.stop", "if c.slope == 1.0"))
    with pytest.raises(KeyboardInterrupt):
        experiment.run("line", tmp_path, folder=folder, say=str, smoke=True)
    assert (tmp_path / "line-smoke" / "parts").exists()

    def killed(*arguments, **how):
        raise KeyboardInterrupt

    monkeypatch.setattr(_files, "claim", killed)
    with pytest.raises(KeyboardInterrupt):
        experiment.run("line", tmp_path, folder=folder, say=str, smoke=True, force=True)
    assert not (tmp_path / "line-smoke" / "parts").exists()


def test_parts_keep_their_labels(tmp_path):
    arrays = {"s": (("s",), np.array([0, 5])), "v": (("run", "s"), np.ones((1, 2)))}
    first, second = (Kept(tmp_path, say=str)("name", lambda: arrays) for _ in range(2))
    assert set(first) == set(second)
    for key, (dims, values) in first.items():
        assert tuple(second[key][0]) == tuple(dims)
        assert np.array_equal(second[key][1], values)


def test_run_all_goes_on_after_a_divergence(folder, tmp_path):
    broken = SCRIPT.replace("    x = np.arange(4.0)", "    raise FloatingPointError('diverged')")
    (folder / "broken.py").write_text(broken)
    result = suite.run_all(tmp_path, folder=folder, say=str)
    assert [row["passed"] for row in result["experiments"]] == [False, True]
    assert not result["passed"]
    text = cards.cards(tmp_path, folder)
    assert "`lfp experiment run line`" in text
    assert "broken" not in text


def _quiet(line):
    """A remark that nobody hears."""


def test_side_by_side_in_processes_of_their_own(folder, tmp_path):
    (folder / "broken.py").write_text(
        SCRIPT.replace("    x = np", "    raise FloatingPointError('diverged')\n    x = np")
    )
    rows = suite.run_all(tmp_path, jobs=2, folder=folder, say=_quiet)["experiments"]
    assert [(row["name"], row["passed"]) for row in rows] == [("broken", False), ("line", True)]
    assert rows[1] == experiment.run("line", tmp_path, folder=folder, say=_quiet)  # what it left is what a run leaves
    with pytest.raises(InputError, match="jobs=0"):
        suite.run_all(tmp_path, jobs=0, folder=folder)


def test_a_killed_worker_is_said(folder, tmp_path, capsys):
    (folder / "line.py").write_text(SCRIPT.replace("    x = np", "    import os; os.kill(os.getpid(), 9)\n    x = np"))
    assert cli.main(["experiment", "run", "--jobs", "2", "--out", str(tmp_path), "--folder", str(folder)]) == 1
    assert "a process was killed" in capsys.readouterr().err


def test_an_interrupt_ends_the_workers_without_a_traceback(folder, tmp_path):
    wait = f"    Path({str(tmp_path)!r}, 'began').touch(); time.sleep(60)\n    x = np"
    (folder / "line.py").write_text("import time\nfrom pathlib import Path\n" + SCRIPT.replace("    x = np", wait))
    command = [sys.executable, "-m", "lfp.commands.cli", "experiment", "run"]
    command += ["--out", str(tmp_path), "--folder", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "began").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)  # to the parent alone
    _, said = process.communicate(timeout=30)
    assert process.returncode == cli.INTERRUPTED
    assert "lfp: interrupted" in said
    assert "Traceback" not in said


def test_an_experiment_without_a_control_says_so(folder, tmp_path, capsys):
    (folder / "line.py").write_text(
        SCRIPT.replace(", control=True", "").replace('"slope 0", abs(found), 0.5', '"s", [0.0], 1')
    )
    said: list[str] = []
    result = suite.run_all(tmp_path, folder=folder, say=said.append)
    assert not result["passed"]
    assert all(gate["passed"] for gate in result["experiments"][0]["gates"])
    assert "no gate is a control" in said[-1]
    assert "FAILED" not in said[-1]
    assert cli.main(["experiment", "run", "--out", str(tmp_path), "--folder", str(folder), "--jobs", "1"]) == 1
    shown = capsys.readouterr().out
    assert "NO CONTROL" in shown
    assert "MISSED" not in shown


@pytest.mark.parametrize("part", claims.PARTS)
def test_a_file_that_lacks_a_part_is_named(part, folder, tmp_path, capsys):
    path = folder / "line.py"
    path.write_text(path.read_text().replace(part, f"un{part}"))
    assert cli.main(["experiment", "run", "line", "--out", str(tmp_path), "--folder", str(folder)]) == 2
    assert f"line.py lacks {part};" in capsys.readouterr().err
    assert claims.incomplete(folder) == {"line": f"lacks {part}"}
    assert cli.main(["experiment", "list", "--folder", str(folder)]) == 0
    assert f"lacks {part}" in " ".join(capsys.readouterr().out.split())
    said: list[str] = []
    suite.run_all(tmp_path, folder=folder, say=said.append)
    assert said == [f"line: left out, lacks {part}"]


@pytest.mark.parametrize(("source", "why"), [(None, ""), ("def run(:", ", line.py is no Python (line 1")])
def test_a_folder_without_experiments_is_refused(source, why, folder, tmp_path, capsys):
    (folder / "line.py").unlink()
    if source:
        (folder / "line.py").write_text(source)
    assert cli.main(["experiment", "run", "--out", str(tmp_path / "out"), "--folder", str(folder)]) == 2
    assert f"holds no experiment{why}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command(folder, tmp_path, capsys):
    where = ["--out", str(tmp_path), "--folder", str(folder)]
    assert cli.main(["experiment", "list", *where[2:]]) == 0
    assert "straight line" in capsys.readouterr().out
    assert cli.main(["experiment", "run", "lien", *where]) == 2
    assert "did you mean 'line'" in capsys.readouterr().err
    assert cli.main(["experiment", "run", "line", *where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"]
    assert cli.main(["experiment", "run", *where]) == 0
    assert "1 of 1 experiments passed" in capsys.readouterr().out
    (folder / "line.py").write_text(SCRIPT.replace("1e-12", "-1"))
    assert cli.main(["experiment", "run", "line", *where]) == 1  # a failed check
    assert cli.main(["experiment", "cards", *where]) == 0
    assert "**missed**" in capsys.readouterr().out
    assert cli.main(["experiment", "run", "line", "--seed", "-1", *where]) == 2
    assert "seed=-1" in capsys.readouterr().err
