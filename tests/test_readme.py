"""The README's Python is run, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "experiments" / "README.md"]
PAGES = [*LONE, *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_somewhere(page):
    """Every relative link and picture exists."""
    for target in re.findall(r"\]\(([\w./:-]+\.\w+)\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_python_blocks_run(page):
    """As a reader would paste them, one after the other, warnings as errors."""
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        exec(compile(block, str(page), "exec"), names)


def test_overlay_takes_at_most_fifteen_lines():
    """The whole of the default overlay."""
    block, *_ = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len([line for line in block.splitlines() if line.strip()]) <= 15


def test_every_public_name_has_an_example():
    """Docstrings of what `import lfp` offers, and of the functions of its modules, hold one that the doctests run."""
    import importlib
    import inspect
    import pkgutil

    import lfp

    missing = []
    for info in pkgutil.iter_modules(lfp.__path__):
        module = importlib.import_module(f"lfp.{info.name}")
        for name, thing in vars(module).items():
            own = getattr(thing, "__module__", "") == module.__name__
            if own and inspect.isfunction(thing) and not name.startswith("_") and not info.name.startswith("_"):
                missing += [f"{info.name}.{name}"] * (">>>" not in (thing.__doc__ or ""))
    assert not missing, missing
