"""Transforms of activations: |F[sigma]|^2 and |F[sigma']|^2, and the autocorrelations that they belong to.

With w = 2 pi eta in radians and u >= 0, each activation has four functions:

    power(eta) = |F[sigma](eta)|^2            slope_power(eta) = |F[sigma'](eta)|^2, eta != 0
    profile(u) = A(u), the finite part of the integral of sigma(z) sigma(z + u) dz
    slope_profile(u) = B(u) = -A''(u), the same of sigma'

Finite part: sigma ~ c z + d on either side; A(u) is the integral over t of sigma(t + u/2) sigma(t - u/2) less
c^2 (t^2 - u^2/4) + 2 c d t + d^2, with (c, d) of the side that t is on. Then

    A(u) ~ (c_+ - c_-)^2 |u|^3 / 12 + p_2 u^2 + p_1 |u| + p_0,   p_1 = (c_+ - c_-) int eps - (d_+ - d_-)^2 / 2,

eps what sigma has beyond its two lines; p_2 = p_0 = 0 for all activations below but elu. The closed forms are derived
in docs/derivation.md.
"""

import math
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf
from jaxtyping import Array, Float

from lfp import _checks

Function = Callable[[Float[Array, "..."]], Float[Array, "..."]]


class ClosedForm(eqx.Module):
    """The four functions, written out.

    Args:
        power: |F[sigma]|^2; an InputError for a periodic activation, whose transform is a set of lines.
        slope_power: |F[sigma']|^2.
        profile: A(u) for u >= 0; a mean over one period for a periodic activation.
        slope_profile: B(u) for u >= 0.
        kink: (c_+ - c_-)^2 of two half-lines that meet at 0: its kernels are polyharmonic splines; else None.
        periodic: whether sigma is periodic.
    """

    power: Function = eqx.field(static=True)
    slope_power: Function = eqx.field(static=True)
    profile: Function = eqx.field(static=True)
    slope_profile: Function = eqx.field(static=True)
    kink: float | None = eqx.field(static=True, default=None)
    periodic: bool = eqx.field(static=True, default=False)


def _omega(eta: Array) -> Array:
    return 2 * jnp.pi * eta


def _gauss(eta: Array, p: int) -> Array:
    """w^p exp(-w^2); w is held where the exponential is 0 already, so that its powers stay finite in float32."""
    w = jnp.minimum(jnp.abs(_omega(eta)), 1e3)
    return w**p * jnp.exp(-(w**2))


def _csch2(v: Array) -> Array:
    """csch(v)^2, which underflows to 0 instead of overflowing on the way."""
    v = jnp.abs(v)
    return 4 * jnp.exp(-2 * v) / jnp.expm1(-2 * v) ** 2


# q(u) = (u/2) coth(u/2) = sum_n c_n u^(2n), c_n = B_2n / (2n)! = (-1)^(n+1) 2 zeta(2n) / (2 pi)^(2n): the differences
# in q' and q'' cancel near 0, where the series takes over; 18 terms at u = 1.6 leave 1e-21
_SERIES_BELOW = 1.6
_ZETA3 = 1.2020569031595942854


def _bernoulli(n: int) -> float:
    zeta = float(np.sum(1.0 / np.arange(1, 40, dtype=float) ** (2 * n))) if n > 5 else _ZETA_EVEN[n - 1]
    return (-1) ** (n + 1) * 2 * zeta / (2 * np.pi) ** (2 * n)


_ZETA_EVEN = [np.pi**2 / 6, np.pi**4 / 90, np.pi**6 / 945, np.pi**8 / 9450, np.pi**10 / 93555]
_BERNOULLI = [_bernoulli(n) for n in range(1, 19)]


def _series(u: Array, coefficients: list[float]) -> Array:
    """sum_k coefficients_k u^(2k), by Horner."""
    total = jnp.zeros_like(u)
    for c in reversed(coefficients):
        total = total * u**2 + float(c)
    return total


def _split(u: Array) -> tuple[Array, Array, Array, Array]:
    """Where the series serves, its argument, the argument of the closed form there, and exp(-that)."""
    near = u < _SERIES_BELOW
    far = jnp.where(near, _SERIES_BELOW, u)
    return near, jnp.where(near, u, 0.0), far, jnp.exp(-far)


def _q(u: Array) -> Array:
    """(u/2) coth(u/2)."""
    zero = u == 0
    safe = jnp.where(zero, 1.0, u)
    return u / 2 + jnp.where(zero, 1 - u / 2, safe * jnp.exp(-safe) / -jnp.expm1(-safe))


def _q1(u: Array) -> Array:
    """q'(u)."""
    near, small, far, e = _split(u)
    series = small * _series(small, [2 * n * c for n, c in enumerate(_BERNOULLI, 1)])
    return jnp.where(near, series, (1 + e) / (2 * (1 - e)) - far * e / (1 - e) ** 2)


def _q2(u: Array) -> Array:
    """q''(u)."""
    near, small, far, e = _split(u)
    series = _series(small, [2 * n * (2 * n - 1) * c for n, c in enumerate(_BERNOULLI, 1)])
    return jnp.where(near, series, 2 * e / (1 - e) ** 2 * (_q(far) - 1))


