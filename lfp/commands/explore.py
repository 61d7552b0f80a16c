"""The explorer: one page, put together of its parts, that predicts and trains in the browser and asks for nothing."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from lfp import _checks, _files

PARTS = Path(__file__).with_name("explorer")
STYLES, SCRIPTS = ("style.css",), ("numerics.js", "worker.js", "plots.js", "controls.js", "page.js")
CONTROLS: dict[str, dict[str, Any]] = json.loads((PARTS / "controls.json").read_text(encoding="utf-8"))
"""The settings of the page: names in its address, labels, what they may be."""
SIGN = '<meta name="generator" content="lfp explore">'


def page() -> str:
    """The whole page. Its policy names the scripts and styles that it came with by digest, and forbids any request."""
    text = (PARTS / "page.html").read_text(encoding="utf-8")
    contents = {name: (PARTS / name).read_text(encoding="utf-8") for name in (*STYLES, *SCRIPTS)}
    table = json.dumps(CONTROLS, ensure_ascii=False)
    contents["controls.js"] = f"const CONTROLS = {table};\n{contents['controls.js']}"
    for name, content in contents.items():
        text = text.replace(f"/* {name} */", content)
    scripts, styles = (" ".join(_digest(contents[name]) for name in names) for names in (SCRIPTS, STYLES))
    policy = f"default-src 'none'; script-src {scripts}; style-src {styles}; worker-src blob:; img-src data:; "
    policy += "base-uri 'none'; form-action 'none'"
    return text.replace("<!-- policy -->", f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n{SIGN}')


def run(out: Path, *, force: bool = False) -> int:
    """Write the page, and say where it is.

    Raises:
        InputError: a folder or a device; a file of that name that is no such page, without `force`.
    """
    if out.is_dir():
        msg = f"out={str(out)!r} is a folder; allowed: a file, such as {str(out / 'explore.html')!r}"
        raise _checks.InputError(msg)
    there = _files.read_input("out", out).decode(errors="replace") if out.exists() else SIGN
    if SIGN not in there[:4096] and not force:
        msg = f"out={str(out)!r} exists and is no page of lfp explore; allowed: another file, or --force"
        raise _checks.InputError(msg)
    out.parent.mkdir(parents=True, exist_ok=True)
    _files.write_whole(out, page().encode())
    print(f"{out}: open it in a browser, {out.absolute().as_uri()}")  # noqa: T201
    return 0


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
