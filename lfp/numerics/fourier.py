"""THE Fourier convention, and the measurement of a few modes from samples.

F[u](xi) = integral of u(x) exp(-2 pi i x.xi) dx, xi in cycles per unit length; multiplying by x is (i / 2 pi) grad_xi.
On a domain of period P, mode k is the frequency k / P and its coefficient

    c_k = (1/P) integral over one period of u(x) exp(-2 pi i k x / P) dx,

so that a real u with coefficient c_k has amplitude 2 |c_k| at mode k > 0.
"""

from importlib.util import find_spec
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int, Shaped
from scipy import special

from lfp import _checks

LARGEST_CONDITION = 1e8


def is_full_period_grid(turns: Float[np.ndarray, " n"]) -> bool:
    """Whether the points, in turns (x / P), are evenly spaced over exactly one period, end point excluded."""
    n = len(turns)
    if n < 2:
        return False
    # the rounding of points that are many, or many periods away, as far as it is none of their spacing
    rounding = min(4 * np.finfo(float).eps * float(np.abs(turns).max()), 1e-5 / n)
    return bool(np.allclose(np.diff(turns), 1 / n, rtol=0, atol=max(1e-9 / n, rounding)))


def harmonics(turns: Float[np.ndarray, " n"], modes: Int[np.ndarray, " k"]) -> Complex[np.ndarray, "n k"]:
    """exp(2 pi i k x / P) at points given in turns."""
    # a whole number of turns is taken off before the exponential: high modes keep their digits
    return np.exp(2j * np.pi * np.mod(np.multiply.outer(turns, modes), 1.0))


def analysis(
    turns: Float[np.ndarray, " n"], modes: Int[np.ndarray, " k"], weights: Float[np.ndarray, " n"]
) -> Complex[np.ndarray, "k n"]:
    """The matrix that takes values at the points to the coefficients c_k of the modes.

    On a full-period grid it is the DFT. On scattered points it is the weighted least-squares fit of the modes
    and every lower frequency, since a fit that leaves the low ones out would alias them. The weights sum to 1.
    """
    modes = np.asarray(modes)
    highest = int(modes.max(initial=0))
    if len(turns) < 2 * highest:
        msg = f"modes={highest} is aliased: {len(turns)} points resolve modes up to {len(turns) // 2}"
        raise _checks.InputError(msg)
    if is_full_period_grid(turns):
        return harmonics(turns, modes).conj().T / len(turns)
    every = np.arange(-highest, highest + 1)
    root = np.sqrt(weights)
    basis = root[:, None] * harmonics(turns, every)
    condition = np.linalg.cond(basis)
    if condition > LARGEST_CONDITION:
        msg = f"modes={highest}: condition number {condition:.0e} of the points; allowed: {LARGEST_CONDITION:.0e}"
        raise _checks.InputError(msg)
    return np.linalg.pinv(basis)[modes + highest] * root


class Grid(NamedTuple):
    """A full tensor grid: x = origin + step * index, an index below `shape`; `flat` numbers the points in C order."""

    origin: Float[np.ndarray, " d"]
    step: Float[np.ndarray, " d"]
    shape: tuple[int, ...]
    flat: Int[np.ndarray, " n"]


def indices(
    x: Float[np.ndarray, "n d"], origin: Float[np.ndarray, " d"], step: Float[np.ndarray, " d"]
) -> Int[np.ndarray, "n d"] | None:
    """Whole numbers with x = origin + step * index to the rounding of x; None where there are none."""
    values = np.asarray(x, np.float64)
    found = np.rint((values - origin) / step)
    rounding = 8 * np.finfo(x.dtype).eps * np.abs(values).max(axis=0, initial=0.0)
    off = np.abs(values - origin - step * found).max(axis=0, initial=0.0)
    return None if np.any(off > np.minimum(rounding, step / 4)) else found.astype(np.int64)


def grid(x: Float[np.ndarray, "n d"]) -> Grid | None:
    """The full uniform tensor grid that the points fill, each once and in any order; None where they do not."""
    values = np.asarray(x, np.float64)
    origin, shape = values.min(axis=0), []
    for column in values.T:
        gaps = np.diff(np.sort(column))  # those of repetition and rounding stand beside those of the grid
        shape.append(1 + int(np.sum(gaps > gaps.max(initial=0.0) / 2)))
    if np.prod(shape, dtype=float) != len(x):
        return None
    counts = np.array(shape)
    step = np.where(counts > 1, (values.max(axis=0) - origin) / np.maximum(counts - 1, 1), 1.0)
    found = indices(x, origin, step)
    if found is None or np.any(found >= counts):
        return None
    flat = np.asarray(np.ravel_multi_index(tuple(found.T), shape))
    return Grid(origin, step, tuple(shape), flat) if np.bincount(flat, minlength=len(x)).all() else None


def fast_size(n: int) -> int:
    """The smallest even 2^a 3^b 5^c of at least n: sizes at which an FFT is fast."""
    powers = [3**b * 5**c for b in range(40) for c in range(28) if 3**b * 5**c <= 2 * n]
    return min(2 ** max(1, int(np.ceil(np.log2(n / p)))) * p for p in powers)


def has_nufft() -> bool:
    """Whether the fast transforms are at hand: jax_finufft is installed and the arrays live on a CPU."""
    return find_spec("jax_finufft") is not None and jax.default_backend() == "cpu"


