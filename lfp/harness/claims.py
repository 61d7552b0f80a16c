"""The claims of experiments and benchmarks, read off their files without running them."""

import ast
from pathlib import Path
from typing import Any, NamedTuple

from lfp import _checks

EXPERIMENTS, BENCHMARKS = (Path(__file__).parents[2] / name for name in ("experiments", "benchmarks"))
PARTS = {"Config", "run", "check", "plot"}


class Script(NamedTuple):
    """A file of Python as it is written."""

    claim: str
    """First line of its docstring."""
    defined: set[str]
    """Functions and classes."""
    constants: dict[str, Any]
    """Numbers and strings that have a name, such as PAPER."""
    runs: bool
    """Whether it does something when it is called."""


def read(path: Path) -> Script:
    """A script, parsed."""
    tree = ast.parse(path.read_text())
    constants = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            sides = (node.targets[0], node.value)
            names, values = (side.elts if isinstance(side, ast.Tuple) else [side] for side in sides)
            pairs = zip(names, values, strict=False)
            constants |= {n.id: v.value for n, v in pairs if isinstance(n, ast.Name) and isinstance(v, ast.Constant)}
    runs = any(isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" for node in tree.body)
    defined = {getattr(node, "name", "") for node in tree.body}
    return Script((ast.get_docstring(tree) or "").split("\n")[0], defined, constants, runs)


def experiments(folder: Path = EXPERIMENTS) -> dict[str, Script]:
    """The experiments of a folder by name: files with Config, run, check and plot."""
    return {name: script for name, script in _scripts(folder, "experiments") if script.defined >= PARTS}


def benchmarks(folder: Path = BENCHMARKS) -> dict[str, Script]:
    """The benchmarks of a folder by name: scripts that run when they are called."""
    return {name: script for name, script in _scripts(folder, "benchmarks") if script.runs}


def _scripts(folder: Path, kind: str) -> list[tuple[str, Script]]:
    if not folder.is_dir():  # as where only the package is installed
        msg = f"folder={str(folder)!r} is no folder of {kind}; allowed: {kind}/ of a checkout of lfp"
        raise _checks.InputError(msg)
    return [(path.stem, read(path)) for path in sorted(folder.glob("*.py"))]
