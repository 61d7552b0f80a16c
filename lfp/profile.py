"""The zonal profile of a kernel: K(x, y) = kappa(x.y) on a space of unit vectors, found out by sampling."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.spaces import Hypercube, Zonal

Kernel = Callable[..., Float[Array, "n m"]]

_BLOCKS = (2**6, 2**11, 2**16)  # points handed to the kernel at once
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
        if isinstance(self.space, Hypercube):
            flips = np.rint((1 - t) * self.space.dim / 2)
            if abs(1 - 2 * flips / self.space.dim - t).max(initial=0.0) > 1e-9:
                msg = f"t={t.tolist()} does not occur on the cube; allowed: 1 - 2j/{self.space.dim}, j a whole number"
                raise _checks.InputError(msg)
            return self.flipped(flips.astype(int))
        return self.at_angle(np.arccos(t))

    def at_angle(self, angle: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """kappa(cos(angle)), which near angle 0 knows more digits than kappa(t)."""
        dim = self.space.dim

        def points(angles: np.ndarray) -> np.ndarray:
            return np.pad(np.stack([np.cos(angles), np.sin(angles)], axis=1), ((0, 0), (0, dim - 2)))

        return self._row(np.eye(1, dim), points, angle)

    def flipped(self, flips: np.ndarray) -> Float[np.ndarray, " m"]:
        """kappa between corners of the cube that differ in so many signs."""
        dim = self.space.dim

        def points(counts: np.ndarray) -> np.ndarray:
            return np.where(np.arange(dim) < counts[:, None], -1.0, 1.0) / np.sqrt(dim)

        return self._row(np.full((1, dim), dim**-0.5), points, flips)

    def _row(self, x: np.ndarray, points: Callable[[np.ndarray], np.ndarray], where: np.ndarray) -> np.ndarray:
        # blocks of few sizes, since a kernel is compiled for each
        room = min(2 * len(where), _COORDINATES // self.space.dim)
        size = max([b for b in _BLOCKS if b <= room], default=_BLOCKS[0])
        padded = np.concatenate([where, np.repeat(where[-1:], -len(where) % size)])
        rows = [
            np.asarray(self.kernel(jnp.asarray(x), jnp.asarray(points(block))))[0] for block in padded.reshape(-1, size)
        ]
        return _checks.finite("kernel", np.concatenate(rows)[: len(where)].astype(np.float64))


def profile(kernel: Kernel, space: Zonal) -> Profile:
    """The function kappa with K(x, y) = kappa(x.y) of a kernel on a space, if there is one.

    Args:
        kernel: K(x1, x2) of shape (n, m).
        space: `Sphere` or `Hypercube`.

    Raises:
        InputError: a kernel that is not finite, not symmetric, or not a function of x.y, at 128 random pairs.

    Example:
        >>> from lfp.spaces import Sphere
        >>> square = lambda x1, x2: (x1 @ x2.T) ** 2
        >>> profile(square, Sphere(3))(np.array([0.5])).round(12).tolist()
        [0.25]
    """
    found, size, skew, off = None, 0.0, 0.0, 0.0
    for key in jax.random.split(jax.random.key(0)):
        x, y = _partners(space, key)
        row, column = kernel(x, y)[0], kernel(y, x)[:, 0]
        found = Profile(kernel, space, float(jnp.finfo(row.dtype).eps))
        row, column = (_checks.finite("kernel", np.asarray(values, np.float64)) for values in (row, column))
        size = max(size, float(np.abs(row).max()))
        skew = max(skew, float(np.abs(row - column).max()))
        off = max(off, float(np.abs(row - found(np.clip(np.asarray(y @ x[0]), -1, 1))).max()))
    assert found is not None
    if skew > found.eps**0.5 * size:
        msg = f"kernel is not symmetric: |K(x, y) - K(y, x)| reaches {skew:.1e} of {size:.1e}"
        raise _checks.InputError(msg)
    if off > found.eps**0.5 * size:
        where = f"{space.name} of dim={space.dim}"
        msg = f"kernel is no function of x.y on the {where}: off by {off:.1e} of {size:.1e}; allowed: zonal kernels"
        raise _checks.InputError(msg)
    return found


def _partners(space: Zonal, key: PRNGKeyArray) -> tuple[Float[Array, "1 d"], Float[Array, "n d"]]:
    """A random point, and random points whose cosines with it cover the whole range."""
    keys, count = jax.random.split(key, 3), _BLOCKS[0]
    x, y = space.random(keys[0], 1), space.random(keys[1], count)
    share = np.linspace(0, 1, count)[:, None]
    if isinstance(space, Hypercube):
        y = np.where(np.asarray(jax.random.uniform(keys[2], y.shape)) < share, -x, x)
    else:
        y -= (y @ x.T) * x
        y = np.cos(np.pi * share) * x + np.sin(np.pi * share) * y / np.linalg.norm(y, axis=1, keepdims=True)
    return jnp.asarray(x), jnp.asarray(y)
