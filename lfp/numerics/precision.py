"""Double precision, also where JAX has been told to do without."""

from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.experimental


def double_precision() -> AbstractContextManager[Any]:
    """A context in which JAX's floats are of 64 bits: for numbers that are worked out once, beside the points.

    Example:
        >>> import jax.numpy as jnp
        >>> with double_precision():
        ...     jnp.ones(1).dtype.name
        'float64'
    """
    where = jax if hasattr(jax, "enable_x64") else jax.experimental  # before JAX 0.8
    return where.enable_x64(True)  # pyright: ignore[reportAttributeAccessIssue]
