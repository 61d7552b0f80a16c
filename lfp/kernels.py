"""Kernels made of kernels: a K_1 + K_2 K_3, kernels of mapped points, kernels of differential operators.

Every kernel here is a function of two point sets, as any other, and its parts are: one of `ntk`, or a user's function.
Sums and products of kernels are kernels (Schur), and so are positive multiples.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lfp import _checks

Function = Callable[..., Any]
"""(x1 (n, d), x2 (m, d)) -> (n, m)."""
Operator = Callable[[Callable[[Array], Array], Array], Array]
"""(f, x) -> (L f)(x): f takes a point of R^d and gives a number, x is a point."""


class Composable(eqx.Module):
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

    def __add__(self, other: Function) -> "Sum":
        return Sum(self, other)

    def __radd__(self, other: Function) -> "Sum":
        return Sum(other, self)

    def __mul__(self, other: Any) -> "Product | Scaled":
        return Product(self, other) if callable(other) else Scaled(self, _number(other))

    def __rmul__(self, other: Any) -> "Product | Scaled":
        return Product(other, self) if callable(other) else Scaled(self, _number(other))


class Given(Composable):
    """A user's function as a kernel with arithmetic.

    Args:
        function: (x1, x2) -> matrix.
    """

    function: Function

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """The function's matrix."""
        return _matrix(self.function, x1, x2)


class Sum(Composable):
    """K_1 + K_2: the kernel of f_1 + f_2, parameters apart."""

    one: Function
    two: Function

    def __check_init__(self) -> None:
        """Refuse what is no kernel."""
        _check_kernels(self.one, self.two)

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K_1(x1, x2) + K_2(x1, x2)."""
        return _matrix(self.one, x1, x2) + _matrix(self.two, x1, x2)


class Product(Composable):
    """K_1 K_2, entry by entry."""

    one: Function
    two: Function

    def __check_init__(self) -> None:
        """Refuse what is no kernel."""
        _check_kernels(self.one, self.two)

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K_1(x1, x2) K_2(x1, x2)."""
        return _matrix(self.one, x1, x2) * _matrix(self.two, x1, x2)


class Scaled(Composable):
    """factor K.

    Raises:
        InputError: a factor that is not a finite number above 0: rates are not negative.
    """

    kernel: Function
    factor: float

    def __check_init__(self) -> None:
        """Refuse a factor that makes no kernel."""
        _check_kernels(self.kernel)
        _checks.positive("factor", self.factor)

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """factor K(x1, x2)."""
        return self.factor * _matrix(self.kernel, x1, x2)


class Dilated(Composable):
    """K(a x, a x'): the kernel of f(a x)."""

    kernel: Function
    factor: float

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K(a x1, a x2)."""
        return _matrix(self.kernel, self.factor * x1, self.factor * (x1 if x2 is None else x2))


class Mapped(Composable):
    """K(g(x), g(x')): the kernel of f(g(x)), g a fixed map of the points, (n, d) -> (n, d')."""

    kernel: Function
    map: Callable[[Array], Array]

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K(g(x1), g(x2))."""
        return _matrix(self.kernel, self.map(x1), self.map(x1 if x2 is None else x2))


class Differential(Composable):
    """L_x L_x' K(x, x') of a linear differential operator L: the kernel of L f where K is that of f.

    By JAX's derivatives of the kernel, which therefore must have them: at x = x' twice the order of L.

    Args:
        kernel: K, differentiable by JAX.
        operator: (f, x) -> (L f)(x), f a function of one point.

    Raises:
        InputError: (by the function) an operator that is not linear or gives no number.

    Example:
        >>> square = lambda x1, x2: (x1 @ x2.T) ** 2
        >>> slope = Differential(square, lambda f, x: jax.grad(f)(x)[0])  # d/dx d/dx' (x x')^2 = 4 x x'
        >>> slope(jnp.array([[1.0], [3.0]])).tolist()
        [[4.0, 12.0], [12.0, 36.0]]
    """

    kernel: Function
    operator: Operator

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """L_x L_x' K, pair by pair; memory of one row."""
        check_linear(self.operator, x1[0])
        return _differential(self, x1, x1 if x2 is None else x2)


@eqx.filter_jit
def _differential(which: Differential, x1: Array, x2: Array) -> Array:
    def at(x: Array, y: Array) -> Array:
        right = lambda u: which.operator(lambda v: _matrix(which.kernel, u[None], v[None])[0, 0], y)  # noqa: E731
        return which.operator(right, x)

    return jax.lax.map(lambda x: jax.vmap(lambda y: at(x, y))(x2), x1)


def check_linear(operator: Operator, x: Float[Array, " d"]) -> None:
    """Refuse an operator with L(f + 2g) other than L f + 2 L g at x, for two smooth functions, or that gives no number.

    Example:
        >>> check_linear(lambda f, x: jax.grad(f)(x)[0], jnp.zeros(2))
    """
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


def _matrix(kernel: Function, x1: Array, x2: Array | None) -> Array:
    """K(x1, x2) with the shape that it must have: nothing is broadcast."""
    x2 = x1 if x2 is None else x2
    matrix = jnp.asarray(kernel(x1, x2))
    if matrix.shape != (len(x1), len(x2)):
        msg = f"kernel returned shape {matrix.shape}; allowed: {(len(x1), len(x2))}, a row and a column for every point"
        raise _checks.InputError(msg)
    return matrix


def _number(factor: Any) -> float:
    try:
        return float(factor)
    except (TypeError, ValueError):
        msg = f"factor={factor!r} is no number; allowed: numbers > 0 and kernels"
        raise _checks.InputError(msg) from None


def _check_kernels(*kernels: Any) -> None:
    for kernel in kernels:
        if not callable(kernel):
            msg = f"kernel={kernel!r} is no function; allowed: kernels (x1, x2) -> matrix, and factors > 0"
            raise _checks.InputError(msg)
