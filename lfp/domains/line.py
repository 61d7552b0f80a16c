"""The line: an interval that the network sees as [-1, 1)."""

from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float

from lfp import _checks


class Line(eqx.Module):
    """An interval [low, high), seen by the network as [-1, 1): mode k is k / (high - low) cycles per unit of t.

    Example:
        >>> Line().grid(4).tolist(), Line(0.0, 8.0).embed(np.array([2.0])).tolist()
        ([-1.0, -0.5, 0.0, 0.5], [[-0.5]])
    """

    low: float = -1.0
    high: float = 1.0
    name: ClassVar[str] = "line"

    def __check_init__(self) -> None:
        for name in ("low", "high"):
            _checks.number(name, getattr(self, name))
        if not self.low < self.high:
            msg = f"low={self.low}, high={self.high} must be finite with low < high"
            raise _checks.InputError(msg)

    @property
    def expected(self) -> str:
        """The points of the interval."""
        return "one period of it, as Line(low, high) or Line.over(t) has it"

    @property
    def label(self) -> str:
        """The coordinate."""
        return "x"

    @property
    def period(self) -> float:
        """Length of the interval."""
        return self.high - self.low

    @property
    def length(self) -> float:
        """From -1 to 1."""
        return 2.0

    @classmethod
    def over(cls, t: Float[np.ndarray, " n"]) -> "Line":
        """The interval of given points: their range and one mean gap more, so that a grid covers a full period."""
        t = np.unique(_checks.finite("x", np.asarray(_checks.real("x", t, 1))))
        if len(t) < 2:
            msg = f"x has {len(t)} distinct value(s); allowed: at least 2"
            raise _checks.InputError(msg)
        span = float(t[-1] - t[0])
        return cls(float(t[0]), float(t[0]) + span * len(t) / (len(t) - 1))

    def grid(self, n: int) -> Float[np.ndarray, " n"]:
        """n evenly spaced coordinates from `low`, `high` excluded."""
        return self.low + self.period * np.arange(n) / n

    def embed(self, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 1"]:
        """The coordinate mapped to [-1, 1)."""
        t = _checks.finite("t", np.asarray(_checks.real("t", t, 1)))
        return (2 * (t - self.low) / self.period - 1)[:, None]
