"""Neural tangent kernels at infinite width, normalised at alpha = 1.

K(x, x') = sum over parameters of df(x)/dp df(x')/dp / alpha^2, so that gradient descent with step lr / alpha^2 on
(1/2n) sum (f - y)^2 is u_{s+1} = (I - lr K / n) u_s at the data while the network is lazy.
"""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from lfp import _checks
from lfp.kernels import _neural_tangents
from lfp.kernels.algebra import Kernel, point_sets
from lfp.kernels.averages import average
from lfp.kernels.dual import is_closed, layer
from lfp.neurons.activations import ACTIVATIONS, Activation
from lfp.neurons.distributions import Distribution, Gaussian, second_moment

DIFFERENTIABLE = ("erf", "gelu", "sin", "gaussian")
"""Activations whose kernel has a closed form with all derivatives, also where the points coincide."""


class Analytic(Kernel):
    """The kernel of a network of infinite width, in the dtype of the points."""

    activation: eqx.AbstractVar[Activation]

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K(x1, x2); x2 None stands for x1."""
        x1, x2 = point_sets(x1, x2)
        dtype = x1.dtype
        # neural-tangents works in JAX's widest floats; float32 points get the rounded result
        x1, x2 = x1.astype(float), None if x2 is None else x2.astype(float)
        # a quadrature chooses its order by the values, which a compiled one does not see
        recursion = _compiled if is_closed(self.activation) and self.traceable else _recursion
        return recursion(self, x1, x2).astype(dtype)

    @property
    def traceable(self) -> bool:
        """Whether JAX can trace it."""
        return True

    def check_derivatives(self) -> None:
        """Closed forms with all derivatives, also where the points coincide: those of `DIFFERENTIABLE`."""
        if not self.traceable:
            msg = "uniform weights under a differential operator; allowed: Gaussian, or an empirical kernel"
            raise _checks.InputError(msg)
        if all(self.activation.function is not ACTIVATIONS[name].function for name in DIFFERENTIABLE):
            msg = f"activation={self.activation.name!r} under a differential operator; allowed: "
            msg += f"{', '.join(DIFFERENTIABLE)}, or an empirical kernel of a smooth activation"
            raise _checks.InputError(msg)

    @abstractmethod
    def recursion(self, x1: Array, x2: Array | None) -> Array:
        """K(x1, x2) in the precision of the points."""


class LayeredKernel(Analytic):
    """NTK of a fully connected network (Novak et al. 2020), or of a Pi-net.

    Its layers are products of N layers. One with E[s s'] = S and tangent kernel T hands on S^N and N S^(N-1) T.

    Args:
        activation: s.
        depth: number of hidden layers.
        w_std: neural-tangents' W_std, every layer.
        b_std: neural-tangents' b_std, every layer.
        degree: number N of factors of a layer.
    """

    activation: Activation = eqx.field(static=True)
    depth: int = eqx.field(static=True)
    w_std: float | Float[Array, ""]
    b_std: float | Float[Array, ""]
    degree: int = eqx.field(static=True, default=1)

    def recursion(self, x1: Array, x2: Array | None) -> Array:
        """neural-tangents' recursion, every layer with its weights and biases."""
        stax = _neural_tangents.load().stax
        dense = stax.Dense(1, self.w_std, self.b_std, parameterization="ntk")[2]  # the width does not enter
        through = layer(stax, self.activation, x1.shape[1])[2]
        k = dense(x1, x2)
        for _ in range(self.depth):
            k = through(k)
            k = dense(_power(k, self.degree) if self.degree > 1 else k)
        return k.ntk


class TwoLayerKernel(Analytic):
    """E[s(z) s(z')] + E[a^2] E[s'(z) s'(z')] (1 + x.x'), z = w.x + b (arXiv 2010.08153).

    Gaussian w and b may be traced by JAX; uniform ones are integrated eagerly, in float64.

    Args:
        activation: s.
        a: distribution of the output weights.
        w: distribution of the input weights, Gaussian or uniform.
        b: distribution of the biases, Gaussian or uniform.
    """

    activation: Activation = eqx.field(static=True)
    a: Distribution
    w: Distribution
    b: Distribution

    @property
    def traceable(self) -> bool:
        """Whether w and b are Gaussian."""
        return isinstance(self.w, Gaussian) and isinstance(self.b, Gaussian)

    def recursion(self, x1: Array, x2: Array | None) -> Array:
        """By neural-tangents' layer for Gaussian w and b, by quadrature for others."""
        if not (isinstance(self.w, Gaussian) and isinstance(self.b, Gaussian)):
            return self._averaged(x1, x2)
        stax = _neural_tangents.load().stax
        # Dense over sqrt(d) would divide by the dimension: W_std sqrt(d) takes it back
        d = x1.shape[1]
        first = stax.Dense(1, d**0.5 * self.w.scale, self.b.scale, parameterization="ntk")[2](x1, x2)
        # the gradients of (w, b) are a s'(z) (x, 1), without neural-tangents' factors W_std^2, b_std^2
        second_moment = self.a.moment(2).astype(x1.dtype)
        tangent = second_moment * (1 + x1 @ (x1 if x2 is None else x2).T)
        last = layer(stax, self.activation, d)[2](first.replace(ntk=tangent))
        return last.nngp + last.ntk

    def _averaged(self, x1: Array, x2: Array | None) -> Array:
        if isinstance(x1, Tracer) or isinstance(x2, Tracer):
            msg = "x1 is traced, and the quadrature over uniform weights looks at the points; call it outside of jit"
            raise _checks.InputError(msg)
        points = np.asarray(x1, np.float64)
        others = None if x2 is None else np.asarray(x2, np.float64)
        value, slope = average(self.activation, self.w, self.b, points, others)
        tangent = 1 + points @ (points if others is None else others).T
        return jnp.asarray(value + second_moment(self.a) * slope * tangent, x1.dtype)


def _recursion(kernel: Analytic, x1: Array, x2: Array | None) -> Array:
    return kernel.recursion(x1, x2)


_compiled = eqx.filter_jit(_recursion)


def _power(k: Any, degree: int) -> Any:
    """The kernel of a product of independent factors that all have kernel k."""
    return k.replace(
        nngp=k.nngp**degree,
        ntk=degree * k.nngp ** (degree - 1) * k.ntk,
        cov1=k.cov1**degree,
        cov2=None if k.cov2 is None else k.cov2**degree,
    )
