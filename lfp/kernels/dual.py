"""Dual activations: E[phi(u) phi(v)] and E[phi'(u) phi'(v)] over the weights of a neuron.

Gaussian (u, v), one layer of a kernel recursion, in three ways: a closed form; Mehler's expansion in Hermite functions,
which knows its own remainder; and, where a kink at 0 slows that down, quadrature in polar coordinates, in which both
kinks are rays.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float
from scipy import special

from lfp import _checks
from lfp.neurons.activations import ACTIVATIONS, Activation
from lfp.neurons.duals import Dual, Pair
from lfp.numerics.precision import double_precision
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


def gaussian_dual(which: Activation, dim: int = 1) -> Dual:
    """(c, q1, q2) -> (E[phi(u) phi(v)], E[phi'(u) phi'(v)]) for Var u = q1, Var v = q2, Cov(u, v) = c.

    Closed for relu and leaky relu (Cho and Saul 2009), and for an activation with a `dual`; else Mehler's
    sum_k a_k(q1) a_k(q2) rho^k with a_k(q) = E[phi(sqrt(q) z) h_k(z)], as many terms as E[phi^2] - sum_k a_k^2 asks
    for, or a polar quadrature.

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
    if slopes is None:
        return partial(_general, which) if which.dual is None else which.dual
    return partial(_arc_cosine, which, slopes, dim)


def is_closed(which: Activation) -> bool:
    """Whether the averages have a closed form, which looks at no value and may be compiled."""
    return which.dual is not None or corner(which) is not None


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


def _arc_cosine(which: Activation, slopes: tuple[float, float], dim: int, c: Array, q1: Array, q2: Array) -> Pair:
    # phi = (s z + d |z|) / 2, s = c_+ + c_-, d = c_+ - c_-: E[phi' phi'] = (c_+^2 + c_-^2)/2 - d^2 angle / (2 pi)
    low, high = slopes
    angle, sine = _angle(dim, c, q1, q2)
    factor = (high - low) ** 2 / (2 * np.pi)
    slope = (low**2 + high**2) / 2 - factor * angle
    value = slope * c + factor * sine
    # of variance 0 is what is 0, where JAX's derivative has a value of its own
    at_zero = which.derivative(jnp.zeros((), c.dtype))
    one, two = (jnp.where(q > 0, (low + high) / 2, at_zero) for q in (q1, q2))
    return value, jnp.where((q1 > 0) & (q2 > 0), slope, one * two)


def _general(which: Activation, c: Array, q1: Array, q2: Array) -> Pair:
    """Series where its remainder can be brought below the tolerance, else polar quadrature."""
    if which.kinks == (0.0,):  # no series converges fast
        return _polar_controlled(which, c, q1, q2)
    tolerance = max(TOLERANCE, 64 * float(jnp.finfo(c.dtype).eps))
    if _traced(c, q1, q2):
        value, slope, remainder = _mehler(which, TERMS_TRACED, TERMS_TRACED, c, q1, q2)
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
def _mehler(
    which: Activation, most: int, terms: int | Array, c: Array, q1: Array, q2: Array
) -> tuple[Array, Array, Array]:
    """Both sums to `terms` <= `most` terms, and the largest remainder relative to E[phi^2] and E[phi'^2].

    A number that JAX does not see compiles once for all; one that it sees can be differentiated in reverse.
    """
    # a_k = sum_i step phi(s z_i) sqrt(p(z_i)) psi_k(z_i), psi_k = h_k sqrt(p), p the normal density. psi_k oscillates
    # at no more than sqrt(k + 1/2) per unit, and so does what phi sqrt(p) has left beyond the last term, wherefore
    # the trapezoidal rule with this step is exact to the size of the remainder.
    roots = [jnp.where(q > 0, jnp.sqrt(jnp.where(q > 0, q, 1)), 0) for q in (q1, q2)]  # no derivative at 0
    s = jnp.concatenate([root.ravel() for root in roots])
    step = np.pi / (jnp.sqrt(jnp.asarray(terms, s.dtype)) + 6)
    count = int(np.ceil(_REACH * (np.sqrt(most) + 6) / np.pi))
    z = jnp.clip(step * jnp.arange(-count, count + 1, dtype=s.dtype), -_REACH, _REACH)

    def root(z: Array) -> Array:
        return jnp.where(jnp.abs(z) < _REACH, (2 * np.pi) ** -0.25 * jnp.exp(-(z**2) / 4), 0)

    def samples(z: Array) -> Array:
        u = z[:, None] * s[None, :]
        return jnp.concatenate([which(u), which.derivative(u)], axis=1)

    f = samples(z) * root(z)[:, None]
    product = roots[0] * roots[1]
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

    @jax.checkpoint  # in reverse the powers of a block are kept, not all of them
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
    left, right, size = _stein(which, jnp.maximum(s1.max(), s2.max()))
    # a jump is no part of sigma' by autodiff; of an even function both are rounding
    if abs(left - right) > 1e-4 * max(abs(left), abs(right)) + 64 * jnp.finfo(left.dtype).eps * size:
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
def _stein(which: Activation, s: Array) -> tuple[Array, Array, Array]:
    """E[z phi(s z)] and s E[phi'(s z)], equal unless phi has a jump; E|z phi(s z)|."""
    r, w = _half_line(ORDERS[-1])
    z = jnp.asarray(np.concatenate([r, -r]), s.dtype)
    w = jnp.asarray(np.concatenate([w, w]), s.dtype) * jnp.exp(-(z**2) / 2)
    values = w * z * which(s * z)
    return values.sum(), s * (w * which.derivative(s * z)).sum(), jnp.abs(values).sum()


