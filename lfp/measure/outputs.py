"""What is left of every output, and what classes make of it: accuracy and cross-entropy."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, Shaped

from lfp import _checks
from lfp.domains.joint import Joint, by_output
from lfp.measure.probes import Data, Probe
from lfp.measure.trajectory import Trajectory


class OutputProbe(Probe):
    """Every output as a whole: e_c = |y_c - f_c| / |y_c|, in the rms over the points.

    Example:
        >>> data = Joint.of(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]), ["a", "b"])
        >>> half = Trajectory(np.array([4]), data.y[None, None] / 2, data.x)
        >>> OutputProbe()(half, data).size().round(12).tolist()
        [[0.5, 0.5]]
    """

    name: ClassVar[str] = "output"
    modal: ClassVar[bool] = False

    def refuse(self, problem: Data) -> None:
        """Refuse data of one output."""
        if not isinstance(problem, Joint):
            msg = f"probe={self.name!r} on data of one output; allowed: Joint data"
            raise _checks.InputError(msg)

    def modes(self, problem: Joint) -> Int[np.ndarray, " k"]:
        """Numbers of the outputs, from 1."""
        return np.arange(1, problem.outputs + 1)

    def labels(self, problem: Joint) -> Shaped[np.ndarray, " k"]:
        """Their names."""
        return np.array(problem.names)

    def frequencies(self, problem: Joint) -> Float[np.ndarray, " k"]:
        """None has one."""
        return np.full(problem.outputs, np.nan)

    def parts(self, problem: Joint, values: Float[np.ndarray, "s no"]) -> Float[np.ndarray, "s k n"]:
        """Values of each output, times the root of the weights."""
        return np.moveaxis(by_output(problem, values), -1, 1) * np.sqrt(problem.shares)

    def quality(self, problem: Joint) -> dict[str, float]:
        """Nothing is fitted."""
        self.refuse(problem)
        return {"resolution": float(problem.outputs), "condition": 1.0}


def accuracy(trajectory: Trajectory, data: Joint) -> Float[np.ndarray, "run t"]:
    """Share of the data of which the largest output is that of its class.

    Args:
        trajectory: outputs in the units of the classes, 0 and 1.
        data: those of `Joint.of_labels`; where points repeat, a target is the share of its class there.

    Example:
        >>> data = Joint.of_labels(np.eye(3), ["a", "b", "b"])
        >>> said = Trajectory(np.array([0]), np.array([[[1.0, 0.0, 0.2, 0.1, 0.0, 0.5]]]), data.x)
        >>> accuracy(said, data).round(3).tolist()
        [[0.667]]
    """
    said = by_output(data, trajectory.values).argmax(axis=-1)
    right = np.take_along_axis(np.asarray(data.table)[None, None], said[..., None], axis=-1)[..., 0]
    return right @ data.shares


def cross_entropy(trajectory: Trajectory, data: Joint) -> Float[np.ndarray, "run t"]:
    """Mean of -log of the share that the softmax of the outputs gives to the class: measured, and nothing trains on it.

    Args:
        trajectory: outputs in the units of the classes, 0 and 1.
        data: those of `Joint.of_labels`; where points repeat, a target is the share of its class there.

    Example:
        >>> data = Joint.of_labels(np.eye(2), ["a", "b"])
        >>> still = Trajectory(np.array([0]), np.zeros((1, 1, 4)), data.x)
        >>> cross_entropy(still, data).round(4).tolist()  # log 2
        [[0.6931]]
    """
    values = by_output(data, trajectory.values)
    values = values - values.max(axis=-1, keepdims=True)
    own = (values * np.asarray(data.table)).sum(axis=-1)
    return (np.log(np.exp(values).sum(axis=-1)) - own) @ data.shares
