"""The largest rates of a kernel on many points, by blocked products, and what is known of the rest."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.blocked import Product
from lfp.eigenpairs import largest_pairs
from lfp.spectra import without_rounding


class PartialSpectrum(eqx.Module):
    """Any points: the largest eigenpairs of P^(1/2) K P^(1/2), P = diag(weights).

    Args:
        rates: eigenvalues, decreasing, per unit of flow time.
        vectors: orthonormal eigenvectors, one a column.
        weights: weight of each point; they sum to 1.
        residuals: |A q - L q| of each pair: a rate of the matrix lies within it.
        trace: sum of all rates, the weighted mean of K(x, x).
        passes: blocked products taken.
    """

    rates: Float[Array, " r"]
    vectors: Float[Array, "n r"]
    weights: Float[Array, " n"]
    residuals: Float[Array, " r"]
    trace: Float[Array, ""]
    passes: int = eqx.field(static=True)

    @property
    def noise_floor(self) -> Float[Array, ""]:
        """Rates below this are rounding of the products, n eps times the largest, or no more than a residual."""
        rounding = len(self.weights) * jnp.finfo(self.rates.dtype).eps * self.rates.max()
        return jnp.maximum(rounding, self.residuals.max())

    @property
    def tail(self) -> Float[Array, ""]:
        """Sum of the rates that are not listed: the trace less those that are."""
        return self.trace - jnp.sum(self.rates)

    @property
    def effective_rank(self) -> tuple[float, float]:
        """Bounds on (sum of rates)^2 / sum of rate^2.

        The sum is the trace. Squares that are not listed add between nothing and `tail` times the smallest listed rate.
        """
        known, rest = jnp.sum(self.rates**2), jnp.maximum(self.tail, 0) * self.rates[-1]
        return float(self.trace**2 / (known + rest)), float(self.trace**2 / known)


def largest_rates(
    product: Product,
    count: int,
    key: PRNGKeyArray,
    weights: Float[Array | np.ndarray, " n"] | None = None,
    *,
    tolerance: float = 1e-6,
    block: int | None = None,
    max_passes: int = 32,
) -> PartialSpectrum:
    """The `count` largest rates of a kernel on its points, without its matrix: see `eigenpairs.largest_pairs`.

    Args:
        product: `kernel_product(kernel, x)` or `network_product(network, params, x)`.
        count: how many rates.
        key: for the first vectors.
        weights: weight of each point, as in `gram_spectrum`; None takes 1/n.
        tolerance: largest residual, relative to the largest rate.
        block: vectors a pass, at least `count`. A kernel in tiles is computed once a pass and more vectors cost little;
            the product of a network costs the same for every vector, and few more than `count` are best.
        max_passes: most passes.

    Returns:
        The rates, with their vectors and residuals; dynamics u' = -K P u.

    Raises:
        InputError: count above the number of points, weights that are not positive or do not sum to 1, a kernel that
            is not finite or has negative rates, a tolerance that is not met.

    Example:
        >>> import jax
        >>> from lfp.blocked import kernel_product
        >>> product = kernel_product(lambda x1, x2: x1 @ x2.T, jnp.diag(jnp.arange(4.0)))
        >>> largest_rates(product, 2, jax.random.key(0)).rates.round(3).tolist()
        [2.25, 1.0]
    """
    n, dtype = len(product.x), product.x.dtype
    weights = np.full(n, 1 / n) if weights is None else np.asarray(weights, np.float64)
    if weights.shape != (n,) or not (weights > 0).all() or abs(weights.sum() - 1) > 1e-6:
        msg = f"weights of shape {weights.shape}, sum {weights.sum():.6g}; allowed: {n} positive numbers that sum to 1"
        raise _checks.InputError(msg)
    weights = jnp.asarray(weights, dtype)
    root = jnp.sqrt(weights)[:, None]
    pairs = largest_pairs(
        lambda v: root * product(root * v), n, count, key, tolerance, block=block, max_passes=max_passes, dtype=dtype
    )
    trace = jnp.sum(weights * product.diagonal())
    return PartialSpectrum(without_rounding(pairs.rates), pairs.vectors, weights, pairs.residuals, trace, pairs.passes)
