"""The README as a package index shows it, where no file of the repository lies beside it.

Links and pictures of the README are relative. In the wheel they lead to the address `Source` of `[project.urls]`, the
only place for addresses; as long as there is none, a link is its text, and a picture is named instead of broken.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:)([^)\s]+)\)")


class LongDescription(MetadataHookInterface):
    """What `hatchling` asks for the dynamic part of the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the README."""
        source = metadata.get("urls", {}).get("Source")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = _LINK.sub(lambda link: _elsewhere(*link.groups(), source=source), text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def _elsewhere(picture: str, label: str, path: str, *, source: str | None) -> str:
    if source is None:
        return f"[Picture in the repository: {label}]" if picture else label
    return f"{picture}[{label}]({source}/{'raw' if picture else 'blob'}/HEAD/{path})"
