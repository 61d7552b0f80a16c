"""Tables of results, on stdout."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lfp.harness import claims

_ROWS, _COLUMNS = 32, 4  # of a table on the screen; the folder has all
_JUDGED = ("d_sup_expected", "laziness", "verdict", "forecast")


def show_experiments(result: dict[str, Any], out: Path) -> None:
    """Gates and controls of one experiment or of all."""
    table = _table(("experiment: gate",), "gates over the seeds; a control must fail", overflow="fold")
    for head in ("limit", "mean", "spread", "worst", "seeds", "verdict"):
        table.add_column(head, justify="right", no_wrap=True)
    rows = result.get("experiments", [result])
    for row in rows:
        for gate in row["gates"]:
            kind = "fails, due" if gate["control"] else "holds"
            numbers = (f"{gate[key]:.3g}" for key in ("mean", "spread", "worst"))
            verdict = kind if gate["passed"] else "MISSED"
            limit = f"{'mean ' * (gate['decides'] == 'mean')}{gate['sense']} {gate['limit']:.3g}"
            table.add_row(f"{row['name']}: {gate['claim']}", limit, *numbers, str(gate["seeds"]), verdict)
        if "error" in row:
            table.add_row(f"{row['name']}: {row['error']}", *[""] * 5, "NO CONTROL" if row["gates"] else "DIVERGED")
    passed = sum(row["passed"] for row in rows)
    _print(table, f"{passed} of {len(rows)} experiments passed; {result['seconds']:.0f} s; results in {out}/")


def list_experiments(folder: Path) -> int:
    """Names, papers and claims; returns the exit code."""
    scripts = claims.experiments(folder)
    rows = [(name, str(script.constants.get("PAPER", "")), script.claim) for name, script in scripts.items()]
    rows += [(name, "", f"no experiment: {why}") for name, why in claims.incomplete(folder).items()]
    return _list(("experiment", "paper", "claim"), rows)


def list_benchmarks(folder: Path) -> int:
    """Names and claims; returns the exit code."""
    scripts = claims.benchmarks(folder)
    rows = [(name, script.claim.removeprefix("Claim: ")) for name, script in scripts.items()]
    return _list(("benchmark", "claim"), rows)


def _list(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    table = _table(heads, overflow="fold")
    for row in rows:
        table.add_row(*row)
    _print(table)
    return 0


def _table(heads: Iterable[str], title: str | None = None, **column: Any) -> Any:
    """An empty table; rich is imported where something is printed, not before."""
    from rich.table import Table

    table = Table(title=title)
    for head in heads:
        table.add_column(head, **column)
    return table


def _print(*parts: Any) -> None:
    """Tables and lines, as they are."""
    from rich.console import Console

    console = Console(markup=False, emoji=False, highlight=False)
    for part in parts:
        console.print(part)


def show_benchmark(result: dict[str, Any], out: Path) -> None:
    """The last line: what it printed has been seen."""
    end = "finished" if result["passed"] else f"FAILED ({result['error']})"
    _print(f"{result['name']} {end}; {result['seconds']:.0f} s; results in {out}/")


def show_film(result: dict[str, Any], out: Path) -> None:
    """The files of a film."""
    files = ", ".join(f"{out / name} ({size / 1e6:.1f} MB)" for name, size in result["files"].items())
    _print(f"{result['frames']} frames; {result['seconds']:.0f} s; {files}")


def show_overlay(result: dict[str, Any], out: Path) -> None:
    """The table of modes and the verdict, on stdout."""
    columns = {
        "mode": "mode",
        "rate_predicted": "rate\npredicted",
        "rate_measured": "rate\nmeasured",
        "half_life_predicted": "half-life\npredicted",
        "half_life_measured": "half-life\nmeasured",
        "d_sup": "D_sup",
        "standard_error": "standard\nerror",
    }
    table = _table(
        columns.values(),
        "predicted and measured, per mode: rates per unit of flow time, half-lives in steps",
        justify="right",
    )
    for row in result["modes"]:
        table.add_row(str(row["mode"]), *("-" if row[k] is None else f"{row[k]:.4g}" for k in [*columns][1:]))
    end = f"kernel drift {result['kernel_drift']:.2g}; {result['seconds']:.0f} s; results in {out}/"
    _print(table, f"{result['verdict'] or 'no verdict'}: {result['reason']}", end)


def show_sweep(result: dict[str, Any], out: Path) -> None:
    """Layers of every configuration and their exponents, on stdout."""
    from lfp.commands.sweep import MEASURED

    swept = [name for name in (result["points"] or [{}])[0] if name not in (*MEASURED, *_JUDGED)]
    heads = (head.replace("_", "\n") for head in (*swept, *MEASURED, "verdict", "forecast"))
    table = _table(heads, "largest over the modes", justify="right")
    for row in result["points"]:
        numbers = ("-" if row[name] is None else f"{row[name]:.3g}" for name in MEASURED)
        table.add_row(*(str(row[name]) for name in swept), *numbers, row["verdict"] or "-", row["forecast"] or "-")
    for name in swept:
        powers = (result["slopes"].get(layer, {}).get(name) for layer in MEASURED)
        if not isinstance(result["points"][0][name], str):
            blank = [""] * (len(swept) - 1)
            table.add_row(f"power of {name}", *blank, *("-" if p is None else f"{p:.2f}" for p in powers), "", "")
    rest = f"; {result['missing']} not finished" if result["missing"] else ""
    _print(table, f"{len(result['points'])} configurations{rest}; results in {out}/")


def show_solution(result: dict[str, Any], out: Path) -> None:
    """The table of times, on stdout."""
    table = _table(("flow time", "rms residual", "FP-norm"), "the LFP equation, per time", justify="right")
    for row in zip(result["times"], result["rms_residual"], result["fp_norm"], strict=True):
        table.add_row(*(f"{value:.4g}" for value in row))
    _print(table, f"{result['products']} products, {result['seconds']:.1f} s; results in {out}/")


def show_rates(result: dict[str, Any], out: Path) -> None:
    """Rates of every network, one column each, and their decay, on stdout."""
    networks, count = result["networks"], len(result["rates"])
    shown = range(count) if count <= _ROWS else [*range(_ROWS - 8), *range(_ROWS - 8, count, max(1, count // 8))]
    for first in range(0, len(networks), _COLUMNS):
        part = networks[first : first + _COLUMNS]
        heads = ("mode", "multiplicity", *(network["network"].replace(", ", "\n") for network in part))
        table = _table(heads, "rate per mode", justify="right")
        for i in shown:
            row = result["rates"][i]
            mode = " ".join(map(str, row["mode"])) if isinstance(row["mode"], list) else str(row["mode"])
            size = "-" if row["multiplicity"] is None else f"{row['multiplicity']:.6g}"
            table.add_row(mode, size, *(_cell(network["rates"][i]) for network in part))
        _print(table)
    _print(*map(_decay_line, networks), f"{result['seconds']:.1f} s; results in {out}/")


def show_learning(result: dict[str, Any], out: Path) -> None:
    """Errors of every mode at every number of samples, on stdout."""
    pairs = (f"{head}\ntheory\ndrawn" for head in (*(f"degree {k}" for k in result["modes"]), "all"))
    heads = ("samples", *pairs, "good to\n10 %", "best\nridge")
    table = _table(heads, "test error, and that of every mode", justify="right")
    for row in result["curves"]:
        pairs = [f"{one['theory']:.3g}\n{one['drawn']:.3g}" for one in (*row["modes"], row)]
        best = "inf" if row["best_ridge"] is None else f"{row['best_ridge']:.3g}"
        table.add_row(str(row["samples"]), *pairs, "yes" if row["good_to_10_percent"] else "no", best)
    stops = [f"n = {one['samples']}: stop at step {one['best_step']:g}" for one in result["times"]]
    stops = [f"{stop} (draws: {one['best_step_drawn']:g})" for stop, one in zip(stops, result["times"], strict=True)]
    _print(table, *stops, f"{result['seconds']:.1f} s; results in {out}/")


def _decay_line(network: dict[str, Any]) -> str:
    decay, text = network["decay"], "no decay fits"
    if decay["interval"] is not None:
        name = "base" if "base" in decay else "exponent"
        low, high = decay["interval"]
        text = f"{decay['kind']}, {name} {decay[name]:.4g} in [{low:.4g}, {high:.4g}]"
    low, high = network["effective_rank"]
    bounds = dict.fromkeys((f"{low:.3g}", "inf" if high is None else f"{high:.3g}"))  # once where they agree
    return f"{network['network']}: {text}; K(x,x) = {network['trace']:.6g}, effective rank {' to '.join(bounds)}"


def _cell(row: dict[str, Any]) -> str:
    if row["rate"] is not None:
        return f"{row['rate']:.4g}"
    return "absent" if row["absent"] else "< noise"