def gather_modes(
    values: Complex[Array, " n"], angles: Float[Array, "n d"], shape: tuple[int, ...], tolerance: float = 1e-6
) -> Complex[Array, "*modes"]:
    """U_k = sum_j u_j exp(-i k.t_j), the transform of type 1; k from -(M - 1)/2 to (M - 1)/2, M odd, on every axis.

    By jax_finufft, with a relative tolerance, where the program is compiled for a CPU; by the sum itself in chunks of
    points on other devices, and where jax_finufft is missing.
    """

    def direct(values: Array, angles: Array) -> Array:
        return _gathered(values, angles, shape)

    if not has_nufft():
        return direct(values, angles)
    from jax_finufft import nufft1

    def fast(values: Array, angles: Array) -> Array:
        return nufft1(shape, values, *angles.T, eps=tolerance, iflag=-1)

    return jax.lax.platform_dependent(values, angles, cpu=fast, default=direct)


def evaluate_modes(
    coefficients: Complex[Array, "*modes"], angles: Float[Array, "n d"], tolerance: float = 1e-6
) -> Complex[Array, " n"]:
    """u_j = sum_k U_k exp(i k.t_j), the transform of type 2 and the adjoint of `gather_modes`."""
    if not has_nufft():
        return _evaluated(coefficients, angles)
    from jax_finufft import nufft2

    def fast(coefficients: Array, angles: Array) -> Array:
        return nufft2(coefficients, *angles.T, eps=tolerance, iflag=1)

    return jax.lax.platform_dependent(coefficients, angles, cpu=fast, default=_evaluated)


def _gathered(values: Array, angles: Array, shape: tuple[int, ...]) -> Array:
    def add(total: Array, chunk: tuple[Array, Array]) -> tuple[Array, None]:
        waves = _waves(chunk[1], shape, -1)
        return total + jnp.einsum(_EINSUM[len(shape)][0], chunk[0], *waves, precision="highest"), None

    size = max(1, min(_CHUNK // int(np.prod(shape[1:])), len(values)))
    spare = -len(values) % size
    parts = (jnp.pad(values, (0, spare)).reshape(-1, size), jnp.pad(angles, ((0, spare), (0, 0))))
    blocks = (parts[0], parts[1].reshape(-1, size, angles.shape[1]))
    return jax.lax.scan(add, jnp.zeros(shape, values.dtype), blocks)[0]


def _evaluated(coefficients: Array, angles: Array) -> Array:
    shape = coefficients.shape

    def at(chunk: Array) -> Array:
        return jnp.einsum(_EINSUM[len(shape)][1], coefficients, *_waves(chunk, shape, 1), precision="highest")

    size = max(1, min(_CHUNK // int(np.prod(shape[1:])), len(angles)))
    padded = jnp.pad(angles, ((0, -len(angles) % size), (0, 0)))
    return jax.lax.map(at, padded.reshape(-1, size, angles.shape[1])).ravel()[: len(angles)]


_CHUNK = 1 << 20
_EINSUM = {
    1: ("n,na->a", "a,na->n"),
    2: ("n,na,nb->ab", "ab,na,nb->n"),
    3: ("n,na,nb,nc->abc", "abc,na,nb,nc->n"),
}


def _waves(angles: Array, shape: tuple[int, ...], sign: int) -> list[Array]:
    modes = [jnp.arange(m, dtype=angles.dtype) - (m - 1) // 2 for m in shape]
    phases = [t[:, None] * k[None, :] for t, k in zip(angles.T, modes, strict=True)]
    return [jax.lax.complex(jnp.cos(phase), sign * jnp.sin(phase)) for phase in phases]


def walsh_hadamard(values: Shaped[Array | np.ndarray, " n"]) -> Float[Array, " n"]:
    """sum_i values_i (-1)^(bits shared by i and j), n a power of two; twice over it is n times the values."""
    values = jnp.asarray(_checks.real("values", values, 1))
    n = len(values)
    if n < 1 or n & (n - 1):
        msg = f"values has {n} entries; allowed: a power of two"
        raise _checks.InputError(msg)
    size = 1
    while size < n:  # five bits at a time: a product with a small matrix
        step = min(n // size, 32)
        bits = np.bitwise_count(np.bitwise_and.outer(np.arange(step), np.arange(step)))
        signs = jnp.asarray(1.0 - 2.0 * (bits % 2), values.dtype)
        blocks = values.reshape(-1, step, size)
        values = jnp.einsum("ij,bjs->bis", signs, blocks, precision="highest").reshape(n)
        size *= step
    return values


def hankel(
    xi: Float[np.ndarray, " m"], r: Float[np.ndarray, " q"], weights: Float[np.ndarray, " q"], dim: int
) -> Float[np.ndarray, "m q"]:
    """Weights that take the profile g(r) of a radial function of R^dim, dim <= 3, to its transform at |xi|.

    F(xi) = integral of g(r) h(2 pi xi r) dr, h = 2 cos, 2 pi r J_0 and 4 pi r^2 sinc for dim = 1, 2, 3; r and weights
    are those of a quadrature.
    """
    phase = np.multiply.outer(xi, 2 * r)
    if dim == 1:
        return 2 * weights * np.cos(np.pi * phase)
    if dim == 2:
        return 2 * np.pi * r * weights * special.j0(np.pi * phase)
    return 4 * np.pi * r**2 * weights * np.sinc(phase)
