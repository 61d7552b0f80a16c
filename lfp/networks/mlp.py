"""Fully connected networks."""

import math
from itertools import pairwise
from typing import Literal

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.kernels.analytic import LayeredKernel
from lfp.networks.network import Params
from lfp.neurons.activations import Activation, activation


class MLP(eqx.Module):
    """Fully connected network, in neural-tangents' `ntk` parametrisation or in the standard one.

    z_1 = (w_std / sqrt(d)) W_1 x + b_std b_1, z_{l+1} = (w_std / sqrt(m)) W_{l+1} sigma(z_l) + b_std b_{l+1}, all
    entries of W and b standard normal; f = alpha (z_{depth+1} - its value at initialisation), the difference taken
    in training.

    `standard` trains the weights (w_std / sqrt(fan_in)) W and the biases b_std b themselves, as most code does: the
    same function at the start, by the same key. He's initialisation is w_std = sqrt(2), b_std = 0, LeCun's w_std = 1.
    The kernel of hidden and output weights is m / w_std^2 of the other, of first weights d / w_std^2, of biases
    1 / b_std^2.

    Args:
        width: neurons m of every hidden layer.
        depth: number of hidden layers.
        activation: name, `Activation` or function.
        w_std: neural-tangents' W_std, every layer; differentiable, as b_std.
        b_std: neural-tangents' b_std, every layer.
        alpha: output scale; larger is lazier.
        outputs: o; of more than one f is (n, o), and the data are `Joint`.
        parametrization: `ntk` or `standard`.

    Raises:
        InputError: width below 2, depth below 1, a scale that is not positive, unknown activation.

    Example:
        >>> import jax.numpy as jnp
        >>> MLP(width=8, depth=2).apply(MLP(width=8, depth=2).init(jax.random.key(0), 2), jnp.zeros((3, 2))).shape
        (3,)
    """

    width: int = eqx.field(static=True)
    depth: int = eqx.field(static=True, default=2)
    activation: Activation = eqx.field(static=True, converter=activation, default="relu")  # type: ignore[assignment]
    w_std: float | Float[Array, ""] = 2**0.5
    b_std: float | Float[Array, ""] = 0.5
    alpha: float = eqx.field(static=True, default=1.0)
    outputs: int = eqx.field(static=True, default=1)
    parametrization: Literal["ntk", "standard"] = eqx.field(static=True, default="ntk")

    def __check_init__(self) -> None:
        _checks.integer("width", self.width, 2)
        _checks.integer("depth", self.depth, 1)
        _checks.unless_traced(_checks.positive, "w_std", self.w_std)
        _checks.unless_traced(_checks.nonnegative, "b_std", self.b_std)
        _checks.positive("alpha", self.alpha)
        _checks.integer("outputs", self.outputs, 1)
        _checks.choice("parametrization", self.parametrization, ("ntk", "standard"))

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Draw a list of (W, b), of shapes (fan_in, fan_out), (fan_out,)."""
        sizes = [dim, *[self.width] * self.depth, self.outputs]
        keys = jax.random.split(key, 2 * len(sizes))
        drawn = [
            (jax.random.normal(keys[2 * i], pair), jax.random.normal(keys[2 * i + 1], pair[1:]))
            for i, pair in enumerate(pairwise(sizes))
        ]
        return drawn if self.parametrization == "ntk" else [self._scaled(w, b) for w, b in drawn]

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, "points ..."]:
        """alpha z_{depth+1}(x); training removes its value at initialisation."""
        for i, (w, b) in enumerate(params):
            x = self.activation(x) if i else x
            if self.parametrization == "ntk":
                x = self.w_std / math.sqrt(len(w)) * (x @ w) + self.b_std * b[None, :]
            else:
                x = x @ w + b[None, :]
        return self.alpha * (x[:, 0] if self.outputs == 1 else x)

    def kernel(self) -> LayeredKernel:
        """The NTK in the limit of infinite width."""
        standard = self.width if self.parametrization == "standard" else None
        return LayeredKernel(self.activation, self.depth, self.w_std, self.b_std, standard=standard)

    @property
    def inertia(self) -> float | Float[Array, ""]:
        """What laziness divides by: m; w_std^2 where the weights themselves move, at m times the rate."""
        return self.width if self.parametrization == "ntk" else self.w_std**2

    def _scaled(
        self, w: Float[Array, "fan_in fan_out"], b: Float[Array, " fan_out"]
    ) -> tuple[Float[Array, "fan_in fan_out"], Float[Array, " fan_out"]]:
        return self.w_std / math.sqrt(len(w)) * w, self.b_std * b
