"""One rate per mode of a network or a kernel on a whole space, absolute in scale, with the error of each."""

import contextlib
import math
from collections import Counter
from functools import singledispatch
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lfp import _checks
from lfp.domains.circle import Circle
from lfp.domains.domain import Zonal
from lfp.domains.euclidean import Euclidean
from lfp.domains.hypercube import Hypercube
from lfp.domains.torus import Torus
from lfp.kernels.algebra import Function, Kernel, as_kernel
from lfp.kernels.profile import profile
from lfp.kernels.series import power_series
from lfp.spectra.decay import Decay, fit
from lfp.spectra.on_points import gram_spectrum, rank_bounds, refuse_dense
from lfp.spectra.zonal import check_top, quadrature_shares, series_shares

LARGEST_GRID = 2**24
"""Most points of a grid whose kernel row is transformed."""

MOST_MODES, MOST_ON_TORUS = 64, 12
"""Highest mode, or number of rates on points, where none is asked for."""

_ENOUGH = 1e-10  # relative error of a series that no quadrature improves; nor where it is rounding of the trace


class ModeRates(eqx.Module):
    """Rates by mode: dynamics u' = -K u, u' = -rate u in a mode, K the kernel against the uniform measure on the space.

    Args:
        labels: the degree, or on the torus the frequencies, largest first, all signs and orders of which are alike;
            on points the rank.
        frequencies: what the decay is fitted against: k + (dim - 2)/2 on circle and sphere, the degree on the
            cube, |k| on the torus, the rank on points.
        shares: multiplicity times rate; they sum to K(x, x).
        errors: error of each share, of rounding, quadrature and truncation.
        multiplicities: number of modes that share the rate, exact.
        trace: K(x, x); on points their weighted mean.
        parity: whether even and odd modes decay with constants and powers of their own.
        beyond: bound on the rates that are not listed.
    """

    labels: tuple[int | tuple[int, ...], ...] = eqx.field(static=True)
    frequencies: Float[np.ndarray, " k"]
    shares: Float[np.ndarray, " k"]
    errors: Float[np.ndarray, " k"]
    multiplicities: tuple[int, ...] = eqx.field(static=True)
    trace: float
    parity: bool = eqx.field(static=True, default=True)
    beyond: float = math.inf

    @property
    def log_multiplicities(self) -> Float[np.ndarray, " k"]:
        """Their logarithms: they themselves may be beyond floating point."""
        return np.array([math.log(n) for n in self.multiplicities])

    @property
    def above_noise(self) -> np.ndarray:
        """Which rates are known: at least four times their error."""
        return self.shares > 4 * self.errors

    @property
    def absent(self) -> np.ndarray:
        """Which modes the network cannot learn: below the noise, a higher one above it."""
        above = self.above_noise
        return ~above & (np.cumsum(above[::-1])[::-1] > 0)

    @property
    def log_rates(self) -> Float[np.ndarray, " k"]:
        """log of the rates, -inf where they are not above the noise."""
        known = np.where(self.above_noise, self.shares, 1.0)
        return np.where(self.above_noise, np.log(known) - self.log_multiplicities, -np.inf)

    @property
    def rates(self) -> Float[np.ndarray, " k"]:
        """The rates, per unit of flow time; NaN where noise would stand."""
        return np.where(self.above_noise, np.exp(self.log_rates), np.nan)

    @property
    def normalised(self) -> Float[np.ndarray, " k"]:
        """rate / K(x, x): times their multiplicities they sum to 1, as eigenlearning's eigenvalues do (2110.03922)."""
        return self.rates / self.trace

    @property
    def floors(self) -> Float[np.ndarray, " k"]:
        """Below this a rate is noise."""
        with np.errstate(divide="ignore", over="ignore"):
            return np.exp(np.log(4 * self.errors) - self.log_multiplicities)

    @property
    def noise_floor(self) -> float:
        """The largest of the floors above which no rate stands; where all rates do, the largest floor."""
        hidden = self.floors[~self.above_noise]
        return float(hidden.max() if len(hidden) else self.floors.max())

    @property
    def tail(self) -> float:
        """K(x, x) less all shares: what the modes that are not listed hold, to rounding."""
        return self.trace - float(self.shares.sum())

    @property
    def effective_rank(self) -> tuple[float, float]:
        """Bounds on (sum of rates)^2 / sum of rate^2, multiplicities counted; the sum of rates is K(x, x).

        What is not known sums to at most the rest of K(x, x), its squares to that times the largest rate it may have.
        """
        known, sizes = self.above_noise, self.log_multiplicities
        shares, errors = self.shares[known], self.errors[known]
        least, most = (np.exp(2 * np.log(shares + e) - sizes[known]).sum() for e in (-errors, errors))
        rest = max(self.trace - (shares - errors).sum(), 0.0)
        hidden = np.exp(np.log(np.abs(self.shares) + self.errors + 1e-300) - sizes)[~known].max(initial=self.beyond)
        return rank_bounds(self.trace, float(least), float(most + rest * min(hidden, rest)))

    @property
    def decay(self) -> Decay:
        """The decay with frequency of the rates that are known."""
        known = self.above_noise & (self.frequencies > 0)
        relative = np.where(known, self.errors, 0.0) / np.where(known, self.shares, 1.0)
        odd = np.array([sum(label) if isinstance(label, tuple) else label for label in self.labels]) % 2 == 1
        odd = odd & self.parity
        return fit(self.frequencies[known], self.log_rates[known], relative[known], odd[known])


