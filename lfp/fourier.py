"""THE Fourier convention, and the measurement of a few modes from samples.

F[u](xi) = integral of u(x) exp(-2 pi i x.xi) dx, xi in cycles per unit length; multiplying by x is (i / 2 pi) grad_xi.
On a domain of period P, mode k is the frequency k / P and its coefficient

    c_k = (1/P) integral over one period of u(x) exp(-2 pi i k x / P) dx,

so that a real u with coefficient c_k has amplitude 2 |c_k| at mode k > 0.
"""

import numpy as np
from jaxtyping import Complex, Float, Int

from lfp import _checks

LARGEST_CONDITION = 1e8


def is_full_period_grid(turns: Float[np.ndarray, " n"]) -> bool:
    """Whether the points, in turns (x / P), are evenly spaced over exactly one period, end point excluded.

    Example:
        >>> is_full_period_grid(np.array([0.0, 0.5])), is_full_period_grid(np.array([0.0, 1.0]))
        (True, False)
    """
    n = len(turns)
    return n > 1 and bool(np.allclose(np.diff(turns), 1 / n, rtol=0, atol=1e-9 / n))


def harmonics(turns: Float[np.ndarray, " n"], modes: Int[np.ndarray, " k"]) -> Complex[np.ndarray, "n k"]:
    """exp(2 pi i k x / P) at points given in turns.

    Example:
        >>> harmonics(np.array([0.0, 0.25]), np.array([1])).round(12).ravel().tolist()
        [(1+0j), 1j]
    """
    # a whole number of turns is taken off before the exponential: high modes keep their digits
    return np.exp(2j * np.pi * np.mod(np.multiply.outer(turns, modes), 1.0))


def analysis(
    turns: Float[np.ndarray, " n"], modes: Int[np.ndarray, " k"], weights: Float[np.ndarray, " n"]
) -> Complex[np.ndarray, "k n"]:
    """The matrix that takes values at the points to the coefficients c_k of the modes.

    On a full-period grid it is the DFT. On scattered points it is the weighted least-squares fit of the modes
    and every lower frequency, since a fit that leaves the low ones out would alias them.

    Args:
        turns: the points, in turns (x / P).
        modes: non-negative whole numbers, in cycles per period.
        weights: weight of each point; they sum to 1.

    Raises:
        InputError: a mode above what the points resolve.

    Example:
        >>> t = np.arange(8) / 8
        >>> c = analysis(t, np.array([0, 2]), np.full(8, 1 / 8)) @ (3 + np.cos(2 * np.pi * 2 * t))
        >>> c.round(12).real.tolist()
        [3.0, 0.5]
    """
    modes = np.asarray(modes)
    highest = int(modes.max(initial=0))
    if len(turns) < 2 * highest:
        msg = f"modes={highest} is aliased: {len(turns)} points resolve modes up to {len(turns) // 2}"
        raise _checks.InputError(msg)
    if is_full_period_grid(turns):
        return harmonics(turns, modes).conj().T / len(turns)
    every = np.arange(-highest, highest + 1)
    root = np.sqrt(weights)
    basis = root[:, None] * harmonics(turns, every)
    condition = np.linalg.cond(basis)
    if condition > LARGEST_CONDITION:
        msg = f"modes={highest}: condition number {condition:.0e} of the points; allowed: {LARGEST_CONDITION:.0e}"
        raise _checks.InputError(msg)
    return np.linalg.pinv(basis)[modes + highest] * root
