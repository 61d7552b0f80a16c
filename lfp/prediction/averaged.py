"""Kernel regression on given samples in the mean over targets and noise, exactly: only the samples are random then.

Let P_k be the zonal function at the samples, N_k P_k the covariance of the labels of a target of power N_k in degree k
whose pole is anywhere. With R = (K + ridge)^-1, f = sum_i a_i K(., x_i) and a = R y, the error of degree k is

    v_k (1 - 2 L_k tr R P_k) + L_k^2 N_k (sum_j v_j tr R P_k R P_j + noise tr R P_k R).

P_k = U_k U_k^T is of rank N_k, so that all of it is in U^T R U: one factor of K serves all targets and all noises.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lfp.domains.domain import Zonal
from lfp.domains.harmonics import zonal_functions

Factor = Float[np.ndarray, "n _"]


class MeanErrors(NamedTuple):
    """Errors by degree, linear in the power of the target and in the variance of the noise.

    Args:
        gain: error of degree k of a target of power 1 in degree j.
        noise: error of degree k of noise of variance 1.
        learnt: share of a mode of degree k that is learnt, in the mean.
    """

    gain: Float[np.ndarray, "k k"]
    noise: Float[np.ndarray, " k"]
    learnt: Float[np.ndarray, " k"]

    def of(self, power: Float[np.ndarray, " k"], noise: float) -> Float[np.ndarray, " k"]:
        """Of a target and noise."""
        return self.gain @ power + noise * self.noise


def zonal_factors(where: Zonal, x: Float[np.ndarray, "n d"], top: int) -> list[Factor]:
    """U_k of degree 0 .. top: P_k(x_i.x_j) = (U_k U_k^T)_ij, with min(n, N_k) columns."""
    sizes = [min(where.multiplicity(k), len(x)) for k in range(top + 1)]
    return [_factor(zonal, size) for zonal, size in zip(zonal_functions(where, x @ x.T, top), sizes, strict=True)]


def _factor(matrix: Float[np.ndarray, "n n"], rank: int) -> Factor:
    """Cholesky with pivots, which stops at the rank."""
    from scipy.linalg import get_lapack_funcs

    (pstrf,) = get_lapack_funcs(("pstrf",), (matrix,))
    lower, pivots, found, _ = pstrf(matrix, lower=1)
    kept = np.tril(lower[:, : min(rank, found)])
    factor = np.empty_like(kept)
    factor[pivots - 1] = kept
    return factor


def mean_errors(
    factors: Sequence[Factor],
    multiplicities: Sequence[int],
    rates: Float[np.ndarray, " k"],
    gram: Float[np.ndarray, "n n"],
    ridge: float,
) -> MeanErrors:
    """The errors of the degrees whose U_k are given, after one solve.

    Args:
        factors: U_k.
        multiplicities: N_k.
        rates: L_k.
        gram: K at the samples.
        ridge: on the sum of squares.
    """
    edges = np.cumsum([0, *(factor.shape[1] for factor in factors)])
    columns = np.concatenate(factors, axis=1)
    solved = regularised(gram, ridge, columns)
    squares = np.add.reduceat(np.add.reduceat((columns.T @ solved) ** 2, edges[:-1], 0), edges[:-1], 1)
    learnt = rates * np.add.reduceat((columns * solved).sum(0), edges[:-1])
    height = rates**2 * np.array(multiplicities, float)
    gain = height[:, None] * squares + np.diag(1 - 2 * learnt)
    return MeanErrors(gain, height * np.add.reduceat((solved**2).sum(0), edges[:-1]), learnt)


def regularised(gram: Float[np.ndarray, "n n"], ridge: float, y: np.ndarray) -> np.ndarray:
    """(K + ridge)^-1 y; of points that repeat, or a kernel that is singular to rounding, the solution of least norm."""
    from scipy import linalg

    full, rounding = gram + ridge * np.eye(len(gram)), len(gram) * float(np.finfo(gram.dtype).eps)
    try:
        factor, lower = linalg.cho_factor(full)
        pivots = np.diagonal(factor) ** 2
        if pivots.min() > rounding * pivots.max():
            return linalg.cho_solve((factor, lower), y)
    except linalg.LinAlgError:
        pass
    values, vectors = linalg.eigh(full)
    some = values > rounding * values[-1]
    return (vectors[:, some] / values[some]) @ (vectors[:, some].T @ y)
