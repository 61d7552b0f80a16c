"""Modes of functions on scattered points of a torus: non-uniform DFT by least squares or density weights, coupling."""

import warnings
from itertools import product

import equinox as eqx
import numpy as np
from jaxtyping import Complex, Float, Int

from lfp import _checks
from lfp.numerics.fourier import LARGEST_CONDITION

METHODS = ("least_squares", "density")
LEFT = 0.1


class Modes(eqx.Module):
    """Measured modes.

    Args:
        frequencies: k, in cycles per period along each axis.
        coefficients: c_k.
        resolution: highest frequency that an even grid of as many points would resolve.
        condition: condition number of the least-squares fit, or of the equations of the density weights.
        residual: rms of what the modes leave of the values, relative to these: what lies above them, or noise.
    """

    frequencies: Int[np.ndarray, "m d"]
    coefficients: Complex[np.ndarray, " m"]
    resolution: float
    condition: float
    residual: float


def box(highest: int, dim: int) -> Int[np.ndarray, "m d"]:
    """All frequencies up to `highest` along every axis."""
    _checks.integer("highest", highest, 0)
    return np.array(list(product(range(-highest, highest + 1), repeat=dim)))


def nudft(
    turns: Float[np.ndarray, "n d"],
    values: Float[np.ndarray, " n"] | Complex[np.ndarray, " n"],
    highest: int,
    method: str = "least_squares",
) -> Modes:
    """c_k of u(x) = sum_k c_k exp(2 pi i k.x), |k_i| <= highest, from values at scattered points.

    `least_squares` fits all modes of the box at once: exact for functions that have no others. `density` weights every
    point, c_k = sum_j w_j u_j exp(-2 pi i k.x_j), by the smallest weights that integrate the box exactly: robust and
    cheap, exact only as far as products of two modes stay in the box.

    Args:
        turns: points, in periods.
        values: u there.
        highest: highest frequency of the box along every axis.
        method: `least_squares` or `density`.

    Raises:
        InputError: fewer points than modes, a fit whose condition number is above 1e8.

    Warns:
        UserWarning: a fit that leaves more than a tenth of the values: they hold higher frequencies, which are aliased.

    Example:
        >>> x = np.array([[0.0], [0.13], [0.4], [0.55], [0.81]])
        >>> found = nudft(x, np.cos(2 * np.pi * x[:, 0]), 1)
        >>> found.coefficients.round(12).real.tolist()
        [0.5, 0.0, 0.5]
    """
    _checks.choice("method", method, METHODS)
    n, dim = turns.shape
    if values.shape != (n,):
        msg = f"values has shape {values.shape} for {n} points; allowed: one a point"
        raise _checks.InputError(msg)
    for name, array in (("turns", turns), ("values", values)):
        _checks.finite(name, array)
    frequencies, resolution = box(highest, dim), n ** (1 / dim) / 2
    if len(frequencies) > n:
        msg = f"highest={highest} asks for {len(frequencies)} modes of {n} points; allowed: as many modes as points"
        raise _checks.InputError(msg)
    basis = _waves(turns, frequencies)
    singular = np.linalg.svd(basis, compute_uv=False)
    condition = float(singular[0] / max(singular[-1], np.finfo(float).tiny))
    if condition > LARGEST_CONDITION:
        msg = f"highest={highest}: condition number {condition:.0e} of the points; allowed: {LARGEST_CONDITION:.0e}"
        raise _checks.InputError(msg)
    if method == "density":
        found = basis.conj().T @ (density_weights(turns, frequencies) * values)
    else:
        found = np.linalg.lstsq(basis, values.astype(complex), rcond=None)[0]
    size = max(float(np.linalg.norm(values)), np.finfo(float).tiny)
    residual = float(np.linalg.norm(values - basis @ found)) / size
    if method == "least_squares" and residual > LEFT:
        msg = f"highest={highest} leaves {residual:.2g} of the values: higher frequencies are aliased"
        warnings.warn(f"{msg}; {n} points resolve {resolution:.3g}", stacklevel=2)
    return Modes(frequencies, found, resolution, condition, residual)


def density_weights(turns: Float[np.ndarray, "n d"], frequencies: Int[np.ndarray, "m d"]) -> Float[np.ndarray, " n"]:
    """The smallest weights with sum_j w_j exp(2 pi i k.x_j) = 1 at k = 0, else 0, for frequencies k and -k."""
    mean = (frequencies == 0).all(axis=1).astype(complex)
    return np.linalg.lstsq(_waves(turns, frequencies).T, mean, rcond=None)[0].real


def coupling(
    turns: Float[np.ndarray, "n d"], frequencies: Int[np.ndarray, "m d"], weights: Float[np.ndarray, " n"]
) -> Complex[np.ndarray, "m m"]:
    """G_kl = <phi_k, phi_l>_rho = sum_j w_j exp(-2 pi i (k - l).x_j): how biased samples let modes feed each other.

    With rates L of a translation-invariant kernel the residual u = sum_l c_l phi_l obeys dc_k/dt = -L_k sum_l G_kl c_l;
    G is the identity on a full grid, where modes go alone.

    Args:
        turns: points, in periods.
        frequencies: k.
        weights: share of the data at each point.

    Example:
        >>> abs(coupling(np.array([[0.0], [0.5]]), np.array([[0], [1], [2]]), np.full(2, 0.5))).round(12).tolist()
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    """
    waves = _waves(turns, frequencies)
    return waves.conj().T @ (weights[:, None] * waves)


def _waves(turns: Float[np.ndarray, "n d"], frequencies: Int[np.ndarray, "m d"]) -> Complex[np.ndarray, "n m"]:
    """exp(2 pi i k.x), whole turns taken off first."""
    phase = sum(np.mod(np.multiply.outer(t, k), 1.0) for t, k in zip(turns.T, frequencies.T, strict=True))
    return np.exp(2j * np.pi * phase)
