"""Overlays over a grid of settings: one folder each, the layers of the error against what was swept."""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lfp import _checks, overlay, plotting, results
from lfp.budget import averages, draw_budget
from lfp.overlay import Overlay
from lfp.prediction import LAYERS
from lfp.training import Progress

MEASURED = (*LAYERS, "d_sup")


def grid(base: Overlay, swept: Sequence[str]) -> list[tuple[dict[str, Any], Overlay]]:
    """Every combination of the values, with the settings that it makes.

    Args:
        base: settings that are not swept.
        swept: `name=value,value,...`, names those of `Overlay`.

    Raises:
        InputError: an unknown name, a value of another type, a name or value given twice.

    Example:
        >>> [values for values, _ in grid(Overlay(), ["width=64,128", "alpha=1"])]
        [{'width': 64, 'alpha': 1.0}, {'width': 128, 'alpha': 1.0}]
    """
    axes: dict[str, list[Any]] = {}
    types = {field.name: type(getattr(base, field.name)) for field in fields(base)}
    for text in swept:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            msg = f"sweep={text!r} cannot be read; allowed: name=value,value"
            raise _checks.InputError(msg)
        _checks.choice("sweep", name, [known for known, kind in types.items() if kind in (int, float, str)])
        axes[name] = [_value(name, value, types[name]) for value in values.split(",")]
    flat = [len(values) != len(set(values)) for values in axes.values()]
    if not swept or len(axes) < len(swept) or any(flat):
        msg = f"sweep={' '.join(swept)!r} names a setting or a value twice; allowed: each once"
        raise _checks.InputError(msg)
    points = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return [(values, replace(base, **values)) for values in points]


