"""Domains: where the data live, how a coordinate enters the network, and which modes there are."""

from typing import ClassVar, Protocol, runtime_checkable

import equinox as eqx
import numpy as np
from jaxtyping import Float

from lfp import _checks


@runtime_checkable
class Domain(Protocol):
    """One period of a coordinate t; mode k is k cycles per period."""

    name: ClassVar[str]
    label: ClassVar[str]

    @property
    def period(self) -> float:
        """Length of the period, in units of t."""
        ...

    @property
    def length(self) -> float:
        """Length of the period as the network sees it."""
        ...

    def grid(self, n: int) -> Float[np.ndarray, " n"]:
        """n evenly spaced coordinates, end point excluded."""
        ...

    def embed(self, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
        """What the network sees of the coordinate."""
        ...


class Circle(eqx.Module):
    """The unit circle: t is an angle in radians, the network sees (cos t, sin t).

    Example:
        >>> Circle().embed(Circle().grid(2)).round(12).tolist()
        [[1.0, 0.0], [-1.0, 0.0]]
    """

    name: ClassVar[str] = "circle"
    label: ClassVar[str] = "angle (rad)"

    @property
    def period(self) -> float:
        """Once around."""
        return 2 * np.pi

    @property
    def length(self) -> float:
        """Along the circle."""
        return 2 * np.pi

    def grid(self, n: int) -> Float[np.ndarray, " n"]:
        """n evenly spaced angles from 0."""
        return 2 * np.pi * np.arange(n) / n

    def embed(self, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        """(cos t, sin t)."""
        return np.stack([np.cos(t), np.sin(t)], axis=1)


class Line(eqx.Module):
    """An interval [low, high), seen by the network as [-1, 1): mode k is k / (high - low) cycles per unit of t.

    Example:
        >>> Line().grid(4).tolist(), Line(0.0, 8.0).embed(np.array([2.0])).tolist()
        ([-1.0, -0.5, 0.0, 0.5], [[-0.5]])
    """

    low: float = -1.0
    high: float = 1.0
    name: ClassVar[str] = "line"
    label: ClassVar[str] = "x"

    def __check_init__(self) -> None:
        """Refuse an empty interval."""
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            msg = f"low={self.low}, high={self.high} must be finite with low < high"
            raise _checks.InputError(msg)

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
        t = np.unique(t)
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
        return (2 * (np.asarray(t) - self.low) / self.period - 1)[:, None]


DOMAINS = {"circle": Circle, "line": Line}


def domain(name: str) -> Domain:
    """The domain of a name.

    Example:
        >>> domain("circle").name
        'circle'
    """
    return DOMAINS[_checks.choice("domain", name, DOMAINS)]()
