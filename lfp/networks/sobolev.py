"""The gradient-enhanced (Sobolev) loss: values and slopes are fitted together, which multiplies the rates."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.domains.problems import Points, Problem
from lfp.networks.network import Params, Wrapped


class Sobolev(Wrapped):
    """A network on the circle as a function of (t, order): f(t) at order 0, df/dt at order 1.

    With `points` it trains on (1/2n) sum (f - y)^2 + (f' - y')^2 like any other network. For activations whose
    derivative autodiff knows whole, mode k then goes at (1 + k^2) times its rate; that of relu omits the delta in its
    second derivative, so that relu misses most of it.

    Args:
        inner: the network, which sees (cos t, sin t).

    Example:
        >>> from lfp import TwoLayer
        >>> both = Sobolev(TwoLayer(8, "gelu", asi=False))
        >>> both.apply(both.init(jax.random.key(0), 2), jnp.array([[0.1, 0.0], [0.1, 1.0]])).shape
        (2,)
    """

    def init(self, key: PRNGKeyArray, dim: int) -> Params:  # noqa: ARG002 - the network sees the circle
        """Parameters of the network."""
        return self.inner.init(key, 2)

    def apply(self, params: Params, x: Float[Array, "n 2"]) -> Float[Array, " n"]:
        """f or df/dt at (t, order)."""

        def value(t: Array) -> Array:
            return self.inner.apply(params, jnp.stack([jnp.cos(t), jnp.sin(t)], axis=1))

        f, slope = jax.jvp(value, (x[:, 0],), (jnp.ones_like(x[:, 0]),))
        return jnp.where(x[:, 1] > 0, slope, f)

    @staticmethod
    def points(problem: Problem, slope: Float[np.ndarray, " n"]) -> Points:
        """The values of a problem on the circle, then its slopes y'(t), each with its weights: they sum to 2.

        Raises:
            InputError: a problem that does not lie on the circle.
        """
        if problem.domain.name != "circle":
            msg = f"domain={problem.domain.name!r} with a Sobolev loss; allowed: 'circle'"
            raise _checks.InputError(msg)
        order = np.repeat([0.0, 1.0], len(problem.t))
        x = np.stack([np.tile(problem.t, 2), order], axis=1)
        return Points(x, np.concatenate([problem.y, slope]), np.tile(problem.weights, 2))
