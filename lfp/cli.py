"""The command line. Exit 0 when it ran, 2 with one line on stderr when the input is bad, 130 on Ctrl-C."""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from lfp import _checks, equation
from lfp.equation import Equation
from lfp.overlay import Overlay, run
from lfp.survey import Survey, run as survey
from lfp.sweep import MEASURED, run as grid
from lfp.training import Progress

FAILED, USER_SLIP, INTERRUPTED = 1, 2, 130

_ROWS, _COLUMNS = 32, 4  # of a table on the screen; the folder has all

_JUDGED = ("d_sup_expected", "laziness", "verdict", "forecast")

Job = Callable[[], int]


def overlay(
    settings: Annotated[Overlay, tyro.conf.arg(name="")],
    out: Path = Path("overlay"),
    json: bool = False,
    force: bool = False,
    resume: bool = False,
    sweep: tuple[str, ...] = (),
) -> Job:
    """Train a network, predict the decay of every frequency, lay one over the other.

    Args:
        settings: problem, network, optimiser.
        out: folder for config.json, result.json, theory.nc, curves.nc and the pictures
        json: print result.json to stdout, and nothing else there
        force: take over a folder that holds another run
        resume: go on where a run of these settings was killed or interrupted
        sweep: every combination, a folder each: width=512,2048 alpha=1,10; several processes may share the work

    Returns:
        The job; calling it runs the command and gives its exit code.

    Example:
        >>> callable(overlay(Overlay(width=8)))
        True
    """

    def work() -> dict[str, Any]:
        with _progress() as progress:
            how = {"force": force, "progress": progress, "say": _say}
            return grid(settings, sweep, out, **how) if sweep else run(settings, out, resume=resume, **how)

    return _job(work, _show_sweep if sweep else _show, out, json)


def solve(
    settings: Annotated[Equation, tyro.conf.arg(name="")],
    out: Path = Path("solve"),
    json: bool = False,
    force: bool = False,
) -> Job:
    """Solve the LFP equation for data or an image, in time and at the limit; no network is trained.

    Args:
        settings: data, operator, times.
        out: folder for config.json, result.json, curves.nc and the pictures
        json: print result.json to stdout, and nothing else there
        force: take over a folder that holds another run

    Returns:
        The job; calling it runs the command and gives its exit code.

    Example:
        >>> callable(solve(Equation(image="china")))
        True
    """
    return _job(lambda: equation.run(settings, out, force=force, say=_say), _show_solution, out, json)


def spectrum(
    settings: Annotated[Survey, tyro.conf.arg(name="")],
    out: Path = Path("spectrum"),
    json: bool = False,
    force: bool = False,
) -> Job:
    """Rates of networks on a domain: table, picture, law of decay, noise floor.

    Args:
        settings: domain and networks.
        out: folder for config.json, result.json, curves.nc and the picture
        json: print result.json to stdout, and nothing else there
        force: take over a folder that holds another run

    Returns:
        The job; calling it runs the command and gives its exit code.

    Example:
        >>> callable(spectrum(Survey()))
        True
    """
    return _job(lambda: survey(settings, out, force=force, say=_say), _show_rates, out, json)


COMMANDS = {"overlay": overlay, "solve": solve, "spectrum": spectrum}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `lfp`; returns the exit code.

    Example:
        >>> main(["overlay", "--width", "3"])
        2
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    try:
        return _parse(sys.argv[1:] if arguments is None else arguments)()
    except _checks.InputError as error:
        return _fail(str(error), USER_SLIP)
    except OSError as error:
        return _fail(f"out: {error.filename or 'the results'} cannot be written: {error.strerror or error}", USER_SLIP)
    except FloatingPointError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)


def _job(
    work: Callable[[], dict[str, Any]], show: Callable[[dict[str, Any], Path], None], out: Path, json: bool
) -> Job:
    """Do the work, then print result.json or the table."""

    def job() -> int:
        result = work()
        if json:
            print((out / "result.json").read_text(), end="")  # noqa: T201
        else:
            show(result, out)
        return INTERRUPTED if result.get("interrupted") else 0

    return job


def _parse(arguments: Sequence[str]) -> Job:
    """The job that the arguments ask for; tyro's boxed complaints become one line."""
    spoken = io.StringIO()
    try:
        with contextlib.redirect_stderr(spoken):
            return tyro.extras.subcommand_cli_from_dict(
                COMMANDS,
                args=list(arguments),
                prog="lfp",
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as stop:
        if stop.code:
            lines = (re.sub(r"[╭╮╰╯│─]+", " ", line).strip() for line in spoken.getvalue().splitlines()[1:])
            raise _checks.InputError(" ".join(filter(None, lines))) from None
        raise


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


def _fail(line: str, code: int) -> int:
    _say("lfp: " + " ".join(line.split()))
    return code


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on stderr with rate and time left."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = ("training", BarColumn(), "{task.completed}/{task.total} steps", TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("training", total=None, visible=False, rate="")

        def update(done: int, total: int, seconds: float) -> None:
            bar.update(task, completed=done, total=total, visible=True, rate=f"{done / seconds:.0f} steps/s")

        yield update


def _show(result: dict[str, Any], out: Path) -> None:
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


def _show_sweep(result: dict[str, Any], out: Path) -> None:
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


def _show_solution(result: dict[str, Any], out: Path) -> None:
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


def _show_rates(result: dict[str, Any], out: Path) -> None:
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


if __name__ == "__main__":
    sys.exit(main())
