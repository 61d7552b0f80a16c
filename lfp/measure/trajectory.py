"""`Trajectory`: the one result that theory and training both hand out."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Complex, Float, Int, Num

from lfp import _checks
from lfp._files import Damaged, write_whole


class Trajectory(eqx.Module):
    """A function of x, followed over the steps of an optimiser, once or for several runs.

    Args:
        steps: steps at which it was looked at, increasing.
        values: f_s(x) for every run (seed or sample), step and probe point.
        points: the probe points, in the network's input space.
        meta: what made it: plain numbers and strings.
    """

    steps: Num[np.ndarray, " t"]
    values: Float[np.ndarray, "run _t _p"]
    points: Float[np.ndarray, "p d"]
    meta: dict[str, Any] = eqx.field(static=True, default_factory=dict)

    def __check_init__(self) -> None:
        shape, t, p = self.values.shape, len(self.steps), len(self.points)
        if shape[1:] != (t, p):
            msg = f"values of shape {shape} must be (run, {t} steps, {p} points)"
            raise _checks.InputError(msg)

    def mean(self) -> Float[np.ndarray, "t p"]:
        """Mean over the runs."""
        return self.values.mean(axis=0)

    def to_xarray(self) -> Any:
        """Labelled arrays (xarray.Dataset) with dimensions run, step, point, input."""
        coords = {"step": self.steps, "run": np.arange(len(self.values))}
        data = {"f": (("run", "step", "point"), self.values), "x": (("point", "input"), self.points)}
        return labelled(coords, **data).assign_attrs(meta=json.dumps(self.meta))

    @classmethod
    def from_xarray(cls, data: Any) -> "Trajectory":
        """The inverse of `to_xarray`."""
        arrays = [np.asarray(data[name]) for name in ("step", "f", "x")]
        return cls(*arrays, meta=json.loads(data.attrs["meta"]))

    def save(self, path: str | Path) -> None:
        """Write netCDF, closed when this returns; an interrupted write leaves no file of that name.

        Example:
            >>> import tempfile, pathlib
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "one.nc"
            >>> Trajectory(np.arange(2), np.zeros((1, 2, 3)), np.zeros((3, 1)), {"lr": 0.1}).save(path)
            >>> Trajectory.load(path).meta
            {'lr': 0.1}
        """
        save(path, self.to_xarray())

    @classmethod
    def load(cls, path: str | Path) -> "Trajectory":
        """Read what `save` wrote."""
        return cls.from_xarray(load(path))


def labelled(coords: dict[str, Any], **arrays: Any) -> Any:
    """An xarray.Dataset of (dimensions, values) pairs."""
    import xarray as xr

    data = {name: (dims, np.asarray(values)) for name, (dims, values) in arrays.items()}
    return xr.Dataset(data, coords=coords)


def parts(values: Complex[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape 2"]:
    """Real and imaginary part along a last axis: netCDF knows no complex numbers."""
    return np.stack([np.real(values), np.imag(values)], axis=-1)


_MARK = b"\nlfp sha256 "


def save(path: str | Path, data: Any) -> None:
    """Write an xarray.Dataset as netCDF, whole or not at all, with a digest behind it.

    HDF5 does not look behind its end, so that the file opens with xarray and netCDF's tools as any other.
    """
    content = bytes(data.to_netcdf(engine="h5netcdf"))
    write_whole(path, content + _mark(content))


def load(path: str | Path) -> Any:
    """Read an xarray.Dataset that `save` wrote, and close the file.

    The digest is looked at first: HDF5 can run for ever on a damaged file.

    Raises:
        InputError: a file that cannot be read, was written by an earlier lfp, or is damaged.
    """
    import xarray as xr

    try:
        whole = Path(path).read_bytes()
    except OSError as error:
        msg = f"{str(path)!r} cannot be read: {(error.strerror or str(error)).lower()}; allowed: a file that lfp wrote"
        raise _checks.InputError(msg) from None
    content = whole[: -len(_mark(b""))]
    if whole != content + _mark(content):
        why = "is damaged: its digest is another"
        if _MARK not in whole:
            why = "has no digest: it is cut short or overwritten, or of lfp 0.1"
        msg = f"{str(path)!r} {why}; allowed: a file that this lfp wrote (--force runs it again)"
        raise Damaged(msg)
    with xr.open_dataset(io.BytesIO(content), engine="h5netcdf") as stored:
        return stored.load()


def is_ours(path: Path) -> bool:
    """Whether `save` wrote a file, whole or not."""
    return _MARK in path.read_bytes()


def _mark(content: bytes) -> bytes:
    return _MARK + hashlib.sha256(content).hexdigest().encode()


def log_steps(total: int, count: int) -> Int[np.ndarray, " t"]:
    """Steps 0, 1, ..., total: about `count` of them, evenly spaced in the logarithm.

    Example:
        >>> log_steps(100, 5).tolist()
        [0, 1, 5, 22, 100]
    """
    _checks.integer("total", total, 1)
    _checks.integer("count", count, 2)
    return np.unique(np.concatenate([[0], np.rint(np.geomspace(1, total, count - 1)).astype(int)]))
