"""Spaces of many coordinates whose modes are known: torus, sphere, hypercube. Points, weights, modes, multiplicities.

On sphere and cube every point has norm 1 and the modes come in degrees k. With P_k(x.y) the zonal function of degree
k, P_k(1) = 1, multiplication by t = x.y is a walk on the degrees,

    t P_k = down_k P_(k-1) + up_k P_(k+1),    up_k + down_k = 1,

of Gegenbauer on the sphere, of Krawtchouk on the cube. All that a zonal kernel needs is this walk, `steps`.
"""

import math
from typing import ClassVar, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int, PRNGKeyArray

from lfp import _checks
from lfp.fourier import walsh_hadamard

LARGEST_CUBE = 20
"""Dimension up to which all points of a cube are listed."""


@runtime_checkable
class Zonal(Protocol):
    """A space of unit vectors with modes by degree."""

    dim: int
    name: ClassVar[str]

    @property
    def highest(self) -> int | None:
        """The highest degree; None where there is none."""
        ...

    def steps(self, top: int) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """(down_k, up_k), k = 0 .. top."""
        ...

    def multiplicity(self, degree: int) -> int:
        """Number of modes of a degree, exact."""
        ...

    def random(self, key: PRNGKeyArray, n: int) -> Float[np.ndarray, "n dim"]:
        """n independent points, uniformly distributed."""
        ...


