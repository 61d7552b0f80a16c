"""Solve the linear dynamics of training: the residual at the data is u_s = p_s(K P) u_0.

`solve` takes a spectrum that is known. `evolve` takes the LFP operator and data in any dimension, in time and at the
limit, and follows the solution at other points and at any frequency.
"""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Num

from lfp import _checks
from lfp.dynamics import Dynamics, GradientFlow
from lfp.krylov import Applied, Family, Product, apply_functions
from lfp.operator import Operator
from lfp.problems import Problem
from lfp.spectra import Spectrum, refuse_dense
from lfp.trajectory import Trajectory

TREATMENTS = ("finite", "instant")
LARGEST_EXACT = 1024


@eqx.filter_jit
def _learnt(spectrum: Spectrum, dynamics: Dynamics, steps: jnp.ndarray, y: jnp.ndarray) -> jnp.ndarray:
    return spectrum.apply(dynamics.learned(spectrum.rates, steps), y)


def solve(problem: Problem, spectrum: Spectrum, dynamics: Dynamics, steps: Num[np.ndarray, " t"]) -> Trajectory:
    """f_s = (1 - p_s(K P)) y at the data, from f_0 = 0: exact in discrete time, closed form in s.

    Args:
        problem: points, targets and weights.
        spectrum: rates of the kernel on these points.
        dynamics: the law of the optimiser.
        steps: steps at which to look, in any order of magnitude.

    Returns:
        One run, at the data points.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.dynamics import GradientDescent
        >>> from lfp.problems import sum_of_modes
        >>> from lfp.spectra import FourierSpectrum
        >>> p = sum_of_modes(Circle(), 8, [1])
        >>> rates = FourierSpectrum(jnp.array([0.0, 0.5, 0.0, 0.0, 0.0]), 8)
        >>> f = solve(p, rates, GradientDescent(1.0), np.array([0, 1, 2])).values[0]
        >>> (f[:, 2] / p.y[2]).round(12).tolist()
        [0.0, 0.5, 0.75]
    """
    dtype = spectrum.rates.dtype
    values = _learnt(spectrum, dynamics, jnp.asarray(steps, dtype), jnp.asarray(problem.y, dtype))
    meta = {"kind": "theory", "spectrum": type(spectrum).__name__, "dynamics": type(dynamics).__name__}
    return Trajectory(np.asarray(steps), np.asarray(values)[None], problem.x, meta)


@runtime_checkable
class Method(Protocol):
    """How functions of a symmetric product are applied to a vector."""

    def apply(self, product: Product, vector: Float[Array, " n"], family: Family) -> Applied:
        """f_t(A) v for every member of a family."""
        ...


class Exact(eqx.Module):
    """The eigendecomposition of the matrix: the reference, up to a few thousand points."""

    def apply(self, product: Product, vector: Float[Array, " n"], family: Family) -> Applied:
        """f_t(A) v = V f_t(rates) V^T v; what rounding made negative counts as 0."""
        matrix = jax.vmap(product)(jnp.eye(len(vector), dtype=vector.dtype))
        rates, vectors = jnp.linalg.eigh((matrix + matrix.T) / 2)
        gains = family(jnp.maximum(rates, 0.0))
        values = (gains * (vectors.T @ vector)[None, :]) @ vectors.T
        return Applied(values, jnp.zeros(len(gains), vector.dtype), jnp.asarray(len(vector)))


class Krylov(eqx.Module):
    """Lanczos on matrix-free products, deepened until its error estimate is below the tolerance.

    Args:
        tolerance: of every time, relative to the size of the residual at the start.
        max_depth: most products; memory max_depth x n.
    """

    tolerance: float = eqx.field(static=True, default=1e-8)
    max_depth: int = eqx.field(static=True, default=256)

    def apply(self, product: Product, vector: Float[Array, " n"], family: Family) -> Applied:
        """f_t(A) v from the Krylov space of v."""
        return apply_functions(product, vector, family, self.tolerance, self.max_depth)


class Solution(eqx.Module):
    """h_t = h_0 + sum_i v_i(t) K(x, x_i) + P(x) beta(t), K the completed kernel (`finite`) or K_LFP (`instant`).

    Args:
        operator: the LFP operator.
        x: the data points.
        times: steps of the dynamics, flow time for a flow of lr = 1; infinity is the limit.
        residual: h_t - y at the data.
        coefficients: v.
        polynomial: beta, in the basis of `operator.null_space`; empty for `finite`.
        norm: FP-norm of h_t - h_0: sqrt(v^T K v).
        error: estimated error of the residual, relative to its start.
        products: products with the kernel that it took.
        treatment: `finite` or `instant`.
    """

    operator: Operator
    x: Float[Array, "n d"]
    times: Float[Array, " t"]
    residual: Float[Array, "t n"]
    coefficients: Float[Array, "t n"]
    polynomial: Float[Array, "t k"]
    norm: Float[Array, " t"]
    error: Float[Array, " t"]
    products: int = eqx.field(static=True)
    treatment: str = eqx.field(static=True)

    def at(self, test: Float[Array | np.ndarray, "m d"]) -> Float[Array, "t m"]:
        """h_t - h_0 at other points, row by row: no m x n array."""
        return _at(self, jnp.asarray(test, self.x.dtype))

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


