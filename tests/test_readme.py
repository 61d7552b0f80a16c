"""The pages are true: Python runs, commands are understood, links lead somewhere, the API is whole."""

import ast
import importlib.util
import inspect
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import pytest

import lfp
from lfp.commands import cli
from lfp.prediction import THEORIES

ROOT = Path(__file__).parent.parent
LONE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "experiments" / "README.md"]
PAGES = [*LONE, *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every relative link and picture exists."""
    for target in re.findall(r"\]\(([\w./:-]+\.\w+)\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks_run(page):
    """As a reader would paste them, one after the other, warnings as errors."""
    names: dict[str, object] = {}
    theories = dict(THEORIES)  # a page may define one
    torch = importlib.util.find_spec("torchax") is not None  # it is large: `make test-torch` has it
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        if "import torch" not in block:
            exec(compile(block, str(page), "exec"), names)
        elif torch:  # which counts on JAX as it comes
            with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
                exec(compile(block, str(page), "exec"), names)
    THEORIES.clear()
    THEORIES.update(theories)


def test_tables_of_four_shapes_get_a_verdict(tmp_path):
    """The lines under "Your own data" as a reader would paste them, with small networks, few steps and few rows."""
    section = (ROOT / "README.md").read_text().split("## Your own data")[1].split("\n## ")[0]
    lines = [line for block in re.findall(r"```bash\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]
    small = "--width 64 --steps 20 --snapshots 6 --seeds 2"
    runs = [line.split("#")[0].strip() for line in lines if "--out" in line]
    assert len(runs) == 4
    for line in lines:
        if line.startswith("lfp") and "--out" in line:
            line = re.sub(r" --(width|steps|seeds) \d+", "", line.split("#")[0]) + f" {small}"
            line += " --subsample 100" if "digits" in line else ""
        elif not line.startswith("python"):
            continue
        words = line.replace("python -c", f"{sys.executable} -c").replace(
            "lfp overlay", f"{sys.executable} -m lfp.commands.cli overlay"
        )
        subprocess.run(["bash", "-ec", words], cwd=tmp_path, check=True, timeout=300)
    for run in runs:
        result = json.loads((tmp_path / run.split("--out ")[1] / "result.json").read_text())
        assert result["verdict"] in ("holds", "fails")
        assert result["forecast"] in ("holds", "fails")


def test_overlay_takes_at_most_fifteen_lines():
    """The whole of the default overlay."""
    block, *_ = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len([line for line in block.splitlines() if line.strip()]) <= 15


def public() -> dict[str, Any]:
    """What `import lfp` offers, and what its toolboxes do, by the place where it is defined."""
    modules = [lfp, *(getattr(lfp, path.parent.name) for path in (ROOT / "lfp").glob("*/__init__.py"))]
    faces = [(module, ast.parse(Path(str(module.__file__)).read_text())) for module in modules]
    names = [
        (m, node.module, a.asname)
        for m, tree in faces
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for a in node.names
        if a.asname and not a.asname.startswith("_")
    ]
    return {f"{home}.{name}": getattr(module, name) for module, home, name in names}


def test_every_public_function_has_an_example():
    """One that the doctests run."""
    missing = [name for name, thing in public().items() if inspect.isfunction(thing) and ">>>" not in thing.__doc__]
    assert not missing, missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_command_lines_are_understood(page):
    """Options and words of every `lfp ...` of a code block or between backticks; nothing is run."""
    text = page.read_text().replace("...`", "`")
    for line in re.findall(r"^(?: {4})?(lfp .*)$|`(lfp [a-z]+ [^`]*)`", text, re.M):
        words = shlex.split("".join(line), comments=True)[1:]
        if not {"NAME", "--help"} & set(words):
            assert callable(cli._parse(words)), line
