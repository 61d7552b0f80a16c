"""Empirical neural tangent kernels: of any network at given parameters."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PyTree

from lfp import _checks
from lfp.kernels.algebra import point_sets
from lfp.kernels.gram import Factors, mirrored, tiled
from lfp.kernels.program import ParameterUses, Program

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
"""Memory that a tile of an empirical kernel may take, in bytes."""


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
    _, pull = jax.vjp(lambda p: network.apply(p, x1 if x2 is None else x2), params)
    _, push = jax.linearize(lambda p: network.apply(p, x1), params)
    return lambda v: push(pull(v)[0]) / network.alpha**2


def empirical_kernel(
    network: Model,
    params: Params,
    x1: Float[Array, "n d"],
    x2: Float[Array, "m d"] | None = None,
    trace: bool = False,
) -> Float[Array, "n m"]:
    """J(x1) J(x2)^T / alpha^2 of a network at given parameters, layer by layer and in tiles of bounded memory.

    A weight of a layer z = W a adds (a(x) . a(x')) (df/dz(x) . df/dz(x')), which needs no gradient (arXiv 2206.08720).
    Such weights are found in the traced program of any network; `lfp.kernels.parameter_uses` names them. The gradients
    by other parameters are formed.

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
            finite, or no floats; a network whose value at a point depends on the other points.

    Example:
        >>> from lfp import TwoLayer, kernel
        >>> network = TwoLayer(width=2**14)
        >>> K = empirical_kernel(network, network.init(jax.random.key(0), 2), jnp.eye(2))
        >>> K.round(1).tolist() == kernel(network)(jnp.eye(2)).round(1).tolist()
        True
    """
    x1, x2 = point_sets(x1, x2)
    dtype = _floating(params)
    matrix, alone = _empirical(network, params, x1.astype(dtype), None if x2 is None else x2.astype(dtype), trace)
    if not isinstance(alone, Tracer) and not alone:
        msg = "network mixes points: its value at a point depends on the other points of the batch; allowed: networks "
        raise _checks.InputError(msg + "that see every point alone (no batch normalisation)")
    # a program of its own, else XLA computes every entry twice
    return mirrored(matrix) if x2 is None else matrix


def parameter_uses(network: Model, params: Params, dim: int, trace: bool = False) -> ParameterUses:
    """Which parameters enter a network only in products, convolutions and sums: `empirical_kernel` uses their factors.

    Args:
        network: any network.
        params: its parameters.
        dim: of its input.
        trace: as in `empirical_kernel`.

    Returns:
        Names of these parameters, `structured`, and of the others, `general`, by which every gradient is formed.

    Example:
        >>> from lfp import TwoLayer
        >>> network = TwoLayer(width=8)
        >>> parameter_uses(network, network.init(jax.random.key(0), 2), 2)
        ParameterUses(structured=('[0]', '[1]', '[2]'), general=())
    """
    _checks.integer("dim", dim, 1)
    evaluate = _evaluation(network, trace)
    leaves, tree = jax.tree.flatten(params)
    point = jax.ShapeDtypeStruct((dim,), _floating(params))
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    return _program(evaluate, leaves, tree, point).parameters(names)


def _evaluation(network: Any, trace: bool) -> Callable[[Params, Array], Array]:
    """f, or all its outputs, which a `Custom` model gives by a function of its own."""
    if trace and callable(getattr(network, "outputs", None)):
        return network.outputs
    return network.apply


def _program(evaluate: Callable[[Params, Array], Array], leaves: Sequence[Array], tree: Any, point: Any) -> Program:
    def outputs(leaves: Sequence[Array], point: Array) -> Array:
        return jnp.ravel(evaluate(jax.tree.unflatten(tree, leaves), point[None])[0])

    return Program(outputs, leaves, point)


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
def _empirical(network: Model, params: Params, x1: Array, x2: Array | None, trace: bool) -> tuple[Array, Array]:
    """The kernel, and whether the network sees points one by one."""
    evaluate = _evaluation(network, trace)
    leaves, tree = jax.tree.flatten(params)
    program = _program(evaluate, leaves, tree, x1[0])
    if not trace and program.count > 1:  # said where it is traced: no work a call
        msg = f"network gives {program.count} numbers a point; allowed: one, trace=True for the mean over outputs, or "
        raise _checks.InputError(msg + "Joined(network) at points (x, output)")
    dtype = jnp.result_type(*leaves)

    def pairs(x: Array) -> Factors:
        return jax.vmap(lambda point: program.factors(leaves, point, dtype))(x)

    shapes = jax.eval_shape(pairs, x1[:1])
    size = 4 * sum(leaf.size for leaf in jax.tree.leaves(shapes)) * dtype.itemsize
    block = max(1, min(BLOCK_BYTES // size, math.isqrt(BLOCK_BYTES // (4 * dtype.itemsize))))
    matrix = tiled(pairs, x1, x2, block) / (network.alpha**2 * program.count)
    far = 1 + x1[0] + jnp.abs(x1[0])
    # mapped, so that one code evaluates both: two would differ in rounding
    values = jax.lax.map(lambda other: evaluate(params, jnp.stack([x1[0], other]))[0], jnp.stack([x1[0], far]))
    return matrix, jnp.allclose(*values, rtol=float(jnp.finfo(dtype).eps) ** 0.5, atol=0.0, equal_nan=True)
