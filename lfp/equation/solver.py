"""The LFP equation from data in any dimension: in time and at the limit, u_s = p_s(K P) u_0."""

import contextlib
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.domains.problems import Points, merge
from lfp.equation.decomposition import Part
from lfp.equation.operator import Operator
from lfp.equation.products import Product, choose, dense
from lfp.equation.propagators import Exact, Krylov, LawAt, Method
from lfp.equation.solution import Solution
from lfp.equation.stationary import limit
from lfp.numerics.krylov import ROUNDING
from lfp.optimisers.descent import GradientFlow
from lfp.optimisers.law import Law
from lfp.spectra.on_points import refuse_dense

TREATMENTS = ("finite", "instant")
LARGEST_EXACT = 1024


def evolve(
    operator: Operator,
    points: Points,
    times: Num[Array | np.ndarray, " t"],
    *,
    start: Float[Array | np.ndarray, " _n"] | None = None,
    law: Law | None = None,
    method: Method | None = None,
    product: Product | None = None,
    treatment: str = "finite",
) -> Solution:
    """Solve the LFP equation from data: d/dt u = -K P u, u = h - y, in time and at the limit.

    `finite`: K = K_0 + K_LFP. `instant`: the null space is fitted at once, h = K_LFP v + P beta with P^T v = 0 and the
    residual orthogonal to it at all times. Derivatives with respect to the scales of the operator are exact with the
    method `Exact`.

    Args:
        operator: activation and distributions of the weights.
        points: points, targets and weights; points that repeat are merged, their mean target weighted by their share,
            and a warning says so.
        times: steps of the dynamics, increasing, 0 or more; infinity for the limit. Flow time for the default flow.
        start: h_0 at the points; None for 0.
        law: the law of the optimiser; None for gradient flow of lr = 1.
        method: `Exact()`, `Krylov()`; None takes Exact up to 1024 points. The limit is solved densely up to 8192 points
            and by conjugate gradients beyond, whose relative residual is its `error`.
        product: of the kernel of the treatment at the points; None takes what `choose` finds, the matrix for Exact.
        treatment: `finite` or `instant`.

    Returns:
        `Solution`; its `product` names the product.

    Raises:
        InputError: data that are not finite or not of one length, or so large that they overflow, times below 0 or
            unsorted, fewer points than the null space needs or points that do not determine it (`instant`), more points
            than the method holds.

    Example:
        >>> x = jnp.linspace(-1.0, 1.0, 5)[:, None]
        >>> solution = evolve(Operator("relu"), Points(x, jnp.sin(3 * x[:, 0])), jnp.array([0.0, 1.0, jnp.inf]))
        >>> bool(jnp.abs(solution.residual[-1]).max() < 1e-9), solution.at(jnp.zeros((2, 1))).shape
        (True, (3, 2))
    """
    _checks.choice("treatment", treatment, TREATMENTS)
    data, times = _data(points, start, times)
    method = (Exact() if len(data.x) <= LARGEST_EXACT else Krylov()) if method is None else method
    law = GradientFlow(1.0) if law is None else law
    # under jit what does not depend on traced values is worked out now; elsewhere that would only compile more
    inside = _is_traced(jnp.zeros(())) and not _is_traced(operator)
    known = jax.ensure_compile_time_eval() if inside else contextlib.nullcontext()
    with known:
        if product is None:
            product = _product(operator, data.x, "finite" if treatment == "finite" else "lfp", method)
        basis = _basis(operator, data.x, treatment)
    finite, y = jnp.asarray(times[np.isfinite(times)]), jnp.asarray(data.y)
    parts = []
    if len(finite):
        parts.append(_evolve(product, y, jnp.asarray(data.weights), basis, finite, law, method))
    if len(finite) < len(times):
        parts.append(limit(product, y, basis, weights=jnp.asarray(data.weights)))
    rows = [jnp.concatenate(column) for column in zip(*parts, strict=True)]
    if not _is_traced(rows) and not all(bool(jnp.isfinite(row).all()) for row in rows[:2]):
        far = float(np.abs(data.x).max())
        msg = (
            f"points up to {far:.3g}, or an operator this large, overflow {data.x.dtype}: the solution is not finite; "
        )
        raise _checks.InputError(msg + "allowed: units in which squares of points and of weights are numbers")
    where = (jnp.asarray(data.x), jnp.asarray(data.weights), jnp.asarray(times))
    return Solution(operator, *where, *rows, product=product.name, treatment=treatment)


def _product(operator: Operator, x: np.ndarray, part: Part, method: Method) -> Product:
    if isinstance(method, Exact):
        refuse_dense(len(x))
        return dense(operator, x, part=part)
    return choose(operator, x, part=part, tolerance=method.tolerance if isinstance(method, Krylov) else 1e-8)


def _basis(operator: Operator, x: np.ndarray, treatment: str) -> Array:
    """The null space at the points, for `instant`; refuses points that do not determine it."""
    if treatment == "finite":
        return jnp.zeros((len(x), 0), x.dtype)
    basis = operator.null_space(jnp.asarray(x))
    count = basis.shape[1]
    rank = int(jnp.linalg.matrix_rank(basis)) if count else 0
    if rank < count:
        msg = f"treatment='instant' with {len(x)} points that determine {rank} of the {count} functions of the null "
        msg += "space; allowed: points in general position, or treatment='finite'"
        raise _checks.InputError(msg)
    return basis


