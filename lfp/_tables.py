"""Tables of results, on stdout."""

from pathlib import Path
from typing import Any

from lfp import experiment
from lfp.sweep import MEASURED

_ROWS, _COLUMNS = 32, 4  # of a table on the screen; the folder has all
_JUDGED = ("d_sup_expected", "laziness", "verdict", "forecast")


def show_experiments(result: dict[str, Any], out: Path) -> None:
    """Gates and controls of one experiment or of all."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="gates over the seeds; a control must fail")
    table.add_column("experiment: gate", overflow="fold")
    for head in ("limit", "mean", "spread", "worst", "seeds", "verdict"):
        table.add_column(head, justify="right", no_wrap=True)
    rows = result.get("experiments", [result])
    for one in rows:
        for gate in one["gates"]:
            kind = "fails, due" if gate["control"] else "holds"
            numbers = (f"{gate[key]:.3g}" for key in ("mean", "spread", "worst"))
            verdict = kind if gate["passed"] else "MISSED"
            limit = f"{gate['sense']} {gate['limit']:.3g}"
            table.add_row(f"{one['name']}: {gate['claim']}", limit, *numbers, str(gate["seeds"]), verdict)
        if "error" in one:
            table.add_row(f"{one['name']}: {one['error']}", *[""] * 5, "MISSED")
    console = Console()
    console.print(table)
    passed = sum(one["passed"] for one in rows)
    line = f"{passed} of {len(rows)} experiments passed; {result['seconds']:.0f} s; results in {out}/"
    console.print(line, highlight=False)


def list_experiments(folder: Path) -> int:
    """Names, papers and claims; returns the exit code."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for head in ("experiment", "paper", "claim"):
        table.add_column(head, overflow="fold")
    for name in experiment.names(folder):
        table.add_row(name, experiment.experiment(name, folder).PAPER, experiment.claim(name, folder))
    Console().print(table)
    return 0


def list_benchmarks(claims: dict[str, str]) -> int:
    """Names and claims; returns the exit code."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for head in ("benchmark", "claim"):
        table.add_column(head, overflow="fold")
    for name, claim in claims.items():
        table.add_row(name, claim.removeprefix("Claim: "))
    Console().print(table)
    return 0


def show_benchmark(result: dict[str, Any], out: Path) -> None:
    """The last line: what it printed has been seen."""
    from rich.console import Console

    end = "finished" if result["passed"] else f"FAILED ({result['error']})"
    console = Console()
    console.print(
        f"{result['name']} {end}; {result['seconds']:.0f} s; results in {out}/", highlight=False, markup=False
    )


def show_overlay(result: dict[str, Any], out: Path) -> None:
    """The table of modes and the verdict, on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="predicted and measured, per mode")
    columns = {
        "mode": "mode",
        "rate_predicted": "rate\npredicted",
        "rate_measured": "rate\nmeasured",
        "half_life_predicted": "half-life\npredicted",
        "half_life_measured": "half-life\nmeasured",
        "d_sup": "D_sup",
        "standard_error": "standard\nerror",
    }
    for head in columns.values():
        table.add_column(head, justify="right")
    for row in result["modes"]:
        table.add_row(str(row["mode"]), *("-" if row[k] is None else f"{row[k]:.4g}" for k in [*columns][1:]))
    console = Console()
    console.print(table)
    console.print(f"{result['verdict']}: {result['reason']}", highlight=False)
    console.print(
        f"kernel drift {result['kernel_drift']:.2g}; {result['seconds']:.0f} s; results in {out}/", highlight=False
    )


def show_sweep(result: dict[str, Any], out: Path) -> None:
    """Layers of every configuration and their exponents, on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="largest over the modes")
    swept = [name for name in (result["points"] or [{}])[0] if name not in (*MEASURED, *_JUDGED)]
    for head in (*swept, *MEASURED, "verdict", "forecast"):
        table.add_column(head.replace("_", "\n"), justify="right")
    for row in result["points"]:
        numbers = ("-" if row[name] is None else f"{row[name]:.3g}" for name in MEASURED)
        table.add_row(*(str(row[name]) for name in swept), *numbers, row["verdict"], row["forecast"] or "-")
    for name in swept:
        powers = (result["slopes"].get(layer, {}).get(name) for layer in MEASURED)
        if not isinstance(result["points"][0][name], str):
            blank = [""] * (len(swept) - 1)
            table.add_row(f"power of {name}", *blank, *("-" if p is None else f"{p:.2f}" for p in powers), "", "")
    console = Console()
    console.print(table)
    rest = f"; {result['missing']} not finished" if result["missing"] else ""
    console.print(f"{len(result['points'])} configurations{rest}; results in {out}/", highlight=False)


def show_solution(result: dict[str, Any], out: Path) -> None:
    """The table of times, on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="the LFP equation, per time")
    for head in ("flow time", "rms residual", "FP-norm"):
        table.add_column(head, justify="right")
    for row in zip(result["times"], result["rms_residual"], result["fp_norm"], strict=True):
        table.add_row(*(f"{value:.4g}" for value in row))
    console = Console()
    console.print(table)
    console.print(f"{result['products']} products, {result['seconds']:.1f} s; results in {out}/", highlight=False)


def show_rates(result: dict[str, Any], out: Path) -> None:
    """Rates of every network, one column each, and their laws, on stdout."""
    from rich.console import Console
    from rich.table import Table

    console, networks = Console(), result["networks"]
    count = len(result["rates"])
    shown = range(count) if count <= _ROWS else [*range(_ROWS - 8), *range(_ROWS - 8, count, max(1, count // 8))]
    for first in range(0, len(networks), _COLUMNS):
        part = networks[first : first + _COLUMNS]
        table = Table(title="rate per mode")
        for head in ("mode", "multiplicity", *(one["network"].replace(", ", "\n") for one in part)):
            table.add_column(head, justify="right")
        for i in shown:
            row = result["rates"][i]
            mode = " ".join(map(str, row["mode"])) if isinstance(row["mode"], list) else str(row["mode"])
            size = "-" if row["multiplicity"] is None else f"{row['multiplicity']:.6g}"
            table.add_row(mode, size, *(_cell(one["rates"][i]) for one in part))
        console.print(table)
    for one in networks:
        console.print(_laws_line(one), highlight=False)
    console.print(f"{result['seconds']:.1f} s; results in {out}/", highlight=False)


def _laws_line(one: dict[str, Any]) -> str:
    law, text = one["law"], "no law fits"
    if law["interval"] is not None:
        name = "base" if "base" in law else "exponent"
        low, high = law["interval"]
        text = f"{law['kind']}, {name} {law[name]:.4g} in [{low:.4g}, {high:.4g}]"
    return f"{one['network']}: {text}; K(x,x) = {one['trace']:.6g}, effective rank {one['effective_rank']:.3g}"


def _cell(row: dict[str, Any]) -> str:
    if row["rate"] is not None:
        return f"{row['rate']:.4g}"
    return "absent" if row["absent"] else "< noise"
