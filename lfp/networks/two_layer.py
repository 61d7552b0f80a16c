"""The two-layer network of the linear frequency principle."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.kernels.analytic import TwoLayerKernel
from lfp.networks.network import Params
from lfp.neurons.activations import Activation, activation
from lfp.neurons.distributions import Distribution, Gaussian


class TwoLayer(eqx.Module):
    """f(x) = (alpha / sqrt(m)) sum_j a_j sigma(w_j . x + b_j), all of (a, w, b) trained (arXiv 2010.08153).

    Args:
        width: number m of neurons; even with `asi`.
        activation: name, `Activation` or function.
        a: distribution of the output weights.
        w: distribution of the input weights, isotropic.
        b: distribution of the biases.
        alpha: output scale; larger is lazier.
        asi: antisymmetric initialisation: the second half copies (w, b) and negates a, so that f_0 = 0.
        outputs: o; of more than one every neuron has as many output weights, f is (n, o), and the data are `Joint`.

    Raises:
        InputError: width below 2, odd width with `asi`, alpha not positive, unknown activation.

    Example:
        >>> network = TwoLayer(width=64)
        >>> params = network.init(jax.random.key(0), dim=2)
        >>> network.apply(params, jnp.zeros((3, 2))).shape
        (3,)
    """

    width: int = eqx.field(static=True)
    activation: Activation = eqx.field(static=True, converter=activation, default="relu")  # type: ignore[assignment]
    a: Distribution = Gaussian()
    w: Distribution = Gaussian()
    b: Distribution = Gaussian()
    alpha: float = eqx.field(static=True, default=1.0)
    asi: bool = eqx.field(static=True, default=True)
    outputs: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        _checks.integer("width", self.width, 2)
        _checks.positive("alpha", self.alpha)
        _checks.integer("outputs", self.outputs, 1)
        if self.asi and self.width % 2:
            msg = f"width={self.width} must be even: antisymmetric initialisation pairs the neurons"
            raise _checks.InputError(msg)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Draw (a, w, b), of shapes (m,) or (m, o), (dim, m), (m,)."""
        count = self.width // 2 if self.asi else self.width
        a, w, b = self.neurons(key, count, dim)
        if self.asi:
            a, w, b = jnp.concatenate([a, -a]), jnp.concatenate([w, w], axis=1), jnp.concatenate([b, b])
        return a, w, b

    def neurons(self, key: PRNGKeyArray, count: int, dim: int) -> Params:
        """`count` independent neurons (a, w, b)."""
        keys = jax.random.split(key, 3)
        a = self.a.sample(keys[0], count * self.outputs)[:, 0]
        a = a if self.outputs == 1 else a.reshape(count, self.outputs)
        b = self.b.sample(keys[2], count)[:, 0]
        return a, self.w.sample(keys[1], count, dim).T, b

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, "points ..."]:
        """f(x)."""
        a, w, b = params
        return self.alpha / math.sqrt(self.width) * (self.activation(x @ w + b[None, :]) @ a)

    def kernel(self) -> TwoLayerKernel:
        """The NTK in the limit of infinite width."""
        return TwoLayerKernel(self.activation, self.a, self.w, self.b)