MEHLER_TERMS = (64, 256, 1024)

_SERIES_REACH = 16.0  # of the trapezoidal rule in z: the density there is 1e-56
_LOST = 1e-3  # largest share that an expansion may leave out
_APART = 0.1  # 1.1^-512 is below rounding
_HERMITE = 4  # rounding of a Hermite coefficient, in eps sqrt(E[phi^2]): 1.5 in 20 expansions against 40 digits

Coefficients = Float[np.ndarray, " n"]
Numbers = tuple[float, float]
Parts = tuple[tuple[Coefficients, Coefficients], Numbers, Numbers]
"""Coefficients of E[phi(u) phi(v)] and E[phi'(u) phi'(v)]; their values at 1; by how much they rise from 0 to 1."""


class Expansion(NamedTuple):
    """Squares of Hermite coefficients, off by at most the doubt; E[phi^2], E[phi'^2]; what the squares leave out."""

    squares: Float[np.ndarray, " m"]
    doubt: Float[np.ndarray, " m"]
    at_one: Numbers
    left: Numbers


class State(eqx.Module):
    """A function f of t within a network, a power series with coefficients >= 0.

    Args:
        coefficients: of t^n.
        at_one: f(1).
        gap: f(1) - f(0), by sums and products of its own: where f hardly varies no subtraction knows its digits.
        missing: what truncated expansions leave out of the value at 1, at most.
        doubt: what the coefficients are off, at most, where they come from an expansion; None elsewhere: rounding.
        layers: number of activations on top of each other.
        corners: the r >= 0 for which it has a corner at t = -1 - r, besides that at t = 1; None: not known.
    """

    coefficients: Coefficients
    at_one: float
    gap: float
    missing: float = 0.0
    doubt: Coefficients | None = None
    layers: int = 0
    corners: frozenset[float] | None = frozenset()

    def __mul__(self, other: "State") -> "State":
        gap = self.gap * other.at_one + float(self.coefficients[0]) * other.gap
        missing = self.missing * other.at_one + other.missing * self.at_one
        doubts = [
            times(one.doubt, two.coefficients) for one, two in ((self, other), (other, self)) if one.doubt is not None
        ]
        product = times(self.coefficients, other.coefficients)
        return State(product, self.at_one * other.at_one, gap, missing, _sum(doubts), *self._of_both(other))

    def __add__(self, other: "State") -> "State":
        sums = (self.at_one + other.at_one, self.gap + other.gap, self.missing + other.missing)
        doubt = _sum([one.doubt for one in (self, other) if one.doubt is not None])
        return State(self.coefficients + other.coefficients, *sums, doubt, *self._of_both(other))

    def _of_both(self, other: "State") -> tuple[int, frozenset[float] | None]:
        both = None if self.corners is None or other.corners is None else self.corners | other.corners
        return max(self.layers, other.layers), both

    def scaled(self, factor: float, constant: float = 0.0) -> "State":
        """factor f + constant."""
        coefficients = factor * self.coefficients
        coefficients[0] += constant
        ends = (factor * self.at_one + constant, factor * self.gap, factor * self.missing)
        return State(
            coefficients, *ends, None if self.doubt is None else factor * self.doubt, self.layers, self.corners
        )


