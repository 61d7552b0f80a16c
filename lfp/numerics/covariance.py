"""The sample covariance of random features: deterministic equivalents of its resolvent.

n samples of features with covariance Lambda, of eigenvalues L_k, N_k of each; A their sample covariance. In the mean
over samples, for large n (Bach 2023, arXiv 2303.01372; Atanasov, Zavatone-Veth, Pehlevan 2024, arXiv 2405.00592)

    lambda (A + lambda)^-1 = kappa G,  G = (Lambda + kappa)^-1
    lambda_1 lambda_2 (A + lambda_1)^-1 M (A + lambda_2)^-1
        = kappa_1 kappa_2 (G_1 M G_2 + c_12 tr(Lambda G_1 M G_2) G_1 Lambda G_2)

    lambda = kappa (1 - df / n) / (1 - df / N),  df = tr Lambda G
    c_12 = (1/n - 1/N) / ((1 - df_1 / N)(1 - df_2 / N)) (kappa_1 - kappa_2) / (lambda_1 - lambda_2)

N is the size of a population from which the samples are drawn without repetition, infinite for a law. The scalar c_12
follows from the first line and M = 1. All of it holds for complex lambda off the spectrum of -A.

With repetition point i of a population is drawn m_i times, a binomial number: A = F^T diag(m / n) F, F the features of
the points. Where they are in random directions, the diagonal of the resolvent obeys 1 - f = E[r / (r + m)], f = df / N,
with r = n lambda (1 - f) / (N kappa f) the ridge in units of the variance that the other points leave at one (free
multiplication by diag(m); without repetition m is 0 or 1, and the first line follows).
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Complex, Float

from lfp import _checks

_SMALLEST = 1e-290
_ARC, _NEWTON = 33, 4  # places of an arc, steps of Newton's method at each
_RISES = 40  # steps of Newton's method to the ridge of a population drawn from with repetition


@dataclass(frozen=True)
class SampleCovariance:
    """Sample covariance of n points.

    Args:
        shares: N_k L_k. A part of the trace with a rate of 0 stands for infinitely many modes of vanishing rates.
        rates: L_k.
        samples: n.
        population: N; infinite for independent samples.
    """

    shares: Float[np.ndarray, " k"]
    rates: Float[np.ndarray, " k"]
    samples: int
    population: float = math.inf

    def filled(self, kappa: np.ndarray) -> np.ndarray:
        """Degrees of freedom df = sum_k N_k L_k / (L_k + kappa)."""
        return (self.shares / (self.rates + kappa[..., None])).sum(-1)

    def overlap(self, one: np.ndarray, two: np.ndarray) -> np.ndarray:
        """tr Lambda G_1 G_2, elementwise."""
        return (self.shares / (self.rates + one[..., None]) / (self.rates + two[..., None])).sum(-1)

    def ridge(self, kappa: np.ndarray) -> np.ndarray:
        """lambda(kappa)."""
        df = self.filled(kappa)
        return kappa * (1 - df / self.samples) / (1 - df / self.population)

    def spared(self, kappa: np.ndarray) -> np.ndarray:
        """(1/n - 1/N) / (1 - df / N)^2; times the slope it is c_12 at equal kappa."""
        return (1 / self.samples - 1 / self.population) / (1 - self.filled(kappa) / self.population) ** 2

    def slope(self, kappa: np.ndarray) -> np.ndarray:
        """d kappa / d lambda: of Wishart 1 / (1 - sum_k N_k l_k^2 / n), without its cancellation."""
        quotient = self.ridge(kappa) / kappa
        return 1 / (quotient + kappa * self.overlap(kappa, kappa) * self.spared(kappa))

    def coupling(self, one: Complex[np.ndarray, " m"], two: Complex[np.ndarray, " l"]) -> Complex[np.ndarray, "m l"]:
        """c_12 of every pair."""
        left, right = (1 / (self.rates + kappa[:, None]) for kappa in (one, two))
        rest = 1 - self.filled(one) / self.population
        spared = (1 / self.samples - 1 / self.population) / np.outer(rest, 1 - self.filled(two) / self.population)
        quotient = (1 - self.filled(one) / self.samples) / rest
        return spared / (quotient[:, None] + two[None, :] * ((left * self.shares) @ right.T) * spared)

    def kappa(self, ridge: float) -> float:
        """The positive root of lambda(kappa) = ridge >= 0.

        Raises:
            InputError: no ridge, and at least as many samples as modes.
        """
        top = max(ridge + self.shares.sum() / self.samples, _SMALLEST)

        def excess(log: float) -> float:
            return self._short(math.exp(log), ridge)

        high = math.log(top) + 1
        low = high
        while excess(low) <= 0:
            low -= 8
            if low < math.log(_SMALLEST):
                msg = f"samples={self.samples} with ridge=0 are at least as many as there are modes; allowed: fewer "
                raise _checks.InputError(msg + "samples, or a ridge > 0")
        from scipy.optimize import brentq

        root = brentq(excess, low, high, xtol=1e-14, rtol=4 * np.finfo(float).eps)
        return math.exp(root)  # type: ignore[arg-type]

    def _short(self, kappa: float, ridge: float) -> float:
        """Falls in kappa, from above 0 to below it at the kappa of the ridge."""
        df = float(self.filled(np.array([kappa]))[0])
        return df / self.samples + ridge / kappa * (1 - df / self.population) - 1

    def edge(self) -> float:
        """The upper edge of the spectrum: the least z(u) = -lambda(-u) above the largest rate."""
        from scipy.optimize import minimize_scalar

        largest = float(self.rates.max())

        def beyond(log: float) -> float:
            return -float(self.ridge(-np.array([largest + math.exp(log)]))[0])

        scale = math.log(largest + self.shares.sum())
        logs = np.linspace(scale - 30, scale + 5, 300)
        nearest = int(np.argmin([beyond(log) for log in logs]))
        bounds = (logs[max(nearest - 1, 0)], logs[min(nearest + 1, len(logs) - 1)])
        return float(minimize_scalar(beyond, bounds=bounds, method="bounded").fun)  # type: ignore[attr-defined]

    def continued(self, z: Complex[np.ndarray, " m"]) -> Complex[np.ndarray, " m"]:
        """kappa(-z) at points of the upper half plane: from negative z, where it is positive, along an arc to z."""
        radius, angle = np.abs(z), np.angle(z)
        kappa = np.array([self.kappa(float(r)) for r in radius], complex)
        for share in np.linspace(0, 1, _ARC)[1:]:
            wanted = -radius * np.exp(1j * np.pi * (angle / np.pi) ** share)
            for _ in range(_NEWTON):
                now, slope = self._ridge_and_slope(kappa)
                kappa = kappa + (wanted - now) * slope
        off = float(np.abs((self._ridge_and_slope(kappa)[0] + z) / z).max())
        if not off < 1e-8 or np.imag(kappa).max() > 0:
            msg = f"the resolvent was not continued to the spectrum: off by {off:.1e}"
            raise FloatingPointError(msg)
        return kappa

    def _ridge_and_slope(self, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """lambda(kappa) and d kappa / d lambda, in one pass over the modes."""
        resolvent = 1 / (self.rates + kappa[:, None])
        df, overlap = resolvent @ self.shares, (resolvent**2) @ self.shares
        rest = 1 - df / self.population
        quotient = (1 - df / self.samples) / rest
        spared = (1 / self.samples - 1 / self.population) / rest**2
        return kappa * quotient, 1 / (quotient + kappa * overlap * spared)


class RepeatedCovariance(SampleCovariance):
    """Of a population whose points may be drawn more than once; real kappa alone."""

    @cached_property
    def _drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """How often a point is drawn, from once on, and how probable that is."""
        from scipy.stats import binom

        mean = self.samples / self.population
        often = np.arange(1, min(self.samples, math.ceil(mean + 12 * mean**0.5 + 30)) + 1)
        return often, binom.pmf(often, self.samples, 1 / self.population)

    def _hit(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """E[m / (r + m)] and its derivative."""
        often, probable = self._drawn
        return (probable * often / (r[..., None] + often)).sum(-1), -(
            probable * often / (r[..., None] + often) ** 2
        ).sum(-1)

    def _left(self, f: np.ndarray) -> np.ndarray:
        """r at which E[m / (r + m)] = f, or 0 where none is above 0. 1 / E is concave: Newton's method rises to r."""
        r = np.zeros_like(f)
        for _ in range(_RISES):
            hit, slope = self._hit(r)
            r = np.maximum(r + hit * (hit / f - 1) / -slope, 0.0)
        return r

    def ridge(self, kappa: np.ndarray) -> np.ndarray:
        """lambda(kappa)."""
        f = self.filled(kappa) / self.population
        return kappa * self._left(f) * f / (1 - f) * self.population / self.samples

    def spared(self, kappa: np.ndarray) -> np.ndarray:
        """-(1 / n) d / df of r f / (1 - f)."""
        f = self.filled(kappa) / self.population
        r = self._left(f)
        return -(f / (1 - f) / self._hit(r)[1] + r / (1 - f) ** 2) / self.samples

    def _short(self, kappa: float, ridge: float) -> float:
        f = self.filled(np.array([kappa])) / self.population
        r = self.samples * ridge * (1 - f) / (self.population * kappa * f)
        return float((f - self._hit(np.maximum(r, 0.0))[0])[0])


