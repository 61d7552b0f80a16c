"""How far a network of finite width strays from the theory, seed by seed: predicted before any training.

A kernel of finite width is K + dK. To first order in dK the trajectory strays by

    df_s = -(d p_s)(K P)[dK P] y,   (d p_s)_kl = (p_s(L_k) - p_s(L_l)) / (L_k - L_l)   in the eigenbasis of K P

(Daleckii-Krein). For a two-layer network dK is the mean of independent per-neuron kernels, so its covariance is that
of one neuron over m (2 / m with antisymmetric initialisation, whose neurons come in pairs).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lfp import _checks
from lfp.dynamics import Dynamics
from lfp.networks import Network, Params, TwoLayer
from lfp.ntk import empirical_kernel, neuron_features
from lfp.problems import Points, Problem
from lfp.solver import solve
from lfp.spectra import GramSpectrum, Kernel, gram_spectrum, refuse_dense
from lfp.trajectory import Trajectory

NEURONS = 1024
NETWORKS = 12
LARGEST_BAND = 2048


def fluctuations(
    problem: Problem,
    network: Network,
    kernel: Kernel,
    dynamics: Dynamics,
    steps: Int[np.ndarray, " t"],
    key: PRNGKeyArray,
) -> Trajectory:
    """Sample trajectories f_s + df_s of networks of this width, from theory: no network is trained.

    Two-layer networks: linear response to the kernel of single neurons. Others: the exact linear dynamics of the
    kernels of `NETWORKS` fresh initialisations.

    Args:
        problem: the data.
        network: the network, for its width and law.
        kernel: its infinite-width kernel.
        dynamics: the law of the optimiser.
        steps: steps at which to look.
        key: source of the samples; independent of the seeds of training.

    Returns:
        One run a sample. Their spread is the expected spread over seeds.

    Raises:
        InputError: more points than a dense kernel can hold.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.dynamics import GradientDescent
        >>> from lfp.problems import sum_of_modes
        >>> p, cosine = sum_of_modes(Circle(), 8, [1]), lambda x1, x2=None: x1 @ (x1 if x2 is None else x2).T
        >>> band = fluctuations(p, TwoLayer(256), cosine, GradientDescent(0.1), np.array([0, 9]), jax.random.key(0))
        >>> band.values.shape
        (1024, 2, 8)
    """
    refuse_dense(len(problem.t))
    x = jnp.asarray(problem.x)
    if isinstance(network, TwoLayer):
        spectrum = gram_spectrum(kernel(x, None), problem.weights)
        # memory of the samples stays below 256 MiB
        count = int(min(NEURONS, max(32, 2**25 // (len(steps) * len(x)))))
        features = neuron_features(network, network.neurons(key, count, x.shape[1]), x)
        response = _response(spectrum, dynamics, jnp.asarray(steps, x.dtype), features, jnp.asarray(problem.y))
        centred = response - response.mean(axis=0, keepdims=True)
        scale = np.sqrt((2 if network.asi else 1) / network.width)
        values = solve(problem, spectrum, dynamics, steps).values + scale * np.asarray(centred)
    else:
        values = np.concatenate(
            [
                solve(
                    problem, network_spectrum(problem, network, network.init(one, x.shape[1])), dynamics, steps
                ).values
                for one in jax.random.split(key, NETWORKS)
            ]
        )
    return Trajectory(np.asarray(steps), _checks.finite("fluctuations", values), problem.x, {"kind": "fluctuations"})


def network_spectrum(problem: Problem | Points, network: Network, params: Params) -> GramSpectrum:
    """Rates of the empirical kernel of one network, in the precision of the data.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.problems import sum_of_modes
        >>> p, net = sum_of_modes(Circle(), 8, [1]), TwoLayer(64)
        >>> network_spectrum(p, net, net.init(jax.random.key(0), 2)).rates.shape
        (8,)
    """
    x = jnp.asarray(problem.x)
    exact = jax.tree.map(lambda leaf: leaf.astype(x.dtype), params)
    return gram_spectrum(empirical_kernel(network, exact, x), problem.weights)


@eqx.filter_jit
def _response(
    spectrum: GramSpectrum,
    dynamics: Dynamics,
    steps: Float[Array, " t"],
    features: Float[Array, "s n f"],
    y: Float[Array, " n"],
) -> Float[Array, "s t n"]:
    """-(d p_s)(K P)[k_j P] y for the kernel k_j = F_j F_j^T of every neuron j."""
    root = jnp.sqrt(spectrum.weights)
    # in the eigenbasis: P^(1/2) k_j P^(1/2) -> G_j G_j^T, P^(1/2) y -> b
    basis = jnp.einsum("nk,snf->ksf", spectrum.vectors, root[None, :, None] * features)
    b = spectrum.vectors.T @ (root * y)

    def at(step: Float[Array, ""]) -> Float[Array, "s n"]:
        change = jnp.einsum("ksf,kl,lsf->sk", basis, _divided(dynamics, spectrum.rates, step), basis * b[:, None, None])
        return change @ spectrum.vectors.T / root[None, :]

    return jnp.moveaxis(jax.lax.map(at, steps), 0, 1)


def _divided(dynamics: Dynamics, rates: Float[Array, " n"], step: Float[Array, ""]) -> Float[Array, "n n"]:
    """Divided differences of 1 - p_s over pairs of rates; the derivative where a pair is too close to subtract."""
    learned = lambda r: dynamics.learned(r, step[None])[0]  # noqa: E731 - one expression, used twice
    values = learned(rates)
    gap = rates[:, None] - rates[None, :]
    middle = ((rates[:, None] + rates[None, :]) / 2).ravel()
    slope = jax.jvp(learned, (middle,), (jnp.ones_like(middle),))[1].reshape(gap.shape)
    close = jnp.abs(gap) <= 1e-6 * middle.reshape(gap.shape)
    return jnp.where(close, slope, (values[:, None] - values[None, :]) / jnp.where(close, 1.0, gap))
