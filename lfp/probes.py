"""Probes: turn a trajectory of functions into curves of modes. The same probe serves theory and training."""

import equinox as eqx
import numpy as np
from jaxtyping import Complex, Float, Int

from lfp import _checks
from lfp.fourier import analysis
from lfp.problems import Points, Problem
from lfp.trajectory import Trajectory

ABSENT = 1e-3


class ModeCurves(eqx.Module):
    """What is left to learn of each mode, c_k(y - f_s) / scale_k: complex, so that a wrong phase counts as error.

    Args:
        steps: steps of the optimiser.
        modes: modes, in cycles per period.
        remaining: for every run, step and mode; 1 at the start for a mode of the target, 0 when it is learnt.
        present: whether the mode belongs to the target; the others are scaled by rms(y) and start at 0.
    """

    steps: Int[np.ndarray, " t"]
    modes: Int[np.ndarray, " k"]
    remaining: Complex[np.ndarray, "run t k"]
    present: Int[np.ndarray, " k"]

    def mean(self) -> Complex[np.ndarray, "t k"]:
        """Mean over the runs."""
        return self.remaining.mean(axis=0)

    def spread(self) -> Float[np.ndarray, "t k"]:
        """Standard deviation over the runs, sqrt(E |r - mean|^2), unbiased; zero for one run."""
        runs = len(self.remaining)
        deviation = np.abs(self.remaining - self.mean()[None]) ** 2
        return np.sqrt(deviation.sum(axis=0) / max(runs - 1, 1))


def probe(trajectory: Trajectory, problem: Problem, modes: Int[np.ndarray, " k"] | None = None) -> ModeCurves:
    """Relative complex error of each mode: (F[y] - F[f_s])(k) / F[y](k), by DFT on a grid, least squares elsewhere.

    Args:
        trajectory: functions at the data points of the problem.
        problem: the data; its modes are followed unless others are named.
        modes: modes, in cycles per period.

    Raises:
        InputError: modes that the points do not resolve.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.problems import sum_of_modes
        >>> p = sum_of_modes(Circle(), 8, [1, 2])
        >>> half = Trajectory(np.array([0, 1]), np.stack([0 * p.y, p.y / 2])[None], p.x)
        >>> probe(half, p).mean().real.round(12).tolist()
        [[1.0, 1.0], [0.5, 0.5]]
    """
    modes = problem.modes if modes is None else np.asarray(modes)
    return _curves(trajectory, problem, analysis(problem.turns, modes, problem.weights), modes)


def probe_functions(
    trajectory: Trajectory, data: Points, functions: Float[np.ndarray, "n k"], modes: Int[np.ndarray, " k"]
) -> ModeCurves:
    """Relative error along given functions, by weighted least squares: the modes of any domain, on any points.

    Args:
        trajectory: functions at the data points.
        data: points, targets and weights.
        functions: one a column, at the data points.
        modes: what they are called.

    Raises:
        InputError: functions that the points do not tell apart.

    Example:
        >>> x = np.array([[0.0], [1.0], [2.0]])
        >>> data = Points(x, 1 + x[:, 0], np.full(3, 1 / 3))
        >>> half = Trajectory(np.array([4]), np.array([[[1.0, 1.5, 2.0]]]), x)
        >>> abs(probe_functions(half, data, np.hstack([x**0, x]), np.array([0, 1])).mean()).round(12).tolist()
        [[0.0, 0.5]]
    """
    root = np.sqrt(data.weights)
    rank = int(np.linalg.matrix_rank(root[:, None] * functions))
    if rank < functions.shape[1]:
        msg = f"functions has {functions.shape[1]} columns, of rank {rank} on the points; allowed: independent ones"
        raise _checks.InputError(msg)
    return _curves(trajectory, data, np.linalg.pinv(root[:, None] * functions) * root[None, :], modes)


def _curves(
    trajectory: Trajectory, problem: Problem | Points, matrix: np.ndarray, modes: Int[np.ndarray, " k"]
) -> ModeCurves:
    """What is left of each mode, `matrix` taking values to coefficients."""
    y = np.asarray(problem.y)
    target = matrix @ y + 0j
    rms = np.sqrt(problem.weights @ y**2)
    present = np.abs(target) > ABSENT * rms
    # a zero target has nothing to scale by: its error is absolute
    scale = np.where(present, target, rms if rms > 0 else 1.0)
    remaining = (target - trajectory.values @ matrix.T) / scale
    return ModeCurves(trajectory.steps, modes, remaining, present.astype(int))
