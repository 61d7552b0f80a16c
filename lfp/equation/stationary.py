"""The limit of training at t = infinity: the interpolant of least FP-norm."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from lfp.equation.nufft import NUFFT
from lfp.equation.products import Dense, Product
from lfp.equation.structured import PrefixSums
from lfp.numerics.krylov import ROUNDING
from lfp.spectra.on_points import LARGEST_DENSE

_SKETCH_BYTES = 2**29  # of the preconditioner's vectors, of which there are at most 256
_TOLERANCE, _MOST_STEPS, _PATIENCE = 1e-10, 2000, 200
_POWERS = 6


def limit(
    product: Product,
    y: Float[Array, " n"],
    basis: Float[Array, "n k"],
    dense: bool | None = None,
    weights: Float[Array, " n"] | None = None,
) -> tuple[Array, ...]:
    """(residual, coefficients, polynomial, norm, error, products) of the limit, one row each; any weights share it.

    With a null space the saddle-point system [K P; P^T 0] [v; beta] = [y; 0]; without one the least norm, v = K^+ y.
    Dense up to 8192 points; beyond, conjugate gradients on the complement of the null space, preconditioned by second
    differences for splines on a line, else by the largest rates that a random sketch finds (Frangella, Tropp and Udell,
    arXiv 2110.02820). The error is the residual left at the data, relative to y, and what
    rounding, and the error of the product, do to it, eps L_max |v|: up to eps L_max / L_min. Weights count in it alone.
    """
    weights = jnp.ones_like(y) if weights is None else weights
    if len(y) <= LARGEST_DENSE if dense is None else dense:
        return _dense(product, y, basis, weights)
    slope = _slope(product) if isinstance(product, PrefixSums) else jnp.zeros(1)
    known = not isinstance(slope, Tracer)
    return _iterative(product, y, basis, weights, known and bool(jnp.all(slope < 0)))


@eqx.filter_jit
def _dense(product: Product, y: Array, basis: Array, weights: Array) -> tuple[Array, ...]:
    n, k = basis.shape
    gram = product.matrix if isinstance(product, Dense) else jax.lax.map(product, jnp.eye(n, dtype=y.dtype))
    gram = (gram + gram.T) / 2
    if k:
        saddle = jnp.block([[gram, basis], [basis.T, jnp.zeros((k, k), y.dtype)]])
        solution = jnp.linalg.solve(saddle, jnp.concatenate([y, jnp.zeros(k, y.dtype)]))
        v, beta = solution[:n], solution[n:]
    else:
        rates, vectors = jnp.linalg.eigh(gram)
        floor = n * jnp.finfo(y.dtype).eps * rates.max()
        v = vectors @ (jnp.where(rates > floor, 1 / jnp.where(rates > floor, rates, 1.0), 0.0) * (vectors.T @ y))
        beta = jnp.zeros(0, y.dtype)
    norm = jnp.sqrt(jnp.maximum(v @ gram @ v, 0.0))
    residual = gram @ v + basis @ beta - y
    # what should be 0 is all error, and what should not, since a rate is 0, is known to |E v|
    unsure = ROUNDING * jnp.finfo(y.dtype).eps + jnp.asarray(product.error, y.dtype)
    noise = unsure * jnp.linalg.norm(gram) * jnp.linalg.norm(v)
    if isinstance(product, NUFFT):  # the data are met where the kernel has no rate of 0, however it is summed
        noise = jnp.where(product.definite, 0.0, noise)
    error = _relative(residual, y, weights, noise)
    return tuple(row[None] for row in (residual, v, beta, norm, error, jnp.asarray(n)))


def _relative(residual: Array, y: Array, weights: Array, noise: Array | float = 0.0) -> Array:
    """A residual and noise of that size, relative to y."""
    left = jnp.sqrt(jnp.sum(weights * residual**2)) + noise * jnp.sqrt(jnp.max(weights))
    size = jnp.sqrt(jnp.sum(weights * y**2))
    return (1 + ROUNDING * jnp.finfo(y.dtype).eps) * left / jnp.where(size > 0, size, 1.0)


@eqx.filter_jit
def _iterative(product: Product, y: Array, basis: Array, weights: Array, local: bool) -> tuple[Array, ...]:
    n = len(y)
    frame, triangle = jnp.linalg.qr(basis)

    def project(v: Array) -> Array:
        return v - frame @ (frame.T @ v)

    def system(v: Array) -> Array:
        return project(product(project(v)))

    rank = max(8, min(256, n // 4, _SKETCH_BYTES // (y.dtype.itemsize * n)))
    precondition = _second_difference(product, system) if local else _sketched(system, n, rank, y.dtype)
    v, steps = _conjugate_gradients(system, precondition, project(y))
    v = project(v)
    more, again = _conjugate_gradients(system, precondition, project(y - product(v)))  # what rounding lost
    v = project(v + more)
    rest = y - product(v)
    beta = jax.scipy.linalg.solve_triangular(triangle, frame.T @ rest, lower=False)
    residual = basis @ beta - rest
    unsure = ROUNDING * jnp.finfo(y.dtype).eps + jnp.asarray(product.error, y.dtype)
    error = _relative(residual, y, weights, unsure * _largest(system, rest + y) * jnp.linalg.norm(v))
    norm = jnp.sqrt(jnp.maximum(v @ (y - rest), 0.0))
    return tuple(row[None] for row in (residual, v, beta, norm, error, steps + again + (3 if local else rank + 2)))


def _largest(system: Callable[[Array], Array], v: Array) -> Array:
    """The largest rate, by a few steps of the power method: within a factor of two, as its noise is stated."""
    unit = lambda u: u / jnp.maximum(jnp.linalg.norm(u), jnp.finfo(u.dtype).tiny)  # noqa: E731
    v = jax.lax.fori_loop(0, _POWERS, lambda _, u: unit(system(u)), unit(v))
    return jnp.linalg.norm(system(v))


def _sketched(system: Callable[[Array], Array], n: int, rank: int, dtype: jnp.dtype) -> Callable[[Array], Array]:
    """v -> v + U (L_r / L - 1) U^T v: the r largest rates, as a sketch sees them, brought down to the last of them."""
    sketch = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (n, rank), dtype))[0]
    image = jax.lax.map(system, sketch.T).T
    core, turn = jnp.linalg.eigh((sketch.T @ image + image.T @ sketch) / 2)
    real = core > n * jnp.finfo(dtype).eps * core[-1]
    scale = jnp.where(real, 1 / jnp.sqrt(jnp.where(real, core, 1.0)), 0.0)
    frame, small = jnp.linalg.qr(image @ (turn * scale[None, :]))  # A ~ F F^T, F = A S (S^T A S)^(-1/2)
    left, singular, _ = jnp.linalg.svd(small)
    rates = singular**2
    found = rates > n * jnp.finfo(dtype).eps * rates[0]
    last = jnp.min(jnp.where(found, rates, jnp.inf))
    gains = jnp.where(found, last / jnp.where(found, rates, 1.0), 1.0) - 1
    vectors = frame @ left
    return lambda v: v + vectors @ (gains * (vectors.T @ v))


def _slope(product: PrefixSums) -> Array:
    """dK/d|x - x'| of a spline kernel at x = x', halfway between points."""
    middle = (product.y[1:] + product.y[:-1]) / 2
    terms = [(p, q) for p in range(1, 4) for q in range(4)]
    return jnp.sum(jnp.stack([p * product.coefficients[p, q] * middle ** (p + q - 1) for p, q in terms]), axis=0)


def _second_difference(product: Product, system: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """v -> the second difference of v over -2 times the slope of the kernel, which inverts that of -|x - x'|.

    What the kernel has beside |x - x'| is smoother: the preconditioned rates gather at 1 for any number of points. The
    constant, which a difference does not see, is scaled by its own rate.
    """
    assert isinstance(product, PrefixSums)
    order, count = product.order, len(product.y)
    weights = -0.5 / (_slope(product) * jnp.diff(product.y))
    constant = jnp.full(count, count**-0.5, product.y.dtype)
    rate = constant @ system(constant)
    share = jnp.where(rate > 0, 1 / jnp.where(rate > 0, rate, 1.0), 0.0)

    def apply(v: Array) -> Array:
        bent = -jnp.diff(jnp.pad(weights * jnp.diff(v if order is None else v[order]), 1))
        bent = bent if order is None else jnp.zeros_like(bent).at[order].set(bent)
        return bent + share * (constant @ v) * constant

    return apply


def _conjugate_gradients(
    system: Callable[[Array], Array], precondition: Callable[[Array], Array], target: Array
) -> tuple[Array, Array]:
    """The iterate of least residual, and the steps taken: jax's own tells neither, and rounding may end the descent."""
    goal = (_TOLERANCE * jnp.linalg.norm(target)) ** 2

    def going(state: tuple[Array, ...]) -> Array:
        *_, count, since, least = state
        return (least > goal) & (count < _MOST_STEPS) & (since < _PATIENCE)

    def step(state: tuple[Array, ...]) -> tuple[Array, ...]:
        v, rest, along, slope, best, count, since, least = state
        image = system(along)
        length = slope / jnp.maximum(along @ image, jnp.finfo(v.dtype).tiny)
        v, rest = v + length * along, rest - length * image
        ready = precondition(rest)
        turned = rest @ ready
        along = ready + turned / jnp.maximum(slope, jnp.finfo(v.dtype).tiny) * along
        size = rest @ rest
        better = size < least
        best, least = jnp.where(better, v, best), jnp.minimum(size, least)
        return v, rest, along, turned, best, count + 1, jnp.where(better, 0, since + 1), least

    zero, first = jnp.zeros_like(target), precondition(target)
    counts = (jnp.array(0), jnp.array(0))
    state = (zero, target, first, target @ first, zero, *counts, target @ target)
    *_, best, count, _, _ = jax.lax.while_loop(going, step, state)
    return best, count
