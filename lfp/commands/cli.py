"""The command line.

Exit 0 when it ran; 1 when a gate was missed, a benchmark failed, training diverged or a process was killed; 2 with one
line on stderr when the input is bad; 130 on Ctrl-C, 143 on SIGTERM. The parser knows neither jax nor numpy: a job
imports what it uses.
"""

import contextlib
import difflib
import inspect
import io
import re
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from json import dumps
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tyro

from lfp import _checks, _files
from lfp.commands import cache, streams, tables
from lfp.commands.options import Learn, Overlay, Solve, Spectrum, allowed, refuse_words
from lfp.commands.stderr import LONGEST, Stderr
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

        how = {"force": force, "progress": _STDERR.update, "say": _say}
        if sweep:
            return grid.run(settings, sweep, out, settled=_STDERR.close, **how)
        return overlay.run(settings, out, resume=resume, **how)

    def check() -> None:
        if not sweep:
            settings.check()
        elif resume:
            msg = "resume=True with sweep; allowed: without, what is finished is not run again"
            raise _checks.InputError(msg)

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


def learn(
    settings: Annotated[Learn, tyro.conf.arg(name="")],
    out: Path = Path("learn"),
    json: bool = False,
    force: bool = False,
) -> Job:
    """Test error of each mode against samples, noise and steps: theory, kernel regression, networks.

    Args:
        settings: target, samples, network.
        out: folder for config.json, result.json, curves.nc, learn.csv and the pictures
        json: print result.json to stdout, and nothing else there
        force: take over a folder that holds another run
    """

    def work() -> dict[str, Any]:
        from lfp.commands import learn

        return learn.run(settings, out, force=force, say=_say)

    return _job("learn", work, tables.show_learning, out, json, settings.check)


def explore(out: Path = Path("explore.html"), force: bool = False) -> Job:
    """Write a page that predicts and trains in the browser: one file, nothing else, no network.

    Args:
        out: file of the page
        force: replace a file that is no such page
    """

    def job() -> int:
        from lfp.commands import explore

        return explore.run(out, force=force)

    return job


def animate(
    folder: Annotated[Path, tyro.conf.Positional],
    format: Literal["gif", "mp4", "html"] | None = None,
    seconds: float = 8.0,
    json: bool = False,
) -> Job:
    """Make a film of a finished run, theory beside training, for slides: animation.gif in its folder, and another.

    Args:
        folder: of `lfp overlay`, or of `lfp solve --image`
        format: what is written; without it a GIF, and an MP4 where ffmpeg is, else a page of HTML
        seconds: how long it takes
        json: print its files to stdout as JSON, and nothing else there
    """

    def work() -> dict[str, Any]:
        from lfp.commands import animate

        return animate.run(folder, kind=format, seconds=seconds, say=_say)

    def check() -> None:
        _checks.within("seconds", seconds, 0.1, 600.0)

    return _job("animate", work, tables.show_film, folder, json, check)


def experiment_run(
    name: Annotated[str, tyro.conf.Positional] = "all",
    out: Path = Path("results"),
    smoke: bool = False,
    seed: int = 0,
    jobs: int | None = None,
    json: bool = False,
    force: bool = False,
    folder: Path = claims.EXPERIMENTS,
) -> Job:
    """Run one experiment or all of them: each a theory curve, a real training, gates and controls.

    Args:
        name: of the experiment; all of them without it
        out: folder of folders, one an experiment; what is finished there is not run again
        smoke: small settings: seconds in place of minutes
        seed: the first seed: shifts every seed of an experiment, in a folder of its own
        jobs: how many run side by side when all are run; without it 2
        json: print the result to stdout as JSON, and nothing else there
        force: run again what is there
        folder: where the experiments are: those of lfp, or your own. Their code is run
    """

    def work() -> dict[str, Any]:
        from lfp.harness import experiment, suite

        how = {"smoke": smoke, "seed": seed, "force": force, "folder": folder, "say": _say}
        if name == "all":
            return suite.run_all(out, jobs=2 if jobs is None else jobs, **how)
        return experiment.run(name, out, **how)

    def check() -> None:
        _checks.within("seed", seed, 0, 2**31 - 1)
        claims.refuse_none(folder) if name == "all" else claims.refuse_unknown(name, folder)
        if jobs is not None:
            _checks.within("jobs", jobs, 1, 256)
            if name != "all":
                msg = f"jobs={jobs} with one experiment; allowed: with all of them"
                raise _checks.InputError(msg)

    return _job("experiment", work, tables.show_experiments, out, json, check)


