"""Networks of neural-tangents' stax: convolutions, pooling, attention, with their kernel at infinite width."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.kernels.algebra import Kernel
from lfp.networks.network import Params


class Stax(eqx.Module):
    """What `stax.serial(...)` gives: f = alpha apply_fn(params, x), and the kernel of the network at infinite width.

    Args:
        init_fn: (key, shape of the points) -> (shape of the outputs, parameters).
        apply_fn: (parameters, points) -> (n, 1).
        kernel_fn: (x1, x2, get) -> kernel, neural-tangents' own.
        width: neurons or channels of the narrowest layer, by which laziness is divided.
        alpha: output scale; larger is lazier.
        shape: of a point as the network takes it, such as (8, 8, 1); None for (dim,).

    Raises:
        InputError: width below 1, alpha not positive, (by its methods) points of another size, more outputs than one.

    Example:
        >>> from lfp.kernels import neural_tangents
        >>> stax = neural_tangents().stax
        >>> dense = stax.serial(stax.Dense(64), stax.Relu(), stax.Dense(1))
        >>> Stax(*dense, width=64).kernel()(jnp.eye(2)).round(3).tolist()
        [[0.5, 0.08], [0.08, 0.5]]
    """

    init_fn: Callable[..., Any] = eqx.field(static=True)
    apply_fn: Callable[..., Any] = eqx.field(static=True)
    kernel_fn: Callable[..., Any] = eqx.field(static=True)
    width: int = eqx.field(static=True)
    alpha: float = eqx.field(static=True, default=1.0)
    shape: tuple[int, ...] | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        _checks.integer("width", self.width, 1)
        _checks.positive("alpha", self.alpha)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Parameters as stax draws them."""
        return self.init_fn(key, (1, *(self.shape or (dim,))))[1]

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """alpha f(x); training removes its value at initialisation."""
        out = self.apply_fn(params, _shaped(x, self.shape))
        if out.shape != (len(x), 1):
            msg = f"apply_fn gives shape {out.shape} for {len(x)} points; allowed: ({len(x)}, 1)"
            raise _checks.InputError(msg)
        return self.alpha * out[:, 0]

    def kernel(self) -> "StaxKernel":
        """The NTK in the limit of infinite width."""
        return StaxKernel(self.kernel_fn, self.shape)


class StaxKernel(Kernel):
    """The NTK that neural-tangents computes of a stax network."""

    kernel_fn: Callable[..., Any] = eqx.field(static=True)
    shape: tuple[int, ...] | None = eqx.field(static=True, default=None)

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K(x1, x2)."""
        return self.kernel_fn(_shaped(x1, self.shape), None if x2 is None else _shaped(x2, self.shape), "ntk")


def _shaped(x: Array, shape: tuple[int, ...] | None) -> Array:
    if shape is None:
        return x
    if math.prod(shape) != x.shape[1]:
        msg = f"shape={shape} of points with {x.shape[1]} coordinates; allowed: a shape of as many numbers"
        raise _checks.InputError(msg)
    return jnp.reshape(x, (len(x), *shape))
