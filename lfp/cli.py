"""The command line.

Exit 0 when it ran; 1 when a gate was missed, a benchmark failed, training diverged or a process was killed; 2 with one
line on stderr when the input is bad; 130 on Ctrl-C.
"""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from json import dumps
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from lfp import _checks, _tables, bench as benchmarks, equation, experiment as experiments, results, suite
from lfp.equation import Equation
from lfp.overlay import Overlay, run
from lfp.survey import Survey, run as survey
from lfp.sweep import run as grid
from lfp.training import Progress

FAILED, USER_SLIP, INTERRUPTED = 1, 2, 130

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

    return _job(work, _tables.show_sweep if sweep else _tables.show_overlay, out, json)


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
    return _job(lambda: equation.run(settings, out, force=force, say=_say), _tables.show_solution, out, json)


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
    return _job(lambda: survey(settings, out, force=force, say=_say), _tables.show_rates, out, json)


def experiment(
    action: Annotated[Literal["list", "run", "table"], tyro.conf.Positional],
    name: Annotated[str, tyro.conf.Positional] = "all",
    out: Path = Path("results"),
    smoke: bool = False,
    jobs: int = 2,
    json: bool = False,
    force: bool = False,
    folder: Path = experiments.FOLDER,
) -> Job:
    """Reproduce the works that lfp rests on: each a theory curve, a real training, gates and controls.

    Args:
        action: list their claims, run one or all, or print the table of finished runs in Markdown
        name: of the experiment to run; all of them without it
        out: folder of folders, one an experiment; what is finished there is not run again
        smoke: small settings: seconds in place of minutes
        jobs: how many run side by side when all are run
        json: print the result to stdout as JSON, and nothing else there
        force: run again what is there
        folder: where the experiments are: those of lfp, or your own

    Returns:
        The job; calling it runs the command and gives its exit code.

    Example:
        >>> callable(experiment("list"))
        True
    """
    how = {"smoke": smoke, "force": force, "folder": folder, "say": _say}
    if action == "run":
        many = name == "all"
        work = lambda: suite.run_all(out, jobs=jobs, **how) if many else experiments.run(name, out, **how)  # noqa: E731
        return _job(work, _tables.show_experiments, out, json)
    if action == "table":
        return lambda: print(suite.table(out, folder), end="") or 0  # noqa: T201
    return lambda: _tables.list_experiments(folder)


def bench(
    action: Annotated[Literal["list", "run"], tyro.conf.Positional],
    name: Annotated[str, tyro.conf.Positional] = "",
    out: Path = Path("bench"),
    arguments: tuple[str, ...] = (),
    json: bool = False,
    force: bool = False,
    folder: Path = benchmarks.FOLDER,
) -> Job:
    """Run a benchmark of lfp against its peer, in a process of its own.

    Args:
        action: list their claims, or run one
        name: of the benchmark to run
        out: folder for config.json and result.json
        arguments: handed to the script
        json: print result.json to stdout, and nothing else there
        force: take over a folder that holds another run
        folder: where the benchmarks are

    Returns:
        The job; calling it runs the command and gives its exit code.

    Example:
        >>> callable(bench("list"))
        True
    """
    if action == "list":
        claims = lambda: {name: experiments.claim(name, folder) for name in benchmarks.names(folder)}  # noqa: E731
        return lambda: _tables.list_benchmarks(claims())
    how: dict[str, Any] = {"arguments": arguments, "force": force, "folder": folder}
    work = lambda: benchmarks.run(name, out, say=_say if json else print, **how)  # noqa: E731
    return _job(work, _tables.show_benchmark, out, json)


COMMANDS = {"overlay": overlay, "solve": solve, "spectrum": spectrum, "experiment": experiment, "bench": bench}


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
    except BrokenProcessPool:
        return _fail(
            "a process was killed, as for want of memory; the same command goes on, --jobs 1 needs less", FAILED
        )
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)


def _job(
    work: Callable[[], dict[str, Any]], show: Callable[[dict[str, Any], Path], None], out: Path, json: bool
) -> Job:
    """Do the work, then print result.json or the table."""

    def job() -> int:
        result = work()
        if json:
            print(dumps(results.plain(result), indent=2))  # noqa: T201
        else:
            show(result, out)
        return INTERRUPTED if result.get("interrupted") else FAILED if result.get("passed") is False else 0

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


if __name__ == "__main__":
    sys.exit(main())
