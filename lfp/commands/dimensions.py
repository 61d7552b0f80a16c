"""Data in several dimensions and what is followed of it, as the options of `lfp overlay` ask."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from lfp import _checks
from lfp.commands.options import SPACES, Overlay, numbers
from lfp.domains.harmonics import Graded, resolved_degree, sum_of_degrees
from lfp.domains.hypercube import Hypercube
from lfp.domains.joint import Joint
from lfp.domains.named import domain
from lfp.domains.problems import Points, merge
from lfp.domains.tables import Table
from lfp.domains.torus import Torus
from lfp.domains.units import Units, units_of
from lfp.measure.filters import median_distance
from lfp.measure.probes import Data, FilterProbe, Probe
from lfp.measure.projections import DegreeProbe, DirectionProbe, principal_rank
from lfp.spectra.ranks import RankProbe, carrying_ranks

Say = Callable[[str], None]
DEGREES, POINTS, DIRECTIONS = (1, 2), 256, 2


def random_points(s: Overlay, say: Say) -> tuple[Points, Units]:
    """Random points of a space, all corners of a small cube; the target has the degrees of --modes."""
    space, count = space_of(s), POINTS if s.points is None else s.points
    if isinstance(space, Hypercube) and 2**space.dim <= count:
        x = space.points()
        say(f"all {len(x)} corners of the hypercube")
    else:
        key = jax.random.fold_in(jax.random.key(s.seed), 2**29)  # the networks are drawn from another
        x = space.random(key, count)
        x = space.embed(x) if isinstance(space, Torus) else x
    data = sum_of_degrees(space, x, _degrees(s), s.amplitude)
    _say_merged(len(x), data, say)
    return data, Units()


def points_of(s: Overlay, table: Table, say: Say) -> tuple[Points, Units]:
    """Points of a file, of R^d or of a space, and the units of their targets."""
    replace(s, domain=s.domain or "points").check()  # the file says that it is points
    x, y = table.with_target()
    _refuse_few(table, x)
    if np.ptp(y) == 0:
        msg = f"y is {y[0]:.6g} everywhere; allowed: targets that vary"
        raise _checks.InputError(msg)
    if s.domain in SPACES:
        x = _embedded(s, space_of(s, x.shape[1]), x)
    elif s.standardize:
        x = units_of("x", x, standardize=True).inner(x)
    units = units_of("y", y, center=s.center, standardize=s.standardize)
    data = merge(x, s.amplitude * units.inner(y))
    _say_merged(len(x), data, say)
    return data, Units(units.shift * s.amplitude, units.scale)


def joint_of(s: Overlay, table: Table, say: Say) -> tuple[Joint, Units]:
    """Points of R^d with several targets, or one a class, and the units of each."""
    settings = replace(s, domain=s.domain or "points")
    if s.domain not in (None, "points") or settings.followed != "rank":
        where = f"domain={s.domain!r}" if s.domain not in (None, "points") else f"probe={s.followed!r}"
        msg = f"{where} with several targets; allowed: domain='points' and probe='rank'"
        raise _checks.InputError(msg)
    settings.check()
    if s.optimizer == "sgd" or (table.classes and s.amplitude != 1):
        given = "optimizer='sgd'" if s.optimizer == "sgd" else f"amplitude={s.amplitude:g}"
        msg = f"{given} with {'classes' if table.classes else 'several targets'}; allowed: "
        raise _checks.InputError(msg + ("steps on all the data" if s.optimizer == "sgd" else "1"))
    x, y, names = table.with_targets()
    _refuse_few(table, x)
    for name, column in zip(names, y.T, strict=True):
        if np.ptp(column) == 0:
            msg = f"target {name} is {column[0]:.6g} everywhere; allowed: targets that vary"
            raise _checks.InputError(msg)
    x = units_of("x", x, standardize=True).inner(x) if s.standardize else x
    units = units_of("y", y, center=s.center, standardize=s.standardize)
    data = Joint.of(x, s.amplitude * units.inner(y), names, classes=bool(table.classes))
    if len(data.inputs) < len(x):
        say(f"{len(x) - len(data.inputs)} repeated x merged with weights")
    if table.classes:
        say(f"{len(names)} classes: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}")
    if units.own:
        return data, units
    shift, scale = (np.tile(np.broadcast_to(part, len(names)), len(data.inputs)) for part in units)
    return data, Units(shift * s.amplitude, scale)


def _refuse_few(table: Table, x: np.ndarray) -> None:
    if len(x) < x.shape[1]:
        msg = f"data={table.path!r} has {len(x)} rows of {x.shape[1]} coordinates; allowed: as many rows or more, "
        raise _checks.InputError(msg + "or fewer --columns")


def space_of(s: Overlay, columns: int | None = None) -> Graded:
    """Sphere, torus or hypercube, of --dim or of the columns of the file."""
    if columns is not None and s.dim not in (None, columns):
        msg = f"dim={s.dim} with {columns} columns of coordinates; allowed: {columns}, or --columns"
        raise _checks.InputError(msg)
    return domain(str(s.domain), s.dim if columns is None else columns)


def _embedded(s: Overlay, space: Graded, x: np.ndarray) -> np.ndarray:
    """As the network sees them: angles as (cos, sin), signs over the root of their number."""
    if isinstance(space, Torus):
        period = 2 * np.pi if s.period is None else s.period
        if np.ptp(x, axis=0).max() > period * (1 + 1e-9):
            msg = f"x from {x.min():.6g} to {x.max():.6g} is beyond one turn of {period:.6g}; allowed: angles of one "
            raise _checks.InputError(msg + "turn, in radians (of degrees --period 360)")
        return space.embed(2 * np.pi * x / period)
    signs = isinstance(space, Hypercube) and bool(np.all(np.abs(x) == 1))
    return x / np.sqrt(space.dim) if signs else x


def _say_merged(count: int, data: Points, say: Say) -> None:
    if len(data.x) < count:
        say(f"{count - len(data.x)} repeated x merged with weights")


def _degrees(s: Overlay) -> list[int]:
    return numbers("modes", s.modes) if s.modes else list(DEGREES)


def build_probe(s: Overlay, data: Data) -> Probe | None:
    """What is followed of points; None for ranks, which need the kernel (`build_ranks`)."""
    if s.followed == "filter":
        given = () if s.cutoffs is None else tuple(numbers("cutoffs", s.cutoffs, float))
        return FilterProbe(given or (float(f"{1 / (np.pi * median_distance(data.x)):.2g}"),))
    if s.followed == "direction":
        modes = numbers("modes", s.modes) if s.modes and s.data is not None else range(1, 4)
        return DirectionProbe(data, list(modes), min(DIRECTIONS, principal_rank(data.x)))
    if s.followed == "degree":
        columns = data.x.shape[1] // (2 if s.domain == "torus" else 1)
        space = space_of(s, columns)
        modes: Any = _degrees(s)
        if s.data is not None and s.modes is None:
            modes = range(min(3, resolved_degree(space, len(data.x))) + 1)
        return DegreeProbe(space, data, list(modes))
    return None


def build_ranks(s: Overlay, data: Data, spectrum: Any, say: Say) -> RankProbe:
    """The ranks of --modes, those that carry the target, or the eight of these that hold the most."""
    if s.data is not None and s.modes == "auto":
        ranks, share = carrying_ranks(spectrum, data)
        say(f"followed ranks: {', '.join(map(str, ranks))}, with {share:.0%} of the mean square of the target")
        return RankProbe(spectrum, data, ranks)
    return RankProbe(spectrum, data, numbers("modes", s.modes) if s.data is not None and s.modes else None)
