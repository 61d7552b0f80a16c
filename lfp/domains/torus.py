"""The torus: several angles."""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from lfp import _checks


class Torus(eqx.Module):
    """T^p: p angles in radians, each seen by the network as (cos, sin). Mode k in Z^p is exp(i k.t).

    Args:
        dim: number p of angles.

    Example:
        >>> torus = Torus(2)
        >>> torus.grid(2).shape, torus.embed(torus.grid(2)).shape
        ((4, 2), (4, 4))
    """

    dim: int = eqx.field(static=True, default=2)
    name: ClassVar[str] = "torus"

    def __check_init__(self) -> None:
        _checks.integer("dim", self.dim, 1)

    def grid(self, n: int) -> Float[np.ndarray, "points p"]:
        """All n^p points of the even grid, the last angle fastest."""
        axis = 2 * np.pi * np.arange(_checks.integer("n", n, 1)) / n
        return np.stack(np.meshgrid(*[axis] * self.dim, indexing="ij"), axis=-1).reshape(-1, self.dim)

    def random(self, key: PRNGKeyArray, n: int) -> Float[np.ndarray, "n p"]:
        """n independent points, uniformly distributed."""
        return np.asarray(jax.random.uniform(key, (n, self.dim), maxval=2 * np.pi), np.float64)

    def embed(self, t: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n 2*p"]:
        """(cos t_1, sin t_1, cos t_2, ...)."""
        t = _checks.finite("t", np.asarray(_checks.real("t", t, 2)))
        if t.shape[1] != self.dim:
            msg = f"t has shape {t.shape}; allowed: (points, {self.dim}), one angle a column"
            raise _checks.InputError(msg)
        return np.stack([np.cos(t), np.sin(t)], axis=-1).reshape(len(t), -1)

    def multiplicity(self, degree: int) -> int:
        """Number of modes k with |k_1| + ... + |k_p| = degree."""
        angles = range(1, min(self.dim, degree) + 1)  # that are not still
        return sum(2**m * math.comb(self.dim, m) * math.comb(degree - 1, m - 1) for m in angles) if degree else 1

    def angles(self, x: Float[np.ndarray, "n _"]) -> Float[np.ndarray, "n p"]:
        """The angles of embedded points, in (-pi, pi]; refused where a pair is no (cos, sin)."""
        x = _checks.finite("x", np.asarray(_checks.real("x", x, 2)))
        if x.shape[1] != 2 * self.dim:
            msg = f"x has shape {x.shape}; allowed: (points, {2 * self.dim}), (cos, sin) of {self.dim} angles"
            raise _checks.InputError(msg)
        pairs = x.reshape(len(x), self.dim, 2)
        off = np.abs(np.linalg.norm(pairs, axis=2) - 1)
        if off.size and off.max() > 1e-6:
            point, angle = np.unravel_index(int(off.argmax()), off.shape)
            msg = f"x is {off.max():.2g} off the circle of angle {angle + 1} at point {point}; allowed: (cos, sin)"
            raise _checks.InputError(msg)
        return np.arctan2(pairs[:, :, 1], pairs[:, :, 0])

    def analyse(self, values: Float[Array, "*grid"]) -> Complex[Array, "*grid"]:
        """c_k of values on the grid, one axis an angle; the frequencies lie as in `numpy.fft.fftfreq`."""
        if values.ndim != self.dim:
            msg = f"values has {values.ndim} axes; allowed: {self.dim}, one an angle"
            raise _checks.InputError(msg)
        return jnp.fft.fftn(values) / values.size

    def synthesise(self, coefficients: Complex[Array, "*grid"]) -> Float[Array, "*grid"]:
        """Values on the grid of a real function from its c_k."""
        return jnp.fft.ifftn(coefficients).real * coefficients.size
