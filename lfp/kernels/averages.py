"""Averages of an activation over uniform weights: E[s(z) s(z')] and E[s'(z) s'(z')], z = w.x + b, in float64.

For relu and leaky relu the average over b is a polynomial between the kinks, and that over w, which sees only the plane
of the two points, is taken panel by panel. Other activations must be smooth: product rules, their orders doubled axis
by axis.
"""

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import erfc

from lfp import _checks
from lfp.kernels.dual import QUADRATURE_TOLERANCE, corner
from lfp.neurons.activations import Activation
from lfp.neurons.distributions import Distribution, Gaussian, Uniform, second_moment
from lfp.numerics.quadrature import by_table

PANEL_ORDERS = (8, 16, 32, 64)
LARGEST_RULE = 2**24

_DEVIATIONS = 9.5  # of a Gaussian weight: the tail beyond is below 1e-19
_CHUNK = 2**21  # numbers per block
_ALIKE = 1e-13  # lengths that differ by so little are one

Matrix = Float[np.ndarray, "n m"]
Rule = tuple[np.ndarray, ...]
Weight = Gaussian | Uniform


def average(
    which: Activation,
    w: Distribution,
    b: Distribution,
    x1: Float[np.ndarray, "n d"],
    x2: Float[np.ndarray, "m d"] | None = None,
) -> tuple[Matrix, Matrix]:
    """E[s(z) s(z')] and E[s'(z) s'(z')], z = w.x + b, z' = w.x' + b.

    Args:
        which: the activation s.
        w: distribution of the input weights, Gaussian or uniform in a ball of R^d.
        b: distribution of the bias, Gaussian or uniform.
        x1: points of the rows.
        x2: points of the columns; None stands for x1.

    Returns:
        Two matrices, of relative error `QUADRATURE_TOLERANCE`.

    Raises:
        InputError: another distribution, a quadrature that does not converge, dimension above 3 with an activation
            other than relu and leaky relu.
    """
    if not (isinstance(w, Weight) and isinstance(b, Weight)):
        names = f"w={type(w).__name__}, b={type(b).__name__}"
        msg = f"{names} has no analytic kernel; allowed: Gaussian, Uniform, or theory='empirical'"
        raise _checks.InputError(msg)
    slopes = corner(which)
    if slopes is not None:
        return _cornered(slopes, w, b, x1, x2)
    return _smooth(which, w, b, x1, x2)


# Relu and leaky relu: pairs of points, the plane that they span.


def _cornered(slopes: tuple[float, float], w: Weight, b: Weight, x1: Any, x2: Any) -> tuple[Matrix, Matrix]:
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
    settled = partial(_settled_panels, slopes, w, b, dim)
    if dim > 1 and np.all(np.ptp(plane[:, :2], axis=0) <= _ALIKE * size):
        # points of one norm: functions of the angle
        at = lambda angle: jnp.asarray(settled(np.insert(plane[:1, :2].repeat(len(angle), 0), 2, angle, 1)))  # noqa: E731
        value, slope = np.asarray(by_table(at, jnp.asarray(plane[:, 2]), np.pi))[:, inverse.reshape(len(x1), -1)]
    else:
        value, slope = settled(plane)[:, inverse.reshape(len(x1), -1)]
    return value, slope


def _settled_panels(slopes: Any, w: Weight, b: Weight, dim: int, plane: np.ndarray) -> np.ndarray:
    """`_panels`, order doubled until no entry changes."""
    result, todo, last = np.zeros((2, len(plane))), np.arange(len(plane)), None
    for order in PANEL_ORDERS:
        new = _panels(slopes, w, b, dim, plane[todo], order)
        result[:, todo] = new
        if last is not None:
            moved = np.abs(new - last) > QUADRATURE_TOLERANCE * np.abs(result).max(axis=1, keepdims=True)
            todo, new = todo[moved.any(axis=0)], new[:, moved.any(axis=0)]
        if not len(todo):
            return result
        last = new
    msg = (
        f"w={w}, b={b}: panels of order {PANEL_ORDERS[-1]} do not reach {QUADRATURE_TOLERANCE:.0e}; "
        "allowed: scales of w.x and b that are comparable, or theory='empirical'"
    )
    raise _checks.InputError(msg)