def _is_traced(tree: object) -> bool:
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


@eqx.filter_jit
def _evolve(
    kernel: Product,
    y: Array,
    weights: Array,
    basis: Array,
    steps: Array,
    law: Law,
    method: Method,
) -> tuple[Array, ...]:
    """(residual, coefficients, polynomial, norm, error, products) at finite times, in the variables sqrt(P) u."""
    root = jnp.sqrt(weights)
    frame, triangle = jnp.linalg.qr(root[:, None] * basis) if basis.shape[1] else (basis, basis[:0])

    def project(v: Array) -> Array:
        return v - frame @ (frame.T @ v) if basis.shape[1] else v

    def product(v: Array) -> Array:
        return project(root * kernel(root * project(v)))

    start = project(-root * y)
    applied = method.apply(product, start, LawAt(law, steps))
    # |sqrt(P) E sqrt(P)| is at most max P |E|, and |K| at most the largest rate over min P
    uneven = jnp.max(weights) / jnp.min(weights)
    missing, turned = jnp.asarray(kernel.error, y.dtype) * uneven * applied.largest, jnp.zeros((), y.dtype)
    if basis.shape[1]:  # what rounding left in the null space would grow with t
        clean = (lambda a: a.summary) if applied.basis is None else (lambda a: a.basis)
        applied = eqx.tree_at(clean, applied, jax.lax.map(project, clean(applied)))
    # by halves, and scaled where they lie: with 10^6 points every copy counts
    left, summed = (eqx.tree_at(lambda a: a.summary, applied, half) for half in jnp.split(applied.summary, 2))
    residual, coefficients = left.values / root[None, :], summed.values * -root[None, :]
    polynomial = jnp.zeros((len(steps), 0), y.dtype)
    if basis.shape[1]:
        # beta from sqrt(P) basis beta = sqrt(P) (y + u - K v), seen along the frame; K is symmetric
        images = jax.lax.map(kernel, (root[:, None] * frame).T)
        seen = ((residual + y[None, :]) * root[None, :]) @ frame - coefficients @ images.T
        polynomial = jax.scipy.linalg.solve_triangular(triangle, seen.T, lower=False).T
        # rounding turns the null space by eps times the condition of its basis, and is relative to all of K
        even = triangle / jnp.linalg.norm(triangle, axis=0)[None, :]
        turned = ROUNDING * jnp.finfo(y.dtype).eps * jnp.linalg.cond(even)
        missing = missing + turned * (applied.largest + 2 * jnp.linalg.norm(images * root[None, :]))
    # v^T K v = v^T (h - P beta) = v^T (y + u)
    norm = jnp.sqrt(jnp.maximum(jnp.sum(coefficients * (residual + y[None, :]), axis=1), 0.0))
    # |p_s(A + E) - p_s(A)| <= 1 - p_s(|E|) for a flow: what an error of the kernel does to the solution by then
    error = applied.error[: len(steps)] + jnp.abs(law.learned(missing[None], steps)[:, 0])
    size = jnp.linalg.norm(root * y)
    error = error * jnp.linalg.norm(start) / jnp.where(size > 0, size, 1.0) + jnp.minimum(turned, 1.0)
    taken = jnp.full(len(steps), applied.products)
    return residual, coefficients, polynomial, norm, error, taken


def _data(data: Points, start: Any, times: Any) -> tuple[Points, np.ndarray]:
    """Checked points, with y - h_0 for y, those that repeat merged, and times. Only y may be traced."""
    points, y = np.asarray(data.x), data.y
    points = points if jnp.issubdtype(points.dtype, jnp.floating) else points.astype(float)
    # the precision of x, but for float64 where JAX has it switched off
    points = points.astype(jax.dtypes.canonicalize_dtype(points.dtype))
    shares = np.asarray(data.weights)
    steps = np.asarray(times, points.dtype)
    _check_data({"x": points, "y": y, "weights": shares, "start": y if start is None else start})
    if not len(steps) or np.isnan(steps).any() or steps[0] < 0 or (np.diff(steps) <= 0).any():
        msg = f"times={steps.tolist()} must increase from 0 or above, infinity last"
        raise _checks.InputError(msg)
    targets = jnp.asarray(y, points.dtype)
    if start is not None:
        targets = targets - jnp.asarray(start, points.dtype)
    merged = merge(points, targets, shares.astype(points.dtype))
    if len(merged.x) < len(points):
        warnings.warn(f"{len(points) - len(merged.x)} repeated x merged with weights", stacklevel=3)
    return merged, steps


def _check_data(arrays: dict[str, Any]) -> None:
    count = len(arrays["x"])
    for name, array in arrays.items():
        _checks.concrete(name, array)
        if len(array) != count or array.ndim != (2 if name == "x" else 1):
            msg = f"{name} has shape {array.shape} for {count} points; allowed: one row or number a point"
            raise _checks.InputError(msg)
    weights = arrays["weights"]
    if not (weights > 0).all():
        msg = f"weights={float(weights.min())} must be positive everywhere"
        raise _checks.InputError(msg)
