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

from lfp.domains.problems import Problem
from lfp.optimisers.law import Law
from lfp.prediction.bend import bend
from lfp.prediction.drift import clock, left
from lfp.spectra.on_points import Spectrum
from lfp.training.plan import Plan, less, unstack, values_at_start

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
    start, errors = plan.initialise(), []
    offsets = np.zeros((plan.seeds, 1)) if plan.center else values_at_start(plan.network, problem, start)
    for params, offset in zip(unstack(start), offsets, strict=True):
        lesson = problem if plan.center else less(problem, offset)
        off = bend(plan.network, lesson, plan.law, plan.steps, params, spectrum, dtype)
        if not plan.center:  # far from its start a network bends: that is no rounding
            off = off - bend(plan.network, lesson, plan.law, plan.steps, params, spectrum)
        errors.append(off)
    errors = np.stack(errors)
    taus = [np.zeros_like(errors[:, 0])]
    for step, (before, after) in enumerate(pairwise(times), 1):
        span, tau = (jax.device_put(np.asarray(part, exact)) for part in ([after - before], taus[-1]))
        kept = np.asarray(_kept(spectrum, law, span, tau))
        taus.append(kept + errors[:, step] - errors[:, step - 1])
    return np.stack(taus, axis=1)


@eqx.filter_jit
def _kept(spectrum: Spectrum, law: Law, span: Float[Array, "1"], taus: Float[Array, "run n"]) -> Float[Array, "run n"]:
    return jax.vmap(lambda tau: spectrum.apply(eqx.Partial(left, law, span), tau)[0])(taus)
