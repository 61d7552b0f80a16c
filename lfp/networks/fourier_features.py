"""Fourier features in front of a network."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.kernels.algebra import Kernel, Mapped
from lfp.networks.network import Params, Wrapped, kernel


def _real(frequencies: Float[Array | np.ndarray, "count dim"]) -> Float[Array, "count dim"]:
    return jnp.asarray(_checks.real("frequencies", frequencies))


class FourierFeatures(Wrapped):
    """f(x) = inner(cos 2 pi B x, sin 2 pi B x), B fixed (Tancik et al., arXiv 2006.10739).

    Args:
        inner: the network behind the features.
        frequencies: B, one frequency a row, in cycles per unit of x; drawn ones are
            `Gaussian(sigma).sample(key, count, dim)`.

    Raises:
        InputError: frequencies that are not finite; (by `init`) not of the dimension of x.

    Example:
        >>> import jax
        >>> from lfp import MLP
        >>> net = FourierFeatures(MLP(width=8), jnp.array([[1.0], [2.0]]))
        >>> net.features(jnp.array([[0.25]])).round(12).tolist()
        [[0.0, -1.0, 1.0, 0.0]]
        >>> net.apply(net.init(jax.random.key(0), 1), jnp.zeros((3, 1))).shape
        (3,)
    """

    frequencies: Float[Array, "count dim"] = eqx.field(converter=_real)

    def __check_init__(self) -> None:
        if self.frequencies.ndim != 2 or 0 in self.frequencies.shape:
            msg = f"frequencies has shape {self.frequencies.shape}; allowed: (count, dim), one frequency a row"
            raise _checks.InputError(msg)
        _checks.concrete("frequencies", self.frequencies)

    def features(self, x: Float[Array, "n dim"]) -> Float[Array, "n features"]:
        """(cos 2 pi B x, sin 2 pi B x)."""
        if x.shape[1] != self.frequencies.shape[1]:
            msg = f"x has dimension {x.shape[1]}; allowed: {self.frequencies.shape[1]}, that of the frequencies"
            raise _checks.InputError(msg)
        phase = 2 * math.pi * jnp.matmul(x, self.frequencies.astype(x.dtype).T, precision="highest")
        return jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], axis=1)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Parameters of the inner network; B is not trained."""
        if dim != self.frequencies.shape[1]:
            msg = f"dim={dim} does not fit frequencies of dimension {self.frequencies.shape[1]}; allowed: the same"
            raise _checks.InputError(msg)
        return self.inner.init(key, 2 * len(self.frequencies))

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """f(x)."""
        return self.inner.apply(params, self.features(x))

    def kernel(self) -> Kernel:
        """K(g(x), g(x')), g the features."""
        return Mapped(kernel(self.inner), self.features)
