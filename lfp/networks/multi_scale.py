"""Networks at several scales, added up."""

from functools import reduce

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.kernels.algebra import Dilated, Kernel, Sum
from lfp.networks.network import Params, Wrapped, kernel


class MultiScale(Wrapped):
    """f(x) = sum_i f_i(a_i x), the f_i independent networks of one kind (MscaleDNN, arXiv 2007.11207).

    Args:
        inner: what every f_i is.
        scales: the a_i.

    Raises:
        InputError: no scale, or one that is not a finite number above 0.

    Example:
        >>> from lfp import TwoLayer
        >>> net = MultiScale(TwoLayer(width=8), (1.0, 2.0, 4.0))
        >>> net.apply(net.init(jax.random.key(0), 2), jnp.zeros((3, 2))).shape, net.width
        ((3,), 24)
    """

    scales: tuple[float, ...] = eqx.field(static=True, default=(1.0, 2.0, 4.0))

    def __check_init__(self) -> None:
        _checks.integer("len(scales)", len(self.scales), 1)
        for scale in self.scales:
            _checks.positive("scales", scale)

    @property
    def width(self) -> int:
        """Of all networks together."""
        return len(self.scales) * self.inner.width

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """A list of parameters, one entry a scale."""
        return [self.inner.init(k, dim) for k in jax.random.split(key, len(self.scales))]

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """f(x)."""
        parts = [self.inner.apply(p, a * x) for p, a in zip(params, self.scales, strict=True)]
        return reduce(jnp.add, parts)

    def kernel(self) -> Kernel:
        """sum_i K(a_i x, a_i x')."""
        return reduce(Sum, [Dilated(kernel(self.inner), scale) for scale in self.scales])