def _softplus(u: Array) -> Array:
    """A'' = q: u^3/12 + pi^2 u/6 + u Li_2(e^-u) + 2 Li_3(e^-u)."""
    near, small, far, e = _split(u)
    tail = [c / ((2 * n + 1) * (2 * n + 2)) for n, c in enumerate(_BERNOULLI, 1)]
    series = 2 * _ZETA3 + small**2 * _series(small, [0.5, *tail])
    logs = jnp.zeros_like(u)
    for k in range(24, 0, -1):  # e^(-1.6 * 24) = 2e-17
        logs = e * (logs + far / k**2 + 2 / k**3)
    return jnp.where(near, series, far**3 / 12 + np.pi**2 / 6 * far + logs)


def _silu_slope(u: Array) -> Array:
    return -_q2(u) * (u**2 - 2 * np.pi**2) / 6 - 2 * u * _q1(u) / 3 - _q(u) / 3


def _normal(u: Array) -> Array:
    """g(u) = exp(-u^2/4) / sqrt(4 pi): the density of N(0, 2), whose transform is exp(-w^2)."""
    return jnp.exp(-(u**2) / 4) / math.sqrt(4 * np.pi)


def _second(u: Array) -> Array:
    """G_2'' = g, without polynomial at infinity: E|u + X| / 2."""
    return u / 2 * erf(u / 2) + 2 * _normal(u)


def _fourth(u: Array) -> Array:
    """G_4'' = G_2: E|u + X|^3 / 12."""
    return (u**3 + 6 * u) / 12 * erf(u / 2) + (u**2 + 4) / 3 * _normal(u)


def _wavelet(v: Array, coefficients: list[float]) -> Array:
    return math.sqrt(np.pi) * jnp.exp(-(v**2)) * _series(v, coefficients)


def piecewise_linear(low: float, high: float) -> ClosedForm:
    """Slope `low` below 0 and `high` above: |S|^2 = (high - low)^2 / w^4, A = (high - low)^2 |u|^3 / 12."""
    k = (high - low) ** 2
    return ClosedForm(
        lambda eta: k / _omega(eta) ** 4,
        lambda eta: k / _omega(eta) ** 2,
        lambda u: k * u**3 / 12,
        lambda u: -k * u / 2,
        k,
    )


TANH = ClosedForm(
    lambda eta: np.pi**2 * _csch2(np.pi**2 * eta),
    lambda eta: (_omega(eta) * np.pi) ** 2 * _csch2(np.pi**2 * eta),
    lambda u: -2 * _q(2 * u),
    lambda u: 8 * _q2(2 * u),
)
SIGMOID = ClosedForm(
    lambda eta: np.pi**2 * _csch2(2 * np.pi**2 * eta),
    lambda eta: (_omega(eta) * np.pi) ** 2 * _csch2(2 * np.pi**2 * eta),
    lambda u: -_q(u),
    _q2,
)
SOFTPLUS = ClosedForm(
    lambda eta: SIGMOID.power(eta) / _omega(eta) ** 2,
    SIGMOID.power,
    _softplus,
    SIGMOID.profile,
)
SILU = ClosedForm(
    lambda eta: np.pi**4 * _csch2(2 * np.pi**2 * eta) * (1 + _csch2(2 * np.pi**2 * eta)),
    lambda eta: _omega(eta) ** 2 * SILU.power(eta),
    lambda u: _q(u) * (u**2 - 2 * np.pi**2) / 6,
    _silu_slope,
)
ERF = ClosedForm(
    lambda eta: 4 * jnp.exp(-(_omega(eta) ** 2) / 2) / _omega(eta) ** 2,
    lambda eta: 4 * jnp.exp(-(_omega(eta) ** 2) / 2),
    lambda u: -2 * u * erf(u / math.sqrt(2)) - 4 / math.sqrt(2 * np.pi) * jnp.exp(-(u**2) / 2),
    lambda u: 4 / math.sqrt(2 * np.pi) * jnp.exp(-(u**2) / 2),
)
GELU = ClosedForm(
    lambda eta: _gauss(eta, -4) + 2 * _gauss(eta, -2) + _gauss(eta, 0),
    lambda eta: _gauss(eta, -2) + 2 * _gauss(eta, 0) + _gauss(eta, 2),
    lambda u: _fourth(u) - 2 * _second(u) + _normal(u),
    lambda u: -_second(u) + (2.5 - u**2 / 4) * _normal(u),
)
ELU = ClosedForm(
    lambda eta: 1 / (_omega(eta) ** 4 * (1 + _omega(eta) ** 2)),
    lambda eta: 1 / (_omega(eta) ** 2 * (1 + _omega(eta) ** 2)),
    lambda u: u**3 / 12 - u**2 / 2 + u / 2 + jnp.exp(-u) / 2 - 2,
    lambda u: 1 - u / 2 - jnp.exp(-u) / 2,
)
GAUSSIAN = ClosedForm(
    lambda eta: 2 * np.pi * _gauss(eta, 0),
    lambda eta: 2 * np.pi * _gauss(eta, 2),
    lambda u: _wavelet(u / 2, [1.0]),
    lambda u: _wavelet(u / 2, [0.5, -1.0]),
)
RICKER = ClosedForm(
    lambda eta: 2 * np.pi * _gauss(eta, 4),
    lambda eta: 2 * np.pi * _gauss(eta, 6),
    lambda u: _wavelet(u / 2, [0.75, -3.0, 1.0]),
    lambda u: _wavelet(u / 2, [1.875, -11.25, 7.5, -1.0]),
)


def _lines(eta: Array) -> Array:
    del eta
    msg = "activation is periodic: |F[sigma]|^2 is a set of lines; allowed: its kernel, or another activation"
    raise _checks.InputError(msg)


SIN = ClosedForm(_lines, _lines, lambda u: jnp.cos(u) / 2, lambda u: jnp.cos(u) / 2, periodic=True)
