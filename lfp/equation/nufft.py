"""Products on scattered points in 1, 2, 3 d: the kernel as a Fourier series, summed by non-uniform FFTs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int
from scipy.special import erfc

from lfp import _checks
from lfp.equation.decomposition import (
    Part,
    Points,
    Polynomial,
    Targets,
    half_square,
    is_radial,
    pair,
    part_of,
    points_of,
)
from lfp.equation.operator import Operator
from lfp.numerics import fourier
from lfp.numerics.krylov import ROUNDING
from lfp.numerics.quadrature import ORDER, Table, gauss_legendre, graded

_MODES = 1 << 22  # most modes of a NUFFT
_ENTRIES = 1 << 27  # of the matrix that gives their coefficients
_MEASURED = 128  # points up to which the error is that of the matrix: as many products as a solution takes


class NUFFT(eqx.Module):
    """Scattered points in d <= 3: the kernel, cut smoothly beyond the data, as a Fourier series of few modes.

    One complex transform of type 1 of v + i q v, one of type 2. What the modes leave out on the diagonal is known and
    added. Up to 128 points `error` is measured against the matrix, and `definite` says whether that has no rate of 0
    beside the null space; beyond, `error` bounds the rest by rows of the kernel: the densest, the farthest out, and
    random ones, and `definite` is not known, hence False.
    """

    coefficients: Float[Array, "2 ..."]
    angles: Float[Array, "n dim"]
    angles_test: Float[Array, "m dim"]
    half: Float[Array, " n"]
    half_test: Float[Array, " m"]
    diagonal: Float[Array, " n"] | None
    smooth: Polynomial
    error: Float[Array, ""]
    definite: Bool[Array, ""]
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


def nufft(
    operator: Operator,
    x: Points,
    x_test: Targets | None = None,
    part: Part = "finite",
    tolerance: float = 1e-6,
    modes: int | None = None,
) -> NUFFT:
    """See `choose`; scattered points in 1, 2 or 3 d and an isotropic distribution of w.

    Args:
        operator: the kernel.
        x: points.
        x_test: where K v is wanted, x by default.
        part: `finite` or `lfp`.
        tolerance: of the operator, not below 5e-5 in float32; `error` says what was reached.
        modes: largest mode of the longest axis, instead of choosing it; needed where the operator is traced.
    """
    _checks.positive("tolerance", tolerance)
    if not is_radial(operator):
        msg = f"w={type(operator.w).__name__} in {operator.dim} d; allowed: an isotropic w in 1, 2 or 3 d"
        raise _checks.InputError(msg)
    same = x_test is None
    x, x_test = points_of(operator, x, x_test)
    series = _Series(operator, x, x_test, part, tolerance, same)
    half = 18 if modes is None else _checks.integer("modes", modes, 1)
    while True:
        product, size = series.product(half), np.prod(series.shape(half), dtype=float)
        more = half * 5 // 3
        if modes is not None or size * (5 / 3) ** operator.dim > _MODES or series.entries(more) > _ENTRIES:
            return product
        if isinstance(product.error, Tracer):
            msg = "modes=None where the operator is traced; allowed: a number"
            raise _checks.InputError(msg)
        if product.error <= max(tolerance, 20 * series.accuracy):  # below that is what rounding leaves
            return product
        half = more


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
        self.exact = pair(operator, self.differences)
        self.smooth = Polynomial.of(operator, x, x_test, part)

    def shape(self, half: int) -> tuple[int, ...]:
        """An odd number of modes per axis, of one resolution in frequency."""
        return tuple(2 * int(np.ceil(half * p / self.periods.max())) + 1 for p in self.periods)

    def turns(self, half: int) -> float:
        """Oscillations of the highest mode over half of the cut: panels of a quadrature and of a table."""
        highest = np.array([m // 2 for m in self.shape(half)]) / self.periods
        return 0.75 * self.reach * float(np.sqrt((highest**2).sum()))

    def entries(self, half: int) -> float:
        """Of the matrix of `coefficients`."""
        return (2 + self.turns(half)) * ORDER * (8 + len(graded()) + self.turns(half)) * ORDER

    def coefficients(self, half: int) -> Float[Array, "2 ..."]:
        """Transforms of G and k_w times the cut, on the lattice of frequencies: no sampling, hence no aliasing."""
        modes = [(np.arange(m) - m // 2) / p for m, p in zip(self.shape(half), self.periods, strict=True)]
        xi = np.sqrt(sum(axis**2 for axis in np.meshgrid(*modes, indexing="ij")))
        end, width = 1.5 * self.reach, 0.5 * self.reach
        panels = 8 + int(self.turns(half))
        breaks = end * np.concatenate([graded()[:-1] / panels, np.arange(1, panels + 1) / panels])
        r, weights = gauss_legendre(breaks)
        steep = np.sqrt(np.log(10 / max(self.tolerance, 1e-15)))
        weights = weights * erfc(steep * (2 * (r - self.reach) / width - 1)) / 2
        dtype, dim = self.x.dtype, self.x.shape[1]
        pieces = np.linspace(0.0, xi.max(), 2 + int(self.turns(half)))
        # the nodes of Table.of: the weights of the transform are numbers also where the operator is traced
        cosines = np.cos(np.pi * (np.arange(ORDER) + 0.5) / ORDER)
        nodes = (pieces[1:] + pieces[:-1])[:, None] / 2 + np.diff(pieces)[:, None] / 2 * cosines
        matrix = fourier.hankel(nodes.ravel(), r, weights / np.prod(self.periods), dim)
        line = r[:, None] * np.eye(1, dim)
        return _tabulated(self.operator, *(jnp.asarray(part, dtype) for part in (line, matrix, pieces, xi)))

    def product(self, half: int) -> NUFFT:
        """With modes up to `half` on the longest axis, its diagonal and its error."""
        series = self.coefficients(half)
        own = _own(self.operator, series, self.x) if self.same else None
        product = self._assemble(series, self.x_test, self.smooth, own)
        if max(len(self.x), len(self.x_test)) > _MEASURED:
            return eqx.tree_at(lambda p: p.error, product, self._bounded(product, series))
        null = self.operator.null_space(self.x)[:, : None if self.part == "lfp" else 0]
        arrays = (_matrix(product, self.x), null, self.x, self.x_test)
        known = _measured(self.operator, *arrays, self.part, self.same)
        return eqx.tree_at(lambda p: (p.error, p.definite), product, known)

    def _bounded(self, product: NUFFT, series: Array) -> Array:
        """The error relative to the largest rate, from rows of the kernel."""
        arrays = (series, self.exact, self._angles(self.differences), self.x, self.x_test, jnp.asarray(self.rows))
        bound = _missing(product.diagonal, *arrays, self.accuracy)
        if self.rate is None:
            square = self._assemble(series, self.x, Polynomial.of(self.operator, self.x, self.x, self.part))
            self.rate = _largest(square, self.operator.null_space(self.x) if self.part == "lfp" else None, self.x)
        # half as much again for the rows that were not looked at; the rate comes from the series, wrong by as much
        bound = 1.5 * bound / float(np.sqrt(len(self.x_test) / len(self.x)))
        known = jnp.maximum(self.rate - bound, self.accuracy * self.rate)
        return jnp.where(known > 0, bound / jnp.where(known > 0, known, 1.0) + 10 * self.accuracy, 1.0)

    def _assemble(self, series: Array, x_test: Array, smooth: Polynomial, own: Array | None = None) -> NUFFT:
        half, half_test = half_square(self.x), half_square(x_test)
        top = jnp.maximum(jnp.max(half), jnp.max(half_test))  # v and q v go through one transform: of one size
        top = jnp.where(top > 0, top, 1)
        return NUFFT(
            jnp.stack([series[0], top * series[1]]),
            self._angles(self.x - self.centre),
            self._angles(x_test - self.centre),
            half / top,
            half_test / top,
            own,
            smooth,
            jnp.zeros((), self.x.dtype),
            jnp.zeros((), bool),
            self.accuracy,
            "nufft " + " x ".join(map(str, series.shape[1:])) + " modes",
        )

    def _angles(self, s: Array) -> Array:
        turns = s / jnp.asarray(self.periods, s.dtype)[None, :]
        return 2 * jnp.pi * (turns - jnp.round(turns))


@eqx.filter_jit
def _tabulated(operator: Operator, line: Array, matrix: Array, pieces: Array, xi: Array) -> Float[Array, "2 ..."]:
    """Transforms at xi: a table of the smooth function of |xi| that `matrix` gives at the nodes of its pieces."""
    profile = pair(operator, line)
    return Table.of(lambda _: jnp.matmul(profile, matrix.T, precision="highest"), pieces)(xi)


@eqx.filter_jit
def _own(operator: Operator, series: Float[Array, "2 ..."], x: Array) -> Float[Array, " n"]:
    """The diagonal of what the series leaves out."""
    at_zero = pair(operator, jnp.zeros_like(x[:1]))[:, 0] - jnp.sum(series.reshape(2, -1), axis=1)
    return at_zero[0] + 2 * half_square(x) * at_zero[1]


@eqx.filter_jit
def _matrix(product: NUFFT, x: Array) -> Float[Array, "m n"]:
    """Column by column; apart from `_measured`, which then is compiled once for all counts of modes."""
    return jax.lax.map(product, jnp.eye(len(x), dtype=x.dtype)).T


@eqx.filter_jit
def _measured(
    operator: Operator,
    found: Float[Array, "m n"],
    null: Float[Array, "n k"],
    x: Array,
    x_test: Array,
    part: Part,
    same: bool,
) -> tuple[Float[Array, ""], Bool[Array, ""]]:
    """`error` and `definite` of the matrix found, for coefficients orthogonal to `null`."""
    kernel, frame = part_of(operator, part), jnp.linalg.qr(null)[0]
    square, noise = kernel(x, x), ROUNDING * jnp.finfo(x.dtype).eps

    def beside(matrix: Array, both: bool) -> Array:
        matrix = matrix - (matrix @ frame) @ frame.T
        return matrix - frame @ (frame.T @ matrix) if both else matrix

    size, rates = jnp.linalg.norm(square, 2), jnp.linalg.eigvalsh(beside(square, True))
    definite = jnp.sum(rates > noise * size) == len(x) - null.shape[1]
    apart = jnp.linalg.norm(beside(found - kernel(x_test, x), same), 2) / (len(x_test) / len(x)) ** 0.5
    # of the product itself, as a solution sees it: E may have made that; rounding alone is no rate
    largest = jnp.linalg.norm(beside(found, True), 2) if same else jnp.max(jnp.abs(rates))
    return jnp.where(largest > noise * size, apart / jnp.maximum(largest, noise * size), 1.0), definite & same


@eqx.filter_jit
def _missing(
    own: Float[Array, " n"] | None,
    series: Float[Array, "2 ..."],
    exact: Float[Array, "2 k"],
    angles: Float[Array, "k dim"],
    x: Array,
    x_test: Array,
    rows: Int[Array, " r"],
    accuracy: float,
) -> Float[Array, ""]:
    """A bound on the part of the operator that the series leaves out, beside its diagonal."""
    half, half_test = half_square(x), half_square(x_test)
    values = fourier.evaluate_modes(jax.lax.complex(*series), angles, accuracy)
    one, two = (exact - jnp.stack([values.real, values.imag])).reshape(2, len(rows), -1)
    missing = one + (half_test[rows][:, None] + half[None, :]) * two
    if own is not None:
        missing = missing.at[jnp.arange(len(rows)), rows].add(-own[rows])
    # |E| <= |E|_F, and <= the largest row sum where E is symmetric
    bound = jnp.sqrt(len(x_test) * jnp.mean(jnp.sum(missing**2, axis=1)))
    return bound if own is None else jnp.minimum(bound, jnp.max(jnp.sum(jnp.abs(missing), axis=1)))


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
