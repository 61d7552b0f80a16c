"""Distributions of the initial weights: independent, symmetric about zero, isotropic when the weight is a vector.

A distribution draws vectors of R^d; a scalar weight (a or b) is the case d = 1. `Samples`, a finite set, is not
isotropic.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.special import gammaln
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.special import ndtri

from lfp import _checks
from lfp.numerics.precision import double_precision
from lfp.numerics.quadrature import Table, accumulate, against, distances, graded

Even = Callable[[Float[Array, "..."]], Float[Array, "k ..."]]
Rule = tuple[Float[Array, " q"], Float[Array, " q"]]

DIRECT = 4096  # distances above which an average over directions is tabulated; the table takes 288 evaluations
_DEEP = 32  # panels towards r = 0: in one dimension E[f(xi / r) / r] grows as log(1 / xi)


@runtime_checkable
class Distribution(Protocol):
    """What a network and the theory ask of a distribution of weights."""

    def sample(self, key: PRNGKeyArray, count: int, dim: int = 1) -> Float[Array, "count dim"]:
        """`count` independent vectors of R^dim."""
        ...

    def moment(self, q: float, dim: int = 1) -> Float[Array, ""]:
        """E |w|^q for w in R^dim."""
        ...

    def density_at_zero(self) -> Float[Array, ""]:
        """Density of the scalar weight at 0, in 1 / unit of the weight."""
        ...

    def radial(self, dim: int = 1) -> Rule:
        """Nodes and weights for averages over r = |w|."""
        ...

    def covariance(self, dim: int = 1) -> Float[Array, "dim dim"]:
        """E[w w^T]."""
        ...

    def directional(self, q: float, x1: Float[Array, "n dim"], x2: Float[Array, "m dim"]) -> Float[Array, "n m"]:
        """E |w.(x1 - x2)|^q."""
        ...

    def average(self, functions: Even, x1: Float[Array, "n dim"], x2: Float[Array, "m dim"]) -> Float[Array, "k n m"]:
        """E f(|w.(x1 - x2)|) of k even functions f."""
        ...


def second_moment(which: Distribution) -> float:
    """E w^2 of a scalar weight, in double precision also where JAX has none.

    Example:
        >>> round(second_moment(Gaussian(3.0)), 12)
        9.0
    """
    wide = lambda leaf: jnp.asarray(leaf, float) if eqx.is_array_like(leaf) else leaf  # noqa: E731
    with double_precision():
        return float(jax.tree.map(wide, which).moment(2))


def directional_constant(q: float, dim: int) -> Float[Array, ""]:
    """M_q(d) = E |theta.e|^q = Gamma(d/2) Gamma((q+1)/2) / (sqrt(pi) Gamma((d+q)/2)), theta uniform on S^(d-1)."""
    logs = gammaln(dim / 2) + gammaln((q + 1) / 2) - gammaln((dim + q) / 2)
    return jnp.exp(logs) / jnp.sqrt(jnp.pi)


class _Isotropic(eqx.Module):
    """Averages that isotropic distributions share: everything follows from |w| and from the projection |w.e|."""

    @abstractmethod
    def moment(self, q: float, dim: int = 1) -> Float[Array, ""]:
        """E |w|^q."""

    @abstractmethod
    def projection(self, dim: int = 1) -> Rule:
        """Nodes and weights for averages over |w.e|."""

    def covariance(self, dim: int = 1) -> Float[Array, "dim dim"]:
        """E[w w^T] = E[r^2] / dim times the identity."""
        return self.moment(2, dim) / dim * jnp.eye(dim)

    def directional(self, q: float, x1: Float[Array, "n dim"], x2: Float[Array, "m dim"]) -> Float[Array, "n m"]:
        """E |w.s|^q = M_q(dim) E[r^q] |s|^q, s = x1 - x2."""
        dim = x1.shape[1]
        return directional_constant(q, dim) * self.moment(q, dim) * distances(x1, x2) ** q

    def average(self, functions: Even, x1: Float[Array, "n dim"], x2: Float[Array, "m dim"]) -> Float[Array, "k n m"]:
        """E f(|w.s|): a function of |s| alone, by quadrature; tabulated for many distances."""
        s = distances(x1, x2)
        nodes, weights = (jnp.asarray(rule, s.dtype) for rule in self.projection(x1.shape[1]))
        radial = lambda s: accumulate(lambda t: functions(t * s), nodes, weights)  # noqa: E731
        if s.size <= DIRECT:
            return radial(s)
        top = jax.lax.stop_gradient(jnp.max(s))
        return Table.of(radial, jnp.where(top > 0, top, 1.0) * jnp.asarray(graded(), s.dtype))(s)


class Gaussian(_Isotropic):
    """Independent components N(0, scale^2).

    Example:
        >>> round(float(Gaussian(2.0).moment(2, dim=3)), 3)
        12.0
    """

    scale: float | Float[Array, ""] = 1.0

    def __check_init__(self) -> None:
        if not isinstance(self.scale, Tracer):
            _checks.nonnegative("scale", float(self.scale))

    def sample(self, key: PRNGKeyArray, count: int, dim: int = 1) -> Float[Array, "count dim"]:
        """`count` independent vectors of R^dim."""
        return self.scale * jax.random.normal(key, (count, dim))

    def transport(self, cube: Float[np.ndarray, "count _"]) -> Float[Array, "count dim"]:
        """Vectors of R^dim from points of the open unit cube in R^(dim + 1), component by component."""
        return self.scale * _normal(cube[:, :-1])

    def moment(self, q: float, dim: int = 1) -> Float[Array, ""]:
        """E |w|^q = scale^q 2^(q/2) Gamma((dim + q) / 2) / Gamma(dim / 2)."""
        chi = gammaln((dim + q) / 2) - gammaln(dim / 2) + q / 2 * jnp.log(2.0)
        return jnp.asarray(self.scale) ** q * jnp.exp(chi)

    def density_at_zero(self) -> Float[Array, ""]:
        """1 / (sqrt(2 pi) scale)."""
        return 1 / (jnp.sqrt(2 * jnp.pi) * jnp.asarray(self.scale))

    def radial(self, dim: int = 1) -> Rule:
        """Nodes of the chi law, up to where its density underflows: exponentially small symbols live there."""
        breaks = np.concatenate([graded(_DEEP)[:-1], np.arange(1.0, np.sqrt(dim) + 39.0)])
        return _scaled(self.scale, *against(lambda r: (dim - 1) * np.log(r) - r**2 / 2, breaks))

    def projection(self, dim: int = 1) -> Rule:  # noqa: ARG002 - w.e is N(0, scale^2) in every dimension
        """Nodes and weights for averages over |w.e|."""
        return _scaled(self.scale, *against(lambda g: -(g**2) / 2, 10 * graded()))


class Uniform(_Isotropic):
    """Uniform in the ball |w| <= bound of R^dim: on [-bound, bound] for a scalar.

    Example:
        >>> float(Uniform(3.0).moment(2))
        3.0
    """

    bound: float | Float[Array, ""] = 1.0

    def __check_init__(self) -> None:
        if not isinstance(self.bound, Tracer):
            _checks.positive("bound", float(self.bound))

    def sample(self, key: PRNGKeyArray, count: int, dim: int = 1) -> Float[Array, "count dim"]:
        """`count` independent vectors of R^dim."""
        return self.bound * jax.random.ball(key, dim, shape=(count,))

    def transport(self, cube: Float[np.ndarray, "count _"]) -> Float[Array, "count dim"]:
        """Vectors of R^dim from points of the open unit cube in R^(dim + 1); a scalar from the first coordinate."""
        if cube.shape[1] == 2:
            return self.bound * jnp.asarray(2 * cube[:, :1] - 1, float)
        return self.bound * jnp.asarray(cube[:, -1:] ** (1 / (cube.shape[1] - 1)), float) * _direction(cube[:, :-1])

    def moment(self, q: float, dim: int = 1) -> Float[Array, ""]:
        """E |w|^q = bound^q dim / (dim + q)."""
        return jnp.asarray(self.bound) ** q * dim / (dim + q)

    def density_at_zero(self) -> Float[Array, ""]:
        """1 / (2 bound)."""
        return 1 / (2 * jnp.asarray(self.bound))

    def radial(self, dim: int = 1) -> Rule:
        """Nodes of the density dim r^(dim - 1) / bound^dim."""
        breaks = np.concatenate([graded(_DEEP) / 2, 1 - graded()[-2::-1] / 2])
        return _scaled(self.bound, *against(lambda r: (dim - 1) * np.log(r), breaks))

    def projection(self, dim: int = 1) -> Rule:
        """Nodes v = bound sin(t): the density (1 - v^2)^((dim - 1) / 2) becomes cos(t)^dim."""
        angles, weights = against(lambda t: dim * np.log(np.cos(t)), np.pi / 2 * graded())
        return _scaled(self.bound, np.sin(angles), weights)


class FixedRadius(_Isotropic):
    """Uniform on the sphere |w| = radius of R^dim: +-radius for a scalar. Several radii are equally likely.

    Example:
        >>> float(FixedRadius(2.0).moment(3, dim=5)), float(FixedRadius(jnp.array([1.0, 3.0])).moment(2))
        (8.0, 5.0)
    """

    radius: float | Float[Array, ""] | Float[Array, " k"] = 1.0

    def __check_init__(self) -> None:
        if not isinstance(self.radius, Tracer):
            _checks.nonnegative("radius", float(np.min(_checks.finite("radius", np.asarray(self.radius)))))

    def sample(self, key: PRNGKeyArray, count: int, dim: int = 1) -> Float[Array, "count dim"]:
        """`count` independent vectors of R^dim."""
        keys = jax.random.split(key)
        normal = jax.random.normal(keys[0], (count, dim))
        radii = jax.random.choice(keys[1], jnp.atleast_1d(jnp.asarray(self.radius, normal.dtype)), (count, 1))
        return radii * normal / jnp.linalg.norm(normal, axis=1, keepdims=True)

    def transport(self, cube: Float[np.ndarray, "count _"]) -> Float[Array, "count dim"]:
        """Vectors of R^dim from points of the open unit cube in R^(dim + 1); the last coordinate chooses the radius."""
        radii = jnp.atleast_1d(jnp.asarray(self.radius, float))
        return radii[(cube[:, -1:] * len(radii)).astype(int)] * _direction(cube[:, :-1])

    def moment(self, q: float, dim: int = 1) -> Float[Array, ""]:  # noqa: ARG002 - |w| is the radius in every dimension
        """E |w|^q = mean of radius^q."""
        return jnp.mean(jnp.asarray(self.radius) ** q)

    def density_at_zero(self) -> Float[Array, ""]:
        """A radius has no density: InputError."""
        raise _no_density(self)

    def radial(self, dim: int = 1) -> Rule:  # noqa: ARG002
        """The radii, equally weighted."""
        return _equal(jnp.atleast_1d(jnp.asarray(self.radius)))

    def projection(self, dim: int = 1) -> Rule:
        """Nodes v = radius sin(t): the density (1 - v^2)^((dim - 3) / 2) becomes cos(t)^(dim - 2)."""
        radii, equal = self.radial()
        if dim == 1:
            return radii, equal
        angles, weights = against(lambda t: (dim - 2) * np.log(np.cos(t)), np.pi / 2 * graded())
        return jnp.outer(radii, jnp.asarray(np.sin(angles))).ravel(), jnp.outer(equal, jnp.asarray(weights)).ravel()


class Samples(eqx.Module):
    """A finite set of vectors, equally likely, each with both signs: measured weights, or a set of directions.

    Args:
        vectors: one a row, scalars as one column; not isotropic, but for `radial`, which knows |w| alone.

    Raises:
        InputError: an empty set, a value that is not finite, or a dimension that is not that of the vectors.

    Example:
        >>> some = Samples(jnp.array([[3.0, 0.0], [0.0, 4.0]]))
        >>> float(some.moment(2, dim=2)), some.directional(1, jnp.array([[1.0, 1.0]]), jnp.zeros((1, 2))).tolist()
        (12.5, [[3.5]])
    """

    vectors: Float[Array, "k dim"]

    def __check_init__(self) -> None:
        _checks.integer("len(vectors)", len(self.vectors), 1)
        _checks.concrete("vectors", self.vectors)

    def sample(self, key: PRNGKeyArray, count: int, dim: int = 1) -> Float[Array, "count dim"]:
        """`count` draws with replacement, each with a random sign."""
        keys = jax.random.split(key)
        rows = jax.random.choice(keys[0], self._of(dim), (count,))
        return rows * jax.random.rademacher(keys[1], (count, 1), rows.dtype)

    def transport(self, cube: Float[np.ndarray, "count _"]) -> Float[Array, "count dim"]:
        """Vectors of the set from points of the open unit cube: the first coordinate chooses, the last is the sign."""
        rows = self._of(cube.shape[1] - 1)
        signs = jnp.asarray(np.where(cube[:, -1:] < 0.5, -1.0, 1.0), rows.dtype)
        return signs * rows[(cube[:, 0] * len(rows)).astype(int)]

    def moment(self, q: float, dim: int = 1) -> Float[Array, ""]:
        """Mean of |w|^q."""
        return jnp.mean(jnp.linalg.norm(self._of(dim), axis=1) ** q)

    def density_at_zero(self) -> Float[Array, ""]:
        """A finite set has no density: InputError."""
        raise _no_density(self)

    def radial(self, dim: int = 1) -> Rule:
        """The lengths, equally weighted."""
        return _equal(jnp.linalg.norm(self._of(dim), axis=1))

    def covariance(self, dim: int = 1) -> Float[Array, "dim dim"]:
        """Mean of w w^T."""
        return jnp.matmul(self._of(dim).T, self._of(dim), precision="highest") / len(self.vectors)

    def directional(self, q: float, x1: Float[Array, "n dim"], x2: Float[Array, "m dim"]) -> Float[Array, "n m"]:
        """Mean of |w.(x1 - x2)|^q."""
        return self.average(lambda u: (u**q)[None], x1, x2)[0]

    def average(self, functions: Even, x1: Float[Array, "n dim"], x2: Float[Array, "m dim"]) -> Float[Array, "k n m"]:
        """Mean of f(|w.(x1 - x2)|), one vector after the other."""

        def at(w: Array) -> Array:
            left, right = (jnp.matmul(x, w, precision="highest") for x in (x1, x2))
            return functions(jnp.abs(left[:, None] - right[None, :]))

        return accumulate(at, *_equal(self._of(x1.shape[1]).astype(x1.dtype)))

    def _of(self, dim: int) -> Float[Array, "k dim"]:
        if self.vectors.shape[1] != dim:
            msg = f"dim={dim} does not fit vectors of shape {self.vectors.shape}; allowed: dim={self.vectors.shape[1]}"
            raise _checks.InputError(msg)
        return self.vectors


DISTRIBUTIONS: dict[str, Callable[[float], Distribution]] = {"gaussian": Gaussian, "uniform": Uniform}
"""Those of one scale, by name."""


def _normal(cube: np.ndarray) -> Array:
    """Standard normal numbers, by the inverse of their distribution function."""
    return jnp.asarray(ndtri(cube), float)


def _direction(cube: np.ndarray) -> Array:
    """Directions, uniform on the sphere."""
    normal = _normal(cube)
    return normal / jnp.linalg.norm(normal, axis=1, keepdims=True)


def _scaled(scale: float | Array, nodes: np.ndarray, weights: np.ndarray) -> Rule:
    return jnp.asarray(scale) * jnp.asarray(nodes), jnp.asarray(weights)


def _equal(nodes: Array) -> tuple[Array, Array]:
    return nodes, jnp.full(len(nodes), 1 / len(nodes), nodes.dtype)


def _no_density(distribution: Distribution) -> _checks.InputError:
    msg = f"b={type(distribution).__name__} has no density at 0; allowed for b: Gaussian, Uniform"
    return _checks.InputError(msg)
