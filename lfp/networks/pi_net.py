"""Pi-nets: layers that are products of layers."""

import math
from functools import reduce
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.kernels.analytic import LayeredKernel
from lfp.networks.network import Params
from lfp.neurons.activations import Activation, activation


class PiNet(eqx.Module):
    """Pi-net: every hidden layer is a product of `degree` layers with weights of their own (arXiv 2202.13473).

    h_0 = x, h_l = prod_{n=1}^degree sigma(z_ln), z_ln = (w_std / sqrt(fan in)) W_ln h_(l-1) + b_std b_ln, and
    f = alpha ((w_std / sqrt(width)) W h_depth + b_std b): an `MLP` where degree is 1. One layer of relu without biases
    on unit vectors has the kernel kappa_1^N + N kappa_1^(N-1) t kappa_0, up to a factor, t = x.x'.

    Args:
        width: neurons of every layer and factor.
        degree: number N of factors.
        depth: number of hidden layers.
        activation: name, `Activation` or function.
        w_std: neural-tangents' W_std, every layer; differentiable, as b_std.
        b_std: neural-tangents' b_std, every layer.
        alpha: output scale; larger is lazier.

    Raises:
        InputError: width below 2, degree or depth below 1, a scale that is not positive, unknown activation.

    Example:
        >>> net = PiNet(width=8, degree=3)
        >>> net.apply(net.init(jax.random.key(0), 2), jnp.zeros((4, 2))).shape
        (4,)
    """

    width: int = eqx.field(static=True)
    degree: int = eqx.field(static=True, default=2)
    depth: int = eqx.field(static=True, default=1)
    activation: Activation = eqx.field(static=True, converter=activation, default="relu")  # type: ignore[assignment]
    w_std: float | Float[Array, ""] = 2**0.5
    b_std: float | Float[Array, ""] = 0.5
    alpha: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        _checks.integer("width", self.width, 2)
        _checks.integer("degree", self.degree, 1)
        _checks.integer("depth", self.depth, 1)
        _checks.unless_traced(_checks.positive, "w_std", self.w_std)
        _checks.unless_traced(_checks.nonnegative, "b_std", self.b_std)
        _checks.positive("alpha", self.alpha)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Draw a list of (W, b), of shapes (factors, fan_in, fan_out), (factors, fan_out); one factor in the last."""
        sizes = [dim, *[self.width] * self.depth, 1]
        keys = jax.random.split(key, 2 * len(sizes))
        counts = [self.degree] * self.depth + [1]
        return [
            (jax.random.normal(keys[2 * i], (n, *pair)), jax.random.normal(keys[2 * i + 1], (n, pair[1])))
            for i, (n, pair) in enumerate(zip(counts, pairwise(sizes), strict=True))
        ]

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """f(x); training removes its value at initialisation."""
        for w, b in params[:-1]:
            x = reduce(jnp.multiply, [self.activation(self._dense(*factor, x)) for factor in zip(w, b, strict=True)])
        w, b = params[-1]
        return self.alpha * self._dense(w[0], b[0], x)[:, 0]

    def kernel(self) -> LayeredKernel:
        """The NTK in the limit of infinite width."""
        return LayeredKernel(self.activation, self.depth, self.w_std, self.b_std, self.degree)

    def _dense(self, w: Array, b: Array, x: Array) -> Array:
        return self.w_std / math.sqrt(len(w)) * (x @ w) + self.b_std * b[None, :]
