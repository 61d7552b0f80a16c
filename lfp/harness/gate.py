"""Gates: numbers that a claim must keep, and controls, which must miss them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

LEVEL = 0.99
"""Confidence, on one side, of a gate that is decided on a mean."""


@dataclass(frozen=True)
class Gate:
    """A number that every seed must keep, or their mean with its error; of a control, that every seed must miss.

    A mean is held against its limit with the error of its measurement, mean +- t s / sqrt(n), t Student's quantile
    of LEVEL with n - 1 degrees of freedom and s the deviation over the seeds: as much as a single seed scatters, as
    many seeds the gate needs.

    Args:
        claim: what is measured, with its unit.
        values: the measurement, one number a seed.
        limit: what it is held against: from theory, or from what the claim means; never from a run.
        above: whether the values must be at least the limit; else at most.
        control: whether it must fail.
        mean: whether the mean decides, within its error; else every seed.

    Example:
        >>> Gate("heads", [0.4, 0.6, 0.5], 0.3, above=True).passed, Gate("heads", [0.4, 0.6], 0.45, mean=True).passed
        (True, False)
    """

    claim: str
    values: Any
    limit: float
    above: bool = False
    control: bool = False
    mean: bool = False

    @property
    def measured(self) -> Float[np.ndarray, " seed"]:
        """The values as an array."""
        return np.atleast_1d(np.asarray(self.values, float))

    @property
    def worst(self) -> float:
        """What decides: the value, or the end of the mean's interval, that is nearest to the wrong side."""
        ends = self.measured.mean() + _reach(self.measured) * np.array([-1, 1]) if self.mean else self.measured
        return float(ends.min() if self.above != self.control else ends.max())

    @property
    def margin(self) -> float:
        """Distance of what decides to the limit, relative to it; negative where the gate is missed."""
        right = 1 if self.above != self.control else -1
        return right * (self.worst - self.limit) / (abs(self.limit) or 1.0)

    @property
    def passed(self) -> bool:
        """Whether all that was measured keeps the limit; of a control, whether nothing does."""
        kept = self.worst >= self.limit if self.above else self.worst <= self.limit
        return bool(np.isfinite(self.measured).all() and kept != self.control)

    @property
    def needs(self) -> int:
        """Seeds that the mean needs to be on one side of the limit, as these scatter; 0 where each decides."""
        if not self.mean:
            return 0
        gap, spread = abs(self.measured.mean() - self.limit), self.measured.std(ddof=1)
        enough = (n for n in range(2, 1001) if _quantile(n) * spread <= gap * n**0.5)
        return next(enough, 1001)

    def row(self) -> dict[str, Any]:
        """What result.json says of it: mean, spread and worst over the seeds, and how far that is from the limit."""
        values = self.measured
        return {
            "claim": self.claim,
            "mean": float(values.mean()),
            "spread": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
            "worst": self.worst,
            "margin": self.margin,
            "seeds": len(values),
            "needs": self.needs,
            "limit": float(self.limit),
            "sense": ">=" if self.above else "<=",
            "decides": "mean" if self.mean else "every seed",
            "control": self.control,
            "passed": self.passed,
        }


def _reach(values: Float[np.ndarray, " n"]) -> float:
    """Half of the interval of the mean; infinite where there is one value."""
    return _quantile(len(values)) * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.inf


def _quantile(n: int) -> float:
    """Student's t of n values at LEVEL."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, LEVEL))
