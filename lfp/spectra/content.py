"""Which frequency each eigenvector of a kernel carries, where the data has no symmetry that would say so."""

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

from lfp import _checks
from lfp.numerics.fourier import LARGEST_CONDITION
from lfp.spectra.on_points import GramSpectrum, PartialSpectrum


class Content(eqx.Module):
    """Power of eigenfunctions at frequencies; an eigenfunction has the mean square 1 over the points.

    Args:
        frequencies: in cycles per unit of the points.
        power: mean square of the wave of each frequency in each eigenfunction.
        explained: mean square of all waves together.
    """

    frequencies: Float[np.ndarray, "m d"]
    power: Float[np.ndarray, "m r"]
    explained: Float[np.ndarray, " r"]

    @property
    def dominant(self) -> Int[np.ndarray, " r"]:
        """Index of the frequency with the most power."""
        return np.argmax(self.power, axis=0)

    @property
    def share(self) -> Float[np.ndarray, " r"]:
        """What the dominant frequency has of the mean square of the eigenfunction, which is 1."""
        return self.power.max(axis=0)

    @property
    def mean(self) -> Float[np.ndarray, " r"]:
        """Mean |frequency|, weighted by power."""
        radius = np.linalg.norm(self.frequencies, axis=1)
        return radius @ self.power / self.power.sum(axis=0)


def frequency_content(
    spectrum: GramSpectrum | PartialSpectrum,
    x: Float[Array | np.ndarray, "n d"],
    frequencies: Float[np.ndarray, "m _d"] | Int[np.ndarray, "m _d"],
) -> Content:
    """Power of each eigenfunction v / sqrt(weight) at given frequencies, by a joint weighted least-squares fit.

    v_i / sqrt(w_i) = sum_k a_k cos(2 pi xi_k.x_i) + b_k sin(2 pi xi_k.x_i), the weights w those of the spectrum; on a
    full grid the DFT. Frequencies that are left out alias into the others: give all up to the highest, one of +-xi.

    Args:
        spectrum: eigenpairs by `gram_spectrum` or `largest_rates`.
        x: the points, or their coordinates: on a domain with period P, turns t / P make frequencies whole modes.
        frequencies: in cycles per unit of x.

    Returns:
        The power, with the dominant frequency of each eigenvector, its share and the mean frequency.

    Raises:
        InputError: values that are not finite, shapes that do not fit, frequencies that the points do not tell apart.

    Example:
        >>> import jax.numpy as jnp
        >>> from lfp.spectra import gram_spectrum
        >>> t = np.arange(16) / 16
        >>> gram = np.cos(2 * np.pi * 3 * np.subtract.outer(t, t)) + 0.1
        >>> found = frequency_content(gram_spectrum(jnp.asarray(gram), np.full(16, 1 / 16)), t[:, None], np.c_[0:8])
        >>> found.dominant[:3].tolist(), found.share[:3].round(6).tolist()
        ([3, 3, 0], [1.0, 1.0, 1.0])
    """
    x, frequencies = (np.asarray(values, np.float64) for values in (x, frequencies))
    n = len(spectrum.weights)
    if x.ndim != 2 or len(x) != n or frequencies.shape[1:] != x.shape[1:] or not len(frequencies):
        msg = f"x of shape {x.shape}, frequencies of {frequencies.shape}; allowed: ({n}, d) and (m, d), m >= 1"
        raise _checks.InputError(msg)
    _checks.finite("x", x)
    _checks.finite("frequencies", frequencies)
    turns = 2 * np.pi * np.mod(x @ frequencies.T, 1.0)
    zero = ~frequencies.any(axis=1)
    root = np.sqrt(np.asarray(spectrum.weights, np.float64))[:, None]
    basis = root * np.hstack([np.cos(turns), np.sin(turns[:, ~zero])])
    # columns of length 1, so that the condition is that of the points; a wave that vanishes on them stays at 0
    size = np.linalg.norm(basis, axis=0)
    size = np.where(size > 1 / LARGEST_CONDITION, size, np.inf)
    vectors = np.asarray(spectrum.vectors, np.float64)
    fit, _, rank, singular = np.linalg.lstsq(basis / size, vectors, rcond=None)
    if rank < basis.shape[1] or singular[0] > LARGEST_CONDITION * singular[-1]:
        msg = (
            f"frequencies: {len(frequencies)} of them make {basis.shape[1]} waves that {n} points do not tell apart "
            f"(rank {rank}); allowed: fewer, none twice or as -xi, below half the sampling rate"
        )
        raise _checks.InputError(msg)
    waves = fit / size[:, None]
    sine = np.zeros((len(frequencies), vectors.shape[1]))
    sine[~zero] = waves[len(frequencies) :]
    cosine = waves[: len(frequencies)]
    # mean squares over the points: those of cos^2, sin^2 and 2 sin cos, which are 1/2, 1/2 and 0 on a grid
    means = [np.square(root[:, 0]) @ part for part in (np.cos(turns) ** 2, np.sin(turns) ** 2, np.sin(2 * turns))]
    power = means[0][:, None] * cosine**2 + means[1][:, None] * sine**2 + means[2][:, None] * sine * cosine
    return Content(frequencies, power, np.square(basis @ waves).sum(axis=0))
