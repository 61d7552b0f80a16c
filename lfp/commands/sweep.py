"""Overlays over a grid of settings: one folder each, the layers of the error against what was swept."""

import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lfp import _checks, _files
from lfp.commands import overlay
from lfp.commands.options import Overlay, allowed
from lfp.figures import plots
from lfp.figures.budget import averages, draw_budget
from lfp.measure.trajectory import load
from lfp.prediction.theory import layers
from lfp.training.loop import Progress

MEASURED = (*layers(), "d_sup")
SECONDS_BETWEEN_LOOKS = 1.0
"""At points that other processes work on."""
MOST_PANELS = 5
"""Of the picture from lazy to rich."""
_ATTEMPTS, _BETWEEN_CLEARANCES = 50, 10


def grid(base: Overlay, swept: Sequence[str]) -> list[tuple[dict[str, Any], Overlay]]:
    """Every combination of the values, given as `name=value,value,...`, with the settings that it makes."""
    axes: dict[str, list[Any]] = {}
    types = allowed(type(base))
    for text in swept:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            msg = f"sweep={text!r} cannot be read; allowed: name=value,value"
            raise _checks.InputError(msg)
        _checks.choice("sweep", name, [known for known, kind in types.items() if kind not in (bool, Path)])
        axes[name] = [_value(name, value, types[name]) for value in values.split(",")]
    flat = [len(values) != len(set(values)) for values in axes.values()]
    if not swept or len(axes) < len(swept) or any(flat):
        msg = f"sweep={' '.join(swept)!r} names a setting or a value twice; allowed: each once"
        raise _checks.InputError(msg)
    points = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    if len({_name(values) for values in points}) < len(points):
        msg = f"sweep={' '.join(swept)!r} has values that are alike in six digits; allowed: others"
        raise _checks.InputError(msg)
    return [(values, replace(base, **values)) for values in points]