def _panels(slopes: Any, w: Weight, b: Weight, dim: int, plane: np.ndarray, order: int) -> np.ndarray:
    """Both averages for each row (length, length', angle), or (x, x', 0) on the line; in blocks."""
    count = 2 if dim == 1 else 14 * order
    size = max(1, _CHUNK // (3 * count * order))
    return np.concatenate(
        [_block(slopes, w, b, dim, plane[i : i + size], order) for i in range(0, len(plane), size)], axis=1
    )


def _block(slopes: Any, w: Weight, b: Weight, dim: int, plane: np.ndarray, order: int) -> np.ndarray:
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


def _radial(w: Weight, dim: int, s: np.ndarray) -> Rule:
    """Length r of w in the plane of the points (on the line for dim 1) and its density, at the variable s."""
    if isinstance(w, Gaussian):
        z = s / float(w.scale)
        return s, np.exp(-(z**2) / 2) / float(w.scale) * (z if dim > 1 else np.sqrt(2 / np.pi))
    if dim == 1:
        return s, np.full_like(s, 1 / float(w.bound))
    return float(w.bound) * np.sin(s), dim * np.sin(s) * np.cos(s) ** (dim - 1)


def _over_bias(slopes: tuple[float, float], b: Weight, p: np.ndarray, q: np.ndarray) -> Rule:
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
        value += low**2 * (p * q + second_moment(b))
        slope += (low * high - low**2) * one[0] + low**2
    return value, slope


def _partial_moments(b: Weight, t: np.ndarray) -> Any:
    if isinstance(b, Uniform):
        t = np.clip(t, -b.bound, b.bound)
        return (b.bound - t) / (2 * b.bound), (b.bound**2 - t**2) / (4 * b.bound), (b.bound**3 - t**3) / (6 * b.bound)
    scale = max(float(b.scale), 1e-150)
    u = np.clip(t / scale, -40, 40)
    tail, density = erfc(u / np.sqrt(2)) / 2, np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    return tail, scale * density, scale**2 * (tail + u * density)


# Smooth activations: one product rule for all points.


def _smooth(which: Activation, w: Weight, b: Weight, x1: Any, x2: Any) -> tuple[Matrix, Matrix]:
    dim = x1.shape[1]
    if dim > 3:
        msg = f"x has dimension {dim}; allowed with uniform weights and {which.name!r}: up to 3, or theory='empirical'"
        raise _checks.InputError(msg)
    if which.kinks:
        msg = f"activation={which.name!r} has a kink; allowed with uniform weights: smooth, relu, leaky_relu"
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
                f"activation={which.name!r}, {w=}, {b=}: {LARGEST_RULE} nodes miss {QUADRATURE_TOLERANCE:.0e}; "
                "allowed: smooth activations and narrower distributions, relu, leaky_relu, or theory='empirical'"
            )
            raise _checks.InputError(msg)
        new = _product_rule(which, w, b, few, few, finer)
        if all(
            np.abs(i - j).max() <= QUADRATURE_TOLERANCE / 10 * np.abs(i).max() for i, j in zip(new, last, strict=True)
        ):
            quiet += 1
        else:
            orders, last, quiet = finer, new, 0
        axis = (axis + 1) % len(orders)
    orders = [order + order // 2 for order in orders]  # for the pairs that were not among the few
    return _product_rule(which, w, b, x1, x1 if x2 is None else x2, orders)


def _product_rule(
    which: Activation, w: Weight, b: Weight, x1: Any, x2: Any, orders: list[int]
) -> tuple[Matrix, Matrix]:
    dim = x1.shape[1]
    bias, weight_b = _line_rule(b, orders[0])
    vectors, weight_w = _ball_rule(w, dim, orders[1:])
    value, slope = np.zeros((2, len(x1), len(x2)))
    size = max(1, _CHUNK // (orders[0] * (len(x1) + len(x2))))
    for i in range(0, len(vectors), size):
        some, weight = vectors[i : i + size], np.multiply.outer(weight_w[i : i + size], weight_b).ravel()
        z1, z2 = (((x @ some.T)[:, :, None] + bias).reshape(len(x), -1) for x in (x1, x2))
        value += (np.asarray(which(jnp.asarray(z1))) * weight) @ np.asarray(which(jnp.asarray(z2))).T
        slope += (np.asarray(which.derivative(jnp.asarray(z1))) * weight) @ np.asarray(
            which.derivative(jnp.asarray(z2))
        ).T
    return value, slope


def _line_rule(weight: Weight, order: int) -> Rule:
    """Nodes and weights for the distribution of a scalar."""
    if isinstance(weight, Uniform):
        x, w = _legendre(order, -1.0, 1.0)
        return float(weight.bound) * x, w / 2
    x, w = _legendre(order, -_DEVIATIONS, _DEVIATIONS)
    return float(weight.scale) * x, w * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def _ball_rule(weight: Weight, dim: int, orders: list[int]) -> Rule:
    """Nodes (count, dim) and weights for the distribution of a vector, dim up to 3."""
    if dim == 1:
        x, w = _line_rule(weight, orders[0])
        return x[:, None], w
    t, w = _legendre(orders[0], 0.0, 1.0)
    if isinstance(weight, Uniform):
        r, w = float(weight.bound) * t, w * dim * t ** (dim - 1)
    else:
        u = _DEVIATIONS * t
        norm = {2: 1.0, 3: np.sqrt(2 / np.pi)}[dim]
        r, w = float(weight.scale) * u, norm * _DEVIATIONS * w * u ** (dim - 1) * np.exp(-(u**2) / 2)
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
