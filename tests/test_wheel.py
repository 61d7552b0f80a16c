"""The wheel, installed alone, runs its commands and the experiments that it ships. `uv` builds it and asks an index."""

import email
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import lfp
from lfp.harness import claims

pytestmark = pytest.mark.slow


UV, CHECKOUT = Path(sys.executable).with_name("uv"), Path(__file__).parents[1]


def _build(checkout, place):
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", place, checkout], check=True)
    (wheel,) = place.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return _build(CHECKOUT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel):
    """A folder with the package of the wheel, and nothing else of the checkout."""
    packages = wheel.parent / "packages"
    command = [UV, "pip", "install", "--quiet", "--python", sys.executable, "--no-deps", "--target", packages, wheel]
    subprocess.run(command, check=True)
    return packages


@pytest.fixture
def bare(wheel, tmp_path):
    """A new environment with the wheel and what it asks for, as the README installs it; TensorFlow stays out."""
    blocks = re.findall(r"```bash\n(.*?)```", (CHECKOUT / "README.md").read_text(), re.DOTALL)
    (recipe,) = (block for block in blocks if "--overrides" in block)
    place = tmp_path / "environment"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, place], check=True)
    around = {**os.environ, "VIRTUAL_ENV": str(place), "PATH": f"{UV.parent}:{os.environ['PATH']}"}
    around.pop("PYTHONPATH", None)
    shutil.copytree(wheel.parent, tmp_path / "dist", ignore=shutil.ignore_patterns("packages"))
    subprocess.run(["bash", "-euc", recipe], cwd=tmp_path, env=around, check=True)
    yield place / "bin", around
    shutil.rmtree(place)


def _description(wheel):
    with zipfile.ZipFile(wheel) as files:
        (metadata,) = (name for name in files.namelist() if name.endswith("/METADATA"))
        return email.message_from_bytes(files.read(metadata)).get_payload()


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


def test_the_page_is_written_from_the_wheel(installed, tmp_path):
    run = _lfp(installed, "explore", "--out", "page.html", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "lfp explorer" in (tmp_path / "page.html").read_text()


def test_experiments_of_a_folder_run_from_the_wheel(installed, tmp_path):
    script = (claims.EXPERIMENTS / "critical_exponent.py").read_text()
    (tmp_path / "mine.py").write_text(script)
    run = _lfp(installed, "experiment", "run", "mine", "--folder", ".", "--smoke", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["name"] == "mine"


def test_an_overlay_runs_where_nothing_but_the_wheel_is(bare, tmp_path):
    bin_, around = bare
    small = ["--width", "256", "--points", "16", "--modes", "1,2", "--steps", "30", "--snapshots", "10", "--seeds", "2"]
    command = [bin_ / "lfp", "overlay", *small, "--json"]
    run = subprocess.run(command, cwd=tmp_path, env=around, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (out,) = tmp_path.glob("*/config.json")
    assert json.loads(out.read_text())["environment"]["lfp"] == lfp.__version__
    assert out.with_name("overlay.png").exists()
    printed, kept = json.loads(run.stdout), json.loads(out.with_name("result.json").read_text())
    assert printed == {name: value for name, value in kept.items() if name not in ("digest", "run")}
    listed = subprocess.run([UV, "pip", "list"], env=around, check=True, capture_output=True, text=True).stdout
    assert "lfp-jax" in listed
    assert not re.search("tensorflow|tf2jax|pytest", listed)
    assert list((bin_.parent / "lib").glob("*/site-packages/lfp/py.typed"))


def test_no_link_of_the_long_description_is_relative(wheel):
    description = _description(wheel)
    assert "[Picture in the repository: Predicted decay of seven modes" in description
    assert not re.findall(r"\]\((?!\w+://)", description)


def test_links_lead_to_the_address_of_the_project(tmp_path):
    """In a copy of the checkout with an address."""
    for name in ("lfp", "experiments", "docs/long_description.py", "README.md", "LICENSE", "pyproject.toml"):
        target = tmp_path / "copy" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy)(CHECKOUT / name, target)
    with (tmp_path / "copy" / "pyproject.toml").open("a") as end:
        end.write('\n[project.urls]\nSource = "https://forge.invalid/a/lfp"\n')
    description = _description(_build(tmp_path / "copy", tmp_path))
    targets = dict(re.findall(r"\[([^\]]*)\]\(([^)]*)\)", description))
    assert targets["The modes of the scan line"] == "https://forge.invalid/a/lfp/raw/HEAD/docs/china_modes.png"
    assert targets["questions"] == "https://forge.invalid/a/lfp/blob/HEAD/docs/faq.md"
    assert all(target.startswith("https://forge.invalid/a/lfp/") for target in targets.values())