def evolve(
    operator: Operator,
    x: Float[Array | np.ndarray, "n d"],
    y: Float[Array | np.ndarray, " _n"],
    times: Num[Array | np.ndarray, " t"],
    *,
    weights: Float[Array | np.ndarray, " _n"] | None = None,
    start: Float[Array | np.ndarray, " _n"] | None = None,
    dynamics: Dynamics | None = None,
    method: Method | None = None,
    treatment: str = "finite",
) -> Solution:
    """Solve the LFP equation from data: d/dt u = -K P u, u = h - y, in time and at the limit.

    `finite`: K = K_0 + K_LFP. `instant`: the null space is fitted at once, h = K_LFP v + P beta with P^T v = 0 and the
    residual orthogonal to it at all times.

    Args:
        operator: activation and laws of the weights.
        x: points, all different.
        y: targets.
        times: steps of the dynamics, increasing, 0 or more; infinity for the limit. Flow time for the default flow.
        weights: share of the data at each point, summing to 1; None for equal shares.
        start: h_0 at the points; None for 0.
        dynamics: the law of the optimiser; None for gradient flow of lr = 1.
        method: `Exact()`, `Krylov()`; None takes Exact up to 1024 points.
        treatment: `finite` or `instant`.

    Returns:
        `Solution`.

    Raises:
        InputError: data that are not finite or not of one length, repeated points, times below 0 or unsorted, fewer
            points than the null space needs or points that do not determine it (`instant`).

    Example:
        >>> x = jnp.linspace(-1.0, 1.0, 5)[:, None]
        >>> solution = evolve(Operator("relu"), x, jnp.sin(3 * x[:, 0]), jnp.array([0.0, 1.0, jnp.inf]))
        >>> bool(jnp.abs(solution.residual[-1]).max() < 1e-9), solution.at(jnp.zeros((2, 1))).shape
        (True, (3, 2))
    """
    _checks.choice("treatment", treatment, TREATMENTS)
    x, times = jnp.asarray(x), jnp.asarray(times, jnp.asarray(x).dtype)
    y = jnp.asarray(y, x.dtype)
    weights = jnp.full(len(x), 1 / len(x), x.dtype) if weights is None else jnp.asarray(weights, x.dtype)
    start = jnp.zeros_like(y) if start is None else jnp.asarray(start, x.dtype)
    _check_data(x, y, weights, start, times)
    basis = operator.null_space(x) if treatment == "instant" else jnp.zeros((len(x), 0), x.dtype)
    _check_basis(basis)
    if method is None:
        method = Exact() if len(x) <= LARGEST_EXACT else Krylov()
    dynamics = GradientFlow(1.0) if dynamics is None else dynamics
    finite = times[jnp.isfinite(times)]
    parts = [_evolve(operator, x, y - start, weights, basis, finite, dynamics, method, treatment)]
    if len(finite) < len(times):
        refuse_dense(len(x))
        parts.append(_limit(operator, x, y - start, basis, treatment))
    rows = [jnp.concatenate(column) for column in zip(*(part[:5] for part in parts), strict=True)]
    return Solution(operator, x, times, *rows, products=int(parts[0][5]), treatment=treatment)


def _kernel(operator: Operator, treatment: str, x1: Array, x2: Array) -> Array:
    return operator(x1, x2) if treatment == "finite" else operator.lfp(x1, x2)


@eqx.filter_jit
def _evolve(
    operator: Operator,
    x: Array,
    y: Array,
    weights: Array,
    basis: Array,
    steps: Array,
    dynamics: Dynamics,
    method: Method,
    treatment: str,
) -> tuple[Array, ...]:
    """(residual, coefficients, polynomial, norm, error, products) at finite times, in the variables sqrt(P) u."""
    root = jnp.sqrt(weights)
    gram = _kernel(operator, treatment, x, x)
    frame, triangle = jnp.linalg.qr(root[:, None] * basis)

    def project(v: Array) -> Array:
        return v - frame @ (frame.T @ v)

    def product(v: Array) -> Array:
        return project(root * (gram @ (root * project(v))))

    def family(rates: Array) -> Array:
        return jnp.concatenate([dynamics.factor(rates, steps), _accumulated(dynamics, rates, steps)])

    applied = method.apply(product, project(-root * y), family)
    # what rounding left in the null space would grow with t
    left, summed = jnp.split(jax.vmap(project)(applied.values), 2)
    coefficients = -root[None, :] * summed
    # beta from h(X): sqrt(P) basis beta = sqrt(P) (y + u) - sqrt(P) K v, seen along the frame
    seen = (left + (root * y)[None, :] - (coefficients @ gram) * root[None, :]) @ frame
    polynomial = jax.scipy.linalg.solve_triangular(triangle, seen.T, lower=False).T
    norm = jnp.sqrt(jnp.maximum(jnp.sum((coefficients @ gram) * coefficients, axis=1), 0.0))
    return left / root[None, :], coefficients, polynomial, norm, applied.error[: len(steps)], applied.products


