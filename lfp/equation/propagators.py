"""Methods that apply functions of a symmetric product to a vector: f_t(A) v for a whole family f_t at once."""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.numerics.krylov import ROUNDING, Applied, Family, Product, apply_functions, rounding
from lfp.numerics.symmetric import apply_family, eigenpairs
from lfp.optimisers.law import Law


class LawAt(eqx.Module):
    """What a law of the optimiser leaves of a mode, p_s(L), and what the mode has summed, (1 - p_s(L)) / L."""

    law: Law
    steps: Num[Array, " t"]

    def __call__(self, rates: Float[Array, " k"]) -> Float[Array, "two_t k"]:
        """The first t rows are p_s(L), the others (1 - p_s(L)) / L with its limit at L = 0."""
        some = jnp.maximum(rates, jnp.finfo(rates.dtype).tiny ** 0.5)  # `learned` keeps its digits at small rates
        learned = self.law.learned(some, self.steps) / some[None, :]
        return jnp.concatenate([self.law.factor(rates, self.steps), learned])


@runtime_checkable
class Method(Protocol):
    """How functions of a symmetric product are applied to a vector."""

    def apply(self, product: Product, vector: Float[Array, " n"], family: Family) -> Applied:
        """f_t(A) v for every member of a family."""
        ...


class Exact(eqx.Module):
    """The eigendecomposition of the matrix: the reference, up to a few thousand points.

    Differentiable, also where rates repeat: the derivative of f(A) is V (F o V^T dA V) V^T with the divided differences
    F_ij = (f(L_i) - f(L_j)) / (L_i - L_j), F_ii = f'(L_i) (Daleckii and Krein 1951), while that of the eigenvectors
    themselves does not exist there.

    Example:
        >>> out = Exact().apply(lambda v: 2 * v, jnp.ones(2), lambda rates: jnp.exp(-rates)[None])
        >>> bool(jnp.allclose(out.values, jnp.exp(-2.0)))
        True
    """

    def apply(self, product: Product, vector: Float[Array, " n"], family: Family) -> Applied:
        """f_t(A) v = V f_t(rates) V^T v; what rounding made negative counts as 0."""
        matrix = jax.vmap(product)(jnp.eye(len(vector), dtype=vector.dtype))
        matrix = (matrix + matrix.T) / 2
        values, error = _exact(matrix, vector, family)
        bound = jnp.max(jnp.sum(jnp.abs(matrix), axis=1))
        return Applied(values, None, error, jnp.asarray(len(vector)), bound)


class Krylov(eqx.Module):
    """Lanczos on matrix-free products, deepened until its error estimate is below the tolerance.

    Args:
        tolerance: of every time, relative to the size of the residual at the start.
        max_depth: most products; memory max_depth x n.

    Example:
        >>> out = Krylov().apply(lambda v: 2 * v, jnp.ones(2), lambda rates: jnp.exp(-rates)[None])
        >>> bool(jnp.allclose(out.values, jnp.exp(-2.0)))
        True
    """

    tolerance: float = eqx.field(static=True, default=1e-8)
    max_depth: int = eqx.field(static=True, default=256)

    def __check_init__(self) -> None:
        _checks.positive("tolerance", self.tolerance)
        _checks.integer("max_depth", self.max_depth, 1)

    def apply(self, product: Product, vector: Float[Array, " n"], family: Family) -> Applied:
        """f_t(A) v from the Krylov space of v; no derivatives, which a space chosen for v does not hold."""

        def fixed(v: Array) -> Array:
            return _without_derivative(product(v))

        return apply_functions(fixed, _without_derivative(vector), family, self.tolerance, self.max_depth)


def _exact(matrix: Array, vector: Array, family: Family) -> tuple[Array, Array]:
    """f_t(A) v and its error."""
    rates, vectors = eigenpairs(matrix)
    _, _, change = rounding(family, jax.lax.stop_gradient(rates), rates[:0])
    along = vectors.T @ vector
    size = jnp.linalg.norm(along)
    moved = jnp.linalg.norm(change[:, 1:] * along[None, :], axis=1) / jnp.where(size > 0, size, 1.0)
    error = jax.lax.stop_gradient(moved) + ROUNDING * jnp.finfo(rates.dtype).eps
    return apply_family(matrix, jnp.maximum(rates, 0.0), vectors, vector, family), error


@jax.custom_jvp
def _without_derivative(vector: Array) -> Array:
    return vector


@_without_derivative.defjvp
def _refuse(*_: object) -> tuple[Array, Array]:
    msg = "method=Krylov() has no derivative; allowed where one is taken: Exact()"
    raise _checks.InputError(msg)
