"""The commands that are killed, damaged and raced, small; what their folders must hold."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from lfp import _files
from tests.kills.processes import Command

_OVERLAY = (
    "--width",
    "64",
    "--points",
    "16",
    "--modes",
    "1-2",
    "--seeds",
    "2",
    "--theory",
    "ntk",
    "--optimizer",
    "sgd",
)
_BATCHES = ("--batch-size", "4", "--snapshots", "40")  # with keys in the state
TABLE = "x,y\n0,1\n0.3,2\n0.7,-1\n1,0.5\n"
SCRIPTS = Path(__file__).parent / "scripts"
TINY = ("--points", "16", "--modes", "1,2", "--steps", "8", "--snapshots", "4", "--seeds", "1")


@dataclass(frozen=True)
class Run:
    """A command, its folder of results within `out`, and how it goes on after a kill."""

    words: tuple[str, ...]
    place: str = "."
    resume: tuple[str, ...] = ()

    def arguments(self, out: Path) -> list[str]:
        """With its folder; the data lie beside it."""
        words = [str(out.parent / word) if word == "data.csv" else word for word in self.words]
        return [*words, "--json", "--out", str(out)]


def overlay(steps: int = 15000, seed: int = 0) -> Run:
    """An overlay of batches, which can be resumed."""
    return Run(("overlay", *_OVERLAY, *_BATCHES, "--steps", str(steps), "--seed", str(seed)), resume=("--resume",))


RUNS: dict[str, Run] = {
    "overlay": overlay(),
    "solve": Run(("solve", "--data", "data.csv", "--times", "0.1,1,inf")),
    "experiment": Run(("experiment", "run", "small", "--smoke", "--folder", str(SCRIPTS)), "small-smoke"),
    "sweep": Run(("overlay", *TINY, "--sweep", "width=16,32"), "*=*"),
}


def scratch(folder: Path) -> Path:
    """A folder with the data of the commands."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.csv").write_text(TABLE)
    return folder


def run(arguments: list[str], folder: Path) -> None:
    """A command that must come to its end."""
    command = Command(arguments, folder)
    code = command.end()
    assert code in (0, 1), f"exit {code}: {command.said()}"  # 1: the gates of an experiment are for its own seeds


def files(out: Path) -> set[str]:
    """Names of all files under a folder."""
    return {str(path.relative_to(out)) for path in out.rglob("*") if not path.is_dir()}


def arrays(path: Path) -> dict[str, bytes]:
    """Every array of a netCDF file as its bytes, read by xarray alone."""
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return {str(name): np.asarray(value.values).tobytes() for name, value in data.variables.items()}


def difference(out: Path, reference: Path) -> str | None:
    """What tells a folder from that of an undisturbed run; None where nothing does but times."""
    if files(out) != files(reference):
        return f"files that only one of both has: {sorted(files(out) ^ files(reference))}"
    for name in sorted(files(reference)):
        if name.endswith(".nc") and arrays(out / name) != arrays(reference / name):
            return f"{name} has other arrays"
        if Path(name).name == "result.json" and _untimed(out / name) != _untimed(reference / name):
            return f"{name} has other values"
        if Path(name).name == "config.json" and _settings(out / name) != _settings(reference / name):
            return f"{name} has other settings"
    return None


def _settings(path: Path) -> object:
    """Those of a run, wherever its data lie."""
    return {key: Path(str(value)).name for key, value in _files.read_json(path)["settings"].items()}


def _untimed(path: Path) -> object:
    return without(_files.read_result(path.parent), "seconds")


def without(value: object, key: str) -> object:
    """A result without what differs from run to run, at any depth."""
    if isinstance(value, dict):
        return {name: without(one, key) for name, one in value.items() if name != key}
    return [without(one, key) for one in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Case:
    """What was done, how it ended, and what is wrong with that."""

    kind: str
    words: str
    fault: str | None = None


def table(cases: list[Case]) -> list[str]:
    """Counts of every kind, and the faults."""
    kinds = sorted({case.kind for case in cases})
    rows = [(kind, [case for case in cases if case.kind == kind]) for kind in kinds]
    lines = [f"| {kind} | {len(some)} | {sum(case.fault is not None for case in some)} |" for kind, some in rows]
    return [*lines, *(f"FAULT {case.kind}: {case.words}: {case.fault}" for case in cases if case.fault)]


Search = Callable[[Path, np.random.Generator, int], list[Case]]
"""In a folder of its own, with its own chance, so many cases."""


def precise() -> None:
    """A process that searches: it imports this file, and could not import one called __main__."""
    import jax

    jax.config.update("jax_enable_x64", True)


def part(search: Callable[..., list[Case]], folder: Path, seed: tuple[int, int], count: int) -> list[Case]:
    """A search in a folder of its own; what it cannot do is a fault too."""
    try:
        return search(folder, np.random.default_rng(seed), count)
    except Exception as error:
        return [Case(folder.name, "the search itself", f"{type(error).__name__}: {error}")]
