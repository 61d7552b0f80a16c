"""The two kinds of domains whose modes are known: a coordinate of one period, and spaces of unit vectors.

On spaces of unit vectors the modes come in degrees k. With P_k(x.y) the zonal function of degree k, P_k(1) = 1,
multiplication by t = x.y is a walk on the degrees,

    t P_k = down_k P_(k-1) + up_k P_(k+1),    up_k + down_k = 1,

of Gegenbauer on the sphere, of Krawtchouk on the cube. All that a zonal kernel needs is this walk, `steps`.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar, Protocol, runtime_checkable

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from lfp import _checks

Values = Float[np.ndarray, " m"]
Degrees = Int[np.ndarray, " k"]
_ROUNDING = 1e-6  # of given points: float32 passes


@runtime_checkable
class Domain(Protocol):
    """One period of a coordinate t; mode k is k cycles per period."""

    name: ClassVar[str]

    @property
    def label(self) -> str:
        """Of the coordinate, on an axis."""
        ...

    @property
    def expected(self) -> str:
        """Which coordinates there are, in words."""
        ...

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


class Zonal(eqx.Module):
    """A space of unit vectors with modes by degree."""

    dim: eqx.AbstractVar[int]
    name: eqx.AbstractClassVar[str]
    resolved: eqx.AbstractClassVar[int | None]
    """Highest degree that `levels` resolves; None: every one there is."""

    @property
    def highest(self) -> int | None:
        """The highest degree; None where there is none."""
        return None

    @abstractmethod
    def steps(self, top: int) -> tuple[Values, Values]:
        """(down_k, up_k), k = 0 .. top."""

    @abstractmethod
    def multiplicity(self, degree: int) -> int:
        """Number of modes of a degree, exact."""

    @abstractmethod
    def settled(self, top: int) -> int:
        """The n from which on `log_moment` holds and is smooth, for degrees up to top."""

    @abstractmethod
    def log_moment(self, n: Values, degree: Degrees) -> Float[np.ndarray, "m k"]:
        """log E[t^n P_k(t)], n - k even, as a smooth function of n."""

    @abstractmethod
    def frequency(self, degree: Values) -> Values:
        """What the decay is fitted against."""

    @abstractmethod
    def random(self, key: PRNGKeyArray, n: int) -> np.ndarray:
        """n independent points, uniformly distributed, as `embed` takes them."""

    @abstractmethod
    def partners(self, key: PRNGKeyArray, n: int) -> tuple[Float[np.ndarray, "1 dim"], Float[np.ndarray, "n dim"]]:
        """A random point, and n random points whose cosines with it cover the whole range."""

    @abstractmethod
    def separation(self, t: Values) -> np.ndarray:
        """How far two points of cosine t are apart: an angle, or the number of signs that differ."""

    @abstractmethod
    def apart(self, separation: np.ndarray) -> tuple[Float[np.ndarray, "1 dim"], Float[np.ndarray, "m dim"]]:
        """A point, and points so far from it."""

    @abstractmethod
    def levels(self, kappa: Callable[[np.ndarray], Values], top: int) -> Iterator[Values]:
        """E[kappa Phi_k], k = 0 .. top, by finer and finer quadrature; kappa a function of the separation.

        Phi_k = sqrt(N_k) P_k is orthonormal under the distribution of t = x.y.
        """

    def _expand(self, values: Values, t: Values, weight: Values, top: int) -> Float[np.ndarray, " k"]:
        """sum_i weight_i values_i Phi_k(t_i); Phi carries the root of the weight, which keeps it below 1."""
        down, up = self.steps(top + 1)
        beta = np.sqrt(up[:-1] * down[1:])  # t Phi_k = beta_k Phi_(k+1) + beta_(k-1) Phi_(k-1)
        root = np.sqrt(weight)
        out = np.zeros(len(beta))
        before, now = np.zeros_like(t), root
        for k in range(len(beta)):
            out[k] = (root * values) @ now
            if k + 1 < len(beta):
                before, now = now, (t * now - (beta[k - 1] if k else 0.0) * before) / beta[k]
        return out


def unit_vectors(name: str, x: Float[np.ndarray, "n dim"], dim: int) -> Float[np.ndarray, "n dim"]:
    """Points of R^dim, refused where they are not of norm 1."""
    x = np.asarray(_checks.real("x", x))
    if x.ndim != 2 or x.shape[1] != dim:
        msg = f"x has shape {x.shape}; allowed: (points, {dim}) on this {name}"
        raise _checks.InputError(msg)
    _checks.finite("x", x)
    norms = np.linalg.norm(x, axis=1)
    far = int(np.abs(norms - 1).argmax()) if len(x) else 0
    if len(x) and abs(norms[far] - 1) > _ROUNDING:
        msg = f"x has norm {norms[far]:.6g} at point {far}; allowed: 1 on the {name} (divide each point by its norm)"
        raise _checks.InputError(msg)
    return x
