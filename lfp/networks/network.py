"""Networks: `init` draws parameters, `apply` evaluates. alpha scales their output. Any model: `Custom`.

Gradient descent uses the step lr / alpha^2, so that alpha leaves the linear dynamics unchanged and only makes the
training lazier.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.kernels.algebra import Kernel, as_kernel
from lfp.kernels.analytic import Analytic
from lfp.kernels.empirical import Model, Params
from lfp.networks import modules


@runtime_checkable
class Network(Model, Protocol):
    """What training and the kernels ask of a network; one with a kernel at infinite width gives it by `kernel()`."""

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Parameters for inputs in R^dim."""
        ...


def kernel(network: Any, kind: Literal["ntk", "nngp"] = "ntk") -> Kernel:
    """The NTK of a network in the limit of infinite width; a kernel, or a function (x1, x2) -> matrix, is one already.

    Two layers, z = w.x + b (arXiv 2010.08153): K = E[s(z) s(z')] + E[a^2] E[s'(z) s'(z')] (1 + x.x').
    MLP: neural-tangents' recursion (Novak et al. 2020), every layer with its weights and biases.
    Pi-net of degree N: a layer with E[s s'] = S and tangent kernel T hands on S^N and N S^(N-1) T.
    Fourier features g: K(g(x), g(x')). Several scales: sum_i K(a_i x, a_i x'). Operators: L_x L_x' K(x, x').

    Args:
        network: `TwoLayer` with Gaussian or uniform w and b and any distribution of a, `MLP`, `PiNet`;
            `FourierFeatures`, `MultiScale` of one of these; `Differentiated` with erf, gelu, sin, gaussian.
        kind: `nngp` for the covariance E[f f'] of the network at its start, the kernel of its Bayesian posterior
            (Lee et al. 2018) in place of that of its training; of two layers E[a^2] E[s(z) s(z')].

    Returns:
        A function (x1 (n, d), x2 (m, d) or None) -> (n, m), in the dtype of the points, with arithmetic.
        Gaussian weights may be traced by JAX; uniform ones are integrated eagerly, in float64.

    Raises:
        InputError: a network without analytic kernel, the covariance of a kernel of no network; (by the function)
            points that are no matrix or are not finite, a quadrature that does not converge.

    Example:
        >>> import jax.numpy as jnp
        >>> from lfp import TwoLayer
        >>> K = kernel(TwoLayer(width=2))(jnp.eye(2))
        >>> round(float(K[0, 0]), 3), round(float(K[0, 1]), 3)
        (2.0, 0.942)
    """
    _checks.choice("kind", kind, ("ntk", "nngp"))
    if isinstance(network, Kernel) or (callable(network) and not hasattr(network, "kernel")):
        return as_kernel(network) if kind == "ntk" else _covariance(as_kernel(network))
    if not hasattr(network, "kernel") or isinstance(network, type):
        msg = f"network={type(network).__name__} has no analytic kernel; allowed: TwoLayer, MLP, PiNet, "
        msg += "FourierFeatures, MultiScale, Differentiated, or theory='empirical'"
        raise _checks.InputError(msg)
    return network.kernel() if kind == "ntk" else _covariance(network.kernel())


