"""What the precision of a training does to it, computed before it: very lazy networks move by less than an ulp.

A network that learns f moves its weights by d = J^T c, K c = f, of order 1 / alpha each. What it then says is that of
theta_0 + d, rounded, and alpha times the rounding of a sum: off by e(d) of order alpha eps sqrt(K). Training sees f
with that error and pulls against it, so that of a change of e a mode keeps p_s(L):

    tau_(s + n) = p_n(K P) tau_s + e_(s + n) - e_s.
"""

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lfp.domains.joint import by_output
from lfp.domains.problems import Problem
from lfp.kernels.empirical import cast
from lfp.networks.joined import at_once
from lfp.networks.network import Network, Params
from lfp.optimisers.law import Law
from lfp.prediction.drift import clock, left
from lfp.spectra.on_points import Spectrum
from lfp.training.plan import Plan, unstack, values_at_start

_LARGEST, _SEEN = 10.0, 1e-3  # e in alpha eps / 2 sqrt(K): up to 10 in 20 runs; errors that no verdict would notice


def rounding(plan: Plan, spectrum: Spectrum) -> Float[np.ndarray, "run t n"] | None:
    """tau of every network of a plan, at the data; None where it is too small for any mode to notice.

    Args:
        plan: the training.
        spectrum: rates on its data.
    """
    problem, dtype = plan.problem, plan.dtype
    # at least the root of the mean of K(x, x): a Fourier spectrum lists a frequency once for both signs
    size = np.sqrt(2 * float(np.asarray(spectrum.rates).sum()))
    least = np.abs(problem.coefficients()).min() if isinstance(problem, Problem) else 1.0
    if _LARGEST * plan.network.alpha * float(jnp.finfo(dtype).eps) / 2 * size < _SEEN * least:
        return None
    law, times = clock(plan.law, spectrum.rates, plan.steps)
    exact = spectrum.rates.dtype
    where = jax.device_put(np.asarray(times, exact))
    start = plan.initialise()
    offsets = np.zeros((plan.seeds, 1)) if plan.center else values_at_start(plan.network, problem, start)
    network, points = at_once(plan.network, problem)
    x, errors = jax.device_put(np.asarray(points, dtype)), []
    for one, offset in zip(unstack(start), offsets, strict=True):
        y = jax.device_put(np.asarray(problem.y - offset, exact))
        sums = problem.weights[None, :] * np.asarray(_sums(spectrum, law, where, y))
        sums = sums if network is plan.network else by_output(problem, sums)
        off = np.asarray(_errors(network, one, x, jax.device_put(np.asarray(sums, dtype))), float)
        if not plan.center:  # far from its start a network bends: that is no rounding
            finer = cast(one, exact), jax.device_put(np.asarray(points, exact)), jax.device_put(np.asarray(sums, exact))
            off = off - np.asarray(_errors(network, *finer), float)
        errors.append(off)
    errors = np.stack(errors)
    errors = errors.reshape(*errors.shape[:2], len(problem.x))
    taus = [np.zeros_like(errors[:, 0])]
    for step, (before, after) in enumerate(pairwise(times), 1):
        span, tau = (jax.device_put(np.asarray(part, exact)) for part in ([after - before], taus[-1]))
        kept = np.asarray(_kept(spectrum, law, span, tau))
        taus.append(kept + errors[:, step] - errors[:, step - 1])
    return np.stack(taus, axis=1)


@eqx.filter_jit
def _kept(spectrum: Spectrum, law: Law, span: Float[Array, "1"], taus: Float[Array, "run n"]) -> Float[Array, "run n"]:
    return jax.vmap(lambda tau: spectrum.apply(eqx.Partial(left, law, span), tau)[0])(taus)


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
