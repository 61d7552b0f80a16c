"""The kernel of a network as a power series in t = x.y of unit vectors: kappa(t) = sum_n a_n t^n, every a_n >= 0.

A layer composes the dual activation, a power series in the correlation with coefficients >= 0, with the series of the
layer below (Daniely et al. 2016). Only sums and products of numbers >= 0 occur, so that every a_n keeps its relative
accuracy, however small it is; no quadrature can do that.
"""

from functools import reduce
from itertools import pairwise
from operator import mul
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.kernels.algebra import Dilated, Kernel, Scaled, Sum, Times
from lfp.kernels.analytic import Analytic, LayeredKernel, TwoLayerKernel
from lfp.kernels.dual import Coefficients, State, corner, dual_series
from lfp.neurons.distributions import Gaussian, second_moment

TERMS = 1024
CORNER_TERMS = 4096
"""Coefficients that are kept: more where a corner makes them fall slowly."""

_FEWEST, _PAIRS, _DEGREES = 256, 128, tuple(range(2, 11))  # of the law: terms, pairs and coefficients of the fit
_FALLEN, _STEADY = 1e-18, 1e-3  # what is not seen any more; what a law may be off
_EXTENDED, _APART = 4, 10  # the error of a law: times the rounding of the last coefficient, the change of its fits


class Law(eqx.Module):
    """a_n of a kernel with corners, for large n: sum_j mode_j(n) n^(-3/2) times a polynomial in start / n.

    Corners are roots of 1 - t and of 1 + r + t; their modes are 1 and (-1)^n (1 + r)^-n.

    Args:
        start: the first coefficient that it is fitted to.
        corners: the r, in increasing order.
        fits: coefficients of the polynomials, of two degrees, whose difference tells the error.
    """

    start: int
    corners: tuple[float, ...]
    fits: Float[np.ndarray, "2 degrees modes"]

    def __call__(self, n: Float[np.ndarray, " m"], sign: Any) -> Float[np.ndarray, "2 m"]:
        """a_n of even n (sign 1) or odd n (sign -1), as a smooth function of n, by both fits."""
        return np.einsum("mij,fij->fm", _columns(n, sign, self.start, self.fits.shape[1], self.corners), self.fits)


def _columns(n: np.ndarray, sign: Any, start: int, degrees: int, corners: tuple[float, ...]) -> np.ndarray:
    """mode_j(n) n^(-3/2) (start / n)^i at [n, i, j]."""
    sign = np.broadcast_to(sign, n.shape)
    falls = [sign * np.exp(-n * np.log1p(r)) for r in corners]
    # half the sum and half the difference of 1 and the first: for r = 0 they are even and odd n, and near it they keep
    # what is small apart
    near = -np.expm1(-n * np.log1p(corners[0])) / 2 if corners else 0
    first = [np.where(sign > 0, 1 - near, near), np.where(sign > 0, near, 1 - near)] if corners else [np.ones(len(n))]
    powers = (start / n)[:, None] ** np.arange(degrees)
    return (n**-1.5)[:, None, None] * powers[:, :, None] * np.stack(first + falls[1:], axis=1)[:, None, :]


