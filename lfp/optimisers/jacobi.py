"""Damped Jacobi, a smoother: gradient descent on another matrix."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lfp import _checks
from lfp.optimisers.descent import GradientDescent


class Jacobi(GradientDescent):
    """Damped Jacobi on -u'' = f, n inner points of (0, 1): 1 - omega (1 - cos(k pi h)) on sine mode k, h = 1/(n + 1).

    Undamped it leaves the highest mode, as it leaves the lowest; omega = 2/3 damps the upper half of them best.

    Example:
        >>> law = Jacobi(lr=2 / 3)
        >>> bool(jnp.allclose(law.factor(law.rates(3), jnp.array([1]))[0, 1], 1 / 3))
        True
    """

    @staticmethod
    def rates(n: int) -> Float[Array, " n"]:
        """1 - cos(k pi / (n + 1)), k = 1 .. n: rates of the matrix divided by its diagonal."""
        _checks.integer("n", n, 1)
        return jnp.asarray(2 * np.sin(np.arange(1, n + 1) * np.pi / (2 * n + 2)) ** 2)
