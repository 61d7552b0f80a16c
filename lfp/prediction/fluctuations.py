"""How far networks of finite width stray from the theory, seed by seed: predicted before any training.

The exact linear dynamics of kernels that networks of this width have at initialisation. That of a two-layer network is
the mean of independent kernels of single neurons, of m of them (m / 2 with antisymmetric initialisation, whose neurons
come in pairs). Its deviation from the limit K is that of c neurons times sqrt(c / m), so

    K_m = (1 - s) K + s K_c,   s = sqrt(c / m) <= 1,

has its mean and its covariance, is no less definite than they are, and costs as much at any width. To first order in
K_m - K the spread is right at early times only: it falls short where little is left of a mode.
"""

import contextlib
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
from lfp.networks.joined import Joined
from lfp.networks.network import Network, Params, kernel
from lfp.networks.two_layer import TwoLayer
from lfp.optimisers.law import Law
from lfp.prediction.linear import solve
from lfp.prediction.noise import batch_noise
from lfp.spectra.on_points import GramSpectrum, Spectrum, gram_spectrum, refuse_dense
from lfp.training.plan import Plan, less, values_at_start

NEURONS = 1024
"""Neurons of a sample, however wide the network is."""
FEWEST, MOST = 12, 128
"""Samples: their spread has a standard error of .06 (128) to .21 (12) of itself."""
LARGEST_BAND = 1024

_WORK = 2**35  # operations for all samples, unless they are too few


def band_of(plan: Plan, infinite: Spectrum) -> Trajectory | None:
    """Samples for the networks of a plan, the noise of batches included.

    None if there are more than `LARGEST_BAND` points, or if the step is unstable for the theory or for a sample.
    """
    network, problem, law = plan.network, plan.problem, plan.law
    stable = law.lr < law.largest_stable_lr(float(np.asarray(infinite.rates).max()))
    if len(problem.x) > LARGEST_BAND or not stable:
        return None
    # a key of its own: the samples are not the networks that will be trained
    key = jax.random.fold_in(jax.random.key(plan.seed), np.uint32(2**31 - 1))
    K = kernel(network)
    band = None
    with contextlib.suppress(Unstable):
        band = fluctuations(network, problem, law, plan.steps, K, key, center=plan.center)
    if band is None or not law.batched:
        return band
    gram = K(jnp.asarray(problem.x), None)
    lessons, keys = plan.lessons_of_others(), jax.random.fold_in(key, 1)
    each = -(-len(band.values) // len(lessons))
    pairs = zip(lessons, jax.random.split(keys, len(lessons)), strict=True)
    noise = np.concatenate([batch_noise(data, gram, law, plan.steps, one, each) for data, one in pairs])
    return replace(band, values=band.values + noise[: len(band.values)])


def fluctuations(
    network: Network,
    problem: Problem | Points,
    law: Law,
    steps: Int[np.ndarray, " t"],
    kernel: Function,
    key: PRNGKeyArray,
    *,
    center: bool = True,
) -> Trajectory:
    """Sample trajectories of networks of this width, from theory: no network is trained.

    The exact linear dynamics of the kernels of fresh initialisations; of two-layer networks of K_m, see above.

    Args:
        network: the network, for its width and the distribution of its weights.
        problem: the data.
        law: the law of the optimiser.
        steps: steps at which to look.
        kernel: its infinite-width kernel.
        key: source of the samples; independent of the seeds of training.
        center: whether f_0 is taken off; else every sample starts from the f_0 of a fresh network.

    Returns:
        One run a sample. Their spread is the expected spread over seeds.

    Raises:
        InputError: more points than a dense kernel can hold; a step that is unstable for one of the samples.

    Example:
        >>> from lfp import Circle, GradientDescent, TwoLayer, sum_of_modes
        >>> p, cosine = sum_of_modes(Circle(), 8, [1]), lambda x1, x2=None: x1 @ (x1 if x2 is None else x2).T
        >>> band = fluctuations(TwoLayer(256), p, GradientDescent(0.1), np.array([0, 9]), cosine, jax.random.key(0))
        >>> band.values.shape
        (128, 2, 8)
    """
    refuse_dense(len(problem.x))
    x = jax.device_put(problem.x)
    count = _samples(network, x)
    if isinstance(_inner(network), TwoLayer):
        limit = as_kernel(kernel)(x, None)
        weights, y, where = (
            jax.device_put(np.asarray(part, limit.dtype)) for part in (problem.weights, problem.y, steps)
        )
        values, tops = map(np.asarray, _runs(network, x, limit, weights, y, law, where, key, count, center))
        _refuse_unstable(law, float(tops.max()))
    else:
        drawn = [_drawn(network, one, x.shape[1]) for one in jax.random.split(key, count)]
        spectra = [network_spectrum(network, problem, params) for params in drawn]
        _refuse_unstable(law, max(float(np.asarray(one.rates).max()) for one in spectra))
        stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *drawn)
        offsets = np.zeros((count, len(x))) if center else values_at_start(network, problem, stacked)
        pairs = zip(spectra, offsets, strict=True)
        values = np.concatenate([solve(one, less(problem, f), law, steps).values + f for one, f in pairs])
    return Trajectory(np.asarray(steps), _checks.finite("fluctuations", values), problem.x, {"kind": "fluctuations"})


