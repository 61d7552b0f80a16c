"""A physics-informed network: a differential operator inside, conditions at the boundary, one residual to train."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.kernels.algebra import DifferentialOperator
from lfp.networks.differentiated import refuse_kinks
from lfp.networks.network import Params, Wrapped


def value(f: Callable[[Array], Array], x: Array) -> Array:
    """f(x): the operator of a condition on the value of the solution.

    Example:
        >>> float(value(jnp.sum, jnp.ones(2)))
        2.0
    """
    return f(x)


class Pinn(Wrapped):
    """g(x, e) = (L_e f)(x), e the number of the equation that holds at x: trained on its right-hand sides (1711.10561).

    The loss is that of any network, (1/2) sum_i P_i (g_i - y_i)^2: the weights of the points balance the equations. The
    empirical kernel of g is the Gram matrix of the residuals, and predicts them.

    Args:
        inner: the network f.
        operators: the L_e, each (f, x) -> (L f)(x), with f a function of one point that gives a number.

    Raises:
        InputError: no operator; (by `init`) one of second order on a network whose activation has a kink; (by `apply`)
            a number of an equation that does not exist.

    Example:
        >>> from lfp import TwoLayer
        >>> net = Pinn(TwoLayer(width=8, activation="tanh"), (lambda f, x: jax.hessian(f)(x)[0, 0], value))
        >>> x = collocation([[0.25], [0.5]], [[0.0], [1.0]])
        >>> x.tolist()
        [[0.25, 0.0], [0.5, 0.0], [0.0, 1.0], [1.0, 1.0]]
        >>> net.apply(net.init(jax.random.key(0), 2), jnp.asarray(x)).shape
        (4,)
    """

    operators: tuple[DifferentialOperator, ...] = eqx.field(static=True)

    def __check_init__(self) -> None:
        _checks.integer("len(operators)", len(self.operators), 1)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Parameters of the network, which does not see the number of the equation."""
        refuse_kinks(self.inner, self.operators, dim - 1)
        return self.inner.init(key, dim - 1)

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """L_e f at every point, alpha included; the last column of x is e."""
        f = lambda point: self.inner.apply(params, point[None])[0]  # noqa: E731
        if not isinstance(x, Tracer):
            self.check_points(np.asarray(x))
        sides = jnp.stack([jax.vmap(lambda point, op=op: op(f, point))(x[:, :-1]) for op in self.operators])
        last = x[:, -1]
        number = jnp.where((last >= 0) & (jnp.rint(last) == last), last, len(self.operators)).astype(int)
        return jnp.take_along_axis(sides, number[None, :], axis=0, mode="fill")[0]  # NaN where there is none

    def check_points(self, x: Float[np.ndarray, "n dim"]) -> None:
        """Refuse points whose last column is no number of an equation.

        Raises:
            InputError: such a point.
        """
        wrong = np.flatnonzero(~np.isin(x[:, -1], np.arange(len(self.operators))))
        if len(wrong):
            msg = f"x has {x[wrong[0], -1]:g} for the number of its equation at point {wrong[0]}; allowed: "
            raise _checks.InputError(msg + f"0 to {len(self.operators) - 1}, as there are operators")


def collocation(*points: Sequence[Sequence[float]] | Float[np.ndarray, "n d"]) -> Float[np.ndarray, "points columns"]:
    """Points of equation 0, 1, ... one under the other, with the number of their equation as last column.

    Raises:
        InputError: points that are no matrix, or of different dimension.

    Example:
        >>> collocation([[0.5]], [[0.0], [1.0]]).tolist()
        [[0.5, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """
    sets = [np.asarray(_checks.finite("points", np.asarray(_checks.real("points", one))), float) for one in points]
    if len({one.shape[1:] for one in sets}) != 1 or any(one.ndim != 2 or not one.size for one in sets):
        msg = f"points have shapes {[one.shape for one in sets]}; allowed: (n, d), all of one d"
        raise _checks.InputError(msg)
    numbers = np.repeat(np.arange(float(len(sets))), list(map(len, sets)))
    return np.concatenate([np.concatenate(sets), numbers[:, None]], axis=1)
