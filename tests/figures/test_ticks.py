"""Ticks: parts of a turn, powers of ten, rows; as many as fit."""

import numpy as np
import pytest

from lfp.figures import plots, ticks
from tests.figures.readable import labels


def drawn(axis):
    axis.axes.figure.draw_without_rendering()
    return [text.get_text() for text in labels(axis)]


def axes_of(low, high, width=6.0, scale="linear"):
    _, axes = plots.figure(width=width)
    axes.set_xscale(scale)
    axes.set_xlim(low, high)
    return axes


@pytest.mark.parametrize(
    ("period", "low", "high", "width", "expected"),
    [
        (2 * np.pi, -0.1, 6.3, 6.0, ["0", "$\\pi/2$", "$\\pi$", "$3\\pi/2$", "$2\\pi$"]),
        (2 * np.pi, -np.pi, np.pi, 6.0, ["$-\\pi$", "$-\\pi/2$", "0", "$\\pi/2$", "$\\pi$"]),
        (2 * np.pi, 0.0, 6.3, 1.3, ["0", "$\\pi$", "$2\\pi$"]),
        (2 * np.pi, 0.0, 1.6, 6.0, ["0", "$\\pi/4$", "$\\pi/2$"]),
        (360.0, 0.0, 360.0, 6.0, ["0", "90", "180", "270", "360"]),
        (24.0, -0.5, 24.5, 6.0, ["0", "6", "12", "18", "24"]),
        (365.0, 0.0, 365.0, 6.0, ["0", "100", "200", "300"]),
    ],
)
def test_angles_in_parts_of_a_turn(period, low, high, width, expected):
    axis = axes_of(low, high, width).xaxis
    ticks.turn(axis, period)
    assert drawn(axis) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (3e-3, 1.6, ["$10^{-2}$", "$10^{-1}$", "$10^{0}$"]),
        (0.1, 1.6, ["$10^{-1}$", "$10^{0}$"]),
        (0.25, 1.6, ["0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"]),
        (1, 2, ["1", "2"]),
        (3.1, 3.9, ["3.2", "3.4", "3.6", "3.8"]),
    ],
)
def test_powers_of_ten_as_such(low, high, expected):
    """Without labels between them; plain numbers on less than a decade."""
    axis = axes_of(low, high, scale="log").xaxis
    ticks.log(axis)
    assert drawn(axis) == expected


def test_fewer_rows_where_not_all_fit():
    """All in a wide figure, every second or third in a narrow one, always from the first."""
    names = [f"rank {k}" for k in range(12)]
    for width, stride in ((12.0, 1), (6.0, 2), (3.3, 3)):
        axis = axes_of(-0.5, 11.5, width).xaxis
        ticks.rows(axis, names)
        assert drawn(axis) == names[::stride]


def test_numbers_that_fit():
    axis = axes_of(-100000, 900000, 1.6).xaxis
    ticks.plain(axis)
    assert 2 <= len(drawn(axis)) <= 3


def test_width_of_a_text_is_that_drawn():
    """Against the extent that matplotlib draws, to the blank of an eighth at its sides; in units of points."""
    for text in ("rank 10: 9", "$10^{-3}$", "class virginica"):
        fig, axes = plots.figure()
        extent = axes.text(0.5, 0.5, text, fontsize=9).get_window_extent().width * 72 / fig.dpi
        assert ticks.width(text, 9.0) == pytest.approx(extent, rel=0.125)
    assert ticks.size(["a", "abcd"], ticks.width("abcd", 9.0) / 2, 9.0) == pytest.approx(4.5)