def run(
    base: Overlay,
    swept: Sequence[str],
    out: str | Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Run every overlay of a grid that is not there yet, each in its own folder; then the table and the picture.

    Any number of processes or hosts may run the same command on one `out`: each takes what no other has begun. What
    a killed one left unfinished is run again.

    Args:
        base: settings that are not swept.
        swept: `name=value,value,...`.
        out: folder of folders.
        force: take over folders that hold other runs.
        progress: as in `train`.
        say: receives remarks, one line each.

    Returns:
        What result.json holds: `points`, one a configuration; `slopes` of log layer against the log of each setting
        and their standard errors, `slope_errors`; `missing`, the number of configurations that other processes have
        not finished.

    Raises:
        InputError: settings that cannot be run, a folder that holds something else.

    Example:
        >>> import tempfile
        >>> small = Overlay(points=16, modes="1-2", steps=5, seeds=1)
        >>> quiet = {"say": lambda line: None}
        >>> len(run(small, ["width=32"], tempfile.mkdtemp(), **quiet)["points"])
        1
    """
    folder, points = Path(out), grid(base, swept)
    for _, one in points:  # what cannot be built is refused before anything is run
        overlay.build_network(one)
    settings = {"sweep": list(swept), **asdict(base)}
    results.claim(folder, settings, force=force)
    for number, (values, one) in enumerate(points, 1):
        place = folder / _name(values)
        with _lock(place) as free:
            if not free:
                say(f"{number}/{len(points)} {place.name}: another process has it")
            elif _finished(place, one):
                say(f"{number}/{len(points)} {place.name}: there already")
            else:
                say(f"{number}/{len(points)} {place.name}")
                if overlay.run(one, place, force=force, progress=progress, say=say)["interrupted"]:
                    (place / "result.json").unlink()
                    raise KeyboardInterrupt
    return _summary(folder, points)


def _value(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        msg = f"sweep={name}={text} is no {kind.__name__}; allowed: {name}=value,value"
        raise _checks.InputError(msg) from None


def _name(values: dict[str, Any]) -> str:
    return ",".join(f"{name}={_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _finished(place: Path, settings: Overlay) -> bool:
    return (place / "result.json").exists() and results.settings_of(place) == results.plain(asdict(settings))


@contextlib.contextmanager
def _lock(place: Path) -> Iterator[bool]:
    """Whether this process alone works in the folder, as long as it lives: locks of the dead are forgotten."""
    with place.with_name(f".{place.name}.lock").open("w") as file:
        try:
            import fcntl
        except ImportError:  # no such locks on Windows: one process there
            yield True
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _summary(folder: Path, points: list[tuple[dict[str, Any], Overlay]]) -> dict[str, Any]:
    """result.json and the picture, from the folders that are finished."""
    done = [(values, folder / _name(values)) for values, one in points if _finished(folder / _name(values), one)]
    rows = []
    for values, place in done:
        one = json.loads((place / "result.json").read_text())
        kept = {key: one[key] for key in ("d_sup", "d_sup_expected", "laziness", "verdict", "forecast")}
        rows.append({**values, **one["budget"], **kept})
    names = list(points[0][0])
    result = {"points": rows, "slopes": slopes(rows, names), "slope_errors": slope_errors(rows, names)}
    result["missing"] = len(points) - len(rows)
    results.write_json(folder / "result.json", result)
    if rows:
        with plotting.style():
            names = [name for name, value in points[0][0].items() if not isinstance(value, str)]
            fig, axes = plotting.figure(columns=max(1, len(names)), width=3.2 * max(1, len(names)), height=3.0)
            plotting.plot_layers(list(np.atleast_1d(axes)), rows, names, MEASURED)
            results.save_figure(fig, folder, "sweep")
        _draw_budget(folder, points, rows)
    return result


def _draw_budget(folder: Path, points: list[tuple[dict[str, Any], Overlay]], rows: list[dict[str, Any]]) -> None:
    """The stack over every setting, the mean of the other settings; of one theory only, for a stack is one way."""
    theory = rows[0].get("theory", points[0][1].theory)
    alike = [row for row in rows if row.get("theory", theory) == theory]
    panels = []
    for name in points[0][0]:
        found = averages(alike, name)
        panels.append((name.replace("_", " "), list(found.values()), [_text(value) for value in found]))
    draw_budget(folder, theory, panels)


def slopes(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Exponents of every layer in every swept number: log layer = c + sum_i p_i log x_i by least squares.

    Args:
        rows: a configuration each, with the swept settings and the layers; None where a layer was not measured.
        names: the swept settings; words, seeds, settings with a 0 and settings of one value have no exponent.

    Example:
        >>> slopes([{"width": w, "d_sup": 3 / w**0.5} for w in (1, 4, 16)], ["width"])["d_sup"]
        {'width': -0.5}
    """
    return {layer: powers for layer, (powers, _) in _fits(rows, names).items()}


def slope_errors(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Standard error of every exponent, from what the fit leaves; none where it has no row to spare.

    Args:
        rows: as in `slopes`.
        names: as in `slopes`.

    Example:
        >>> slope_errors([{"width": w, "d_sup": 3 / w**0.5} for w in (1, 4, 16)], ["width"])["d_sup"]
        {'width': 0.0}
    """
    return {layer: errors for layer, (_, errors) in _fits(rows, names).items()}


def _fits(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, tuple[dict[str, float], dict[str, float]]]:
    """Exponents of every layer and their standard errors."""
    found = {}
    for layer in MEASURED:
        known = [row for row in rows if row.get(layer)]
        numbers = [name for name in names if name != "seed" and _varies([row[name] for row in known])]
        spare = len(known) - len(numbers) - 1
        if numbers and spare >= 0:
            design = np.column_stack([np.ones(len(known)), *(np.log([row[n] for row in known]) for n in numbers)])
            logs = np.log([row[layer] for row in known])
            powers = np.linalg.lstsq(design, logs, rcond=None)[0]
            variance = np.linalg.pinv(design.T @ design).diagonal() * ((logs - design @ powers) ** 2).sum()
            pairs = zip(numbers, powers[1:], np.sqrt(variance[1:] / max(spare, 1)), strict=True)
            fits = [(name, round(float(power), 4), round(float(error), 4)) for name, power, error in pairs]
            errors = {name: error for name, _, error in fits} if spare else {}
            found[layer] = {name: power for name, power, _ in fits}, errors
    return found


def _varies(values: list[Any]) -> bool:
    """Whether these are two positive numbers or more."""
    return len(set(values)) > 1 and all(isinstance(value, int | float) and value > 0 for value in values)
