"""An optimiser by name, with its settings checked against each other: what the command line asks for."""

import equinox as eqx

from lfp import _checks
from lfp.dynamics import Dynamics, GradientDescent
from lfp.momentum import HeavyBall, Nesterov
from lfp.optimisers import SCHEDULES, schedule
from lfp.schedules import scheduled
from lfp.shrinkage import WeightDecay
from lfp.stochastic import Adam, MiniBatch

OPTIMIZERS = ("gd", "momentum", "nesterov", "sgd", "adam")
MOMENTUM = 0.9


class Recipe(eqx.Module):
    """Settings of an optimiser.

    Args:
        optimizer: gd, momentum (heavy ball), nesterov, sgd (mini-batches) or adam.
        momentum: for momentum and nesterov; 0 takes .9.
        schedule: of the learning rate: constant, cosine, exponential, linear or warmup; gd, momentum, nesterov.
        batch_size: points in a batch; sgd.
        weight_decay: of the displacement, in units of a rate; gd, momentum, nesterov.

    Raises:
        InputError: an unknown name, a setting that the optimiser does not have.

    Example:
        >>> Recipe("momentum").law(lr=0.5, steps=10).mu
        0.9
    """

    optimizer: str = eqx.field(static=True, default="gd")
    momentum: float = 0.0
    schedule: str = eqx.field(static=True, default="constant")
    batch_size: int = eqx.field(static=True, default=0)
    weight_decay: float = 0.0

    def __check_init__(self) -> None:
        """Refuse what does not go together."""
        _checks.choice("optimizer", self.optimizer, OPTIMIZERS)
        _checks.choice("schedule", self.schedule, SCHEDULES)
        _checks.nonnegative("weight_decay", self.weight_decay)
        plain = ("gd", "momentum", "nesterov")
        self._only("momentum", self.momentum, 0.0, ("momentum", "nesterov"))
        self._only("schedule", self.schedule, "constant", plain)
        self._only("weight_decay", self.weight_decay, 0.0, plain)
        self._only("batch_size", self.batch_size, 0, ("sgd",))
        if self.optimizer == "sgd":
            _checks.integer("batch_size", self.batch_size, 1)

    def law(self, lr: float, steps: int, points: int = 0, largest: float = 1.0) -> Dynamics:
        """The law.

        Args:
            lr: learning rate.
            steps: length of the training.
            points: points of the data; sgd.
            largest: the largest n P_i K(x_i, x_i); sgd.
        """
        if self.optimizer == "sgd":
            return MiniBatch(lr, self.batch_size, points, largest)
        if self.optimizer == "adam":
            return Adam(lr, steps)
        law = GradientDescent(lr)
        if self.optimizer != "gd":
            law = (HeavyBall if self.optimizer == "momentum" else Nesterov)(lr, self.momentum or MOMENTUM)
        if self.schedule != "constant":
            law = scheduled(law, schedule(self.schedule, steps), steps)
        return WeightDecay(law, self.weight_decay) if self.weight_decay else law

    def _only(self, name: str, value: float | str, off: float | str, optimizers: tuple[str, ...]) -> None:
        if value != off and self.optimizer not in optimizers:
            msg = f"{name}={value} is not for optimizer={self.optimizer!r}; allowed: {off}"
            raise _checks.InputError(msg)
