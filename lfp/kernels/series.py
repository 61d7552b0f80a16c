"""The kernel of a network as a power series in t = x.y of unit vectors: kappa(t) = sum_n a_n t^n, every a_n >= 0.

A layer composes the dual activation, a power series in the correlation with coefficients >= 0, with the series of the
layer below (Daniely et al. 2016). Only sums and products of numbers >= 0 occur, so that every a_n keeps its relative
accuracy, however small it is; no quadrature can do that.
"""

from functools import reduce
from operator import mul

import equinox as eqx
import numpy as np
from jaxtyping import Float

from lfp.kernels.algebra import Dilated, Kernel, Scaled, Sum, Times
from lfp.kernels.analytic import Analytic, LayeredKernel, TwoLayerKernel
from lfp.kernels.dual import Coefficients, corner, dual_series, times
from lfp.neurons.activations import Activation
from lfp.neurons.distributions import Gaussian

TERMS = 1024
CORNER_TERMS = 4096
"""Coefficients that are kept: more where a corner makes them fall slowly."""


class Series(eqx.Module):
    """sum_n a_n t^n, with what it leaves out at t = 1.

    Args:
        coefficients: a_n.
        beyond: sum of the coefficients after the last one.
        scattered: an upper bound on the sum of the coefficients that the truncated expansion omits.
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
        product = times(self.coefficients, other.coefficients)
        return _State(product, self.at_one * other.at_one, self.found * other.found)

    def scaled(self, factor: float, constant: float = 0.0) -> "_State":
        """factor f + constant."""
        coefficients = factor * self.coefficients
        coefficients[0] += constant
        return _State(coefficients, factor * self.at_one + constant, factor * self.found + constant)

    def __add__(self, other: "_State") -> "_State":
        return _State(self.coefficients + other.coefficients, self.at_one + other.at_one, self.found + other.found)


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
    if terms is None:
        terms = CORNER_TERMS if _has_corner(kernel) else TERMS
    state = _state(kernel, dim, 1.0, terms)
    if state is None:
        return None
    rounding = terms * np.finfo(float).eps * state.at_one
    expanded = state.found != state.at_one
    scattered = max(state.at_one - state.found, 16 * np.finfo(float).eps * state.at_one) if expanded else 0.0
    beyond = state.at_one - scattered - float(state.coefficients.sum())
    # what the rounding of kappa(1) hides: quarters of the series that halve each time leave no more than the last one
    beyond = beyond if beyond > rounding else 2 * float(state.coefficients[3 * terms // 4 :].sum())
    return Series(state.coefficients, beyond, scattered, state.at_one)


def _has_corner(which: Kernel) -> bool:
    match which:
        case Analytic():
            return corner(which.activation) is not None
        case Sum() | Times():
            return _has_corner(which.one) or _has_corner(which.two)
        case Scaled() | Dilated():
            return _has_corner(which.kernel)
    return False


def _state(which: Kernel, dim: int, radius: float, terms: int) -> _State | None:
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


def _two_layer(which: TwoLayerKernel, radius: float, terms: int) -> _State | None:
    if not (isinstance(which.w, Gaussian) and isinstance(which.b, Gaussian)):
        return None
    covariance = _linear((radius * float(which.w.scale)) ** 2, float(which.b.scale) ** 2, terms)
    value, slope = _dual(which.activation, covariance)
    return value + (slope * _linear(radius**2, 1.0, terms)).scaled(float(which.a.moment(2)))


def _layered(which: LayeredKernel, dim: int, radius: float, terms: int) -> _State:
    w, b = which.w_std**2, which.b_std**2
    nngp = _linear(w * radius**2 / dim, b, terms)
    ntk = nngp
    for _ in range(which.depth):
        value, slope = _dual(which.activation, nngp)
        ntk = slope * ntk
        if which.degree > 1:
            rest = reduce(mul, [value] * (which.degree - 1), _linear(0.0, 1.0, terms))
            value, ntk = rest * value, (rest * ntk).scaled(which.degree)
        nngp = value.scaled(w, b)
        ntk = nngp + ntk.scaled(w)
    return ntk


def _linear(slope: float, constant: float, terms: int) -> _State:
    coefficients = np.zeros(terms)
    coefficients[:2] = constant, slope
    return _State(coefficients, slope + constant, slope + constant)


def _dual(which: Activation, covariance: _State) -> tuple[_State, _State]:
    """E[phi(u) phi(v)] and E[phi'(u) phi'(v)] as functions of t, from Cov(u, v) as a function of t."""
    q = covariance.at_one
    parts, at_one, found = dual_series(which, q, covariance.coefficients / q)
    # the truncation of the layer below changes rho(1) by this amount; the slope at 1 is the largest derivative
    lost = at_one[1] * (q - covariance.found)
    value, slope = (_State(p, full, full * share) for p, full, share in zip(parts, at_one, found, strict=True))
    return _State(value.coefficients, value.at_one, value.found - lost), slope
