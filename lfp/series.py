"""The kernel of a network as a power series in t = x.y of unit vectors: kappa(t) = sum_n a_n t^n, every a_n >= 0.

A layer composes the dual activation, a power series in the correlation with coefficients >= 0, with the series of the
layer below (Daniely et al. 2016). Only sums and products of numbers >= 0 occur, so that every a_n keeps its relative
accuracy, however small it is; no quadrature can do that.
"""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy import special

from lfp import _checks
from lfp.activations import ACTIVATIONS, Activation
from lfp.dual import corner
from lfp.laws import Gaussian
from lfp.networks import MLP, Network, TwoLayer

TERMS = 1024
CORNER_TERMS = 4096
"""Coefficients that are kept: more where a corner makes them fall slowly."""
MEHLER_TERMS = (64, 256, 1024)

_REACH = 16.0  # of the trapezoidal rule in z: the density there is 1e-56
_LOST = 1e-3  # largest share that an expansion may leave out
_CUT = 1e-20  # squares of Hermite coefficients below this share of E[phi^2] are rounding

Coefficients = Float[np.ndarray, " n"]
Pair = tuple[Coefficients, Coefficients]
Expansion = tuple[Float[np.ndarray, " m"], tuple[float, float], tuple[float, float]]
"""Squares of Hermite coefficients; E[phi^2] and E[phi'^2]; the shares of them that the squares sum to."""


