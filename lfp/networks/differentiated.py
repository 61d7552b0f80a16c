"""A differential operator applied to a network."""

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from lfp.kernels.algebra import Differential, DifferentialOperator
from lfp.networks.network import Params, Wrapped, kernel


class Differentiated(Wrapped):
    """(L f)(x) of a network f and a differential operator L: what a PINN trains, as one more network.

    Args:
        inner: the network f.
        operator: (f, x) -> (L f)(x); f takes one point, of shape (dim,), and gives a number, to be differentiated by
            JAX. Not linear: the network can be trained and has an empirical kernel, but no analytic one.

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
        return self.inner.init(key, dim)

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """L f at every point, alpha included."""
        f = lambda point: self.inner.apply(params, point[None])[0]  # noqa: E731
        return jax.vmap(lambda point: self.operator(f, point))(x)

    def kernel(self) -> Differential:
        """L_x L_x' K(x, x')."""
        return Differential(kernel(self.inner), self.operator)
