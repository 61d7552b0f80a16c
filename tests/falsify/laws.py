"""Random laws of momentum and schedules, iterated again in mpmath.

What is stated (`lfp.optimisers.momentum`): 1 - p_s is exact for a rate and a momentum that are so many units in the
last place off, to as many units of itself.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from mpmath import mp, mpf

from lfp import GradientDescent, HeavyBall, Nesterov, Scheduled
from tests.falsify.finding import Finding

OFF = 4
LAWS = {"descent": GradientDescent, "heavy ball": HeavyBall, "Nesterov": Nesterov}


def matrix(kind: str, x: Any, mu: Any) -> Any:
    """A step of (what is left, its last move), see `lfp.optimisers.momentum`."""
    if kind == "Nesterov":
        return mp.matrix([[1 - (1 + mu) * x, mu**2], [-x, mu]])
    return mp.matrix([[1 - x, mu], [-x, mu]])


def learned(kind: str, x: Any, mu: Any, steps: int) -> Any:
    """1 - p_s of a constant rate x = lr L: the matrix to the power of s, by squaring."""
    power, factor = mp.eye(2), matrix(kind, x, mu)
    while steps:
        power, factor, steps = power * factor if steps & 1 else power, factor * factor, steps >> 1
    return 1 - power[0, 0]


def learned_on(kind: str, xs: list[Any], mu: Any, steps: int) -> Any:
    """1 - p_s where x changes, step by step: m' = mu m + g, p' = p - x m' or p - x (g + mu m'); g = p."""
    left, speed = mpf(1), mpf(0)
    for x in xs[:steps]:
        speed = mu * speed + left
        left -= x * (left + mu * speed if kind == "Nesterov" else speed)
    return 1 - left


def draw(rng: np.random.Generator, dtype: type, kind: str) -> tuple[Any, Any, Any, int, Any]:
    """lr, L, mu, steps, and the multiples of lr, one a step, or None."""
    mu = dtype(0 if kind == "descent" else rng.choice([0.5, 0.9, 0.99, 0.999, rng.uniform()]))
    law = LAWS[kind](1.0) if kind == "descent" else LAWS[kind](1.0, float(mu))
    limit = law.largest_stable_lr(1.0)
    places = [10 ** rng.uniform(-14, 0), 1 - 10 ** rng.uniform(-6, -1)]
    if kind != "descent":  # about the critical rates too
        places += [c / limit * (1 + rng.normal() * 10 ** rng.uniform(-8, -1)) for c in law.critical]
    x = dtype(limit * min(rng.choice(places), 1 - 1e-6))
    lr = dtype(10 ** rng.uniform(-3, 3))  # of 1, x = lr L would not be rounded, and 1 - x is exact above 1/2
    if rng.random() < 0.5:
        shape = rng.uniform(0, 1, int(10 ** rng.uniform(0, 3))) ** rng.uniform(0, 2)
        return lr, x / lr, mu, int(rng.integers(1, 2 * len(shape))), shape.astype(dtype).astype(float)
    steps = int(10 ** rng.uniform(0, 14 if x < 1e-3 * limit else 5))
    return lr, x / lr, mu, int(dtype(steps)), None


def search(seed: Any, count: int) -> Iterator[Finding]:
    """So many laws, each at one rate and one step."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        kind, dtype = str(rng.choice(list(LAWS))), rng.choice([np.float32, np.float64])
        lr, rate, mu, steps, shape = draw(rng, dtype, kind)
        law = LAWS[kind](float(lr)) if kind == "descent" else LAWS[kind](float(lr), float(mu))
        found = (law if shape is None else Scheduled(law, shape)).learned(
            jnp.asarray([rate], dtype), jnp.asarray([steps], float)
        )
        assert found.dtype == dtype
        eps = mpf(float(np.finfo(dtype).eps))

        def exact(x: Any, mu: Any, kind: str = kind, steps: int = steps, shape: Any = shape) -> Any:
            if shape is None:
                return learned(kind, x, mu, steps)
            return learned_on(kind, [x * mpf(float(part)) for part in shape], mu, steps)

        with mp.workdps(120):
            # in 120 digits: in 16 the product would be rounded as the law rounds it
            place = mpf(float(lr)) * mpf(float(rate)), mpf(float(mu))
            true = exact(*place)
            high = kind == "heavy ball" and shape is None and place[0] > 0.9 * law.largest_stable_lr(1.0)
            moves = itertools.product((-OFF, OFF), repeat=2)
            ends = [exact(place[0] * (1 + a * eps), place[1] * (1 + b * eps)) for a, b in moves]
            stated = max(abs(end - true) for end in ends) + OFF * eps * abs(true)
            off = abs(mpf(float(found[0, 0])) - true)
        if abs(true) > float(np.finfo(dtype).max) ** 0.5:  # rates that change at random may resonate with the momentum
            continue
        words = f"{seed}/{number} {kind} {dtype.__name__} lr={float(lr)!r} L={float(rate)!r} mu={float(mu)!r} "
        words += f"steps={steps} {'constant' if shape is None else f'{len(shape)} rates'}: "
        words += f"stated {float(stated):.2e}, {float(off):.2e}"
        group = f"{kind}{' at its limit' * high}, {dtype.__name__}"
        yield Finding(words, group, float(stated), float(off), float(eps * abs(true)))
