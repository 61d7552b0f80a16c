"""Probes: take the functions of a trajectory apart into curves of modes. The same probe serves theory and training."""

import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Complex, Float, Inexact, Int, Shaped

from lfp import _checks
from lfp.domains.problems import Points, Problem
from lfp.measure.filters import gaps, gaussian_filter
from lfp.measure.trajectory import Trajectory, parts
from lfp.numerics.fourier import analysis, harmonics, is_full_period_grid
from lfp.numerics.scattered import box, density_weights, nudft

ABSENT = 1e-3
Data = Problem | Points
"""What is followed belongs to the probe; of the data it needs points, targets and weights."""


class ModeCurves(eqx.Module):
    """What is left to learn of each mode, c_k(y - f_s) / scale_k: complex, so that a wrong phase counts as error.

    Of a part that is more than one mode it is the vector P_k(y - f_s) / |P_k y|, and its length counts.

    Args:
        steps: steps of the optimiser.
        modes: modes, in cycles per period, or names of the parts.
        remaining: for every run, step and mode; 1 at the start for a mode of the target, 0 when it is learnt.
        present: whether the mode belongs to the target; the others are scaled by rms(y) and start at 0.
    """

    steps: Int[np.ndarray, " t"]
    modes: Shaped[np.ndarray, " k"]
    remaining: Inexact[np.ndarray, "run t k *c"]
    present: Int[np.ndarray, " k"]

    @property
    def noun(self) -> str:
        """What is followed: `mode`, or `part`."""
        return "mode" if self.remaining.ndim == 3 else "part"

    def mean(self) -> Inexact[np.ndarray, "t k *c"]:
        """Mean over the runs."""
        return self.remaining.mean(axis=0)

    def size(self) -> Float[np.ndarray, "t k"]:
        """Length of the mean."""
        return length(self.mean(), 2)

    def spread(self) -> Float[np.ndarray, "t k"]:
        """Standard deviation over the runs, sqrt(E |r - mean|^2), unbiased; zero for one run."""
        runs = len(self.remaining)
        deviation = length(self.remaining - self.mean()[None], 3) ** 2
        return np.sqrt(deviation.sum(axis=0) / max(runs - 1, 1))

    def labelled(self) -> tuple[str, Float[np.ndarray, "run t k _"]]:
        """Name of the last axis and real numbers along it, whose length counts: `part` (re, im) or `component`."""
        if self.noun == "part":
            return "component", self.remaining
        return "part", parts(self.remaining)