class Unstable(_checks.InputError):
    """A step that is unstable for a network of finite width."""


def _refuse_unstable(law: Law, largest_rate: float) -> None:
    limit = law.largest_stable_lr(largest_rate)
    if float(law.lr) >= limit:
        msg = f"lr={float(law.lr)!r} is unstable for a network of this width; allowed: below {limit:.4g}"
        raise Unstable(msg)


def _samples(network: Network, x: Float[Array, "n d"]) -> int:
    """As many as the work allows: a Gram matrix and its eigenvectors each."""
    n, dim = x.shape
    if isinstance(_inner(network), TwoLayer):
        count = (2 + dim) * min(network.width, NEURONS)
    else:  # derivatives by each parameter, which are dearer
        shapes = jax.tree.leaves(jax.eval_shape(lambda key: network.init(key, dim), jax.random.key(0)))
        count = 8 * sum(int(np.prod(leaf.shape)) for leaf in shapes)
    return int(np.clip(_WORK // (2 * n**2 * count + 20 * n**3), FEWEST, MOST))


@eqx.filter_jit
def _runs(
    network: Network,
    x: Float[Array, "n d"],
    limit: Float[Array, "n n"],
    weights: Float[Array, " n"],
    y: Float[Array, " n"],
    law: Law,
    steps: Float[Array, " t"],
    key: PRNGKeyArray,
    count: int,
    center: bool,
) -> tuple[Float[Array, "s t n"], Float[Array, " s"]]:
    """f_s of every sample, and its largest rate: one program, since a sample takes milliseconds."""

    def one(key: PRNGKeyArray) -> tuple[Array, Array]:
        found = gram_spectrum(_of_width(network, x, limit, key), weights)
        offset = jnp.zeros_like(y)
        if not center:  # of another draw: kernel and f_0 are uncorrelated, for a -> -a turns the sign of f_0 alone
            offset = network.apply(network.init(jax.random.fold_in(key, 1), x.shape[1]), x)
        return offset[None, :] + found.apply(eqx.Partial(law.learned, steps=steps), y - offset), found.rates[0]

    return jax.lax.map(one, jax.random.split(key, count))


@eqx.filter_jit
def _drawn(network: Network, key: PRNGKeyArray, dim: int) -> Params:
    return network.init(key, dim)


@eqx.filter_jit
def _of_width(network: Network, x: Float[Array, "n d"], limit: Float[Array, "n n"], key: PRNGKeyArray) -> Array:
    """K_m: (1 - s) K + s K_c. What outputs share is the slope of the neurons, each with output weights of its own."""
    inner, joint = _inner(network), isinstance(network, Joined)
    assert isinstance(inner, TwoLayer)
    x, output = (x[:, :-1], x[:, -1]) if joint else (x, jnp.zeros(len(x), x.dtype))
    neurons = inner.width // 2 if inner.asi else inner.width
    count = min(neurons, NEURONS)
    a, w, b = inner.neurons(key, count, x.shape[1])
    z = w.T @ x.T + b[:, None]
    a = a[:, output.astype(int)] if joint else a[:, None]
    value, slope = inner.activation(z), a * inner.activation.derivative(z)
    own = jnp.where(output[:, None] == output[None, :], value.T @ value, 0) if joint else value.T @ value
    sample = (own + (slope.T @ slope) * (1 + x @ x.T)) / count
    share = (count / neurons) ** 0.5
    return (1 - share) * limit + share * sample.astype(limit.dtype)


def _inner(network: Network) -> Network:
    """The network of several outputs itself."""
    return network.inner if isinstance(network, Joined) else network


def network_spectrum(network: Network, problem: Problem | Points, params: Params) -> GramSpectrum:
    """Rates of the empirical kernel of one network, in the precision of the data.

    Example:
        >>> from lfp import MLP, Circle, sum_of_modes
        >>> net, p = MLP(8), sum_of_modes(Circle(), 6, [1])
        >>> network_spectrum(net, p, net.init(jax.random.key(0), 2)).rates.shape
        (6,)
    """
    x = jax.device_put(problem.x)
    exact = cast(params, x.dtype)
    return gram_spectrum(empirical_kernel(network, exact, x), problem.weights)
