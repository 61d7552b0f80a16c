"""All searches, in parts for processes of their own."""

from collections.abc import Callable, Iterator

import jax

from tests.falsify import laws, rates, solutions
from tests.falsify.finding import Finding

SEARCHES: dict[str, tuple[Callable[..., Iterator[Finding]], int, int, int]] = {
    "solutions of evolve": (solutions.search, 300, 2, 2),
    "rates of networks on spaces": (rates.search, 300, 6, 8),
    "laws of momentum and schedules": (laws.search, 1000, 2, 8),
}
"""Each search, how many it draws, in how many parts, and by what a statement is divided for the control."""


def part(name: str, seed: tuple[int, int], count: int) -> list[Finding]:
    """A part of a search."""
    jax.config.update("jax_enable_x64", True)
    return list(SEARCHES[name][0](list(seed), count))
