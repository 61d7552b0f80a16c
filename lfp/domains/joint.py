"""Data with several outputs: one target a pair (point, output)."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from lfp import _checks
from lfp.domains.problems import Points, merge

MOST_CLASSES = 1000


class Joint(Points):
    """Targets (n, o) at n points, as n o points (x, number of the output), the outputs of a point after one another.

    The loss is (1/2) sum_i P_i sum_c (f_c(x_i) - y_ic)^2: every output counts in full, and the weights sum to o.
    `Joint.of` makes it of tables, `Joint.of_labels` of classes.

    Args:
        x: (x, number of the output from 0).
        y: a target each.
        weights: share of the data at the point; None for equal ones.
        names: of the outputs.
        classes: whether the outputs are those of classes, of which the largest is said.

    Raises:
        InputError: as `Points`; numbers of outputs that do not go 0, 1, .., o - 1 point by point, names that repeat.
    """

    names: tuple[str, ...] = eqx.field(static=True, default=())
    classes: bool = eqx.field(static=True, default=False)

    def __init__(self, x: Any, y: Any, weights: Any, names: Sequence[str], classes: bool = False) -> None:
        self.names, self.classes = tuple(map(str, names)), bool(classes)
        even = np.full(len(x), len(self.names) / max(len(x), 1)) if weights is None else weights
        super().__init__(x, y, even)
        count = len(self.names)
        if not count or len(set(self.names)) < count:
            msg = f"names={self.names} must be one or more, no two the same"
            raise _checks.InputError(msg)
        if len(self.x) % count == 0:
            points, weights = self.x.reshape(-1, count, self.x.shape[1]), self.weights.reshape(-1, count)
            alike = (points[:, :1, :-1] == points[:, :, :-1]).all() and (weights[:, :1] == weights).all()
            if alike and (points[:, :, -1] == np.arange(count)).all():
                return
        msg = f"x of {len(self.x)} rows is not (point, output) for {count} outputs, of one weight a point; "
        raise _checks.InputError(msg + "allowed: what Joint.of makes")

    @classmethod
    def of(cls, x: Any, y: Any, names: Sequence[str] | None = None, *, classes: bool = False) -> "Joint":
        """From points (n, d) and targets (n, o). Repeated points are merged: their mean, with their number as weight.

        Args:
            x: points.
            y: targets, a column an output.
            names: of the outputs; None for 1, 2, ...
            classes: whether they are those of classes.

        Raises:
            InputError: values that are not finite, lengths that differ, names that do not fit.

        Example:
            >>> data = Joint.of(np.eye(2), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
            >>> data.x.tolist()[:3], data.y.tolist()[:3], data.outputs
            ([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, 2.0]], [1.0, 2.0, 3.0], 3)
        """
        y = _checks.finite("y", np.asarray(_checks.real("y", y, 2), np.float64))
        x = np.asarray(_checks.real("x", x, 2), np.float64)
        if len(x) != len(y) or not y.size:
            msg = f"x of shape {x.shape} and y of shape {y.shape} must be (n, d) and (n, o), neither of them 0"
            raise _checks.InputError(msg)
        names = tuple(map(str, range(1, y.shape[1] + 1))) if names is None else tuple(names)
        if len(names) != y.shape[1]:
            msg = f"names={names} of {y.shape[1]} outputs; allowed: one each"
            raise _checks.InputError(msg)
        each = [merge(x, column) for column in y.T]
        points, count = each[0], len(names)
        which = np.tile(np.arange(float(count)), len(points.x))
        places = np.concatenate([np.repeat(points.x, count, axis=0), which[:, None]], axis=1)
        targets = np.stack([one.y for one in each], axis=1).ravel()
        return cls(places, targets, np.repeat(points.weights, count), names, classes)

    @classmethod
    def of_labels(cls, x: Any, labels: Sequence[Any] | np.ndarray) -> "Joint":
        """One output a class, 1 where a point is of it and 0 where not.

        Raises:
            InputError: labels of one class, or of more than a thousand.

        Example:
            >>> data = Joint.of_labels(np.eye(3), ["b", "a", "b"])
            >>> data.names, data.table.tolist()
            (('a', 'b'), [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
        """
        labels = np.asarray(labels)
        bad = labels.ndim != 1 or any(label is None or label != label for label in labels.tolist())
        if bad:
            msg = f"labels of shape {labels.shape}; allowed: one a point, none of them missing"
            raise _checks.InputError(msg)
        found, codes = np.unique(labels, return_inverse=True)
        if not 2 <= len(found) <= MOST_CLASSES:
            msg = f"labels have {len(found)} classes, among them {', '.join(map(str, found[:3].tolist()))}; "
            raise _checks.InputError(msg + f"allowed: 2 to {MOST_CLASSES}")
        return cls.of(x, np.eye(len(found))[codes.ravel()], [str(name) for name in found.tolist()], classes=True)

    @property
    def outputs(self) -> int:
        """Their number o."""
        return len(self.names)

    @property
    def inputs(self) -> Float[np.ndarray, "n d"]:
        """The points, each once."""
        return self.x[:: self.outputs, :-1]

    @property
    def shares(self) -> Float[np.ndarray, " n"]:
        """Share of the data at each point; they sum to 1."""
        return self.weights[:: self.outputs]

    @property
    def table(self) -> Float[Array | np.ndarray, "n o"]:
        """The targets, a column an output."""
        return self.y.reshape(-1, self.outputs)


def by_output(data: Any, values: Float[np.ndarray, "*s no"]) -> Float[np.ndarray, "*s n o"]:
    """Values of joint data, an axis for the outputs.

    Example:
        >>> by_output(Joint.of(np.eye(2), np.zeros((2, 3))), np.arange(6.0)).tolist()
        [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """
    return values.reshape(*values.shape[:-1], -1, data.outputs)
