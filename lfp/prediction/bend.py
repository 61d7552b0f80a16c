"""How far a network bends on the way that linear theory predicts: f(theta_0 + d) against f(theta_0) + J d.

A network that learns f linearly moves its weights by d = J^T c, c the sum over the steps of the residual. Put into the
network itself, this displacement assumes nothing about layers, widths or scales: where the network is linear along the
way both agree, and where it is not, they part before training does.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from lfp.domains.joint import by_output
from lfp.domains.problems import Points, Problem
from lfp.kernels.empirical import cast
from lfp.networks.joined import at_once
from lfp.networks.network import Network, Params
from lfp.optimisers.law import Law
from lfp.prediction.drift import clock
from lfp.spectra.on_points import Spectrum

SMALL = 64
"""Rows or columns from which on the largest singular value is found by iteration."""


def bend(
    network: Network,
    problem: Problem | Points,
    law: Law,
    steps: Int[np.ndarray, " t"],
    params: Params,
    spectrum: Spectrum,
    dtype: Any = None,
) -> Float[np.ndarray, "t n"]:
    """f(theta_0 + d_s) - f(theta_0) - J d_s at the data, d_s = J^T c_s / alpha^2.

    Args:
        network: the network.
        problem: the data, with what is left to learn of them.
        law: the law of the optimiser.
        steps: steps at which to look, increasing from 0.
        params: its parameters at the start.
        spectrum: rates on the data, by which it learns.
        dtype: precision in which the network is evaluated; None for that of the rates.
    """
    dtype = spectrum.rates.dtype if dtype is None else dtype
    inner, x, sums = _pulls(network, problem, law, steps, spectrum, dtype)
    found = np.asarray(_errors(inner, cast(params, dtype), x, sums), float)
    return found.reshape(len(found), len(problem.x))


def relative_change(
    network: Network,
    problem: Problem | Points,
    law: Law,
    steps: Int[np.ndarray, " t"],
    params: Params,
    spectrum: Spectrum,
) -> dict[str, float]:
    """|d| / |theta_0| of every layer at the last step, in spectral norms; layers that start at 0 are left out.

    Args:
        network: the network.
        problem: the data, with what is left to learn of them.
        law: the law of the optimiser.
        steps: steps at which to look, increasing from 0.
        params: its parameters at the start.
        spectrum: rates on the data, by which it learns.

    Example:
        >>> from lfp import Custom, GradientDescent
        >>> from lfp.kernels.empirical import empirical_kernel
        >>> from lfp.spectra import gram_spectrum
        >>> line = Custom(lambda key, dim: {"w": jnp.full((1, 1), 2.0)}, lambda p, x: (x @ p["w"])[:, 0], 1)
        >>> data, start = Points(np.ones((1, 1)), np.ones(1), np.ones(1)), line.init(jax.random.key(0), 1)
        >>> rates = gram_spectrum(empirical_kernel(line, start, jnp.ones((1, 1))), data.weights)
        >>> relative_change(line, data, GradientDescent(0.5), np.array([0, 1]), start, rates)
        {"['w']": 0.25}
    """
    dtype = spectrum.rates.dtype
    inner, x, sums = _pulls(network, problem, law, steps[[0, -1]], spectrum, dtype)
    params = cast(params, dtype)
    moved = jax.tree.leaves(_moved(inner, params, x, sums[-1]))
    pairs = zip(jax.tree_util.tree_leaves_with_path(params), moved, strict=True)
    sizes = {jax.tree_util.keystr(path): (_norm(change), _norm(leaf)) for (path, leaf), change in pairs}
    return {name: change / size for name, (change, size) in sizes.items() if size > 0}


def _pulls(
    network: Network,
    problem: Problem | Points,
    law: Law,
    steps: Int[np.ndarray, " t"],
    spectrum: Spectrum,
    dtype: Any,
) -> tuple[Network, Array, Array]:
    """The network that sees all outputs at once, its points, and c_s: by how much each value has pulled until then."""
    rule, times = clock(law, spectrum.rates, steps)
    where, y = (jax.device_put(np.asarray(part, spectrum.rates.dtype)) for part in (times, problem.y))
    sums = problem.weights[None, :] * np.asarray(_sums(spectrum, rule, where, y))
    inner, points = at_once(network, problem)
    sums = sums if inner is network else by_output(problem, sums)
    x, sums = (jax.device_put(np.asarray(part, dtype)) for part in (points, sums))
    return inner, x, sums


def _norm(leaf: Array) -> float:
    """Of a matrix the largest singular value; of a vector its length; of a convolution that of (.., out)."""
    matrix = np.asarray(leaf, float).reshape(-1, leaf.shape[-1] if leaf.ndim > 1 else 1) if leaf.size else np.zeros(1)
    if not np.isfinite(matrix).all():
        return np.inf
    if not matrix.any():
        return 0.0
    if min(matrix.shape) < SMALL:
        return float(np.linalg.norm(matrix, 2))
    from scipy.sparse.linalg import svds

    found: Any = svds(matrix, 1, return_singular_vectors=False, rng=np.random.default_rng(0))
    return float(found[0])


@eqx.filter_jit
def _sums(spectrum: Spectrum, law: Law, times: Float[Array, " t"], y: Float[Array, " n"]) -> Float[Array, "t n"]:
    """(1 - p_s(L)) / L of y: the residual, summed over the steps."""
    return spectrum.apply(eqx.Partial(_share, law, times, spectrum.noise_floor), y)


def _share(law: Law, times: Array, floor: Array, rates: Array) -> Array:
    real = rates > floor
    inverse = jnp.where(real, 1 / jnp.where(real, rates, 1.0), 0.0)
    return law.learned(rates, times) * inverse[None, :]


@eqx.filter_jit
def _errors(
    network: Network, params: Params, x: Float[Array, "n d"], sums: Float[Array, "t n *o"]
) -> Float[Array, "t n *o"]:
    """f(theta_0 + d) - f(theta_0) - J d in the precision of the weights, d = J^T c / alpha^2."""

    def apply(params: Params) -> Array:
        return network.apply(params, x)

    start, back = jax.vjp(apply, params)

    def at(c: Array) -> Array:
        moved = jax.tree.map(lambda g: g / network.alpha**2, back(c)[0])
        linear = jax.jvp(apply, (params,), (moved,))[1]
        return apply(jax.tree.map(jnp.add, params, moved)) - start - linear

    return jax.lax.map(at, sums)


@eqx.filter_jit
def _moved(network: Network, params: Params, x: Float[Array, "n d"], c: Float[Array, "*no"]) -> Params:
    """d = J^T c / alpha^2."""
    back = jax.vjp(lambda params: network.apply(params, x), params)[1]
    return jax.tree.map(lambda g: g / network.alpha**2, back(c)[0])
