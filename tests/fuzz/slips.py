"""What users get wrong, by what an argument is: every slip a value and the reason why it is none."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Slip(NamedTuple):
    """A value that an argument must not take."""

    value: Any
    why: str


Slips = Callable[[np.random.Generator, Any], Slip]
"""From a source of chance and the good value to a slip."""


def _one_of(*slips: tuple[Any, str]) -> Slips:
    def draw(rng: np.random.Generator, good: Any) -> Slip:
        return Slip(*slips[rng.integers(len(slips))])

    return draw


_NO_NUMBER = (
    (np.nan, "NaN"),
    ("8", "a text"),
    (True, "a truth value"),
    (1 + 1j, "complex"),
    ([1.0, 2.0], "a list"),
    (np.ones(2), "two numbers"),
    ({}, "a dictionary"),
    (float, "a class"),
    (np.datetime64("2020-01-01"), "a date"),
)


def count(least: int, *, optional: bool = False) -> Slips:
    """Whole numbers from `least` on."""
    slips = [*_NO_NUMBER, (np.inf, "infinite"), (least + 0.5, "no whole number"), (least - 1, f"below {least}")]
    return _one_of(*slips, *([] if optional else [(None, "nothing")]))


def number(low: float = -np.inf, high: float = np.inf, *, strict: bool = True, infinite: bool = False) -> Slips:
    """Numbers of an interval, its ends left out if strict."""
    slips = [*_NO_NUMBER, (None, "nothing")]
    if np.isfinite(low):
        slips += [(low - 0.5, f"below {low}")] + ([(low, f"{low} itself")] if strict else [])
    if np.isfinite(high):
        slips += [(high + 0.5, f"above {high}"), (high, f"{high} itself")]
    if not infinite:
        slips += [(np.inf, "infinite")]
    return _one_of(*slips)


positive = number(0.0)
nonnegative = number(0.0, strict=False)


def array(*, infinite: bool = False, complex_: bool = False, empty: bool = True, optional: bool = False) -> Slips:
    """Arrays like the good one: its shape, real, finite."""

    def draw(rng: np.random.Generator, good: Any) -> Slip:
        good = np.asarray(good, float) if not complex_ else np.asarray(good)
        broken = good.astype(complex if complex_ else float).copy()
        broken[tuple(rng.integers(n) for n in good.shape)] = np.nan
        slips = [
            Slip(broken, "a NaN inside"),
            Slip(good[None], "one axis more"),
            Slip(np.ma.masked_array(good, np.zeros(good.shape, bool)), "masked"),
            Slip(good.astype(str), "texts"),
            Slip(np.full(good.shape, "2020-01-01", "datetime64[D]"), "dates"),
            Slip("abc", "a text"),
            Slip([[1.0, 2.0], [3.0]], "rows of several lengths"),
            Slip({1: 2}, "a dictionary"),
            Slip(object(), "an object"),
        ]
        slips += [] if complex_ else [Slip(good + 1j, "complex")]
        slips += [Slip(good[:0], "empty")] if empty else []
        slips += [] if optional else [Slip(None, "nothing")]
        if not infinite:
            slips.append(Slip(np.where(np.arange(good.size).reshape(good.shape) == 0, np.inf, good), "infinite"))
        return slips[rng.integers(len(slips))]

    return draw


def also(base: Slips, *more: tuple[Callable[[Any], Any], str]) -> Slips:
    """Further slips made of the good value."""

    def draw(rng: np.random.Generator, good: Any) -> Slip:
        if rng.random() < 0.5:
            return base(rng, good)
        make, why = more[rng.integers(len(more))]
        return Slip(make(good), why)

    return draw


points = array()
values = also(array(), (lambda y: np.append(y, 1.0), "one value more"), (lambda y: y[:-1], "one value less"))
weights = also(  # None stands for equal ones
    array(optional=True),
    (lambda w: np.append(w[:-1], 0.0), "a weight of 0"),
    (lambda w: -np.asarray(w), "negative"),
    (lambda w: w[:-1], "one weight less"),
)
looks = also(
    array(),
    (lambda s: np.asarray(s) - 1, "starts below 0"),
    (lambda s: np.asarray(s)[::-1], "falls"),
    (lambda s: np.asarray(s) + 0.25, "parts of steps"),
    (lambda s: np.repeat(s, 2), "repeats"),
)
times = also(
    array(infinite=True),
    (lambda t: np.asarray(t) - 1, "starts below 0"),
    (lambda t: np.asarray(t)[::-1], "falls"),
)
gram = also(
    array(),
    (lambda k: k[:-1], "not square"),
    (lambda k: k + np.triu(np.ones(k.shape), 1), "not symmetric"),
    (lambda k: -k, "negative"),
)


def unit(base: Slips = points) -> Slips:
    """Points of norm 1."""
    return also(base, (lambda x: 2 * x, "norm 2"), (lambda x: x[:, :-1], "one dimension less"))


def instance(*kinds: type, optional: bool = False) -> Slips:
    """Objects of a class."""
    slips: list[tuple[Any, str]] = [
        (3, "a number"),
        ("x", "a text"),
        (np.ones(2), "an array"),
        ([], "a list"),
        ({}, "a dictionary"),
    ]
    slips += [(kind, "the class itself") for kind in kinds]
    slips += [] if optional else [(None, "nothing")]
    return _one_of(*slips)


function = _one_of((3, "a number"), ("x", "a text"), (None, "nothing"), (np.ones(2), "an array"), ([], "a list"))
key = _one_of((0, "a number"), (None, "nothing"), ("x", "a text"), (np.zeros(2), "floats"), (jnp.zeros(3), "floats"))


def choice(*, optional: bool = False) -> Slips:
    """Names."""
    slips: list[tuple[Any, str]] = [("reluu", "misspelt"), (3, "a number"), ([], "a list"), (b"relu", "bytes")]
    return _one_of(*slips, *([] if optional else [(None, "nothing")]))


def a_key() -> Any:
    """A good one."""
    return jax.random.key(0)
