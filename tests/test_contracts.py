"""The order of the wings, their freedom from cycles, the owners of packages: the contracts of pyproject.toml."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAZY = {"PIL", "diffrax", "jax_finufft", "lineax", "matplotlib", "neural_tangents", "optax", "optimistix", "orbax"}
LAZY |= {"rich", "sklearn", "tensorflow", "tyro", "xarray"}

ORDER, CYCLE = "A wing imports from lower wings only", "No cycle, within a wing either"
OWNER = "A package of others belongs to the files that import it below"
FACE = "The face is for users: no file of the package imports it"


def lint(root: Path) -> str:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False).stdout


def modules(code: str) -> set[str]:
    """What an interpreter of its own has imported after some code."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_contracts_are_kept():
    out = lint(ROOT)
    assert "4 kept, 0 broken" in out, out


@pytest.mark.parametrize(
    ("path", "line", "broken"),
    [
        ("networks/mlp.py", "from lfp.spectra import gram_spectrum", ORDER),
        ("_checks.py", "from lfp import _files", ORDER),
        ("domains/circle.py", "def f():\n    import lfp.commands.cli", ORDER),
        ("utils/__init__.py", "", ORDER),  # no wing of the plan
        ("domains/domain.py", "def f():\n    from lfp.domains.circle import Circle", CYCLE),
        ("measure/probes.py", "def f():\n    import xarray", OWNER),
        ("kernels/dual.py", "from neural_tangents import stax", OWNER),
        ("networks/mlp.py", "from lfp import Circle", FACE),
    ],
)
def test_a_bad_import_is_caught(path, line, broken, tmp_path):
    """In a copy of the package with one import more."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "lfp", tmp_path / "lfp", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "lfp" / path
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as end:
        end.write(f"\n\n{line}\n")
    out = lint(tmp_path)
    assert any(row.startswith(f"{broken} BROKEN") for row in out.splitlines()), out


def test_lfp_is_light():
    """`import lfp` imports neither JAX nor numpy."""
    assert not modules("import lfp") & (LAZY | {"jax", "numpy", "equinox", "scipy"})


def test_packages_are_imported_where_they_are_used():
    """Every file but those of the commands, whose interface is tyro's, is imported without the heavy packages."""
    code = "import importlib, pkgutil, lfp; names = [m.name for m in pkgutil.walk_packages(lfp.__path__, 'lfp.')]; "
    code += "[importlib.import_module(name) for name in names if 'commands' not in name]"
    assert not modules(code) & LAZY
