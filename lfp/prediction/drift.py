"""What laziness will cost, computed before training: the kernel along the path that the linear theory predicts.

Training is d' = J(theta_0 + d)^T u, u' = -K(theta_0 + d) P u for the displacement d of the weights and the residual u
(the neural tangent hierarchy, arXiv 1909.08156, is its expansion). Linear theory freezes J and K. Its path, put into J
and K, gives a better one: the iteration of Picard. No step is trained: a network is looked at in LOOKS places of the
path, its kernel is interpolated between them.

One iterate holds the first order in d. With a smooth activation and antisymmetric initialisation that order cancels,
and only the second iterate holds the next one whole.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from lfp.domains.problems import Points, Problem
from lfp.kernels.empirical import cast, empirical_kernel
from lfp.networks.network import Network, Params
from lfp.optimisers.descent import GradientDescent, GradientFlow
from lfp.optimisers.law import Law
from lfp.spectra.on_points import GramSpectrum, gram_spectrum

LARGEST = 256  # points: every network is looked at LOOKS times an iterate, each time an n x n kernel
LOOKS = 3
BINS = 12  # kernels that are taken apart: one for every twelfth of the way


def drift(
    network: Network,
    problem: Problem | Points,
    law: Law,
    steps: Int[np.ndarray, " t"],
    params: Params,
    frozen: GramSpectrum,
    iterates: int = 2,
) -> Float[np.ndarray, "t n"]:
    """f_s with the kernel that moves, less f_s with the frozen one, at the data.

    Exact steps for gradient descent; other laws by the flow that their slowest modes see.

    Args:
        network: the network.
        problem: the data.
        law: the law of the optimiser, one that descends.
        steps: steps at which to look, increasing from 0.
        params: parameters of the network at initialisation.
        frozen: the spectrum of its kernel there.
        iterates: of Picard.

    Returns:
        Right where the movement is small, of the right size where it is not.
    """
    root = np.sqrt(np.asarray(frozen.weights))
    start, x = root * problem.y, jax.device_put(problem.x)
    params = cast(params, x.dtype)
    pace, times = clock(law, frozen.rates, steps)
    still, sums = _walk([frozen], pace, times, start, np.zeros(len(times)))
    moving, bent = still, [params] * (LOOKS + 1)
    vectors = np.asarray(frozen.vectors)
    own = (vectors * np.asarray(frozen.rates)) @ vectors.T / np.outer(root, root)
    for _ in range(iterates):
        size = np.sqrt(np.maximum(np.einsum("ti,ti->t", sums, start[None] - moving), 0))  # |d| = sqrt(c^T K c) = c^T f
        size = np.maximum.accumulate(size)
        looks = [int(np.argmax(size >= share * size.max())) for share in np.linspace(0, 1, LOOKS + 1)]
        bent = _places(network, bent, x, root * sums[looks] / network.alpha**2)
        kernels = [own, *(np.asarray(empirical_kernel(network, place, x)) for place in bent[1:])]
        moving, sums = _walk(_between(kernels, size[looks], frozen), pace, times, start, size / max(size.max(), 1e-300))
    return (still - moving) / root


def clock(law: Law, rates: Float[Array, " r"], steps: Int[np.ndarray, " t"]) -> tuple[Law, Float[np.ndarray, " t"]]:
    """A law without memory and its clock; of momentum and schedules the flow time of a mode that hardly learns."""
    if isinstance(law, GradientDescent | GradientFlow):
        return law, np.asarray(steps, float)
    where = jax.device_put(np.asarray(steps, rates.dtype))
    slow = 1e-9 * np.asarray(rates).max(keepdims=True)
    return GradientFlow(1.0), np.asarray(_learned(law, slow, where))[:, 0] / slow[0]


@eqx.filter_jit
def _learned(law: Law, rates: Float[Array, " r"], steps: Float[Array, " t"]) -> Float[Array, "t r"]:
    return law.learned(rates, steps)


def left(law: Law, span: Float[Array, " t"], rates: Float[Array, " r"]) -> Float[Array, "t r"]:
    """What is left of modes; where a kernel is beyond the limit of stability, training bounces: none grows for long."""
    return jnp.clip(law.factor(rates, span), -1, 1)


@eqx.filter_jit
def _left_each(law: Law, spans: Float[Array, " t"], rates: Float[Array, "t r"]) -> Float[Array, "t r"]:
    """Of every time the rates of its own."""
    return jax.vmap(lambda span, rates: left(law, span[None], rates)[0])(spans, rates)


def _walk(
    spectra: list[GramSpectrum],
    law: Law,
    times: Float[np.ndarray, " t"],
    start: Float[np.ndarray, " n"],
    place: Float[np.ndarray, " t"],
) -> tuple[Float[np.ndarray, "t n"], Float[np.ndarray, "t n"]]:
    """P^(1/2) u and its integral over flow time, with the kernel of the place from 0 to 1 at which the weights are."""
    middles = (place[:-1] + place[1:]) / 2
    which = np.minimum((middles * len(spectra)).astype(int), len(spectra) - 1)
    rates, bases = (np.stack([np.asarray(part) for part in parts]) for parts in zip(*map(_pairs, spectra), strict=True))
    floors, spans = np.array([float(one.noise_floor) for one in spectra]), np.diff(times).astype(rates.dtype)
    kept = np.asarray(_left_each(law, *map(jax.device_put, (spans, rates[which]))))
    real = rates > floors[:, None]
    residuals, sums = [start], [np.zeros_like(start)]
    for now, span, share in zip(which, spans, kept, strict=True):
        basis, some = bases[now], real[now]
        gone = np.where(some, (1 - share) / np.where(some, rates[now], 1.0), float(law.lr) * span)
        part = basis.T @ residuals[-1]
        sums.append(sums[-1] + basis @ (gone * part))
        residuals.append(basis @ (share * part))
    return np.stack(residuals), np.stack(sums)


def _pairs(spectrum: GramSpectrum) -> tuple[Array, Array]:
    return spectrum.rates, spectrum.vectors


def _places(
    network: Network, bent: list[Params], x: Float[Array, "n d"], sums: Float[np.ndarray, "l n"]
) -> list[Params]:
    """Where the weights are at the looks: the integral of J^T u along the places of the iterate before."""
    places = [bent[0]]
    for before, after, change in zip(bent, bent[1:], np.diff(sums, axis=0), strict=False):
        places.append(_moved(network, places[-1], (before, after), x, change))
    return places


@eqx.filter_jit
def _moved(
    network: Network, place: Params, ends: tuple[Params, Params], x: Float[Array, "n d"], change: Float[Array, " n"]
) -> Params:
    """The place, and the mean of J^T at the two ends times the change."""
    pulls = (jax.vjp(lambda p: network.apply(p, x), end)[1](change / 2)[0] for end in ends)
    return jax.tree.map(lambda *parts: sum(parts), place, *pulls)


def _between(
    kernels: list[Float[np.ndarray, "n n"]], where: Float[np.ndarray, " l"], frozen: GramSpectrum
) -> list[GramSpectrum]:
    """Spectra of the kernel in the middle of every bin of the way, interpolated between the looks."""
    middles = (np.arange(BINS) + 0.5) / BINS * where[-1]
    shares = np.stack([np.interp(middles, where, row) for row in np.eye(len(where))], axis=1)
    grams = np.tensordot(shares.astype(kernels[0].dtype), np.stack(kernels), 1)
    return [gram_spectrum((gram + gram.T) / 2, frozen.weights) for gram in grams]  # symmetric to the last bit
