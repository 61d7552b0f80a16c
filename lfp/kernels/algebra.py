"""The contract of kernels, and kernels made of kernels: a K_1 + K_2 K_3, of mapped points, of differential operators.

A kernel is a function (x1, x2 or None) -> matrix. A user's function becomes one where it enters, by `as_kernel`:
no later code asks what it is. Sums and products of kernels are kernels (Schur), and so are positive multiples.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from lfp import _checks

Function = Callable[..., Any]
"""(x1 (n, d), x2 (m, d)) -> (n, m)."""
DifferentialOperator = Callable[[Callable[[Array], Array], Array], Array]
"""(f, x) -> (L f)(x): f takes a point of R^d and gives a number, x is a point."""


class Kernel(eqx.Module):
    """A kernel with arithmetic: `2 * K1 + K2 * K3`; a plain function may stand on either side.

    Example:
        >>> linear = Given(lambda x1, x2: x1 @ x2.T)
        >>> (2 * linear + linear * linear)(jnp.eye(2)).tolist()
        [[3.0, 0.0], [0.0, 3.0]]
    """

    __array_ufunc__: ClassVar[None] = None  # numpy's numbers leave the product to us

    @abstractmethod
    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K(x1, x2); x2 None stands for x1."""

    def check_derivatives(self) -> None:
        """Refuse a kernel that is known to lack derivatives where points coincide, as relu's; JAX would invent them."""

    def __add__(self, other: Function) -> "Sum":
        return Sum(self, other)

    def __radd__(self, other: Function) -> "Sum":
        return Sum(other, self)

    def __mul__(self, other: Any) -> "Times | Scaled":
        return Times(self, other) if callable(other) else Scaled(self, _number(other))

    def __rmul__(self, other: Any) -> "Times | Scaled":
        return Times(other, self) if callable(other) else Scaled(self, _number(other))


class Given(Kernel):
    """A user's function as a kernel with arithmetic: its matrix has the shape and the floats of the points.

    Args:
        function: (x1, x2) -> matrix, x2 always given.

    Raises:
        InputError: (by the kernel) a matrix of another shape, complex numbers.

    Example:
        >>> (2 * Given(lambda x1, x2: x1 @ x2.T))(jnp.eye(2)).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """

    function: Function

    def __init__(self, function: Function) -> None:
        # equinox warns of a bare function that `jax.jit` has wrapped
        held: Any = function if isinstance(function, eqx.Module) else jax.tree_util.Partial(function)
        self.function = held

    def __call__(
        self, x1: Float[Array | np.ndarray, "n d"], x2: Float[Array | np.ndarray, "m d"] | None = None
    ) -> Float[Array, "n m"]:
        """The function's matrix."""
        x2 = x1 if x2 is None else x2
        matrix = jnp.asarray(self.function(x1, x2))
        if matrix.shape != (len(x1), len(x2)):  # nothing is broadcast
            msg = f"kernel returned shape {matrix.shape}; allowed: {(len(x1), len(x2))}, a row and a column a point"
            raise _checks.InputError(msg)
        if jnp.iscomplexobj(matrix):
            msg = f"kernel returned {matrix.dtype}; allowed: real numbers"
            raise _checks.InputError(msg)
        if jnp.issubdtype(matrix.dtype, jnp.floating):
            return matrix
        return matrix.astype(x1.dtype if jnp.issubdtype(x1.dtype, jnp.floating) else float)


def as_kernel(which: Any) -> Kernel:
    """A kernel, or a user's function made into one: the only place where functions enter.

    Raises:
        InputError: what is no function.

    Example:
        >>> (2 * as_kernel(lambda x1, x2: x1 @ x2.T))(jnp.eye(2)).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """
    if isinstance(which, Kernel):
        return which
    if not callable(which) or isinstance(which, type):
        msg = f"kernel={which!r} is no function; allowed: kernels (x1, x2) -> matrix, and factors > 0"
        raise _checks.InputError(msg)
    return Given(which)


class _Pair(Kernel):
    """A kernel made of two."""

    one: Kernel = eqx.field(converter=as_kernel)
    two: Kernel = eqx.field(converter=as_kernel)

    def check_derivatives(self) -> None:
        """Those of both."""
        self.one.check_derivatives()
        self.two.check_derivatives()


class Sum(_Pair):
    """K_1 + K_2: the kernel of f_1 + f_2, parameters apart."""

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K_1(x1, x2) + K_2(x1, x2)."""
        return self.one(x1, x2) + self.two(x1, x2)


class Times(_Pair):
    """K_1 K_2, entry by entry."""

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K_1(x1, x2) K_2(x1, x2)."""
        return self.one(x1, x2) * self.two(x1, x2)


class Scaled(Kernel):
    """factor K.

    Raises:
        InputError: a factor that is not a finite number above 0: rates are not negative.
    """

    kernel: Kernel = eqx.field(converter=as_kernel)
    factor: float

    def __check_init__(self) -> None:
        """Refuse a factor that makes no kernel."""
        _checks.positive("factor", self.factor)

    def check_derivatives(self) -> None:
        """Those of the kernel."""
        self.kernel.check_derivatives()

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """factor K(x1, x2)."""
        return self.factor * self.kernel(x1, x2)


