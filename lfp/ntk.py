"""Neural tangent kernels: analytic at infinite width, empirical for any network. Normalised at alpha = 1.

K(x, x') = sum over parameters of df(x)/dp df(x')/dp / alpha^2, so that gradient descent with step lr / alpha^2 on
(1/2n) sum (f - y)^2 is u_{s+1} = (I - lr K / n) u_s at the data while the network is lazy.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from lfp import _checks, _neural_tangents
from lfp.averages import average
from lfp.compounds import Differentiated, FourierFeatures, MultiScale, PiNet, check_smooth
from lfp.dual import is_closed, layer
from lfp.kernels import Composable, Differential, Dilated, Mapped, Sum
from lfp.laws import Gaussian
from lfp.networks import MLP, Network, Params, TwoLayer

Kernel = Callable[..., Float[Array, "n m"]]
"""(x1 of shape (n, d), x2 of shape (m, d), or None for x1) -> matrix of shape (n, m)."""

BLOCK_BYTES = 2**28
"""Memory that a block of rows of an empirical kernel may take, in bytes."""


class Analytic(Composable):
    """The kernel of a network at infinite width, as a function of two point sets: see `kernel`."""

    network: TwoLayer | MLP | PiNet

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
        """K(x1, x2); x2 None stands for x1."""
        x1, x2 = _points(x1, x2)
        dtype = x1.dtype
        # neural-tangents works in JAX's widest floats; float32 points get the rounded result
        x1, x2 = x1.astype(float), None if x2 is None else x2.astype(float)
        limit = replace(self.network, width=2, alpha=1.0)  # neither enters: compiled once for all
        if isinstance(limit, TwoLayer) and not (isinstance(limit.w, Gaussian) and isinstance(limit.b, Gaussian)):
            return _two_layer_averaged(limit, x1, x2).astype(dtype)
        # a quadrature chooses its order by the values, which a compiled one does not see
        recursion = _compiled if is_closed(limit.activation) else _recursion
        return recursion(limit, x1, x2).astype(dtype)


def kernel(network: Network) -> Composable:
    """The NTK of a network in the limit of infinite width.

    Two layers, z = w.x + b (arXiv 2010.08153): K = E[s(z) s(z')] + E[a^2] E[s'(z) s'(z')] (1 + x.x').
    MLP: neural-tangents' recursion (Novak et al. 2020), every layer with its weights and biases.
    Pi-net of degree N: a layer with E[s s'] = S and tangent kernel T hands on S^N and N S^(N-1) T.
    Fourier features g: K(g(x), g(x')). Several scales: sum_i K(a_i x, a_i x'). Operators: L_x L_x' K(x, x').

    Args:
        network: `TwoLayer` with Gaussian or uniform w and b and any law of a, `MLP`, `PiNet`; `FourierFeatures`,
            `MultiScale` of one of these; `Differentiated` with erf, gelu, sin, gaussian.

    Returns:
        A function (x1 (n, d), x2 (m, d) or None) -> (n, m), in the dtype of the points, with arithmetic (`kernels`).
        Gaussian laws may be traced by JAX; uniform ones are integrated eagerly, in float64.

    Raises:
        InputError: a network without analytic kernel; (by the function) points that are no matrix or are not
            finite, a quadrature that does not converge.

    Example:
        >>> K = kernel(TwoLayer(width=2))
        >>> np.asarray(K(jnp.eye(2))).round(3).tolist()
        [[2.0, 0.942], [0.942, 2.0]]
    """
    if isinstance(network, TwoLayer | MLP | PiNet):
        return Analytic(network)
    if isinstance(network, FourierFeatures):
        return Mapped(kernel(network.inner), network.features)
    if isinstance(network, MultiScale):
        return reduce(Sum, [Dilated(kernel(network.inner), scale) for scale in network.scales])
    if isinstance(network, Differentiated):
        check_smooth(network)
        return Differential(kernel(network.inner), network.operator)
    msg = (
        f"network={type(network).__name__} has no analytic kernel; allowed: TwoLayer, MLP, PiNet, FourierFeatures, "
        "MultiScale, Differentiated, or theory='empirical'"
    )
    raise _checks.InputError(msg)


def ntk_vector_product(
    network: Network, params: Params, x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None
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
        >>> network, x = TwoLayer(width=8), jnp.eye(2)
        >>> params = network.init(jax.random.key(0), 2)
        >>> v = jnp.array([1.0, -1.0])
        >>> K = empirical_kernel(network, params, x)
        >>> bool(jnp.allclose(ntk_vector_product(network, params, x)(v), K @ v, rtol=1e-4))
        True
    """
    x1, x2 = _points(x1, x2)
    return _product(network, params, x1, x1 if x2 is None else x2)


def _product(network: Network, params: Params, x1: Array, x2: Array, trace: bool = False) -> Callable[[Array], Array]:
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
    network: Network,
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
        >>> network = TwoLayer(width=2**14)
        >>> K = empirical_kernel(network, network.init(jax.random.key(0), 2), jnp.eye(2))
        >>> K.round(1).tolist() == kernel(network)(jnp.eye(2)).round(1).tolist()
        True
    """
    x1, x2 = _points(x1, x2)
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
def _empirical(network: Network, params: Params, x1: Array, x2: Array | None, trace: bool) -> Array:
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


def neuron_features(network: TwoLayer, params: Params, x: Float[Array, "n d"]) -> Float[Array, "neurons n features"]:
    """Jacobian of each neuron, [s(z), a s'(z), a s'(z) x_1, ..., a s'(z) x_d], z = w.x + b: 2 + d features.

    k_j(x, x') = sum_f F_jf(x) F_jf(x') is the kernel of one neuron; that of a network is the mean of its neurons'.

    Args:
        network: the two-layer network; only its activation is used.
        params: neurons (a, w, b) of shapes (m,), (d, m), (m,), as `network.neurons` and `network.init` draw them.
        x: points.

    Returns:
        Features, the neuron first.

    Raises:
        InputError: points that are no matrix, or not of the dimension of w.

    Example:
        >>> network, x = TwoLayer(width=4), jnp.eye(2)
        >>> params = network.init(jax.random.key(0), 2)
        >>> F = neuron_features(network, params, x)
        >>> K = jnp.einsum("jnf,jmf->nm", F, F) / 4
        >>> bool(jnp.allclose(K, empirical_kernel(network, params, x), rtol=1e-4))
        True
    """
    a, w, b = params
    x, _ = _points(x, None)
    if x.shape[1] != len(w):
        msg = f"x has dimension {x.shape[1]}; allowed: {len(w)}, that of the parameters"
        raise _checks.InputError(msg)
    z = w.T @ x.T + b[:, None]
    slope = a[:, None] * network.activation.derivative(z)
    return jnp.concatenate(
        [network.activation(z)[:, :, None], slope[:, :, None], slope[:, :, None] * x[None, :, :]], axis=2
    )


def _points(x1: Any, x2: Any) -> tuple[Array, Array | None]:
    """Both point sets as matrices of one dimension and one floating dtype."""
    sets = [jnp.asarray(x) for x in (x1, x2) if x is not None]
    dtype = jnp.result_type(*sets, jnp.float32) if any(s.dtype.kind != "f" for s in sets) else jnp.result_type(*sets)
    sets = [s.astype(dtype) for s in sets]
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


def _recursion(network: TwoLayer | MLP | PiNet, x1: Array, x2: Array | None) -> Array:
    return _two_layer(network, x1, x2) if isinstance(network, TwoLayer) else _mlp(network, x1, x2)


_compiled = eqx.filter_jit(_recursion)


def _mlp(network: MLP | PiNet, x1: Array, x2: Array | None) -> Array:
    stax = _neural_tangents.load().stax
    dense = stax.Dense(1, network.w_std, network.b_std, parameterization="ntk")[2]  # the width does not enter
    through = layer(stax, network.activation, x1.shape[1])[2]
    k = dense(x1, x2)
    for _ in range(network.depth):
        k = through(k)
        if isinstance(network, PiNet):
            k = _power(k, network.degree)
        k = dense(k)
    return k.ntk


def _power(k: Any, degree: int) -> Any:
    """The kernel of a product of independent factors that all have kernel k."""
    return k.replace(
        nngp=k.nngp**degree,
        ntk=degree * k.nngp ** (degree - 1) * k.ntk,
        cov1=k.cov1**degree,
        cov2=None if k.cov2 is None else k.cov2**degree,
    )


def _two_layer(network: TwoLayer, x1: Array, x2: Array | None) -> Array:
    w, b = network.w, network.b
    assert isinstance(w, Gaussian)
    assert isinstance(b, Gaussian)
    stax = _neural_tangents.load().stax
    # Dense over sqrt(d) would divide by the dimension: W_std sqrt(d) takes it back
    d = x1.shape[1]
    dense = stax.Dense(1, d**0.5 * w.scale, b.scale, parameterization="ntk")
    first = dense[2](x1, x2)
    # the gradients of (w, b) are a s'(z) (x, 1), without neural-tangents' factors W_std^2, b_std^2
    second_moment = network.a.moment(2).astype(x1.dtype)
    tangent = second_moment * (1 + x1 @ (x1 if x2 is None else x2).T)
    _, _, through = layer(stax, network.activation, d)
    last = through(first.replace(ntk=tangent))
    return last.nngp + last.ntk


def _two_layer_averaged(network: TwoLayer, x1: Array, x2: Array | None) -> Array:
    if isinstance(x1, Tracer) or isinstance(x2, Tracer):
        msg = "x1 is traced, and the quadrature over uniform weights looks at the points; call it outside of jit"
        raise _checks.InputError(msg)
    points = np.asarray(x1, np.float64)
    others = None if x2 is None else np.asarray(x2, np.float64)
    value, slope = average(network.activation, network.w, network.b, points, others)
    tangent = 1 + points @ (points if others is None else others).T
    return jnp.asarray(value + float(network.a.moment(2)) * slope * tangent, x1.dtype)
