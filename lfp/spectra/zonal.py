"""Rates per mode of a kernel kappa(x.y): on circle, sphere and hypercube by degree, on grids by FFT.

The share of degree k in K(x, x), its multiplicity N_k times its rate, comes in two ways, and for each mode the one with
the smaller error is taken:

- quadrature, share_k = sqrt(N_k) E[kappa(t) Phi_k(t)], Phi_k = sqrt(N_k) P_k orthonormal under the distribution of
  t = x.y. Its error is rounding of kappa times sqrt(N_k): enough on the circle, useless in high dimension;
- the power series kappa = sum_n a_n t^n, a_n >= 0 (`series`): share_k = sum_n a_n Prob(X_n = k), X the walk on the
  degrees that starts at 0 (`Zonal`). Only sums of numbers >= 0: relative accuracy, less what the series leaves out.
"""

import math

import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.domains.domain import Zonal
from lfp.kernels.profile import Profile
from lfp.kernels.series import Series

Shares = tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]


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
    error = max(change or 0.0, 8 * eps * at_one)
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
    terms = len(series.coefficients)
    last = min(max(top, (terms + top) // 2) + 1, terms) if space.highest is None else space.highest
    down, up = space.steps(last)
    law = np.zeros(last + 1)
    law[0] = 1
    shares, peak = np.zeros(top + 1), np.zeros(top + 1)
    recent = np.zeros((4, top + 1))
    for a in series.coefficients:
        seen = law[: top + 1]
        shares[: len(seen)] += a * seen
        recent = np.concatenate([recent[1:], np.pad(seen, (0, top + 1 - len(seen)))[None]])
        peak = np.maximum(peak, recent[-1])
        law = np.concatenate([[0.0], (up * law)[:-1]]) + np.append((down * law)[1:], 0.0)
    # later on a degree is less likely than now, once its probability falls (every second step: parity)
    falling = (recent[2] <= recent[0]) & (recent[3] <= recent[1])
    ahead = recent[2:].max(axis=0)
    if space.highest is not None:
        ahead = np.maximum(ahead, np.exp(log_multiplicities(space, top) - (space.highest - 1) * np.log(2)))
    later = np.where(falling, np.minimum(ahead, 1.0), 1.0)
    rounding = terms * np.finfo(float).eps * shares
    ever = np.where(falling, np.maximum(peak, later), 1.0)
    return shares, rounding + series.beyond * later + series.scattered * ever


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
