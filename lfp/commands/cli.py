"""The command line.

Exit 0 when it ran; 1 when a gate was missed, a benchmark failed, training diverged or a process was killed; 2 with one
line on stderr when the input is bad; 130 on Ctrl-C, 143 on SIGTERM. The parser knows neither jax nor numpy: a job
imports what it uses.
"""

import contextlib
import io
import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from json import dumps
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from lfp import _checks
from lfp.commands import tables
from lfp.commands.options import Overlay, Solve, Spectrum, refuse_words
from lfp.harness import claims

FAILED, USER_SLIP, INTERRUPTED, TERMINATED = 1, 2, 130, 143

Job = Callable[[], int]
"""Runs a command and gives its exit code."""


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
    """

    def work() -> dict[str, Any]:
        from lfp.commands import overlay, sweep as grid

        with _progress() as progress:
            how = {"force": force, "progress": progress, "say": _say}
            if sweep and resume:
                msg = "resume=True with sweep; allowed: without, what is finished is not run again"
                raise _checks.InputError(msg)
            if sweep:
                return grid.run(settings, sweep, out, **how)
            return overlay.run(settings, out, resume=resume, **how)

    check = (lambda: None) if sweep else settings.check
    return _job("overlay", work, tables.show_sweep if sweep else tables.show_overlay, out, json, check)


def solve(
    settings: Annotated[Solve, tyro.conf.arg(name="")],
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
    """

    def work() -> dict[str, Any]:
        from lfp.commands import solve

        return solve.run(settings, out, force=force, say=_say)

    return _job("solve", work, tables.show_solution, out, json, settings.check)


def spectrum(
    settings: Annotated[Spectrum, tyro.conf.arg(name="")],
    out: Path = Path("spectrum"),
    json: bool = False,
    force: bool = False,
) -> Job:
    """Rates of networks on a domain: table, picture, decay, noise floor.

    Args:
        settings: domain and networks.
        out: folder for config.json, result.json, curves.nc and the picture
        json: print result.json to stdout, and nothing else there
        force: take over a folder that holds another run
    """

    def work() -> dict[str, Any]:
        from lfp.commands import spectrum

        return spectrum.run(settings, out, force=force, say=_say)

    return _job("spectrum", work, tables.show_rates, out, json, settings.check)


def experiment(
    action: Annotated[Literal["list", "run", "cards", "margins"], tyro.conf.Positional],
    name: Annotated[str, tyro.conf.Positional] = "all",
    out: Path = Path("results"),
    smoke: bool = False,
    seed: int = 0,
    jobs: int = 2,
    json: bool = False,
    force: bool = False,
    folder: Path = claims.EXPERIMENTS,
) -> Job:
    """Reproduce the works that lfp rests on: each a theory curve, a real training, gates and controls.

    Args:
        action: list their claims, run one or all, or print of finished runs, in Markdown, cards or the nearest gates
        name: of the experiment to run; all of them without it
        out: folder of folders, one an experiment; what is finished there is not run again
        smoke: small settings: seconds in place of minutes
        seed: the first seed: shifts every seed of an experiment, in a folder of its own
        jobs: how many run side by side when all are run
        json: print the result to stdout as JSON, and nothing else there
        force: run again what is there
        folder: where the experiments are: those of lfp, or your own
    """

    def work() -> dict[str, Any]:
        from lfp.harness import experiment, suite

        how = {"smoke": smoke, "seed": seed, "force": force, "folder": folder, "say": _say}
        return suite.run_all(out, jobs=jobs, **how) if name == "all" else experiment.run(name, out, **how)

    def show(what: str) -> int:
        from lfp.harness import cards

        print(getattr(cards, what)(out, folder), end="")  # noqa: T201
        return 0

    def check() -> None:
        _checks.integer("seed", seed, 0)
        if name != "all":
            claims.refuse_unknown(name, folder)

    listed = partial(tables.list_experiments, folder)
    run = _job("experiment", work, tables.show_experiments, out, json, check)
    return {"run": run, "list": listed, **{what: partial(show, what) for what in ("cards", "margins")}}[action]