def experiment_list(folder: Path = claims.EXPERIMENTS) -> Job:
    """Their names, papers and claims.

    Args:
        folder: where the experiments are: those of lfp, or your own. They are read, not run
    """
    return partial(tables.list_experiments, folder)


def experiment_cards(out: Path = Path("results"), folder: Path = claims.EXPERIMENTS) -> Job:
    """What finished experiments found, in Markdown: a card each.

    Args:
        out: folder of their results
        folder: where the experiments are: those of lfp, or your own. They are read, not run
    """
    return partial(_print_card, "cards", out, folder)


def experiment_margins(out: Path = Path("results"), folder: Path = claims.EXPERIMENTS) -> Job:
    """The nearest gates of finished experiments, in Markdown.

    Args:
        out: folder of their results
        folder: where the experiments are: those of lfp, or your own. They are read, not run
    """
    return partial(_print_card, "margins", out, folder)


def _print_card(what: str, out: Path, folder: Path) -> int:
    from lfp.harness import cards

    print(getattr(cards, what)(out, folder), end="")  # noqa: T201
    return 0


def bench_run(
    name: Annotated[str, tyro.conf.Positional],
    out: Path = Path("bench"),
    arguments: tuple[str, ...] = (),
    json: bool = False,
    force: bool = False,
    folder: Path = claims.BENCHMARKS,
) -> Job:
    """Run a benchmark of lfp against its peer, in a process of its own.

    Args:
        name: of the benchmark to run
        out: folder for config.json and result.json
        arguments: handed to the script
        json: print result.json to stdout, and nothing else there
        force: take over a folder that holds another run
        folder: where the benchmarks are: those of lfp, or your own. The code is run
    """

    def work() -> dict[str, Any]:
        from lfp.harness import bench

        how: dict[str, Any] = {"arguments": arguments, "force": force, "folder": folder}
        return bench.run(name, out, say=_say if json else _print, **how)

    def check() -> None:
        _checks.choice("name", name, claims.benchmarks(folder))

    return _job("bench", work, tables.show_benchmark, out, json, check)


def bench_list(folder: Path = claims.BENCHMARKS) -> Job:
    """Their names and claims.

    Args:
        folder: where the benchmarks are: those of lfp, or your own. They are read, not run
    """
    return partial(tables.list_benchmarks, folder)


def experiment(action: Annotated[Literal["list", "run", "cards", "margins"], tyro.conf.Positional]) -> Job:
    """Reproduce the works that lfp rests on, list them, print what was found (lfp experiment run --help)."""
    return _parse(["experiment", action])


def bench(action: Annotated[Literal["list", "run"], tyro.conf.Positional]) -> Job:
    """Run a benchmark of lfp against its peer, or list them (lfp bench run --help)."""
    return _parse(["bench", action])


COMMANDS = {
    **{"overlay": overlay, "solve": solve, "spectrum": spectrum, "learn": learn},
    **{"animate": animate, "explore": explore, "experiment": experiment, "bench": bench},
}
SETTINGS = {"overlay": Overlay, "solve": Solve, "spectrum": Spectrum, "learn": Learn}
ACTIONS: dict[str, dict[str, Callable[..., Job]]] = {
    "experiment": {
        "list": experiment_list,
        "run": experiment_run,
        "cards": experiment_cards,
        "margins": experiment_margins,
    },
    "bench": {"list": bench_list, "run": bench_run},
}
"""Commands of two words."""


_terminated: list[bool] = []
"""Whether SIGTERM came."""
_given: list[str] = []
"""The arguments of the command that runs."""


def _terminate(*_: object) -> None:
    """SIGTERM is Ctrl-C with an exit code of its own: what there is is written, workers end."""
    _terminated.append(True)
    raise KeyboardInterrupt


