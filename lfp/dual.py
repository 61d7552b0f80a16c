"""Dual activations: E[phi(u) phi(v)] and E[phi'(u) phi'(v)] over the weights of a neuron.

Gaussian (u, v), one layer of a kernel recursion, in three ways: a closed form; Mehler's expansion in Hermite functions,
which knows its own remainder; and, where a kink at 0 slows that down, quadrature in polar coordinates, in which both
kinks are rays. `layer` hands them to neural-tangents.

u = w.x + b with uniform w or b: `average`, in float64. For relu and leaky relu the average over b is a polynomial
between the kinks, and that over w, which sees only the plane of the two points, is taken panel by panel. Other
activations must be smooth: product rules, their orders doubled axis by axis.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.special import erfc

from lfp import _checks
from lfp.activations import Activation
from lfp.laws import Gaussian, Law, Uniform

TOLERANCE = 1e-11
"""Largest remainder of an expansion, relative to E[phi^2]."""
QUADRATURE_TOLERANCE = 1e-10
"""Largest change of a quadrature when its order is doubled, relative to the largest value."""
TERMS = (64, 256, 1024, 4096, 16384, 32768)
TERMS_TRACED = 1024
ORDERS = (16, 32, 64, 128)
PANEL_ORDERS = (8, 16, 32, 64)
LARGEST_RULE = 2**23

_REACH = 16.0  # of the trapezoidal rule in z: the density there is 1e-56
_BATCH = 256  # entries per block of the polar quadrature
_DEVIATIONS = 9.5  # of a Gaussian weight: the tail beyond is below 1e-19
_CHUNK = 2**16  # numbers per block of the averages over uniform weights: they stay in the cache

Pair = tuple[Float[Array, "*shape"], Float[Array, "*shape"]]
Dual = Callable[[Array, Array, Array], Pair]
Matrix = Float[np.ndarray, "n m"]
Rule = tuple[np.ndarray, np.ndarray]


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


def corner(which: Activation) -> tuple[float, float] | None:
    """(c_-, c_+) of an activation that is linear on both sides of 0, as relu and leaky relu; else None.

    Example:
        >>> from lfp.activations import activation
        >>> corner(activation("relu")), corner(activation("gelu"))
        ((0.0, 1.0), None)
    """
    if which.slopes is None or which.levels != (0.0, 0.0):
        return None
    z = np.array([-2.0, -0.5, 0.5, 2.0])
    with jax.ensure_compile_time_eval():
        value = np.asarray(which(jnp.asarray(z)))
    linear = np.where(z < 0, *which.slopes) * z
    return which.slopes if np.allclose(value, linear, rtol=1e-6, atol=0) else None


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
    """`_polar`, order doubled until nothing changes."""
    if _traced(c, q1, q2):
        msg = f"x1 is traced, and the quadrature for {which.name!r} chooses its order from the points; call it outside of jit"
        raise _checks.InputError(msg)
    tolerance = max(QUADRATURE_TOLERANCE, 1e3 * float(jnp.finfo(c.dtype).eps))
    last = None
    for order in ORDERS:
        new = _polar(which, order, c, q1, q2)
        if last is not None and all(_settled(b, a, tolerance) for a, b in zip(last, new, strict=True)):
            break
        last = new
    else:
        msg = (
            f"activation={which.name!r}: neither {TERMS[-1]} terms nor a polar rule of order {ORDERS[-1]} reach "
            f"{tolerance:.0e} at variances up to {float(jnp.maximum(q1.max(), q2.max())):.3g}; allowed: smooth "
            "functions and functions with a kink at 0, or the empirical kernel of a wide network"
        )
        raise _checks.InputError(msg)
    left, right = _stein(which, jnp.sqrt(jnp.maximum(q1.max(), q2.max())))
    if abs(left - right) > 1e-4 * max(abs(left), abs(right)):  # a jump is no part of sigma' by autodiff
        msg = f"activation={which.name!r} has a jump, so E[phi'(u) phi'(v)] does not exist; allowed: continuous functions"
        raise _checks.InputError(msg)
    return new


def _traced(*arrays: Array) -> bool:
    return any(isinstance(array, jax.core.Tracer) for array in arrays)


def _settled(new: Array, old: Array, tolerance: float) -> Bool[Array, ""]:
    return jnp.abs(new - old).max() <= tolerance * jnp.abs(new).max()


def _half_line(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on the half line; the reach grows with the order, so that doubling tests it."""
    x, w = np.polynomial.legendre.leggauss(2 * order)
    reach = 9 + np.log2(order)
    return reach * (x + 1) / 2, reach * w / 2


