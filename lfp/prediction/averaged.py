"""Kernel regression on given samples in the mean over targets and noise, exactly: only the samples are random then.

Let P_k be the zonal function at the samples: v_k P_k is the covariance of the labels of a target of power v_k in degree
k whose pole is anywhere. With R = (K + ridge)^-1, f = sum_i a_i K(., x_i) and a = R y, the error of degree k is

    v_k (1 - 2 L_k tr R P_k) + L_k^2 N_k tr P_k S,    S = E a a^T = R (sum_j v_j P_j + noise) R.

P_k = U_k U_k^T has rank N_k, so that R is needed on few columns where there is no noise.
"""

import numpy as np
from jaxtyping import Float

from lfp.domains.domain import Zonal
from lfp.domains.harmonics import zonal_functions

Factor = Float[np.ndarray, "n _"]


def expected_errors(
    where: Zonal,
    x: Float[np.ndarray, "n d"],
    gram: Float[np.ndarray, "n n"],
    rates: Float[np.ndarray, " k"],
    power: Float[np.ndarray, " k"],
    ridge: float,
    noise: float,
) -> Float[np.ndarray, " k"]:
    """Errors of degree 0, 1, ... on these samples, in the mean over poles and noise."""
    zonal = list(zonal_functions(where, x @ x.T, len(power) - 1))
    sizes = [where.multiplicity(k) for k in range(len(power))]
    factors = [zonal_factor(p, min(len(x), size)) for p, size, v in zip(zonal, sizes, power, strict=True) if v]
    degree = np.repeat(np.flatnonzero(power), [factor.shape[1] for factor in factors])
    columns = np.concatenate([np.zeros((len(x), 0)), *factors], axis=1)
    solved = regularised(gram, ridge, columns)
    second = (power[degree] * solved) @ solved.T
    if noise:
        inverse = regularised(gram, ridge, np.eye(len(x)))
        second += noise * inverse @ inverse
    learnt = rates * np.bincount(degree, (columns * solved).sum(0), len(power))
    squares = [float(size) * (p * second).sum() for p, size in zip(zonal, sizes, strict=True)]
    return power * (1 - 2 * learnt) + rates**2 * squares


def zonal_factor(zonal: Float[np.ndarray, "n n"], rank: int) -> Factor:
    """U with P = U U^T of so many columns: Cholesky with pivots, which stops at the rank."""
    from scipy.linalg import get_lapack_funcs

    (pstrf,) = get_lapack_funcs(("pstrf",), (zonal,))
    lower, pivots, reached, _ = pstrf(zonal, lower=1)
    kept = np.tril(lower[:, : min(rank, reached)])
    factor = np.empty_like(kept)
    factor[pivots - 1] = kept
    return factor


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
