"""The plan of the house, held by its imports: rows of files, and packages that one file owns."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "lfp"

# A file imports from earlier rows only; files of a row do not import each other. Not every file exists yet.
ROWS = [
    ["_checks", "_files", "_neural_tangents", "quadrature"],
    [
        "trajectory",
        "fourier",
        "krylov",
        "eigenpairs",
        "dynamics",
        "laws",
        "results",
        "checkpoint",
        "transforms",
        "numerical",
        "images",
        "spectral_filter",
        "decay",
    ],
    ["activations", "domains", "spaces", "euclidean", "momentum", "shrinkage", "iterations"],
    ["networks", "problems", "dual", "harmonics", "profile", "schedules", "scattered"],
    ["averages", "kernels", "expansions", "stochastic", "filtering"],
    ["compounds"],
    ["ntk", "operator", "regularizers", "optimisers", "pinn"],
    ["products", "blocked", "training", "methods", "series", "recipe"],
    ["structured", "nufft", "population", "zonal"],
    ["choice", "spectra"],
    ["solution", "stationary", "partial", "rates", "noise", "sobolev"],
    ["solver", "content", "extension"],
    ["probes", "generalization", "fluctuations", "forecast", "drift"],
    ["prediction"],
    ["compare"],
    ["plotting"],
    ["panels", "budget"],
    ["record"],
    ["overlay", "equation", "survey"],
    ["sweep", "experiment"],
    ["trials", "suite"],
    ["_tables", "bench"],
    ["cli"],
]
ROW = {name: i for i, row in enumerate(ROWS) for name in row}
FREE = {"__init__", "__main__"}  # they collect names from every row

OWNERS = {
    "neural_tangents": {"_neural_tangents"},
    "xarray": {"trajectory"},
    "jax_finufft": {"fourier"},
    "matfree": {"krylov"},
    "sklearn": {"problems", "images"},
    "PIL": {"images"},
    "optax": {"training", "optimisers"},
    "diffrax": {"methods"},
    "lineax": {"methods"},
    "optimistix": {"methods"},
    "matplotlib": {"plotting", "panels"},
    "tyro": {"cli"},
    "rich": {"cli", "_tables"},
}
LAZY = set(OWNERS) - {"jax_finufft", "matfree"}  # imported where first used, but for the command's own
EAGER_IN = {"tyro": "cli", "rich": "cli"}


def _imports(tree: ast.AST, at_top: bool = True) -> Iterator[tuple[str, bool]]:
    """Dotted names that are imported, and whether the import of the file runs the statement."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue  # a type checker's business
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, ["lfp" if node.level else "", node.module]))
            yield from ((f"{base}.{alias.name}", at_top) for alias in node.names)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(node, at_top and not function)


def _faults(name: str, source: str) -> list[str]:
    if name in FREE:
        row = len(ROWS)
    elif name in ROW:
        row = ROW[name]
    else:
        return [f"{name}.py is in no row of tests/test_layers.py"]
    faults = []
    for imported, at_top in _imports(ast.parse(source)):
        package, *rest = imported.split(".")
        if package == "lfp" and name not in FREE:
            if not rest or ROW.get(rest[0], len(ROWS)) >= row:
                faults.append(f"{name}.py imports {imported}, which is in no earlier row")
        elif name not in OWNERS.get(package, {name}):
            faults.append(f"{name}.py imports {package}, which belongs to {OWNERS[package]}")
        elif at_top and package in LAZY and EAGER_IN.get(package) != name:
            faults.append(f"{name}.py imports {package} on its own import")
    return faults


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_file_keeps_to_its_row(path):
    assert path.parent == PACKAGE, "the package is flat"
    assert _faults(path.stem, path.read_text()) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("networks", "from lfp.problems import problem"),  # the same row
        ("networks", "from .problems import problem"),
        ("networks", "from . import ntk"),
        ("networks", "import lfp"),
        ("domains", "def f():\n    from lfp import ntk"),  # a later row, also when late
        ("probes", "def f():\n    import xarray as xr"),  # another's package
        ("ntk", "def f():\n    from neural_tangents import stax"),
        ("plotting", "from matplotlib import pyplot"),  # its own, too early
        ("trajectory", "class A:\n    import xarray"),
        ("trajectory", "try:\n    import xarray\nexcept ImportError:\n    pass"),
        ("solver", "import diffrax as dfx"),
        ("utils", ""),  # not in the plan
    ],
)
def test_a_bad_import_is_caught(name, source):
    assert len(_faults(name, source)) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("networks", "from lfp import _checks\nfrom lfp.laws import Gaussian\nimport jax.numpy as jnp"),
        ("plotting", "def f():\n    from matplotlib.figure import Figure"),
        ("plotting", "if TYPE_CHECKING:\n    from matplotlib.figure import Figure"),
        ("cli", "import tyro\nfrom lfp.overlay import overlay"),
        ("__init__", "from lfp.ntk import kernel as kernel"),
    ],
)
def test_a_good_import_is_not(name, source):
    assert _faults(name, source) == []


def test_import_is_light():
    heavy = {"neural_tangents", "tensorflow", "xarray", "sklearn", "optax", "orbax", "diffrax", "matplotlib", "tyro"}
    code = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); import lfp; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
