"""The zonal profile of a kernel: K(x, y) = kappa(x.y) on a space of unit vectors, found out by sampling."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.domains.domain import Zonal
from lfp.kernels.algebra import Function, Kernel, as_kernel, refuse_asymmetric

_BLOCKS = (2**6, 2**11, 2**16)  # points handed to the kernel at once
_NEAR = 0.99  # the x.y of two points that are near
_COORDINATES = 2**19  # a larger block than this is not taken


class Profile(eqx.Module):
    """kappa(t) = K(x, y) for unit vectors with x.y = t: see `profile`."""

    kernel: Kernel
    space: Zonal
    eps: float

    def __call__(self, t: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """kappa(t); on the hypercube t = 1 - 2j/dim, j the number of signs in which the points differ."""
        t = np.asarray(t, np.float64)
        if abs(t).max(initial=0.0) > 1:
            msg = f"t={float(t[abs(t).argmax()])!r} is no cosine; allowed: -1 to 1"
            raise _checks.InputError(msg)
        return self.apart(self.space.separation(t))

    @property
    def rounding(self) -> float:
        """What rounding does to kappa: to itself, and to x.y, which deep networks of large weights magnify.

        In every layer of such a network points that are .01 apart in x.y come further apart, and so do two roundings.
        """
        x = np.eye(2, max(self.space.dim, 2))
        x[1, :2] = _NEAR, np.sqrt(1 - _NEAR**2)
        x = x[:, : self.space.dim]
        one, other = np.asarray(self.kernel(jnp.asarray(x[:1]), jnp.asarray(x)))[0]
        slope = abs(float(one) - float(other)) / (1 - _NEAR) if self.space.dim > 1 else 0.0
        return self.eps * max(8 * abs(float(one)), 4 * slope)

    def apart(self, separation: np.ndarray) -> Float[np.ndarray, " m"]:
        """kappa between points so far apart: an angle, or the number of signs that differ."""
        # blocks of few sizes, since a kernel is compiled for each
        room = min(2 * len(separation), _COORDINATES // self.space.dim)
        size = max([b for b in _BLOCKS if b <= room], default=_BLOCKS[0])
        padded = np.concatenate([separation, np.repeat(separation[-1:], -len(separation) % size)])
        pairs = (map(jnp.asarray, self.space.apart(block)) for block in padded.reshape(-1, size))
        rows = [np.asarray(self.kernel(x, y))[0] for x, y in pairs]
        return _checks.finite("kernel", np.concatenate(rows)[: len(separation)].astype(np.float64))


def profile(kernel: Function, space: Zonal) -> Profile:
    """The function kappa with K(x, y) = kappa(x.y) of a kernel on a space, if there is one.

    Args:
        kernel: K(x1, x2) of shape (n, m).
        space: `Circle`, `Sphere` or `Hypercube`.

    Raises:
        InputError: a kernel that is not finite, not symmetric, or not a function of x.y, at 128 random pairs.

    Example:
        >>> from lfp import Sphere
        >>> square = lambda x1, x2: (x1 @ x2.T) ** 2
        >>> profile(square, Sphere(3))(np.array([0.5])).round(12).tolist()
        [0.25]
    """
    kernel, size, off = as_kernel(kernel), 0.0, 0.0
    for key in jax.random.split(jax.random.key(0)):
        pair = space.partners(key, _BLOCKS[0])  # their cosines are those of the space, also in single precision
        x, y = map(jnp.asarray, pair)
        row = kernel(x, y)
        _checks.finite("kernel", np.asarray(row))
        refuse_asymmetric(row, kernel(y, x))
        found = Profile(kernel, space, float(jnp.finfo(row.dtype).eps))
        size = max(size, float(jnp.abs(row).max()))
        gap = np.asarray(row[0], np.float64) - found(np.clip(pair[1] @ pair[0][0], -1, 1))
        off = max(off, float(np.abs(gap).max()))
    if off > found.eps**0.5 * size:
        where = f"{space.name} of dim={space.dim}"
        msg = f"kernel is no function of x.y on the {where}: off by {off:.1e} of {size:.1e}; allowed: zonal kernels"
        raise _checks.InputError(msg)
    return found
