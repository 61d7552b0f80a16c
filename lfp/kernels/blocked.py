"""Products V -> K(x, x) V of a kernel with a block of vectors: neither the n x n matrix nor an n x P Jacobian.

On one device or on many, in one process or in several (`jax.distributed`): tiles and chunks of rows are dealt out to
the devices, everything else is on all of them. Processes must be alike: each takes the same decisions for itself.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from lfp import _checks
from lfp.kernels.algebra import Function, Kernel, as_kernel, refuse_asymmetric
from lfp.kernels.empirical import BLOCK_BYTES, Model, Params, cast

TILE = 512
"""Rows and columns of a tile: the dozen arrays of this size that a kernel makes on its way stay in the caches."""

_STRIP = 32  # points whose matrix is computed for its diagonal, and twice as many for the check of a kernel
_EVERYWHERE, _ROWS = PartitionSpec(), PartitionSpec("rows")


@runtime_checkable
class Product(Protocol):
    """V -> K(x, x) V."""

    x: Float[Array, "n d"]

    def __call__(self, v: Float[Array, "n b"]) -> Float[Array, "n b"]:
        """K V."""
        ...

    def diagonal(self) -> Float[Array, " n"]:
        """K(x_i, x_i)."""
        ...


class Tiles(eqx.Module):
    """A kernel in tiles, see `kernel_product`: those above the diagonal serve below it as well."""

    kernel: Kernel
    x: Float[Array, "n d"]
    mesh: Mesh | None = eqx.field(static=True)

    def __call__(self, v: Float[Array, "n b"]) -> Float[Array, "n b"]:
        """K V."""
        n, tile = len(v), min(TILE, len(v))
        spare = -n % tile
        x, v = jnp.pad(self.x, ((0, spare), (0, 0)), mode="edge"), jnp.pad(v, ((0, spare), (0, 0)))
        pairs = np.stack(np.triu_indices(len(v) // tile), axis=1).astype(np.int32)
        if self.mesh is None:
            out = jnp.zeros_like(v)
            for i, j in pairs:
                matrix = _untraced(self.kernel, x[i * tile :][:tile], x[j * tile :][:tile])
                out = _add(out, matrix.astype(v.dtype), v, i, j)
            return out[:n]
        dealt = np.pad(pairs, ((0, -len(pairs) % self.mesh.size), (0, 0)))
        dealt[len(pairs) :] = 1, 0  # below the diagonal: counts for nothing
        dealt = dealt.reshape(-1, self.mesh.size, 2).swapaxes(0, 1)  # in turn, so that all devices end together
        kernel, x, v = _place((self.kernel, x, v), self.mesh)
        return _here(_sum_of_tiles(kernel, x, v, _place(dealt, self.mesh, _ROWS), self.mesh))[:n]

    def diagonal(self) -> Float[Array, " n"]:
        """K(x_i, x_i)."""
        n = len(self.x)
        x = jnp.pad(self.x, ((0, -n % _STRIP), (0, 0)), mode="edge").reshape(-1, _STRIP, self.x.shape[1])
        entries = _entries if self.mesh is not None else _untraced
        diagonals = [np.diagonal(entries(self.kernel, part, part)) for part in x]
        return jnp.asarray(np.concatenate(diagonals)[:n], self.x.dtype)


class Tangents(eqx.Module):
    """The kernel J J^T / alpha^2 of a network, see `network_product`: back to the parameters, and forth."""

    network: Model
    params: Params
    x: Float[Array, "n d"]
    mesh: Mesh = eqx.field(static=True)

    def __call__(self, v: Float[Array, "n b"]) -> Float[Array, "n b"]:
        """K V."""
        n, width = v.shape
        # a vector is a tangent of all parameters, one more in the making, and the hidden values of a chunk
        count = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        group = int(np.clip(BLOCK_BYTES // (2 * count * v.dtype.itemsize), 1, width))
        group = -(-width // -(-width // group))  # groups of one size
        chunk = BLOCK_BYTES // (4 * max(self.network.width, self.x.shape[1]) * group * v.dtype.itemsize)
        chunk = int(np.clip(chunk, 1, -(-n // self.mesh.size)))
        spare = -n % (chunk * self.mesh.size)
        x = jnp.pad(self.x, ((0, spare), (0, 0)), mode="edge").reshape(-1, chunk, self.x.shape[1])
        x, params = _place(x, self.mesh, _ROWS), _place(self.params, self.mesh)
        v = jnp.pad(v, ((0, spare), (0, -width % group)))
        parts = []
        for start in range(0, width, group):
            part = v[:, start : start + group].reshape(-1, chunk, group)
            parts.append(_here(_there_and_back(self.network, params, x, _place(part, self.mesh, _ROWS), self.mesh)))
        return jnp.concatenate(parts, axis=1)[:n, :width]

    def diagonal(self) -> Float[Array, " n"]:
        """|df(x_i)/dp|^2 / alpha^2."""
        return _squares(self.network, self.params, self.x)


def kernel_product(
    kernel: Function, x: Float[Array | np.ndarray, "n d"], devices: Sequence[Any] | None = None
) -> Tiles:
    """V -> K(x, x) V of a symmetric kernel, tile by tile; memory a few times n x b and the tile.

    Args:
        kernel: (x1, x2) -> matrix: that of a network, or any other. One that JAX cannot trace (a quadrature that
            looks at the points, a function of numpy) is called tile by tile on one device.
        x: points; the product has their dtype.
        devices: where to compute; None takes all, those of other processes included.

    Returns:
        The product.

    Raises:
        InputError: points that are no matrix or not finite, a kernel that is not finite or, on a sample of 64 points,
            not symmetric.

    Example:
        >>> product = kernel_product(lambda x1, x2: x1 @ x2.T, jnp.array([[1.0, 0.0], [0.0, 2.0]]))
        >>> product(jnp.ones((2, 1))).ravel().tolist(), product.diagonal().tolist()
        ([1.0, 4.0], [1.0, 4.0])
    """
    x, kernel = _matrix(x), as_kernel(kernel)
    shape = jax.ShapeDtypeStruct((min(TILE, len(x)), x.shape[1]), x.dtype)
    try:
        eqx.filter_eval_shape(kernel, shape, shape)
        entries, mesh = _entries, _mesh(devices)
    except (_checks.InputError, jax.errors.JAXTypeError):
        entries, mesh = _untraced, None
    rows = np.random.default_rng(0).permutation(np.arange(2 * _STRIP) * len(x) // (2 * _STRIP))
    left, right = x[rows[:_STRIP]], x[rows[_STRIP:]]
    one, other = (entries(kernel, a, b) for a, b in ((left, right), (right, left)))
    _checks.finite("kernel", np.asarray(one))
    refuse_asymmetric(one, other)
    return Tiles(kernel, x, mesh)


def network_product(
    network: Model,
    params: Params,
    x: Float[Array | np.ndarray, "n d"],
    devices: Sequence[Any] | None = None,
) -> Tangents:
    """V -> J (J^T V) / alpha^2 of any network at given parameters: chunks of points, many vectors at once.

    Args:
        network: any network.
        params: its parameters; they are cast to the dtype of the points, which the product has too.
        x: points.
        devices: where to compute; None takes all, those of other processes included.

    Returns:
        The product; memory a few times n x b and `BLOCK_BYTES`, or one tangent of the parameters.

    Raises:
        InputError: points that are no matrix or not finite, parameters that are not finite.

    Example:
        >>> from lfp import TwoLayer
        >>> network, x = TwoLayer(width=8), jnp.eye(2)
        >>> product = network_product(network, network.init(jax.random.key(0), 2), x)
        >>> bool(jnp.allclose(jnp.diagonal(product(x)), product.diagonal()))
        True
    """
    x = _matrix(x)
    params = cast(params, x.dtype)
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        _checks.finite(f"params{jax.tree_util.keystr(path)}", np.asarray(leaf))
    return Tangents(network, params, x, _mesh(devices))


def _matrix(x: Any) -> Array:
    if x.ndim != 2 or 0 in x.shape or x.dtype.kind != "f":
        msg = f"x has shape {x.shape} and dtype {x.dtype}; allowed: floats of shape (points, dimension), neither 0"
        raise _checks.InputError(msg)
    _checks.finite("x", np.asarray(x))
    return jnp.asarray(x)


def _mesh(devices: Sequence[Any] | None) -> Mesh:
    return Mesh(np.asarray(jax.devices() if devices is None else list(devices)), ("rows",))


def _place(tree: Any, mesh: Mesh, spec: PartitionSpec = _EVERYWHERE) -> Any:
    """The arrays of a tree, which every process has, on all devices: whole or in equal parts of their rows."""
    sharding = NamedSharding(mesh, spec)

    def put(leaf: Any) -> Array:
        host = np.asarray(leaf)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.tree.map(put, arrays), rest)


def _here(array: Array) -> Array:
    """What all devices hold, as an array of one device of this process."""
    return array.addressable_data(0)


def _sharded(function: Callable, mesh: Mesh, specs: tuple[PartitionSpec, ...]) -> Callable:
    # the sums are written out, so that JAX needs no proof that all devices hold the same
    return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=_EVERYWHERE, check_vma=False)


@jax.jit
def _add(out: Array, matrix: Array, v: Array, i: Array, j: Array) -> Array:
    """Rows i of `out` get matrix v_j; rows j get matrix^T v_i, unless i = j; nothing at all for i > j."""
    size = len(matrix)
    for row, column, part, counts in ((i, j, matrix, i <= j), (j, i, matrix.T, i < j)):
        some = jnp.matmul(part, jax.lax.dynamic_slice_in_dim(v, column * size, size), precision="highest")
        old = jax.lax.dynamic_slice_in_dim(out, row * size, size)
        out = jax.lax.dynamic_update_slice_in_dim(out, old + jnp.where(counts, some, 0), row * size, 0)
    return out


@eqx.filter_jit
def _sum_of_tiles(kernel: Kernel, x: Array, v: Array, pairs: Array, mesh: Mesh) -> Array:
    arrays, rest = eqx.partition(kernel, eqx.is_array)
    tile = min(TILE, len(v))

    def own(arrays: Any, x: Array, v: Array, pairs: Array) -> Array:
        kernel = eqx.combine(arrays, rest)

        def step(out: Array, pair: Array) -> tuple[Array, None]:
            i, j = pair
            x1, x2 = (jax.lax.dynamic_slice_in_dim(x, k * tile, tile) for k in (i, j))
            return _add(out, kernel(x1, x2).astype(v.dtype), v, i, j), None

        return jax.lax.psum(jax.lax.scan(step, jnp.zeros_like(v), pairs[0])[0], "rows")

    return _sharded(own, mesh, (_EVERYWHERE, _EVERYWHERE, _EVERYWHERE, _ROWS))(arrays, x, v, pairs)


def _untraced(kernel: Kernel, x1: Array, x2: Array) -> Array:
    return jnp.asarray(kernel(x1, x2))


_entries = eqx.filter_jit(_untraced)


@eqx.filter_jit
def _there_and_back(network: Model, params: Params, x: Array, v: Array, mesh: Mesh) -> Array:
    def own(params: Params, x: Array, v: Array) -> Array:
        def pull(total: Params, chunk: tuple[Array, Array]) -> tuple[Params, None]:
            _, back = jax.vjp(lambda p: network.apply(p, chunk[0]), params)
            new = jax.vmap(lambda one: back(one)[0], in_axes=1)(chunk[1])
            return jax.tree.map(jnp.add, total, new), None

        start = jax.tree.map(lambda leaf: jnp.zeros((v.shape[2], *leaf.shape), leaf.dtype), params)
        total = jax.lax.psum(jax.lax.scan(pull, start, (x, v))[0], "rows")

        def push(part: Array) -> Array:
            _, forth = jax.linearize(lambda p: network.apply(p, part), params)
            return jax.vmap(forth, out_axes=1)(total) / network.alpha**2

        rows = jax.lax.map(push, x).reshape(-1, v.shape[2])
        return jax.lax.all_gather(rows, "rows", tiled=True)

    return _sharded(own, mesh, (_EVERYWHERE, _ROWS, _ROWS))(params, x, v)


@eqx.filter_jit
def _squares(network: Model, params: Params, x: Array) -> Array:
    def at(point: Array) -> Array:
        gradient = jax.grad(lambda p: network.apply(p, point[None])[0])(params)
        return jnp.stack([jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)]).sum() / network.alpha**2

    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    return jax.lax.map(at, x, batch_size=int(np.clip(BLOCK_BYTES // (8 * x.dtype.itemsize * count), 1, len(x))))
