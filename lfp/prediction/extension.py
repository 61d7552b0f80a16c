"""The function between the data: what linear training makes of points that it never saw, for any kernel."""

from dataclasses import dataclass
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from lfp.domains.problems import Points, Problem
from lfp.kernels.algebra import Function, Given, Kernel, as_kernel
from lfp.kernels.empirical import empirical_kernel
from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network
from lfp.optimisers.descent import GradientDescent
from lfp.optimisers.law import Law
from lfp.spectra.on_points import GramSpectrum, gram_spectrum, refuse_dense
from lfp.training.plan import initialise


@dataclass(frozen=True)
class Extension:
    """f_s(x) = K(x, X) P q_s(K P) y, q_s(L) = (1 - p_s(L)) / L, from f_0 = 0: exact in discrete time.

    A step adds -lr K(x, X) P u_s everywhere (Jacot et al. 2018), u_s = -p_s(K P) y at the data; the sum over the steps
    is q_s. Rates below the rounding of the eigensolver are taken at it.

    Args:
        kernel: of networks or a user's; `jax.jit` makes it fast.
        data: points, targets and weights, all positive.
        spectrum: of the kernel at the data.

    Example:
        >>> kernel = lambda x1, x2: x1 @ x2.T
        >>> known = extend(kernel, Points(np.array([[1.0]]), np.array([2.0]), np.ones(1)))
        >>> known.follow(GradientDescent(0.5), np.array([0, 1, 2]), np.array([[1.0], [3.0]])).values[0].tolist()
        [[0.0, 0.0], [1.0, 3.0], [1.5, 4.5]]
    """

    kernel: Kernel
    data: Points | Problem
    spectrum: GramSpectrum

    @property
    def descent(self) -> GradientDescent:
        """Gradient descent with lr = 1 / largest rate, half of what is stable."""
        return GradientDescent(1 / float(self.spectrum.rates.max()))

    def follow(self, law: Law, steps: Num[np.ndarray, " t"], at: Float[np.ndarray, "m d"]) -> Trajectory:
        """f_s at any points.

        Args:
            law: the law of the optimiser.
            steps: steps at which to look.
            at: the points x, as the network sees them.
        """
        x, found = jnp.asarray(self.data.x), self.spectrum
        cross = self.kernel(jnp.asarray(at, x.dtype), x)
        values = _values(found, law, jnp.asarray(steps, x.dtype), jnp.asarray(self.data.y, x.dtype), cross)
        meta = {"kind": "theory", "law": type(law).__name__}
        return Trajectory(np.asarray(steps), np.asarray(values)[None], np.asarray(at), meta)


def extend(kernel: Function, data: Points | Problem) -> Extension:
    """The extension of a kernel from data.

    Raises:
        InputError: a kernel that is not finite or not symmetric, or too many points.

    Example:
        >>> kernel = lambda x1, x2: x1 @ x2.T
        >>> round(extend(kernel, Points(np.diag([1.0, 2.0]), np.ones(2), np.full(2, 0.5))).descent.lr, 6)
        0.5
    """
    refuse_dense(len(data.x))
    kernel = as_kernel(kernel)
    return Extension(kernel, data, gram_spectrum(kernel(jnp.asarray(data.x), None), data.weights))


def kernel_at_start(network: Network, dim: int, seed: int) -> Kernel:
    """The kernel of the very network that `train(network, ..., seeds=1, seed=seed)` starts from, in float64.

    Args:
        network: any network.
        dim: of its input.
        seed: as given to `train`.

    Example:
        >>> from lfp import TwoLayer
        >>> kernel_at_start(TwoLayer(8), 2, seed=0)(jnp.eye(2), None).shape
        (2, 2)
    """
    params = jax.tree.map(lambda leaf: leaf[0].astype(float), initialise(network, dim, 1, seed))
    return Given(partial(empirical_kernel, network, params))


class _Summed(eqx.Module):
    """(1 - p_s(L)) / L, of rates that are not below the rounding."""

    law: Law
    steps: Array
    floor: Array

    def __call__(self, rates: Array) -> Array:
        some = jnp.maximum(rates, self.floor)
        return self.law.learned(some, self.steps) / some[None, :]


@eqx.filter_jit
def _values(found: GramSpectrum, law: Law, steps: Array, y: Array, cross: Array) -> Array:
    summed = _Summed(law, steps, found.noise_floor)
    return (found.weights[None, :] * found.apply(summed, y)) @ cross.T
