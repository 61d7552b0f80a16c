"""What experiments/README.md and the docs show of finished experiments, in Markdown: a card each, and their margins."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from lfp import _files
from lfp.harness.claims import EXPERIMENTS, Script, experiments


def cards(out: str | Path = "results", folder: Path = EXPERIMENTS) -> str:
    """A card for every experiment of which a full run of unshifted seeds is in `out`."""
    paths = {name: Path(out) / name / "result.json" for name in experiments(folder)}
    shown = [
        (script, _files.read_result(paths[name].parent))
        for name, script in experiments(folder).items()
        if paths[name].exists()
    ]
    return "\n".join(_card(script, result) for script, result in shown)


def margins(out: str | Path = "results", folder: Path = EXPERIMENTS) -> str:
    """For every experiment the gate, and the control, that came nearest to its limit in all full runs of `out`.

    The margin is the distance of the worst value to the limit, in limits; it is negative where a gate was missed.
    """
    nearest = ("limit", "worst", "margin")
    heads = ("experiment", "first seeds", "nearest gate", *nearest, "nearest control", *nearest)
    rows = []
    for name in experiments(folder):
        paths = [Path(out) / name / "result.json", *sorted(Path(out).glob(f"{name}-seed*/result.json"))]
        runs = {_seed(path): _files.read_result(path.parent)["gates"] for path in paths if path.exists()}
        gates = [gate for seed in sorted(runs) for gate in runs[seed]]
        if gates:
            cells = (_nearest(gate for gate in gates if gate["control"] is kind) for kind in (False, True))
            rows.append((name, ", ".join(map(str, sorted(runs))), *chain.from_iterable(cells)))
    return _table(heads, rows)


def _card(script: Script, result: dict[str, Any]) -> str:
    """Claim and source, what is predicted, gates as measured, controls, command, figure."""
    name, claim = result["name"], result["claim"]
    rows = [
        ("control: " * gate["control"] + gate["claim"], _limit(gate), _measured(gate), f"{gate['worst']:.3g}")
        for gate in sorted(result["gates"], key=lambda gate: gate["control"])
    ]
    return f"""### {name}

**{claim}** {script.constants["PAPER"]}.

Predicted: {script.constants["PREDICTED"]}.

{_table(("gate", "limit", "measured", "worst"), rows)}
`lfp experiment run {name}`, {result["seconds"] / 60:.1f} min. {script.constants["CAPTION"]}

![{claim}](figures/{name}.png)
"""


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown."""
    heads = list(heads)
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _limit(gate: dict[str, Any]) -> str:
    need = f" (mean; needs {gate['needs']} of {gate['seeds']} seeds)" if gate["decides"] == "mean" else ""
    return f"{'not ' * gate['control']}{gate['sense']} {gate['limit']:.3g}{need}"


def _measured(gate: dict[str, Any]) -> str:
    spread = f" ± {gate['spread']:.1g}" if gate["seeds"] > 1 else ""
    return f"{gate['mean']:.3g}{spread}{'' if gate['passed'] else ' **missed**'}"


def _nearest(gates: Iterable[dict[str, Any]]) -> tuple[str, str, str, str]:
    """Claim, limit, worst value and margin of the gate that is nearest to its limit."""
    gate = min(gates, key=lambda gate: gate["margin"], default=None)
    if gate is None:
        return "none", "", "", ""
    return gate["claim"], _limit(gate), f"{gate['worst']:.3g}", f"{gate['margin']:.2g}"


def _seed(path: Path) -> int:
    """The first seed that a folder's name says."""
    return int(path.parent.name.partition("-seed")[2] or 0)
