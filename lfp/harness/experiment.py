"""Experiments: the claim of a paper predicted, measured and judged. One file each, in experiments/.

A file holds PAPER, PREDICTED and CAPTION (one line each), `Config` (`Settings` and its own, frozen), SMOKE (a small
one), and

    run(config, stage) -> arrays     theory first, then training; work that takes long goes through `stage`
    check(data, config) -> gates     one `Gate` a claim, and the controls, which must fail
    plot(data, config) -> figure     from the stored arrays alone

with `data` the arrays as an xarray.Dataset. The first line of its docstring is the claim.
"""

import contextlib
import importlib.util
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lfp import _checks, _files
from lfp.figures import plots
from lfp.harness.claims import EXPERIMENTS, BrokenScript, refuse_unknown
from lfp.measure.probes import ModeCurves
from lfp.measure.trajectory import is_ours, labelled, load, parts, save

Arrays = dict[str, tuple[Sequence[str], Any]]
Stage = Callable[[str, Callable[[], Arrays]], Arrays]


@dataclass(frozen=True)
class Settings:
    """What every `Config` has: its seeds, one a row of the measurements.

    Args:
        seeds: how many.
        seed: the first of them; whatever is random hangs on it (`--seed` of the command).

    Example:
        >>> list(Settings(seeds=3, seed=1000).each_seed)
        [1000, 1001, 1002]
    """

    seeds: int = 5
    seed: int = 0

    @property
    def each_seed(self) -> range:
        """All of them."""
        return range(self.seed, self.seed + self.seeds)


class Kept:
    """Parts of a run, each done once and kept in a file: a run that was killed goes on after the last of them.

    Args:
        folder: of the files.
        say: receives the name of a part.
        settings: of the run.
        fresh: take nothing that is there: a part that is damaged is made again.
    """

    def __init__(
        self, folder: Path, say: Callable[[str], None], settings: dict[str, Any] | None = None, fresh: bool = False
    ) -> None:
        self.folder, self.say, self.settings, self.fresh, self.before = folder, say, settings or {}, fresh, 0.0

    def __call__(self, name: str, work: Callable[[], Arrays]) -> Arrays:
        """The arrays of a part: read if it was done before, else made and kept."""
        path = self.folder / f"{re.sub('[^a-z0-9]+', '-', name.lower())}.nc"
        settings = {**self.settings, "part": name}
        if path.exists() and not self.fresh:
            self.say(f"{name}: kept")
            data = _load(path, settings)
            self.before += data.attrs["seconds"]
            return {key: (array.dims, array.values) for key, array in data.variables.items()}
        self.say(name)
        began = time.perf_counter()
        arrays = work()
        data = labelled({}, **arrays)
        self.folder.mkdir(exist_ok=True)
        _save(path, data, settings, time.perf_counter() - began)
        return arrays


def _save(path: Path, data: Any, settings: dict[str, Any], seconds: float) -> None:
    """Write arrays with the time that they took and the run that they are of."""
    save(path, data.assign_attrs(seconds=seconds, run=_files.identity(settings)))


def _load(path: Path, settings: dict[str, Any]) -> Any:
    """Read what `_save` wrote, and refuse that of another run or part."""
    data = load(path)
    if data.attrs.get("run") != _files.identity(settings):
        msg = f"{str(path)!r} is of another run or part; allowed: a file of these settings (--force runs it again)"
        raise _files.Damaged(msg)
    return data


def direct(name: str, work: Callable[[], Arrays]) -> Arrays:  # noqa: ARG001 - a stage has a name
    """A stage that keeps nothing, for calls of an experiment's `run` from Python."""
    return work()


def pack(name: str, curves: ModeCurves) -> Arrays:
    """Mode curves as arrays to store: step, mode, whether it is of the target, and what remains, re and im."""
    run, step, mode = (f"{name}_{dimension}" for dimension in ("run", "step", "mode"))
    return {
        name: ((run, step, mode, "part"), parts(curves.remaining)),
        step: ((step,), curves.steps),
        mode: ((mode,), curves.modes),
        f"{name}_present": ((mode,), curves.present),
    }


def unpack(data: Any, name: str) -> ModeCurves:
    """The mode curves that `pack` stored under a name."""
    steps, modes, present = (data[f"{name}_{part}"].values for part in ("step", "mode", "present"))
    return ModeCurves(steps, modes, data[name].values @ np.array([1, 1j]), present)


