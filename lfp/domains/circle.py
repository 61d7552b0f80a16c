"""The circle: an angle that the network sees as (cos t, sin t)."""

from collections.abc import Callable, Iterator
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from lfp import _checks
from lfp.domains.domain import Values
from lfp.domains.sphere import Round

_NODES = 24  # of a panel: exact to rounding for half a wave of the highest mode
_MOST_PANELS = 2**17


class Circle(Round):
    """The unit circle: t is an angle, in radians unless the period says otherwise; the network sees (cos t, sin t).

    Args:
        period: what one turn counts: 2 pi, of degrees 360, of hours 24 or 12.
        zero: the angle that the network sees as (1, 0).

    Example:
        >>> Circle().embed(Circle().grid(2)).round(12).tolist(), Circle().multiplicity(3)
        ([[1.0, 0.0], [-1.0, 0.0]], 2)
        >>> Circle(period=24.0).embed(np.array([6.0, 18.0])).round(12).tolist()
        [[0.0, 1.0], [-0.0, -1.0]]
    """

    period: float = eqx.field(default=2 * np.pi, static=True)
    zero: float = eqx.field(default=0.0, static=True)
    dim: ClassVar[int] = 2
    name: ClassVar[str] = "circle"
    resolved: ClassVar[int] = 2**16

    def __check_init__(self) -> None:
        _checks.positive("period", self.period)
        _checks.number("zero", self.zero)

    @property
    def expected(self) -> str:
        """The angles of one turn."""
        if self.period == 2 * np.pi:
            return "the angles of one turn, 2 pi long, in radians (of degrees Circle(period=360), --period 360)"
        return f"the angles of one turn, {self.period:g} long"

    @property
    def label(self) -> str:
        """With the unit."""
        return "angle (rad)" if self.period == 2 * np.pi else f"angle ({self.period:g} a turn)"

    @property
    def length(self) -> float:
        """Along the circle."""
        return 2 * np.pi

    def grid(self, n: int) -> Float[np.ndarray, " n"]:
        """n evenly spaced angles from 0."""
        return self.period * np.arange(n) / n

    def random(self, key: PRNGKeyArray, n: int) -> Float[np.ndarray, " n"]:
        """n independent angles, uniformly distributed."""
        return np.asarray(jax.random.uniform(key, (n,), maxval=self.period), np.float64)

    def embed(self, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        """The point at each angle."""
        t = _checks.finite("t", np.asarray(_checks.real("t", t, 1)))
        t = (t - self.zero) * (2 * np.pi / self.period)
        return np.stack([np.cos(t), np.sin(t)], axis=1)

    def analyse(self, values: Float[Array, " n"]) -> Complex[Array, " n"]:
        """c_k of values on the grid, in the order of `numpy.fft.fftfreq`."""
        return jnp.fft.fft(values) / len(values)

    def synthesise(self, coefficients: Complex[Array, " n"]) -> Float[Array, " n"]:
        """Values on the grid of a real function from its c_k."""
        return jnp.fft.ifft(coefficients).real * len(coefficients)

    def levels(self, kappa: Callable[[Values], Values], top: int) -> Iterator[Values]:
        """c_0, sqrt(2) c_k of the profile: Gauss-Legendre on panels whose sums over the panels are FFTs.

        kappa is smooth in the angle between 0 and pi, and has a corner there, on the edge of two panels: the error
        falls exponentially with the order, where an even grid would alias the corner.
        """
        x, w = np.polynomial.legendre.leggauss(_NODES)
        scale = np.where(np.arange(top + 1) > 0, np.sqrt(2), 1.0)
        panels = 32
        while panels < 2 * (top + 1):  # half a wave of the highest mode a panel
            panels *= 2
        while panels <= max(_MOST_PANELS, 4 * (top + 1)):
            turns = (np.arange(panels // 2)[:, None] + (1 + x[None, :]) / 2) / panels
            half = kappa(2 * np.pi * turns.ravel()).reshape(turns.shape)
            waves = np.fft.rfft(np.concatenate([half, half[::-1, ::-1]]), axis=0)[: top + 1]
            shift = np.exp(-1j * np.pi * np.multiply.outer(np.arange(top + 1), 1 + x) / panels)
            yield scale * ((waves * shift).real @ w) / (2 * panels)
            panels *= 2