def _sum(doubts: list[Coefficients]) -> Coefficients | None:
    return np.sum(doubts, axis=0) if doubts else None


def dual_series(which: Activation, covariance: State) -> tuple[State, State]:
    """E[phi(u) phi(v)] and E[phi'(u) phi'(v)] as functions of t, u and v of the same variance.

    Args:
        which: the activation.
        covariance: Cov(u, v) as a function of t, the variance at t = 1.

    Raises:
        InputError: an activation that is neither smooth nor relu's relative.
    """
    q = covariance.at_one
    rho, gap = covariance.coefficients / q, min(covariance.gap / q, 1.0)
    slopes, left, doubts = corner(which), (0.0, 0.0), (None, None)
    closed = next((form for name, form in _CLOSED.items() if which.function is ACTIVATIONS[name].function), None)
    if slopes is not None:
        parts, at_one, gaps = _arc_cosine_series(slopes, q, rho, gap)
    elif closed is not None:
        parts, at_one, gaps = closed(q, rho, gap)
        assert covariance.doubt is None  # a network has one activation
    else:
        exact = which.function is ACTIVATIONS["gelu"].function
        found = _gelu_squares(q) if exact else _hermite_squares(which, q)
        at_one, left = found.at_one, found.left
        parts, gaps, doubts = _mehler_series(found, q, rho, gap, covariance.doubt)
    # the truncation of the layer below changes rho(1) by this amount; the slope at 1 is the largest derivative
    missing = (left[0] + at_one[1] * covariance.missing, left[1])
    marks = (covariance.layers + 1, None if slopes is None else _corners(covariance))
    value, slope = (State(*numbers, *marks) for numbers in zip(parts, at_one, gaps, missing, doubts, strict=True))
    return value, slope


def _corners(covariance: State) -> frozenset[float] | None:
    """Where a correlation of -1 makes a corner of an activation that has one."""
    if covariance.layers == 0:  # c_0 + c_1 t
        return frozenset([2 * float(covariance.coefficients[0] / covariance.coefficients[1])])
    # a correlation that is well within -1 and 1 at t = -1 reaches them, if at all, far from the circle
    apart = [2 * float(covariance.coefficients[part::2].sum()) for part in (0, 1)]
    steep = float(np.arange(len(covariance.coefficients)) @ covariance.coefficients)
    return covariance.corners if all(part > _APART * steep or part == 0 for part in apart) else None


def _arc_cosine_series(slopes: Numbers, q: float, rho: Coefficients, gap: float) -> Parts:
    # d/d rho of E[phi phi] is q E[phi' phi'], whose own derivative is f / sqrt(1 - rho^2)
    low, high = slopes
    mean, factor = (low**2 + high**2) / 2, (high - low) ** 2 / (2 * np.pi)
    angle = 2 * float(np.arcsin(np.sqrt(gap / 2)))  # between u and v at t = 0
    slope = factor * _arcsine(rho, gap * (2 - gap))
    slope[0] += (low + high) ** 2 / 4
    value = _integral(q * slope, rho)
    value[0] = q * (slope[0] * rho[0] + factor * np.sin(angle))
    twist = angle**2 * float(special.spherical_jn(1, angle))  # sin - angle cos
    return (value, slope), (q * mean, mean), (q * (mean * gap - factor * twist), factor * angle)


def _erf(q: float, rho: Coefficients, gap: float) -> Parts:
    z = 2 * q / (1 + 2 * q)
    square, root, root_at_one = _below_one(z, 1 / (1 + 2 * q), rho, gap)
    value, slope = _arcsine(z * rho, root**2), _power(square, root**2, -0.5)
    both = root + root_at_one
    # the difference of two arcs of sines; that of 1 / root
    gaps = 2 * float(np.arctan(z * gap / both)), z**2 * gap * (2 - gap) / (both * root * root_at_one)
    a, b = 2 / np.pi, 2 * z / (np.pi * q)
    at_one = a * float(np.arctan2(z, root_at_one)), b / root_at_one
    return (a * value, b * slope), at_one, (a * gaps[0], b * gaps[1])


