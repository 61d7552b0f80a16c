"""Units of a user and those of a run: values less a mean, over a scale."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from lfp import _checks


class Units(NamedTuple):
    """Values of a run are (values - shift) / scale, one of each for targets, one a column for coordinates.

    Args:
        shift: what is taken off.
        scale: what the rest is divided by.
    """

    shift: Any = 0.0
    scale: Any = 1.0

    @property
    def own(self) -> bool:
        """Whether they are those of the user."""
        return bool(np.all(np.asarray(self.shift) == 0) and np.all(np.asarray(self.scale) == 1))

    def inner(self, values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """As the run has them."""
        return (values - self.shift) / self.scale

    def outer(self, values: Any) -> Any:
        """As the user has them."""
        return values * self.scale + self.shift

    def summary(self) -> dict[str, Any]:
        """For result.json."""
        return {name: np.asarray(value, float).tolist() for name, value in self._asdict().items()}


def units_of(
    name: str,
    values: Float[np.ndarray, "*shape"],
    *,
    center: bool = False,
    standardize: bool = False,
    columns: Sequence[str] = (),
) -> Units:
    """The units in which values have mean 0 (`center`), and variance 1 as well (`standardize`), along the first axis.

    Args:
        name: what errors call them.
        values: one a row.
        center: take the mean off.
        standardize: take the mean off and divide by the standard deviation.
        columns: what errors call those of the values; without them their numbers from 1.

    Raises:
        InputError: values that are all the same, in a column, to be standardized.

    Example:
        >>> units = units_of("y", np.array([1000.0, 1002.0]), standardize=True)
        >>> units.inner(np.array([1001.0, 1003.0])).tolist(), float(units.outer(2.0))
        ([0.0, 2.0], 1003.0)
    """
    if not center and not standardize:
        return Units()
    shift = values.mean(axis=0)
    if not standardize:
        return Units(shift, np.ones_like(shift))
    scale = values.std(axis=0)
    same = np.flatnonzero(scale <= 1e-12 * np.abs(values).max(axis=0))
    if len(same):
        column = f" in column {columns[same[0]] if columns else same[0] + 1}" if values.ndim > 1 else ""
        msg = f"{name} is {values[0].ravel()[same[0]]:.6g} everywhere{column}; allowed: values that differ, "
        raise _checks.InputError(msg + "or without --standardize")
    return Units(shift, scale)