def run(
    base: Overlay,
    swept: Sequence[str],
    out: str | Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
    say: Callable[[str], None] = print,
    settled: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Run every overlay of a grid that is not there yet, each in its own folder; then the table and the picture.

    Any number of processes or hosts may run the same command on one `out`: each takes what no other has begun. What
    a killed one left unfinished is run again.

    Returns:
        What result.json holds: `points`, one a configuration; `slopes` of log layer against the log of each setting
        and their standard errors, `slope_errors`; `missing`, the number of configurations without a result.
    """
    folder, points = Path(out), grid(base, swept)
    for _, point in points:  # what cannot be run is refused before anything is
        overlay.build_parts(point, lambda _: None)
    if base.subsample is not None and not base.even and "seed" in points[0][0]:
        say(f"every seed draws its own {base.subsample} rows; --even takes the same ones")
    settings = {"sweep": list(swept), **asdict(base)}
    _claim(folder, settings, force)
    settled()
    began, told = time.time(), set()

    def once(line: str) -> None:
        if line not in told and not line.endswith(" ..."):  # phases of a point
            told.add(line)
            say(line)

    with _files.held(folder, shared=True):
        _files.refuse_taken(folder, settings)  # between the claim and this, another sweep may have taken it over
        waiting = list(enumerate(points, 1))
        while waiting:
            left = [
                (number, one)
                for number, one in waiting
                if not _take(folder, f"{number}/{len(points)}", *one, began if force else None, progress, once)
            ]
            if len(left) == len(waiting):  # in the hands of others, which may die
                time.sleep(SECONDS_BETWEEN_LOOKS)
            waiting = left
        return _summary(folder, points)


def _claim(folder: Path, settings: dict[str, Any], force: bool) -> None:
    """The folder of the sweep, by the first of its processes; the others find it made."""
    for attempt in itertools.count():
        same = _files.settings_of(folder) == _files.plain(settings)
        if same and (not force or attempt):
            return
        try:
            with _files.held(folder):
                _files.claim(folder, settings, force=force)
            return
        except _files.Held:
            if attempt == _ATTEMPTS:
                raise
            time.sleep(0.1)


def _take(
    folder: Path,
    number: str,
    values: dict[str, Any],
    point: Overlay,
    since: float | None,
    progress: Progress | None,
    say: Callable[[str], None],
) -> bool:
    """Run a point unless it is finished, where `since` is given after that; not where another process works on it."""
    place = folder / _name(values)
    try:
        with _files.held(place):
            done = _finished(place, point) and (since is None or (place / "result.json").stat().st_mtime >= since)
            say(f"{number} {place.name}{': there already' if done else ''}")
            if done:
                return True
            # what is damaged or was interrupted is run again; what is another run is refused
            ours = _files.settings_of(place) == _files.plain(asdict(point)) or _files.damaged(place)
            found = overlay.run(
                point, place, force=ours or since is not None, remedies=False, progress=progress, say=say
            )
            if found["interrupted"]:
                raise KeyboardInterrupt
            if len(list(folder.glob("*/result.json"))) % _BETWEEN_CLEARANCES == 0:
                jax.clear_caches()  # programs of points that are done
            return True
    except _files.Held:
        say(f"{number} {place.name}: another process has it")
        return False


def _value(name: str, text: str, kind: Any) -> Any:
    if isinstance(kind, tuple):
        return _checks.choice(name, text, kind)
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
    """Whether a point was run to its end; a damaged one was not."""
    with contextlib.suppress(_checks.InputError):
        return _files.finished(place, asdict(settings)) is not None
    return False


def _summary(folder: Path, points: list[tuple[dict[str, Any], Overlay]]) -> dict[str, Any]:
    """result.json and the picture, from the folders that are finished."""
    done = [(values, folder / _name(values)) for values, point in points if _finished(folder / _name(values), point)]
    rows = []
    for values, place in done:
        stored = _files.read_result(place)
        kept = {key: stored[key] for key in ("d_sup", "d_sup_expected", "laziness", "verdict", "forecast")}
        rows.append({**values, **stored["budget"], **kept})
    names = list(points[0][0])
    fits = {"slopes": slopes(rows, names), "slope_errors": slope_errors(rows, names)}
    result = _files.write_result(folder, {"points": rows, **fits, "missing": len(points) - len(rows)})
    if rows:
        with plots.style():
            names = [name for name, value in points[0][0].items() if not isinstance(value, str)]
            fig, axes = plots.figure(columns=max(1, len(names)), width=3.2 * max(1, len(names)), height=3.0)
            plots.plot_layers(list(np.atleast_1d(axes)), rows, names, MEASURED)
            _files.save_figure(fig, folder, "sweep")
        _draw_budget(folder, points, rows)
        _draw_dial(folder, done)
    return result


def _draw_dial(folder: Path, done: list[tuple[dict[str, Any], Path]]) -> None:
    """From lazy to rich: modes at every gamma, of mean field, linear theory and training; of a sweep of it alone."""
    shown = [(values["gamma"], place) for values, place in sorted(done, key=_by_gamma) if set(values) == {"gamma"}]
    panels = [(gamma, load(place / "curves.nc")) for gamma, place in shown]
    panels = [(gamma, data) for gamma, data in panels if "remaining_linear" in data and "part" in data.dims]
    if panels:
        panels = [panels[i] for i in np.unique(np.linspace(0, len(panels) - 1, MOST_PANELS).astype(int))]
        with plots.style():
            fig, axes = plots.figure(columns=len(panels), width=1.2 + 2.2 * len(panels), height=3.0)
            plots.plot_dial(list(np.atleast_1d(axes)), panels)
            _files.save_figure(fig, folder, "dial")


def _by_gamma(point: tuple[dict[str, Any], Path]) -> float:
    return point[0].get("gamma") or 0.0


def _draw_budget(folder: Path, points: list[tuple[dict[str, Any], Overlay]], rows: list[dict[str, Any]]) -> None:
    """The stack over every setting, the mean of the other settings; of one theory only, for a stack is one way."""
    theory = rows[0].get("theory", points[0][1].theory)
    alike = [row for row in rows if row.get("theory", theory) == theory]
    panels = []
    for name in points[0][0]:
        means = averages(alike, name)
        panels.append((name.replace("_", " "), list(means.values()), [_text(value) for value in means]))
    draw_budget(folder, theory, panels)


def slopes(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Exponents of every layer in every swept number: log layer = c + sum_i p_i log x_i by least squares.

    Words, seeds, settings with a 0 and settings of one value have no exponent.
    """
    return {layer: powers for layer, (powers, _) in _fits(rows, names).items()}


def slope_errors(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Standard error of every exponent, from what the fit leaves; none where it has no row to spare."""
    return {layer: errors for layer, (_, errors) in _fits(rows, names).items()}


def _fits(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, tuple[dict[str, float], dict[str, float]]]:
    """Exponents of every layer and their standard errors."""
    fits = {}
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
            rounded = [(name, round(float(power), 4), round(float(error), 4)) for name, power, error in pairs]
            errors = {name: error for name, _, error in rounded} if spare else {}
            fits[layer] = {name: power for name, power, _ in rounded}, errors
    return fits


def _varies(values: list[Any]) -> bool:
    """Whether these are two positive numbers or more."""
    return len(set(values)) > 1 and all(isinstance(value, int | float) and value > 0 for value in values)