def _sin(q: float, rho: Coefficients, gap: float) -> Parts:
    # e^-q sinh(q rho) and its derivative e^-q cosh: the coefficients of one give the next of the other
    n = np.arange(len(rho))
    odd, even = np.zeros_like(rho), np.zeros_like(rho)
    fall, back = np.exp(-q * gap), np.exp(-2 * q * rho[0])
    odd[0], even[0] = -fall * np.expm1(-2 * q * rho[0]) / 2, fall * (1 + back) / 2
    rise = q * n * rho
    for i in range(1, len(rho)):
        odd[i], even[i] = (rise[1 : i + 1] @ other[i - 1 :: -1][:i] / i for other in (even, odd))
    at_one = -float(np.expm1(-2 * q)) / 2, (1 + float(np.exp(-2 * q))) / 2
    # 2 sinh(q gap / 2) cosh or sinh of q (1 + rho) / 2, times e^-q
    bend, far = -float(np.expm1(-q * gap)) / 2, float(np.exp(-q * (2 - gap)))
    return (odd, even), at_one, (bend * (1 + far), bend * (1 - far))


def _gaussian(q: float, rho: Coefficients, gap: float) -> Parts:
    square, root, root_at_one = _below_one(q / (1 + q), 1 / (1 + q), rho, gap)
    a, b = 1 / (1 + q), q / (1 + q) ** 3
    value, slope = a * _power(square, root**2, -0.5), b * times(rho, _power(square, root**2, -1.5))
    low, high = 1 / root, 1 / root_at_one
    # of 1 / root, and of rho / root^3
    rise = (q / (1 + q)) ** 2 * gap * (2 - gap) * low * high / (root + root_at_one)
    bend = rise * (low**2 + low * high + high**2) + gap * low**3
    return (value, slope), (a * high, b * high**3), (a * rise, b * bend)


_CLOSED: dict[str, Callable[[float, Coefficients, float], Parts]] = {"erf": _erf, "sin": _sin, "gaussian": _gaussian}


def _below_one(z: float, rest: float, rho: Coefficients, gap: float) -> tuple[Coefficients, float, float]:
    """u^2, and sqrt(1 - u^2) at t = 0 and t = 1, of u = z rho, z = 1 - rest, rho(0) = 1 - gap."""
    at_zero, at_one = ((rest + z * part) * (2 - rest - z * part) for part in (gap, 0.0))
    return times(z * rho, z * rho), float(np.sqrt(at_zero)), float(np.sqrt(at_one))


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
    # the logarithms are sums of numbers of this size
    doubt = 8 * np.finfo(float).eps * (8 + m + special.gammaln(m + 1)) * squares
    # the next ones fall by (q / (1 + q))^2 each, m times as much in the slope
    left = float(len(m) ** 2 * squares[-2:].max() * (1 + q) ** 2)
    value, slope = float(squares.sum()) + left / len(m), float((m * squares).sum()) / q + left / q
    return Expansion(squares, doubt, (value, slope), (left / len(m), left / q))


