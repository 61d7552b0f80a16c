"""The hypercube: corners, Walsh functions."""

import math
from collections.abc import Callable, Iterator
from typing import ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from lfp import _checks
from lfp.domains.domain import Degrees, Values, Zonal, unit_vectors
from lfp.numerics.fourier import walsh_hadamard

LARGEST_CUBE = 20
"""Dimension up to which all points of a cube are listed."""


class Hypercube(Zonal):
    """{-1, 1}^dim / sqrt(dim); modes are the products of k coordinates' signs (Walsh functions of degree k).

    Args:
        dim: number of coordinates.

    Example:
        >>> cube = Hypercube(2)
        >>> (cube.points() * 2**0.5).round(12).tolist(), cube.degrees().tolist()
        ([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], [0, 1, 1, 2])
    """

    dim: int = eqx.field(static=True, default=10)
    name: ClassVar[str] = "hypercube"
    resolved: ClassVar[None] = None

    def __check_init__(self) -> None:
        _checks.integer("dim", self.dim, 1)

    @property
    def highest(self) -> int:
        """The parity of all coordinates."""
        return self.dim

    def steps(self, top: int) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """k / dim down, (dim - k) / dim up: Ehrenfest's urns."""
        k = np.arange(top + 1.0)
        return k / self.dim, (self.dim - k) / self.dim

    def multiplicity(self, degree: int) -> int:
        """C(dim, k)."""
        return math.comb(self.dim, degree)

    def settled(self, top: int) -> int:  # noqa: ARG002
        """What the points other than x and -x add, (1 - 2/dim)^n each, is below rounding."""
        return math.ceil(self.dim * (20 + math.log(self.dim) / 2))

    def log_moment(self, n: Values, degree: Degrees) -> Float[np.ndarray, "m k"]:
        """2 / 2^dim: t = 1 and t = -1."""
        return np.full((len(n), len(degree)), (1 - self.dim) * math.log(2))

    def frequency(self, degree: Values) -> Values:
        """The degree."""
        return degree

    def random(self, key: PRNGKeyArray, n: int) -> Float[np.ndarray, "n dim"]:
        """n independent points, uniformly distributed."""
        return np.asarray(jax.random.rademacher(key, (n, self.dim)), np.float64) / math.sqrt(self.dim)

    def partners(self, key: PRNGKeyArray, n: int) -> tuple[Float[np.ndarray, "1 dim"], Float[np.ndarray, "n dim"]]:
        """A random corner, and corners of which each coordinate differs with a probability from 0 to 1."""
        keys, share = jax.random.split(key), np.linspace(0, 1, n)[:, None]
        x = self.random(keys[0], 1)
        return x, np.where(np.asarray(jax.random.uniform(keys[1], (n, self.dim))) < share, -x, x)

    def separation(self, t: Values) -> Int[np.ndarray, " m"]:
        """The number j of signs that differ, t = 1 - 2j/dim."""
        flips = np.rint((1 - t) * self.dim / 2)
        if abs(1 - 2 * flips / self.dim - t).max(initial=0.0) > 1e-9:
            msg = f"t={t.tolist()} does not occur on the cube; allowed: 1 - 2j/{self.dim}, j a whole number"
            raise _checks.InputError(msg)
        return flips.astype(int)

    def apart(self, separation: np.ndarray) -> tuple[Float[np.ndarray, "1 dim"], Float[np.ndarray, "m dim"]]:
        """The corner of all signs +, and corners whose first signs are -."""
        signs = np.where(np.arange(self.dim) < separation[:, None], -1.0, 1.0)
        return np.full((1, self.dim), self.dim**-0.5), signs / np.sqrt(self.dim)

    def levels(self, kappa: Callable[[np.ndarray], Values], top: int) -> Iterator[Values]:
        """A sum over the number of signs that differ: exact but for rounding.

        The recurrence is stable up to dim / 2; beyond, Phi_(dim-k) is Phi_k with alternating signs.
        """
        flips = np.arange(self.dim + 1)
        values, mirror = kappa(flips), (-1.0) ** flips
        weight = np.array([self.multiplicity(int(j)) / (1 << self.dim) for j in flips])
        t, half = 1 - 2 * flips / self.dim, min(top, self.dim // 2)
        low, high = (self._expand(v, t, weight, half) for v in (values, mirror * values))
        k = np.arange(top + 1)
        yield np.where(k < len(low), low[np.minimum(k, len(low) - 1)], high[np.minimum(self.dim - k, len(high) - 1)])

    def points(self) -> Float[np.ndarray, "n dim"]:
        """All 2^dim points; bit j of a point's index says that coordinate j is negative."""
        return (1.0 - 2.0 * self._bits()) / math.sqrt(self.dim)

    def degrees(self) -> Int[np.ndarray, " n"]:
        """Degree of every coefficient of `analyse`."""
        return self._bits().sum(axis=1)

    def embed(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        """Given points, refused where they are no corners of the cube."""
        x = unit_vectors("hypercube", x, self.dim)
        off = float(np.abs(np.abs(x) * math.sqrt(self.dim) - 1).max(initial=0.0))
        if off > 1e-6:
            msg = f"x has a coordinate that is {off:.1e} off +-1/sqrt({self.dim}); allowed: corners of the hypercube"
            raise _checks.InputError(msg)
        return x

    def analyse(self, values: Shaped[Array | np.ndarray, " n"]) -> Float[Array, " n"]:
        """c_S = mean of values times the Walsh function of S; bit j of an index says that j belongs to S."""
        self._bits(0)
        values = _checks.real("values", values)
        if values.shape != (2**self.dim,):
            msg = f"values has shape {values.shape}; allowed: {(2**self.dim,)}, one a corner"
            raise _checks.InputError(msg)
        _checks.concrete("values", values)
        return walsh_hadamard(values) / len(values)

    def synthesise(self, coefficients: Float[Array, " n"]) -> Float[Array, " n"]:
        """Values at `points` from c_S."""
        self._bits(0)
        return walsh_hadamard(coefficients)

    def _bits(self, count: int | None = None) -> Int[np.ndarray, "n dim"]:
        if self.dim > LARGEST_CUBE:
            msg = f"dim={self.dim} has 2^{self.dim} points; allowed: up to {LARGEST_CUBE} for transforms of full data"
            raise _checks.InputError(msg)
        index = np.arange(2**self.dim if count is None else count)
        return (index[:, None] >> np.arange(self.dim)) & 1
