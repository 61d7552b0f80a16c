"""Functions of a symmetric matrix times a vector, by Lanczos with full re-orthogonalisation.

f(A) v = |v| Q f(T) e_1 with A Q = Q T + (remainder), one eigendecomposition of the small T for a whole family f_t. The
loop is our own because the usual ones take a fixed depth: this one stops when a deeper T no longer changes f_t(T) e_1.

Every new vector is made orthogonal to all earlier ones. Kernels have a few large rates far above the rest; without it
they come back as copies and three times the products are needed for the same error, while at the depths that kernels
take (50 to 150) the orthogonalisation costs less than the products that it saves.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from lfp import _checks

Product = Callable[[Float[Array, " n"]], Float[Array, " n"]]
Family = Callable[[Float[Array, " k"]], Float[Array, "t k"]]

ROUNDING = 12  # of eps |A|: no product and no eigendecomposition is better known; `tests.falsify.solutions`
_BLOCK = 8
_SIZES = (96, 256, 768, 2048)  # of T when it is decomposed: few, since each is compiled on its own


class Applied(eqx.Module):
    """f_t(A) v = summary @ basis, and what it took.

    Args:
        summary: one row per t.
        basis: what its columns stand for, in n numbers each; None where the summary is f_t(A) v itself.
        error: estimated error of every row, relative to |v| max |f_t| over the spectrum: the larger of two changes
            (over the last stage, and by one more row of T with a rate at 0), and what `rounding` does.
        products: products with A.
        largest: bound on the largest rate, at most twice as high.
    """

    summary: Float[Array, "t k"]
    basis: Float[Array, "k n"] | None
    error: Float[Array, " t"]
    products: Int[Array, ""]
    largest: Float[Array, ""]

    @property
    def values(self) -> Float[Array, "t n"]:
        """f_t(A) v, one row per t."""
        if self.basis is None:
            return self.summary
        return jnp.matmul(self.summary, self.basis, precision="highest")


class _State(eqx.Module):
    stage: Int[Array, ""]
    vector: Float[Array, " n"]
    basis: Float[Array, "depth n"]
    diagonal: Float[Array, " depth"]
    off: Float[Array, " depth"]
    summary: Float[Array, "t depth"]
    error: Float[Array, " t"]
    done: Array


Check = Callable[[Array, Array, Array, Array], tuple[Array, Array, Array]]


def apply_functions(
    product: Product, vector: Float[Array, " n"], family: Family, tolerance: float = 1e-8, max_depth: int = 256
) -> Applied:
    """f_t(A) v for a family of functions of the rates.

    Lanczos, f(A) v = |v| Q f(T) e_1 (Saad 1992); the error estimate is the larger of the change of f(T) e_1 over the
    last stage, a fifth of the depth, and its distance from the Gauss-Radau rule with a node at 0 (Golub and Meurant
    2010), which sees slow modes that T has not found yet. Runs under jit; memory max_depth x n. Where max_depth does
    not suffice `error` says so: go on from the last time that met the tolerance.

    Args:
        product: v -> A v, A symmetric with rates >= 0 but for rounding.
        vector: v.
        family: rates (k,) -> (t, k), finite at rate 0 as well; for example `Dynamics.factor` at given steps.
        tolerance: stop when no row changes by more, relative to |v| max |f_t|, or by what rounding
            does to the worst mode.
        max_depth: most products.
    """
    _checks.positive("tolerance", tolerance)
    eps = jnp.finfo(vector.dtype).eps

    def check(previous: Array, small: Array, end: Array, last: Array) -> tuple[Array, Array, Array]:
        rates, vectors = jnp.linalg.eigh(small)
        top = jnp.max(jnp.abs(rates))
        # Gauss-Radau: one more row of T, chosen to give it the rate 0, shows what may lie unseen next to it
        corner = last**2 * jnp.sum(vectors[end] ** 2 / jnp.maximum(rates, eps * top + jnp.finfo(rates.dtype).tiny))
        bordered, frame = jnp.linalg.eigh(_bordered(small, end, last, corner))
        values, others, moved = rounding(family, rates, jnp.maximum(bordered, 0))
        scale = jnp.max(jnp.abs(values), axis=1)
        scale = jnp.where(scale > 0, scale, 1)
        summary = (values[:, 1:] * vectors[0][None, :]) @ vectors.T
        radau = (others * frame[0][None, :]) @ frame.T
        change, gap = (jnp.linalg.norm(summary - other, axis=1) / scale for other in (previous, radau))
        error = jnp.where(last > 0, jnp.maximum(change, gap), 0)
        stated = error + jnp.linalg.norm(moved[:, 1:] * vectors[0][None, :], axis=1) + ROUNDING * eps
        lost = jnp.max(moved, axis=1) + ROUNDING * eps
        return summary, stated, jnp.all(error <= jnp.maximum(tolerance, lost / 4))

    rows = jax.eval_shape(family, jax.ShapeDtypeStruct((1,), vector.dtype)).shape[0]
    state, stages = _lanczos(product, vector, check, rows, max_depth)
    beside = state.off + jnp.pad(state.off, (1, 0))[:-1]  # Gershgorin's discs
    largest = jnp.max(jnp.abs(state.diagonal) + beside)
    return Applied(jnp.linalg.norm(vector) * state.summary, state.basis, state.error, stages[state.stage], largest)


def rounding(
    family: Family, rates: Float[Array, " k"], others: Float[Array, " m"]
) -> tuple[Float[Array, "t one_more"], Float[Array, "t m"], Float[Array, "t one_more"]]:
    """f_t at 0 and the rates, f_t at other rates, and what E, |E| = ROUNDING eps |A|, makes of a mode, over max |f_t|.

    No rate of A and none of its eigenvectors is better known, nor better than to the size of a negative rate. For a
    flow f_t(A + E) v - f_t(A) v is the integral of exp(-(t - s)(A + E)) E exp(-s A) v over s: of a mode of rate L at
    most |E| (f(0) - f(L)) / L, and at most 1. Laws of steps turn about at high rates, so the change along the mode
    itself counts too. Below -sqrt(eps) |A| no rounding is at work: the mode, which is held at 0, would grow.
    """
    eps, tiny = jnp.finfo(rates.dtype).eps, jnp.finfo(rates.dtype).tiny
    rates = jnp.concatenate([jnp.zeros(1, rates.dtype), rates])
    top, held = jnp.max(jnp.abs(rates)), jnp.maximum(rates, 0)
    noise = jnp.maximum(ROUNDING * eps * top, -jnp.min(rates)) + tiny
    far, shifted = jnp.maximum(held, noise), jnp.where(rates < -(eps**0.5) * top, rates, held + noise)
    every = family(jnp.concatenate([held, far, shifted, others]))  # at once: compiled once
    count = len(rates)
    values, reached, moved, rest = jnp.split(every, [count, 2 * count, 3 * count], axis=1)
    change = jnp.maximum(jnp.abs(reached - values[:, :1]) * (noise / far)[None, :], jnp.abs(moved - values))
    scale = jnp.max(jnp.abs(values), axis=1)[:, None]
    return values, rest, change / jnp.where(scale > 0, scale, 1)


def largest_rate(
    product: Product, vector: Float[Array, " n"], tolerance: float = 1e-3, max_depth: int = 64
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The largest rate of A, from below, and the residual |A q - L q| of its vector: a rate lies within it.

    It starts at a random vector, so that no mode is left out, and stops at a residual of `tolerance` times the rate.
    """
    _checks.positive("tolerance", tolerance)

    def check(previous: Array, small: Array, end: Array, last: Array) -> tuple[Array, Array, Array]:
        del previous
        rates, vectors = jnp.linalg.eigh(small)
        residual = last * jnp.abs(vectors[end, -1])
        return vectors[:, -1][None], residual[None], residual <= tolerance * jnp.abs(rates[-1])

    state, _ = _lanczos(product, vector, check, 1, max_depth)
    top = state.summary[0]
    return jnp.sum(state.diagonal * top**2) + 2 * jnp.sum(state.off[:-1] * top[:-1] * top[1:]), state.error[0]


