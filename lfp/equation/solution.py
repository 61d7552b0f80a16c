"""`Solution` of the LFP equation: the residual at the data, h at any other points, F[h] at any frequencies."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from lfp import _checks
from lfp.equation.decomposition import Part
from lfp.equation.operator import Operator
from lfp.equation.products import Product, choose

_CHUNK = 1 << 22  # waves held at a time


class Solution(eqx.Module):
    """h_t = h_0 + sum_i v_i(t) K(x, x_i) + P(x) beta(t), K the completed kernel (`finite`) or K_LFP (`instant`).

    Args:
        operator: the LFP operator.
        x: the data points; repeated ones once.
        weights: share of the data at each point.
        times: steps of the dynamics, flow time for a flow of lr = 1; infinity is the limit.
        residual: h_t - y at the data.
        coefficients: v.
        polynomial: beta, in the basis of `operator.null_space`; empty for `finite`.
        norm: FP-norm of h_t - h_0: sqrt(v^T K v).
        error: bound on the error of the residual, relative to h_0 - y, in the norm of the weights: that of the method,
            of the product and of rounding, which leaves every rate unknown to a few eps L_max.
        products: products with the kernel that each time took.
        product: which product that was.
        treatment: `finite` or `instant`.
    """

    operator: Operator
    x: Float[Array, "n d"]
    weights: Float[Array, " n"]
    times: Float[Array, " t"]
    residual: Float[Array, "t n"]
    coefficients: Float[Array, "t n"]
    polynomial: Float[Array, "t k"]
    norm: Float[Array, " t"]
    error: Float[Array, " t"]
    products: Int[Array, " t"]
    product: str = eqx.field(static=True)
    treatment: str = eqx.field(static=True)

    @property
    def part(self) -> Part:
        """The kernel that it is made of, as `lfp.equation.choose` calls it."""
        return "finite" if self.treatment == "finite" else "lfp"

    def at(self, test: Float[Array | np.ndarray, "m d"], tolerance: float = 1e-8) -> Float[Array, "t m"]:
        """h_t - h_0 at other points, by the product that they allow: no m x n array beyond a few thousand points.

        Args:
            test: the points.
            tolerance: of a NUFFT, where one is taken.
        """
        test = jnp.asarray(test, self.x.dtype)
        return _at(self, choose(self.operator, self.x, test, self.part, tolerance), test)

    def transform(self, xi: Float[Array | np.ndarray, "f d"]) -> Complex[Array, "t f"]:
        """F[h_t - h_0] at frequencies xi != 0, in cycles per unit length, from the coefficients: no window, no grid.

        F[K_LFP(., x')](xi) = (gamma_1^2 + (i / 2 pi) x'.grad gamma_w^2 + |x'|^2 gamma_w^2) exp(-2 pi i x'.xi); what is
        polynomial has its transform at 0.
        """
        xi = jnp.asarray(xi, self.x.dtype)
        if xi.ndim != 2 or xi.shape[1] != self.operator.dim or not bool(jnp.any(xi != 0, axis=1).all()):
            msg = f"frequencies of shape {xi.shape} must be (f, {self.operator.dim}), none of them 0"
            raise _checks.InputError(msg)
        return _transform(self, xi)


@eqx.filter_jit
def _at(solution: Solution, product: Product, test: Array) -> Array:
    basis = solution.operator.null_space(test)[:, : solution.polynomial.shape[1]]
    return jax.lax.map(product, solution.coefficients) + solution.polynomial @ basis.T


@eqx.filter_jit
def _transform(solution: Solution, xi: Array) -> Array:
    x, v = solution.x, solution.coefficients
    square = jnp.sum(x**2, axis=1)

    def one(point: Array) -> Array:
        size = jnp.linalg.norm(point)
        (value, from_w), (_, slope) = jax.jvp(solution.operator.symbol, (size,), (jnp.ones_like(size),))
        inner = jnp.sum(x * point[None, :], axis=1)
        factor = jax.lax.complex(value + square * from_w, inner / size * slope / (2 * jnp.pi))
        phase = -2 * jnp.pi * inner
        wave = factor * jax.lax.complex(jnp.cos(phase), jnp.sin(phase))
        return jax.lax.complex(v @ wave.real, v @ wave.imag)

    return jax.lax.map(one, xi, batch_size=max(1, _CHUNK // len(x))).T
