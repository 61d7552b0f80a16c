"""FP-norm of a target and the a priori bound on what is learnt of it from random samples (docs/generalization.md)."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from lfp import _checks


def fp_norm(
    transform: Complex[Array | np.ndarray, "*shape"] | Float[Array | np.ndarray, "*shape"],
    power: Float[Array | np.ndarray, "*shape"],
    weights: Float[Array | np.ndarray, "*shape"] | None = None,
) -> Float[Array, ""]:
    """||g||_gamma = sqrt( integral |F[g]|^2 / gamma^2 ) (arXiv 2010.08153); infinite outside the space.

    On the torus the integral is a sum over the Fourier coefficients. With a divergence term, or a null space that is
    learnt at a finite rate, the norm is no such integral: then it is that of the native space, `Solution.norm`, which
    grows to the norm of the target as points are added.

    Args:
        transform: F[g] at frequencies, or Fourier coefficients.
        power: gamma^2 at these frequencies, such as the first of `Operator.symbol`; 0 where the model has nothing.
        weights: of the quadrature over the frequencies; None for a sum.

    Raises:
        InputError: a negative or infinite power, values that are not finite.

    Example:
        >>> float(fp_norm(jnp.array([3.0, 0.0]), jnp.array([1.0, 0.0])))
        3.0
        >>> float(fp_norm(jnp.array([3.0, 1e-9]), jnp.array([1.0, 0.0])))
        inf
    """
    size = jnp.abs(jnp.asarray(transform))
    power = jnp.asarray(power, size.dtype)
    for name, array in (("transform", size), ("power", power)):
        _checks.finite(name, np.asarray(array))
    if not bool((power >= 0).all()):
        msg = f"power={float(power.min())} must be >= 0 everywhere"
        raise _checks.InputError(msg)
    some = power > 0
    # divided before it is squared: both may be near the smallest number
    terms = (size / jnp.sqrt(jnp.where(some, power, 1.0))) ** 2
    terms = terms if weights is None else terms * jnp.asarray(weights, size.dtype)
    outside = jnp.any(~some & (size > 0))
    return jnp.where(outside, jnp.inf, jnp.sqrt(jnp.sum(jnp.where(some, terms, 0.0))))


def a_priori_bound(
    norm: float | Float[Array, ""],
    diagonal: Float[Array | np.ndarray, " m"],
    n: int,
    *,
    delta: float = 0.05,
    residual: float | Float[Array, ""] = 0.0,
) -> Float[Array, ""]:
    """E|h_t - f| <= mean |residual| + ||f - h_0|| n^(-1/2) (2 sqrt(mean K) + sqrt(max K) sqrt(log(1/delta) / 2)).

    It holds with probability 1 - delta over n independent samples of f, with equal weights and without noise, for the
    flow of K from h_0 at every time and for its limit, where the residual is 0; K(x, x) in the mean and the maximum. On
    the torus K(x, x) = ||gamma||_2^2 everywhere, and the bound reads ||f - h_0||_gamma ||gamma||_2 n^(-1/2)
    (2 + sqrt(log(1/delta) / 2)). A bound, not a prediction: docs/generalization.md has how loose it is.

    Args:
        norm: ||f - h_0|| in the native space of K: `fp_norm`, or `Solution.norm` where f is a solution.
        diagonal: K(x, x) at many points drawn from the distribution of the samples; the sum of gamma^2 on the torus.
        n: number of samples.
        delta: probability of failure.
        residual: mean of |h_t - f| at the samples.

    Raises:
        InputError: n below 1, delta outside (0, 1), a negative norm, residual or diagonal.

    Example:
        >>> round(float(a_priori_bound(1.0, jnp.array([4.0]), 100, delta=0.1)), 4)
        0.6146
    """
    _checks.integer("n", n, 1)
    if not 0 < delta < 1:
        msg = f"delta={delta} must lie between 0 and 1"
        raise _checks.InputError(msg)
    diagonal = jnp.asarray(diagonal)
    for name, value in (("norm", norm), ("residual", residual), ("diagonal", diagonal.min())):
        if not float(value) >= 0:
            msg = f"{name}={float(value)} must be >= 0"
            raise _checks.InputError(msg)
    mean, top = jnp.sqrt(diagonal.mean()), jnp.sqrt(diagonal.max())
    return residual + norm / math.sqrt(n) * (2 * mean + top * math.sqrt(math.log(1 / delta) / 2))
