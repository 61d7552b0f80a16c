"""Rates per mode of a kernel kappa(x.y): on circle, sphere and hypercube by degree, on grids by FFT.

The share of degree k in K(x, x), its multiplicity N_k times its rate, comes in two ways, and for each mode the one with
the smaller error is taken:

- quadrature, share_k = sqrt(N_k) E[kappa(t) Phi_k(t)], Phi_k = sqrt(N_k) P_k orthonormal under the law of t = x.y. Its
  error is rounding of kappa times sqrt(N_k): all that is needed on the circle, nothing at all in high dimension;
- the power series kappa = sum_n a_n t^n, a_n >= 0 (`series`): share_k = sum_n a_n Prob(X_n = k), X the walk on the
  degrees that starts at 0 (`spaces`). Only sums of numbers >= 0: relative accuracy, less what the series leaves out.
"""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.profile import Profile
from lfp.quadrature import gauss_legendre, graded
from lfp.series import Series
from lfp.spaces import Hypercube, Zonal

Shares = tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]

HIGHEST = {"circle": 2**16, "sphere": 4096}
"""Highest mode that the quadrature resolves."""

_NODES = 24  # of a panel: exact to rounding for half a wave of the highest mode
_MOST_PANELS = 2**17
_TOLERANCE = 32  # changes by so many eps of kappa(1) are rounding


def quadrature_shares(kappa: Profile, top: int) -> Shares:
    """Shares of degree 0 .. top by quadrature, and their errors.

    Args:
        kappa: the profile.
        top: highest degree.

    Raises:
        InputError: a degree beyond the space or the quadrature.

    Example:
        >>> from lfp.profile import profile
        >>> from lfp.spaces import Sphere
        >>> kappa = profile(lambda x1, x2: 1 + x1 @ x2.T, Sphere(3))
        >>> quadrature_shares(kappa, 2)[0].round(12).tolist()
        [1.0, 1.0, 0.0]
    """
    check_top(kappa.space, top)
    at_one, eps = abs(float(kappa(np.ones(1))[0])), kappa.eps
    levels = _cube if isinstance(kappa.space, Hypercube) else _circle if kappa.space.dim == 2 else _sphere
    last, change = None, None
    for found in levels(kappa, top):
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

    Example:
        >>> from lfp.spaces import Sphere
        >>> series_shares(Series(np.array([0.0, 0.0, 1.0]), 0.0, 0.0, 1.0), Sphere(3), 2)[0].round(3).tolist()
        [0.333, 0.0, 0.667]
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
    """Refuse a degree that the space does not have or the quadrature does not resolve.

    Example:
        >>> check_top(Hypercube(10), 10)
        10
    """
    _checks.integer("max_mode", top, 0)
    limit = space.highest or HIGHEST["circle" if space.dim == 2 else "sphere"]
    if top > limit:
        where = f"{space.name} of dim={space.dim}"
        msg = f"max_mode={top} is beyond what is resolved on the {where}; allowed: up to {limit}"
        raise _checks.InputError(msg)
    return top


def log_multiplicities(space: Zonal, top: int) -> Float[np.ndarray, " k"]:
    """log N_k, k = 0 .. top: N_k itself may be beyond floating point.

    Example:
        >>> log_multiplicities(Hypercube(1000), 500)[-1].round(2).item()
        689.47
    """
    # math.log takes a whole number of any size
    return np.array([math.log(space.multiplicity(k)) for k in range(top + 1)])


def _circle(kappa: Profile, top: int) -> Iterator[Float[np.ndarray, " k"]]:
    """c_0, sqrt(2) c_k of the profile: Gauss-Legendre on panels whose sums over the panels are FFTs.

    kappa is smooth in the angle between 0 and pi, and has a corner there, on the edge of two panels: the error falls
    exponentially with the order, where an even grid would alias the corner.
    """
    x, w = np.polynomial.legendre.leggauss(_NODES)
    scale = np.where(np.arange(top + 1) > 0, np.sqrt(2), 1.0)
    panels = 32
    while panels < 2 * (top + 1):  # half a wave of the highest mode a panel
        panels *= 2
    while panels <= max(_MOST_PANELS, 4 * (top + 1)):
        turns = (np.arange(panels // 2)[:, None] + (1 + x[None, :]) / 2) / panels
        half = kappa.at_angle(2 * np.pi * turns.ravel()).reshape(turns.shape)
        waves = np.fft.rfft(np.concatenate([half, half[::-1, ::-1]]), axis=0)[: top + 1]
        shift = np.exp(-1j * np.pi * np.multiply.outer(np.arange(top + 1), 1 + x) / panels)
        yield scale * ((waves * shift).real @ w) / (2 * panels)
        panels *= 2


def _sphere(kappa: Profile, top: int) -> Iterator[Float[np.ndarray, " k"]]:
    """E[kappa Phi_k] by Gauss-Legendre in the angle, in which kappa is smooth; panels shrink towards both ends."""
    dim = kappa.space.dim
    beta = _beta(kappa.space, top)
    panels = int(np.ceil((top + dim) / 8)) + 4
    for _ in range(7):
        ends = np.pi / panels * graded()
        breaks = np.concatenate([ends[:-1], np.linspace(ends[-1], np.pi - ends[-1], panels - 1), np.pi - ends[-2::-1]])
        angle, weight = gauss_legendre(breaks)
        weight = weight * np.sin(angle) ** (dim - 2)
        yield _expand(kappa.at_angle(angle), np.cos(angle), weight / weight.sum(), beta)
        panels *= 2


def _cube(kappa: Profile, top: int) -> Iterator[Float[np.ndarray, " k"]]:
    """E[kappa Phi_k], a sum over the number of signs that differ: exact but for rounding.

    The recurrence is stable up to dim / 2; beyond, Phi_(dim-k) is Phi_k with alternating signs.
    """
    dim = kappa.space.dim
    flips = np.arange(dim + 1)
    values = kappa.flipped(flips)
    weight = np.array([kappa.space.multiplicity(int(j)) / (1 << dim) for j in flips])
    t, beta, mirror = 1 - 2 * flips / dim, _beta(kappa.space, min(top, dim // 2)), (-1.0) ** flips
    low, high = (_expand(v, t, weight, beta) for v in (values, mirror * values))
    k = np.arange(top + 1)
    yield np.where(k < len(low), low[np.minimum(k, len(low) - 1)], high[np.minimum(dim - k, len(high) - 1)])


def _beta(space: Zonal, top: int) -> Float[np.ndarray, " k"]:
    """t Phi_k = beta_k Phi_(k+1) + beta_(k-1) Phi_(k-1)."""
    down, up = space.steps(top + 1)
    return np.sqrt(up[:-1] * down[1:])


def _expand(
    values: Float[np.ndarray, " n"],
    t: Float[np.ndarray, " n"],
    weight: Float[np.ndarray, " n"],
    beta: Float[np.ndarray, " k"],
) -> Float[np.ndarray, " k"]:
    """sum_i weight_i values_i Phi_k(t_i); Phi carries the root of the weight, which keeps it below 1."""
    root = np.sqrt(weight)
    out = np.zeros(len(beta))
    before, now = np.zeros_like(t), root
    for k in range(len(beta)):
        out[k] = (root * values) @ now
        if k + 1 < len(beta):
            before, now = now, (t * now - (beta[k - 1] if k else 0.0) * before) / beta[k]
    return out
