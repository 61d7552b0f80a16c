"""Products v -> K(x, x) v and K(x_test, x) v of the LFP kernel, without its matrix.

K = K_0 + k_1(s) + k_w(s) x.x', s = x - x', is a convolution but for x.x' and a polynomial of low rank. With
x.x' = (|x|^2 + |x'|^2 - |s|^2) / 2 only two convolutions are left in every dimension,

    K v = G * v + k_w * (q v) + q (k_w * v) + K_0 v,    G = k_1 - |s|^2 k_w / 2,  q = |x|^2 / 2,

that is two transforms forward and two back, where x.x' taken apart by coordinates needs d + 1 of each.
"""

from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int
from scipy.special import erfc

from lfp import _checks, fourier
from lfp.laws import Samples
from lfp.operator import Operator
from lfp.quadrature import ORDER, Table, gauss_legendre, graded

Part = Literal["finite", "lfp"]
Points = Float[Array, "n dim"] | Float[np.ndarray, "n dim"]
Targets = Float[Array, "m dim"] | Float[np.ndarray, "m dim"]

DENSE = 4096  # points up to which scattered data keeps its matrix
_CHUNK = 1 << 20  # entries of the matrix that `Direct` holds at a time
_MODES = 1 << 22  # most modes of a NUFFT


@runtime_checkable
class Product(Protocol):
    """v -> K(x_test, x) v, under jit and in loops of JAX."""

    @property
    def name(self) -> str:
        """What it does, for people."""
        ...

    @property
    def error(self) -> float | Float[Array, ""]:
        """Estimated error of the operator relative to the largest rate; 0 where only rounding is left."""
        ...

    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"]:
        """K(x_test, x) v."""
        ...


class Dense(eqx.Module):
    """The matrix, once: n m numbers.

    Example:
        >>> product = dense(Operator("tanh"), jnp.array([[0.0], [1.0]]))
        >>> product(jnp.ones(2)).shape, product.error
        ((2,), 0.0)
    """

    matrix: Float[Array, "m n"]
    name: str = eqx.field(static=True, default="dense")
    error: float = eqx.field(static=True, default=0.0)

    @eqx.filter_jit
    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"]:
        """K(x_test, x) v."""
        return jnp.matmul(self.matrix, v, precision="highest")