@streams.lasting()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run `lfp`; returns the exit code."""
    _terminated.clear()
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGTERM, _terminate)
    _given[:] = sys.argv[1:] if arguments is None else arguments
    try:
        code = _parse(_given)()
        sys.stdout.flush()
        return code
    except _checks.InputError as error:
        return _fail(str(error), USER_SLIP)
    except OSError as error:
        what = f"out: {str(error.filename)!r}" if error.filename else "out, or stdout,"
        return _fail(f"{what} cannot be read or written: {error.strerror or error}", USER_SLIP)
    except (FloatingPointError, claims.BrokenScript) as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        with contextlib.suppress(ValueError):  # a second one finds nothing to interrupt
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return _fail(f"interrupted; again: {_again()}", _interrupted())
    except (RuntimeError, MemoryError) as error:
        line = _of_the_machine(error)
        if line is None:
            raise
        return _fail(line, FAILED)


def _of_the_machine(error: Exception) -> str | None:
    """A line about an error that is none of lfp's; JAX's by their names, for their modules take their time."""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "there is not enough memory for this; fewer points, neurons or seeds need less"
    if type(error).__name__ == "BrokenProcessPool":
        return "a process was killed, as for want of memory; the same command goes on, --jobs 1 needs less"
    return None


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
        _say(f"lfp {command}: loading ...")
        import jax

        jax.config.update("jax_enable_x64", True)
        # else GPUs and TPUs multiply matrices of float32 with 10 or 7 bits of mantissa
        jax.config.update("jax_default_matmul_precision", "highest")
        cache.keep_programs()
        if command not in SETTINGS:  # which are checked only as they are built
            _STDERR.close()
        result = work()
        _STDERR.close()
        if json:
            print(dumps(_files.plain(result), indent=2))  # noqa: T201
        else:
            show(result, out)
        if result.get("interrupted"):
            _say(f"lfp: to go on: {_again()}")
            return _interrupted()
        return FAILED if result.get("passed") is False or result.get("missing") else 0

    return job


def _again() -> str:
    """The command that goes on, or begins again where nothing is kept."""
    single = _given[:1] == ["overlay"] and not any(word.startswith("--sweep") for word in _given)
    return f"lfp {shlex.join([*_given, *(['--resume'] if single and '--resume' not in _given else [])])}"


def _interrupted() -> int:
    return TERMINATED if _terminated else INTERRUPTED


def _parse(arguments: Sequence[str]) -> Job:
    """The job that the arguments ask for; tyro's boxed complaints become one line."""
    if arguments[:1] == ["--version"]:
        return _show_version
    words, commands, prog = list(arguments), dict[str, Callable[..., Job]](COMMANDS), "lfp"
    _refuse_word("command", words, commands)
    if words and words[0] in ACTIONS and words[1:2] not in ([], ["-h"], ["--help"]):
        prog, commands, words = f"lfp {words[0]}", ACTIONS[words[0]], words[1:]
        _refuse_word("action", words, commands)
    spoken = io.StringIO()
    try:
        with contextlib.redirect_stderr(spoken):
            config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
            return tyro.extras.subcommand_cli_from_dict(commands, args=words, prog=prog, config=config)
    except SystemExit as stop:
        if not stop.code:
            raise
        if words and words[0] in commands:
            _refuse_options(f"{prog} {words[0]}", commands[words[0]], words)
            refuse_words(SETTINGS.get(words[0]), words[1:])
        lines = (re.sub(r"[\u2500-\u257f]+|-{4,}", " ", line).strip() for line in spoken.getvalue().splitlines()[1:])
        raise _checks.InputError(" ".join(filter(None, lines))[:LONGEST]) from None


def _refuse_word(name: str, words: Sequence[str], known: dict[str, Any]) -> None:
    """Refuse a first word that is none of those known; options there are the parser's."""
    if words and not words[0].startswith("-"):
        _checks.choice(name, words[0], known)


def _refuse_options(spoken: str, command: Callable[..., Job], words: Sequence[str]) -> None:
    """Refuse the first option that a command does not have, naming the nearest that it has."""
    own = inspect.signature(command).parameters.items()
    named = [name for name, one in own if name != "settings" and tyro.conf.Positional not in get_args(one.annotation)]
    options = {f"--{name.replace('_', '-')}" for name in (*named, *allowed(SETTINGS.get(words[0])))}
    for word in words[1:]:
        option = word.split("=")[0].replace("_", "-")
        if re.match("--[a-z]", option) and option != "--help" and option not in options:
            near = difflib.get_close_matches(option, options, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            msg = f"{option} is no option of {spoken}{hint}; allowed: those of {spoken} --help"
            raise _checks.InputError(msg)


def _show_version() -> int:
    print(f"lfp {_files.version_of('lfp-jax')}")  # noqa: T201
    return 0


_STDERR = Stderr()
_say = _STDERR.say


def _print(line: str) -> None:
    _STDERR.close()
    print(line)  # noqa: T201


def _fail(line: str, code: int) -> int:
    _STDERR.fail(line)
    return code


if __name__ == "__main__":
    sys.exit(main())