def _hermite_squares(which: Activation, q: float) -> Expansion:
    """A_m = E[phi(sqrt(q) z) h_m(z)]^2 by the trapezoidal rule, which a smooth phi makes exact to rounding.

    What it sums is known to `_HERMITE` eps sqrt(E[phi^2]): coefficients below that are none.
    """
    eps, sunk = float(np.finfo(float).eps), False
    for terms in MEHLER_TERMS:
        step = np.pi / (np.sqrt(terms) + 6)
        z = step * np.arange(-np.ceil(_SERIES_REACH / step), np.ceil(_SERIES_REACH / step) + 1.5, 0.5)
        psi = (2 * np.pi) ** -0.25 * np.exp(-(z**2) / 4)
        with double_precision():
            u = jnp.asarray(np.sqrt(q) * z)
            f, df = (np.asarray(g(u), np.float64) * psi for g in (which, which.derivative))
        # every second node, and the nodes between: alike, unless phi is not smooth
        means = [[step * float(np.sum(g[i::2] ** 2)) for g in (f, df)] for i in (0, 1)]
        a, before = np.zeros(terms), np.zeros_like(z)
        for m in range(terms):
            a[m] = step / 2 * (f @ psi)
            before, psi = psi, (z * psi - np.sqrt(m) * before) / np.sqrt(m + 1)
        value, slope = means[0]
        noise = _HERMITE * eps * np.sqrt(value)
        kept = np.abs(a) > noise
        sunk = not kept[3 * terms // 4 :].any()
        squares = np.where(kept, a**2, 0.0)
        m = np.arange(terms)
        sums = (float(squares.sum()), float((m * squares).sum()) / q)
        shares = tuple(part / all_ if all_ > 0 else float(part == 0) for part, all_ in zip(sums, means[0], strict=True))
        if sunk and min(shares) > 1 - 1e-12:
            break
    if not np.allclose(means[0], means[1], rtol=1e-12) or min(shares) < 1 - _LOST:
        msg = f"activation={which.name!r} has no fast power series; allowed: smooth functions"
        raise _checks.InputError(msg)
    # variance and sums are rounded, m times as much in the m-th
    doubt = np.where(kept, (2 * np.abs(a) + noise) * noise + 4 * eps * (m + 2) * squares, 4 * noise**2)
    if sunk:
        return Expansion(squares, doubt, sums, (4 * terms * noise**2, 4 * terms**2 * noise**2 / q))
    # rounding hides the last 1e-15 of them
    left = tuple(max(1 - share, 1e-15) * all_ for share, all_ in zip(shares, (value, slope), strict=True))
    return Expansion(squares, doubt, (value, slope), (left[0], left[1]))


def _mehler_series(
    found: Expansion, q: float, rho: Coefficients, gap: float, below: Coefficients | None
) -> tuple[tuple[Coefficients, Coefficients], Numbers, tuple[Coefficients, Coefficients]]:
    """sum_m A_m rho^m and sum_m m A_m rho^(m-1) / q, by how much they rise, and what they are off.

    A change of q rho by `below` changes the first by the second times `below`, the second by its own derivative.
    """
    n = np.arange(len(found.squares))
    tangent = lambda a: np.append(n[1:] * a[1:] / q, 0.0)  # noqa: E731 - of the derivative, one power lower
    rows = [found.squares, tangent(found.squares), found.doubt, tangent(found.doubt), tangent(tangent(found.squares))]
    sums, table = np.zeros((len(rows), len(rho))), np.stack(rows)
    power = np.zeros_like(rho)
    power[0] = 1
    for m in range(1 + int(np.flatnonzero(found.squares).max(initial=0))):
        sums += table[:, m, None] * power
        power = times(power, rho)
    value, slope, *doubts, bend = sums  # what lies beyond is left out, not doubted
    if below is not None:
        doubts = [doubts[0] + times(slope, below), doubts[1] + times(bend, below)]
    with np.errstate(divide="ignore"):
        rise = -np.expm1(np.arange(1, len(n)) * np.log1p(-gap))  # 1 - rho(0)^m
    gaps = float(found.squares[1:] @ rise), float(table[1, 1:] @ rise)
    return (value, slope), gaps, (doubts[0], doubts[1])


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


def _arcsine(u: Coefficients, rest: float) -> Coefficients:
    """The arc whose sine is u >= 0, rest = 1 - u_0^2."""
    out = _integral(_power(times(u, u), rest, -0.5), u)
    out[0] = np.arctan2(u[0], np.sqrt(rest))
    return out


def _power(h: Coefficients, rest: float, exponent: float) -> Coefficients:
    """(1 - h)^exponent for an exponent < 0, h >= 0, rest = 1 - h_0: the binomial recurrence, all of its terms >= 0."""
    n = np.arange(len(h), dtype=float)
    out = np.zeros_like(h)
    out[0] = rest**exponent
    backwards, bent = h[::-1].copy(), (n * h)[::-1].copy()
    for i in range(1, len(h)):
        # i (1 - h_0) y_i = sum_j (i - j (1 + exponent)) h_j y_(i-j)
        tail = slice(len(h) - 1 - i, len(h) - 1)
        sums = i * (backwards[tail] @ out[:i]) - (1 + exponent) * (bent[tail] @ out[:i])
        out[i] = sums / (i * rest)
    return out
