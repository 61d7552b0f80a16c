"""Neural tangent kernels at infinite width, normalised at alpha = 1.

K(x, x') = sum over parameters of df(x)/dp df(x')/dp / alpha^2, so that gradient descent with step lr / alpha^2 on
(1/2n) sum (f - y)^2 is u_{s+1} = (I - lr K / n) u_s at the data while the network is lazy.
"""

from abc import abstractmethod
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from lfp import _checks
from lfp.kernels.algebra import Kernel, point_sets
from lfp.kernels.averages import average
from lfp.kernels.dual import gaussian_dual, is_closed
from lfp.neurons.activations import ACTIVATIONS, Activation
from lfp.neurons.distributions import Distribution, Gaussian, second_moment
from lfp.neurons.duals import Dual, Pair

DIFFERENTIABLE = ("erf", "gelu", "sin", "gaussian")
"""Activations whose kernel has a closed form with all derivatives, also where the points coincide."""


class Analytic(Kernel):
    """The kernel of a network of infinite width, in the dtype of the points."""

    activation: eqx.AbstractVar[Activation]
    nngp: eqx.AbstractVar[bool]
    """Whether it is the covariance of the network at its start in place of its tangent kernel."""

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K(x1, x2); x2 None stands for x1."""
        x1, x2 = point_sets(x1, x2)
        dtype = x1.dtype
        # in JAX's widest floats; float32 points get the rounded result
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
        nngp: whether it is E[f f'] of the network at its start (Lee et al. 2018) in place of the tangent kernel.
    """

    activation: Activation = eqx.field(static=True)
    depth: int = eqx.field(static=True)
    w_std: float | Float[Array, ""]
    b_std: float | Float[Array, ""]
    degree: int = eqx.field(static=True, default=1)
    nngp: bool = eqx.field(static=True, default=False)

    def recursion(self, x1: Array, x2: Array | None) -> Array:
        """Layer by layer from E[z z'] = b_std^2 + w_std^2 x.x' / d: see `_layer`."""
        w, b = (jnp.asarray(std, x1.dtype) ** 2 for std in (self.w_std, self.b_std))
        c, variances = _covariance(x1, x2, w / x1.shape[1], b)
        dual, state = gaussian_dual(self.activation, x1.shape[1]), (c, c, variances)
        layer = partial(_layer, dual, self.degree, w, b)
        if is_closed(self.activation) or isinstance(x1, Tracer):
            # in reverse a layer is computed again: only what layers hand on is kept
            again = jax.checkpoint(layer, prevent_cse=False)
            state = jax.lax.scan(lambda state, _: (again(state), None), state, length=self.depth)[0]
        else:
            for _ in range(self.depth):  # every layer with an order of its own
                state = layer(state)
        return state[0] if self.nngp else state[1]


class TwoLayerKernel(Analytic):
    """E[s(z) s(z')] + E[a^2] E[s'(z) s'(z')] (1 + x.x'), z = w.x + b (arXiv 2010.08153).

    Gaussian w and b may be traced by JAX; uniform ones are integrated eagerly, in float64.

    Args:
        activation: s.
        a: distribution of the output weights.
        w: distribution of the input weights, Gaussian or uniform.
        b: distribution of the biases, Gaussian or uniform.
        nngp: whether it is E[f f'] = E[a^2] E[s(z) s(z')] of the network at its start.
    """

    activation: Activation = eqx.field(static=True)
    a: Distribution
    w: Distribution
    b: Distribution
    nngp: bool = eqx.field(static=True, default=False)

    @property
    def traceable(self) -> bool:
        """Whether w and b are Gaussian."""
        return isinstance(self.w, Gaussian) and isinstance(self.b, Gaussian)

    def recursion(self, x1: Array, x2: Array | None) -> Array:
        """In closed form or by Mehler's sum for Gaussian w and b, by quadrature for others."""
        if not (isinstance(self.w, Gaussian) and isinstance(self.b, Gaussian)):
            return self._averaged(x1, x2)
        w, b = (jnp.asarray(of.scale, x1.dtype) ** 2 for of in (self.w, self.b))
        c, variances = _covariance(x1, x2, w, b)
        value, slope = _dual(gaussian_dual(self.activation, x1.shape[1]), c, variances)
        square = self.a.moment(2).astype(x1.dtype)
        return square * value if self.nngp else value + square * slope * (1 + x1 @ (x1 if x2 is None else x2).T)

    def _averaged(self, x1: Array, x2: Array | None) -> Array:
        if isinstance(x1, Tracer) or isinstance(x2, Tracer):
            msg = "x1 is traced, and the quadrature over uniform weights looks at the points; call it outside of jit"
            raise _checks.InputError(msg)
        points = np.asarray(x1, np.float64)
        others = None if x2 is None else np.asarray(x2, np.float64)
        value, slope = average(self.activation, self.w, self.b, points, others)
        tangent, square = 1 + points @ (points if others is None else others).T, second_moment(self.a)
        return jnp.asarray(square * value if self.nngp else value + square * slope * tangent, x1.dtype)


def _recursion(kernel: Analytic, x1: Array, x2: Array | None) -> Array:
    return kernel.recursion(x1, x2)


_compiled = eqx.filter_jit(_recursion)


State = tuple[Array, Array, tuple[Array, ...]]
"""E[z z'] and the tangent kernel of every pair of points, E[z^2] of x1 and, unless it is x1, of x2."""


def _covariance(x1: Array, x2: Array | None, w: Array, b: Array) -> tuple[Array, tuple[Array, ...]]:
    """b + w x.x' of every pair; the same of each point with itself."""
    sets = (x1,) if x2 is None else (x1, x2)
    return b + w * (x1 @ sets[-1].T), tuple(b + w * jnp.sum(x**2, axis=1) for x in sets)


def _dual(dual: Dual, c: Array, variances: tuple[Array, ...]) -> Pair:
    pair = dual(c, variances[0][:, None], variances[-1][None, :])
    if len(variances) == 2:
        return pair
    # a point meets itself: rounding of c beside its variance would count, for duals take the difference of squares
    same = jnp.eye(len(c), dtype=bool)  # and no scatter, which would be a pass of its own
    value, slope = (jnp.where(same, at[:, None], of) for at, of in zip(dual(*3 * variances), pair, strict=True))
    return value, slope


def _layer(dual: Dual, degree: int, w: Array, b: Array, state: State) -> State:
    """S = E[s(z) s(z')]: c -> b + w S^N, t -> c + w N S^(N-1) E[s'(z) s'(z')] t (Jacot et al. 2018)."""
    c, tangent, variances = state
    value, slope = _dual(dual, c, variances)
    c = b + w * value**degree
    tangent = c + w * (degree * value ** (degree - 1) * slope * tangent)
    return c, tangent, tuple(b + w * dual(q, q, q)[0] ** degree for q in variances)
