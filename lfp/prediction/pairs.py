"""Learning curves beyond Gaussian features: what two samples of a sphere have in common, beside all others.

Let C(t) = sum_k N_k c_k P_k(t) be the mean covariance that n samples leave between two points of cosine t, of power
c_k = L_k kappa_k / (L_k + kappa_k) a mode, and rho = C / (C(1) + ridge). Gaussian features see C(1) alone: every
kappa_k is (C(1) + ridge) / n. The resolvent's expansion in the entries of K has one more connected diagram in which two
samples alone repeat, there and back again: rho^3 and, with all further turns, g = rho^3 / (1 - rho^2). It gives

    1 / kappa_k = A (1 - n E[P_k g]),    A = n / (C(1) + ridge - n E[C g]),    E over t,

where A keeps sum_k N_k l_k = n - ridge tr R exact, R = (K + ridge)^-1 (compare Cohen, Malka, Ringel, arXiv 1906.05301).

Errors need no further diagram. C is K - K R K in the mean, so that the error of degree k of a target of power v_j is
v_j times its derivative by the share s_j = N_j L_j of the kernel, and that of noise is its derivative by the ridge:

    E_k = sum_j v_j d(N_k c_k) / d s_j + noise d(N_k c_k) / d ridge.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from lfp.domains.domain import Zonal
from lfp.domains.harmonics import zonal_functions

_NODES, _NEWTON, _HALVINGS, _CLOSE = 300, 30, 6, 1e-11  # cosines; steps, and their halvings; of log kappa
_REACH = 0.6  # least kappa of high degrees over that of a low one: beyond it diagrams with more samples count
_SCANNED = 15  # ridges before the best one is refined


class Equations(NamedTuple):
    """log(kappa_k A (1 - n E[P_k g])) at some kappa_k, and its derivatives.

    Args:
        kappa: kappa_k.
        scale: 1 / A.
        learnability: l_k.
        off: the left-hand sides, 0 at the root.
        jacobian: their derivatives by log kappa_j.
        by_left: by N_j c_j.
        by_ridge: by the ridge.
        log_a_by_left: derivatives of log A by N_j c_j.
        log_a_by_ridge: by the ridge.
    """

    kappa: Float[np.ndarray, " k"]
    scale: float
    learnability: Float[np.ndarray, " k"]
    off: Float[np.ndarray, " k"]
    jacobian: Float[np.ndarray, "k k"]
    by_left: Float[np.ndarray, "k k"]
    by_ridge: Float[np.ndarray, " k"]
    log_a_by_left: Float[np.ndarray, " k"]
    log_a_by_ridge: float


@dataclass(frozen=True)
class Pairs:
    """The equations of n samples.

    Args:
        where: the domain.
        shares: N_k L_k, k = 0, 1, ...
        rates: L_k.
        rest: trace beyond these degrees, of vanishing rates.
        samples: n.
    """

    where: Zonal
    shares: Float[np.ndarray, " k"]
    rates: Float[np.ndarray, " k"]
    rest: float
    samples: int

    @cached_property
    def _law(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights of cosines of two random points, by Golub and Welsch, and P_k there; t = 1 of a cube left out."""
        from scipy.linalg import eigh_tridiagonal

        count = min(_NODES, math.inf if self.where.highest is None else self.where.highest + 1)
        down, up = self.where.steps(int(count))
        t, vectors = eigh_tridiagonal(np.zeros(int(count)), np.sqrt(up[: int(count) - 1] * down[1 : int(count)]))
        apart = t < 1 - 1e-9
        zonal = zonal_functions(self.where, t[apart, None], len(self.shares) - 1)
        return vectors[0, apart] ** 2, np.stack([values[:, 0] for values in zonal])

    def solve(self, ridge: float, kappa: float) -> Equations | None:
        """The root next to one kappa for all degrees; None where there is none, or pairs change too much."""
        u = np.full(len(self.shares), math.log(kappa))
        now = self._equations(u, ridge)
        for _ in range(_NEWTON):
            if now is None:
                return None
            off = np.abs(now.off).max()
            if off < _CLOSE:
                return now if now.scale / now.kappa.max() > _REACH else None
            step = -np.linalg.solve(now.jacobian, now.off)
            step *= min(1.0, 1.0 / np.abs(step).max())
            for halving in range(_HALVINGS):
                after = self._equations(u + step / 2**halving, ridge)
                if after is not None and np.abs(after.off).max() < max(off, _CLOSE):
                    break
            else:
                return None
            u, now = u + step / 2**halving, after
        return None

    def _equations(self, u: np.ndarray, ridge: float) -> Equations | None:
        """At log kappa_k; None where they make no sense."""
        (weights, zonal), n, kappa = self._law, self.samples, np.exp(u)
        learnability = self.rates / (self.rates + kappa)
        left = self.shares * (1 - learnability)
        covariance, whole = left @ zonal, left.sum() + self.rest + ridge
        rho = covariance / whole
        g, slope = rho**3 / (1 - rho**2), (3 * rho**2 - rho**4) / (1 - rho**2) ** 2
        turned = 1 - n * zonal @ (weights * g)
        inner = whole - n * (weights * covariance) @ g
        if turned.min() <= 0 or inner <= 0:
            return None
        moved = (zonal - rho) / whole  # d rho / d(N_j c_j); by the ridge -rho / whole
        pulled = n * (zonal * weights * slope)
        inner_by_left = 1 - n * (zonal @ (weights * g) + moved @ (weights * covariance * slope))
        inner_by_ridge = 1 + n * (weights * covariance * slope) @ rho / whole
        by_left = -inner_by_left[None, :] / inner - pulled @ moved.T / turned[:, None]
        by_ridge = -inner_by_ridge / inner + pulled @ rho / whole / turned
        off = u + math.log(n / inner) + np.log(turned)
        jacobian = np.eye(len(u)) + by_left * (left * learnability)[None, :]
        return Equations(
            kappa,
            inner / n,
            learnability,
            off,
            jacobian,
            by_left,
            by_ridge,
            -inner_by_left / inner,
            -inner_by_ridge / inner,
        )

    def errors(self, root: Equations, power: np.ndarray, ridge: float, noise: float) -> dict[str, Any]:
        """As of `learning_curve`, at one ridge."""
        learnability, kappa, n = root.learnability, root.kappa, self.samples
        spread = self.shares * (1 - learnability) * learnability  # d(N_k c_k) / d log kappa_k
        plain = (1 - learnability) ** 2 * power  # where the kappa_k stay
        by_target, by_ridge = -np.linalg.solve(root.jacobian, np.stack([root.by_left @ plain, root.by_ridge], axis=1)).T
        excess = plain + spread * (by_target + noise * by_ridge)
        # tr R P_j = 1 / (L_j + kappa_j) and tr R = A; their derivatives by the ridge are those of residuals
        fitted = ridge**2 / n * (power * kappa * by_ridge / (self.rates + kappa) ** 2).sum()
        noisy = -(ridge**2) / n / root.scale * (root.log_a_by_ridge + (root.log_a_by_left * spread) @ by_ridge)
        return {
            "kappa": root.scale,
            "learnability": learnability,
            "excess": excess,
            "test": float(excess.sum()) + noise,
            "training": max(float(fitted + noise * noisy), 0.0),
        }


def best_ridge(test: Callable[[float], float], whole: float) -> tuple[float, float] | None:
    """The ridge of the least test error, and this error; None where it is infinite or beside ridges without one."""
    from scipy.optimize import minimize_scalar

    logs = np.linspace(math.log(1e-6 * whole), math.log(1e6 * whole), _SCANNED)
    tried = [test(math.exp(log)) for log in logs]
    place = int(np.argmin(tried))
    if place == len(logs) - 1 or not math.isfinite(tried[max(place - 1, 0)]):
        return None
    bounds = (logs[max(place - 1, 0)], logs[place + 1])
    refined: Any = minimize_scalar(lambda log: test(math.exp(log)), bounds=bounds, method="bounded")
    plain = test(0.0)
    return (0.0, plain) if plain <= refined.fun else (math.exp(refined.x), float(refined.fun))