@contextlib.contextmanager
def _of_script(path: Path) -> Iterator[None]:
    """Say where in its file an experiment failed, whatever it raised; but numbers that diverge, disks and memory."""
    try:
        yield
    except (FloatingPointError, MemoryError, _files.Damaged):
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        places = [i for i, frame in enumerate(frames) if frame.filename == str(path.absolute())]
        lines = [frames[i].lineno for i in places]
        ours = isinstance(error, _checks.InputError) and not lines
        behind = frames[places[-1] + 1 :] if places else frames
        disk = isinstance(error, OSError) and any(frame.filename == _files.__file__ for frame in behind)
        if ours or disk or "RESOURCE_EXHAUSTED" in str(error):
            raise
        where = f"{path.name}:{lines[-1]}" if lines else path.name
        msg = f"experiment {path.stem} is broken: {where}: {type(error).__name__}: {error}"
        raise BrokenScript(msg) from error


def experiment(name: str, folder: Path = EXPERIMENTS) -> Any:
    """The module of an experiment."""
    refuse_unknown(name, folder)
    path = folder / f"{name}.py"
    spec: Any = importlib.util.spec_from_file_location(f"experiments.{name}", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look their module up
    with _of_script(path):
        spec.loader.exec_module(module)
    return module


def folder_name(name: str, smoke: bool = False, seed: int = 0) -> str:
    """The folder of a run among those of others.

    Example:
        >>> folder_name("decay"), folder_name("decay", smoke=True, seed=1000)
        ('decay', 'decay-smoke-seed1000')
    """
    return name + "-smoke" * smoke + (f"-seed{seed}" if seed else "")


def shifted(name: str, config: Any, seed: int) -> Any:
    """The settings with another first seed."""
    if not _checks.integer("seed", seed, 0):
        return config
    if not isinstance(config, Settings):
        msg = f"seed={seed}: Config of {name} does not say what it shifts; allowed: 0, or a Config that is a `Settings`"
        raise _checks.InputError(msg)
    return replace(config, seed=seed)


def run(
    name: str,
    out: str | Path = "results",
    *,
    smoke: bool = False,
    seed: int = 0,
    force: bool = False,
    folder: Path = EXPERIMENTS,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Run an experiment, or only judge and draw it again where its arrays are there for these settings.

    Args:
        name: of the experiment.
        out: folder of folders; this run's is `name`, with `-smoke` and `-seed1000` behind it where these are given.
        smoke: small settings, seconds.
        seed: the first seed: shifts every seed of the experiment.
        force: run again, whatever is there: needed after a change of the code, which the settings do not show.
        folder: where the experiments are.
        say: receives remarks, one line each.

    Returns:
        What result.json holds: `gates`, `passed`, `seconds` of all its parts; `error` where no gate is a control.

    Raises:
        InputError: an unknown name; a seed below 0, or that the `Config` has no field for; a folder that holds a run
            with other settings, and `force` is off.
    """
    module, began = experiment(name, folder), time.perf_counter()
    claim = (module.__doc__ or "").split("\n")[0]
    with _of_script(folder / f"{name}.py"):
        config = shifted(name, module.SMOKE if smoke else module.Config(), seed)
        settings = {"experiment": name, **asdict(config)}
    place = Path(out) / folder_name(name, smoke, seed)
    with _files.held(place):
        say(f"{name}: {claim}")
        _files.refuse_taken(place, settings, force=force)
        fresh = force or not _files.same_draws(place, _files.environment())
        kept = not fresh and _files.settings_of(place) == _files.plain(settings) and (place / "curves.nc").exists()
        if not kept:
            if fresh:  # before the folder is of these settings: a kill leaves no parts of what was
                _remove(place / "parts")
            _files.claim(place, settings, force=force)
            stage = Kept(place / "parts", lambda part: say(f"{name}: {part}"), settings, fresh)
            with _of_script(folder / f"{name}.py"):
                data = labelled({}, **module.run(config, stage))
            _save(place / "curves.nc", data, settings, time.perf_counter() - began + stage.before)
        _remove(place / "parts")  # after a kill too
        with _of_script(folder / f"{name}.py"):
            return _judge(module, name, claim, config, place, settings)


def _remove(parts: Path) -> None:
    """Remove the parts of runs, whole, damaged or half-written, and the folder where nothing else is in it."""
    for path in [*parts.glob("*.nc"), *parts.glob(f"*.nc.*{_files.PARTIAL}")]:
        if path.suffix != ".nc" or is_ours(path):
            path.unlink()
    with contextlib.suppress(OSError):
        parts.rmdir()


def _judge(module: Any, name: str, claim: str, config: Any, place: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Gates and picture from the stored arrays: result.json."""
    data = _load(place / "curves.nc", settings)
    gates = module.check(data, config)
    with plots.style():
        _files.save_figure(module.plot(data, config), place, "experiment")
    result = {
        "name": name,
        "paper": module.PAPER,
        "claim": claim,
        "gates": [gate.row() for gate in gates],
        "passed": all(gate.passed for gate in gates) and any(gate.control for gate in gates),
        "seconds": round(float(data.attrs["seconds"]), 1),
    }
    if not any(gate.control for gate in gates):
        result["error"] = "no gate is a control, which must fail: nothing shows that the others could"
    return _files.write_result(place, result)
