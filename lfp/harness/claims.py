"""The claims of experiments and benchmarks, read off their files without running them."""

import ast
from pathlib import Path
from typing import Any, NamedTuple

from lfp import _checks

_PACKAGE, _CHECKOUT = Path(__file__).parents[1:3]
_SHIPPED = _PACKAGE / "experiments"  # where a wheel puts them
EXPERIMENTS = _SHIPPED if _SHIPPED.is_dir() else _CHECKOUT / "experiments"
BENCHMARKS = _CHECKOUT / "benchmarks"
PARTS = ("PAPER", "PREDICTED", "CAPTION", "SMOKE", "Config", "run", "check", "plot")


class Script(NamedTuple):
    """A file of Python as it is written."""

    claim: str
    """First line of its docstring."""
    defined: set[str]
    """Names of its functions, classes and assignments."""
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
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    defined = {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    defined |= {getattr(node, "name", "") for node in tree.body}
    return Script((ast.get_docstring(tree) or "").split("\n")[0], defined, constants, runs)


def experiments(folder: Path = EXPERIMENTS) -> dict[str, Script]:
    """The experiments of a folder by name: files that define all PARTS."""
    return {name: script for name, script in _scripts(folder, "experiments") if not lacking(script)}


def incomplete(folder: Path = EXPERIMENTS) -> dict[str, list[str]]:
    """Files that look like experiments (two parts of one, and no script to be called) with what they lack."""
    scripts = {name: (s, lacking(s)) for name, s in _scripts(folder, "experiments") if not s.runs}
    return {name: lack for name, (_, lack) in scripts.items() if 0 < len(lack) < len(PARTS) - 1}


def lacking(script: Script) -> list[str]:
    """The parts of an experiment that a script does not define."""
    return [part for part in PARTS if part not in script.defined]


def refuse_unknown(name: str, folder: Path = EXPERIMENTS) -> None:
    """Refuse the name of no experiment; of a file that lacks a part of one, say which."""
    known, path = experiments(folder), folder / f"{name}.py"
    if name not in known and path.is_file():
        lack = ", ".join(lacking(read(path)))
        msg = f"name={name!r}: {path.name} lacks {lack}; an experiment defines {', '.join(PARTS)}"
        raise _checks.InputError(msg)
    _checks.choice("name", name, known)


def benchmarks(folder: Path = BENCHMARKS) -> dict[str, Script]:
    """The benchmarks of a folder by name: scripts that run when they are called."""
    return {name: script for name, script in _scripts(folder, "benchmarks") if script.runs}


def _scripts(folder: Path, kind: str) -> list[tuple[str, Script]]:
    if not folder.is_dir():  # as where only the package is installed
        msg = f"folder={str(folder)!r} is no folder; allowed: one of {kind}, as {kind}/ of a checkout of lfp"
        raise _checks.InputError(msg)
    return [(path.stem, read(path)) for path in sorted(folder.glob("*.py"))]
