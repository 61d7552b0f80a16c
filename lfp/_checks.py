"""Input checks: every slip of a user becomes an `InputError` that names argument, value and what is allowed.

Commands check their settings by these before anything dear is imported: no numpy and no jax at the top.
"""

import math
from collections.abc import Callable, Iterable
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


def integer(name: str, value: Any, minimum: int | None) -> int:
    """Return `value` if it is a whole number of at least `minimum`; 8.0 is one, in any of numpy's types."""
    whole = is_number(value) and math.isfinite(value) and int(value) == value
    if not whole or (minimum is not None and value < minimum):
        msg = f"{name}={value!r} must be a whole number{'' if minimum is None else f' >= {minimum}'}"
        raise InputError(msg)
    return int(value)


def is_number(value: Any) -> bool:
    """Whether it is one real number: no truth value, no text, no array of several."""
    if isinstance(value, str | bytes | bool | complex) or getattr(value, "shape", ()) != ():
        return False
    kind = getattr(getattr(value, "dtype", None), "kind", "f")
    return kind in "iufV" and hasattr(type(value), "__float__")  # V: JAX's bfloat16


def number(name: str, value: Any) -> Any:
    """Return `value` if it is one finite number."""
    if not (is_number(value) and math.isfinite(value)):
        msg = f"{name}={value!r} must be a finite number"
        raise InputError(msg)
    return value


def within(name: str, value: Any, least: float, most: float) -> Any:
    """Return a number from `least` to `most`; a whole one where `least` is."""
    if isinstance(least, int):
        integer(name, value, None)
    if not (is_number(value) and least <= value <= most):
        kind = "a whole number" if isinstance(least, int) else "a number"
        msg = f"{name}={value!r} is beyond its limits; allowed: {kind} from {least:g} to {most:g}"
        raise InputError(msg)
    return value


def positive(name: str, value: Any) -> Any:
    """Return `value` if it is finite and above zero."""
    if not (is_number(value) and math.isfinite(value) and value > 0):
        msg = f"{name}={value!r} must be a finite number > 0"
        raise InputError(msg)
    return value


def nonnegative(name: str, value: Any) -> Any:
    """Return `value` if it is finite and not below zero."""
    if not (is_number(value) and math.isfinite(value) and value >= 0):
        msg = f"{name}={value!r} must be a finite number >= 0"
        raise InputError(msg)
    return value


def unless_traced(check: Callable[[str, Any], Any], name: str, value: Any) -> None:
    """A check of one number, of which JAX may not know the value yet."""
    from jax.core import Tracer

    if not isinstance(value, Tracer):
        check(name, value)


def fraction(name: str, value: Any) -> Any:
    """Return `value` if it is at least 0 and below 1."""
    if not (is_number(value) and 0 <= value < 1):
        msg = f"{name}={value!r} must lie in [0, 1)"
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


def real(name: str, values: Any, ndim: int | None = None) -> Any:
    """Values as an array of floats: whole numbers and truth values become floats, narrow floats single precision.

    Complex numbers, masks and texts, of which something would be lost, are refused, and another number of axes.
    """
    import jax.numpy as jnp
    import numpy as np
    from jax import Array

    if isinstance(values, np.ma.MaskedArray):
        msg = f"{name} is masked; allowed: plain arrays, without the points that are missing"
        raise InputError(msg)
    array = values if isinstance(values, Array) else _plain(name, values)
    array = array.astype(float) if array.dtype == object and _all_numbers(array) else array
    if ndim is not None and array.ndim != ndim:
        msg = f"{name} has shape {array.shape}; allowed: {ndim} {'axis' if ndim == 1 else 'axes'}"
        raise InputError(msg)
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array if array.dtype.itemsize > 2 else array.astype(np.float32)
    if array.dtype.kind in "iub":
        return array.astype(float)
    msg = f"{name} is of type {array.dtype}; allowed: real numbers"
    raise InputError(msg)


def inexact(name: str, values: Any) -> Any:
    """Values as an array of floats or complex numbers."""
    import numpy as np

    array = values if hasattr(values, "dtype") else _plain(name, values)
    return np.asarray(array) if array.dtype.kind == "c" and not np.ma.isMaskedArray(array) else real(name, array)


def whole(name: str, values: Any) -> Any:
    """Whole numbers as an array of integers, also where they are floats."""
    import numpy as np

    if getattr(values, "dtype", np.dtype(float)).kind in "iu" and not np.ma.isMaskedArray(values):
        return np.asarray(values)
    array = np.asarray(real(name, values))
    if not np.isfinite(array).all() or (array != np.rint(array)).any() or np.abs(array).max(initial=0) > 2**53:
        msg = f"{name}={_first(array)} must be whole numbers"
        raise InputError(msg)
    return array.astype(int)


def _first(array: Any) -> str:
    """The first numbers of an array."""
    return f"{array.ravel()[:5].tolist()}{'...' if array.size > 5 else ''}"


def _all_numbers(array: Any) -> bool:
    return all(is_number(one) for one in array.ravel())


def _plain(name: str, values: Any) -> Any:
    """What numpy makes of lists; rows of several lengths are refused."""
    import numpy as np

    try:
        return np.asarray(values)
    except ValueError:
        msg = f"{name} is no array: its rows have several lengths; allowed: numbers"
        raise InputError(msg) from None


def weights(name: str, values: Any, count: int) -> Any:
    """Weights of so many points: finite numbers above 0; a loss of several terms counts the points of each."""
    import numpy as np

    array = np.asarray(real(name, values), np.float64)
    if array.shape != (count,) or not (array > 0).all() or not np.isfinite(array).all():
        msg = f"{name} of shape {array.shape}, least {array.min(initial=np.inf):.6g}; allowed: {count} positive numbers"
        raise InputError(msg)
    return array


def shares(name: str, values: Any, count: int) -> Any:
    """Weights that sum to 1."""
    array = weights(name, values, count)
    if not abs(array.sum() - 1) <= 1e-6:
        msg = f"{name} of shape {array.shape}, sum {array.sum():.6g}; allowed: {count} positive numbers that sum to 1"
        raise InputError(msg)
    return array
