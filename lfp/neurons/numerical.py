"""The transform of a user's activation: the four functions of `transforms`, by quadrature with an error estimate.

sigma approaches c z + d on either side. The first derivative h = sigma^(k) that decays is transformed, and what its
derivative misses at a kink p is added: F[sigma^(k)] = F[h] + sum_p e^(-i w p) (jumps), w = 2 pi eta. Past the
frequencies that the nodes resolve, F[h] is its expansion at the kinks, sum_j [h^(j)]_p / (i w)^(j+1); for a smooth h
it is zero to rounding.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from lfp import _checks
from lfp.numerics.quadrature import Table, gauss_legendre, graded

Function = Callable[[Array], Array]
Pair = tuple[float, float]
Values = Callable[[np.ndarray], np.ndarray]

LARGEST_ERROR = 1e-9  # of the transform, relative to the integral of |h|
_ORDER = 16
_TERMS = 4


class Numerical(eqx.Module):
    """The four functions of an activation, from tables.

    Args:
        spectrum: real and imaginary part of F[sigma^(k)] over the resolved frequencies.
        correlation: A and B up to where both are polynomials.
        tail: per kink its place and the coefficients of (i w)^1, (i w)^0, (i w)^-1, ... of the expansion.
        growth: coefficients of |u|^3, u^2, |u|, 1 of A and of B at infinity.
        order: k.
        slopes: (c_-, c_+).
        levels: (d_-, d_+).
        error: estimated error of F[h], relative to the integral of |h|.
    """

    spectrum: Table
    correlation: Table
    tail: Complex[Array, "kinks terms"]
    growth: Float[Array, "2 4"]
    order: int = eqx.field(static=True)
    slopes: tuple[float, float] = eqx.field(static=True)
    levels: tuple[float, float] = eqx.field(static=True)
    error: float = eqx.field(static=True)
    kink = None
    periodic = False

    def power(self, eta: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """|F[sigma]|^2."""
        return self._derivative_power(eta) / (2 * jnp.pi * eta) ** (2 * self.order)

    def slope_power(self, eta: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """|F[sigma']|^2."""
        return self._derivative_power(eta) / (2 * jnp.pi * eta) ** (2 * self.order - 2)

    def profile(self, u: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """A(u)."""
        return self._correlation(u)[0]

    def slope_profile(self, u: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """B(u)."""
        return self._correlation(u)[1]

    def _correlation(self, u: Array) -> Array:
        far = jnp.stack([((g[0] * u + g[1]) * u + g[2]) * u + g[3] for g in self.growth.astype(u.dtype)])
        inside = u < self.correlation.breaks[-1]
        return jnp.where(inside[None], self.correlation(jnp.where(inside, u, 0.0)), far)

    def _derivative_power(self, eta: Array) -> Array:
        eta = jnp.abs(eta)
        inside = eta < self.spectrum.breaks[-1]
        near = self.spectrum(jnp.where(inside, eta, 0.0))
        far = _expansion(self.tail, jnp.where(inside, 1.0, eta))
        return jnp.where(inside, near[0] ** 2 + near[1] ** 2, far.real**2 + far.imag**2)


def _expansion(tail: Array, eta: Array) -> Array:
    """sum_p e^(-i w p) sum_j tail_pj (i w)^(1-j)."""
    iw = jax.lax.complex(jnp.zeros_like(eta), 2 * jnp.pi * eta)
    total = jnp.zeros_like(iw)
    for row in tail:
        total = total + jnp.exp(-iw * row[0]) * sum(row[1 + j] * iw ** (1 - j) for j in range(_TERMS + 2))
    return total


def numerical(name: str, function: Function, kinks: tuple[float, ...] = ()) -> Numerical:
    """Transform a function that is smooth but for `kinks`, which approaches c z + d exponentially on either side.

    Raises:
        InputError: no line is approached, or the transform does not converge (a kink that was not named, say).
    """
    with jax.ensure_compile_time_eval():
        f = [_values(function, k) for k in range(3 + _TERMS)]
        length, slopes, levels = _growth(name, f, kinks)
        order = 2 if any(slopes) else int(any(levels))
        jumps = _jumps(f, order, kinks)
        breaks, error = _resolve(name, f[order], jumps, length, kinks)
        _check_jumps(name, f, order, breaks, kinks)
        top = _resolved(breaks)
        even = jnp.linspace(0.0, top, int(np.ceil(top * length / 4)) + 1)
        spectrum = Table.of(lambda eta: _parts(_transform(f[order], jumps, breaks, np.asarray(eta))), even)
        gaps = [abs(p - q) for p in kinks for q in kinks]
        ends = jnp.asarray(np.unique(np.concatenate([2 * length * graded(), gaps])))
        correlation = Table.of(lambda u: _correlations(f, np.asarray(u), breaks, kinks, slopes, levels), ends)
        growth = jnp.asarray(_at_infinity(f[0], breaks, slopes, levels))
        return Numerical(spectrum, correlation, jnp.asarray(jumps), growth, order, slopes, levels, error)


def _values(function: Function, k: int) -> Values:
    """The k-th derivative, from numpy to numpy."""
    for _ in range(k):
        function = _derivative(function)
    compiled = jax.jit(function)
    return lambda z: np.asarray(compiled(jnp.asarray(z)), float)


def _derivative(function: Function) -> Function:
    return lambda z: jax.jvp(function, (z,), (jnp.ones_like(z),))[1]


def _rounding() -> float:
    return float(jnp.finfo(jnp.result_type(float)).eps)


def _growth(name: str, f: list[Values], kinks: tuple[float, ...]) -> tuple[float, Pair, Pair]:
    """The shortest length beyond which the function is its two lines to rounding, and the lines."""
    # no round number: a kink that was not named must not fall on a break by chance
    start = 8.137 + max(map(abs, kinks), default=0.0)
    for length in start * 2.0 ** (np.arange(17) / 2):
        ends = np.array([-4.0, 4.0]) * length
        slopes = f[1](ends)
        levels = f[0](ends) - slopes * ends
        z = length * np.linspace(1, 4, 33)
        off = np.abs(np.stack([f[0](-z) - levels[0] + slopes[0] * z, f[0](z) - levels[1] - slopes[1] * z]))
        scale = 1 + np.abs(levels).max() + np.abs(slopes).max() * z
        if np.isfinite(off).all() and (off <= 8 * _rounding() * scale).all():
            tidy = [np.where(np.abs(v) < 64 * _rounding() * length, 0.0, v) for v in (slopes, levels)]
            return float(length), (float(tidy[0][0]), float(tidy[0][1])), (float(tidy[1][0]), float(tidy[1][1]))
    rule = "allowed: c z + d but for exponentially small terms"
    msg = f"activation={name!r} approaches no line c z + d by |z| = {length:.0f}; {rule}"
    raise _checks.InputError(msg)


def _jumps(f: list[Values], order: int, kinks: tuple[float, ...]) -> Complex[np.ndarray, "kinks terms"]:
    """Per kink: its place, then the jumps of sigma^(k-2), sigma^(k-1), h, h', ... (0 where k leaves none)."""
    rows = []
    for p in kinks:
        jump = [float(np.diff(d(_sides((p,))))[0]) for d in f]
        lower = [jump[order - 2] if order == 2 else 0.0, jump[order - 1] if order else 0.0]
        rows.append([p, *lower, *jump[order : order + _TERMS]])
    return np.array(rows, complex).reshape(len(kinks), 3 + _TERMS)


def _resolve(
    name: str, h: Values, jumps: np.ndarray, length: float, kinks: tuple[float, ...]
) -> tuple[np.ndarray, float]:
    """Halve the panels until the transform no longer changes and meets its expansion at the resolved end."""
    count, error = int(np.ceil(8 * length)), np.inf
    for _ in range(6):
        breaks, fine = (np.unique([*np.linspace(-length, length, k * count + 1), *kinks]) for k in (1, 2))
        eta = np.array([*np.linspace(0, 2, 9), *np.array([0.83, 0.91, 1.0]) * _resolved(breaks)])
        values = _transform(h, jumps, breaks, eta)
        change = np.abs(values - _transform(h, jumps, fine, eta)).max()
        end = np.abs(values[-3:] - np.asarray(_expansion(jnp.asarray(jumps), jnp.asarray(eta[-3:])))).max()
        z, w = gauss_legendre(breaks, _ORDER)
        scale = np.sum(w * np.abs(h(z))) + np.abs(jumps[:, 1:3]).sum()
        error = float(max(change, end) / max(scale, _rounding()))
        if error <= max(1e-11, 64 * _rounding()):
            break
        count *= 2
    if error <= max(LARGEST_ERROR, 64 * _rounding()):
        return breaks, error
    rule = f"allowed: {LARGEST_ERROR}, smooth but for kinks={kinks}"
    msg = f"activation={name!r} has a transform that does not converge, error {error:.1e}; {rule}"
    raise _checks.InputError(msg)


def _resolved(breaks: np.ndarray) -> float:
    """Highest frequency that the nodes resolve: 16 of them integrate exp(8 i x) over [-1, 1] to rounding."""
    return 2.5 / float(np.diff(breaks).max())


def _transform(h: Values, jumps: np.ndarray, breaks: np.ndarray, eta: np.ndarray) -> Complex[np.ndarray, " n"]:
    """F[h] + sum_p e^(-i w p) (jump of sigma^(k-1) + i w jump of sigma^(k-2))."""
    z, w = gauss_legendre(breaks, _ORDER)
    wh = w * h(z)
    keep = wh != 0
    z, wh, iw = z[keep], wh[keep], 2j * np.pi * eta
    smooth = np.concatenate([np.exp(-np.outer(part, z)) @ wh for part in np.array_split(iw, len(iw) // 64 + 1)])
    kinks = (np.exp(-iw * row[0]) * (row[1] * iw + row[2]) for row in jumps)
    return smooth + sum(kinks)


def _parts(values: np.ndarray) -> Array:
    return jnp.stack([jnp.asarray(np.real(values)), jnp.asarray(np.imag(values))])


def _check_jumps(name: str, f: list[Values], order: int, breaks: np.ndarray, kinks: tuple[float, ...]) -> None:
    """A derivative by JAX misses the jump at a kink: then it does not integrate to the differences of its function."""
    z, w = gauss_legendre(breaks, _ORDER)
    for j in range(1, order + 1):
        ends = f[j - 1](np.array([breaks[0], *_sides(kinks), breaks[-1]]))
        missing = abs(np.sum(w * f[j](z)) - np.sum(np.diff(ends)[::2]))
        if missing > max(LARGEST_ERROR, 1e4 * _rounding()) * (1 + np.abs(ends).max()):
            rule = f"allowed: none outside kinks={kinks}"
            msg = f"activation={name!r} has jumps of {missing:.1e} that its derivative {j} does not show; {rule}"
            raise _checks.InputError(msg)


def _sides(kinks: tuple[float, ...]) -> np.ndarray:
    """Just below and just above every kink, rising."""
    return np.array([p + s * 8 * _rounding() * max(1.0, abs(p)) for p in sorted(kinks) for s in (-1, 1)])


def _correlations(
    f: list[Values], u: np.ndarray, breaks: np.ndarray, kinks: tuple, slopes: tuple, levels: tuple
) -> Array:
    """A and B at every u: the finite parts, over t from -(L + u/2) to L + u/2, broken at 0 and the kinks."""
    rows = []
    for part in np.array_split(u, len(u) // 32 + 1):
        half = part[:, None] / 2
        even = np.linspace(-1, 1, len(breaks)) * (breaks[-1] + half)
        places = np.array([*kinks, 0.0])
        z, w = gauss_legendre(np.sort(np.concatenate([even, places - half, places + half, 0 * half], axis=1)), _ORDER)
        c, d = (np.where(z > 0, v[1], v[0]) for v in (slopes, levels))
        grown = c**2 * (z**2 - half**2) + 2 * c * d * z + d**2
        rows.append([(w * (g(z + half) * g(z - half) - s)).sum(1) for g, s in ((f[0], grown), (f[1], c**2))])
    return jnp.asarray(np.concatenate(rows, axis=1))


def _at_infinity(f: Values, breaks: np.ndarray, slopes: tuple, levels: tuple) -> Float[np.ndarray, "2 4"]:
    """Coefficients of |u|^3, u^2, |u|, 1 of A and B beyond the reach of eps = sigma - (c z + d)."""
    z, w = gauss_legendre(np.unique([*breaks, 0.0]), _ORDER)
    (c0, c1), (d0, d1) = slopes, levels
    eps = w * (f(z) - np.where(z > 0, c1 * z + d1, c0 * z + d0))
    square = c1 * d0 - c0 * d1 + (c0 * d0 - c1 * d1) / 2
    a = [(c1 - c0) ** 2 / 12, square / 2, (c1 - c0) * eps.sum() - (d1 - d0) ** 2 / 2]
    constant = (c1 + c0) * (z * eps).sum() + (d1 + d0) * eps.sum()
    return np.array([[*a, constant], [0.0, 0.0, -((c1 - c0) ** 2) / 2, (c1 + c0) * (d1 - d0)]])