class Torus(eqx.Module):
    """T^p: p angles in radians, each seen by the network as (cos, sin). Mode k in Z^p is exp(i k.t).

    Args:
        dim: number p of angles.

    Example:
        >>> torus = Torus(2)
        >>> torus.grid(2).shape, torus.embed(torus.grid(2)).shape
        ((4, 2), (4, 4))
    """

    dim: int = eqx.field(static=True, default=2)
    name: ClassVar[str] = "torus"

    def __check_init__(self) -> None:
        """Refuse a dimension that is no whole number."""
        _checks.integer("dim", self.dim, 1)

    def grid(self, n: int) -> Float[np.ndarray, "points p"]:
        """All n^p points of the even grid, the last angle fastest."""
        axis = 2 * np.pi * np.arange(_checks.integer("n", n, 1)) / n
        return np.stack(np.meshgrid(*[axis] * self.dim, indexing="ij"), axis=-1).reshape(-1, self.dim)

    def random(self, key: PRNGKeyArray, n: int) -> Float[np.ndarray, "n p"]:
        """n independent points, uniformly distributed."""
        return np.asarray(jax.random.uniform(key, (n, self.dim), maxval=2 * np.pi), np.float64)

    def embed(self, t: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n 2*p"]:
        """(cos t_1, sin t_1, cos t_2, ...)."""
        return np.stack([np.cos(t), np.sin(t)], axis=-1).reshape(len(t), -1)

    def analyse(self, values: Float[Array, "*grid"]) -> Complex[Array, "*grid"]:
        """c_k of values on the grid, one axis an angle; the frequencies lie as in `numpy.fft.fftfreq`."""
        if values.ndim != self.dim:
            msg = f"values has {values.ndim} axes; allowed: {self.dim}, one an angle"
            raise _checks.InputError(msg)
        return jnp.fft.fftn(values) / values.size

    def synthesise(self, coefficients: Complex[Array, "*grid"]) -> Float[Array, "*grid"]:
        """Values on the grid of a real function from its c_k."""
        return jnp.fft.ifftn(coefficients).real * coefficients.size


class Sphere(eqx.Module):
    """S^(dim-1), the unit vectors of R^dim; modes are spherical harmonics. dim = 2 is the circle.

    Args:
        dim: dimension of the space around it, at least 2.

    Example:
        >>> [Sphere(3).multiplicity(k) for k in range(4)], Sphere(3).steps(1)[1].round(3).tolist()
        ([1, 3, 5, 7], [1.0, 0.667])
    """

    dim: int = eqx.field(static=True, default=3)
    name: ClassVar[str] = "sphere"

    def __check_init__(self) -> None:
        """Refuse a dimension without a sphere of positive dimension."""
        _checks.integer("dim", self.dim, 2)

    @property
    def highest(self) -> None:
        """There is none."""
        return

    def steps(self, top: int) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """k / (2k + dim - 2) down, (k + dim - 2) / (2k + dim - 2) up."""
        k = np.arange(top + 1.0)
        down = k / np.maximum(2 * k + self.dim - 2, 1)
        return down, 1 - down

    def multiplicity(self, degree: int) -> int:
        """C(k + dim - 1, k) - C(k + dim - 3, k - 2)."""
        below = math.comb(degree + self.dim - 3, degree - 2) if degree > 1 else 0
        return math.comb(degree + self.dim - 1, degree) - below

    def random(self, key: PRNGKeyArray, n: int) -> Float[np.ndarray, "n dim"]:
        """n independent points, uniformly distributed."""
        x = np.asarray(jax.random.normal(key, (n, self.dim)), np.float64)
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def embed(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        """Given points, refused where they are not of norm 1."""
        return _unit("sphere", x, self.dim)

    def design(self, top: int) -> tuple[Float[np.ndarray, "n dim"], Float[np.ndarray, " n"]]:
        """Points and weights that integrate polynomials of degree 2 top + 1 exactly; dim = 2 or 3.

        Gauss-Legendre in x_3 times an even grid of longitudes.
        """
        count = 2 * top + 2
        turn = 2 * np.pi * np.arange(count) / count
        circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        if self.dim == 2:
            return circle, np.full(count, 1 / count)
        if self.dim != 3:
            msg = f"dim={self.dim} has no design here; allowed: 2 or 3, or random points"
            raise _checks.InputError(msg)
        height, weight = np.polynomial.legendre.leggauss(top + 1)
        around = np.sqrt(1 - height**2)[:, None, None] * circle[None, :, :]
        up = np.broadcast_to(height[:, None, None], (top + 1, count, 1))
        points = np.concatenate([around, up], axis=2).reshape(-1, 3)
        return points, np.repeat(weight / 2 / count, count)


class Hypercube(eqx.Module):
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

    def __check_init__(self) -> None:
        """Refuse a dimension that is no whole number."""
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

    def random(self, key: PRNGKeyArray, n: int) -> Float[np.ndarray, "n dim"]:
        """n independent points, uniformly distributed."""
        return np.asarray(jax.random.rademacher(key, (n, self.dim)), np.float64) / math.sqrt(self.dim)

    def points(self) -> Float[np.ndarray, "n dim"]:
        """All 2^dim points; bit j of a point's index says that coordinate j is negative."""
        return (1.0 - 2.0 * self._bits()) / math.sqrt(self.dim)

    def degrees(self) -> Int[np.ndarray, " n"]:
        """Degree of every coefficient of `analyse`."""
        return self._bits().sum(axis=1)

    def embed(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        """Given points, refused where they are no corners of the cube."""
        x = _unit("hypercube", x, self.dim)
        off = float(np.abs(np.abs(x) * math.sqrt(self.dim) - 1).max(initial=0.0))
        if off > _ROUNDING:
            msg = f"x has a coordinate that is {off:.1e} off +-1/sqrt({self.dim}); allowed: corners of the hypercube"
            raise _checks.InputError(msg)
        return x

    def analyse(self, values: Float[Array, " n"]) -> Float[Array, " n"]:
        """c_S = mean of values times the Walsh function of S; bit j of an index says that j belongs to S."""
        self._bits(0)
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


SPACES = {"torus": Torus, "sphere": Sphere, "hypercube": Hypercube}
_ROUNDING = 1e-6  # of given points: float32 passes


def space(name: str, dim: int | None = None) -> Torus | Sphere | Hypercube:
    """The space of a name; the circle is the sphere of dim 2.

    Example:
        >>> space("circle").dim, space("hypercube", 1000).multiplicity(500) > 10**299
        (2, True)
    """
    if _checks.choice("domain", name, ("circle", *SPACES)) == "circle":
        if dim not in (None, 2):
            msg = f"dim={dim} with domain='circle'; allowed: 2, or domain='sphere'"
            raise _checks.InputError(msg)
        return Sphere(2)
    return SPACES[name]() if dim is None else SPACES[name](dim)


def _unit(name: str, x: Float[np.ndarray, "n dim"], dim: int) -> Float[np.ndarray, "n dim"]:
    """Points of R^dim, refused where they are not of norm 1."""
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != dim:
        msg = f"x has shape {x.shape}; allowed: (points, {dim}) on this {name}"
        raise _checks.InputError(msg)
    _checks.finite("x", x)
    norms = np.linalg.norm(x, axis=1)
    far = int(np.abs(norms - 1).argmax()) if len(x) else 0
    if len(x) and abs(norms[far] - 1) > _ROUNDING:
        msg = f"x has norm {norms[far]:.6g} at point {far}; allowed: 1 on the {name} (divide each point by its norm)"
        raise _checks.InputError(msg)
    return x
