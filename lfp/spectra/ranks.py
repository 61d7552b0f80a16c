"""Eigenfunctions of a kernel on points, by rank: what is followed where no symmetry names the modes."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from lfp import _checks
from lfp.domains.joint import Joint
from lfp.measure.filters import CHUNK, gaps
from lfp.measure.probes import Data
from lfp.measure.projections import Projection
from lfp.spectra.on_points import GramSpectrum, JointSpectrum, PartialSpectrum

FOLLOWED = 8
"""Ranks where none are asked for."""
HELD = 0.2
"""Share of the energy of a rank from which on an output is followed on its own."""


class RankProbe(Projection):
    """Eigenfunctions of a kernel on the points, by rank: c_r = sum_i w_i v_r(x_i) u(x_i), K P v_r = L_r v_r, |v_r| = 1.

    Under linear theory rank r decays by the rate L_r alone. Each carries the frequency `rank_frequencies`.

    Args:
        spectrum: eigenpairs on the data, as `spectrum(network, data)` or `empirical` kernels give them.
        data: points and weights.
        ranks: from 1, that of the largest rate; None takes those that carry the target, at most eight.

    Raises:
        InputError: a spectrum by frequency or of other data, ranks whose rates are rounding, a target of zeros where
            no ranks are given.

    Example:
        >>> from lfp import MLP, Points, spectrum
        >>> x = np.random.default_rng(0).normal(size=(20, 3))
        >>> data = Points(x, x[:, 0])
        >>> probe = RankProbe(spectrum(MLP(8), data), data, [1, 2])
        >>> probe.called.tolist(), probe.matrix.shape
        (['rank 1', 'rank 2'], (2, 20))
    """

    name: ClassVar[str] = "rank"
    eigenvalues: Float[np.ndarray, " k"]

    def __init__(self, spectrum: Any, data: Data, ranks: Sequence[int] | Int[np.ndarray, " k"] | None = None) -> None:
        rates, resolved = resolved_rates(spectrum, data)
        orders = carrying_ranks(spectrum, data, most=FOLLOWED)[0] if ranks is None else _checks.whole("ranks", ranks)
        if orders.ndim != 1 or not len(orders) or len(set(orders.tolist())) < len(orders) or orders.min() < 1:
            msg = f"ranks={orders.tolist()} must be whole numbers >= 1, each once"
            raise _checks.InputError(msg)
        if orders.max() > resolved:
            msg = f"ranks={orders.max()} has no rate above rounding on {len(data.x)} points; allowed: up to {resolved}"
            raise _checks.InputError(msg)
        points, shares, found = _on_points(spectrum, data)
        vectors = np.asarray(found.vectors, np.float64)[:, orders - 1]
        root = np.sqrt(shares)
        matrix, called = vectors.T * root, [f"rank {r}" for r in orders]
        places = rank_frequencies(points, shares, vectors / root[:, None])
        if isinstance(spectrum, JointSpectrum):
            matrix, of, called = _along_outputs(matrix, orders, data)
            orders, places = orders[of], places[of]
        elif isinstance(data, Joint):  # eigenfunctions of points and outputs together: no distance, no frequency
            places = np.full(len(orders), np.nan)
        self.points, self.matrix = data.x, matrix.astype(complex)
        self.followed, self.called = orders, np.array(called)
        self.places = places
        self.measures = {"resolution": float(resolved), "condition": 1.0}
        self.eigenvalues = rates[orders - 1]

    def rates(self, problem: Data, spectrum: Any) -> Float[np.ndarray, " k"]:  # noqa: ARG002
        """L_r."""
        return self.eigenvalues


def resolved_rates(spectrum: Any, data: Data) -> tuple[Float[np.ndarray, " r"], int]:
    """All rates, and how many of them are above rounding."""
    if not isinstance(spectrum, GramSpectrum | PartialSpectrum | JointSpectrum):
        msg = f"spectrum={type(spectrum).__name__} has no ranks; allowed: GramSpectrum, PartialSpectrum, or ModeProbe()"
        raise _checks.InputError(msg)
    points, _, found = _on_points(spectrum, data)
    if len(found.weights) != len(points):
        msg = f"spectrum is of {len(found.weights)} points; allowed: that of the data, {len(points)}"
        raise _checks.InputError(msg)
    rates = np.asarray(spectrum.rates, np.float64)
    return rates, int(np.sum(rates > float(spectrum.noise_floor)))


def _on_points(spectrum: Any, data: Data) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " _"], Any]:
    """Points, their shares and the spectrum on them; of several outputs each point once."""
    if isinstance(spectrum, JointSpectrum) and isinstance(data, Joint):
        return data.inputs, data.shares, spectrum.inner
    return data.x, np.asarray(getattr(spectrum, "weights", data.weights), np.float64), spectrum


def _along_outputs(
    matrix: Float[np.ndarray, "k n"], orders: Int[np.ndarray, " k"], data: Any
) -> tuple[Float[np.ndarray, "r no"], Int[np.ndarray, " r"], list[str]]:
    """Of every rank its part along the target of all outputs, and of the outputs that hold `HELD` of it their own.

    K does not see outputs: an eigenfunction times any direction in their space is one.
    """
    coefficients = matrix @ np.asarray(data.table, np.float64)
    rows, of, called = [], [], []
    for k, (row, along, rank) in enumerate(zip(matrix, coefficients, orders, strict=True)):
        size = float(np.linalg.norm(along))
        directions = {f"rank {rank}": along / size if size > 0 else np.full(len(along), len(along) ** -0.5)}
        directions |= {
            f"rank {rank}: {name}": np.eye(len(along))[c]
            for c, name in enumerate(data.names)
            if size > 0 and along[c] ** 2 >= HELD * size**2
        }
        rows += [np.outer(row, direction).ravel() for direction in directions.values()]
        of += [k] * len(directions)
        called += list(directions)
    return np.stack(rows), np.array(of), called


def carrying_ranks(
    spectrum: Any, data: Data, share: float = 0.95, most: int | None = None
) -> tuple[Int[np.ndarray, " k"], float]:
    """The fewest ranks above rounding that hold the share of the mean square of the target.

    Args:
        spectrum: eigenpairs on the data.
        data: points, targets and weights.
        share: of the mean square.
        most: ranks at most; None for any number.

    Returns:
        The ranks, increasing, and what they hold of the mean square.

    Raises:
        InputError: a target that is zero everywhere, a spectrum without ranks.

    Example:
        >>> from lfp import Points, spectrum
        >>> data = Points(np.eye(4), np.array([1.0, -1.0, 0.0, 0.0]))
        >>> rates = np.diag([4.0, 3.0, 2.0, 1.0])
        >>> found = spectrum(lambda x1, x2: x1 @ rates @ x2.T, data)
        >>> carrying_ranks(found, data)[0].tolist()
        [1, 2]
    """
    _, resolved = resolved_rates(spectrum, data)
    y = np.asarray(data.y, np.float64)
    _, shares, found = _on_points(spectrum, data)
    columns = np.sqrt(shares)[:, None] * y.reshape(len(shares), -1)
    energy = np.sum(np.asarray(np.asarray(found.vectors).T @ columns) ** 2, axis=1)
    total = float(data.weights @ y**2)
    if total == 0:
        msg = "y is 0 everywhere: no rank carries it; allowed: a target"
        raise _checks.InputError(msg)
    order = np.argsort(-energy[:resolved], kind="stable")
    sums = np.cumsum(energy[order])
    enough = 1 + int(np.searchsorted(sums, share * sums[-1] * (1 - 1e-12)))
    enough = enough if most is None else min(enough, most)
    return np.sort(order[:enough]) + 1, float(sums[enough - 1]) / total


def rank_frequencies(
    x: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " n"], functions: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, " k"]:
    """Root mean square frequency of functions on scattered points, from their differences over pairs of neighbours.

        |xi|^2 = -log(1 - q) d / (2 pi^2 <r^2>),   q = <(v_i - v_j)^2> / <v_i^2 + v_j^2>,

    means over all pairs, weighted by w_i w_j exp(-r_ij^2 / 2 h^2), h sqrt(d) the median distance of nearest neighbours:
    the Rayleigh quotient of the graph Laplacian with Gaussian weights (Belkin and Niyogi 2003), in units of the
    frequency. Of a wave on evenly spread points it is |xi|, up to about one cycle in six gaps.

    Args:
        x: points.
        weights: of the points.
        functions: one a column.

    Returns:
        In cycles per unit of x; NaN where neighbours are not alike at all.

    Example:
        >>> x = np.arange(100.0)[:, None] / 100
        >>> rank_frequencies(x, np.full(100, 0.01), np.sin(2 * np.pi * 5 * x)).round(1).tolist()
        [5.0]
    """
    x, weights = np.asarray(x, np.float64), _checks.weights("weights", weights, len(x))
    n, dim = x.shape
    width = gaps(x) ** 2 / dim
    differs, sizes, steps, total = np.zeros(functions.shape[1]), np.zeros(functions.shape[1]), 0.0, 0.0
    squares = np.sum(x**2, axis=1)
    for first in range(0, n, rows := max(1, CHUNK // n)):
        some = slice(first, first + rows)
        distance = np.maximum(squares[some, None] + squares[None, :] - 2 * x[some] @ x.T, 0.0)
        pairs = np.exp(-distance / (2 * width)) * weights[some, None] * weights
        pairs[np.arange(len(pairs)), first + np.arange(len(pairs))] = 0.0
        own = pairs.sum(axis=1) @ functions[some] ** 2 + pairs.sum(axis=0) @ functions**2
        sizes += own
        differs += own - 2 * np.sum(functions[some] * (pairs @ functions), axis=0)
        steps += float(np.sum(pairs * distance))
        total += float(pairs.sum())
    share = 1 - differs / np.where(sizes > 0, sizes, np.inf)
    known = (share > 0) & (sizes > 0) & (steps > 0)
    logs = -np.log(np.where(known, share, 1.0))
    return np.where(known, np.sqrt(np.maximum(logs, 0.0) * dim * total / (2 * np.pi**2 * max(steps, 1e-300))), np.nan)
