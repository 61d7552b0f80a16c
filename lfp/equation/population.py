"""The LFP equation on a grid of frequencies, for data of a given density: the population equation.

    d/dt F[u] = -gamma_1^2 F[u_rho] + (1 / 4 pi^2) div( gamma_w^2 grad F[u_rho] ),    u_rho = rho u,

on a periodic box. Multiplying by rho and by x (grad in frequency) goes through FFTs; the state of the solver is
F[sqrt(rho) u], in which the right-hand side is symmetric, as real and imaginary parts.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Num
from scipy.special import erfc

from lfp import _checks
from lfp.equation.operator import Operator
from lfp.equation.propagators import Krylov, LawAt, Method
from lfp.optimisers.descent import GradientFlow
from lfp.optimisers.law import Law

SYMBOLS = ("cut", "continuous")


class Spectral(eqx.Module):
    """The equation on N^d frequencies k / P of a box of side P around 0, in d = 1, 2, 3.

    The symbol `cut` is the transform of the kernel, cut smoothly where no two data points reach: exact on the data.
    `continuous` is gamma^2 itself at k / P, without k = 0: what a periodic box makes of it, one to two per cent off
    with data in 1/64 of the box.

    Args:
        operator: the LFP operator.
        density: rho at points (m, d) -> (m,), 0 outside |x_i| < P / 5; it need not be normalised.
        period: P, in units of x.
        size: N, even.
        symbol: `cut` or `continuous`.

    Raises:
        InputError: an odd size, a density that is not finite, negative or reaches beyond P / 5, an unknown symbol.

    Example:
        >>> bump = lambda x: np.maximum(1 - x[:, 0] ** 2, 0)
        >>> equation = Spectral(Operator("tanh"), bump, period=8.0, size=64)
        >>> out = equation.solve(np.sin(equation.x[:, 0]), np.array([0.0, 1.0]))
        >>> out.transform.shape, float(abs(out.transform[0]).max())
        ((2, 64), 0.0)
    """

    x: Float[np.ndarray, "n d"]
    xi: Float[np.ndarray, "n d"]
    root: Float[Array, "..."]
    symbols: Float[Array, "2 ..."]
    basis: Float[Array, "n k"]
    period: float = eqx.field(static=True)

    def __init__(
        self,
        operator: Operator,
        density: Callable[[np.ndarray], np.ndarray],
        period: float,
        size: int,
        symbol: str = "cut",
    ):
        _checks.positive("period", period)
        _checks.choice("symbol", symbol, SYMBOLS)
        dim, shape = operator.dim, (size,) * operator.dim
        if _checks.integer("size", size, 4) % 2 or dim > 3:
            msg = f"size={size} in {dim} d; allowed: even sizes in 1, 2 or 3 dimensions"
            raise _checks.InputError(msg)
        axis = np.fft.fftfreq(size, 1 / size)
        whole = np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1)
        # both in the order of the FFT: the origin first
        self.x, self.xi = (whole * period / size).reshape(-1, dim), (whole / period).reshape(-1, dim)
        self.period = period
        rho = _checks.finite("density", np.asarray(density(self.x), float))
        inside = np.abs(self.x).max(axis=1) < period / 5
        if (rho < 0).any() or rho[~inside].any() or not rho.any():
            msg = f"density lies in [{rho.min():.3g}, {rho.max():.3g}], up to {rho[~inside].max():.3g} beyond P / 5 = "
            raise _checks.InputError(msg + f"{period / 5:g}; allowed: 0 there, 0 or more elsewhere, not 0 everywhere")
        self.root = jnp.sqrt(jnp.asarray(rho / rho.sum())).reshape(shape)
        self.basis = operator.null_space(jnp.asarray(self.x))
        make = _cut if symbol == "cut" else _continuous
        self.symbols = make(operator, self.x, self.xi, period).reshape(2, *shape)

    def solve(
        self,
        target: Float[Array | np.ndarray, " n"],
        times: Num[Array | np.ndarray, " t"],
        law: Law | None = None,
        method: Method | None = None,
    ) -> "Population":
        """h from h_0 = 0, the null space fitted at once (`instant`), at given steps of the dynamics.

        Args:
            target: f at `x`.
            times: steps, 0 or more; flow time for the default flow of lr = 1.
            law: the law of the optimiser.
            method: `Krylov()` by default.
        """
        _checks.finite("target", np.asarray(target))
        _checks.finite("times", np.asarray(times))
        family = LawAt(GradientFlow(1.0) if law is None else law, jnp.asarray(times, float))
        out = _solve(self, jnp.asarray(target, float), family, Krylov() if method is None else method)
        return Population(*out)


class Population(eqx.Module):
    """What a population learns of a target.

    Args:
        residual: h_t - f at the points of the grid that have data, 0 elsewhere, times sqrt(rho / sum rho).
        transform: F[h_t] at the frequencies of the grid but for the part in the null space, in units of f times x^d.
        error: estimated error of the residual, relative to its start.
    """

    residual: Float[Array, "t n"]
    transform: Complex[Array, "t n"]
    error: Float[Array, " t"]


def _kernel(equation: Spectral, v: Array) -> Array:
    """k_1 * v + x . (k_w * x v) on the grid."""
    shape = equation.root.shape
    axes = tuple(range(1, 1 + len(shape)))
    x = jnp.asarray(equation.x.T.reshape(-1, *shape))
    stack = jnp.concatenate([v[None], x * v[None]])
    one, w = equation.symbols
    waves = jnp.fft.fftn(stack, axes=axes)
    out = jnp.fft.ifftn(jnp.stack([one, *[w] * len(x)]).astype(waves.dtype) * waves, axes=axes).real
    return out[0] + jnp.sum(x * out[1:], axis=0)


@eqx.filter_jit
def _solve(equation: Spectral, target: Array, law: LawAt, method: Method) -> tuple[Array, Array, Array]:
    shape, n = equation.root.shape, equation.root.size
    frame = jnp.linalg.qr(equation.root.reshape(-1, 1) * equation.basis)[0]

    def to_frequency(w: Array) -> Array:
        values = jnp.fft.fftn(w.reshape(shape), norm="ortho").ravel()
        return jnp.concatenate([values.real, values.imag])

    def to_space(state: Array) -> Array:
        return jnp.fft.ifftn(jax.lax.complex(state[:n], state[n:]).reshape(shape), norm="ortho").real.ravel()

    def project(w: Array) -> Array:
        return w - frame @ (frame.T @ w)

    def product(state: Array) -> Array:
        w = project(to_space(state)).reshape(shape)
        return to_frequency(project((equation.root * _kernel(equation, equation.root * w)).ravel()))

    start = to_frequency(project(-equation.root.ravel() * target))
    applied = method.apply(product, start, law)
    left, summed = jnp.split(applied.values, 2)

    def learned(state: Array) -> Array:
        v = -equation.root * project(to_space(state)).reshape(shape)
        cell = (equation.period / shape[0]) ** len(shape)
        return cell * jnp.fft.fftn(_kernel(equation, v)).ravel()

    count = left.shape[0]
    return jax.lax.map(lambda s: project(to_space(s)), left), jax.lax.map(learned, summed), applied.error[:count]


def _cut(operator: Operator, x: np.ndarray, xi: np.ndarray, period: float) -> Array:
    """DFT of the kernel's parts at the lags of the grid, untouched to 0.4 P per axis, 0 at its edge."""
    del xi
    dim = operator.dim
    far = np.abs(x).max(axis=1) / period
    window = jnp.asarray(erfc(12 * (far - 0.45) / 0.05 / 2) / 2)
    size = round(len(x) ** (1 / dim))
    one, w = (k[:, 0] * window for k in operator.parts(jnp.asarray(x), jnp.zeros((1, dim))))
    return jnp.stack([jnp.fft.fftn(k.reshape((size,) * dim)).real for k in (one, w)])


def _continuous(operator: Operator, x: np.ndarray, xi: np.ndarray, period: float) -> Array:
    """gamma_1^2 and gamma_w^2, per cell of the grid: sums over points stand for integrals."""
    size = np.linalg.norm(xi, axis=1)
    one, w = operator.symbol(jnp.asarray(np.where(size > 0, size, 1.0)))
    per_cell = len(x) / period**operator.dim
    return per_cell * jnp.where(jnp.asarray(size > 0), jnp.stack([one, w]), 0.0)
