"""Spheres: unit vectors, spherical harmonics."""

import math
from collections.abc import Callable, Iterator
from typing import ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from lfp import _checks
from lfp.domains.domain import Degrees, Values, Zonal, unit_vectors
from lfp.numerics.quadrature import gauss_legendre, graded


class Round(Zonal):
    """What circle and spheres share; two points are an angle apart."""

    def steps(self, top: int) -> tuple[Values, Values]:
        """k / (2k + dim - 2) down, (k + dim - 2) / (2k + dim - 2) up."""
        k = np.arange(top + 1.0)
        down = k / np.maximum(2 * k + self.dim - 2, 1)
        return down, 1 - down

    def multiplicity(self, degree: int) -> int:
        """C(k + dim - 1, k) - C(k + dim - 3, k - 2)."""
        below = math.comb(degree + self.dim - 3, degree - 2) if degree > 1 else 0
        return math.comb(degree + self.dim - 1, degree) - below

    def settled(self, top: int) -> int:
        """The logarithm of the moment changes by less than 1/16 a step of two."""
        return 4 * (top + self.dim)

    def log_moment(self, n: Values, degree: Degrees) -> Float[np.ndarray, "m k"]:
        """Gamma(n/2 + 1/2) Gamma(n/2 + 1) / Gamma(n/2 + 1 - k/2) / Gamma(n/2 + k/2 + dim/2), times what makes P_0 1.

        By Rodrigues' formula; with Stirling's around n/2, so that little cancels.
        """
        y, shifts = n[:, None] / 2, (0.5, 1.0, 1 - degree / 2, (degree + self.dim) / 2)
        parts = [(y + b - 0.5) * np.log1p(b / y) - b + _stirling(y + b) for b in shifts]
        level = math.lgamma(self.dim / 2) - math.log(math.pi) / 2
        return parts[0] + parts[1] - parts[2] - parts[3] - (self.dim - 1) / 2 * np.log(y) + level

    def frequency(self, degree: Values) -> Values:
        """k + (dim - 2) / 2."""
        return degree + (self.dim - 2) / 2

    def partners(self, key: PRNGKeyArray, n: int) -> tuple[Float[np.ndarray, "1 dim"], Float[np.ndarray, "n dim"]]:
        """Random directions from a random point, at even angles from 0 to pi."""
        keys, angle = jax.random.split(key), np.pi * np.linspace(0, 1, n)[:, None]
        x, y = (_directions(one, count, self.dim) for one, count in zip(keys, (1, n), strict=True))
        y -= (y @ x.T) * x
        return x, np.cos(angle) * x + np.sin(angle) * y / np.linalg.norm(y, axis=1, keepdims=True)

    def separation(self, t: Values) -> Values:
        """The angle, which near 0 knows more digits than the cosine."""
        return np.arccos(t)

    def apart(self, separation: Values) -> tuple[Float[np.ndarray, "1 dim"], Float[np.ndarray, "m dim"]]:
        """The first axis, and points of the plane of the first two."""
        plane = np.stack([np.cos(separation), np.sin(separation)], axis=1)
        return np.eye(1, self.dim), np.pad(plane, ((0, 0), (0, self.dim - 2)))


class Sphere(Round):
    """S^(dim-1), the unit vectors of R^dim; modes are spherical harmonics.

    Args:
        dim: dimension of the space around it, at least 3; in two dimensions it is `Circle`.

    Example:
        >>> [Sphere(3).multiplicity(k) for k in range(4)], Sphere(3).steps(1)[1].round(3).tolist()
        ([1, 3, 5, 7], [1.0, 0.667])
    """

    dim: int = eqx.field(static=True, default=3)
    name: ClassVar[str] = "sphere"
    resolved: ClassVar[int] = 4096

    def __check_init__(self) -> None:
        if _checks.integer("dim", self.dim, 2) == 2:
            msg = "dim=2 is the circle; allowed: Circle(), or dim >= 3"
            raise _checks.InputError(msg)

    def random(self, key: PRNGKeyArray, n: int) -> Float[np.ndarray, "n dim"]:
        """n independent points, uniformly distributed."""
        return _directions(key, n, self.dim)

    def embed(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        """Given points, refused where they are not of norm 1."""
        return unit_vectors("sphere", x, self.dim)

    def design(self, top: int) -> tuple[Float[np.ndarray, "n dim"], Float[np.ndarray, " n"]]:
        """Points and weights that integrate polynomials of degree 2 top + 1 exactly; dim = 3.

        Gauss-Legendre in x_3 times an even grid of longitudes.
        """
        if self.dim != 3:
            msg = f"dim={self.dim} has no design here; allowed: 3, or random points"
            raise _checks.InputError(msg)
        count = 2 * top + 2
        turn = 2 * np.pi * np.arange(count) / count
        height, weight = np.polynomial.legendre.leggauss(top + 1)
        circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        around = np.sqrt(1 - height**2)[:, None, None] * circle[None, :, :]
        up = np.broadcast_to(height[:, None, None], (top + 1, count, 1))
        points = np.concatenate([around, up], axis=2).reshape(-1, 3)
        return points, np.repeat(weight / 2 / count, count)

    def levels(self, kappa: Callable[[Values], Values], top: int) -> Iterator[Values]:
        """Gauss-Legendre in the angle, in which kappa is smooth; panels shrink towards both ends."""
        panels = int(np.ceil((top + self.dim) / 8)) + 4
        for _ in range(7):
            ends = np.pi / panels * graded()
            inner = np.linspace(ends[-1], np.pi - ends[-1], panels - 1)
            angle, weight = gauss_legendre(np.concatenate([ends[:-1], inner, np.pi - ends[-2::-1]]))
            weight = weight * np.sin(angle) ** (self.dim - 2)
            yield self._expand(kappa(angle), np.cos(angle), weight / weight.sum(), top)
            panels *= 2


def _stirling(x: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "m k"]:
    """log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2, for large x."""
    return (1 - (1 / 30 - 1 / 105 / x**2) / x**2) / (12 * x)


def _directions(key: PRNGKeyArray, n: int, dim: int) -> Float[np.ndarray, "n dim"]:
    x = np.asarray(jax.random.normal(key, (n, dim)), np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True)
