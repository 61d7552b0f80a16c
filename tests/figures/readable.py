"""What keeps a picture from being read: texts outside the figure, tick labels on one another."""

from itertools import combinations

from matplotlib.text import Text


def faults(fig):
    """Texts that the edge of the figure cuts, and pairs of tick labels, titles and legends that overlap."""
    fig.draw_without_rendering()
    axes = [axis for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)]
    ticks = [label for axis in axes for label in labels(axis)]
    every = {id(text) for axis in axes for tick in (*axis.majorTicks, *axis.minorTicks) for text in _two(tick)}
    others = [text for text in fig.findobj(Text) if id(text) not in every and seen(text)]
    found = []
    for text in (*ticks, *others):
        box = text.get_window_extent()
        if min(box.x0, box.y0, fig.bbox.x1 - box.x1, fig.bbox.y1 - box.y1) < -0.5:
            found.append(f"{text.get_text()!r} is cut")
    titles = [ax.title for ax in fig.axes if seen(ax.title)]
    for group in (ticks + titles, [*titles, *fig.legends, *fig.texts], [text for ax in fig.axes for text in ax.texts]):
        for one, other in combinations(group, 2):
            if _overlap(one.get_window_extent(), other.get_window_extent()):
                found.append(f"{one} overlaps {other}")
    return found


def labels(axis):
    """Tick labels that are drawn."""
    low, high = sorted(axis.get_view_interval())
    room = 1e-9 * (high - low)
    ticks = [
        tick
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        if low - room <= tick.get_loc() <= high + room
    ]
    return [text for tick in ticks for text in _two(tick) if seen(text) and axis.axes.axison]


def seen(text):
    return bool(text.get_visible() and text.get_text().strip())


def _two(tick):
    return tick.label1, tick.label2


def _overlap(one, other):
    return min(one.x1, other.x1) - max(one.x0, other.x0) > 0.5 and min(one.y1, other.y1) - max(one.y0, other.y0) > 0.5
