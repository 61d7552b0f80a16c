"""Solve the linear dynamics of training: the residual at the data is u_s = p_s(K P) u_0."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from lfp.dynamics import Dynamics
from lfp.problems import Problem
from lfp.spectra import Spectrum
from lfp.trajectory import Trajectory


@eqx.filter_jit
def _learnt(spectrum: Spectrum, dynamics: Dynamics, steps: jnp.ndarray, y: jnp.ndarray) -> jnp.ndarray:
    return spectrum.apply(dynamics.learned(spectrum.rates, steps), y)


def solve(problem: Problem, spectrum: Spectrum, dynamics: Dynamics, steps: Num[np.ndarray, " t"]) -> Trajectory:
    """f_s = (1 - p_s(K P)) y at the data, from f_0 = 0: exact in discrete time, closed form in s.

    Args:
        problem: points, targets and weights.
        spectrum: rates of the kernel on these points.
        dynamics: the law of the optimiser.
        steps: steps at which to look, in any order of magnitude.

    Returns:
        One run, at the data points.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.dynamics import GradientDescent
        >>> from lfp.problems import sum_of_modes
        >>> from lfp.spectra import FourierSpectrum
        >>> p = sum_of_modes(Circle(), 8, [1])
        >>> rates = FourierSpectrum(jnp.array([0.0, 0.5, 0.0, 0.0, 0.0]), 8)
        >>> f = solve(p, rates, GradientDescent(1.0), np.array([0, 1, 2])).values[0]
        >>> (f[:, 2] / p.y[2]).round(12).tolist()
        [0.0, 0.5, 0.75]
    """
    dtype = spectrum.rates.dtype
    values = _learnt(spectrum, dynamics, jnp.asarray(steps, dtype), jnp.asarray(problem.y, dtype))
    meta = {"kind": "theory", "spectrum": type(spectrum).__name__, "dynamics": type(dynamics).__name__}
    return Trajectory(np.asarray(steps), np.asarray(values)[None], problem.x, meta)
