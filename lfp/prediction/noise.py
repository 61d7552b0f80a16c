"""What optimisers add to the linear theory that rates do not hold: the noise of batches, Adam's preconditioner."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lfp.domains.problems import Points, Problem
from lfp.kernels.empirical import cast
from lfp.networks.network import Network, Params
from lfp.optimisers.law import Law
from lfp.spectra.on_points import GramSpectrum, gram_spectrum


def batch_covariance(
    gram: Float[Array, "n n"],
    weights: Float[Array | np.ndarray, " n"],
    y: Float[Array | np.ndarray, " n"],
    law: Law,
    steps: Int[np.ndarray, " t"],
) -> Float[np.ndarray, "t n n"]:
    """Covariance of f_s over the draws of batches, for the linear model, by its exact recursion.

    u' = (1 - lr decay - lr K P_B) u - lr decay y, P_B independent of u and lr, decay those of the step; so with
    A = 1 - lr decay - lr K P, mean m and S = V + m m^T, from m_0 = -y and V_0 = 0

        V' = A V A^T + lr^2 spread K (n diag(P_i^2 S_ii) - P S P) K,    m' = A m - lr decay y.

    Args:
        gram: K(x_i, x_j).
        weights: weight of each point.
        y: targets.
        law: mini-batches, with a schedule or weight decay or both.
        steps: steps at which to look, increasing from 0.
    """
    whole = jnp.asarray(np.concatenate([[0], steps]))
    return np.asarray(_covariances(gram, jnp.asarray(weights, gram.dtype), jnp.asarray(y, gram.dtype), law, whole))


@eqx.filter_jit
def _covariances(gram: Array, weights: Array, y: Array, law: Law, steps: Array) -> Array:
    decay, eye = jnp.asarray(law.total_decay, gram.dtype), jnp.eye(len(y), dtype=gram.dtype)

    def once(s: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        mean, spread = carry
        lr = jnp.asarray(law.at(s), gram.dtype)
        step = (1 - lr * decay) * eye - lr * gram * weights[None, :]
        second = spread + mean[:, None] * mean[None, :]
        single = jnp.diag(len(y) * weights**2 * jnp.diag(second))
        noise = single - weights[:, None] * second * weights[None, :]
        moved = step @ mean - lr * decay * y
        return moved, step @ spread @ step.T + lr**2 * law.spread * gram @ noise @ gram

    def look(carry: tuple[Array, Array], ends: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        carry = jax.lax.fori_loop(*ends, once, carry)
        return carry, carry[1]

    return jax.lax.scan(look, (-y, jnp.zeros_like(gram)), (steps[:-1], steps[1:]))[1]


def batch_noise(
    problem: Problem | Points,
    gram: Float[Array, "n n"],
    law: Law,
    steps: Int[np.ndarray, " t"],
    key: PRNGKeyArray,
    runs: int,
) -> Float[np.ndarray, "run t n"]:
    """Gaussian samples with the covariance of the batches at every look, each look drawn on its own."""
    sizes, vectors = np.linalg.eigh(batch_covariance(gram, problem.weights, problem.y, law, steps))
    # the symmetric root: single eigenvectors of sizes that repeat are at the mercy of rounding
    root = (vectors * np.sqrt(np.maximum(sizes, 0.0))[:, None, :]) @ vectors.swapaxes(1, 2)
    normal = np.asarray(jax.random.normal(key, (runs, *sizes.shape)), np.float64)
    return np.einsum("tij,rtj->rti", root, normal)


def frozen_spectrum(network: Network, problem: Problem | Points, law: Law, params: Params) -> GramSpectrum:
    """ESTIMATE for Adam: rates of J diag(|g_0| + eps)^-1 J^T, g_0 = -J^T P y the first gradient; alpha taken out."""
    x, target = jnp.asarray(problem.x), jnp.asarray(problem.weights * problem.y)
    exact = cast(params, x.dtype)
    gram = jnp.zeros((len(x), len(x)), x.dtype)
    for leaf in jax.tree.leaves(jax.jacrev(lambda q: network.apply(q, x))(exact)):
        jacobian = leaf.reshape(len(x), -1) / network.alpha
        gram = gram + (jacobian / (jnp.abs(target @ jacobian) + law.base.eps)[None, :]) @ jacobian.T
    return gram_spectrum(gram, problem.weights)
