"""Pictures: what is drawn is what was given."""

import warnings

import numpy as np
import pytest

from lfp.figures import plots
from lfp.measure.probes import ModeCurves
from lfp.measure.trajectory import labelled


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


def test_dial_has_a_panel_for_every_gamma():
    """Training is the mean of its runs; theories end where they are given an end."""
    steps, early = np.array([0, 1, 10, 100]), np.array([0, 1, 10])
    runs = np.zeros((2, 4, 2, 2))
    runs[0, ..., 0], runs[1, ..., 1] = 1.0, 1.0  # of mean (1 + i) / 2
    theory = np.full((3, 2, 2), 0.3)
    data = labelled(
        {"step": steps, "theory_step": early, "mode": [1, 5]},
        remaining_training=(("run", "step", "mode", "part"), runs),
        remaining_theory=(("theory_step", "mode", "part"), theory),
        remaining_linear=(("theory_step", "mode", "part"), 2 * theory),
    )
    _, axes = plots.figure(columns=2)
    plots.plot_dial(axes, [(0.001, data), (0.1, data)])
    assert [ax.get_title() for ax in axes] == [r"$\gamma$ = 0.001", r"$\gamma$ = 0.1"]
    linear, training, mean_field = axes[0].lines[:3]
    np.testing.assert_allclose(training.get_ydata(), 0.5**0.5)
    np.testing.assert_allclose(mean_field.get_ydata(), 0.3 * 2**0.5)
    np.testing.assert_allclose(linear.get_ydata(), 0.6 * 2**0.5)
    assert (len(training.get_xdata()), len(mean_field.get_xdata())) == (3, 2)


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


def risen(*largest):
    """Curves of modes that rise from 1 to these."""
    left = np.geomspace(1.0, np.array(largest, float), 5)
    return ModeCurves(
        np.array([0, 1, 10, 100, 1000]),
        np.arange(len(largest)),
        left[None].astype(complex),
        np.ones(len(largest), int),
    )


def machado(colour):
    """A colour as seen without green cones (Machado, Oliveira and Fernandes 2009, on sRGB as a rough guide)."""
    deutan = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    return np.clip(np.array(deutan) @ np.array(colour[:3]), 0, 1)


def test_theory_has_the_hue_of_its_training_and_half_the_brightness():
    """Dashes stand out in grey print, grow brighter from mode to mode, and lie nearest to their own line in colour."""
    pairs = plots.mode_pairs(8)
    for look in (np.array, machado):
        solid, dark = (np.array([look(pair[i]) for pair in pairs]) for i in (0, 1))
        weight = [0.299, 0.587, 0.114]
        assert (solid @ weight > 1.6 * (dark @ weight)).all()
        assert (solid @ weight < 0.85).all()
        if look is np.array:
            assert (np.diff(solid @ weight) > 0.04).all()
            assert (np.diff(dark @ weight) > 0.02).all()
        # of eight dashes each is nearest to its own solid line, once both are as bright
        solid, dark = (c / (c @ weight)[:, None] * np.linspace(0.3, 0.7, 8)[:, None] for c in (solid, dark))
        gaps = np.linalg.norm(solid[:, None] - dark[None], axis=-1)
        assert (gaps.argmin(axis=0) == np.arange(8)).all()


def test_hue_is_kept():
    """Mixed with white or black the hue of HSV stays; of another mode it is another (control)."""
    from colorsys import rgb_to_hsv

    hues = np.array([[rgb_to_hsv(*shade)[0] for shade in pair] for pair in plots.mode_pairs(8)])
    np.testing.assert_allclose(hues[:, 0], hues[:, 1], atol=1e-6)
    assert (np.abs(np.diff(hues[:, 0])) > 0.01).all()


def test_shades_lie_beneath_lines_and_above_grey_ones(curves):
    _, axes = plots.figure()
    plots.plot_modes(axes, curves, curves, band=curves, full=np.array([1]))
    grey = [line.get_zorder() for line in axes.lines if line.get_color() == "0.75"]
    lines = [line.get_zorder() for line in axes.lines if line.get_color() != "0.75"]
    shades = [shade.get_zorder() for shade in axes.collections]
    assert grey
    assert max(grey) < min(shades) <= max(shades) < min(lines)
    assert all(shade.get_alpha() <= 0.15 for shade in axes.collections)


@pytest.mark.parametrize(
    ("largest", "ends"),
    [
        ((0.5, 0.2), (0.1, 1.6)),  # nothing below .1: two decades are not wasted
        ((0.05, 0.9), (0.01, 1.6)),
        ((1e-9,), (plots.FLOOR, 1.6)),
        ((2e5, 0.5), (0.1, 2.3e5)),
    ],
)
def test_axis_holds_what_is_drawn(largest, ends):
    _, axes = plots.figure()
    plots.plot_modes(axes, risen(*largest), risen(*largest))
    np.testing.assert_allclose(axes.get_ylim(), ends)


def test_bands_widen_the_axis_by_a_factor_of_three_at_most():
    some = risen(0.5)
    wild = ModeCurves(
        some.steps, some.modes, np.concatenate([1e6 * some.remaining, -1e6 * some.remaining]), some.present
    )
    _, axes = plots.figure()
    plots.plot_modes(axes, some, some, band=wild)
    np.testing.assert_allclose(axes.get_ylim(), (0.1, 3 * 1.15))


def test_what_is_not_finite_does_not_break_the_axis():
    _, axes = plots.figure()
    some = risen(0.5)
    values = np.array([1, 1, 1, np.nan, np.inf])
    broken = ModeCurves(some.steps, some.modes, values.astype(complex).reshape(1, 5, 1), some.present)
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the spread of inf
        plots.plot_modes(axes, some, broken)
    assert np.isfinite(axes.get_ylim()).all()


@pytest.mark.parametrize(("largest", "extend"), [(3.0, "max"), (0.9, "neither")])
def test_heat_above_one_stands_out(largest, extend):
    """In a colour of its own, named by the end of the colour bar; without any the bar has no such end (control)."""
    fig, axes = plots.figure(columns=2)
    plots.plot_heat(axes, risen(0.2, 0.9), risen(0.2, largest))
    mesh = axes[1].collections[0]
    assert mesh.colorbar.extend == extend
    assert float(mesh.get_array().max()) == pytest.approx(max(largest, 0.9**0.25), rel=1e-6)
    assert mesh.cmap.get_over().tolist() != mesh.cmap(1.0)
    fig.draw_without_rendering()


def test_outputs_are_called_outputs(curves):
    _, axes = plots.figure()
    plots.plot_modes(axes, curves, curves, noun="output")
    assert axes.get_ylabel() == "what is left of the output, $|y-f| / |y|$"
    assert "output" in {legend.get_title().get_text() for legend in axes.artists}


def test_classes_lie_in_strips():
    """Theory left and training right of every tick, no two at one place; many values lie at their places (control)."""
    target = np.repeat([0.0, 1.0], 50)
    values = np.stack([target])
    _, axes = plots.figure()
    plots.plot_agreement([axes], target, values, values, np.array([3]))
    drawn = {line.get_label(): line.get_xdata() for line in axes.lines}
    assert (drawn["theory"] < target).all()
    assert (drawn["training"] > target).all()
    assert len(np.unique(drawn["training"])) == 100
    assert np.abs(drawn["training"] - target).max() < 0.5
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1"]
    _, axes = plots.figure()
    many = np.linspace(0, 1, 100)
    plots.plot_agreement([axes], many, many[None], many[None], np.array([3]))
    assert all((line.get_xdata() == many).all() for line in axes.lines if line.get_label() in drawn.keys() - {"target"})
