"""A differential operator applied to a network."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.kernels.algebra import Differential, DifferentialOperator
from lfp.networks.network import Params, Wrapped, kernel


class Differentiated(Wrapped):
    """(L f)(x) of a network f and a differential operator L: what a PINN trains, as one more network.

    Args:
        inner: the network f.
        operator: (f, x) -> (L f)(x); f takes one point, of shape (dim,), and gives a number, to be differentiated by
            JAX. Not linear: the network can be trained and has an empirical kernel, but no analytic one.

    Raises:
        InputError: (by `init`) an operator of second order on a network whose activation has a kink.

    Example:
        >>> import jax.numpy as jnp
        >>> from lfp import TwoLayer
        >>> bend = lambda f, x: -jax.hessian(f)(x)[0, 0]  # -u''
        >>> net = Differentiated(TwoLayer(width=8, activation="sin"), bend)
        >>> net.apply(net.init(jax.random.key(0), 1), jnp.ones((3, 1))).shape
        (3,)
    """

    operator: DifferentialOperator = eqx.field(static=True)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Parameters of the network."""
        refuse_kinks(self.inner, (self.operator,), dim)
        return self.inner.init(key, dim)

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """L f at every point, alpha included."""
        f = lambda point: self.inner.apply(params, point[None])[0]  # noqa: E731
        return jax.vmap(lambda point: self.operator(f, point))(x)

    def kernel(self) -> Differential:
        """L_x L_x' K(x, x')."""
        return Differential(kernel(self.inner), self.operator)


def refuse_kinks(network: Any, operators: Sequence[DifferentialOperator], dim: int) -> None:
    """Refuse second derivatives of an activation with a kink: JAX sees none of what they are there, relu's are all 0.

    Raises:
        InputError: such a network with an operator of second order or higher.
    """
    while isinstance(network, Wrapped):
        network = network.inner
    which = getattr(network, "activation", None)
    with jax.ensure_compile_time_eval():
        if which is None or not which.has_kink or not any(_sees_curvature(one, dim) for one in operators):
            return
    msg = f"activation={which.name!r} has a kink, of which second derivatives by JAX see nothing; allowed under an "
    raise _checks.InputError(msg + "operator of second order: tanh, gelu, silu, sin and others that are smooth")


def _sees_curvature(operator: DifferentialOperator, dim: int) -> bool:
    """Whether L f(x) changes with the second to fourth derivatives of f at x; elsewhere f is the same."""
    place = jnp.linspace(0.3, 0.4, dim)
    along = jnp.linspace(1.0, 1.5, dim)

    def bent(x: Array) -> Array:
        step = along @ (x - place)
        near = jnp.max(jnp.abs(x - place)) < 1e-3
        return 0.7 + step + jnp.where(near, step**2 + step**3 + step**4, 0.0)

    straight, other = (operator(f, place) for f in (lambda x: 0.7 + along @ (x - place), bent))
    return bool(jnp.abs(other - straight) > 1e-6 * (1 + jnp.abs(straight)))
