"""Products v -> K(x, x) v and K(x_test, x) v of the LFP kernel, without its matrix.

K = K_0 + k_1(s) + k_w(s) x.x', s = x - x', is a convolution but for x.x' and a polynomial of low rank. With
x.x' = (|x|^2 + |x'|^2 - |s|^2) / 2 only two convolutions are left in every dimension,

    K v = G * v + k_w * (q v) + q (k_w * v) + K_0 v,    G = k_1 - |s|^2 k_w / 2,  q = |x|^2 / 2,

that is two transforms forward and two back, where x.x' taken apart by coordinates needs d + 1 of each.
"""

from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from lfp import _checks
from lfp.equation.operator import Operator
from lfp.neurons.distributions import Samples

Part = Literal["finite", "lfp"]
Points = Float[Array, "n dim"] | Float[np.ndarray, "n dim"]
Targets = Float[Array, "m dim"] | Float[np.ndarray, "m dim"]


class Polynomial(eqx.Module):
    """K_0 as left^T middle right, a matrix of low rank; `middle` is None where K_0 is left out."""

    left: Float[Array, "k m"]
    right: Float[Array, "k n"]
    middle: Float[Array, "k k"] | None

    @classmethod
    @eqx.filter_jit
    def of(cls, operator: Operator, x: Array, x_test: Array, part: Part) -> "Polynomial":
        """K_0 in monomials of y = (x - centre) / scale, from its values at as many points of -1, 0, 1."""
        centre, scale = frame(x, x_test)
        (c0, c1), (d0, d1) = operator.slopes, operator.levels
        second = [] if c0 * d0 == c1 * d1 else np.stack(np.triu_indices(x.shape[1]), axis=1).tolist()

        def monomials(y: Any) -> Any:
            library = np if isinstance(y, np.ndarray) else jnp  # what is known needs no compiled inverse
            columns = [library.ones(len(y), y.dtype), *y.T, *(y[:, i] * y[:, j] for i, j in second)]
            return library.stack(columns)

        left, right = (monomials((points - centre) / scale) for points in (x_test, x))
        if part == "lfp":
            return cls(left, right, None)
        e = np.eye(x.shape[1])
        y = np.stack([0 * e[0], *e, *(-e[i] if i == j else e[i] + e[j] for i, j in second)])
        inverse = jnp.asarray(np.linalg.inv(monomials(y)), x.dtype)
        some = centre + scale * jnp.asarray(y, x.dtype)
        values = operator.smooth(some, some).astype(x.dtype)
        middle = inverse.T @ values @ inverse
        return cls(left, right, (middle + middle.T) / 2)

    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"] | float:
        """K_0 v, or 0."""
        if self.middle is None:
            return 0.0
        # sums, not products of matrices: those of few rows by very many columns are slow on a CPU
        inner = jnp.sum(self.right * v[None, :], axis=1)
        return jnp.sum(self.left * jnp.sum(self.middle * inner[None, :], axis=1)[:, None], axis=0)


def points_of(operator: Operator, x: Points, x_test: Targets | None) -> tuple[Array, Array]:
    """x and x_test as arrays of JAX; refuses what is traced, not finite or of another dimension."""
    for name, points in (("x", x), ("x_test", x if x_test is None else x_test)):
        if isinstance(points, Tracer):
            msg = f"{name} is traced; allowed: numbers, since the method follows from the points"
            raise _checks.InputError(msg)
        if points.ndim != 2 or points.shape[1] != operator.dim or not len(points):
            msg = f"{name} has shape {points.shape}; allowed: (n, {operator.dim}) with n >= 1"
            raise _checks.InputError(msg)
        _checks.finite(name, np.asarray(points))
    return jnp.asarray(x), jnp.asarray(x if x_test is None else x_test)


def part_of(operator: Operator, part: Part) -> Callable[[Array, Array], Array]:
    """The kernel that a part names."""
    return {"finite": operator, "lfp": operator.lfp}[_checks.choice("part", part, ("finite", "lfp"))]


def is_radial(operator: Operator) -> bool:
    """Whether the kernel is a function of |s|, |x| and |x'| in d <= 3: what a NUFFT needs."""
    return operator.dim == 1 or (operator.dim <= 3 and not isinstance(operator.w, Samples))


@eqx.filter_jit
def pair(operator: Operator, s: Float[Array, "n dim"]) -> Float[Array, "2 n"]:
    """G and k_w at differences s."""
    one, w = (k[:, 0] for k in operator.parts(s, jnp.zeros_like(s[:1])))
    return jnp.stack([one - half_square(s) * w, w])


def half_square(x: Float[Array, "n dim"]) -> Float[Array, " n"]:
    """|x|^2 / 2."""
    return jnp.sum(x**2, axis=1) / 2


@eqx.filter_jit
def frame(x: Array, x_test: Array) -> tuple[Float[Array, "1 dim"], Float[Array, ""]]:
    """Centre and half the largest side of the box around all points."""
    low, high = (f(jnp.stack([f(x, axis=0), f(x_test, axis=0)]), axis=0) for f in (jnp.min, jnp.max))
    scale = jnp.max(high - low) / 2
    return (low + high)[None, :] / 2, jnp.where(scale > 0, scale, 1)