@eqx.filter_jit
def _polar(which: Activation, order: int, c: Array, q1: Array, q2: Array) -> Pair:
    # u = s1 R cos(t), v = s2 R cos(t - angle): u and v change sign at t = +-pi/2 and angle +-pi/2, whatever R
    r, wr = _half_line(order)
    x, wx = np.polynomial.legendre.leggauss(order)
    r, x, wx = (jnp.asarray(array, c.dtype) for array in (r, x, wx))
    wr = jnp.asarray(wr, c.dtype) * r * jnp.exp(-(r**2) / 2) / (2 * np.pi)
    r, wr = jnp.concatenate([r, -r]), jnp.concatenate([wr, wr])

    def entry(args: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        angle, s1, s2 = args
        value, slope = jnp.zeros((), c.dtype), jnp.zeros((), c.dtype)
        for low, high in ((angle - np.pi / 2, np.pi / 2), (np.pi / 2, angle + np.pi / 2)):
            t = low + (high - low) * (x + 1) / 2
            weight = ((high - low) / 2 * wx)[:, None] * wr[None, :]
            u = s1 * jnp.cos(t)[:, None] * r[None, :]
            v = s2 * jnp.cos(t - angle)[:, None] * r[None, :]
            value += (weight * which(u) * which(v)).sum()
            slope += (weight * which.derivative(u) * which.derivative(v)).sum()
        return value, slope

    angle, _ = _angle(1, c, q1, q2)
    s1, s2 = (jnp.broadcast_to(jnp.sqrt(q), angle.shape).ravel() for q in (q1, q2))
    value, slope = jax.lax.map(entry, (angle.ravel(), s1, s2), batch_size=_BATCH)
    return value.reshape(angle.shape), slope.reshape(angle.shape)


def _stein(which: Activation, s: Array) -> tuple[float, float]:
    """E[z phi(s z)] and s E[phi'(s z)]: equal unless phi has a jump."""
    r, w = _half_line(ORDERS[-1])
    z = jnp.asarray(np.concatenate([r, -r]), s.dtype)
    w = jnp.asarray(np.concatenate([w, w]), s.dtype) * jnp.exp(-(z**2) / 2)
    return float((w * z * which(s * z)).sum()), float(s * (w * which.derivative(s * z)).sum())


# Uniform weights.


def average(
    which: Activation, w: Law, b: Law, x1: Float[np.ndarray, "n d"], x2: Float[np.ndarray, "m d"] | None = None
) -> tuple[Matrix, Matrix]:
    """E[s(z) s(z')] and E[s'(z) s'(z')], z = w.x + b, z' = w.x' + b.

    Args:
        which: the activation s.
        w: law of the input weights, Gaussian or uniform in a ball of R^d.
        b: law of the bias, Gaussian or uniform.
        x1: points of the rows.
        x2: points of the columns; None stands for x1.

    Returns:
        Two matrices, of relative error `QUADRATURE_TOLERANCE`.

    Raises:
        InputError: another law, a quadrature that does not converge, dimension above 3 with an activation
            other than relu and leaky relu.

    Example:
        >>> from lfp.activations import activation
        >>> x = np.array([[0.5]])
        >>> value, slope = average(activation("relu"), Uniform(1.0), Uniform(2.0), x)
        >>> value.round(9).tolist(), slope.round(9).tolist()  # E[z^2]/2 = (.25/3 + 4/3)/2
        ([[0.708333333]], [[0.5]])
    """
    for name, law in (("w", w), ("b", b)):
        if not isinstance(law, Gaussian | Uniform):
            msg = f"{name}={type(law).__name__} has no analytic kernel; allowed: Gaussian, Uniform, or theory='empirical'"
            raise _checks.InputError(msg)
    slopes = corner(which)
    if slopes is not None:
        return _cornered(slopes, w, b, x1, x2)
    return _smooth(which, w, b, x1, x2)


# Relu and leaky relu: pairs of points, the plane that they span.


def _cornered(slopes: tuple[float, float], w: Law, b: Law, x1: Any, x2: Any) -> tuple[Matrix, Matrix]:
    # an average depends on the plane of the two points only: on the line on (x, x'), else on lengths and angle
    dim, others = x1.shape[1], x1 if x2 is None else x2
    rows, columns = (i.ravel() for i in np.indices((len(x1), len(others))))
    first, second = x1[rows], others[columns]
    if dim == 1:
        plane = np.concatenate([first, second, 0 * first], axis=1)
    else:
        l1, l2 = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1)
        n1, n2 = (x / np.where(length > 0, length, 1)[:, None] for x, length in ((first, l1), (second, l2)))
        # exact also where the points nearly coincide
        beta = 2 * np.arctan2(np.linalg.norm(n1 - n2, axis=1), np.linalg.norm(n1 + n2, axis=1))
        plane = np.stack([np.minimum(l1, l2), np.maximum(l1, l2), beta], axis=1)
    size = np.abs(plane[:, :2]).max()
    _, keep, inverse = np.unique(
        np.round(plane / np.array([size or 1, size or 1, 1]), 13), axis=0, return_index=True, return_inverse=True
    )
    plane = plane[keep]
    result, todo, last = np.zeros((2, len(plane))), np.arange(len(plane)), None
    for order in PANEL_ORDERS:
        new = _panels(slopes, w, b, dim, plane[todo], order)
        result[:, todo] = new
        if last is not None:
            moved = np.abs(new - last) > QUADRATURE_TOLERANCE * np.abs(result).max(axis=1, keepdims=True)
            todo, new = todo[moved.any(axis=0)], new[:, moved.any(axis=0)]
        if not len(todo):
            break
        last = new
    else:
        msg = (
            f"w={w}, b={b}: panels of order {PANEL_ORDERS[-1]} do not reach {QUADRATURE_TOLERANCE:.0e}; "
            "allowed: scales of w.x and b that are comparable, or theory='empirical'"
        )
        raise _checks.InputError(msg)
    value, slope = result[:, inverse.reshape(len(x1), len(others))]
    return value, slope


