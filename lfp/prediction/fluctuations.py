"""How far a network of finite width strays from the theory, seed by seed: predicted before any training.

A kernel of finite width is K + dK. To first order in dK the trajectory strays by

    df_s = -(d p_s)(K P)[dK P] y,   (d p_s)_kl = (p_s(L_k) - p_s(L_l)) / (L_k - L_l)   in the eigenbasis of K P

(Daleckii-Krein). For a two-layer network dK is the mean of independent per-neuron kernels, so its covariance is that
of one neuron over m (2 / m with antisymmetric initialisation, whose neurons come in pairs).
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lfp import _checks
from lfp.domains.problems import Points, Problem
from lfp.kernels.algebra import Function, as_kernel
from lfp.kernels.empirical import cast, empirical_kernel
from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network, Params, kernel
from lfp.networks.two_layer import TwoLayer, neuron_features
from lfp.numerics.divided import divided
from lfp.optimisers.law import Law
from lfp.prediction.linear import solve
from lfp.prediction.noise import batch_noise
from lfp.spectra.on_points import GramSpectrum, Spectrum, gram_spectrum, refuse_dense
from lfp.training.plan import Plan

NEURONS = 1024
NETWORKS = 12
LARGEST_BAND = 2048


def band_of(plan: Plan, infinite: Spectrum) -> Trajectory | None:
    """Samples for the networks of a plan, the noise of batches included.

    None if there are more than `LARGEST_BAND` points, or if the step is unstable, where first-order perturbation fails.
    """
    network, problem, law = plan.network, plan.problem, plan.law
    stable = law.lr < law.largest_stable_lr(float(infinite.rates.max()))
    if len(problem.x) > LARGEST_BAND or not stable:
        return None
    # a key of its own: the samples are not the networks that will be trained
    key = jax.random.fold_in(jax.random.key(plan.seed), 2**31 - 1)
    K = kernel(network)
    band = fluctuations(network, problem, law, plan.steps, K, key)
    if not law.batched:
        return band
    gram = K(jnp.asarray(problem.x), None)
    noise = batch_noise(problem, gram, law, plan.steps, jax.random.fold_in(key, 1), len(band.values))
    return replace(band, values=band.values + noise)


def fluctuations(
    network: Network,
    problem: Problem | Points,
    law: Law,
    steps: Int[np.ndarray, " t"],
    kernel: Function,
    key: PRNGKeyArray,
) -> Trajectory:
    """Sample trajectories f_s + df_s of networks of this width, from theory: no network is trained.

    Two-layer networks: linear response to the kernel of single neurons. Others: the exact linear dynamics of the
    kernels of `NETWORKS` fresh initialisations.

    Args:
        network: the network, for its width and the distribution of its weights.
        problem: the data.
        law: the law of the optimiser.
        steps: steps at which to look.
        kernel: its infinite-width kernel.
        key: source of the samples; independent of the seeds of training.

    Returns:
        One run a sample. Their spread is the expected spread over seeds.

    Raises:
        InputError: more points than a dense kernel can hold.

    Example:
        >>> from lfp import Circle, GradientDescent, TwoLayer, sum_of_modes
        >>> p, cosine = sum_of_modes(Circle(), 8, [1]), lambda x1, x2=None: x1 @ (x1 if x2 is None else x2).T
        >>> band = fluctuations(TwoLayer(256), p, GradientDescent(0.1), np.array([0, 9]), cosine, jax.random.key(0))
        >>> band.values.shape
        (1024, 2, 8)
    """
    refuse_dense(len(problem.x))
    x = jnp.asarray(problem.x)
    if isinstance(network, TwoLayer):
        spectrum = gram_spectrum(as_kernel(kernel)(x, None), problem.weights)
        # memory of the samples stays below 256 MiB
        count = int(min(NEURONS, max(32, 2**25 // (len(steps) * len(x)))))
        features = neuron_features(network, network.neurons(key, count, x.shape[1]), x)
        response = _response(spectrum, law, jnp.asarray(steps, x.dtype), features, jnp.asarray(problem.y))
        centred = response - response.mean(axis=0, keepdims=True)
        scale = np.sqrt((2 if network.asi else 1) / network.width)
        values = solve(spectrum, problem, law, steps).values + scale * np.asarray(centred)
    else:
        values = np.concatenate(
            [
                solve(network_spectrum(network, problem, network.init(one, x.shape[1])), problem, law, steps).values
                for one in jax.random.split(key, NETWORKS)
            ]
        )
    return Trajectory(np.asarray(steps), _checks.finite("fluctuations", values), problem.x, {"kind": "fluctuations"})


def network_spectrum(network: Network, problem: Problem | Points, params: Params) -> GramSpectrum:
    """Rates of the empirical kernel of one network, in the precision of the data.

    Example:
        >>> from lfp import MLP, Circle, sum_of_modes
        >>> net, p = MLP(8), sum_of_modes(Circle(), 6, [1])
        >>> network_spectrum(net, p, net.init(jax.random.key(0), 2)).rates.shape
        (6,)
    """
    x = jnp.asarray(problem.x)
    exact = cast(params, x.dtype)
    return gram_spectrum(empirical_kernel(network, exact, x), problem.weights)


@eqx.filter_jit
def _response(
    spectrum: GramSpectrum,
    law: Law,
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
        learnt = lambda rates: law.learned(rates, step[None])  # noqa: E731
        slopes = jax.vmap(lambda rate: divided(learnt, spectrum.rates, rate)[0])(spectrum.rates)
        change = jnp.einsum("ksf,kl,lsf->sk", basis, slopes, basis * b[:, None, None])
        return change @ spectrum.vectors.T / root[None, :]

    return jnp.moveaxis(jax.lax.map(at, steps), 0, 1)