def _accumulated(dynamics: Dynamics, rates: Array, steps: Array) -> Array:
    """(1 - p_s(L)) / L, with its limit at L = 0: what a mode has summed of its residual."""
    zero = jnp.zeros(1, rates.dtype)
    slope = jax.jvp(lambda r: dynamics.learned(r, steps), (zero,), (jnp.ones_like(zero),))[1]
    some = rates > 0
    return jnp.where(some[None, :], dynamics.learned(rates, steps) / jnp.where(some, rates, 1.0)[None, :], slope)


@eqx.filter_jit
def _limit(operator: Operator, x: Array, y: Array, basis: Array, treatment: str) -> tuple[Array, ...]:
    """t = infinity, any weights: the saddle-point system of `instant`, the least norm of `finite`."""
    gram, n, k = _kernel(operator, treatment, x, x), *basis.shape
    if treatment == "instant":
        saddle = jnp.block([[gram, basis], [basis.T, jnp.zeros((k, k), x.dtype)]])
        solution = jnp.linalg.solve(saddle, jnp.concatenate([y, jnp.zeros(k, x.dtype)]))
        v, beta = solution[:n], solution[n:]
    else:
        rates, vectors = jnp.linalg.eigh((gram + gram.T) / 2)
        floor = n * jnp.finfo(x.dtype).eps * rates.max()
        v = vectors @ (jnp.where(rates > floor, 1 / jnp.where(rates > floor, rates, 1.0), 0.0) * (vectors.T @ y))
        beta = jnp.zeros(0, x.dtype)
    norm = jnp.sqrt(jnp.maximum(v @ gram @ v, 0.0))
    rows = (gram @ v + basis @ beta - y, v, beta, norm, jnp.zeros((), x.dtype))
    return *(row[None] for row in rows), jnp.asarray(0)


@eqx.filter_jit
def _at(solution: Solution, test: Array) -> Array:
    def row(point: Array) -> Array:
        kernel = _kernel(solution.operator, solution.treatment, point[None], solution.x)[0]
        basis = solution.operator.null_space(point[None])[0][: solution.polynomial.shape[1]]
        return solution.coefficients @ kernel + solution.polynomial @ basis

    return jax.lax.map(row, test, batch_size=64).T


@eqx.filter_jit
def _transform(solution: Solution, xi: Array) -> Array:
    size = jnp.linalg.norm(xi, axis=1)
    (one, from_w), (_, slope) = jax.jvp(solution.operator.symbol, (size,), (jnp.ones_like(size),))
    x, v = solution.x, solution.coefficients
    phase = -2 * jnp.pi * (x @ xi.T)
    waves = jax.lax.complex(jnp.cos(phase), jnp.sin(phase))
    along = (x @ xi.T) / size[None, :] * slope[None, :] / (2 * jnp.pi)
    real = one[None, :] + jnp.sum(x**2, axis=1)[:, None] * from_w[None, :]
    return v.astype(waves.dtype) @ (jax.lax.complex(real, along) * waves)


def _check_data(x: Array, y: Array, weights: Array, start: Array, times: Array) -> None:
    for name, array in (("x", x), ("y", y), ("weights", weights), ("start", start)):
        _checks.finite(name, np.asarray(array))
        if len(array) != len(x) or array.ndim != (2 if name == "x" else 1):
            msg = f"{name} has shape {array.shape} for {len(x)} points; allowed: one row or number a point"
            raise _checks.InputError(msg)
    if not bool((weights > 0).all()):
        msg = f"weights={float(weights.min())} must be positive everywhere"
        raise _checks.InputError(msg)
    if len(np.unique(np.asarray(x), axis=0)) < len(x):
        msg = "x has repeated points; allowed: different ones, `merge` takes their mean and counts them as weights"
        raise _checks.InputError(msg)
    steps = np.asarray(times)
    if not len(steps) or np.isnan(steps).any() or steps[0] < 0 or (np.diff(steps) <= 0).any():
        msg = f"times={steps.tolist()} must increase from 0 or above, infinity last"
        raise _checks.InputError(msg)


def _check_basis(basis: Array) -> None:
    n, k = basis.shape
    rank = int(jnp.linalg.matrix_rank(basis)) if k else 0
    if rank < k:
        msg = f"treatment='instant' with {n} points that determine {rank} of the {k} functions of the null space; "
        msg += "allowed: points in general position, or treatment='finite'"
        raise _checks.InputError(msg)