@singledispatch
def mode_rates(domain: Any, kernel: Kernel, modes: int | None = None) -> ModeRates:  # noqa: ARG001
    """Rates of a kernel on a domain, see `spectrum`.

    On circle, sphere and hypercube the rates are those of the space itself, not of a grid (`zonal`); on the torus
    those of the grid of 2^m points an angle, with the change from half as many for their error. Points of R^d have no
    modes of their own: the largest eigenvalues of their Gram matrix, by rank.

    Raises:
        InputError: a domain without modes, a kernel that is not finite, not symmetric or not invariant, a mode that is
            not resolved.
    """
    kind = domain if isinstance(domain, type) else type(domain)
    msg = f"where={kind.__name__} has no modes of its own; allowed: Circle(), Sphere(3), Hypercube(10), Torus(2), "
    msg += "Euclidean, or data"
    raise _checks.InputError(msg)


@mode_rates.register
def _on_zonal(domain: Zonal, kernel: Kernel, modes: int | None = None) -> ModeRates:
    top = min(MOST_MODES, domain.highest or MOST_MODES) if modes is None else modes
    check_top(domain, top)
    shares, errors, trace = _shares(kernel, domain, top)
    counts = tuple(domain.multiplicity(degree) for degree in range(top + 1))
    # circle and sphere have the fewest modes of a degree next to those listed, the cube at its last degree
    fewest = domain.multiplicity(top + 1) if domain.highest is None else 1
    beyond = 0.0 if top == domain.highest else (max(trace - shares.sum(), 0.0) + errors.sum()) / fewest
    frequencies = domain.frequency(np.arange(top + 1.0))
    return ModeRates(tuple(range(top + 1)), frequencies, shares, errors, counts, trace, beyond=float(beyond))


