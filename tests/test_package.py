"""What the distribution says of itself: what it needs, which version it is."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

import lfp

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BY_NAME = {"neural-tangents": "kernels/_neural_tangents.py", "h5netcdf": "measure/trajectory.py"}
"""Distributions that a file loads by a name in a string."""
BEHIND = {"h5py"}
"""Those that another one loads: h5netcdf reads and writes with it."""


def declared(requirements):
    """Names of distributions."""
    return {re.match(r"[\w-]+", entry)[0] for entry in requirements if isinstance(entry, str)}


@pytest.fixture(scope="module")
def providers():
    """The distributions that provide a package, as installed here; of its own name where there is none."""
    installed = packages_distributions()
    return lambda package: {name.lower() for name in installed.get(package, [package])}


def imported(*folders):
    """The packages of others that the files of some folders import, anywhere in them."""
    trees = [ast.parse(path.read_text()) for folder in folders for path in (ROOT / folder).rglob("*.py")]
    nodes = list(chain.from_iterable(map(ast.walk, trees)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"lfp", "tests"}


def test_what_the_wheel_imports_is_declared_and_nothing_else(providers):
    dependencies, packages = declared(PYPROJECT["project"]["dependencies"]), imported("lfp", "experiments")
    extras = declared(chain(*PYPROJECT["project"]["optional-dependencies"].values()))
    packages -= {package for package in packages if providers(package) & extras}
    assert {package for package in packages if not providers(package) & dependencies} == set()
    assert dependencies - set().union(*map(providers, packages)) == {*BY_NAME, *BEHIND}
    for name, file in BY_NAME.items():
        assert f'"{name.replace("-", "_")}"' in (ROOT / "lfp" / file).read_text()


def test_what_tests_and_benchmarks_import_is_declared(providers):
    groups = PYPROJECT["dependency-groups"]
    known = declared(chain(PYPROJECT["project"]["dependencies"], *map(groups.get, ("bench", "test", "dev"))))
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}  # which import each other
    packages = imported("tests", "benchmarks") - scripts
    assert {package for package in packages if not providers(package) & known} == set()


def test_the_version_is_the_same_everywhere():
    assert PYPROJECT["project"]["version"] == lfp.__version__
    assert f"\nversion: {lfp.__version__}\n" in (ROOT / "CITATION.cff").read_text()
