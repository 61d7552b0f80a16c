"""Linear dynamics of training in closed form: f_s = (1 - p_s(K P)) y."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from lfp import _checks
from lfp.domains.problems import Points, Problem
from lfp.measure.trajectory import Trajectory
from lfp.optimisers.law import Law
from lfp.spectra.on_points import Spectrum


@eqx.filter_jit
def _learnt(spectrum: Spectrum, law: Law, steps: jnp.ndarray, y: jnp.ndarray) -> jnp.ndarray:
    return spectrum.apply(eqx.Partial(law.learned, steps=steps), y)


def solve(spectrum: Spectrum, problem: Problem | Points, law: Law, steps: Num[np.ndarray, " t"]) -> Trajectory:
    """f_s = (1 - p_s(K P)) y at the data, from f_0 = 0: exact in discrete time, closed form in s.

    Args:
        spectrum: rates of the kernel on these points.
        problem: points, targets and weights.
        law: the law of the optimiser.
        steps: steps at which to look, 0 or more, whole ones unless the law is a flow; infinity for the limit.

    Returns:
        One run, at the data points.

    Raises:
        InputError: steps below 0, parts of steps for which the law has no value.
        FloatingPointError: a step that is unstable, so that the solution overflows.

    Example:
        >>> from lfp import Circle, GradientDescent, sum_of_modes
        >>> from lfp.spectra import FourierSpectrum
        >>> p = sum_of_modes(Circle(), 8, [1])
        >>> rates = FourierSpectrum(jnp.array([0.0, 0.5, 0.0, 0.0, 0.0]), 8)
        >>> f = solve(rates, p, GradientDescent(1.0), np.array([0, 1, 2])).values[0]
        >>> (f[:, 2] / p.y[2]).round(12).tolist()
        [0.0, 0.5, 0.75]
    """
    dtype, steps = spectrum.rates.dtype, np.asarray(steps)
    if not (np.asarray(_checks.real("steps", steps, 1)) >= 0).all():
        msg = f"steps={steps.tolist()[:5]}... must be 0 or more"
        raise _checks.InputError(msg)
    where, y = (jax.device_put(np.asarray(part, dtype)) for part in (steps, problem.y))
    values = np.asarray(_learnt(spectrum, law, where, y))
    if np.isnan(values).any() and (steps == np.rint(steps)).all():
        msg = f"prediction diverged before step {steps.max():g}: it overflows {dtype}; a smaller --lr is needed"
        raise FloatingPointError(msg)
    if np.isnan(values).any():  # half a step of a mode that changes sign at every step
        msg = f"steps={steps.tolist()[:5]}... have no solution under {type(law).__name__}; allowed: whole steps"
        raise _checks.InputError(msg)
    meta = {"kind": "theory", "spectrum": type(spectrum).__name__, "law": type(law).__name__}
    return Trajectory(steps, values[None], problem.x, meta)