def _covariance(tangent: Kernel) -> Kernel:
    """A kernel with the covariance of every network in it in place of its tangent kernel."""

    def of_one(part: Any) -> Any:
        return dataclasses.replace(part, nngp=True) if isinstance(part, Analytic) else part

    leaves, tree = jax.tree.flatten(tangent, is_leaf=lambda part: isinstance(part, Analytic))
    if not any(isinstance(leaf, Analytic) for leaf in leaves):
        msg = f"kind='nngp' of {type(tangent).__name__}, the kernel of no network; allowed: TwoLayer, MLP, PiNet, "
        raise _checks.InputError(msg + "FourierFeatures, MultiScale, Differentiated")
    return jax.tree.unflatten(tree, map(of_one, leaves))


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
        >>> import jax, jax.numpy as jnp
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
        _checks.integer("width", self.width, 1)
        _checks.positive("alpha", self.alpha)
        if self.output is not None:
            _checks.integer("output", self.output, 0)

    @classmethod
    def from_flax(
        cls,
        module: Any,
        width: int | None = None,
        alpha: float = 1.0,
        *,
        shape: Sequence[int] | None = None,
        output: int | None = None,
        **call: Any,
    ) -> "Custom":
        """A module of flax, with its own initialisation: of linen as it is, of nnx by a function that makes it.

        What is no parameter (running means, counters) stays as it is at key 0. Modules of nnx are switched to
        evaluation; of linen dropout and normalisation are switched by arguments of the call.

        Args:
            module: `MyModule(...)` of linen, or `lambda rngs: MyModule(..., rngs=rngs)` of nnx.
            width: neurons or channels of the narrowest layer; None where all layers are dense, which tell it.
            alpha: output scale; larger is lazier.
            shape: of a point as the module takes it, such as (8, 8, 1) for images; None for (dim,).
            output: as above.
            call: arguments of every call, such as train=False.

        Raises:
            InputError: a module that draws or keeps numbers as it is called, gives no number a point, has complex
                parameters or none, has been made (nnx) or not (linen); a width that cannot be told.

        Example:
            >>> import jax
            >>> from flax import linen
            >>> model = linen.Sequential([linen.Dense(16), linen.relu, linen.Dense(1)])
            >>> Custom.from_flax(model).width
            16
        """
        functions = modules.of_flax(module, width, shape, call)
        return cls(functions.init, functions.apply, functions.width, alpha, output)

    @classmethod
    def from_equinox(
        cls,
        make: Callable[[PRNGKeyArray], Any],
        width: int | None = None,
        alpha: float = 1.0,
        *,
        shape: Sequence[int] | None = None,
        output: int | None = None,
        frozen: Callable[[Any], Any] | None = None,
    ) -> "Custom":
        """A module of equinox, by a function of a key that makes it; it is called point by point, in inference mode.

        Arrays of floats are trained. Integers, and what `frozen` names, stay as they are at key 0, in every network.

        Args:
            make: such as `lambda key: eqx.nn.MLP(2, 1, 64, 2, key=key)`.
            width: neurons or channels of the narrowest layer; None where all layers are dense, which tell it.
            alpha: output scale; larger is lazier.
            shape: of a point as the module takes it; None for (dim,).
            output: as above.
            frozen: module -> its parts that are not trained, one or a list.

        Raises:
            InputError: a module in place of what makes it, one with a state (BatchNorm), that gives no number a point,
                with complex parameters or none; a width that cannot be told.

        Example:
            >>> import equinox as eqx
            >>> Custom.from_equinox(lambda key: eqx.nn.MLP(2, 1, 16, 2, key=key)).width
            16
        """
        functions = modules.of_equinox(make, width, shape, frozen)
        return cls(functions.init, functions.apply, functions.width, alpha, output)

    @classmethod
    def from_torch(
        cls,
        make: Callable[[], Any],
        width: int | None = None,
        alpha: float = 1.0,
        *,
        shape: Sequence[int] | None = None,
        output: int | None = None,
    ) -> "Custom":
        """A module of torch, by a function that makes it, with the numbers of torch's own generator, seeded by the key.

        It is translated by torchax and trained here, in evaluation mode: no dropout, normalisation by running means.
        Parameters that want gradients are trained. The others, and buffers, stay as they are at key 0, in every
        network.

        Args:
            make: such as `lambda: nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 1))`.
            width: neurons or channels of the narrowest layer; None where all layers are dense, which tell it.
            alpha: output scale; larger is lazier.
            shape: of a point as the module takes it, such as (1, 8, 8); None for (dim,).
            output: as above.

        Raises:
            InputError: torch or torchax missing (the extra `torch`), a module in place of what makes it, one that
                torchax cannot translate, that gives no number a point, with complex parameters or none, a width that
                cannot be told.

        Example:
            >>> import torch  # doctest: +SKIP
            >>> layers = lambda: torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
            >>> Custom.from_torch(layers).width  # doctest: +SKIP
            16
        """
        functions = modules.of_torch(make, width, shape)
        return cls(functions.init, functions.apply, functions.width, alpha, output)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """The user's parameters."""
        return self.init_fn(key, dim)

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """alpha f(params, x); training removes its value at initialisation."""
        out = self.outputs(params, x)
        if self.output is not None and out.ndim == 2 and self.output < out.shape[1]:
            return out[:, self.output]
        if self.output is not None or out.shape != (len(x),):
            msg = f"apply_fn returned shape {out.shape} for {len(x)} points, with output={self.output}; "
            msg += f"allowed: ({len(x)},) with output=None, ({len(x)}, o) with output=0 .. o - 1"
            raise _checks.InputError(msg)
        return out

    def outputs(self, params: Params, x: Float[Array, "points dim"]) -> Float[Array, "points ..."]:
        """All outputs, times alpha."""
        out = self.apply_fn(params, x)
        if out.ndim not in (1, 2) or len(out) != len(x):
            msg = f"apply_fn returned shape {out.shape} for {len(x)} points; allowed: ({len(x)},) or ({len(x)}, o)"
            raise _checks.InputError(msg)
        return self.alpha * out


def inertia(network: Network) -> float:
    """What laziness divides by: the width, unless the network says otherwise."""
    return float(getattr(network, "inertia", network.width))


class Wrapped(eqx.Module):
    """A network made of another one, by default with the width and alpha of the inner network."""

    inner: Network

    @property
    def width(self) -> int:
        """That of the inner network."""
        return self.inner.width

    @property
    def activation(self) -> Any:
        """That of the inner network, where it shows it."""
        return getattr(self.inner, "activation", None)

    @property
    def asi(self) -> bool:
        """Whether the inner network begins antisymmetric."""
        return getattr(self.inner, "asi", False)

    @property
    def inertia(self) -> float:
        """That of the inner network, by its width."""
        return inertia(self.inner) * self.width / self.inner.width

    @property
    def alpha(self) -> float:
        """That of the inner network."""
        return self.inner.alpha
