"""Spectra: a kernel on data, taken apart into rates. One rate per frequency where the data has a symmetry."""

import math
from functools import partial
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Num, PRNGKeyArray

from lfp import _checks
from lfp.domains.circle import Circle
from lfp.domains.joint import Joint
from lfp.domains.problems import Points, Problem
from lfp.kernels.algebra import Kernel, refuse_asymmetric
from lfp.kernels.blocked import Product
from lfp.networks.joined import JointKernel
from lfp.numerics.eigenpairs import largest_pairs
from lfp.numerics.fourier import is_full_period_grid
from lfp.numerics.krylov import Family
from lfp.numerics.symmetric import apply_family, eigenpairs

LARGEST_DENSE = 8192


@runtime_checkable
class Spectrum(Protocol):
    """K P in its own basis, P the weights of the points: rates, and functions of the rates applied to values."""

    rates: Float[Array, " r"]

    def apply(self, family: Family, u: Float[Array, " n"]) -> Float[Array, "t n"]:
        """g_t(K P) u for every g_t of a family, rates (r,) -> (t, r)."""
        ...

    def coefficients(self, u: Float[Array, " n"]) -> Float[Array, " r"]:
        """|c|^2 of u along each rate: they sum to the weighted mean of u^2."""
        ...

    def rates_of(self, modes: Int[np.ndarray, " k"]) -> Float[Array, " k"] | None:
        """The rates of given modes, where each mode has one; None where not."""
        ...

    @property
    def noise_floor(self) -> Float[Array, ""]:
        """Rates below this are rounding."""
        ...


class FourierSpectrum(eqx.Module):
    """A translation-invariant kernel on an even full-period grid: L_k = (1/n) DFT of one row, k = 0 .. n/2.

    Args:
        rates: rate of each frequency, per unit of flow time.
        n: number of points.
    """

    rates: Float[Array, " r"]
    n: int = eqx.field(static=True)

    def apply(self, family: Family, u: Float[Array, " n"]) -> Float[Array, "t n"]:
        """Each frequency of u times its gain."""
        modes = jnp.fft.rfft(u)
        return jnp.fft.irfft(family(self.rates).astype(modes.dtype) * modes[None, :], self.n, axis=-1)

    def coefficients(self, u: Float[Array, " n"]) -> Float[Array, " r"]:
        """|c_k|^2, both signs of k counted."""
        return jnp.asarray(self.multiplicities) * jnp.abs(jnp.fft.rfft(u) / self.n) ** 2

    @property
    def multiplicities(self) -> Float[np.ndarray, " r"]:
        """Number of signs of each frequency that the grid tells apart: 2, or 1 of k = 0 and k = n/2."""
        signs = np.full(len(self.rates), 2.0)
        signs[0] = 1.0
        if self.n % 2 == 0:
            signs[-1] = 1.0
        return signs

    def rates_of(self, modes: Int[np.ndarray, " k"]) -> Float[Array, " k"]:
        """L_k of the modes."""
        return jnp.take(self.rates, np.asarray(modes))

    @property
    def noise_floor(self) -> Float[Array, ""]:
        """Rounding: eps times the largest rate."""
        return _rounding(1, self.rates)


