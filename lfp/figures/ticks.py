"""Ticks that can be read: powers of ten, parts of a turn, names of rows; fewer of them where they would overlap."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from matplotlib.axis import Axis

GAP = 0.35
"""Least room between two labels, in sizes of their font."""
Places = Float[np.ndarray, " k"]
Sets = Callable[[float, float], Iterator[Places]]
"""Places of ticks, set after set, for the ends of an axis."""


def fitting(axis: "Axis", sets: Sets, write: Callable[[float], str]) -> None:
    """Give an axis the first set of ticks, dense ones first, of which two or more are in view and no labels overlap.

    The last set where there is none. The choice is made as the axis is drawn, at the size that it has then.
    """
    from matplotlib.ticker import FuncFormatter, Locator

    class Fitting(Locator):
        def __call__(self) -> Places:
            return self.tick_values(*axis.get_view_interval())

        def tick_values(self, vmin: float, vmax: float) -> Places:
            low, high = sorted((float(vmin), float(vmax)))
            room, places = 1e-9 * (high - low), np.zeros(0)
            for some in sets(low, high):
                places = some[(some >= low - room) & (some <= high + room)]
                if len(places) > 1 and fit(axis, places, [write(place) for place in places.tolist()]):
                    break
            return places

    axis.set_major_locator(Fitting())
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(float(value))))


def fit(axis: Any, places: Places, labels: Sequence[str]) -> bool:
    """Whether labels at these places leave a gap between any two neighbours."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties

    across, sizes = axis.axis_name == "x", {"x": rcParams["xtick.labelsize"], "y": rcParams["ytick.labelsize"]}
    points = FontProperties(size=sizes[axis.axis_name]).get_size_in_points()
    ends = np.stack([places, places] if across else [0 * places + axis.axes.get_xlim()[0], places], axis=1)
    where = axis.axes.transData.transform(ends)[:, 0 if across else 1] * 72 / axis.axes.figure.dpi
    order = np.argsort(where)
    extents = np.array([width(labels[i], points) if across else 1.2 * points for i in order])
    return bool((np.diff(where[order]) >= (extents[1:] + extents[:-1]) / 2 + GAP * points * across).all())


@lru_cache(4096)
def width(text: str, size: float) -> float:
    """Of a text in one line, in points."""
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=size).get_extents().width) if text.strip() else 0.0


def size(texts: Sequence[str], room: float, most: float) -> float:
    """The size of font, `most` at most, at which each text is no wider than so many points."""
    return min(most, most * room / max(1e-9, *(width(text, most) for text in texts)))


def rows(axis: "Axis", labels: Sequence[str]) -> None:
    """A tick with its label for each of 0, 1, ..., for every second or third of them where not all fit."""
    count = len(labels)

    def sets(low: float, high: float) -> Iterator[Places]:  # noqa: ARG001
        return (np.arange(0.0, count, stride) for stride in range(1, count + 1))

    fitting(axis, sets, lambda place: str(labels[round(place)]) if 0 <= round(place) < count else "")


def plain(axis: "Axis") -> None:
    """Round numbers, as many as fit."""
    from matplotlib.ticker import MaxNLocator

    def sets(low: float, high: float) -> Iterator[Places]:
        for stride in (1, 2, 3):
            for count in range(7, 0, -1):
                places = MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
                yield np.array([place for place in places if low <= place <= high][::stride])

    fitting(axis, sets, _number)


def turn(axis: "Axis", period: float) -> None:
    """Quarters of a turn, in multiples of pi for 2 pi; halves, quarters of them where few or many are in view.

    Round numbers for a period whose quarters are no whole numbers.
    """
    radians = np.isclose(period, 2 * np.pi)
    if not radians and period % 4:
        plain(axis)
        return

    def sets(low: float, high: float) -> Iterator[Places]:
        step = period / 4
        while high - low < 2 * step:
            step /= 2
        for part in (step, 2 * step, 4 * step):
            yield part * np.arange(np.ceil(low / part - 1e-9), np.floor(high / part + 1e-9) + 1)

    fitting(axis, sets, multiple_of_pi if radians else _number)


def multiple_of_pi(value: float) -> str:
    r"""An angle as 0, pi/2, -3 pi/4.

    Example:
        >>> [multiple_of_pi(np.pi * share) for share in (0, 0.5, -0.75, 1, 2)]
        ['0', '$\\pi/2$', '$-3\\pi/4$', '$\\pi$', '$2\\pi$']
    """
    share = Fraction(value / np.pi).limit_denominator(1024)
    if share == 0:
        return "0"
    sign, top = "-" if share < 0 else "", abs(share.numerator)
    below = "" if share.denominator == 1 else f"/{share.denominator}"
    return f"${sign}{'' if top == 1 else top}\\pi{below}$"


def log(axis: "Axis") -> None:
    """Powers of ten as such, unlabelled ticks between them; plain numbers where fewer than two powers are in view."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_minor_locator(LogLocator(subs=np.arange(2.0, 10.0).tolist(), numticks=99))
    axis.set_minor_formatter(NullFormatter())
    fitting(axis, _powers, lambda value: (_power if _decades(*axis.get_view_interval()) else _number)(value))


def _powers(low: float, high: float) -> Iterator[Places]:
    from matplotlib.ticker import MaxNLocator

    if _decades(low, high):
        exponents = np.arange(np.ceil(np.log10(low) - 1e-9), np.floor(np.log10(high) + 1e-9) + 1)
        for stride in range(1, len(exponents) + 1):
            yield 10.0 ** exponents[exponents % stride == 0]
        return
    if low <= 0:
        return
    start = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for digits in (range(1, 10), (1, 2, 5), (1, 3)):
        yield np.sort(np.multiply.outer(start, np.array(digits, float)).ravel())
    for count in (4, 3, 2, 1):
        yield np.asarray(MaxNLocator(count).tick_values(low, high))


def _decades(low: float, high: float) -> bool:
    """Whether two powers of ten at least are in view."""
    low, high = sorted((low, high))
    return bool(low > 0 and np.floor(np.log10(high) + 1e-9) > np.ceil(np.log10(low) - 1e-9))


def _power(value: float) -> str:
    return f"$10^{{{round(np.log10(value))}}}$"


def _number(value: float) -> str:
    return f"{value + 0.0:.6g}".replace("-", "\N{MINUS SIGN}")