class Series(eqx.Module):
    """sum_n a_n t^n, with what it leaves out at t = 1.

    Args:
        coefficients: a_n.
        beyond: sum of the coefficients after the last one.
        scattered: an upper bound on the sum of the coefficients that the truncated expansion omits.
        total: kappa(1).
        rounding: the relative error of a_n is at most (n + 8) times this,
        doubt: and what the coefficients of an expansion are off.
        law: of the coefficients after the last one, where it is known.
    """

    coefficients: Coefficients
    beyond: float
    scattered: float
    total: float
    rounding: float
    doubt: Coefficients
    law: Law | None = None

    def __call__(self, t: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """The sum of the terms at hand."""
        return np.polynomial.polynomial.polyval(t, self.coefficients)

    def later(self, n: Float[np.ndarray, " m"], sign: Any) -> Float[np.ndarray, "2 m"]:
        """a_n by the law, n even (sign 1) or odd (sign -1), and its error."""
        if self.law is None:
            msg = "law=None; allowed: the series of a kernel with corners"
            raise _checks.InputError(msg)
        a, other = self.law(n, sign)
        rounding = self.rounding * len(self.coefficients) * np.abs(a)
        return np.stack([a, _EXTENDED * rounding + _APART * np.abs(a - other)])


def power_series(kernel: Kernel, dim: int, terms: int | None = None) -> Series | None:
    """The NTK of a network at infinite width on unit vectors of R^dim, as a power series; None where there is none.

    Args:
        kernel: of `MLP`, `PiNet`, `TwoLayer` with Gaussian w and b, `MultiScale` of these; or a sum, product, multiple
            or dilation of their kernels.
        dim: dimension of the data.
        terms: number of coefficients; None: `TERMS` or `CORNER_TERMS`.

    Raises:
        InputError: an activation that is neither smooth nor relu's relative.

    Example:
        >>> from lfp import MLP, kernel
        >>> series = power_series(kernel(MLP(2, 1, b_std=0.0)), dim=2, terms=4)
        >>> (np.pi * series.coefficients).round(6).tolist()  # kappa_1 + t kappa_0 of relu
        [1.0, 3.141593, 1.5, 0.0]
    """
    if terms is not None:
        _checks.integer("terms", terms, 1)
    _checks.integer("dim", dim, 1)
    if terms is None:
        terms = CORNER_TERMS if _has_corner(kernel) else TERMS
    state = _state(kernel, dim, 1.0, terms)
    if state is None:
        return None
    doubt = np.zeros(terms) if state.doubt is None else state.doubt
    rounding = terms * np.finfo(float).eps * state.gap + float(doubt.sum())
    beyond = state.gap - state.missing - float(state.coefficients[1:].sum())
    # what the rounding of the gap hides: quarters of the series that halve each time leave no more than the last one
    beyond = beyond if beyond > rounding else 2 * float(state.coefficients[3 * terms // 4 :].sum())
    # measured against 400 bits: 3.5 eps (n + 8) in 5 layers, 6.3 in 24
    accuracy = (4 + state.layers / 2) * np.finfo(float).eps
    return Series(state.coefficients, beyond, state.missing, state.at_one, accuracy, doubt, _law(state))


def _law(state: State) -> Law | None:
    """The law of the coefficients, fitted to all but the first eighth; None where none is known or none fits."""
    terms = len(state.coefficients)
    if not state.corners or terms < _FEWEST:
        return None
    pairs = np.linspace(terms // 8, terms - 2, _PAIRS).astype(int)
    kept = np.concatenate([pairs, pairs + 1])  # as many even as odd ones
    n, even, a = kept.astype(float), kept % 2 == 0, state.coefficients[kept] * kept**1.5
    corners = tuple(r for r in sorted(state.corners) if (1 + r) ** -n[0] > _FALLEN)
    sizes = [float(a[part].max()) for part in (even, ~even)]
    weight = 1 / np.where(even, *(size or 1.0 for size in sizes))
    fits = []
    for degrees in _DEGREES:
        columns = _columns(n, np.where(even, 1, -1), int(n[0]), degrees, corners).reshape(len(n), -1)
        columns = (weight * n**1.5)[:, None] * columns
        norms = np.maximum(np.linalg.norm(columns, axis=0), np.finfo(float).tiny)
        fit = np.linalg.lstsq(columns / norms, weight * a, rcond=None)[0] / norms
        fit = fit.reshape(degrees, -1)
        if corners == (0.0,):  # what is absent is absent
            fit = np.where(np.array(sizes) > 0, fit, 0.0)
        fits.append(np.pad(fit, ((0, _DEGREES[-1] - degrees), (0, 0))))
    laws = [Law(int(n[0]), corners, np.stack([better, worse])) for worse, better in pairwise(fits)]
    law = min(laws, key=_unsteadiness)
    return law if _unsteadiness(law) < _STEADY else None


def _unsteadiness(law: Law) -> float:
    """The largest change from one fit to the other, ahead of what they are fitted to."""
    ahead = law.start * 2.0 ** np.arange(3, 43)
    both = np.stack([law(ahead, sign) for sign in (1.0, -1.0)]) * ahead**1.5
    sizes = np.abs(both[:, 0]).max(axis=1)
    return float((np.abs(both[:, 0] - both[:, 1]).max(axis=1) / np.where(sizes > 0, sizes, 1)).max())


def _has_corner(which: Kernel) -> bool:
    match which:
        case Analytic():
            return corner(which.activation) is not None
        case Sum() | Times():
            return _has_corner(which.one) or _has_corner(which.two)
        case Scaled() | Dilated():
            return _has_corner(which.kernel)
    return False


def _state(which: Kernel, dim: int, radius: float, terms: int) -> State | None:
    """A kernel at points of norm `radius`, as a function of the cosine between them."""
    match which:
        case TwoLayerKernel():
            return _two_layer(which, radius, terms)
        case LayeredKernel():
            return _layered(which, dim, radius, terms)
        case Dilated():
            return _state(which.kernel, dim, which.factor * radius, terms)
        case Scaled():
            state = _state(which.kernel, dim, radius, terms)
            return None if state is None else state.scaled(which.factor)
        case Sum() | Times():
            one, two = (_state(part, dim, radius, terms) for part in (which.one, which.two))
            if one is None or two is None:
                return None
            return one + two if isinstance(which, Sum) else one * two
    return None


def _two_layer(which: TwoLayerKernel, radius: float, terms: int) -> State | None:
    if not (isinstance(which.w, Gaussian) and isinstance(which.b, Gaussian)):
        return None
    covariance = _linear((radius * float(which.w.scale)) ** 2, float(which.b.scale) ** 2, terms)
    value, slope = dual_series(which.activation, covariance)
    if which.nngp:
        return value.scaled(second_moment(which.a))
    return value + (slope * _linear(radius**2, 1.0, terms)).scaled(second_moment(which.a))


def _layered(which: LayeredKernel, dim: int, radius: float, terms: int) -> State:
    w, b = float(which.w_std) ** 2, float(which.b_std) ** 2
    standard = which.standard is not None
    own, hidden = (1.0, float(which.standard)) if which.standard is not None else (b, w)
    nngp = _linear(w * radius**2 / dim, b, terms)
    ntk = _linear(radius**2, 1.0, terms) if standard else nngp
    for _ in range(which.depth):
        value, slope = dual_series(which.activation, nngp)
        ntk = slope * ntk
        if which.degree > 1:
            rest = reduce(mul, [value] * (which.degree - 1), _linear(0.0, 1.0, terms))
            value, ntk = rest * value, (rest * ntk).scaled(which.degree)
        nngp = value.scaled(w, b)
        ntk = value.scaled(hidden, own) + ntk.scaled(w)
    return nngp if which.nngp else ntk


def _linear(slope: float, constant: float, terms: int) -> State:
    coefficients = np.zeros(terms)
    coefficients[:2] = constant, slope
    return State(coefficients, slope + constant, slope)
