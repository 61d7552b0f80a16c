"""The claims of experiments and benchmarks, read off their files without running them."""

import ast
from pathlib import Path
from typing import Any, NamedTuple

from lfp import _checks, _files

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
    broken: str | None = None
    """Why it is no Python; None where it is."""


class BrokenScript(RuntimeError):
    """An experiment of which the code fails, or hands out something else than it should."""


def read(path: Path) -> Script:
    """A script, parsed; one that is no Python defines nothing."""
    try:
        tree = ast.parse(_files.read_input("file", path))
    except (_checks.InputError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else str(error) or "too deep"
        return Script("", set(), {}, runs=False, broken=line)
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


def incomplete(folder: Path = EXPERIMENTS) -> dict[str, str]:
    """Files that look like experiments (two parts of one, and no script to be called), or are no Python: why not."""
    scripts = {name: (s, lacking(s)) for name, s in _scripts(folder, "experiments") if not s.runs}
    return {name: _why_not(s) for name, (s, lack) in scripts.items() if s.broken or 0 < len(lack) < len(PARTS) - 1}


def lacking(script: Script) -> list[str]:
    """The parts of an experiment that a script does not define."""
    return [part for part in PARTS if part not in script.defined]


def refuse_unknown(name: str, folder: Path = EXPERIMENTS) -> None:
    """Refuse the name of no experiment; of a file that lacks a part of one, say which."""
    known, path = experiments(folder), folder / f"{name}.py"
    if name not in known and path.is_file():
        msg = f"name={name!r}: {path.name} {_why_not(read(path))}; an experiment defines {', '.join(PARTS)}"
        raise _checks.InputError(msg)
    _checks.choice("name", name, known)


def refuse_none(folder: Path = EXPERIMENTS) -> None:
    """Refuse a folder without experiments, and say which of its files look like some."""
    if not experiments(folder):
        others = "".join(f", {name}.py {why}" for name, why in incomplete(folder).items())
        msg = f"folder={str(folder)!r} holds no experiment{others}; an experiment defines {', '.join(PARTS)}"
        raise _checks.InputError(msg)


def _why_not(script: Script) -> str:
    return f"is no Python ({script.broken})" if script.broken else f"lacks {', '.join(lacking(script))}"


def benchmarks(folder: Path = BENCHMARKS) -> dict[str, Script]:
    """The benchmarks of a folder by name: scripts that run when they are called."""
    return {name: script for name, script in _scripts(folder, "benchmarks") if script.runs}


def _scripts(folder: Path, kind: str) -> list[tuple[str, Script]]:
    if not folder.is_dir():  # as where only the package is installed
        msg = f"folder={str(folder)!r} is no folder; allowed: one of {kind}, as {kind}/ of a checkout of lfp"
        raise _checks.InputError(msg)
    return [(path.stem, read(path)) for path in sorted(folder.glob("*.py"))]
