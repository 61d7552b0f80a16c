"""What a search finds: a statement, and what is true."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Finding:
    """A statement in words, its group; its error as stated and as it is; below `rounding` the true one is luck.

    Statements that are not `known` say that there is nothing but noise: they must hold, and are not judged for
    looseness.
    """

    words: str
    group: str
    stated: float
    true: float
    rounding: float
    known: bool = True


def broken(found: Iterable[Finding], share: float = 1.0) -> list[Finding]:
    """Those whose true error is above that share of the statement, or no number."""
    return [one for one in found if not one.true <= share * one.stated]


def report(found: list[Finding]) -> list[str]:
    """A line a group: statements, the worst true over stated, the median stated over true."""
    lines = []
    for group in sorted({one.group for one in found}):
        some = [one for one in found if one.group == group]
        worst = max(one.true / one.stated if one.stated else float(one.true > 0) for one in some)
        ratios = [one.stated / one.true for one in some if one.known and one.true > one.rounding]
        median = f"{np.median(ratios):.3g}" if ratios else "-"
        lines.append(f"| {group} | {len(some)} | {worst:.2g} | {median} |")
    return lines
