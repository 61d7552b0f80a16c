"""Trained networks on drawn samples: the last layer of learning curves."""

from typing import Any

import numpy as np
from jaxtyping import Float, Num

from lfp import _checks
from lfp.domains.domain import Zonal
from lfp.domains.harmonics import zonal_functions
from lfp.domains.problems import Points
from lfp.networks.network import Network
from lfp.optimisers.law import Law
from lfp.optimisers.weight_decay import WeightDecay
from lfp.prediction.drawn import DrawnCurve, check_task
from lfp.prediction.learning_curve import counted
from lfp.prediction.samples import draw_points, draw_sample, zonal_parts
from lfp.training.loop import train


def trained_curve(
    network: Network,
    where: Any,
    samples: int,
    law: Law,
    steps: Num[np.ndarray, " t"],
    power: Float[np.ndarray, " k"] | None = None,
    ridge: float = 0.0,
    noise: float = 0.0,
    *,
    repeated: bool = True,
    draws: int = 5,
    seeds: int = 3,
    seed: int = 0,
    points: int = 4096,
) -> DrawnCurve:
    """Errors of trained networks on the samples that `drawn_curve` draws with this seed, f_0 taken off.

    On a domain the error of a degree is estimated at M fresh points: along the zonal functions, of which the target is
    made, by least squares, across them by N_k / (M (M - 1)) sum over pairs of e_i e_j P_k(x_i.x_j), without bias.

    Args:
        network: what is trained.
        where: as for `drawn_curve`.
        samples: n.
        law: of the optimiser.
        steps: at which to look, increasing from 0.
        power: v_k; None for points.
        ridge: on the sum of squares: decay of the displacement of ridge / n.
        noise: variance of the noise of the labels.
        repeated: whether a corner of the cube may be drawn twice.
        draws: number of draws.
        seeds: networks of each draw.
        seed: of draws and networks.
        points: M.

    Returns:
        The mean over the networks of a draw, one draw after the other.

    Raises:
        InputError: as `drawn_curve` and `train`.

    Example:
        >>> from lfp import GradientDescent, Sphere, TwoLayer
        >>> task = (Sphere(3), 8, GradientDescent(0.2), np.array([0, 5]), np.array([0.0, 1.0]))
        >>> trained_curve(TwoLayer(16), *task, draws=1, seeds=2, points=64).excess.shape
        (1, 2, 2)
    """
    _checks.nonnegative("ridge", ridge)
    _checks.nonnegative("noise", noise)
    _checks.integer("draws", draws, 1)
    _checks.integer("seed", seed, 0)
    _checks.integer("points", points, 2)
    n = int(counted(samples, None)[0])
    heights = check_task(where, n, power)
    decayed = WeightDecay(law, ridge / n) if ridge else law
    found = []
    for draw in range(draws):
        sample = draw_sample(where, n, heights, noise, np.random.default_rng([seed, draw]), repeated)
        rng = np.random.default_rng([seed, draw, 1])
        rest = sample.places[n:]
        if isinstance(where, Points):
            at, target = where.x[rest], np.asarray(where.y)[rest]
        else:
            at = draw_points(where, points, rng)
            parts = zonal_parts(where, at, len(heights))
            target = heights @ parts
        run = train(network, Points(sample.x, sample.y), decayed, steps, at=at, seeds=seeds, seed=seed + draw)
        error = np.asarray(run.trajectory.values, np.float64) - target
        if isinstance(where, Points):
            found.append((error**2).mean(axis=(0, 2))[:, None])
        else:
            found.append(_by_degree(where, at, error, parts).mean(axis=0))
    return DrawnCurve(np.stack(found), float(noise))


def _by_degree(where: Zonal, at: np.ndarray, error: np.ndarray, parts: np.ndarray) -> Float[np.ndarray, "seeds t k"]:
    """Along the zonal functions by least squares, which is exact for the target itself; pairs for the rest."""
    count = len(at)
    along = np.linalg.lstsq(parts.T, error.reshape(-1, count).T)[0].T.reshape(*error.shape[:2], len(parts))
    rest = error - along @ parts
    alone = (rest**2).sum(axis=2)
    zonal = zonal_functions(where, at @ at.T, len(parts) - 1)
    pairs = [((rest @ p) * rest).sum(axis=2) - alone for p in zonal]
    sizes = [float(where.multiplicity(k)) for k in range(len(parts))]
    return along**2 + np.stack(pairs, axis=2) * sizes / (count * (count - 1))