class Series(eqx.Module):
    """sum_n a_n t^n, with what it leaves out at t = 1.

    Args:
        coefficients: a_n.
        beyond: sum of the coefficients after the last one.
        scattered: what an expansion cut short left out of coefficients anywhere, at most, in sum.
        total: kappa(1).
    """

    coefficients: Coefficients
    beyond: float
    scattered: float
    total: float

    def __call__(self, t: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """The sum of the terms at hand."""
        return np.polynomial.polynomial.polyval(t, self.coefficients)


class _State(eqx.Module):
    """A function of t within a network: its coefficients, its value at 1, and that of its truncated expansion."""

    coefficients: Coefficients
    at_one: float
    found: float

    def __mul__(self, other: "_State") -> "_State":
        product = _times(self.coefficients, other.coefficients)
        return _State(product, self.at_one * other.at_one, self.found * other.found)

    def scaled(self, factor: float, constant: float = 0.0) -> "_State":
        """factor f + constant."""
        coefficients = factor * self.coefficients
        coefficients[0] += constant
        return _State(coefficients, factor * self.at_one + constant, factor * self.found + constant)

    def __add__(self, other: "_State") -> "_State":
        return _State(self.coefficients + other.coefficients, self.at_one + other.at_one, self.found + other.found)


def power_series(network: Network, dim: int, terms: int | None = None) -> Series | None:
    """The NTK of a network at infinite width on unit vectors of R^dim, as a power series; None where there is none.

    Args:
        network: `MLP`, or `TwoLayer` with Gaussian w and b.
        dim: dimension of the data.
        terms: number of coefficients; None: `TERMS` or `CORNER_TERMS`.

    Raises:
        InputError: an activation that is neither smooth nor relu's relative.

    Example:
        >>> series = power_series(MLP(width=2, depth=1, w_std=2**0.5, b_std=0.0), dim=2, terms=4)
        >>> (np.pi * series.coefficients).round(6).tolist()  # kappa_1 + t kappa_0 of relu
        [1.0, 3.141593, 1.5, 0.0]
    """
    if not isinstance(network, MLP | TwoLayer):
        return None
    if terms is None:
        terms = TERMS if corner(network.activation) is None else CORNER_TERMS
    if isinstance(network, MLP):
        state = _mlp(network, dim, terms)
    elif isinstance(network.w, Gaussian) and isinstance(network.b, Gaussian):
        tangent = _linear(1.0, 1.0, terms)
        value, slope = _dual(
            network.activation, _linear(float(network.w.scale) ** 2, float(network.b.scale) ** 2, terms)
        )
        state = value + (slope * tangent).scaled(float(network.a.moment(2)))
    else:
        return None
    rounding = terms * np.finfo(float).eps * state.at_one
    expanded = state.found != state.at_one
    scattered = max(state.at_one - state.found, 16 * np.finfo(float).eps * state.at_one) if expanded else 0.0
    beyond = state.at_one - scattered - float(state.coefficients.sum())
    # what the rounding of kappa(1) hides: quarters of the series that halve each time leave no more than the last one
    beyond = beyond if beyond > rounding else 2 * float(state.coefficients[3 * terms // 4 :].sum())
    return Series(state.coefficients, beyond, scattered, state.at_one)


def _mlp(network: MLP, dim: int, terms: int) -> _State:
    w, b = network.w_std**2, network.b_std**2
    nngp = _linear(w / dim, b, terms)
    ntk = nngp
    for _ in range(network.depth):
        value, slope = _dual(network.activation, nngp)
        nngp = value.scaled(w, b)
        ntk = nngp + (slope * ntk).scaled(w)
    return ntk


def _linear(slope: float, constant: float, terms: int) -> _State:
    coefficients = np.zeros(terms)
    coefficients[:2] = constant, slope
    return _State(coefficients, slope + constant, slope + constant)


def _dual(which: Activation, covariance: _State) -> tuple[_State, _State]:
    """E[phi(u) phi(v)] and E[phi'(u) phi'(v)] as functions of t, from Cov(u, v) as a function of t."""
    q = covariance.at_one
    rho, found = covariance.coefficients / q, (1.0, 1.0)
    slopes = corner(which)
    closed = next((form for name, form in _CLOSED.items() if which.function is ACTIVATIONS[name].function), None)
    if slopes is not None:
        slope_at_one = (slopes[0] ** 2 + slopes[1] ** 2) / 2
        at_one, parts = (q * slope_at_one, slope_at_one), _arc_cosine(slopes, q, rho)
    elif closed is not None:
        value, slope = closed(q, np.ones(1))  # of the constant series 1
        at_one, parts = (float(value[0]), float(slope[0])), closed(q, rho)
    else:
        exact = which.function is ACTIVATIONS["gelu"].function
        squares, at_one, found = _gelu_squares(q) if exact else _hermite_squares(which, q)
        parts = _mehler(squares, q, rho)
    # what a layer below has left out moves rho at 1 by this share, and the slope is the largest derivative
    lost = at_one[1] * (q - covariance.found)
    value, slope = (_State(p, full, full * share) for p, full, share in zip(parts, at_one, found, strict=True))
    return _State(value.coefficients, value.at_one, value.found - lost), slope


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
    return 2 / np.pi * _arcsine(z * rho), 2 * z / (np.pi * q) * _power(_times(z * rho, z * rho), -0.5)


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
    square = _times(c * rho, c * rho)
    return _power(square, -0.5) / (1 + q), q / (1 + q) ** 3 * _times(rho, _power(square, -1.5))


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
        power = _times(power, rho)
    return value, slope


def _times(a: Coefficients, b: Coefficients) -> Coefficients:
    """Product of two series, to the length of the first."""
    ends = [int(np.flatnonzero(c).max(initial=0)) + 1 for c in (a, b)]
    product = np.convolve(a[: ends[0]], b[: ends[1]])[: len(a)]
    return np.pad(product, (0, len(a) - len(product)))


def _integral(outer: Coefficients, inner: Coefficients) -> Coefficients:
    """The series, less its constant, whose derivative is outer(t) inner'(t)."""
    n = np.arange(len(inner))
    rise = _times(outer, n * inner)  # shifted by one place, as the integral is
    return np.where(n > 0, rise / np.maximum(n, 1), 0.0)


def _arcsine(u: Coefficients) -> Coefficients:
    out = _integral(_power(_times(u, u), -0.5), u)
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
