"""Which product: the only place that picks prefix sums, FFT, the matrix, NUFFT or sums in chunks."""

import numpy as np

from lfp import fourier
from lfp.nufft import nufft
from lfp.operator import Operator
from lfp.products import Part, Points, Product, Targets, dense, direct, is_radial, part_of, points_of
from lfp.structured import grid_fft, prefix_sums

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
