"""Empirical neural tangent kernels: of any network at given parameters."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from lfp import _checks
from lfp.kernels.algebra import point_sets

Params = PyTree[Array]


@runtime_checkable
class Model(Protocol):
    """What a kernel asks of a network: f(x) at given parameters, its scale and its size."""

    @property
    def width(self) -> int:
        """Neurons of the narrowest layer."""
        ...

    @property
    def alpha(self) -> float:
        """Output scale."""
        ...

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """f(x), alpha included."""
        ...


BLOCK_BYTES = 2**28
"""Memory that a block of rows of an empirical kernel may take, in bytes."""


def cast(params: Params, dtype: Any) -> Params:
    """The parameters in another precision."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), params)


def ntk_vector_product(
    network: Model, params: Params, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None
) -> Callable[[Float[Array, " m"]], Float[Array, " n"]]:
    """v -> K(x1, x2) v = J(x1) (J(x2)^T v) / alpha^2, without a Jacobian: one pass backward, one forward.

    Args:
        network: any network.
        params: its parameters.
        x1: points of the rows.
        x2: points of the columns; None stands for x1.

    Returns:
        A linear function, which may be compiled and mapped. The network is evaluated once, here.

    Raises:
        InputError: points that are no matrix, or of different dimension, or not finite.

    Example:
        >>> from lfp import TwoLayer
        >>> network, x = TwoLayer(width=8), jnp.eye(2)
        >>> params = network.init(jax.random.key(0), 2)
        >>> v = jnp.array([1.0, -1.0])
        >>> K = empirical_kernel(network, params, x)
        >>> bool(jnp.allclose(ntk_vector_product(network, params, x)(v), K @ v, rtol=1e-4))
        True
    """
    x1, x2 = point_sets(x1, x2)
    return _product(network, params, x1, x1 if x2 is None else x2)


def _product(network: Model, params: Params, x1: Array, x2: Array, trace: bool = False) -> Callable[[Array], Array]:
    """v -> K(x1, x2) v; with `trace` the mean over the outputs of v -> K_jj v."""
    evaluate = getattr(network, "outputs", network.apply) if trace else network.apply
    out, pull = jax.vjp(lambda p: evaluate(p, x2), params)
    _, push = jax.linearize(lambda p: evaluate(p, x1), params)
    if out.ndim == 1:
        return lambda v: push(pull(v)[0]) / network.alpha**2

    def mean(v: Array) -> Array:
        each = jax.vmap(lambda e: push(pull(jnp.outer(v, e))[0]) @ e)(jnp.eye(out.shape[1], dtype=out.dtype))
        return jnp.mean(each, axis=0) / network.alpha**2

    return mean


def empirical_kernel(
    network: Model,
    params: Params,
    x1: Float[Array, "n d"],
    x2: Float[Array, "m d"] | None = None,
    trace: bool = False,
) -> Float[Array, "n m"]:
    """J(x1) J(x2)^T / alpha^2 of a network at given parameters, column by column in blocks of bounded memory.

    Args:
        network: any network, with `apply(params, x)` and `alpha`.
        params: its parameters; their dtype is that of the result.
        x1: points of the rows.
        x2: points of the columns; None stands for x1, and the result is symmetric.
        trace: of a network of several outputs (`Custom`), the mean (1/o) sum_j J_j J_j^T over all o of them, which
            neural-tangents calls trace_axes=(-1,); else the kernel of its one output.

    Returns:
        The kernel. Compiled once per network and shape.

    Raises:
        InputError: points that are no matrix, or of different dimension, or not finite; parameters that are not
            finite, or no floats.

    Example:
        >>> from lfp import TwoLayer, kernel
        >>> network = TwoLayer(width=2**14)
        >>> K = empirical_kernel(network, network.init(jax.random.key(0), 2), jnp.eye(2))
        >>> K.round(1).tolist() == kernel(network)(jnp.eye(2)).round(1).tolist()
        True
    """
    x1, x2 = point_sets(x1, x2)
    dtype = _floating(params)
    return _empirical(network, params, x1.astype(dtype), None if x2 is None else x2.astype(dtype), trace)


def _floating(params: Any) -> Any:
    """The dtype of the parameters; refuses what is not finite or no array of floats."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    for path, leaf in leaves:
        name = f"params{jax.tree_util.keystr(path)}"
        if not (isinstance(leaf, jax.Array | np.ndarray) and jnp.issubdtype(leaf.dtype, jnp.floating)):
            what = f"of {leaf.dtype}" if hasattr(leaf, "dtype") else f"a {type(leaf).__name__}"
            msg = f"{name} is {what}; allowed: arrays of floats (equinox: eqx.partition(model, eqx.is_inexact_array))"
            raise _checks.InputError(msg)
        _checks.concrete(name, leaf)
    return jnp.result_type(*(leaf for _, leaf in leaves))


@eqx.filter_jit
def _empirical(network: Model, params: Params, x1: Array, x2: Array | None, trace: bool) -> Array:
    columns = x1 if x2 is None else x2
    out = jax.eval_shape(getattr(network, "outputs", network.apply) if trace else network.apply, params, columns)
    # one column holds a tangent of the parameters and a few arrays of hidden values
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    size = out.dtype.itemsize * (2 * count + 4 * network.width * (len(x1) + len(columns))) * out.size // len(columns)
    block = int(np.clip(BLOCK_BYTES // size, 1, len(columns)))
    product = _product(network, params, x1, columns, trace)
    matrix = jax.lax.map(product, jnp.eye(len(columns), dtype=out.dtype), batch_size=block).T
    # one triangle, copied: a mean of both is not symmetric to the last digit once XLA has fused it
    return jnp.tril(matrix) + jnp.tril(matrix, -1).T if x2 is None else matrix
