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

from lfp import _checks
from lfp.activations import Activation
from lfp.quadrature import by_table

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

    Example:
        >>> from lfp import _neural_tangents
        >>> from lfp.activations import activation
        >>> len(layer(_neural_tangents.load().stax, activation("tanh"), dim=1))
        3
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

    Example:
        >>> from lfp.activations import activation
        >>> one = jnp.ones(1)
        >>> value, slope = gaussian_dual(activation("relu"))(one, one, one)
        >>> value.item(), slope.item()
        (0.5, 0.5)
    """
    slopes = corner(which)
    return partial(_general, which) if slopes is None else partial(_arc_cosine, slopes, dim)


def is_closed(which: Activation) -> bool:
    """Whether the averages have a closed form, which looks at no value and may be compiled.

    Example:
        >>> from lfp.activations import activation
        >>> is_closed(activation("relu")), is_closed(activation("tanh"))
        (True, False)
    """
    return which.layer is not None or corner(which) is not None


def corner(which: Activation) -> tuple[float, float] | None:
    """(c_-, c_+) of an activation that is linear on both sides of 0, as relu and leaky relu; else None.

    Example:
        >>> from lfp.activations import activation
        >>> corner(activation("relu")), corner(activation("gelu"))
        ((0.0, 1.0), None)
    """
    # a transform with a kink is that of a function linear on both sides of it
    return None if which.transform is None or which.transform.kink is None else which.slopes


def _angle(dim: int, c: Array, q1: Array, q2: Array) -> tuple[Array, Array]:
    """Angle between u and v, and sqrt(q1 q2) times its sine.

    rho = 1 is known to the rounding eps of a scalar product, hence the angle only to sqrt(eps): what lies within
    rounding of +-1 is taken for +-1, so that coinciding (and opposite) points are exact.
    """
    product = jnp.sqrt(q1) * jnp.sqrt(q2)
    square = (product - c) * (product + c)
    rounding = 8 * np.sqrt(dim) * jnp.finfo(c.dtype).eps
    positive = square > rounding * product**2
    sine = jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0)
    return jnp.arctan2(sine, jnp.where(product > 0, c, 1)), sine


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
