"""Dual activations: E[phi(u) phi(v)] and E[phi'(u) phi'(v)] over the weights of a neuron.

Gaussian (u, v), one layer of a kernel recursion, in three ways: a closed form; Mehler's expansion in Hermite functions,
which knows its own remainder; and, where a kink at 0 slows that down, quadrature in polar coordinates, in which both
kinks are rays. `layer` hands them to neural-tangents.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float
from scipy import special

from lfp import _checks
from lfp.neurons.activations import ACTIVATIONS, Activation
from lfp.numerics.quadrature import by_table

TOLERANCE = 1e-11
"""Largest remainder of an expansion, relative to E[phi^2]."""
QUADRATURE_TOLERANCE = 1e-10
"""Largest change of a quadrature when its order is doubled, relative to the largest value."""
TERMS = (64, 256, 1024, 4096, 16384, 32768)
TERMS_TRACED = 1024
ORDERS = (16, 32, 64, 128)

_REACH = 16.0  # of the trapezoidal rule in z: the density there is 1e-56
_BATCH = 256  # entries per block of the polar quadrature

Pair = tuple[Float[Array, "*shape"], Float[Array, "*shape"]]
Dual = Callable[[Array, Array, Array], Pair]


def layer(stax: Any, which: Activation, dim: int) -> Any:
    """The layer of an activation: neural-tangents' own where that is exact, else one made of `gaussian_dual`.

    Args:
        stax: `neural_tangents.stax`.
        which: the activation.
        dim: dimension of the data.

    Returns:
        A layer (init_fn, apply_fn, kernel_fn) for `stax.serial`.
    """
    if which.layer is not None and corner(which) is None:
        return which.layer(stax)
    dual = gaussian_dual(which, dim)

    def init_fn(rng: Any, shape: Any) -> Any:  # noqa: ARG001
        return shape, ()

    def apply_fn(params: Any, x: Any, **_: Any) -> Any:  # noqa: ARG001
        return which(x)

    def kernel_fn(k: Any, **_: Any) -> Any:
        # nngp, ntk: all pairs (n, m); cov1, cov2: the variances (n,), (m,), cov2 None where x2 is x1
        q1, q2 = k.cov1, k.cov1 if k.cov2 is None else k.cov2
        nngp, slope = dual(k.nngp, q1[:, None], q2[None, :])
        return k.replace(
            nngp=nngp,
            ntk=None if k.ntk is None else k.ntk * slope,
            cov1=dual(q1, q1, q1)[0],
            cov2=None if k.cov2 is None else dual(q2, q2, q2)[0],
            is_gaussian=False,
        )

    for part in (init_fn, apply_fn, kernel_fn):
        part.__name__ = which.name
    return stax.layer(lambda: (init_fn, apply_fn, kernel_fn))()


def gaussian_dual(which: Activation, dim: int = 1) -> Dual:
    """(c, q1, q2) -> (E[phi(u) phi(v)], E[phi'(u) phi'(v)]) for Var u = q1, Var v = q2, Cov(u, v) = c.

    Closed for relu and leaky relu (Cho and Saul 2009); else Mehler's sum_k a_k(q1) a_k(q2) rho^k with
    a_k(q) = E[phi(sqrt(q) z) h_k(z)], as many terms as E[phi^2] - sum_k a_k^2 asks for, or a polar quadrature.

    Args:
        which: the activation.
        dim: dimension of the data: points coincide where their correlation is 1 within the rounding of a scalar
            product in it (relu only: its slope has a root singularity there).

    Returns:
        A function of c, q1, q2, which broadcast. Under jit or vmap the number of terms is fixed, at `TERMS_TRACED`,
        and the remainder is checked at run time.

    Raises:
        InputError: (by the function) an activation with a jump, or with a kink elsewhere than at 0.
    """
    slopes = corner(which)
    return partial(_general, which) if slopes is None else partial(_arc_cosine, slopes, dim)


def is_closed(which: Activation) -> bool:
    """Whether the averages have a closed form, which looks at no value and may be compiled."""
    return which.layer is not None or corner(which) is not None


def corner(which: Activation) -> tuple[float, float] | None:
    """(c_-, c_+) of an activation that is linear on both sides of 0, as relu and leaky relu; else None."""
    # a transform with a kink is that of a function linear on both sides of it
    return None if which.transform is None or which.transform.kink is None else which.slopes


def _angle(dim: int, c: Array, q1: Array, q2: Array) -> tuple[Array, Array]:
    """Angle between u and v, and sqrt(q1 q2) times its sine.

    rho = 1 is known to the rounding eps of a scalar product, hence the angle only to sqrt(eps): what lies within
    rounding of +-1 is taken for +-1, so that coinciding (and opposite) points are exact.
    """
    product = jnp.sqrt(q1) * jnp.sqrt(q2)
    unit = jnp.where(product > 0, product, 1)  # squares of variances leave the range of float32
    square = ((product - c) / unit) * ((product + c) / unit)
    rounding = 8 * np.sqrt(dim) * jnp.finfo(c.dtype).eps
    positive = square > rounding
    sine = jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0)
    return jnp.arctan2(sine, jnp.where(product > 0, c / unit, 1)), product * sine


def _arc_cosine(slopes: tuple[float, float], dim: int, c: Array, q1: Array, q2: Array) -> Pair:
    # phi = (s z + d |z|) / 2, s = c_+ + c_-, d = c_+ - c_-: E[phi' phi'] = (c_+^2 + c_-^2)/2 - d^2 angle / (2 pi)
    low, high = slopes
    angle, sine = _angle(dim, c, q1, q2)
    factor = (high - low) ** 2 / (2 * np.pi)
    slope = (low**2 + high**2) / 2 - factor * angle
    return slope * c + factor * sine, slope


def _general(which: Activation, c: Array, q1: Array, q2: Array) -> Pair:
    """Series where its remainder can be brought below the tolerance, else polar quadrature."""
    if which.kinks == (0.0,):  # no series converges fast
        return _polar_controlled(which, c, q1, q2)
    tolerance = max(TOLERANCE, 64 * float(jnp.finfo(c.dtype).eps))
    if _traced(c, q1, q2):
        value, slope, remainder = _mehler(which, TERMS_TRACED, jnp.asarray(TERMS_TRACED), c, q1, q2)
        msg = (
            f"activation={which.name!r} wants more than the {TERMS_TRACED} terms that its kernel has under jit; "
            "call the kernel outside of jit, where the number is chosen"
        )
        return eqx.error_if((value, slope), ~(remainder <= tolerance), msg)
    ends = jnp.stack([jnp.minimum(q1.min(), q2.min()), jnp.maximum(q1.max(), q2.max())])
    for terms in TERMS:
        if _mehler(which, TERMS[-1], jnp.asarray(terms), ends, ends, ends)[2] <= tolerance:
            value, slope, remainder = _mehler(which, terms, jnp.asarray(terms), c, q1, q2)
            if remainder <= tolerance:
                return value, slope
    return _polar_controlled(which, c, q1, q2)


@eqx.filter_jit
def _mehler(which: Activation, most: int, terms: Array, c: Array, q1: Array, q2: Array) -> tuple[Array, Array, Array]:
    """Both sums to `terms` <= `most` terms, and the largest remainder relative to E[phi^2] and E[phi'^2]."""
    # a_k = sum_i step phi(s z_i) sqrt(p(z_i)) psi_k(z_i), psi_k = h_k sqrt(p), p the normal density. psi_k oscillates
    # at no more than sqrt(k + 1/2) per unit, and so does what phi sqrt(p) has left beyond the last term, wherefore
    # the trapezoidal rule with this step is exact to the size of the remainder.
    s = jnp.concatenate([jnp.sqrt(q1).ravel(), jnp.sqrt(q2).ravel()])
    step = np.pi / (jnp.sqrt(terms.astype(s.dtype)) + 6)
    count = int(np.ceil(_REACH * (np.sqrt(most) + 6) / np.pi))
    z = jnp.clip(step * jnp.arange(-count, count + 1, dtype=s.dtype), -_REACH, _REACH)

    def root(z: Array) -> Array:
        return jnp.where(jnp.abs(z) < _REACH, (2 * np.pi) ** -0.25 * jnp.exp(-(z**2) / 4), 0)

    def samples(z: Array) -> Array:
        u = z[:, None] * s[None, :]
        return jnp.concatenate([which(u), which.derivative(u)], axis=1)

    f = samples(z) * root(z)[:, None]
    product = jnp.sqrt(q1) * jnp.sqrt(q2)
    rho = jnp.clip(jnp.where(product > 0, c / jnp.where(product > 0, product, 1), 0), -1, 1)

    def hermite(carry: tuple[Array, Array], k: Array) -> tuple[tuple[Array, Array], Array]:
        before, psi = carry
        return (psi, (z * psi - jnp.sqrt(k) * before) / jnp.sqrt(k + 1)), psi

    def add(carry: Any, a: Array) -> tuple[Any, None]:
        power, value, slope, total = carry
        (v1, v2), (d1, d2) = (
            (half[: q1.size].reshape(q1.shape), half[q1.size :].reshape(q2.shape)) for half in jnp.split(a, 2)
        )
        return (power * rho, value + v1 * v2 * power, slope + d1 * d2 * power, total + a**2), None

    def block(i: Array, carry: Any) -> Any:
        degrees = (i * TERMS[0] + jnp.arange(TERMS[0])).astype(s.dtype)
        recurrence, psi = jax.lax.scan(hermite, carry[0], degrees)
        return recurrence, jax.lax.scan(add, carry[1], step * (psi @ f))[0]

    sums = (jnp.ones_like(rho), jnp.zeros_like(rho), jnp.zeros_like(rho), jnp.zeros_like(f[0]))
    start = ((jnp.zeros_like(z), root(z)), sums)
    _, (_, value, slope, total) = jax.lax.fori_loop(0, terms // TERMS[0], block, start)
    # what the terms leave, what the step leaves, what the reach leaves
    norm = step * (f**2).sum(axis=0)
    shifted = jnp.clip(z + step / 2, -_REACH, _REACH)
    left = jnp.abs(norm - total) + jnp.abs(norm - step * ((samples(shifted) * root(shifted)[:, None]) ** 2).sum(axis=0))
    left = jnp.where(norm > 0, left / jnp.where(norm > 0, norm, 1), 0)
    edge = jnp.abs(samples(jnp.asarray([-_REACH, _REACH], s.dtype))).max(axis=0) * np.exp(-(_REACH**2) / 4)
    edge = jnp.where(norm > 0, edge / jnp.sqrt(jnp.where(norm > 0, norm, 1)), 0)
    return value, slope, (left + edge).max()


def _polar_controlled(which: Activation, c: Array, q1: Array, q2: Array) -> Pair:
    """`_polar`, order doubled until nothing changes; from a table of the angle where all variances are alike."""
    if _traced(c, q1, q2):
        msg = f"x1 is traced, and the quadrature for {which.name!r} looks at the points; call it outside of jit"
        raise _checks.InputError(msg)
    angle, _ = _angle(1, c, q1, q2)
    s1, s2 = (jnp.broadcast_to(jnp.sqrt(q), angle.shape).ravel() for q in (q1, q2))
    if all(jnp.ptp(s) <= 64 * jnp.finfo(s.dtype).eps * s.max() for s in (s1, s2)):
        both = by_table(lambda t: _settled_polar(which, t, s1[:1], s2[:1]), angle.ravel(), np.pi)
    else:
        both = _settled_polar(which, angle.ravel(), s1, s2)
    left, right = _stein(which, jnp.maximum(s1.max(), s2.max()))
    if abs(left - right) > 1e-4 * max(abs(left), abs(right)):  # a jump is no part of sigma' by autodiff
        msg = (
            f"activation={which.name!r} has a jump, so E[phi'(u) phi'(v)] does not exist; allowed: continuous functions"
        )
        raise _checks.InputError(msg)
    return both[0].reshape(angle.shape), both[1].reshape(angle.shape)


def _settled_polar(which: Activation, angle: Array, s1: Array, s2: Array) -> Float[Array, "2 n"]:
    s1, s2 = (jnp.broadcast_to(s, angle.shape) for s in (s1, s2))
    tolerance = max(QUADRATURE_TOLERANCE, 1e3 * float(jnp.finfo(angle.dtype).eps))
    last = None
    for order in ORDERS:
        new = _polar(which, order, angle, s1, s2)
        if last is not None and all(_settled(b, a, tolerance) for a, b in zip(last, new, strict=True)):
            return new
        last = new
    msg = (
        f"activation={which.name!r}: neither {TERMS[-1]} terms nor a polar rule of order {ORDERS[-1]} reach "
        f"{tolerance:.0e} at variances up to {float(jnp.maximum(s1.max(), s2.max())) ** 2:.3g}; allowed: smooth "
        "functions and functions with a kink at 0, or the empirical kernel of a wide network"
    )
    raise _checks.InputError(msg)


def _traced(*arrays: Array) -> bool:
    return any(isinstance(array, Tracer) for array in arrays)


def _settled(new: Array, old: Array, tolerance: float) -> Bool[Array, ""]:
    return jnp.abs(new - old).max() <= tolerance * jnp.abs(new).max()


def _half_line(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on the half line; the reach grows with the order, so that doubling tests it."""
    x, w = np.polynomial.legendre.leggauss(2 * order)
    reach = 9 + np.log2(order)
    return reach * (x + 1) / 2, reach * w / 2


@eqx.filter_jit
def _polar(which: Activation, order: int, angle: Array, s1: Array, s2: Array) -> Float[Array, "2 n"]:
    # u = s1 R cos(t), v = s2 R cos(t - angle): u and v change sign at t = +-pi/2 and angle +-pi/2, whatever R
    r, wr = _half_line(order)
    x, wx = np.polynomial.legendre.leggauss(order)
    r, x, wx = (jnp.asarray(array, angle.dtype) for array in (r, x, wx))
    wr = jnp.asarray(wr, angle.dtype) * r * jnp.exp(-(r**2) / 2) / (2 * np.pi)
    r, wr = jnp.concatenate([r, -r]), jnp.concatenate([wr, wr])

    def entry(args: tuple[Array, Array, Array]) -> Array:
        angle, s1, s2 = args
        value, slope = jnp.zeros((), angle.dtype), jnp.zeros((), angle.dtype)
        for low, high in ((angle - np.pi / 2, np.pi / 2), (np.pi / 2, angle + np.pi / 2)):
            t = low + (high - low) * (x + 1) / 2
            weight = ((high - low) / 2 * wx)[:, None] * wr[None, :]
            u = s1 * jnp.cos(t)[:, None] * r[None, :]
            v = s2 * jnp.cos(t - angle)[:, None] * r[None, :]
            value += (weight * which(u) * which(v)).sum()
            slope += (weight * which.derivative(u) * which.derivative(v)).sum()
        return jnp.stack([value, slope])

    return jax.lax.map(entry, (angle, s1, s2), batch_size=_BATCH).T


@eqx.filter_jit
def _stein(which: Activation, s: Array) -> tuple[Array, Array]:
    """E[z phi(s z)] and s E[phi'(s z)]: equal unless phi has a jump."""
    r, w = _half_line(ORDERS[-1])
    z = jnp.asarray(np.concatenate([r, -r]), s.dtype)
    w = jnp.asarray(np.concatenate([w, w]), s.dtype) * jnp.exp(-(z**2) / 2)
    return (w * z * which(s * z)).sum(), s * (w * which.derivative(s * z)).sum()


MEHLER_TERMS = (64, 256, 1024)

_SERIES_REACH = 16.0  # of the trapezoidal rule in z: the density there is 1e-56
_LOST = 1e-3  # largest share that an expansion may leave out
_CUT = 1e-20  # squares of Hermite coefficients below this share of E[phi^2] are rounding

Coefficients = Float[np.ndarray, " n"]
SeriesPair = tuple[Coefficients, Coefficients]
Numbers = tuple[float, float]
Expansion = tuple[Float[np.ndarray, " m"], Numbers, Numbers]
"""Squares of Hermite coefficients; E[phi^2] and E[phi'^2]; the shares of them that the squares sum to."""


def dual_series(which: Activation, q: float, rho: Coefficients) -> tuple[SeriesPair, Numbers, Numbers]:
    """E[phi(u) phi(v)] and E[phi'(u) phi'(v)], Var u = Var v = q, Cov(u, v) = q rho, rho a power series.

    Args:
        which: the activation.
        q: the variance, rho(1) = 1.
        rho: coefficients of the correlation, >= 0.

    Returns:
        The two series; their values at 1, from closed forms or E[phi^2]; the shares of these that are found.

    Raises:
        InputError: an activation that is neither smooth nor relu's relative.
    """
    slopes, found = corner(which), (1.0, 1.0)
    closed = next((form for name, form in _CLOSED.items() if which.function is ACTIVATIONS[name].function), None)
    if slopes is not None:
        slope_at_one = (slopes[0] ** 2 + slopes[1] ** 2) / 2
        return _arc_cosine_series(slopes, q, rho), (q * slope_at_one, slope_at_one), found
    if closed is not None:
        value, slope = closed(q, np.ones(1))  # of the constant series 1
        return closed(q, rho), (float(value[0]), float(slope[0])), found
    exact = which.function is ACTIVATIONS["gelu"].function
    squares, at_one, found = _gelu_squares(q) if exact else _hermite_squares(which, q)
    return _mehler_series(squares, q, rho), at_one, found


def _arc_cosine_series(slopes: tuple[float, float], q: float, rho: Coefficients) -> SeriesPair:
    # d/d rho of E[phi phi] is q E[phi' phi'], whose own derivative is f / sqrt(1 - rho^2)
    low, high = slopes
    factor = (high - low) ** 2 / (2 * np.pi)
    slope = factor * _arcsine(rho)
    slope[0] += (low + high) ** 2 / 4
    value = _integral(q * slope, rho)
    value[0] = q * (slope[0] * rho[0] + factor * np.sqrt(1 - rho[0] ** 2))
    return value, slope


def _erf(q: float, rho: Coefficients) -> SeriesPair:
    z = 2 * q / (1 + 2 * q)
    return 2 / np.pi * _arcsine(z * rho), 2 * z / (np.pi * q) * _power(times(z * rho, z * rho), -0.5)


def _sin(q: float, rho: Coefficients) -> SeriesPair:
    # sinh' = cosh, cosh' = sinh, both of q rho: the coefficients of one give the next of the other
    n = np.arange(len(rho))
    odd, even = np.zeros_like(rho), np.zeros_like(rho)
    odd[0], even[0] = np.sinh(q * rho[0]), np.cosh(q * rho[0])
    rise = q * n * rho
    for i in range(1, len(rho)):
        odd[i], even[i] = (rise[1 : i + 1] @ other[i - 1 :: -1][:i] / i for other in (even, odd))
    return np.exp(-q) * odd, np.exp(-q) * even


def _gaussian(q: float, rho: Coefficients) -> SeriesPair:
    c = q / (1 + q)
    square = times(c * rho, c * rho)
    return _power(square, -0.5) / (1 + q), q / (1 + q) ** 3 * times(rho, _power(square, -1.5))


_CLOSED: dict[str, Callable[[float, Coefficients], SeriesPair]] = {"erf": _erf, "sin": _sin, "gaussian": _gaussian}


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
        z = step * np.arange(-np.ceil(_SERIES_REACH / step), np.ceil(_SERIES_REACH / step) + 1.5, 0.5)
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


def _mehler_series(squares: Float[np.ndarray, " m"], q: float, rho: Coefficients) -> SeriesPair:
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
    """Product of two series, to the length of the first."""
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