def contour(
    inner: float, outer: float, angle: float, nodes: int = 12
) -> tuple[Complex[np.ndarray, " m"], Complex[np.ndarray, " m"]]:
    """Upper half of a contour around 0 and the positive axis up to `outer`, and weights of (1 / 2 pi i) integral dz.

    An arc of radius `outer`, a ray at `angle`, an arc of radius `inner` around 0. Along the ray in log z: the spectrum
    is an angle away at every scale, so panels twice as long as the angle converge exponentially. The lower half is the
    conjugate.
    """
    x, weight = np.polynomial.legendre.leggauss(nodes)

    def path(start: complex, end: complex, longest: float) -> tuple[np.ndarray, np.ndarray]:
        """exp(u), u along a line."""
        edges = np.linspace(start, end, 1 + math.ceil(abs(end - start) / longest))
        half = np.diff(edges)[:, None] / 2
        z = np.exp((edges[:-1, None] + half) + half * x)
        return z.ravel(), (z * half * weight).ravel() / (2j * np.pi)

    turn, low, high = 1j * angle, math.log(inner), math.log(outer)
    parts = [
        path(high, high + turn, angle / 4),
        path(high + turn, low + turn, 2 * angle),
        path(low + turn, low + 1j * np.pi, np.pi / 4),
    ]
    return np.concatenate([z for z, _ in parts]), np.concatenate([weights for _, weights in parts])
