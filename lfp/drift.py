"""What laziness will cost, computed before training: the kernel along the path that the linear theory predicts.

Linear theory knows where the weights go, d_s = J^T c_s / alpha^2 with K c_s = f_s. A network that stands there has
another kernel, and to first order in that movement its residual u follows

    u' = -K(theta_0 + d_s) P u

(the neural tangent hierarchy, arXiv 1909.08156, cut after its second equation: the kernel moves as the frozen one
says). No step is trained: the network is looked at in LOOKS places, and its kernel interpolated between them.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from lfp.dynamics import Dynamics, GradientDescent, GradientFlow
from lfp.momentum import HeavyBall, Nesterov
from lfp.networks import Network, Params
from lfp.ntk import empirical_kernel
from lfp.problems import Problem
from lfp.schedules import Scheduled
from lfp.shrinkage import WeightDecay
from lfp.spectra import GramSpectrum, gram_spectrum

DESCENTS = (GradientDescent, GradientFlow, HeavyBall, Nesterov, Scheduled, WeightDecay)
LARGEST = 256  # points: every network is looked at LOOKS times, each time an n x n kernel
LOOKS = 3
BINS = 12  # kernels that are taken apart: one for every twelfth of the way


def drift(
    problem: Problem,
    network: Network,
    params: Params,
    frozen: GramSpectrum,
    dynamics: Dynamics,
    steps: Int[np.ndarray, " t"],
) -> Float[np.ndarray, "t n"]:
    """f_s with the kernel that moves, less f_s with the frozen one, at the data.

    Exact steps for gradient descent; other laws by the flow that their slowest modes see.

    Args:
        problem: the data.
        network: the network.
        params: its parameters at initialisation.
        frozen: the spectrum of its kernel there.
        dynamics: the law of the optimiser, one of `DESCENTS`.
        steps: steps at which to look, increasing from 0.

    Returns:
        First order in the movement: right where it is small, less than the truth where it is not.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.networks import TwoLayer
        >>> from lfp.problems import sum_of_modes
        >>> p, law, s, found = sum_of_modes(Circle(), 8, [1]), GradientDescent(0.5), np.array([0, 4, 16]), []
        >>> for alpha in (1.0, 10.0):  # smooth and antisymmetric: it falls as alpha^-2
        ...     net = TwoLayer(512, "tanh", alpha=alpha)
        ...     params = net.init(jax.random.key(0), 2)
        ...     own = gram_spectrum(empirical_kernel(net, params, jnp.asarray(p.x)), p.weights)
        ...     found.append(np.abs(drift(p, net, params, own, law, s)).max())
        >>> bool(found[1] < 0.02 * found[0])
        True
    """
    root = np.sqrt(np.asarray(frozen.weights))
    start = root * problem.y
    moves, size = _path(frozen, start, dynamics, steps)
    law, clock = _pace(dynamics, frozen.rates, steps)
    spectra = _along(problem, network, params, frozen, moves, size)
    u, strayed = start, [np.zeros_like(start)]
    still = np.clip(np.asarray(law.factor(frozen.rates, jnp.asarray(clock))), -1, 1)
    own = np.asarray(frozen.vectors)
    for j, (before, after) in enumerate(pairwise(clock), 1):
        place = (size[j - 1] + size[j]) / 2 / max(size.max(), np.finfo(float).tiny)
        now = spectra[min(int(place * BINS), BINS - 1)]
        basis = np.asarray(now.vectors)
        # where the kernel grows beyond the limit of stability, training bounces: no mode grows for long
        left = np.clip(np.asarray(law.factor(now.rates, jnp.asarray([after - before])))[0], -1, 1)
        u = basis @ (left * (basis.T @ u))
        strayed.append(own @ (still[j] * (own.T @ start)) - u)
    return np.stack(strayed) / root


def _path(
    frozen: GramSpectrum, start: Float[np.ndarray, " n"], dynamics: Dynamics, steps: Int[np.ndarray, " t"]
) -> tuple[Float[np.ndarray, "t n"], Float[np.ndarray, " t"]]:
    """P^(-1/2) c_s, and how far the weights have gone: sqrt(c_s^T K c_s)."""
    rates, vectors = np.asarray(frozen.rates), np.asarray(frozen.vectors)
    learned = np.asarray(dynamics.learned(frozen.rates, jnp.asarray(steps, rates.dtype)))
    real = rates > float(frozen.noise_floor)
    moves = np.where(real, learned / np.where(real, rates, 1.0), 0.0) * (vectors.T @ start)
    return moves @ vectors.T, np.sqrt(moves**2 @ rates)


def _pace(
    dynamics: Dynamics, rates: Float[Array, " r"], steps: Int[np.ndarray, " t"]
) -> tuple[Dynamics, Float[np.ndarray, " t"]]:
    """A law without memory and its clock; of momentum and schedules the flow time of a mode that hardly learns."""
    if isinstance(dynamics, GradientDescent | GradientFlow):
        return dynamics, np.asarray(steps, float)
    slow = jnp.atleast_1d(1e-9 * rates.max())
    return GradientFlow(1.0), np.asarray(dynamics.learned(slow, jnp.asarray(steps, rates.dtype))[:, 0] / slow[0])


def _along(
    problem: Problem,
    network: Network,
    params: Params,
    frozen: GramSpectrum,
    moves: Float[np.ndarray, "t n"],
    size: Float[np.ndarray, " t"],
) -> list[GramSpectrum]:
    """Spectra of the kernel in the middle of every bin of the way, interpolated between the looks."""
    x, root = jnp.asarray(problem.x), jnp.sqrt(frozen.weights)
    params = jax.tree.map(lambda leaf: leaf.astype(x.dtype), params)
    looks = np.unique([int(np.argmax(size >= share * size.max())) for share in np.linspace(0, 1, LOOKS + 1)[1:]])
    _, pull = jax.vjp(lambda p: network.apply(p, x), params)
    grams = [jnp.asarray(((frozen.vectors * frozen.rates[None, :]) @ frozen.vectors.T) / jnp.outer(root, root))]
    for look in looks:
        (moved,) = pull(root * jnp.asarray(moves[look]) / network.alpha**2)
        grams.append(empirical_kernel(network, jax.tree.map(jnp.add, params, moved), x))
    places, stacked = np.concatenate([[0.0], size[looks]]), jnp.stack(grams)
    middles = (np.arange(BINS) + 0.5) / BINS * size.max()
    shares = np.stack([np.interp(middles, places, row) for row in np.eye(len(places))], axis=1)
    return [gram_spectrum(jnp.tensordot(jnp.asarray(one), stacked, 1), frozen.weights) for one in shares]