class Probe(eqx.Module):
    """What functions are taken apart into: linear, so that what holds for curves holds for their errors.

    Called on a trajectory and its data, it gives `ModeCurves`.
    """

    name: ClassVar[str]
    modal: ClassVar[bool] = True
    periodic: ClassVar[bool] = False
    """Whether it needs the period of a `Problem`."""

    def modes(self, problem: Data) -> Shaped[np.ndarray, " k"]:
        """The mode, or the cut-off, of every part: a number."""
        raise NotImplementedError

    def labels(self, problem: Data) -> Shaped[np.ndarray, " k"]:
        """What the parts are called."""
        return self.modes(problem)

    def frequencies(self, problem: Data) -> Float[np.ndarray, " k"]:
        """Of every part, in cycles per unit of the coordinates; NaN where it has none."""
        return self.modes(problem) / (problem.domain.period if isinstance(problem, Problem) else 1.0)

    def rates(self, problem: Data, spectrum: Any) -> Float[np.ndarray, " k"] | None:  # noqa: ARG002
        """The rate of every part under a spectrum on the data; None where they have none."""
        return None

    def parts(self, problem: Data, values: Float[np.ndarray, "s n"]) -> Inexact[np.ndarray, "s k *c"]:
        """The parts of each function: a complex number, or a vector whose length is the rms of the part."""
        raise NotImplementedError

    def quality(self, problem: Data) -> dict[str, float]:
        """The highest mode that the points resolve, and how well conditioned the probe is; warns of aliasing."""
        raise NotImplementedError

    def refuse(self, problem: Data) -> None:
        """Refuse data that the probe does not fit."""
        if self.periodic and not isinstance(problem, Problem):
            msg = f"probe={self.name!r} on Points, which have no period; allowed: RankProbe, DirectionProbe, "
            raise _checks.InputError(msg + "FilterProbe, DegreeProbe, or problem(domain, t, y, modes)")

    def __call__(self, trajectory: Trajectory, problem: Data) -> ModeCurves:
        """What is left of every part of the target."""
        self.refuse(problem)
        target, scale, present = self._start(problem)
        remaining = (target - self._parts(problem, trajectory.values)) / scale
        return ModeCurves(trajectory.steps, self.labels(problem), remaining, present.astype(int))

    def changes(self, problem: Data, values: Float[np.ndarray, "run t n"]) -> Inexact[np.ndarray, "run t k *c"]:
        """What an addition to f changes of what is left: -P_k(values) / scale_k.

        Example:
            >>> from lfp import Circle, sum_of_modes
            >>> data = sum_of_modes(Circle(), 8, [1, 2])
            >>> bool(abs(ModeProbe().changes(data, 0.5 * data.y[None, None]) + 0.5).max() < 1e-12)
            True
        """
        return -self._parts(problem, values) / self._start(problem)[1]

    def _parts(self, problem: Data, values: Float[np.ndarray, "run t n"]) -> Inexact[np.ndarray, "run t k *c"]:
        found = self.parts(problem, values.reshape(-1, values.shape[-1]))
        return found.reshape(*values.shape[:2], *found.shape[1:])

    def _start(self, problem: Data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The parts of the target, by what each is scaled, and whether it is there."""
        y = np.asarray(problem.y)
        target = self.parts(problem, y[None])[0]
        rms, size = np.sqrt(problem.weights @ y**2), length(target, 1)
        present = size > ABSENT * rms
        # a zero target has nothing to scale by: its error is absolute
        scale = np.where(present, target if self.modal else size, rms if rms > 0 else 1.0)
        return target, scale if self.modal else scale[:, None], present


class ModeProbe(Probe):
    """Fourier modes, by DFT on a full-period grid, by least squares elsewhere.

    Args:
        followed: modes, in cycles per period; None takes those of the problem.

    Example:
        >>> from lfp import Circle, sum_of_modes
        >>> ModeProbe().quality(sum_of_modes(Circle(), 8, [1, 2]))
        {'resolution': 4.0, 'condition': 1.0}
    """

    followed: Int[np.ndarray, " k"] | None = None
    name: ClassVar[str] = "modes"
    periodic: ClassVar[bool] = True

    def modes(self, problem: Problem) -> Int[np.ndarray, " k"]:
        """Those that are followed."""
        return problem.modes if self.followed is None else self.followed

    def rates(self, problem: Problem, spectrum: Any) -> Float[np.ndarray, " k"] | None:
        """Those of the spectrum, where it goes by modes."""
        found = spectrum.rates_of(self.modes(problem))
        return None if found is None else np.asarray(found)

    def matrix(self, problem: Problem) -> Complex[np.ndarray, "k n"]:
        """What takes values to coefficients."""
        return analysis(problem.turns, self.modes(problem), problem.weights)

    def parts(self, problem: Problem, values: Float[np.ndarray, "s n"]) -> Complex[np.ndarray, "s k"]:
        """c_k."""
        return values @ self.matrix(problem).T

    def quality(self, problem: Problem) -> dict[str, float]:
        """Resolution and condition number of the fit; warns where it leaves a tenth of the target."""
        if is_full_period_grid(problem.turns):
            return {"resolution": len(problem.t) / 2, "condition": 1.0}
        fit = nudft(problem.turns[:, None], problem.y, int(self.modes(problem).max()))
        return {"resolution": fit.resolution, "condition": fit.condition}


class WeightProbe(ModeProbe):
    """Fourier modes of scattered points by density weights, c_k = sum_j w_j u_j exp(-2 pi i k.x_j).

    The weights integrate all modes up to twice the highest that is followed, as far as there are points for them:
    exact for functions without higher modes, and robust where a fit is badly conditioned.

    Example:
        >>> from lfp import Line, problem
        >>> t = np.array([-0.9, -0.5, -0.1, 0.2, 0.7, 0.9])
        >>> p = problem(Line(), t, np.sin(np.pi * t), [1])
        >>> still = Trajectory(np.array([0]), p.y[None, None] / 2, p.x)
        >>> WeightProbe()(still, p).mean().real.round(12).tolist()
        [[0.5]]
    """

    name: ClassVar[str] = "weights"

    def matrix(self, problem: Problem) -> Complex[np.ndarray, "k n"]:
        """exp(-2 pi i k.x_j) w_j."""
        weights = density_weights(problem.turns[:, None], box(self._highest(problem), 1))
        return harmonics(problem.turns, self.modes(problem)).conj().T * weights

    def quality(self, problem: Problem) -> dict[str, float]:
        """Resolution and condition number of the weights; warns as a fit does, and where points are too few."""
        found, highest = super().quality(problem), self._highest(problem)
        condition = nudft(problem.turns[:, None], problem.y, highest, "density").condition
        if highest < 2 * self.modes(problem).max() and not is_full_period_grid(problem.turns):
            msg = f"{len(problem.t)} points have weights for modes up to {highest // 2}: those above are aliased"
            warnings.warn(msg, stacklevel=2)
        return {**found, "condition": condition}

    def _highest(self, problem: Problem) -> int:
        return min(2 * int(self.modes(problem).max()), (len(problem.t) - 1) // 2)


class FilterProbe(Probe):
    """The low and the high part of a function under a Gaussian filter: e = |P(y - f)| / |P y|, in the rms over points.

    The Gaussian has the variance (period / 2 pi c)^2 at a cut-off c: mode k keeps about exp(-(k / c)^2 / 2) of itself.
    On `Points`, of any dimension, the period is one unit of x.

    Args:
        cutoffs: c, in cycles per period; on `Points` in cycles per unit of x.

    Raises:
        InputError: no cut-off, one that is not above 0, one given twice.

    Example:
        >>> from lfp import Circle, sum_of_modes
        >>> p = sum_of_modes(Circle(), 32, [1, 9])
        >>> low = Trajectory(np.array([0, 1]), np.stack([0 * p.t, np.sin(p.t)])[None], p.x)
        >>> curves = FilterProbe((3,))(low, p)
        >>> curves.modes.tolist(), curves.size().round(2).tolist()
        (['low 3', 'high 3'], [[1.0, 1.0], [0.01, 1.0]])
    """

    cutoffs: tuple[float, ...]
    name: ClassVar[str] = "filter"
    modal: ClassVar[bool] = False

    def __check_init__(self) -> None:
        for cutoff in self.cutoffs:
            _checks.positive("cutoffs", cutoff)
        if not self.cutoffs or len(set(self.cutoffs)) < len(self.cutoffs):
            msg = f"cutoffs={self.cutoffs} must be one number or more, each once"
            raise _checks.InputError(msg)

    def modes(self, problem: Data) -> Shaped[np.ndarray, " k"]:  # noqa: ARG002 - as those of every probe
        """The cut-off of every part."""
        return np.repeat(self.cutoffs, 2)

    def labels(self, problem: Data) -> Shaped[np.ndarray, " k"]:  # noqa: ARG002
        """`low c` and `high c` for every cut-off."""
        return np.array([f"{side} {cutoff:.4g}" for cutoff in self.cutoffs for side in ("low", "high")])

    def parts(self, problem: Data, values: Float[np.ndarray, "s n"]) -> Float[np.ndarray, "s k n"]:
        """Values of the parts at the points, times the root of the weights."""
        found = []
        for cutoff in self.cutoffs:
            low = self._low(problem, values, cutoff)
            found += [low, values - low]
        return np.stack(found, axis=1) * np.sqrt(problem.weights)

    def quality(self, problem: Data) -> dict[str, float]:
        """Resolution: of `Points` half a cycle in the median gap between neighbours; warns where none is reached.

        Raises:
            InputError: a cut-off above what the points resolve.
        """
        points = len(problem.x)
        resolution = points / 2 if isinstance(problem, Problem) else 0.5 / gaps(problem.x)
        if max(self.cutoffs) > resolution:
            msg = f"cutoffs={max(self.cutoffs):g} is aliased: {points} points resolve modes up to {resolution:.4g}"
            raise _checks.InputError(msg)
        self.parts(problem, np.asarray(problem.y)[None])
        return {"resolution": resolution}

    @staticmethod
    def _low(problem: Data, values: Float[np.ndarray, "s n"], cutoff: float) -> Float[np.ndarray, "s n"]:
        """sum_j w_j u_j G_ij / sum_j w_j G_ij."""
        period = problem.domain.length if isinstance(problem, Problem) else 1.0
        weighted = np.concatenate([values, np.ones((1, values.shape[1]))]) * problem.weights
        low = gaussian_filter(problem.x, weighted.T, (period / (2 * np.pi * cutoff)) ** 2)[0].T
        return low[:-1] / low[-1:]


MODES: Probe = ModeProbe()
PROBES: dict[str, Callable[..., Probe]] = {one.name: one for one in (ModeProbe, WeightProbe, FilterProbe)}


def probe(trajectory: Trajectory, problem: Problem, modes: Int[np.ndarray, " k"] | None = None) -> ModeCurves:
    """Relative complex error of each mode: (F[y] - F[f_s])(k) / F[y](k), by DFT on a grid, least squares elsewhere.

    Args:
        trajectory: functions at the data points of the problem.
        problem: the data; its modes are followed unless others are named.
        modes: modes, in cycles per period.

    Raises:
        InputError: modes that the points do not resolve.

    Example:
        >>> from lfp import Circle, sum_of_modes
        >>> p = sum_of_modes(Circle(), 8, [1, 2])
        >>> half = Trajectory(np.array([0, 1]), np.stack([0 * p.y, p.y / 2])[None], p.x)
        >>> probe(half, p).mean().real.round(12).tolist()
        [[1.0, 1.0], [0.5, 0.5]]
    """
    return ModeProbe(modes)(trajectory, problem)


def length(values: Inexact[np.ndarray, "..."], axes: int) -> Float[np.ndarray, "..."]:
    """Length of the vectors, or size of the numbers, that stand behind the first `axes` axes."""
    return np.sqrt((np.abs(values) ** 2).reshape(*values.shape[:axes], -1).sum(axis=-1))


def movement(trajectory: Trajectory, problem: Data, probe: Probe) -> float:
    """How far the mode that moves most goes from its start, in units of what is to be learnt of it; mean of the runs.

    Example:
        >>> from lfp import Circle, sum_of_modes
        >>> p = sum_of_modes(Circle(), 8, [1])
        >>> round(movement(Trajectory(np.arange(2), np.stack([0 * p.y, p.y / 4])[None], p.x), p, MODES), 12)
        0.25
    """
    mean = probe(trajectory, problem).mean()
    return float(length(mean - mean[:1], 2).max())


def sup_distance(one: Trajectory, other: Trajectory, problem: Data, probe: Probe = MODES) -> Float[np.ndarray, " k"]:
    """sup over common steps of |difference of the mean mode curves|, relative to the start, for every mode."""
    count = min(len(one.steps), len(other.steps))
    if not np.array_equal(one.steps[:count], other.steps[:count]):
        msg = "the two trajectories were looked at on different steps; allowed: the same steps, one may end early"
        raise _checks.InputError(msg)
    gap = probe(one, problem).mean()[:count] - probe(other, problem).mean()[:count]
    return length(gap, 2).max(axis=0)


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
    matrix = np.linalg.pinv(root[:, None] * functions) * root[None, :]
    target, rms = matrix @ data.y + 0j, np.sqrt(data.weights @ data.y**2)
    present = np.abs(target) > ABSENT * rms
    scale = np.where(present, target, rms if rms > 0 else 1.0)
    remaining = (target - trajectory.values @ matrix.T) / scale
    return ModeCurves(trajectory.steps, modes, remaining, present.astype(int))