def _lanczos(product: Product, vector: Array, check: Check, rows: int, max_depth: int) -> tuple[_State, Array]:
    """Lanczos in stages. After each, `check` sees its last summary, T in a frame of zeros, its last index and beta."""
    depth = min(_checks.integer("max_depth", max_depth, 1), len(vector))
    stages = _stages(depth)
    ends = jnp.array([0, *stages])
    padded = -(-depth // _BLOCK) * _BLOCK
    sizes = [m for m in _SIZES if m < depth] + [depth]
    zeros = jnp.zeros(padded, vector.dtype)

    def examine(size: int) -> Callable[[_State], tuple[Array, Array, Array]]:
        def branch(state: _State) -> tuple[Array, Array, Array]:
            # beyond the depth T is zero: a block of its own, which e_1 does not see
            end = ends[state.stage + 1] - 1
            inside = jnp.arange(size) < end
            off = jnp.where(inside, state.off[:size], 0)
            small = jnp.diag(jnp.pad(state.diagonal[:size], (0, 1))) + jnp.diag(off, 1) + jnp.diag(off, -1)
            previous = jnp.pad(state.summary[:, :size], ((0, 0), (0, 1)))
            summary, error, done = check(previous, small, end, state.off[end])
            return jnp.pad(summary[:, :size], ((0, 0), (0, padded - size))), error, done

        return branch

    def body(state: _State) -> _State:
        state = jax.lax.fori_loop(ends[state.stage], ends[state.stage + 1], lambda j, s: _step(product, j, s), state)
        light = eqx.tree_at(lambda s: (s.basis, s.vector), state, (zeros[:0, None], zeros[:0]))
        size = jnp.searchsorted(jnp.array(sizes), ends[state.stage + 1])
        summary, error, done = jax.lax.switch(size, [examine(m) for m in sizes], light)
        new = (state.stage + 1, summary, error, done)
        return eqx.tree_at(lambda s: (s.stage, s.summary, s.error, s.done), state, new)

    norm = jnp.linalg.norm(vector)
    start = _State(
        jnp.array(0),
        vector / jnp.where(norm > 0, norm, 1),
        jnp.zeros((padded, len(vector)), vector.dtype),
        zeros,
        zeros,
        jnp.zeros((rows, padded), vector.dtype),
        jnp.full(rows, jnp.where(norm > 0, jnp.inf, 0.0), vector.dtype),
        norm == 0,
    )
    state = jax.lax.while_loop(lambda s: ~s.done & (s.stage < len(stages)), body, start)
    return state, ends


def _bordered(small: Array, end: Array, last: Array, corner: Array) -> Array:
    """T with one more row: `last` beside its last entry, `corner` on the diagonal."""
    return small.at[end, end + 1].set(last).at[end + 1, end].set(last).at[end + 1, end + 1].set(corner)


def _stages(depth: int) -> list[int]:
    """Depths at which to look: 8, 16, ..., then a fifth more each time, up to `depth`."""
    stages = [min(_BLOCK, depth)]
    while stages[-1] < depth:
        stages.append(min(depth, stages[-1] + max(_BLOCK, stages[-1] // 5)))
    return stages


def _step(product: Product, j: Array, state: _State) -> _State:
    """One product: the next diagonal and off-diagonal entry of T and the next basis vector."""
    basis = state.basis.at[j].set(state.vector)
    new = product(state.vector)
    diagonal = new @ state.vector
    new = new - diagonal * state.vector

    def clean(i: Array, v: Array) -> Array:
        block = jax.lax.dynamic_slice_in_dim(basis, i * _BLOCK, _BLOCK)
        return v - jnp.matmul(jnp.matmul(block, v, precision="highest"), block, precision="highest")

    filled = j // _BLOCK + 1
    new = jax.lax.fori_loop(0, filled, clean, new)
    off = jnp.linalg.norm(new)
    # below rounding the space is complete: what is left is noise, and T ends here
    largest = jnp.maximum(jnp.max(jnp.abs(state.diagonal)), jnp.maximum(jnp.abs(diagonal), jnp.max(state.off)))
    off = jnp.where(off > 4 * jnp.finfo(new.dtype).eps * largest, off, 0)
    vector = jnp.where(off > 0, new / jnp.where(off > 0, off, 1), 0)
    fields = (vector, basis, state.diagonal.at[j].set(diagonal), state.off.at[j].set(off))
    return eqx.tree_at(lambda s: (s.vector, s.basis, s.diagonal, s.off), state, fields)
