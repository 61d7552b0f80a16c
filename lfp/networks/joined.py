"""A network of several outputs, as one function of (x, number of the output)."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.domains.joint import Joint
from lfp.kernels.algebra import Kernel, as_kernel
from lfp.networks.network import Custom, Network, Params, Wrapped, kernel


class Joined(Wrapped):
    """f(x, c) = f_c(x): what is true of a network with one output is true of it, output by output.

    At infinite width the outputs do not see each other: K((x, c), (x', c')) = K(x, x') where c = c', else 0.

    Args:
        inner: a network whose `apply` gives (n, o): `MLP` or `TwoLayer` with `outputs`, `Custom`.

    Example:
        >>> from lfp import MLP
        >>> network = Joined(MLP(8, outputs=3))
        >>> params = network.init(jax.random.key(0), 3)
        >>> network.apply(params, jnp.array([[0.5, 1.0, 0.0], [0.5, 1.0, 2.0]])).shape
        (2,)
    """

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Parameters of the network, which does not see the number of the output."""
        return self.inner.init(key, dim - 1)

    def apply(self, params: Params, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """f_c(x) at (x, c)."""
        every = self.table(params, x[:, :-1])
        chosen = x[:, -1:] == jnp.arange(every.shape[1], dtype=x.dtype)[None, :]
        return jnp.sum(jnp.where(chosen, every, 0), axis=1)

    def table(self, params: Params, x: Float[Array, "points d"]) -> Float[Array, "points ..."]:
        """All outputs at once."""
        return Table(self.inner).apply(params, x)

    def kernel(self) -> "JointKernel":
        """The NTK in the limit of infinite width."""
        return JointKernel(kernel(self.inner))


class Table(Wrapped):
    """All outputs of a network at once, as training evaluates them: `apply` gives (n, o)."""

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Parameters of the network."""
        return self.inner.init(key, dim)

    def apply(self, params: Params, x: Float[Array, "points d"]) -> Float[Array, "points ..."]:
        """f(x)."""
        inner: Any = self.inner
        every = inner.outputs(params, x) if isinstance(inner, Custom) else inner.apply(params, x)
        return every[:, None] if every.ndim == 1 else every


class JointKernel(Kernel):
    """K(x, x') of pairs (x, c), (x', c') of one output, 0 of two."""

    inner: Kernel

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """Every pair."""
        same = x1[:, -1:] == (x1 if x2 is None else x2)[:, -1][None, :]
        value = as_kernel(self.inner)(x1[:, :-1], None if x2 is None else x2[:, :-1])
        return jnp.where(same, value, 0)


def at_once(network: Network, data: Any) -> tuple[Network, Any]:
    """What is evaluated, and where: of several outputs all of a point in one pass."""
    if isinstance(network, Joined) and isinstance(data, Joint):
        return Table(network.inner), data.inputs
    return network, data.x


def joined(network: Network, data: Any) -> Network:
    """The network as the data ask for it: of several outputs as a function of (x, c).

    Raises:
        InputError: a network with another number of outputs than the data.
    """
    if not isinstance(data, Joint):
        count = 1 if isinstance(network, Joined) else outputs_of(network)
        if count > 1:
            msg = f"network has {count} outputs for targets of one; allowed: Joint data of {count}"
            raise _checks.InputError(msg)
        return network
    wrapped = network if isinstance(network, Joined) else Joined(network)
    point = jnp.zeros((1, data.inputs.shape[1]))
    found = jax.eval_shape(lambda: wrapped.table(wrapped.inner.init(jax.random.key(0), point.shape[1]), point))
    if found.shape != (1, data.outputs):
        name = type(wrapped.inner).__name__
        msg = f"network={name} has {found.shape[1]} outputs for targets of {data.outputs}; allowed: "
        raise _checks.InputError(msg + f"{data.outputs}, of MLP and TwoLayer by outputs={data.outputs}")
    return wrapped


def outputs_of(network: Any) -> int:
    """The number of outputs that a network of ours, or one made of it, was given."""
    if isinstance(network, Wrapped):
        return outputs_of(network.inner)
    count = getattr(network, "outputs", 1)
    return count if isinstance(count, int) else 1
