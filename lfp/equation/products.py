"""Products v -> K v of the LFP kernel: dense, in chunks, and the choice among all of them."""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lfp.equation.decomposition import Part, Points, Targets, is_radial, part_of, points_of
from lfp.equation.nufft import nufft
from lfp.equation.operator import Operator
from lfp.equation.structured import grid_fft, prefix_sums
from lfp.numerics import fourier

_CHUNK = 1 << 20  # entries of the matrix that `Direct` holds at a time


@runtime_checkable
class Product(Protocol):
    """v -> K(x_test, x) v, under jit and in loops of JAX."""

    @property
    def name(self) -> str:
        """What it does, for people."""
        ...

    @property
    def error(self) -> float | Float[Array, ""]:
        """Estimated error of the operator relative to the largest rate; 0 where only rounding is left."""
        ...

    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"]:
        """K(x_test, x) v."""
        ...


class Dense(eqx.Module):
    """The matrix, once: n m numbers."""

    matrix: Float[Array, "m n"]
    name: str = eqx.field(static=True, default="dense")
    error: float = eqx.field(static=True, default=0.0)

    @eqx.filter_jit
    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"]:
        """K(x_test, x) v."""
        return jnp.matmul(self.matrix, v, precision="highest")


class Direct(eqx.Module):
    """The sum itself, a chunk of rows at a time: time n m, memory a few times the larger of n and 2^20."""

    operator: Operator
    x: Float[Array, "n dim"]
    x_test: Float[Array, "m dim"]
    part: Part = eqx.field(static=True)
    name: str = eqx.field(static=True, default="direct")
    error: float = eqx.field(static=True, default=0.0)

    @eqx.filter_jit
    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"]:
        """K(x_test, x) v."""
        kernel = part_of(self.operator, self.part)
        count, size = len(self.x_test), max(1, min(_CHUNK // len(self.x), len(self.x_test)))
        rows = jnp.pad(self.x_test, ((0, -count % size), (0, 0)), mode="edge").reshape(-1, size, self.x.shape[1])
        at = lambda block: jnp.matmul(kernel(block, self.x), v, precision="highest")  # noqa: E731
        return jax.lax.map(at, rows).ravel()[:count]


def dense(operator: Operator, x: Points, x_test: Targets | None = None, part: Part = "finite") -> Dense:
    """See `choose`; any points.

    Example:
        >>> dense(Operator("relu"), jnp.array([[0.0], [2.0]]))(jnp.ones(2)).shape
        (2,)
    """
    x, x_test = points_of(operator, x, x_test)
    return Dense(part_of(operator, part)(x_test, x))


def direct(operator: Operator, x: Points, x_test: Targets | None = None, part: Part = "finite") -> Direct:
    """See `choose`; any points.

    Example:
        >>> direct(Operator("relu"), jnp.array([[0.0], [2.0]]))(jnp.ones(2)).shape
        (2,)
    """
    return Direct(operator, *points_of(operator, x, x_test), part)


DENSE = 4096  # points up to which scattered data keeps its matrix


def choose(
    operator: Operator,
    x: Points,
    x_test: Targets | None = None,
    part: Part = "finite",
    tolerance: float = 1e-6,
) -> Product:
    """The product v -> K(x_test, x) v that the data allows: exact and O(n) or O(n log n) if there is one.

    Prefix sums for splines in 1 d; FFT on a uniform grid in 1, 2, 3 d; the matrix for up to 4096 points; NUFFT on
    scattered points in 1, 2, 3 d; the sum in chunks elsewhere, and where jax_finufft is missing.

    Args:
        operator: the kernel; its scales may be traced, the points not.
        x: points, one a row.
        x_test: where K v is wanted; x by default.
        part: `finite` for K_0 + K_LFP, `lfp` for K_LFP.
        tolerance: of the NUFFT, relative to the largest rate.

    Returns:
        The product; its `name` says which it is, its `error` how exact.

    Raises:
        InputError: points of another dimension or not finite, an unknown part.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.linspace(-1, 1, 5)[:, None]
        >>> choose(Operator("relu"), x).name, choose(Operator("tanh"), x).name
        ('prefix sums', 'fft 5')
    """
    sources, targets = points_of(operator, x, x_test)
    part_of(operator, part)
    if operator.dim == 1 and operator.is_spline:
        return prefix_sums(operator, x, x_test, part)
    where = fourier.grid(np.asarray(sources)) if operator.dim <= 3 else None
    if where is not None and fourier.indices(np.asarray(targets), where.origin, where.step) is not None:
        return grid_fft(operator, x, x_test, part)
    if len(sources) * len(targets) <= DENSE**2:
        return dense(operator, x, x_test, part)
    if is_radial(operator) and fourier.has_nufft():
        return nufft(operator, x, x_test, part, tolerance)
    return direct(operator, x, x_test, part)
