"""Input checks: every slip of a user becomes an `InputError` that names argument, value and what is allowed.

Commands check their settings by these before anything dear is imported: no numpy and no jax at the top.
"""

import math
from collections.abc import Iterable
from typing import Any


class InputError(ValueError):
    """A bad argument. The message names the argument, its value and what is allowed."""


def choice(name: str, value: str, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of `allowed`, else raise with the nearest match."""
    names = sorted(allowed)
    if value in names:
        return value
    import difflib

    near = difflib.get_close_matches(str(value), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    msg = f"{name}={value!r} is unknown{hint}; allowed: {', '.join(names)}"
    raise InputError(msg)


def integer(name: str, value: int, minimum: int) -> int:
    """Return `value` if it is a whole number of at least `minimum`."""
    if isinstance(value, bool) or int(value) != value or value < minimum:
        msg = f"{name}={value!r} must be a whole number >= {minimum}"
        raise InputError(msg)
    return int(value)


def positive(name: str, value: float) -> float:
    """Return `value` if it is finite and above zero."""
    if not (math.isfinite(value) and value > 0):
        msg = f"{name}={value!r} must be a finite number > 0"
        raise InputError(msg)
    return value


def nonnegative(name: str, value: float) -> float:
    """Return `value` if it is finite and not below zero."""
    if not (math.isfinite(value) and value >= 0):
        msg = f"{name}={value!r} must be a finite number >= 0"
        raise InputError(msg)
    return value


def finite(name: str, array: Any) -> Any:
    """Return a NumPy array if it holds no NaN and no infinity; else name the first bad entry."""
    import numpy as np

    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        where = tuple(int(i) for i in bad[0])
        msg = (
            f"{name} has {len(bad)} values that are not finite, the first is {array[where]} at {where}; allowed: finite"
        )
        raise InputError(msg)
    return array


def concrete(name: str, array: Any) -> None:
    """`finite` for an array that JAX does not trace; a traced one has no values to look at."""
    import numpy as np
    from jax.core import Tracer

    if not isinstance(array, Tracer):
        finite(name, np.asarray(array))
