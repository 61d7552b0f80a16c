"""A layer that filters feature maps by frequency: Fourier transform, gains, inverse transform (arXiv 2203.12198).

    y = F^-1[ g . F[x] ],   g_k fixed, or an attention mask made of the magnitudes |F[x]| of the map itself

A fixed gain, trained by the squared error of g (s + n) against s, with S_k = E|F s|^2 and N_k = E|F n|^2, sees the
quadratic loss sum_k (1 - g_k)^2 S_k + g_k^2 N_k: it converges to Wiener's S / (S + N), each frequency at its own rate.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks

_TINY = 1e-12  # of power, under the logarithm


class SpectralFilter(eqx.Module):
    """Gains for the frequencies of feature maps of one or two dimensions.

    Fixed: g_k = p_k. Adaptive: g = sigmoid(p + w * pooled), with pooled the logarithms of mean and largest power over
    the channels, * a convolution over neighbouring frequencies: one mask for all channels, another for every map. The
    paper's layer works so, without p, which says what frequency a gain belongs to.

    Args:
        shape: size of the maps, (n,) or (n, m).
        adaptive: whether the gains are made of the map.
        reach: frequencies on either side that the convolution sees.

    Raises:
        InputError: maps of no or more than two dimensions, sizes below 2, a negative reach.

    Example:
        >>> layer = SpectralFilter((8,))
        >>> params = layer.init()
        >>> x = jnp.ones((3, 8, 2))  # maps, places, channels
        >>> bool(jnp.allclose(layer.apply(params, x), x / 2))  # gains start at a half
        True
    """

    shape: tuple[int, ...] = eqx.field(static=True)
    adaptive: bool = eqx.field(static=True, default=False)
    reach: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        if len(self.shape) not in (1, 2):
            msg = f"shape={self.shape} has {len(self.shape)} dimensions; allowed: 1 or 2"
            raise _checks.InputError(msg)
        for size in self.shape:
            _checks.integer("shape", size, 2)
        _checks.integer("reach", self.reach, 0)

    @property
    def frequencies(self) -> tuple[int, ...]:
        """Shape of the gains: those of a real transform, halved along the last axis."""
        return (*self.shape[:-1], self.shape[-1] // 2 + 1)

    def init(self) -> dict[str, Array]:
        """Gains of a half everywhere, whatever the map: nothing to draw."""
        if not self.adaptive:
            return {"gain": jnp.full(self.frequencies, 0.5)}
        size = (2 * self.reach + 1,) * len(self.shape)
        return {"gain": jnp.zeros(self.frequencies), "weights": jnp.zeros((*size, 2, 1))}

    def gains(self, params: dict[str, Array], x: Float[Array, "maps ..."]) -> Float[Array, "maps ..."]:
        """g_k of every map; equal for all where they are fixed."""
        if not self.adaptive:
            return jnp.broadcast_to(params["gain"][None], (len(x), *self.frequencies))
        power = jnp.abs(self._transform(x)) ** 2 / math.prod(self.shape)
        pooled = jnp.log(jnp.stack([power.mean(axis=-1), power.max(axis=-1)], axis=-1) + _TINY)
        letters = "HW"[: len(self.shape)]
        layout = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
        seen = jax.lax.conv_general_dilated(
            pooled, params["weights"], (1,) * len(self.shape), "SAME", dimension_numbers=layout
        )
        return jax.nn.sigmoid(params["gain"][None] + seen[..., 0])

    def apply(self, params: dict[str, Array], x: Float[Array, "maps ..."]) -> Float[Array, "maps ..."]:
        """The filtered maps, (maps, *shape, channels)."""
        if x.ndim != len(self.shape) + 2 or x.shape[1:-1] != self.shape:
            msg = f"x has shape {x.shape}; allowed: (maps, {', '.join(map(str, self.shape))}, channels)"
            raise _checks.InputError(msg)
        transform = self._transform(x)
        filtered = self.gains(params, x)[..., None].astype(transform.dtype) * transform
        return jnp.fft.irfftn(filtered, s=self.shape, axes=self._axes).astype(x.dtype)

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.shape) + 1))

    def _transform(self, x: Array) -> Any:
        return jnp.fft.rfftn(x, axes=self._axes)


def coloured(key: PRNGKeyArray, power: Float[np.ndarray, "..."], maps: int, last: int, channels: int = 1) -> Any:
    """Gaussian maps (maps, *shape, channels) of a given power spectrum, independent in every channel.

    Args:
        key: source.
        power: E|F x|^2 / n at the frequencies of a real transform, symmetric as that of real maps is.
        maps: how many.
        last: length of the last axis.
        channels: of each.

    Example:
        >>> x = coloured(jax.random.key(0), np.array([0.0, 1.0, 0.0]), 1000, last=4)
        >>> x.shape, power_spectrum(np.asarray(x)).round(1).tolist()
        ((1000, 4, 1), [0.0, 1.0, 0.0])
    """
    shape = (*power.shape[:-1], last)
    axes = tuple(range(1, len(shape) + 1))
    white = jnp.fft.rfftn(jax.random.normal(key, (maps, *shape, channels)), axes=axes)
    size = jnp.sqrt(jnp.asarray(power, white.dtype))[None, ..., None]
    return jnp.fft.irfftn(size * white, s=shape, axes=axes)


def power_spectrum(x: Float[np.ndarray, "maps ..."]) -> Float[np.ndarray, "..."]:
    """E|F x|^2 / n of maps (maps, *shape, channels), over maps and channels: its mean over all frequencies is E x^2.

    Example:
        >>> power_spectrum(np.ones((5, 4, 1))).round(12).tolist()
        [4.0, 0.0, 0.0]
    """
    axes = tuple(range(1, x.ndim - 1))
    return (np.abs(np.fft.rfftn(x, axes=axes)) ** 2).mean(axis=(0, -1)) / math.prod(x.shape[1:-1])


def wiener(signal: Float[np.ndarray, "*k"], noise: Float[np.ndarray, "*k"]) -> Float[np.ndarray, "*k"]:
    """The gain of least squared error, S / (S + N) (Wiener 1949).

    Example:
        >>> wiener(np.array([3.0, 1.0]), np.array([1.0, 1.0])).tolist()
        [0.75, 0.5]
    """
    for name, power in (("signal", signal), ("noise", noise)):
        if (power < 0).any():
            msg = f"{name} has the power {power.min()}; allowed: 0 or more"
            raise _checks.InputError(msg)
    both = signal + noise
    return np.where(both > 0, signal / np.where(both > 0, both, 1.0), 0.0)


def filter_error(
    gain: Float[np.ndarray, "*k"], signal: Float[np.ndarray, "*k"], noise: Float[np.ndarray, "*k"], last: int
) -> float:
    """Mean square of g (s + n) - s, sum_k ((1 - g_k)^2 S_k + g_k^2 N_k) / n over all frequencies, any S and N.

    Args:
        gain: g of the frequencies of a real transform.
        signal: S, as `power_spectrum` gives it.
        noise: N, independent of the signal: that of a domain which the gain has not seen, say.
        last: length of the last axis of the maps.

    Example:
        >>> filter_error(np.full(3, 0.5), np.full(3, 1.0), np.full(3, 1.0), last=4)
        0.5
    """
    return float(np.sum(shares(gain.shape, last) * ((1 - gain) ** 2 * signal + gain**2 * noise)))


def shares(frequencies: tuple[int, ...], last: int) -> Float[np.ndarray, "..."]:
    """Share of each frequency of a real transform among all: those that stand for two count twice; they sum to 1.

    Example:
        >>> shares((3,), last=4).tolist()
        [0.25, 0.5, 0.25]
    """
    twice = np.full(frequencies, 2.0)
    twice[..., 0] = 1.0
    if last % 2 == 0:
        twice[..., -1] = 1.0
    return twice / twice.sum()


def learnt_gain(
    signal: Float[np.ndarray, "*k"],
    noise: Float[np.ndarray, "*k"],
    last: int,
    lr: float,
    steps: Float[np.ndarray, " t"],
    start: float = 0.5,
) -> Float[np.ndarray, "t ..."]:
    """g_k after s steps of gradient descent on half the mean square error: W + (g_0 - W) (1 - lr L)^s.

    L_k = share_k (S_k + N_k), W Wiener's gain: what is loud is learnt first.

    Example:
        >>> learnt_gain(np.ones(3), np.ones(3), 4, 1.0, np.array([0.0, 1.0]), start=1.0).tolist()
        [[1.0, 1.0, 1.0], [0.75, 0.5, 0.75]]
    """
    best, rate = wiener(signal, noise), shares(signal.shape, last) * (signal + noise)
    left = (1 - lr * rate[None]) ** steps.reshape(-1, *[1] * signal.ndim)
    return best[None] + (start - best[None]) * left