class Dilated(Kernel):
    """K(a x, a x'): the kernel of f(a x)."""

    kernel: Kernel = eqx.field(converter=as_kernel)
    factor: float

    def check_derivatives(self) -> None:
        """Those of the kernel."""
        self.kernel.check_derivatives()

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K(a x1, a x2)."""
        return self.kernel(self.factor * x1, self.factor * (x1 if x2 is None else x2))


class Mapped(Kernel):
    """K(g(x), g(x')): the kernel of f(g(x)), g a fixed map of the points, (n, d) -> (n, d')."""

    kernel: Kernel = eqx.field(converter=as_kernel)
    map: Callable[[Array], Array]

    def check_derivatives(self) -> None:
        """Those of the kernel."""
        self.kernel.check_derivatives()

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K(g(x1), g(x2))."""
        return self.kernel(self.map(x1), self.map(x1 if x2 is None else x2))


class Differential(Kernel):
    """L_x L_x' K(x, x') of a linear differential operator L: the kernel of L f where K is that of f.

    By JAX's derivatives of the kernel, which therefore must have them: at x = x' twice the order of L.

    Args:
        kernel: K, differentiable by JAX.
        operator: (f, x) -> (L f)(x), f a function of one point.

    Raises:
        InputError: a kernel of a network whose derivatives are not those of its closed form; (by the kernel) an
            operator that is not linear or gives no number.

    Example:
        >>> square = lambda x1, x2: (x1 @ x2.T) ** 2
        >>> slope = Differential(square, lambda f, x: jax.grad(f)(x)[0])  # d/dx d/dx' (x x')^2 = 4 x x'
        >>> slope(jnp.array([[1.0], [3.0]])).tolist()
        [[4.0, 12.0], [12.0, 36.0]]
    """

    kernel: Kernel = eqx.field(converter=as_kernel)
    operator: DifferentialOperator

    def __check_init__(self) -> None:
        """Refuse a kernel without derivatives."""
        self.kernel.check_derivatives()

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """L_x L_x' K, pair by pair; memory of one row."""
        check_linear(self.operator, x1[0])
        return _differential(self, x1, x1 if x2 is None else x2)


@eqx.filter_jit
def _differential(which: Differential, x1: Array, x2: Array) -> Array:
    def at(x: Array, y: Array) -> Array:
        right = lambda u: which.operator(lambda v: which.kernel(u[None], v[None])[0, 0], y)  # noqa: E731
        return which.operator(right, x)

    return jax.lax.map(lambda x: jax.vmap(lambda y: at(x, y))(x2), x1)


def check_linear(operator: DifferentialOperator, x: Float[Array, " d"]) -> None:
    """Refuse an operator that gives no number, or L(f + 2g) other than L f + 2 L g at x for two smooth functions."""
    wave = jnp.linspace(1.0, 2.0, len(x), dtype=x.dtype)
    f = lambda u: jnp.sin(wave @ u + 0.3)  # noqa: E731
    g = lambda u: jnp.exp(-jnp.sum((u - 0.2) ** 2))  # noqa: E731
    parts = [jnp.asarray(operator(h, x)) for h in (f, g, lambda u: f(u) + 2 * g(u))]
    if any(part.shape for part in parts):
        msg = f"operator gives shape {parts[0].shape} at one point; allowed: a number"
        raise _checks.InputError(msg)
    one, two, both = (float(part) for part in parts)
    if not abs(both - one - 2 * two) <= float(jnp.finfo(x.dtype).eps) ** 0.5 * (abs(one) + abs(two) + 1):
        msg = "operator is not linear: L(f + 2g) is not L f + 2 L g; allowed: linear operators, or an empirical kernel"
        raise _checks.InputError(msg)


def _number(factor: Any) -> float:
    try:
        return float(factor)
    except (TypeError, ValueError):
        msg = f"factor={factor!r} is no number; allowed: numbers > 0 and kernels"
        raise _checks.InputError(msg) from None


def refuse_asymmetric(one: Any, other: Any, name: str = "kernel") -> None:
    """Refuse K(x, y) and K(y, x) that differ beyond the rounding of kernels with an arccos in them."""
    one, other = np.asarray(one), np.asarray(other)
    size, skew = float(np.abs(one).max()), float(np.abs(one - other.T).max())
    if skew > min(1e-4, 10 * float(jnp.finfo(one.dtype).eps) ** 0.5) * size:
        msg = f"{name} is not symmetric: |K(x, x') - K(x', x)| reaches {skew:.1e} of {size:.1e}"
        raise _checks.InputError(msg)


def point_sets(x1: Any, x2: Any) -> tuple[Array, Array | None]:
    """Both point sets as matrices of one dimension and one floating dtype."""
    sets = [_checks.real(name, x) for name, x in (("x1", x1), ("x2", x2)) if x is not None]
    sets = [jnp.asarray(s, jnp.result_type(*sets)) for s in sets]
    for name, x in zip(("x1", "x2"), sets, strict=False):
        if x.ndim != 2 or 0 in x.shape:
            msg = f"{name} has shape {x.shape}; allowed: (points, dimension), neither of them 0"
            raise _checks.InputError(msg)
        if not isinstance(x, Tracer):
            _checks.finite(name, np.asarray(x))
    if len(sets) == 2 and sets[0].shape[1] != sets[1].shape[1]:
        msg = f"x2 has dimension {sets[1].shape[1]}; allowed: {sets[0].shape[1]}, that of x1"
        raise _checks.InputError(msg)
    return sets[0], sets[1] if len(sets) == 2 else None