def _shares(kernel: Kernel, space: Zonal, top: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Shares and their errors, each mode by the better way; K(x, x)."""
    series = None
    with contextlib.suppress(_checks.InputError):
        series = power_series(kernel, space.dim)
    shares, errors = (np.zeros(top + 1), np.full(top + 1, np.inf))
    if series is not None:
        shares, errors = series_shares(series, space, top)
        if np.all(errors <= np.maximum(_ENOUGH * shares, 64 * np.finfo(float).eps * series.total)):
            return shares, errors, series.total
    kappa = profile(kernel, space)
    other, smaller = quadrature_shares(kappa, top)
    trace = float(kappa(np.ones(1))[0])
    return np.where(smaller < errors, other, shares), np.minimum(smaller, errors), trace


@mode_rates.register
def _at_points(domain: Euclidean, kernel: Kernel, modes: int | None = None) -> ModeRates:
    """The largest eigenvalues of the weighted Gram matrix; below n eps of the first they are rounding."""
    n = len(domain.points)
    refuse_dense(n)
    top = min(MOST_MODES, n) if modes is None else modes
    if _checks.integer("modes", top, 1) > n:
        msg = f"modes={top} is beyond the rank of {n} different points; allowed: up to {n}"
        raise _checks.InputError(msg)
    x = jnp.asarray(domain.points)
    gram = kernel(x, None)
    found = gram_spectrum(gram, domain.weights)
    rank = np.arange(1, top + 1)
    rates = np.asarray(found.rates, np.float64)[:top]
    errors = np.full(top, float(found.noise_floor) / 4)
    trace = float(np.asarray(domain.weights) @ np.asarray(jnp.diagonal(gram), np.float64))
    beyond = float(rates[-1] + errors[-1])
    return ModeRates(tuple(rank.tolist()), rank.astype(float), rates, errors, (1,) * top, trace, False, beyond)


def grid_rates(kernel: Function, space: Circle | Torus | Hypercube, n: int = 2) -> Float[Array, "*grid"]:
    """Eigenvalues of the Gram matrix K / points on a full grid, from one row: FFT, on the cube Walsh-Hadamard.

    Args:
        kernel: invariant on the grid.
        space: `Circle`, `Torus`, or `Hypercube` of dim <= 20.
        n: points an angle; the cube takes all its corners.

    Returns:
        One axis an angle, frequencies as in `numpy.fft.fftfreq`; on the cube in the order of `Hypercube.degrees`.

    Raises:
        InputError: a kernel that is not finite or not invariant, or too many points.

    Example:
        >>> cosine = lambda x1, x2: x1 @ x2.T
        >>> abs(grid_rates(cosine, Circle(), 8).round(12)).tolist()
        [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5]
    """
    kernel = as_kernel(kernel)
    if isinstance(space, Hypercube):
        x, shape = space.points(), (2**space.dim,)
    else:
        dim = space.dim if isinstance(space, Torus) else 1
        if _checks.integer("n", n, 1) ** dim > LARGEST_GRID:
            msg = f"n={n} an angle makes {n}^{dim} points; allowed: {LARGEST_GRID} in all"
            raise _checks.InputError(msg)
        x = space.embed(space.grid(n))
        shape = (n,) * dim
    points = jnp.asarray(x)
    row = kernel(points[:1], points)[0]
    _checks.finite("kernel", np.asarray(row))
    _check_invariant(kernel, points, row, shape, isinstance(space, Hypercube))
    return space.analyse(row.reshape(shape)).real


def _check_invariant(kernel: Kernel, x: Array, row: Array, shape: tuple[int, ...], cube: bool) -> None:
    """Refuse a kernel whose other rows are not the first one, moved: 64 random entries."""
    i, j = np.random.default_rng(0).integers(len(x), size=(2, 64))
    if cube:
        difference = i ^ j
    else:
        steps = [
            (a - b) % n for a, b, n in zip(np.unravel_index(i, shape), np.unravel_index(j, shape), shape, strict=True)
        ]
        difference = np.ravel_multi_index(tuple(steps), shape)
    entries = jnp.diagonal(kernel(x[i], x[j]))
    tolerance = float(jnp.finfo(row.dtype).eps) ** 0.5 * float(jnp.abs(row).max())
    off = float(jnp.abs(entries - row[difference]).max())
    if off > tolerance:
        msg = f"kernel is not invariant on the grid: off by {off:.1e}; allowed: even functions of differences of points"
        raise _checks.InputError(msg)


@mode_rates.register
def _on_torus(domain: Torus, kernel: Kernel, modes: int | None = None) -> ModeRates:
    top = _checks.integer("modes", MOST_ON_TORUS if modes is None else modes, 0)
    n = 4
    while n < 8 * (top + 1) or n**domain.dim < 2**14:
        n *= 2
    found, coarse = (grid_rates(kernel, domain, size) for size in (n, n // 2))
    eps = float(jnp.finfo(found.dtype).eps)
    fine, coarse = (np.asarray(one, np.float64) for one in (found, coarse))
    # one orbit of signs and orders of the angles, one label: k_1 >= k_2 >= ... >= 0
    labels = [k for k in np.ndindex(*(top + 1,) * domain.dim) if all(a >= b for a, b in pairwise(k))]
    labels.sort(key=lambda k: (sum(c * c for c in k), k))
    index = tuple(np.array(labels).T)
    orbits = tuple(_orbit(k) for k in labels)
    counts = np.array(orbits, float)
    near = np.zeros((2, domain.dim))
    near[1, 0] = 0.1
    trace, other = np.asarray(kernel(*(jnp.asarray(domain.embed(t)) for t in (near[:1], near))), np.float64)[0]
    # rounding of the kernel in common to all points, and of each on its own, which the mean over points shrinks
    magnified = abs(trace - other) / (1 - np.cos(0.1)) / abs(trace) if trace else 0.0  # see `Profile.rounding`
    rounding = eps * (max(16, 4 * magnified) * np.abs(fine[index]) + abs(trace) / 2)
    errors = counts * (np.abs(fine[index] - coarse[index]) + rounding)
    radius = np.sqrt(np.square(np.array(labels, float)).sum(axis=1))
    return ModeRates(tuple(labels), radius, counts * fine[index], errors, orbits, float(trace))


def _orbit(k: tuple[int, ...]) -> int:
    """Number of frequencies that k becomes under signs and orders."""
    orders = math.factorial(len(k)) // math.prod(math.factorial(c) for c in Counter(k).values())
    return orders * 2 ** sum(1 for c in k if c)
