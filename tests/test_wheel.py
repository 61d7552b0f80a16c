"""The wheel, installed alone, runs the experiments that it ships. It is built by `uv build`, which asks an index."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lfp.harness import claims

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package of the wheel, and nothing else of the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    uv, checkout = Path(sys.executable).parent / "uv", Path(__file__).parents[1]
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", place, checkout], check=True)
    (wheel,) = place.glob("*.whl")
    packages = place / "packages"
    command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--no-deps", "--target", packages, wheel]
    subprocess.run(command, check=True)
    return packages


def _lfp(installed, *arguments, cwd):
    command = [sys.executable, "-m", "lfp.commands.cli", *arguments]
    how = {"env": {**os.environ, "PYTHONPATH": str(installed)}, "cwd": cwd, "capture_output": True, "text": True}
    return subprocess.run(command, check=False, **how)


def test_the_wheel_ships_the_experiments_alone(installed):
    shipped = {path.name for path in (installed / "lfp" / "experiments").iterdir()}
    assert shipped == {f"{name}.py" for name in claims.experiments()}
    assert not (installed / "experiments").exists()


def test_an_experiment_runs_from_the_wheel(installed, tmp_path):
    run = _lfp(installed, "experiment", "run", "critical_exponent", "--smoke", "--seed", "3", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["passed"]
    assert (tmp_path / "results" / "critical_exponent-smoke-seed3" / "experiment.png").exists()
    listed = _lfp(installed, "experiment", "list", cwd=tmp_path)
    assert all(name in listed.stdout for name in claims.experiments())


def test_experiments_of_a_folder_run_from_the_wheel(installed, tmp_path):
    script = (claims.EXPERIMENTS / "critical_exponent.py").read_text()
    (tmp_path / "mine.py").write_text(script)
    run = _lfp(installed, "experiment", "run", "mine", "--folder", ".", "--smoke", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["name"] == "mine"