def _panels(slopes: Any, w: Law, b: Law, dim: int, plane: np.ndarray, order: int) -> np.ndarray:
    """Both averages for each row (length, length', angle), or (x, x', 0) on the line; in blocks."""
    count = 2 if dim == 1 else 14 * order
    size = max(1, _CHUNK // (3 * count * order))
    return np.concatenate(
        [_block(slopes, w, b, dim, plane[i : i + size], order) for i in range(0, len(plane), size)], axis=1
    )


def _block(slopes: Any, w: Law, b: Law, dim: int, plane: np.ndarray, order: int) -> np.ndarray:
    l1, l2, beta = (plane[:, i : i + 1] for i in range(3))
    reach = float(w.bound if isinstance(w, Uniform) else _DEVIATIONS * w.scale)
    turn = float(b.bound if isinstance(b, Uniform) else 4 * b.scale)  # Gaussian b: no kink, but a change of pace
    if dim == 1:
        g1, g2, weight = l1 * np.array([[1, -1]]), l2 * np.array([[1, -1]]), np.full((1, 2), 0.5)
    else:
        # kinks in the direction, mod pi: w.x = w.x', w.x = 0, w.x' = 0, reach |w.x| = turn, reach |w.x'| = turn
        level = np.arctan2(l2 * np.cos(beta) - l1, -l2 * np.sin(beta))
        a1, a2 = (np.arccos(np.minimum(_ratio(turn, reach * length), 1)) for length in (l1, l2))
        half = np.full_like(beta, np.pi / 2)
        edges = np.sort(np.mod(np.concatenate([level, half, beta + half, a1, -a1, beta + a2, beta - a2], 1), np.pi), 1)
        edges = np.concatenate([edges, edges[:, :1] + np.pi], axis=1)
        # sin clusters the nodes at both ends: half-integer powers there (odd dimensions) become whole ones
        t, wt = _legendre(order, -np.pi / 2, np.pi / 2)
        phi, weight = _on_panels(edges, (np.sin(t) + 1) / 2, wt * np.cos(t) / 2)
        phi, weight = np.concatenate([phi, phi + np.pi], axis=1), np.concatenate([weight, weight], axis=1) / (2 * np.pi)
        g1, g2 = l1 * np.cos(phi), l2 * np.cos(phi - beta)
    # along the ray, the average over b has kinks where |w.x| or |w.x'| passes `turn`
    kinks = np.sort(np.stack([_ratio(turn, np.abs(g)) for g in (g1, g2)], axis=-1), axis=-1)
    ends = np.zeros((*g1.shape, 1))
    edges = np.concatenate([ends, np.minimum(kinks, reach), ends + reach], axis=-1)
    if isinstance(w, Uniform) and dim > 1:  # r = bound sin(s) takes the root out of the density in the plane
        edges = np.arcsin(edges / reach)
    s, ws = _on_panels(edges, *_legendre(order, 0.0, 1.0))
    r, density = _radial(w, dim, s)
    value, slope = _over_bias(slopes, b, r * g1[..., None], r * g2[..., None])
    weight = weight[..., None] * ws * density
    return np.stack([(weight * value).sum(axis=(1, 2)), (weight * slope).sum(axis=(1, 2))])


def _ratio(a: float, b: np.ndarray) -> np.ndarray:
    """a / b, large where b is 0."""
    return a / np.maximum(b, 1e-200)


def _legendre(order: int, low: float, high: float) -> Rule:
    x, w = np.polynomial.legendre.leggauss(order)
    return low + (high - low) * (x + 1) / 2, (high - low) / 2 * w


def _on_panels(edges: np.ndarray, t: np.ndarray, w: np.ndarray) -> Rule:
    """The rule (t, w) of [0, 1] on every panel between edges (last axis)."""
    width, shape = np.diff(edges)[..., None], (*edges.shape[:-1], -1)
    return (edges[..., :-1, None] + width * t).reshape(shape), (width * w).reshape(shape)


def _radial(w: Law, dim: int, s: np.ndarray) -> Rule:
    """Length r of w in the plane of the points (on the line for dim 1) and its density, at the variable s."""
    if isinstance(w, Gaussian):
        density = np.exp(-((s / w.scale) ** 2) / 2) / w.scale
        return s, density * (s / w.scale if dim > 1 else np.sqrt(2 / np.pi))
    if dim == 1:
        return s, np.full_like(s, 1 / w.bound)
    return w.bound * np.sin(s), dim * np.sin(s) * np.cos(s) ** (dim - 1)


def _over_bias(slopes: tuple[float, float], b: Law, p: np.ndarray, q: np.ndarray) -> Rule:
    """E_b of s(p + b) s(q + b) and of the slopes, s linear on both sides of 0."""
    low, high = slopes
    # E[(p + b)(q + b); b > t] = p q C_0(t) + (p + q) C_1(t) + C_2(t), C_k(t) = E[b^k; b > t];
    # both slopes are high for b > -min(p, q), one is for b > -max(p, q)
    both = _partial_moments(b, -np.minimum(p, q))
    value = (high**2 - low * high) * (p * q * both[0] + (p + q) * both[1] + both[2])
    slope = (high**2 - low * high) * both[0]
    if low:
        one = _partial_moments(b, -np.maximum(p, q))
        value += (low * high - low**2) * (p * q * one[0] + (p + q) * one[1] + one[2])
        value += low**2 * (p * q + float(b.moment(2)))
        slope += (low * high - low**2) * one[0] + low**2
    return value, slope


def _partial_moments(b: Law, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if isinstance(b, Uniform):
        t = np.clip(t, -b.bound, b.bound)
        return (b.bound - t) / (2 * b.bound), (b.bound**2 - t**2) / (4 * b.bound), (b.bound**3 - t**3) / (6 * b.bound)
    scale = max(float(b.scale), 1e-150)
    u = np.clip(t / scale, -40, 40)
    tail, density = erfc(u / np.sqrt(2)) / 2, np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    return tail, scale * density, scale**2 * (tail + u * density)


# Smooth activations: one product rule for all points.


def _smooth(which: Activation, w: Law, b: Law, x1: Any, x2: Any) -> tuple[Matrix, Matrix]:
    dim = x1.shape[1]
    if dim > 3:
        msg = f"x has dimension {dim}; allowed with uniform weights and {which.name!r}: up to 3, or theory='empirical'"
        raise _checks.InputError(msg)
    if which.kinks:
        msg = f"activation={which.name!r} has a kink; allowed with uniform weights: smooth, relu, leaky_relu, or theory='empirical'"
        raise _checks.InputError(msg)
    # orders are chosen on the longest and the shortest points: the longest have the steepest integrand
    every = x1 if x2 is None else np.concatenate([x1, x2])
    by_length = np.argsort(np.linalg.norm(every, axis=1))
    few = every[np.unique(np.concatenate([by_length[-4:], by_length[:2]]))]
    orders = [16, 16] + [16] * (dim - 1)  # bias, length, angles
    last = _product_rule(which, w, b, few, few, orders)
    axis, quiet = 0, 0
    while quiet < len(orders):
        finer = [2 * order if i == axis else order for i, order in enumerate(orders)]
        if 2 * np.prod(finer) > LARGEST_RULE:
            msg = (
                f"activation={which.name!r}, w={w}, b={b}: a rule of {LARGEST_RULE} nodes does not reach {QUADRATURE_TOLERANCE:.0e}; "
                "allowed: smooth activations and narrower laws, relu, leaky_relu, or theory='empirical'"
            )
            raise _checks.InputError(msg)
        new = _product_rule(which, w, b, few, few, finer)
        if all(np.abs(i - j).max() <= QUADRATURE_TOLERANCE / 10 * np.abs(i).max() for i, j in zip(new, last, strict=True)):
            quiet += 1
        else:
            orders, last, quiet = finer, new, 0
        axis = (axis + 1) % len(orders)
    orders = [order + order // 2 for order in orders]  # for the pairs that were not among the few
    return _product_rule(which, w, b, x1, x1 if x2 is None else x2, orders)


def _product_rule(which: Activation, w: Law, b: Law, x1: Any, x2: Any, orders: list[int]) -> tuple[Matrix, Matrix]:
    dim = x1.shape[1]
    bias, weight_b = _line_rule(b, orders[0])
    vectors, weight_w = _ball_rule(w, dim, orders[1:])
    value, slope = np.zeros((2, len(x1), len(x2)))
    size = max(1, _CHUNK // (orders[0] * (len(x1) + len(x2))))
    for i in range(0, len(vectors), size):
        some, weight = vectors[i : i + size], np.multiply.outer(weight_w[i : i + size], weight_b).ravel()
        z1, z2 = (((x @ some.T)[:, :, None] + bias).reshape(len(x), -1) for x in (x1, x2))
        value += (np.asarray(which(jnp.asarray(z1))) * weight) @ np.asarray(which(jnp.asarray(z2))).T
        slope += (np.asarray(which.derivative(jnp.asarray(z1))) * weight) @ np.asarray(which.derivative(jnp.asarray(z2))).T
    return value, slope


def _line_rule(law: Law, order: int) -> Rule:
    """Nodes and weights for the law of a scalar."""
    if isinstance(law, Uniform):
        x, w = _legendre(order, -1.0, 1.0)
        return float(law.bound) * x, w / 2
    x, w = _legendre(order, -_DEVIATIONS, _DEVIATIONS)
    return float(law.scale) * x, w * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def _ball_rule(law: Law, dim: int, orders: list[int]) -> Rule:
    """Nodes (count, dim) and weights for the law of a vector, dim up to 3."""
    if dim == 1:
        x, w = _line_rule(law, orders[0])
        return x[:, None], w
    t, w = _legendre(orders[0], 0.0, 1.0)
    if isinstance(law, Uniform):
        r, w = float(law.bound) * t, w * dim * t ** (dim - 1)
    else:
        u = _DEVIATIONS * t
        norm = {2: 1.0, 3: np.sqrt(2 / np.pi)}[dim]
        r, w = float(law.scale) * u, norm * _DEVIATIONS * w * u ** (dim - 1) * np.exp(-(u**2) / 2)
    phi = 2 * np.pi * np.arange(orders[1]) / orders[1]
    sphere = np.stack([np.cos(phi), np.sin(phi)], axis=1)
    weights = np.full(orders[1], 1 / orders[1])
    if dim == 3:
        height, wh = _legendre(orders[2], -1.0, 1.0)
        radius = np.sqrt(1 - height**2)
        sphere = np.concatenate(
            [np.column_stack([s * sphere, np.full(len(sphere), h)]) for s, h in zip(radius, height, strict=True)]
        )
        weights = np.multiply.outer(wh / 2, weights).ravel()
    return (r[:, None, None] * sphere).reshape(-1, dim), np.multiply.outer(w, weights).ravel()
