"""Dual activations as power series: E[phi(u) phi(v)] where Cov(u, v) is a power series itself, all coefficients >= 0.

Only sums and products of numbers >= 0 occur, so that every coefficient keeps its relative accuracy.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy import special

from lfp import _checks
from lfp.activations import ACTIVATIONS, Activation
from lfp.dual import corner

MEHLER_TERMS = (64, 256, 1024)

_REACH = 16.0  # of the trapezoidal rule in z: the density there is 1e-56
_LOST = 1e-3  # largest share that an expansion may leave out
_CUT = 1e-20  # squares of Hermite coefficients below this share of E[phi^2] are rounding

Coefficients = Float[np.ndarray, " n"]
Pair = tuple[Coefficients, Coefficients]
Numbers = tuple[float, float]
Expansion = tuple[Float[np.ndarray, " m"], Numbers, Numbers]
"""Squares of Hermite coefficients; E[phi^2] and E[phi'^2]; the shares of them that the squares sum to."""


def dual_series(which: Activation, q: float, rho: Coefficients) -> tuple[Pair, Numbers, Numbers]:
    """E[phi(u) phi(v)] and E[phi'(u) phi'(v)], Var u = Var v = q, Cov(u, v) = q rho, rho a power series.

    Args:
        which: the activation.
        q: the variance, rho(1) = 1.
        rho: coefficients of the correlation, >= 0.

    Returns:
        The two series; their values at 1, from closed forms or E[phi^2]; the shares of these that are found.

    Raises:
        InputError: an activation that is neither smooth nor relu's relative.

    Example:
        >>> from lfp.activations import activation
        >>> parts, at_one, _ = dual_series(activation("relu"), 1.0, np.array([0.0, 1.0, 0.0]))
        >>> (2 * np.pi * parts[0]).round(6).tolist(), at_one
        ([1.0, 1.570796, 0.5], (0.5, 0.5))
    """
    slopes, found = corner(which), (1.0, 1.0)
    closed = next((form for name, form in _CLOSED.items() if which.function is ACTIVATIONS[name].function), None)
    if slopes is not None:
        slope_at_one = (slopes[0] ** 2 + slopes[1] ** 2) / 2
        return _arc_cosine(slopes, q, rho), (q * slope_at_one, slope_at_one), found
    if closed is not None:
        value, slope = closed(q, np.ones(1))  # of the constant series 1
        return closed(q, rho), (float(value[0]), float(slope[0])), found
    exact = which.function is ACTIVATIONS["gelu"].function
    squares, at_one, found = _gelu_squares(q) if exact else _hermite_squares(which, q)
    return _mehler(squares, q, rho), at_one, found


def _arc_cosine(slopes: tuple[float, float], q: float, rho: Coefficients) -> Pair:
    # d/d rho of E[phi phi] is q E[phi' phi'], whose own derivative is f / sqrt(1 - rho^2)
    low, high = slopes
    factor = (high - low) ** 2 / (2 * np.pi)
    slope = factor * _arcsine(rho)
    slope[0] += (low + high) ** 2 / 4
    value = _integral(q * slope, rho)
    value[0] = q * (slope[0] * rho[0] + factor * np.sqrt(1 - rho[0] ** 2))
    return value, slope


def _erf(q: float, rho: Coefficients) -> Pair:
    z = 2 * q / (1 + 2 * q)
    return 2 / np.pi * _arcsine(z * rho), 2 * z / (np.pi * q) * _power(times(z * rho, z * rho), -0.5)


def _sin(q: float, rho: Coefficients) -> Pair:
    # sinh' = cosh, cosh' = sinh, both of q rho: the coefficients of one give the next of the other
    n = np.arange(len(rho))
    odd, even = np.zeros_like(rho), np.zeros_like(rho)
    odd[0], even[0] = np.sinh(q * rho[0]), np.cosh(q * rho[0])
    rise = q * n * rho
    for i in range(1, len(rho)):
        odd[i], even[i] = (rise[1 : i + 1] @ other[i - 1 :: -1][:i] / i for other in (even, odd))
    return np.exp(-q) * odd, np.exp(-q) * even


def _gaussian(q: float, rho: Coefficients) -> Pair:
    c = q / (1 + q)
    square = times(c * rho, c * rho)
    return _power(square, -0.5) / (1 + q), q / (1 + q) ** 3 * times(rho, _power(square, -1.5))


_CLOSED: dict[str, Callable[[float, Coefficients], Pair]] = {"erf": _erf, "sin": _sin, "gaussian": _gaussian}


def _gelu_squares(q: float) -> Expansion:
    """A_m of gelu in closed form.

    gelu'' = p - p'', p the normal density, has the mean values of g - g'' under shifts, g the density N(0, 1 + q), and
    a_m = sqrt(q^m / m!) (g^(m-2)(0) - g^(m)(0)): both parts have one sign, so that nothing cancels.
    """
    m = np.arange(MEHLER_TERMS[-1])
    j = np.maximum(m // 2, 1)

    def derivative(i: np.ndarray) -> np.ndarray:
        """log |g^(2i)(0)|."""
        double = special.gammaln(2 * i + 1) - i * np.log(2) - special.gammaln(i + 1)
        return double - i * np.log1p(q) - np.log(2 * np.pi * (1 + q)) / 2

    log_a = m / 2 * np.log(q) - special.gammaln(m + 1) / 2 + np.logaddexp(derivative(j - 1), derivative(j))
    squares = np.where(m % 2 == 0, np.exp(2 * log_a), 0.0)
    squares[:2] = q**2 / (2 * np.pi * (1 + q)), q / 4
    # the next ones fall by (q / (1 + q))^2 each, m times as much in the slope
    left = float(len(m) ** 2 * squares[-2:].max() * (1 + q) ** 2)
    value, slope = float(squares.sum()), float((m * squares).sum()) / q
    if left < 1e-40 * value:
        return squares, (value, slope), (1.0, 1.0)
    value, slope = value + left / len(m), slope + left / q
    return squares, (value, slope), (1 - left / len(m) / value, 1 - left / q / slope)


def _hermite_squares(which: Activation, q: float) -> Expansion:
    """A_m = E[phi(sqrt(q) z) h_m(z)]^2 by the trapezoidal rule, which a smooth phi makes exact to rounding."""
    for terms in MEHLER_TERMS:
        step = np.pi / (np.sqrt(terms) + 6)
        z = step * np.arange(-np.ceil(_REACH / step), np.ceil(_REACH / step) + 1.5, 0.5)
        psi = (2 * np.pi) ** -0.25 * np.exp(-(z**2) / 4)
        u = jnp.asarray(np.sqrt(q) * z)
        f, df = (np.asarray(g(u), np.float64) * psi for g in (which, which.derivative))
        # every second node, and the nodes between: alike, unless phi is not smooth
        means = [[step * float(np.sum(g[i::2] ** 2)) for g in (f, df)] for i in (0, 1)]
        squares, before = np.zeros(terms), np.zeros_like(z)
        for m in range(terms):
            squares[m] = (step / 2 * (f @ psi)) ** 2
            before, psi = psi, (z * psi - np.sqrt(m) * before) / np.sqrt(m + 1)
        value, slope = means[0]
        squares[squares < _CUT * value] = 0
        sums = (float(squares.sum()), float((np.arange(terms) * squares).sum()) / q)
        shares = tuple(part / all_ if all_ > 0 else float(part == 0) for part, all_ in zip(sums, means[0], strict=True))
        if min(shares) > 1 - 1e-14:
            break
    if not np.allclose(means[0], means[1], rtol=1e-12) or min(shares) < 1 - _LOST:
        msg = f"activation={which.name!r} has no fast power series; allowed: smooth functions"
        raise _checks.InputError(msg)
    # rounding hides the last 1e-15 of them
    return squares, (value, slope), (min(shares[0], 1 - 1e-15), min(shares[1], 1 - 1e-15))


def _mehler(squares: Float[np.ndarray, " m"], q: float, rho: Coefficients) -> Pair:
    """sum_m A_m rho^m and sum_m m A_m rho^(m-1) / q."""
    value, slope = np.zeros_like(rho), np.zeros_like(rho)
    power = np.zeros_like(rho)
    power[0] = 1
    for m in range(1 + int(np.flatnonzero(squares).max(initial=0))):
        value += squares[m] * power
        if m + 1 < len(squares):
            slope += (m + 1) * squares[m + 1] / q * power
        power = times(power, rho)
    return value, slope


def times(a: Coefficients, b: Coefficients) -> Coefficients:
    """Product of two series, to the length of the first.

    Example:
        >>> times(np.array([1.0, 2.0, 0.0]), np.array([0.0, 1.0, 3.0])).tolist()
        [0.0, 1.0, 5.0]
    """
    ends = [int(np.flatnonzero(c).max(initial=0)) + 1 for c in (a, b)]
    product = np.convolve(a[: ends[0]], b[: ends[1]])[: len(a)]
    return np.pad(product, (0, len(a) - len(product)))


def _integral(outer: Coefficients, inner: Coefficients) -> Coefficients:
    """The series, less its constant, whose derivative is outer(t) inner'(t)."""
    n = np.arange(len(inner))
    rise = times(outer, n * inner)  # shifted by one place, as the integral is
    return np.where(n > 0, rise / np.maximum(n, 1), 0.0)


def _arcsine(u: Coefficients) -> Coefficients:
    out = _integral(_power(times(u, u), -0.5), u)
    out[0] = np.arcsin(u[0])
    return out


def _power(h: Coefficients, exponent: float) -> Coefficients:
    """(1 - h)^exponent for an exponent < 0 and h >= 0: the binomial recurrence, all of whose terms are >= 0."""
    n = np.arange(len(h), dtype=float)
    out = np.zeros_like(h)
    out[0] = (1 - h[0]) ** exponent
    backwards, bent = h[::-1].copy(), (n * h)[::-1].copy()
    for i in range(1, len(h)):
        # i (1 - h_0) y_i = sum_j (i - j (1 + exponent)) h_j y_(i-j)
        tail = slice(len(h) - 1 - i, len(h) - 1)
        sums = i * (backwards[tail] @ out[:i]) - (1 + exponent) * (bent[tail] @ out[:i])
        out[i] = sums / (i * (1 - h[0]))
    return out
