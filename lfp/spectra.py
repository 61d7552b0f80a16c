"""Spectra: a kernel on data, taken apart into rates. One rate per frequency where the data has a symmetry."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from lfp import _checks
from lfp.fourier import is_full_period_grid
from lfp.problems import Problem

Kernel = Callable[[Float[Array, "n d"], Float[Array, "m d"] | None], Float[Array, "n m"]]
LARGEST_DENSE = 8192


@runtime_checkable
class Spectrum(Protocol):
    """K P in its own basis, P the weights of the points: rates, and functions of the rates applied to values."""

    rates: Float[Array, " r"]

    def apply(self, gains: Float[Array, "t r"], u: Float[Array, " n"]) -> Float[Array, "t n"]:
        """g(K P) u for every row of gains g(rates)."""
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

    def apply(self, gains: Float[Array, "t r"], u: Float[Array, " n"]) -> Float[Array, "t n"]:
        """Each frequency of u times its gain."""
        modes = jnp.fft.rfft(u)
        return jnp.fft.irfft(gains.astype(modes.dtype) * modes[None, :], self.n, axis=-1)

    def coefficients(self, u: Float[Array, " n"]) -> Float[Array, " r"]:
        """|c_k|^2, both signs of k counted."""
        twice = np.full(len(self.rates), 2.0)
        twice[0] = 1.0
        if self.n % 2 == 0:
            twice[-1] = 1.0
        return jnp.asarray(twice) * jnp.abs(jnp.fft.rfft(u) / self.n) ** 2

    def rates_of(self, modes: Int[np.ndarray, " k"]) -> Float[Array, " k"]:
        """L_k of the modes."""
        return self.rates[np.asarray(modes)]

    @property
    def noise_floor(self) -> Float[Array, ""]:
        """Rounding: eps times the largest rate."""
        return jnp.finfo(self.rates.dtype).eps * self.rates.max()


class GramSpectrum(eqx.Module):
    """Any points: eigenpairs of P^(1/2) K P^(1/2), P = diag(weights).

    Args:
        rates: eigenvalues, increasing, per unit of flow time; what rounding made negative is zero.
        vectors: eigenvectors, one a column.
        weights: weight of each point; they sum to 1.
    """

    rates: Float[Array, " n"]
    vectors: Float[Array, "n n"]
    weights: Float[Array, " n"]

    def apply(self, gains: Float[Array, "t n"], u: Float[Array, " n"]) -> Float[Array, "t n"]:
        """P^(-1/2) V g(rates) V^T P^(1/2) u."""
        root = jnp.sqrt(self.weights)
        return (gains * (self.vectors.T @ (root * u))[None, :]) @ self.vectors.T / root[None, :]

    def coefficients(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """(v . P^(1/2) u)^2."""
        return (self.vectors.T @ (jnp.sqrt(self.weights) * u)) ** 2

    def rates_of(self, modes: Int[np.ndarray, " k"]) -> None:
        """None: eigenvectors of scattered points are not modes."""

    @property
    def noise_floor(self) -> Float[Array, ""]:
        """Rounding of a dense eigensolver: n eps times the largest rate."""
        return len(self.rates) * jnp.finfo(self.rates.dtype).eps * self.rates.max()


def gram_spectrum(gram: Float[Array, "n n"], weights: Float[Array | np.ndarray, " n"]) -> GramSpectrum:
    """Rates of a Gram matrix by a dense symmetric eigensolver.

    Args:
        gram: K(x_i, x_j), symmetric.
        weights: weight of each point; they sum to 1.

    Raises:
        InputError: a matrix that is not finite, not symmetric or indefinite beyond rounding; under jit, where nothing
            can be refused, a negative rate is NaN.

    Example:
        >>> gram_spectrum(jnp.diag(jnp.array([4.0, 2.0])), jnp.full(2, 0.5)).rates.round(12).tolist()
        [1.0, 2.0]
    """
    if not isinstance(gram, Tracer):
        _check_gram(gram)
    weights = jnp.asarray(weights, gram.dtype)
    root = jnp.sqrt(weights)
    rates, vectors = jnp.linalg.eigh(root[:, None] * (gram + gram.T) / 2 * root[None, :])
    return GramSpectrum(without_rounding(rates), vectors, weights)


def _check_gram(gram: Float[Array, "n n"]) -> None:
    """Finite and symmetric."""
    _checks.finite("kernel", np.asarray(gram))
    size = float(jnp.abs(gram).max())
    skew = float(jnp.abs(gram - gram.T).max())
    # 1e-4 passes the rounding of a float32 kernel, and no kernel that is not symmetric
    if skew > 1e-4 * size:
        msg = f"kernel is not symmetric: |K - K^T| reaches {skew:.1e} of {size:.1e}"
        raise _checks.InputError(msg)


def refuse_dense(n: int) -> None:
    """Refuse n points where an n x n matrix and its eigenvectors would be needed.

    Example:
        >>> refuse_dense(1000)
    """
    if n > LARGEST_DENSE:
        msg = (
            f"points={n} needs {3 * 8 * n**2 / 2**30:.1f} GiB for a dense Gram matrix and its eigenvectors; "
            f"allowed: {LARGEST_DENSE}, or a subsample (--subsample)"
        )
        raise _checks.InputError(msg)


def spectrum(kernel: Kernel, problem: Problem) -> Spectrum:
    """Rates of a kernel on the data: by FFT of one row where kernel and grid are translation invariant, else by eigh.

    Args:
        kernel: K(x1, x2) of shape (n, m), symmetric, translation invariant or not.
        problem: points and weights.

    Returns:
        `FourierSpectrum` or `GramSpectrum`; rates per unit of flow time, dynamics u' = -K P u. Under jit, which hides
        whether a kernel is translation invariant, `GramSpectrum`; its rates are differentiable, its vectors are not.

    Raises:
        InputError: more points than a dense matrix can hold, a kernel that is not finite or not symmetric.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.problems import sum_of_modes
        >>> cosine = lambda x1, x2=None: x1 @ (x1 if x2 is None else x2).T
        >>> spectrum(cosine, sum_of_modes(Circle(), 8, [1])).rates.round(12).tolist()
        [0.0, 0.5, 0.0, 0.0, 0.0]
    """
    x, n = jnp.asarray(problem.x), len(problem.t)
    if problem.domain.name == "circle" and is_full_period_grid(problem.turns):
        row = kernel(x[:1], x)[0]
        if not isinstance(row, Tracer) and _is_circulant(kernel, x, row):
            _checks.finite("kernel", np.asarray(row))
            # the row is even in the angle: what is odd in it is rounding
            rates = jnp.fft.rfft(row).real / n
            return FourierSpectrum(without_rounding(rates), n)
    refuse_dense(n)
    return gram_spectrum(kernel(x, None), problem.weights)


def without_rounding(rates: Float[Array, " r"]) -> Float[Array, " r"]:
    """Rates with what rounding made negative set to 0; a kernel that is indefinite beyond rounding is refused.

    Example:
        >>> without_rounding(jnp.array([-1e-9, 2.0])).tolist()
        [0.0, 2.0]
    """
    # the root of eps: kernels with an arccos in them are no better
    tolerance = 10 * float(jnp.finfo(rates.dtype).eps) ** 0.5
    if isinstance(rates, Tracer):
        return jnp.where(rates < -tolerance * rates.max(), jnp.nan, jnp.maximum(rates, 0.0))
    lowest, largest = float(rates.min()), float(rates.max())
    if lowest < -tolerance * largest:
        msg = f"kernel has a negative rate, {lowest:.2e} beside {largest:.2e}; allowed: positive semi-definite kernels"
        raise _checks.InputError(msg)
    return jnp.maximum(rates, 0.0)


def _is_circulant(kernel: Kernel, x: Float[Array, "n d"], row: Float[Array, " n"]) -> bool:
    """Whether other rows are the first one, shifted, and that is even, up to the square root of rounding."""
    rows = np.unique(np.linspace(0, len(x) - 1, 4).astype(int))
    shifted = jnp.stack([jnp.roll(row, i) for i in rows])
    tolerance = float(jnp.sqrt(jnp.finfo(row.dtype).eps) * jnp.abs(row).max())
    odd = jnp.abs(row[1:] - row[:0:-1]).max()  # a kernel that turns with the circle and is not symmetric
    return bool(jnp.maximum(jnp.abs(kernel(x[rows], x) - shifted).max(), odd) <= tolerance)
