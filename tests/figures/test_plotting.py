"""Pictures: what is drawn is what was given."""

import numpy as np
import pytest

from lfp.figures import plots
from lfp.measure.probes import ModeCurves


@pytest.fixture
def curves():
    steps = np.array([0, 1, 10, 100])
    left = np.stack([0.9**steps, 0.99**steps, 0 * steps], axis=1).astype(complex)
    return ModeCurves(steps, np.array([1, 5, 9]), np.stack([left, 0.8 * left]), np.array([1, 1, 0]))


def test_theory_is_dashed_over_solid_training(curves):
    """One solid and one dashed line a mode of the target; the absent mode is not drawn; two legends."""
    _, axes = plots.figure()
    plots.plot_modes(axes, curves, curves, band=curves)
    styles = [line.get_linestyle() for line in axes.lines]
    assert styles.count("-") == 2
    assert styles.count("--") == 2
    assert styles.count(":") == 4
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 0.9 * 0.9 ** curves.steps[1:].astype(float))
    labels = {text.get_text() for legend in (axes.get_legend(), *axes.artists) for text in legend.get_texts()}
    assert {"1", "5", "theory", "training, mean"} <= labels
    assert "9" not in labels


def test_modes_beyond_the_full_ones_are_grey_lines(curves):
    """Of two modes one has colour, theory and a place in the legend."""
    _, axes = plots.figure()
    plots.plot_modes(axes, curves, curves, full=np.array([1]))
    grey = [line for line in axes.lines if line.get_color() == "0.75"]
    assert len(axes.lines) == 3
    np.testing.assert_allclose(grey[0].get_ydata(), 0.9 * 0.9 ** curves.steps[1:].astype(float))
    labels = {text.get_text() for legend in (axes.get_legend(), *axes.artists) for text in legend.get_texts()}
    assert "5" in labels
    assert "1" not in labels


def test_nothing_overlaps_the_legend(curves):
    """Both legends stand beside the Axes, not on the curves."""
    fig, axes = plots.figure()
    plots.plot_modes(axes, curves, curves)
    fig.draw_without_rendering()
    for legend in (axes.get_legend(), *axes.artists):
        assert legend.get_window_extent().x0 >= axes.get_window_extent().x1 - 1


def test_heat_map_shares_one_scale(curves):
    """Theory and training side by side, 0 to 1."""
    _, axes = plots.figure(columns=2)
    plots.plot_heat(axes, curves, curves)
    scales = [mesh.get_clim() for ax in axes for mesh in ax.collections]
    assert scales == [(0, 1), (0, 1)]
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["1", "5"]


def test_colours_are_told_apart():
    """Brightness rises from mode to mode, so that grey print tells them apart."""
    brightness = [np.dot(colour[:3], [0.3, 0.6, 0.1]) for colour in plots.mode_colours(7)]
    assert (np.diff(brightness) > 0.05).all()
