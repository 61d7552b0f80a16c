"""What optimisers add to the linear theory that rates do not hold: the noise of batches, Adam's preconditioner."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lfp.networks import Network, Params
from lfp.problems import Problem
from lfp.spectra import GramSpectrum, gram_spectrum
from lfp.stochastic import Adam, MiniBatch


def batch_covariance(
    gram: Float[Array, "n n"],
    weights: Float[Array | np.ndarray, " n"],
    y: Float[Array | np.ndarray, " n"],
    law: MiniBatch,
    steps: Int[np.ndarray, " t"],
) -> Float[np.ndarray, "t n n"]:
    """Covariance of f_s over the draws of batches, for the linear model, by its exact recursion.

    u' = (1 - lr K P_B) u with P_B independent of u, so with A = 1 - lr K P, mean m and S = V + m m^T

        V' = A V A^T + lr^2 spread K (n diag(P_i^2 S_ii) - P S P) K,    m' = A m,    m_0 = -y, V_0 = 0.

    Args:
        gram: K(x_i, x_j).
        weights: weight of each point.
        y: targets.
        law: learning rate and batch.
        steps: steps at which to look, increasing from 0.

    Example:
        >>> one = MiniBatch(0.5, batch=1, points=2, largest=1.0)
        >>> batch_covariance(jnp.eye(2), np.full(2, 0.5), np.ones(2), one, np.array([0, 1]))[1].tolist()
        [[0.0625, -0.0625], [-0.0625, 0.0625]]
    """
    gaps = jnp.asarray(np.diff(steps, prepend=0))
    return np.asarray(_covariances(gram, jnp.asarray(weights, gram.dtype), jnp.asarray(y, gram.dtype), law, gaps))


@eqx.filter_jit
def _covariances(gram: Array, weights: Array, y: Array, law: MiniBatch, gaps: Array) -> Array:
    lr = jnp.asarray(law.lr, gram.dtype)
    step = jnp.eye(len(y), dtype=gram.dtype) - lr * gram * weights[None, :]

    def once(_: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        mean, spread = carry
        second = spread + mean[:, None] * mean[None, :]
        single = jnp.diag(law.points * weights**2 * jnp.diag(second))
        noise = single - weights[:, None] * second * weights[None, :]
        return step @ mean, step @ spread @ step.T + lr**2 * law.spread * gram @ noise @ gram

    def look(carry: tuple[Array, Array], gap: Array) -> tuple[tuple[Array, Array], Array]:
        carry = jax.lax.fori_loop(0, gap, once, carry)
        return carry, carry[1]

    return jax.lax.scan(look, (-y, jnp.zeros_like(gram)), gaps)[1]


def batch_noise(
    problem: Problem,
    gram: Float[Array, "n n"],
    law: MiniBatch,
    steps: Int[np.ndarray, " t"],
    key: PRNGKeyArray,
    runs: int,
) -> Float[np.ndarray, "run t n"]:
    """Gaussian samples with the covariance of the batches at every look; looks are drawn independently of each other.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.problems import sum_of_modes
        >>> law = MiniBatch(0.5, batch=1, points=4, largest=1.0)
        >>> made = batch_noise(sum_of_modes(Circle(), 4, [1]), jnp.eye(4), law, np.arange(3), jax.random.key(0), 5)
        >>> made.shape, float(abs(made[:, 0]).max())
        ((5, 3, 4), 0.0)
    """
    sizes, vectors = np.linalg.eigh(batch_covariance(gram, problem.weights, problem.y, law, steps))
    root = vectors * np.sqrt(np.maximum(sizes, 0.0))[:, None, :]
    normal = np.asarray(jax.random.normal(key, (runs, *sizes.shape)), np.float64)
    return np.einsum("tij,rtj->rti", root, normal)


def frozen_spectrum(problem: Problem, network: Network, params: Params, law: Adam) -> GramSpectrum:
    """ESTIMATE for Adam: rates of J diag(|g_0| + eps)^-1 J^T, g_0 = -J^T P y the first gradient; alpha taken out.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.networks import TwoLayer
        >>> from lfp.problems import sum_of_modes
        >>> p, net = sum_of_modes(Circle(), 8, [1]), TwoLayer(64)
        >>> frozen_spectrum(p, net, net.init(jax.random.key(0), 2), Adam(0.1, 9)).rates.shape
        (8,)
    """
    x, target = jnp.asarray(problem.x), jnp.asarray(problem.weights * problem.y)
    exact = jax.tree.map(lambda leaf: leaf.astype(x.dtype), params)
    gram = jnp.zeros((len(x), len(x)), x.dtype)
    for leaf in jax.tree.leaves(jax.jacrev(lambda q: network.apply(q, x))(exact)):
        jacobian = leaf.reshape(len(x), -1) / network.alpha
        gram = gram + (jacobian / (jnp.abs(target @ jacobian) + law.eps)[None, :]) @ jacobian.T
    return gram_spectrum(gram, problem.weights)