def bench(
    action: Annotated[Literal["list", "run"], tyro.conf.Positional],
    name: Annotated[str, tyro.conf.Positional] = "",
    out: Path = Path("bench"),
    arguments: tuple[str, ...] = (),
    json: bool = False,
    force: bool = False,
    folder: Path = claims.BENCHMARKS,
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
    """

    def work() -> dict[str, Any]:
        from lfp.harness import bench

        how: dict[str, Any] = {"arguments": arguments, "force": force, "folder": folder}
        return bench.run(name, out, say=_say if json else _print, **how)

    def check() -> None:
        _checks.choice("name", name, claims.benchmarks(folder))

    listed = partial(tables.list_benchmarks, folder)
    return _job("bench", work, tables.show_benchmark, out, json, check) if action == "run" else listed


COMMANDS = {"overlay": overlay, "solve": solve, "spectrum": spectrum, "experiment": experiment, "bench": bench}
SETTINGS = {"overlay": Overlay, "solve": Solve, "spectrum": Spectrum}


_terminated: list[bool] = []
"""Whether SIGTERM came."""
_given: list[str] = []
"""The arguments of the command that runs."""


def _terminate(*_: object) -> None:
    """SIGTERM is Ctrl-C with an exit code of its own: what there is is written, workers end."""
    _terminated.append(True)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `lfp`; returns the exit code."""
    _terminated.clear()
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGTERM, _terminate)
    _given[:] = sys.argv[1:] if arguments is None else arguments
    try:
        return _parse(_given)()
    except _checks.InputError as error:
        return _fail(str(error), USER_SLIP)
    except OSError as error:
        return _fail(f"out: {error.filename or 'the results'} cannot be written: {error.strerror or error}", USER_SLIP)
    except FloatingPointError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted", _interrupted())
    except RuntimeError as error:
        if type(error).__name__ != "BrokenProcessPool":  # by name: its module takes its time
            raise
        line = "a process was killed, as for want of memory; the same command goes on, --jobs 1 needs less"
        return _fail(line, FAILED)


def _job(
    command: str,
    work: Callable[[], dict[str, Any]],
    show: Callable[[dict[str, Any], Path], None],
    out: Path,
    json: bool,
    check: Callable[[], object],
) -> Job:
    """Check what is cheap to check, do the work, then print result.json or the table."""

    def job() -> int:
        check()
        if "jax" not in sys.modules:
            _STDERR.word(f"lfp {command}: loading ...")
        import jax

        from lfp import _files

        jax.config.update("jax_enable_x64", True)
        result = work()
        _STDERR.close()
        if json:
            print(dumps(_files.plain(result), indent=2))  # noqa: T201
        else:
            show(result, out)
        if result.get("interrupted"):
            going = [] if "--resume" in _given else ["--resume"]
            _say(f"lfp: to go on: lfp {shlex.join([*_given, *going])}")
            return _interrupted()
        return FAILED if result.get("passed") is False or result.get("missing") else 0

    return job


def _interrupted() -> int:
    return TERMINATED if _terminated else INTERRUPTED


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
            if arguments and arguments[0] in SETTINGS:
                refuse_words(SETTINGS[arguments[0]], arguments[1:])
            lines = (re.sub(r"[╭╮╰╯│─]+", " ", line).strip() for line in spoken.getvalue().splitlines()[1:])
            raise _checks.InputError(" ".join(filter(None, lines))) from None
        raise


class _Stderr:
    """Lines on stderr, and a word of what is being done.

    The word has no end of line: on a terminal the next line replaces it, elsewhere an error goes on behind it, so that
    it stays one line.
    """

    def __init__(self) -> None:
        self.open = False

    def word(self, text: str) -> None:
        """A line that is left open."""
        print(text, end=" ", file=sys.stderr, flush=True)  # noqa: T201
        self.open = True

    def close(self, end: str = "\n") -> None:
        """End the open line, if there is one."""
        if self.open:
            print("\r\033[K" if sys.stderr.isatty() else end, end="", file=sys.stderr, flush=True)  # noqa: T201
        self.open = False


_STDERR = _Stderr()


def _say(line: str) -> None:
    _STDERR.close()
    print(line, file=sys.stderr)  # noqa: T201


def _print(line: str) -> None:
    _STDERR.close()
    print(line)  # noqa: T201


def _fail(line: str, code: int) -> int:
    _STDERR.close(end="")
    _say("lfp: " + " ".join(line.split()))
    return code


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int, float], None]]:
    """A bar on stderr with rate and time left, from the first step on."""
    bars: list[Any] = []
    with contextlib.ExitStack() as stack:

        def update(done: int, total: int, seconds: float) -> None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TimeRemainingColumn

            if not bars:
                _STDERR.close()
                columns = ("training", BarColumn(), "{task.completed}/{task.total} steps", "{task.fields[rate]}")
                bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
                bars.append(stack.enter_context(bar))
                bars[0].add_task("training", rate="")
            bars[0].update(0, completed=done, total=total, rate=f"{done / seconds:.0f} steps/s")

        yield update


if __name__ == "__main__":
    sys.exit(main())
