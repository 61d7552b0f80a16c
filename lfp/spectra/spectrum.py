"""The one verb: from a network or a kernel, on data or on a domain, to rates."""

from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from lfp import _checks
from lfp.domains.joint import Joint
from lfp.domains.problems import Points, Problem
from lfp.kernels.blocked import kernel_product
from lfp.networks.joined import JointKernel
from lfp.networks.network import kernel
from lfp.spectra.on_domain import ModeRates, mode_rates
from lfp.spectra.on_points import (
    FourierSpectrum,
    GramSpectrum,
    JointSpectrum,
    PartialSpectrum,
    data_spectrum,
    largest_rates,
)


def spectrum(
    network: Any, where: Any, modes: int | None = None
) -> FourierSpectrum | GramSpectrum | JointSpectrum | PartialSpectrum | ModeRates:
    """Rates of a kernel: u' = -K P u on data, P their weights; u' = -K u on a domain, under its uniform measure.

    Args:
        network: one with a kernel at infinite width (`kernel`), a kernel, or a symmetric function
            (x1, x2) -> matrix.
        where: data, as `Problem`, `Points`, or an array of points (n, d) of equal weight; or a domain: `Circle`,
            `Sphere`, `Hypercube`, `Torus`, `Euclidean`.
        modes: on a domain the highest degree or frequency, None for 64 (torus: 12; what there is, if that is less); on
            points the number of the largest rates, None for all of them.

    Returns:
        On data by rank, from the largest rate down, as `GramSpectrum`, or `PartialSpectrum` of so many `modes`, without
        the matrix of the kernel; of `Joint` data as `JointSpectrum`; where an even grid on the circle and the kernel
        have a symmetry, by frequency, as `FourierSpectrum`. On a domain in the order of its modes, as `ModeRates`, what
        is noise marked.

    Raises:
        InputError: a network without kernel, a kernel that is not finite, not symmetric, or on a domain not invariant,
            a mode that is not resolved, more points than a dense matrix holds.

    Example:
        >>> from lfp import MLP, Circle, sum_of_modes
        >>> spectrum(lambda x1, x2: x1 @ x2.T, sum_of_modes(Circle(), 8, [1])).rates.round(12).tolist()
        [0.0, 0.5, 0.0, 0.0, 0.0]
        >>> spectrum(MLP(width=2, depth=1, b_std=0.0), Circle(), 5).above_noise.tolist()  # no odd modes but the first
        [True, True, True, False, True, False]
    """
    found = kernel(network)
    if isinstance(where, Joint):
        found = found if isinstance(found, JointKernel) else JointKernel(found)
        if modes is not None:
            msg = f"modes={modes} on Joint data; allowed: None, all rates"
            raise _checks.InputError(msg)
    if isinstance(where, np.ndarray | jax.Array | list | tuple):
        where = np.asarray(_checks.real("where", where))
        if where.ndim != 2 or 0 in where.shape:
            msg = f"where has shape {where.shape}; allowed: (points, dimension), neither of them 0"
            raise _checks.InputError(msg)
        where = Points(_checks.finite("where", where), np.zeros(len(where)), np.full(len(where), 1 / len(where)))
    if not isinstance(where, Problem | Points):
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(found)):
            msg = f"network={type(found).__name__} is traced, and rates on a domain look at its values; allowed under "
            raise _checks.InputError(msg + "jit and grad: data")
        return mode_rates(where, found, modes)
    if modes is None:
        return data_spectrum(found, where)
    if not 1 <= _checks.integer("modes", modes, 1) <= len(where.x):
        msg = f"modes={modes} of {len(where.x)} points; allowed: 1 to {len(where.x)}"
        raise _checks.InputError(msg)
    return largest_rates(kernel_product(found, where.x), modes, jax.random.key(0), where.weights)
