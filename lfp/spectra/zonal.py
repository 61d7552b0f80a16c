"""Rates per mode of a kernel kappa(x.y): on circle, sphere and hypercube by degree, on grids by FFT.

The share of degree k in K(x, x), its multiplicity N_k times its rate, comes in two ways, and for each mode the one with
the smaller error is taken:

- quadrature, share_k = sqrt(N_k) E[kappa(t) Phi_k(t)], Phi_k = sqrt(N_k) P_k orthonormal under the distribution of
  t = x.y. Its error is rounding of kappa times sqrt(N_k): enough on the circle, useless in high dimension;
- the power series kappa = sum_n a_n t^n, a_n >= 0 (`series`): share_k = sum_n a_n Prob(X_n = k), X the walk on the
  degrees that starts at 0 (`Zonal`). Only sums of numbers >= 0: relative accuracy. Where a corner makes the series long
  the sum goes on by the law of a_n and the closed form of N_k E[t^n P_k] = Prob(X_n = k).
"""

import math

import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.domains.domain import Zonal
from lfp.kernels.profile import Profile
from lfp.kernels.series import Series

Shares = tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]


_LONGEST, _NODES = 2**15, 128  # steps of a walk, nodes of what follows
_TOLERANCE = 32  # changes by so many eps of kappa(1) are rounding


def quadrature_shares(kappa: Profile, top: int) -> Shares:
    """Shares of degree 0 .. top by quadrature, and their errors.

    Args:
        kappa: the profile.
        top: highest degree.

    Raises:
        InputError: a degree beyond the space or the quadrature.
    """
    check_top(kappa.space, top)
    at_one, eps = abs(float(kappa(np.ones(1))[0])), kappa.eps
    last, change = None, None
    for found in kappa.space.levels(kappa.apart, top):
        before, change = change, None if last is None else float(np.abs(found - last).max())
        last = found
        if change is None:
            continue
        # what neither falls nor matters is the rounding of the kernel
        stalled = before is not None and before / 2 < change < 1e-8 * at_one
        if change <= _TOLERANCE * eps * at_one or stalled:
            break
    error = max(change or 0.0, kappa.rounding)
    half = 0.5 * log_multiplicities(kappa.space, top)
    root = np.exp(np.minimum(half, 700))
    return root * last, np.where(half < 700, error * root, np.inf)


def series_shares(series: Series, space: Zonal, top: int) -> Shares:
    """Shares of degree 0 .. top from a power series, and their errors.

    Args:
        series: the coefficients, and what they leave out.
        space: `Sphere` or `Hypercube`.
        top: highest degree.
    """
    check_top(space, top)
    n = np.arange(len(series.coefficients))
    off = series.rounding * (n + 8) * series.coefficients + series.doubt
    numbers = np.stack([series.coefficients, off])
    count = max(len(n), space.settled(top))
    if series.law is not None and count <= _LONGEST:
        n = np.arange(len(n), count, dtype=float)
        numbers = np.concatenate([numbers, series.later(n, 1 - 2 * (n % 2))], axis=1)
        (shares, errors), _, _ = _walk(numbers, space, top)
        rest, error = _remainder(series, space, count, top)
        return shares + rest, errors + error
    (shares, errors), peak, recent = _walk(numbers, space, top)
    # later on a degree is less likely than now, once its probability falls (every second step: parity)
    falling = (recent[2] <= recent[0]) & (recent[3] <= recent[1])
    ahead = recent[2:].max(axis=0)
    if space.highest is not None:
        ahead = np.maximum(ahead, np.exp(log_multiplicities(space, top) - (space.highest - 1) * np.log(2)))
    later = np.where(falling, np.minimum(ahead, 1.0), 1.0)
    ever = np.where(falling, np.maximum(peak, later), 1.0)
    return shares, errors + series.beyond * later + series.scattered * ever


def _walk(numbers: Float[np.ndarray, "2 n"], space: Zonal, top: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """sum_n numbers_n Prob(X_n = k); the largest of the probabilities; the last four."""
    terms = numbers.shape[1]
    last = min(max(top, (terms + top) // 2) + 1, terms) if space.highest is None else space.highest
    down, up = space.steps(last)
    law = np.zeros(last + 1)
    law[0] = 1
    sums, peak, recent = np.zeros((2, top + 1)), np.zeros(top + 1), np.zeros((4, top + 1))
    width = min(last, top) + 1
    lost = np.zeros((2, width))
    for n, pair in enumerate(numbers.T):
        # Kahan's sum: thousands of terms below its rounding count together
        term = pair[:, None] * law[:width] - lost
        before, sums[:, :width] = sums[:, :width].copy(), sums[:, :width] + term
        lost = (sums[:, :width] - before) - term
        if n >= terms - len(recent):
            recent[n - terms, :width] = law[:width]
        peak[:width] = np.maximum(peak[:width], law[:width])
        after = np.zeros_like(law)
        after[1:] = (up * law)[:-1]
        after[:-1] += (down * law)[1:]
        law = after
    return sums, peak, recent


def _remainder(series: Series, space: Zonal, count: int, top: int) -> Float[np.ndarray, "2 k"]:
    """The sum from n = count on and its error, by Euler and Maclaurin: an integral from a midpoint, and differences."""
    x, weight = np.polynomial.legendre.leggauss(_NODES)
    y, logs, sums = (1 + x) / 2, log_multiplicities(space, top), np.zeros((2, top + 1))
    for odd in range(min(2, top + 1)):
        k = np.arange(odd, top + 1, 2)
        middle = float(count + (count + odd) % 2 - 1)
        # n = middle / y^2: the terms fall by half powers of n
        n = np.concatenate([middle + np.arange(-5, 6, 2), middle / y**2])
        chance = np.exp(logs[k] + space.log_moment(n, k))
        terms = series.later(n, 1 - 2 * odd)[:, :, None] * chance
        first, third, fifth = (np.diff(terms[:, :6], order, axis=1)[:, 2 - order // 2] for order in (1, 3, 5))
        integral = np.einsum("i,fik->fk", weight / 2 * middle / y**3, terms[:, 6:])
        sums[:, k] = integral + first / 24 - 17 * third / 5760
        sums[1, k] += np.abs(367 * fifth[0] / 967680)
    return sums


def check_top(space: Zonal, top: int) -> int:
    """Refuse a degree that the space does not have or the quadrature does not resolve."""
    _checks.integer("modes", top, 0)
    limit = space.highest if space.resolved is None else space.resolved
    if limit is not None and top > limit:
        where = f"{space.name} of dim={space.dim}"
        msg = f"modes={top} is beyond what is resolved on the {where}; allowed: up to {limit}"
        raise _checks.InputError(msg)
    return top


def log_multiplicities(space: Zonal, top: int) -> Float[np.ndarray, " k"]:
    """log N_k, k = 0 .. top: N_k itself may be beyond floating point."""
    # math.log takes a whole number of any size
    return np.array([math.log(space.multiplicity(k)) for k in range(top + 1)])
