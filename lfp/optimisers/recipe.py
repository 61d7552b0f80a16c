"""An optimiser by name, with its settings checked against each other: what the command line asks for."""

import equinox as eqx

from lfp import _checks
from lfp.optimisers.adam import Adam
from lfp.optimisers.descent import GradientDescent
from lfp.optimisers.law import Law
from lfp.optimisers.mini_batch import MiniBatch
from lfp.optimisers.momentum import HeavyBall, Nesterov
from lfp.optimisers.schedules import SCHEDULES, named, scheduled
from lfp.optimisers.weight_decay import WeightDecay

OPTIMIZERS = ("gd", "momentum", "nesterov", "sgd", "adam")
MOMENTUM = 0.9


class Recipe(eqx.Module):
    """Settings of an optimiser.

    Args:
        optimizer: gd, momentum (heavy ball), nesterov, sgd (mini-batches) or adam.
        momentum: for momentum and nesterov; None takes .9.
        schedule: of the learning rate: constant, cosine, exponential, linear or warmup.
        batch_size: points in a batch; sgd.
        weight_decay: of the displacement, in units of a rate; none of adam.

    Raises:
        InputError: an unknown name, a setting that the optimiser does not have.
    """

    optimizer: str = eqx.field(static=True, default="gd")
    momentum: float | None = None
    schedule: str = eqx.field(static=True, default="constant")
    batch_size: int | None = eqx.field(static=True, default=None)
    weight_decay: float = 0.0

    def __check_init__(self) -> None:
        _checks.choice("optimizer", self.optimizer, OPTIMIZERS)
        _checks.choice("schedule", self.schedule, SCHEDULES)
        _checks.nonnegative("weight_decay", self.weight_decay)
        for name, optimizers in (("momentum", ("momentum", "nesterov")), ("batch_size", ("sgd",))):
            if getattr(self, name) is not None and self.optimizer not in optimizers:
                msg = f"{name}={getattr(self, name)} is not for optimizer={self.optimizer!r}; allowed: None"
                raise _checks.InputError(msg)
        if self.optimizer == "sgd":
            _checks.integer("batch_size", self.batch_size or 0, 1)

    def law(self, lr: float, steps: int, points: int = 0, largest: float = 1.0) -> Law:
        """The law; `points` of the data and `largest`, the largest n P_i K(x_i, x_i), are for sgd."""
        match self.optimizer:
            case "sgd":
                law = MiniBatch(lr, self.batch_size or 0, points, largest)
            case "adam":
                law = Adam(lr, steps)
            case "gd":
                law = GradientDescent(lr)
            case name:
                make = HeavyBall if name == "momentum" else Nesterov
                law = make(lr, MOMENTUM if self.momentum is None else self.momentum)
        if self.schedule != "constant":
            law = scheduled(law, named(self.schedule, steps), steps)
        return WeightDecay(law, self.weight_decay) if self.weight_decay else law