class Direct(eqx.Module):
    """The sum itself, a chunk of rows at a time: time n m, memory a few times the larger of n and 2^20."""

    operator: Operator
    x: Float[Array, "n dim"]
    x_test: Float[Array, "m dim"]
    part: Part = eqx.field(static=True)
    name: str = eqx.field(static=True, default="direct")
    error: float = eqx.field(static=True, default=0.0)

    @eqx.filter_jit
    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"]:
        """K(x_test, x) v."""
        kernel = _kernel(self.operator, self.part)
        count, size = len(self.x_test), max(1, min(_CHUNK // len(self.x), len(self.x_test)))
        rows = jnp.pad(self.x_test, ((0, -count % size), (0, 0)), mode="edge").reshape(-1, size, self.x.shape[1])
        at = lambda block: jnp.matmul(kernel(block, self.x), v, precision="highest")  # noqa: E731
        return jax.lax.map(at, rows).ravel()[:count]


class Polynomial(eqx.Module):
    """K_0 as left^T middle right, a matrix of low rank; `middle` is None where K_0 is left out."""

    left: Float[Array, "k m"]
    right: Float[Array, "k n"]
    middle: Float[Array, "k k"] | None

    @classmethod
    @eqx.filter_jit
    def of(cls, operator: Operator, x: Array, x_test: Array, part: Part) -> "Polynomial":
        """K_0 in monomials of y = (x - centre) / scale, from its values at as many points of -1, 0, 1."""
        centre, scale = _frame(x, x_test)
        (c0, c1), (d0, d1) = operator.slopes, operator.levels
        second = [] if c0 * d0 == c1 * d1 else np.stack(np.triu_indices(x.shape[1]), axis=1).tolist()

        def monomials(y: Array) -> Array:
            columns = [jnp.ones(len(y), y.dtype), *y.T, *(y[:, i] * y[:, j] for i, j in second)]
            return jnp.stack(columns)

        left, right = (monomials((points - centre) / scale) for points in (x_test, x))
        if part == "lfp":
            return cls(left, right, None)
        e = np.eye(x.shape[1])
        y = jnp.asarray(np.stack([0 * e[0], *e, *(-e[i] if i == j else e[i] + e[j] for i, j in second)]), x.dtype)
        inverse = jnp.linalg.inv(monomials(y))
        values = operator.smooth(centre + scale * y, centre + scale * y).astype(x.dtype)
        middle = inverse.T @ values @ inverse
        return cls(left, right, (middle + middle.T) / 2)

    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"] | float:
        """K_0 v, or 0."""
        if self.middle is None:
            return 0.0
        # sums, not products of matrices: those of few rows by very many columns are slow on a CPU
        inner = jnp.sum(self.right * v[None, :], axis=1)
        return jnp.sum(self.left * jnp.sum(self.middle * inner[None, :], axis=1)[:, None], axis=0)


class GridFFT(eqx.Module):
    """Points of a uniform grid in d <= 3: four real FFTs of (2 n_1) ... (2 n_d) numbers, rounded up to fast sizes."""

    symbols: Float[Array, "2 ..."]
    half: Float[Array, " n"]
    half_test: Float[Array, " m"]
    place: Int[Array, " n"] | None
    take: Int[Array, " m"] | None
    smooth: Polynomial
    shape: tuple[int, ...] = eqx.field(static=True)
    sizes: tuple[int, ...] = eqx.field(static=True)
    name: str = eqx.field(static=True)
    error: float = eqx.field(static=True, default=0.0)

    @eqx.filter_jit
    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"]:
        """K(x_test, x) v."""
        pair = jnp.stack([v, self.half * v])
        if self.place is not None:
            pair = jnp.zeros_like(pair).at[:, self.place].set(pair, unique_indices=True)
        axes = tuple(range(1, 1 + len(self.shape)))
        one, two = jnp.fft.rfftn(pair.reshape(2, *self.shape), self.sizes, axes)
        g, w = self.symbols.astype(one.dtype)
        full = jnp.fft.irfftn(jnp.stack([g * one + w * two, w * one]), self.sizes, axes)
        if self.take is None:
            full = full[(slice(None), *(slice(0, k) for k in self.shape))]
        one, two = full.reshape(2, -1) if self.take is None else full.reshape(2, -1)[:, self.take]
        return one + self.half_test * two + self.smooth(v)


class PrefixSums(eqx.Module):
    """Spline kernels in 1 d: |s|^3 and |s| (1 + x x') are polynomials left and right of x, so O(n) running sums do.

    sum_j sign(x - x_j) P(x, x_j) v_j = sum_pq C_pq y^p (2 L_q(x) - L_q(inf)), L_q(x) = sum_{x_j <= x} y_j^q v_j, with
    y = (x - centre) / scale in [-1, 1]: the sums cancel to some 10 eps sum |K_ij v_j|, no worse.
    """

    coefficients: Float[Array, "4 4"]
    y: Float[Array, " n"]
    y_test: Float[Array, " m"]
    order: Int[Array, " n"] | None
    rank: Int[Array, " m"] | None
    smooth: Polynomial
    name: str = eqx.field(static=True, default="prefix sums")
    error: float = eqx.field(static=True, default=0.0)

    @eqx.filter_jit
    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"]:
        """K(x_test, x) v."""
        sums = _running(jnp.stack(_powers(self.y)) * (v if self.order is None else v[self.order])[None, :])
        total = sums[:, -1:]
        if self.rank is not None:
            sums = jnp.where(self.rank[None, :] > 0, sums[:, jnp.maximum(self.rank - 1, 0)], 0)
        # written out: one pass over the points, where a matmul of 4 rows by 10^6 columns takes ten times as long
        c, rows, out = self.coefficients, 2 * sums - total, jnp.zeros_like(self.y_test)
        for p in (3, 2, 1, 0):
            out = out * self.y_test + c[p, 0] * rows[0] + c[p, 1] * rows[1] + c[p, 2] * rows[2] + c[p, 3] * rows[3]
        return out + self.smooth(v)


class NUFFT(eqx.Module):
    """Scattered points in d <= 3: the kernel, cut smoothly beyond the data, as a Fourier series of few modes.

    One complex transform of type 1 of v + i q v, one of type 2. What the modes leave out on the diagonal is known and
    added. `error` bounds the rest by rows of the kernel: the densest, the farthest out, and random ones.
    """

    coefficients: Float[Array, "2 ..."]
    angles: Float[Array, "n dim"]
    angles_test: Float[Array, "m dim"]
    half: Float[Array, " n"]
    half_test: Float[Array, " m"]
    diagonal: Float[Array, " n"] | None
    smooth: Polynomial
    error: Float[Array, ""]
    accuracy: float = eqx.field(static=True)
    name: str = eqx.field(static=True)

    @eqx.filter_jit
    def __call__(self, v: Float[Array, " n"]) -> Float[Array, " m"]:
        """K(x_test, x) v."""
        shape = self.coefficients.shape[1:]
        u = fourier.gather_modes(jax.lax.complex(v, self.half * v), self.angles, shape, self.accuracy)
        g, w = self.coefficients.astype(u.dtype)
        # F[v] = (u + m) / 2 and F[q v] = (u - m) / 2i, m(k) = conj u(-k): g F[v] + w F[q v] + i w F[v] comes to
        mirror = jnp.conj(jnp.flip(u))
        out = fourier.evaluate_modes(g * (u + mirror) / 2 + 1j * w * mirror, self.angles_test, self.accuracy)
        rest = 0.0 if self.diagonal is None else self.diagonal * v
        return out.real + self.half_test * out.imag + rest + self.smooth(v)


def dense(operator: Operator, x: Points, x_test: Targets | None = None, part: Part = "finite") -> Dense:
    """See `choose`; any points.

    Example:
        >>> dense(Operator("relu"), jnp.array([[0.0], [2.0]]))(jnp.ones(2)).shape
        (2,)
    """
    x, x_test = _points(operator, x, x_test)
    return Dense(_kernel(operator, part)(x_test, x))


def direct(operator: Operator, x: Points, x_test: Targets | None = None, part: Part = "finite") -> Direct:
    """See `choose`; any points.

    Example:
        >>> direct(Operator("relu"), jnp.array([[0.0], [2.0]]))(jnp.ones(2)).shape
        (2,)
    """
    return Direct(operator, *_points(operator, x, x_test), part)


def prefix_sums(operator: Operator, x: Points, x_test: Targets | None = None, part: Part = "finite") -> PrefixSums:
    """See `choose`; for a spline kernel in 1 d, the points in any order.

    Raises:
        InputError: another kernel or dimension.

    Example:
        >>> x = jnp.array([[0.0], [2.0], [1.0]])
        >>> prefix_sums(Operator("relu"), x)(jnp.ones(3)).shape
        (3,)
    """
    spline, same = operator.spline(), x_test is None
    if spline is None or operator.dim != 1:
        msg = f"operator={operator.activation.name} in {operator.dim} d has no prefix sums; allowed: splines in 1 d"
        raise _checks.InputError(msg)
    x, x_test = _points(operator, x, x_test)
    order = np.argsort(np.asarray(x)[:, 0], kind="stable")
    is_sorted = bool(np.all(order == np.arange(len(x))))
    rank = np.searchsorted(np.asarray(x)[order, 0], np.asarray(x_test)[:, 0], side="right")
    return PrefixSums(
        *_moments(operator, x[order], x_test),
        None if is_sorted else jnp.asarray(order),
        None if is_sorted and same else jnp.asarray(rank),
        Polynomial.of(operator, x, x_test, part),
    )


def grid_fft(operator: Operator, x: Points, x_test: Targets | None = None, part: Part = "finite") -> GridFFT:
    """See `choose`; x a full uniform grid in any order, x_test anywhere on its continuation.

    Raises:
        InputError: x fills no grid, x_test is off it, or more than 3 dimensions.

    Example:
        >>> grid_fft(Operator("tanh"), jnp.arange(4.0)[:, None], jnp.array([[7.0]]))(jnp.ones(4)).shape
        (1,)
    """
    x, x_test = _points(operator, x, x_test)
    where = fourier.grid(np.asarray(x)) if operator.dim <= 3 else None
    found = None if where is None else fourier.indices(np.asarray(x_test), where.origin, where.step)
    if where is None or found is None:
        name, points = ("x", x) if where is None else ("x_test", x_test)
        msg = f"{name} of shape {points.shape} is no uniform grid; allowed: a full grid in 1, 2 or 3 dimensions"
        raise _checks.InputError(msg)
    # lags from every point of the grid to every target, and their mirror images: the transforms are real
    reach = np.maximum(found.max(axis=0), np.array(where.shape) - 1 - found.min(axis=0))
    sizes = tuple(fourier.fast_size(2 * int(r) + 1) for r in reach)
    lags = [np.fft.fftfreq(m, 1 / m) * h for m, h in zip(sizes, where.step, strict=True)]
    s = jnp.asarray(np.stack(np.meshgrid(*lags, indexing="ij"), axis=-1).reshape(-1, operator.dim), x.dtype)
    symbols = jnp.fft.rfftn(_pair(operator, s).reshape(2, *sizes), axes=tuple(range(1, 1 + operator.dim))).real
    ordered = np.array_equal(where.flat, np.arange(len(x)))
    inside = np.array_equal(found, np.stack(np.unravel_index(np.arange(len(x)), where.shape), axis=1))
    take = np.ravel_multi_index(tuple((found % np.array(sizes)).T), sizes)
    return GridFFT(
        symbols,
        _half_square(x),
        _half_square(x_test),
        None if ordered else jnp.asarray(where.flat),
        None if ordered and inside else jnp.asarray(take),
        Polynomial.of(operator, x, x_test, part),
        where.shape,
        sizes,
        "fft " + " x ".join(map(str, where.shape)),
    )


def nufft(
    operator: Operator,
    x: Points,
    x_test: Targets | None = None,
    part: Part = "finite",
    tolerance: float = 1e-6,
    modes: int | None = None,
) -> NUFFT:
    """See `choose`; scattered points in 1, 2 or 3 d and an isotropic law of w.

    Args:
        operator: the kernel.
        x: points.
        x_test: where K v is wanted, x by default.
        part: `finite` or `lfp`.
        tolerance: of the operator, relative to the largest rate, not below 5e-5 in float32; `error` says what was
            reached.
        modes: largest mode of the longest axis, instead of choosing it; needed where the operator is traced.

    Raises:
        InputError: more than 3 dimensions, a law of w that is not isotropic, tolerance not positive.

    Example:
        >>> x = jnp.array(np.random.default_rng(0).uniform(-1, 1, (50, 2)))
        >>> product = nufft(Operator("relu", dim=2), x, modes=20)
        >>> product.name[:5], bool(product.error < 0.1)
        ('nufft', True)
    """
    _checks.positive("tolerance", tolerance)
    if not _is_radial(operator):
        msg = f"w={type(operator.w).__name__} in {operator.dim} d; allowed: isotropic laws in 1, 2 or 3 dimensions"
        raise _checks.InputError(msg)
    same = x_test is None
    x, x_test = _points(operator, x, x_test)
    series = _Series(operator, x, x_test, part, tolerance, same)
    half = 18 if modes is None else _checks.integer("modes", modes, 1)
    while True:
        product, size = series.product(half), np.prod(series.shape(half), dtype=float)
        if modes is not None or size * (5 / 3) ** operator.dim > _MODES:
            return product
        if isinstance(product.error, Tracer):
            msg = "modes=None where the operator is traced; allowed: a number"
            raise _checks.InputError(msg)
        if product.error <= max(tolerance, 20 * series.accuracy):  # below that is what rounding leaves
            return product
        half = half * 5 // 3


class _Series:
    """The kernel as a Fourier series on a box around all differences, and what the series leaves out."""

    def __init__(self, operator: Operator, x: Array, x_test: Array, part: Part, tolerance: float, same: bool):
        self.rate: Array | None = None
        self.operator, self.x, self.x_test, self.same = operator, x, x_test, same
        self.part: Part = part
        self.tolerance, sources, targets = tolerance, np.asarray(x, np.float64), np.asarray(x_test, np.float64)
        every = np.concatenate([sources, targets])
        low, high = every.min(axis=0), every.max(axis=0)
        radii = [np.linalg.norm(points - (low + high) / 2, axis=1).max() for points in (sources, targets)]
        self.reach = min(float(np.linalg.norm(high - low)), sum(radii)) or 1.0
        # the cut takes half the reach more; the next image starts where the differences end
        self.periods, self.centre = high - low + 1.5 * self.reach, jnp.asarray((low + high) / 2, x.dtype)[None, :]
        self.accuracy = float(np.clip(tolerance / 100, 20 * jnp.finfo(x.dtype).eps, 1e-4))
        rows = _telling_rows(targets, self.periods / 64, max(6, min(24, 4_000_000 // len(x))))
        self.rows, self.differences = rows, (x_test[rows][:, None, :] - x[None, :, :]).reshape(-1, x.shape[1])
        self.exact = _pair(operator, self.differences)
        self.smooth = Polynomial.of(operator, x, x_test, part)

    def shape(self, half: int) -> tuple[int, ...]:
        """An odd number of modes per axis, of one resolution in frequency."""
        return tuple(2 * int(np.ceil(half * p / self.periods.max())) + 1 for p in self.periods)

    def coefficients(self, half: int) -> Float[Array, "2 ..."]:
        """Transforms of G and k_w times the cut, on the lattice of frequencies: no sampling, hence no aliasing."""
        modes = [(np.arange(m) - m // 2) / p for m, p in zip(self.shape(half), self.periods, strict=True)]
        xi = np.sqrt(sum(axis**2 for axis in np.meshgrid(*modes, indexing="ij")))
        end, width = 1.5 * self.reach, 0.5 * self.reach
        panels = 8 + int(end * xi.max() / 2)
        breaks = end * np.concatenate([graded()[:-1] / panels, np.arange(1, panels + 1) / panels])
        r, weights = gauss_legendre(breaks)
        steep = np.sqrt(np.log(10 / max(self.tolerance, 1e-15)))
        weights = weights * erfc(steep * (2 * (r - self.reach) / width - 1)) / 2
        dtype, dim = self.x.dtype, self.x.shape[1]
        pieces = np.linspace(0.0, xi.max(), 2 + int(end * xi.max() / 2))
        # the nodes of Table.of: the weights of the transform are numbers also where the operator is traced
        cosines = np.cos(np.pi * (np.arange(ORDER) + 0.5) / ORDER)
        nodes = (pieces[1:] + pieces[:-1])[:, None] / 2 + np.diff(pieces)[:, None] / 2 * cosines
        matrix = fourier.hankel(nodes.ravel(), r, weights / np.prod(self.periods), dim)
        line = r[:, None] * np.eye(1, dim)
        return _tabulated(self.operator, *(jnp.asarray(part, dtype) for part in (line, matrix, pieces, xi)))

    def product(self, half: int) -> NUFFT:
        """With modes up to `half` on the longest axis, its diagonal and its error."""
        series = self.coefficients(half)
        angles = self._angles(self.differences)
        arrays = (series, self.exact, angles, self.x, self.x_test, jnp.asarray(self.rows))
        bound, own = _missing(self.operator, *arrays, self.accuracy, self.same)
        if self.rate is None:
            square = self._assemble(series, self.x, Polynomial.of(self.operator, self.x, self.x, self.part))
            self.rate = _largest(square, self.operator.null_space(self.x) if self.part == "lfp" else None, self.x)
        # half as much again for the rows that were not looked at; the rate comes from the series, wrong by as much
        bound = 1.5 * bound / float(np.sqrt(len(self.x_test) / len(self.x)))
        error = bound / jnp.maximum(self.rate - bound, self.accuracy * self.rate) + 10 * self.accuracy
        product = self._assemble(series, self.x_test, self.smooth)
        return eqx.tree_at(lambda p: (p.diagonal, p.error), product, (own if self.same else None, error), is_leaf=_none)

    def _assemble(self, series: Array, x_test: Array, smooth: Polynomial) -> NUFFT:
        half, half_test = _half_square(self.x), _half_square(x_test)
        top = jnp.maximum(jnp.max(half), jnp.max(half_test))  # v and q v go through one transform: of one size
        top = jnp.where(top > 0, top, 1)
        return NUFFT(
            jnp.stack([series[0], top * series[1]]),
            self._angles(self.x - self.centre),
            self._angles(x_test - self.centre),
            half / top,
            half_test / top,
            None,
            smooth,
            jnp.zeros((), self.x.dtype),
            self.accuracy,
            "nufft " + " x ".join(map(str, series.shape[1:])) + " modes",
        )

    def _angles(self, s: Array) -> Array:
        turns = s / jnp.asarray(self.periods, s.dtype)[None, :]
        return 2 * jnp.pi * (turns - jnp.round(turns))


def choose(
    operator: Operator,
    x: Points,
    x_test: Targets | None = None,
    part: Part = "finite",
    tolerance: float = 1e-6,
) -> Product:
    """The product v -> K(x_test, x) v that the data allows: exact and O(n) or O(n log n) if there is one.

    Prefix sums for splines in 1 d; FFT on a uniform grid in 1, 2, 3 d; the matrix for up to 4096 points; NUFFT on
    scattered points in 1, 2, 3 d; the sum in chunks elsewhere, and where jax_finufft is missing.

    Args:
        operator: the kernel; its scales may be traced, the points not.
        x: points, one a row.
        x_test: where K v is wanted; x by default.
        part: `finite` for K_0 + K_LFP, `lfp` for K_LFP.
        tolerance: of the NUFFT, relative to the largest rate.

    Returns:
        The product; its `name` says which it is, its `error` how exact.

    Raises:
        InputError: points of another dimension or not finite, an unknown part.

    Example:
        >>> x = jnp.linspace(-1, 1, 5)[:, None]
        >>> choose(Operator("relu"), x).name, choose(Operator("tanh"), x).name
        ('prefix sums', 'fft 5')
    """
    sources, targets = _points(operator, x, x_test)
    _kernel(operator, part)
    if operator.dim == 1 and operator.spline() is not None:
        return prefix_sums(operator, x, x_test, part)
    where = fourier.grid(np.asarray(sources)) if operator.dim <= 3 else None
    if where is not None and fourier.indices(np.asarray(targets), where.origin, where.step) is not None:
        return grid_fft(operator, x, x_test, part)
    if len(sources) * len(targets) <= DENSE**2:
        return dense(operator, x, x_test, part)
    if _is_radial(operator) and fourier.has_nufft():
        return nufft(operator, x, x_test, part, tolerance)
    return direct(operator, x, x_test, part)


def _points(operator: Operator, x: Points, x_test: Targets | None) -> tuple[Array, Array]:
    for name, points in (("x", x), ("x_test", x if x_test is None else x_test)):
        if isinstance(points, Tracer):
            msg = f"{name} is traced; allowed: numbers, since the method follows from the points"
            raise _checks.InputError(msg)
        if points.ndim != 2 or points.shape[1] != operator.dim or not len(points):
            msg = f"{name} has shape {points.shape}; allowed: (n, {operator.dim}) with n >= 1"
            raise _checks.InputError(msg)
        _checks.finite(name, np.asarray(points))
    return jnp.asarray(x), jnp.asarray(x if x_test is None else x_test)


def _kernel(operator: Operator, part: Part) -> Callable[[Array, Array], Array]:
    return {"finite": operator, "lfp": operator.lfp}[_checks.choice("part", part, ("finite", "lfp"))]


def _is_radial(operator: Operator) -> bool:
    return operator.dim == 1 or (operator.dim <= 3 and not isinstance(operator.w, Samples))


@eqx.filter_jit
def _pair(operator: Operator, s: Float[Array, "n dim"]) -> Float[Array, "2 n"]:
    """G and k_w at differences s."""
    one, w = (k[:, 0] for k in operator.parts(s, jnp.zeros_like(s[:1])))
    return jnp.stack([one - _half_square(s) * w, w])


def _half_square(x: Float[Array, "n dim"]) -> Float[Array, " n"]:
    return jnp.sum(x**2, axis=1) / 2


@eqx.filter_jit
def _moments(
    operator: Operator, x: Array, x_test: Array
) -> tuple[Float[Array, "4 4"], Float[Array, " n"], Float[Array, " m"]]:
    """The coefficients C_pq of `PrefixSums`, y and y_test."""
    spline = operator.spline()
    assert spline is not None
    centre, scale = _frame(x, x_test)
    cubic, linear = (jnp.asarray(part, x.dtype) for part in spline)
    cubic, linear, c = cubic * scale**3, linear * scale, centre[0, 0]
    # |s|^3 = sign (y - y')^3 and 1 + x x' = 1 + c^2 + c h (y + y') + h^2 y y', h the scale, both times y - y'
    half = jnp.zeros((4, 4), x.dtype).at[3, 0].set(cubic).at[2, 1].set(linear * scale**2 - 3 * cubic)
    half = half.at[2, 0].set(linear * c * scale).at[1, 0].set(linear * (1 + c**2))
    return half - half.T, (x[:, 0] - c) / scale, (x_test[:, 0] - c) / scale


def _running(rows: Float[Array, "k n"], size: int = 64) -> Float[Array, "k n"]:
    """Running sums along the rows, by blocks: ten times faster than `cumsum` at 10^6, and no less exact."""
    count = rows.shape[1]
    blocks = jnp.pad(rows, ((0, 0), (0, -count % size))).reshape(len(rows), -1, size)
    inside = jnp.matmul(blocks, jnp.triu(jnp.ones((size, size), rows.dtype)), precision="highest")
    before = jnp.cumsum(inside[:, :, -1], axis=1) - inside[:, :, -1]
    return (inside + before[:, :, None]).reshape(len(rows), -1)[:, :count]


def _powers(y: Float[Array, " n"]) -> list[Float[Array, " n"]]:
    return [jnp.ones_like(y), y, y**2, y**3]


@eqx.filter_jit
def _frame(x: Array, x_test: Array) -> tuple[Float[Array, "1 dim"], Float[Array, ""]]:
    low, high = (f(jnp.stack([f(x, axis=0), f(x_test, axis=0)]), axis=0) for f in (jnp.min, jnp.max))
    scale = jnp.max(high - low) / 2
    return (low + high)[None, :] / 2, jnp.where(scale > 0, scale, 1)


@eqx.filter_jit
def _tabulated(operator: Operator, line: Array, matrix: Array, pieces: Array, xi: Array) -> Float[Array, "2 ..."]:
    """Transforms at xi: a table of the smooth function of |xi| that `matrix` gives at the nodes of its pieces."""
    profile = _pair(operator, line)
    return Table.of(lambda _: jnp.matmul(profile, matrix.T, precision="highest"), pieces)(xi)


@eqx.filter_jit
def _missing(
    operator: Operator,
    series: Float[Array, "2 ..."],
    exact: Float[Array, "2 k"],
    angles: Float[Array, "k dim"],
    x: Array,
    x_test: Array,
    rows: Int[Array, " r"],
    accuracy: float,
    same: bool,
) -> tuple[Float[Array, ""], Float[Array, " n"]]:
    """A bound on the part of the operator that the series leaves out, and its diagonal."""
    at_zero = _pair(operator, jnp.zeros_like(x[:1]))[:, 0] - jnp.sum(series.reshape(2, -1), axis=1)
    half, half_test = _half_square(x), _half_square(x_test)
    own = at_zero[0] + 2 * half * at_zero[1]
    values = fourier.evaluate_modes(jax.lax.complex(*series), angles, accuracy)
    one, two = (exact - jnp.stack([values.real, values.imag])).reshape(2, len(rows), -1)
    missing = one + (half_test[rows][:, None] + half[None, :]) * two
    if same:
        missing = missing.at[jnp.arange(len(rows)), rows].add(-own[rows])
    # |E| <= |E|_F, and <= the largest row sum where E is symmetric
    bound = jnp.sqrt(len(x_test) * jnp.mean(jnp.sum(missing**2, axis=1)))
    return (jnp.minimum(bound, jnp.max(jnp.sum(jnp.abs(missing), axis=1))) if same else bound), own


@eqx.filter_jit
def _largest(product: NUFFT, null: Float[Array, "n k"] | None, x: Array) -> Float[Array, ""]:
    """The largest rate, from below, by a few powers; without the null space if one is given."""
    basis = jnp.zeros((len(x), 0), x.dtype) if null is None else jnp.linalg.qr(null)[0]

    def step(_: Array, v: Array) -> Array:
        v = v / jnp.linalg.norm(v)
        v = product(v - basis @ (basis.T @ v))
        return v - basis @ (basis.T @ v)

    return jnp.linalg.norm(jax.lax.fori_loop(0, 12, step, jax.random.normal(jax.random.key(0), (len(x),), x.dtype)))


def _telling_rows(x: Float[np.ndarray, "n dim"], cell: Float[np.ndarray, " dim"], count: int) -> np.ndarray:
    """Rows where an error would show: one of each of the fullest cells, the farthest out, and random ones."""
    _, first, full = np.unique(np.floor(x / cell), axis=0, return_index=True, return_counts=True)
    dense_ = first[np.argsort(-full, kind="stable")[: count // 3]]
    far = np.argsort(-np.linalg.norm(x, axis=1), kind="stable")[: count // 6]
    return np.unique(np.concatenate([dense_, far, np.random.default_rng(0).choice(len(x), min(count // 2, len(x)))]))


def _none(leaf: object) -> bool:
    return leaf is None
