"""Points of R^d: given ones, or drawn from a box, a ball or a normal law. Their own law is where a kernel has rates."""

from typing import ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from lfp import _checks

SAMPLINGS = ("box", "ball", "normal")


class Euclidean(eqx.Module):
    """Weighted points of R^dim, all different. Rates on them are eigenvalues of P^(1/2) K P^(1/2), P the weights.

    Points of any other space may stand here too: `Euclidean.given(Sphere(10).random(key, 500))`.

    Args:
        points: one a row, all different.
        weights: share of the data at each point; they sum to 1.

    Raises:
        InputError: points that are no matrix or not finite, weights that are not positive or do not sum to 1.

    Example:
        >>> Euclidean.given(np.array([[1.0], [0.0], [1.0]])).weights.round(3).tolist()
        [0.333, 0.667]
        >>> Euclidean.random(jax.random.key(0), 100, dim=3, sampling="ball").points.shape
        (100, 3)
    """

    points: Float[np.ndarray, "n dim"]
    weights: Float[np.ndarray, " n"]
    name: ClassVar[str] = "euclidean"

    def __check_init__(self) -> None:
        if 0 in self.points.shape:
            msg = f"points has shape {self.points.shape}; allowed: (n, dim), neither of them 0"
            raise _checks.InputError(msg)
        _checks.finite("points", self.points)
        if len(self.weights) != len(self.points):
            msg = f"weights has {len(self.weights)} values; allowed: {len(self.points)}, one a point"
            raise _checks.InputError(msg)
        if not (np.all(self.weights > 0) and abs(self.weights.sum() - 1) < 1e-6):
            msg = f"weights sum to {self.weights.sum()!r}, the least is {self.weights.min()!r}; allowed: above 0, sum 1"
            raise _checks.InputError(msg)

    @property
    def dim(self) -> int:
        """Dimension of the space."""
        return self.points.shape[1]

    @classmethod
    def given(cls, x: Float[np.ndarray, "n dim"]) -> "Euclidean":
        """The points of a data set, in order of the coordinates; repeated ones count by their number."""
        x = np.asarray(_checks.real("x", x), np.float64)
        if x.ndim != 2:
            msg = f"x has shape {x.shape}; allowed: (n, dim)"
            raise _checks.InputError(msg)
        points, counts = np.unique(x, axis=0, return_counts=True)
        return cls(points, counts / max(len(x), 1))

    @classmethod
    def random(cls, key: PRNGKeyArray, n: int, dim: int = 2, sampling: str = "box") -> "Euclidean":
        """n points of equal weight: uniform in the box [-1, 1]^dim or in the unit ball, or standard normal."""
        shape = (_checks.integer("points", n, 1), _checks.integer("dim", dim, 1))
        match _checks.choice("sampling", sampling, SAMPLINGS):
            case "box":
                x = jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)
            case "ball":
                x = jax.random.ball(key, dim, shape=(n,))
            case _:
                x = jax.random.normal(key, shape)
        return cls.given(np.asarray(x, np.float64))
