"""The build of the site makes the explorer, lists the public names, turns TeX into MathML, shows examples as code."""

import ast
import html
import re
from pathlib import Path
from typing import Any

import griffe
from latex2mathml.converter import convert
from mkdocs.structure.files import File

from lfp.commands import explore

_MATH = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
# MathML Core, which browsers draw, has neither letters by attribute nor boxes
_CORE = {
    '<mi mathvariant="double-struck">E</mi>': "<mi>\N{MATHEMATICAL DOUBLE-STRUCK CAPITAL E}</mi>",
    '<mi mathvariant="double-struck">R</mi>': "<mi>\N{DOUBLE-STRUCK CAPITAL R}</mi>",
    '<mi mathvariant="script">H</mi>': "<mi>\N{SCRIPT CAPITAL H}</mi>",
    '<mi mathvariant="script">L</mi>': "<mi>\N{SCRIPT CAPITAL L}</mi>",
    '<menclose notation="box">': '<mrow style="border: 1px solid; padding: 0.4em">',
    "</menclose>": "</mrow>",
}


PACKAGE = Path(__file__).parent.parent / "lfp"
WINGS = (
    *("domains", "neurons", "networks", "kernels", "spectra", "optimisers"),
    *("equation", "prediction", "training", "measure", "numerics"),
)


def on_files(files: Any, config: Any) -> Any:
    """The explorer as it is written by `lfp explore`: explorer.md shows it."""
    files.append(File.generated(config, "explore.html", content=explore.page()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """`<!-- names -->` becomes every name of the faces, under its wing and module: no list to keep."""
    return markdown.replace("<!-- names -->", _names()) if "<!-- names -->" in markdown else markdown


def _names() -> str:
    modules: dict[str, list[str]] = {}
    for face in (PACKAGE / "__init__.py", *sorted(PACKAGE.glob("*/__init__.py"))):
        for node in ast.walk(ast.parse(face.read_text())):
            if isinstance(node, ast.ImportFrom):
                modules.setdefault(str(node.module), []).extend(a.asname for a in node.names if a.asname)
    pages = []
    for wing in WINGS:
        inside = {module: names for module, names in modules.items() if module.startswith(f"lfp.{wing}.") and names}
        entries = [
            f"::: {module}\n    options: {{members: [{', '.join(inside[module])}]}}\n" for module in sorted(inside)
        ]
        pages.append(f"## lfp.{wing}\n\n{''.join(entries)}")
    return "\n".join(pages)


def on_page_content(text: str, **_: Any) -> str:
    """The formulas of a page as MathML, which needs no script."""
    text = _MATH.sub(lambda match: convert(html.unescape(match[3]), "block" if match[2] == "[" else "inline"), text)
    for written, drawn in _CORE.items():
        text = text.replace(written, drawn)
    return text


class Docstrings(griffe.Extension):
    """Docstrings as griffe reads them: `Examples:` for `Example:`, and no link in F[u](xi)."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object."""
        if obj.docstring:
            text = obj.docstring.value.replace("Example:\n", "Examples:\n")
            obj.docstring.value = re.sub(r"\bF\[(?=[^\]]+\]\()", r"F\\[", text)
