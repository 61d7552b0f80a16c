"""Networks: `init` draws parameters, `apply` evaluates. All outputs are scalar; alpha scales them.

Gradient descent uses the step lr / alpha^2, so that alpha leaves the linear dynamics unchanged and only makes the
training lazier.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from lfp import _checks
from lfp.activations import Activation, activation
from lfp.laws import Gaussian, Law

Params = PyTree[Array]


@runtime_checkable
class Network(Protocol):
    """What training and the kernels ask of a network."""

    @property
    def width(self) -> int:
        """Neurons of the narrowest layer."""
        ...

    @property
    def alpha(self) -> float:
        """Output scale."""
        ...

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Parameters for inputs in R^dim."""
        ...

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """f(x), alpha included."""
        ...


class TwoLayer(eqx.Module):
    """f(x) = (alpha / sqrt(m)) sum_j a_j sigma(w_j . x + b_j), all of (a, w, b) trained (arXiv 2010.08153).

    Args:
        width: number m of neurons; even with `asi`.
        activation: name, `Activation` or function.
        a: law of the output weights.
        w: law of the input weights, isotropic.
        b: law of the biases.
        alpha: output scale; larger is lazier.
        asi: antisymmetric initialisation: the second half copies (w, b) and negates a, so that f_0 = 0.

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
    a: Law = Gaussian()
    w: Law = Gaussian()
    b: Law = Gaussian()
    alpha: float = eqx.field(static=True, default=1.0)
    asi: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        """Refuse a width or a scale that has no meaning."""
        _checks.integer("width", self.width, 2)
        _checks.positive("alpha", self.alpha)
        if self.asi and self.width % 2:
            msg = f"width={self.width} must be even: antisymmetric initialisation pairs the neurons"
            raise _checks.InputError(msg)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Draw (a, w, b), of shapes (m,), (dim, m), (m,)."""
        count = self.width // 2 if self.asi else self.width
        a, w, b = self.neurons(key, count, dim)
        if self.asi:
            a, w, b = jnp.concatenate([a, -a]), jnp.concatenate([w, w], axis=1), jnp.concatenate([b, b])
        return a, w, b

    def neurons(self, key: PRNGKeyArray, count: int, dim: int) -> Params:
        """`count` independent neurons (a, w, b)."""
        keys = jax.random.split(key, 3)
        a = self.a.sample(keys[0], count)[:, 0]
        b = self.b.sample(keys[2], count)[:, 0]
        return a, self.w.sample(keys[1], count, dim).T, b

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """f(x)."""
        a, w, b = params
        return self.alpha / math.sqrt(self.width) * (self.activation(x @ w + b[None, :]) @ a)


class MLP(eqx.Module):
    """Fully connected network in neural-tangents' `ntk` parametrisation.

    z_1 = (w_std / sqrt(d)) W_1 x + b_std b_1, z_{l+1} = (w_std / sqrt(m)) W_{l+1} sigma(z_l) + b_std b_{l+1}, all
    entries of W and b standard normal; f = alpha (z_{depth+1} - its value at initialisation), the difference taken
    in training.

    Args:
        width: neurons m of every hidden layer.
        depth: number of hidden layers.
        activation: name, `Activation` or function.
        w_std: neural-tangents' W_std, every layer.
        b_std: neural-tangents' b_std, every layer.
        alpha: output scale; larger is lazier.

    Raises:
        InputError: width below 2, depth below 1, a scale that is not positive, unknown activation.

    Example:
        >>> MLP(width=8, depth=2).apply(MLP(width=8, depth=2).init(jax.random.key(0), 2), jnp.zeros((3, 2))).shape
        (3,)
    """

    width: int = eqx.field(static=True)
    depth: int = eqx.field(static=True, default=2)
    activation: Activation = eqx.field(static=True, converter=activation, default="relu")  # type: ignore[assignment]
    w_std: float = eqx.field(static=True, default=2**0.5)
    b_std: float = eqx.field(static=True, default=0.5)
    alpha: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        """Refuse sizes and scales that have no meaning."""
        _checks.integer("width", self.width, 2)
        _checks.integer("depth", self.depth, 1)
        _checks.positive("w_std", self.w_std)
        _checks.nonnegative("b_std", self.b_std)
        _checks.positive("alpha", self.alpha)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Draw a list of (W, b), of shapes (fan_in, fan_out), (fan_out,)."""
        sizes = [dim, *[self.width] * self.depth, 1]
        keys = jax.random.split(key, 2 * len(sizes))
        return [
            (jax.random.normal(keys[2 * i], pair), jax.random.normal(keys[2 * i + 1], pair[1:]))
            for i, pair in enumerate(pairwise(sizes))
        ]

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """alpha z_{depth+1}(x); training removes its value at initialisation."""
        for i, (w, b) in enumerate(params):
            x = self.activation(x) if i else x
            x = self.w_std / math.sqrt(len(w)) * (x @ w) + self.b_std * b[None, :]
        return self.alpha * x[:, 0]


class Custom(eqx.Module):
    """Any `f(params, x)`: a flax or equinox model, a differential operator applied to a network.

    Args:
        init_fn: (key, dim) -> parameters, a pytree of arrays of floats. Models of equinox hold other leaves as well:
            `eqx.partition` takes them apart, `eqx.combine` inside of `apply_fn` puts them together.
        apply_fn: (params, x of shape (n, dim)) -> n numbers, or an array (n, o) where f has o outputs.
        width: the m that laziness divides by: the width of the narrowest layer.
        alpha: output scale; larger is lazier.
        output: which of o outputs the network is: it is trained and predicted one at a time. `empirical_kernel` with
            `trace=True` sees them all, whatever stands here.

    Example:
        >>> line = Custom(lambda key, dim: jnp.ones(dim), lambda p, x: x @ p, width=1)
        >>> line.apply(line.init(jax.random.key(0), 2), jnp.ones((3, 2))).tolist()
        [2.0, 2.0, 2.0]
    """

    init_fn: Callable[[PRNGKeyArray, int], Any] = eqx.field(static=True)
    apply_fn: Callable[[Any, Array], Array] = eqx.field(static=True)
    width: int = eqx.field(static=True)
    alpha: float = eqx.field(static=True, default=1.0)
    output: int | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        """Refuse sizes and scales that have no meaning."""
        _checks.integer("width", self.width, 1)
        _checks.positive("alpha", self.alpha)
        if self.output is not None:
            _checks.integer("output", self.output, 0)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """The user's parameters."""
        return self.init_fn(key, dim)

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """alpha f(params, x); training removes its value at initialisation."""
        out = self.outputs(params, x)
        if self.output is not None and out.ndim == 2 and self.output < out.shape[1]:
            return out[:, self.output]
        if self.output is not None or out.shape != (len(x),):
            msg = (
                f"apply_fn returned shape {out.shape} for {len(x)} points, with output={self.output}; "
                f"allowed: ({len(x)},) with output=None, ({len(x)}, o) with output=0 .. o - 1"
            )
            raise _checks.InputError(msg)
        return out

    def outputs(self, params: Params, x: Float[Array, "points dim"]) -> Float[Array, "points ..."]:
        """All outputs, times alpha."""
        out = self.apply_fn(params, x)
        if out.ndim not in (1, 2) or len(out) != len(x):
            msg = f"apply_fn returned shape {out.shape} for {len(x)} points; allowed: ({len(x)},) or ({len(x)}, o)"
            raise _checks.InputError(msg)
        return self.alpha * out