class GramSpectrum(eqx.Module):
    """Any points: eigenpairs of P^(1/2) K P^(1/2), P = diag(weights).

    Args:
        rates: eigenvalues, decreasing, per unit of flow time; what rounding made negative is zero.
        vectors: eigenvectors, one a column.
        weights: weight of each point; they sum to 1.
        matrix: P^(1/2) K P^(1/2), for derivatives.
    """

    rates: Float[Array, " n"]
    vectors: Float[Array, "n n"]
    weights: Float[Array, " n"]
    matrix: Float[Array, "n n"]

    def apply(self, family: Family, u: Float[Array, " n"]) -> Float[Array, "t n"]:
        """P^(-1/2) V g_t(rates) V^T P^(1/2) u: differentiable also where rates repeat, which single vectors are not."""
        root = jnp.sqrt(self.weights)
        return apply_family(self.matrix, self.rates, self.vectors, root * u, family) / root[None, :]

    def coefficients(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """(v . P^(1/2) u)^2."""
        return (self.vectors.T @ (jnp.sqrt(self.weights) * u)) ** 2

    def rates_of(self, modes: Int[np.ndarray, " k"]) -> None:
        """None: eigenvectors of scattered points are not modes."""

    @property
    def noise_floor(self) -> Float[Array, ""]:
        """Rounding of a dense eigensolver: n eps times the largest rate."""
        return _rounding(len(self.rates), self.rates)


class JointSpectrum(eqx.Module):
    """Several outputs that do not see each other: the rates of one kernel, each for every output.

    Args:
        inner: rates and eigenvectors on the points.
        outputs: their number; values go point by point, the outputs of a point after one another.
    """

    inner: GramSpectrum
    outputs: int = eqx.field(static=True)
    rates: Float[Array, " r"]

    def __init__(self, inner: GramSpectrum, outputs: int) -> None:
        self.inner, self.outputs, self.rates = inner, outputs, inner.rates

    def apply(self, family: Family, u: Float[Array, " no"]) -> Float[Array, "t no"]:
        """g_t(K P) of every output."""
        found = jax.vmap(lambda one: self.inner.apply(family, one), 1, 2)(u.reshape(-1, self.outputs))
        return found.reshape(len(found), -1)

    def coefficients(self, u: Float[Array, " no"]) -> Float[Array, " r"]:
        """|c|^2 along each rate, summed over the outputs."""
        return jax.vmap(self.inner.coefficients, 1)(u.reshape(-1, self.outputs)).sum(axis=0)

    def rates_of(self, modes: Int[np.ndarray, " k"]) -> None:
        """None: eigenvectors of scattered points are not modes."""

    @property
    def noise_floor(self) -> Float[Array, ""]:
        """That of one output."""
        return self.inner.noise_floor


@partial(jax.jit, static_argnums=0)
def _rounding(count: int, rates: Float[Array, " r"]) -> Float[Array, ""]:
    return count * jnp.finfo(rates.dtype).eps * rates.max()


def gram_spectrum(gram: Num[Array | np.ndarray, "n n"], weights: Num[Array | np.ndarray, " n"]) -> GramSpectrum:
    """Rates of a Gram matrix by a dense symmetric eigensolver.

    Args:
        gram: K(x_i, x_j), symmetric.
        weights: weight of each point; they sum to 1.

    Raises:
        InputError: a matrix that is not square, not finite, not symmetric or indefinite beyond rounding, weights that
            are not positive; under jit, where nothing can be refused, a negative rate is NaN.

    Example:
        >>> gram_spectrum(jnp.diag(jnp.array([4.0, 2.0])), jnp.full(2, 0.5)).rates.round(12).tolist()
        [2.0, 1.0]
    """
    gram = _checks.real("gram", gram, 2)
    if gram.shape[0] != gram.shape[1] or not len(gram):
        msg = f"gram has shape {gram.shape}; allowed: (n, n)"
        raise _checks.InputError(msg)
    if not isinstance(gram, Tracer):
        known = _checks.finite("gram, the kernel,", np.asarray(gram))
        refuse_asymmetric(known, known, "gram, the kernel,")
    if not isinstance(weights, Tracer):
        weights = _checks.weights("weights", weights, len(gram))
    rates, *parts = _decomposed(gram, weights)
    return GramSpectrum(without_rounding(rates), *parts)


@jax.jit
def _decomposed(gram: Array, weights: Array) -> tuple[Array, Array, Array, Array]:
    """Rates, decreasing, and vectors of P^(1/2) K P^(1/2); the weights and this matrix."""
    weights = weights.astype(gram.dtype)
    root = jnp.sqrt(weights)
    matrix = root[:, None] * (gram + gram.T) / 2 * root[None, :]
    rates, vectors = eigenpairs(matrix)
    return rates[::-1], vectors[:, ::-1], weights, matrix


def refuse_dense(n: int) -> None:
    """Refuse n points where an n x n matrix and its eigenvectors would be needed."""
    if n > LARGEST_DENSE:
        msg = (
            f"points={n} needs {4 * 8 * n**2 / 2**30:.1f} GiB for a dense Gram matrix and its eigenvectors; "
            f"allowed: {LARGEST_DENSE}, or a subsample (--subsample)"
        )
        raise _checks.InputError(msg)


def data_spectrum(kernel: Kernel, data: Problem | Points) -> FourierSpectrum | GramSpectrum | JointSpectrum:
    """Rates of a kernel on data: by FFT of one row where kernel and grid are translation invariant, else by eigh.

    Of several outputs that do not see each other on the points alone.
    Under jit, which hides whether a kernel is translation invariant, `GramSpectrum`.
    """
    if isinstance(data, Joint) and isinstance(kernel, JointKernel):
        refuse_dense(len(data.inputs))
        gram = kernel.inner(jax.device_put(data.inputs), None)
        return JointSpectrum(gram_spectrum(gram, data.shares), data.outputs)
    x = jax.device_put(data.x)
    even = np.allclose(data.weights, 1 / len(x), rtol=1e-9)  # repeated points weigh more: no circulant matrix
    if even and isinstance(data, Problem) and isinstance(data.domain, Circle) and is_full_period_grid(data.turns):
        shifts = np.unique(np.linspace(0, len(x) - 1, 4).astype(int))
        rows = kernel(jax.device_put(data.x[shifts]), x)
        if not isinstance(rows, Tracer) and _is_circulant(_checks.finite("kernel", np.asarray(rows)), shifts):
            # the row is even in the angle: what is odd in it is rounding
            rates = np.fft.rfft(np.asarray(rows)[0]).real / len(x)
            return FourierSpectrum(without_rounding(jax.device_put(rates)), len(x))
    refuse_dense(len(x))
    return gram_spectrum(kernel(x, None), data.weights)


def without_rounding(rates: Float[Array, " r"]) -> Float[Array, " r"]:
    """Rates with what rounding made negative set to 0; a kernel that is indefinite beyond rounding is refused."""
    # the root of eps: kernels with an arccos in them are no better
    tolerance = 10 * float(jnp.finfo(rates.dtype).eps) ** 0.5
    if isinstance(rates, Tracer):
        return jnp.where(rates < -tolerance * rates.max(), jnp.nan, jnp.maximum(rates, 0.0))
    known = np.asarray(rates)
    lowest, largest = float(known.min()), float(known.max())
    if lowest < -tolerance * largest:
        msg = f"kernel (gram) has a negative rate, {lowest:.2e} beside {largest:.2e}; allowed: semi-definite kernels"
        raise _checks.InputError(msg)
    return jax.device_put(np.maximum(known, 0.0))


def _is_circulant(rows: Float[np.ndarray, "k n"], shifts: Int[np.ndarray, " k"]) -> bool:
    """Whether the rows are the first one, shifted, and that is even, up to the square root of rounding."""
    row = rows[0]
    odd = np.abs(row[1:] - row[:0:-1]).max()  # a kernel that turns with the circle and is not symmetric
    off = max(np.abs(other - np.roll(row, shift)).max() for other, shift in zip(rows, shifts, strict=True))
    return bool(max(off, odd) <= np.sqrt(np.finfo(row.dtype).eps) * np.abs(row).max())


class PartialSpectrum(eqx.Module):
    """Any points: the largest eigenpairs of P^(1/2) K P^(1/2), P = diag(weights).

    Args:
        rates: eigenvalues, decreasing, per unit of flow time.
        vectors: orthonormal eigenvectors, one a column.
        weights: weight of each point; they sum to 1.
        residuals: |A q - L q| of each pair: a rate of the matrix lies within it.
        trace: sum of all rates, the weighted mean of K(x, x).
        passes: blocked products taken.
    """

    rates: Float[Array, " r"]
    vectors: Float[Array, "n r"]
    weights: Float[Array, " n"]
    residuals: Float[Array, " r"]
    trace: Float[Array, ""]
    passes: int = eqx.field(static=True)

    @property
    def noise_floor(self) -> Float[Array, ""]:
        """Rates below this are rounding of the products, n eps times the largest, or no more than a residual."""
        rounding = len(self.weights) * jnp.finfo(self.rates.dtype).eps * self.rates.max()
        return jnp.maximum(rounding, self.residuals.max())

    @property
    def tail(self) -> Float[Array, ""]:
        """Sum of the rates that are not listed: the trace less those that are."""
        return self.trace - jnp.sum(self.rates)

    @property
    def effective_rank(self) -> tuple[float, float]:
        """Bounds on (sum of rates)^2 / sum of rate^2.

        The sum is the trace. Squares that are not listed add between nothing and `tail` times the smallest listed rate;
        no listed rate is below what is listed, nor above it by more than its residual.
        """
        above = self.rates + self.residuals
        most = jnp.sum(above**2) + jnp.maximum(self.tail, 0) * above[-1]
        return rank_bounds(float(self.trace), float(jnp.sum(self.rates**2)), float(most))


def rank_bounds(total: float, least: float, most: float) -> tuple[float, float]:
    """Bounds on (sum of rates)^2 / sum of rate^2: 1 or more, and infinite above where no rate is known.

    Example:
        >>> rank_bounds(2.0, 1.0, 2.0), rank_bounds(2.0, 0.0, 4.0)
        ((2.0, 4.0), (1.0, inf))
    """
    return max(total**2 / most, 1.0) if most > 0 else 1.0, total**2 / least if least > 0 else math.inf


def largest_rates(
    product: Product,
    count: int,
    key: PRNGKeyArray,
    weights: Float[Array | np.ndarray, " n"] | None = None,
    *,
    tolerance: float = 1e-6,
    block: int | None = None,
    max_passes: int = 32,
) -> PartialSpectrum:
    """The `count` largest rates of a kernel on its points, without its matrix: see `eigenpairs.largest_pairs`.

    Args:
        product: `kernel_product(kernel, x)` or `network_product(network, params, x)`.
        count: how many rates.
        key: for the first vectors.
        weights: weight of each point, as in `gram_spectrum`; None takes 1/n.
        tolerance: largest residual, relative to the largest rate.
        block: vectors a pass, at least `count`. A kernel in tiles is computed once a pass and more vectors cost little;
            the product of a network costs the same for every vector, and few more than `count` are best.
        max_passes: most passes.

    Returns:
        The rates, with their vectors and residuals; dynamics u' = -K P u.

    Raises:
        InputError: count above the number of points, weights that are not positive or do not sum to 1, a kernel that
            is not finite or has negative rates, a tolerance that is not met.

    Example:
        >>> from lfp.kernels import kernel_product
        >>> product = kernel_product(lambda x1, x2: x1 @ x2.T, jnp.diag(jnp.arange(4.0)))
        >>> largest_rates(product, 2, jax.random.key(0)).rates.round(3).tolist()
        [2.25, 1.0]
    """
    n, dtype = len(product.x), product.x.dtype
    weights = jnp.asarray(_checks.shares("weights", np.full(n, 1 / n) if weights is None else weights, n), dtype)
    root = jnp.sqrt(weights)[:, None]
    pairs = largest_pairs(
        lambda v: root * product(root * v), n, count, key, tolerance, block=block, max_passes=max_passes, dtype=dtype
    )
    trace = jnp.sum(weights * product.diagonal())
    rates = without_rounding(jnp.append(pairs.rates, pairs.lowest))[:-1]
    return PartialSpectrum(rates, pairs.vectors, weights, pairs.residuals, trace, pairs.passes)


def sobolev_rates(spectrum: Spectrum) -> FourierSpectrum:
    """(1 + k^2) L_k: the rates under the Sobolev loss, k in cycles around the circle.

    Both losses see a mode through the same functional: d/dt c_k = -L_k (c_k + k^2 c_k). Modes above what the grid
    resolves are taken to be absent.

    Raises:
        InputError: a spectrum that is not that of an even grid on the circle.

    Example:
        >>> sobolev_rates(FourierSpectrum(jnp.array([1.0, 0.5, 0.25]), 4)).rates.tolist()
        [1.0, 1.0, 1.25]
    """
    if not isinstance(spectrum, FourierSpectrum):
        msg = f"spectrum={type(spectrum).__name__} has no frequencies; allowed: FourierSpectrum"
        raise _checks.InputError(msg)
    k = jnp.arange(len(spectrum.rates), dtype=spectrum.rates.dtype)
    return FourierSpectrum((1 + k**2) * spectrum.rates, spectrum.n)
