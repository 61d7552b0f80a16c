"""Every picture in one column of a paper, 3.3 inches: texts inside, tick labels apart."""

from pathlib import Path

import numpy as np
import pytest

from lfp.figures import budget, plots, ticks
from lfp.measure.probes import ModeCurves
from lfp.measure.trajectory import labelled
from lfp.spectra.on_domain import ModeRates
from tests.figures.readable import faults

WIDTH = 3.3
RANKS = [
    f"rank {k}: {c}" for k in (1, 2, 10) for c in ("0", "9", "class virginica", "class setosa", "7", "8", "3", "4")
]
STEPS = np.unique(np.geomspace(1, 1e6, 60).astype(int))


def curves(labels, runs=3, rise=0.0):
    steps = np.concatenate([[0], STEPS])
    rates = np.geomspace(1.0, 1e-7, len(labels)) - rise
    left = np.exp(-np.clip(np.outer(steps, rates), -20.0, 20.0))
    runs = np.stack([left * (1 + 0.1 * i) for i in range(runs)]).astype(complex)
    return ModeCurves(steps, np.array(labels), runs, np.ones(len(labels), int))


def column(columns=1, height=3.8):
    return plots.figure(columns, width=WIDTH, height=height)


def modes(labels, **options):
    fig, ax = column()
    some = curves(labels, rise=options.pop("rise", 0.0))
    plots.plot_modes(ax, some, some, **options)
    return fig


def heat(labels, rise):
    fig, axes = column(2, height=3.0)
    plots.plot_heat(axes, curves(labels), curves(labels, rise=rise))
    return fig


def snapshots(turn, steps=(33, 138, 6430, 3000000), scale=1.0):
    fig, axes = column(4, height=2.6)
    t = np.linspace(0, turn, 64, endpoint=False)
    f = scale * np.sin(2 * np.pi * t / turn)
    left = np.tile(f, (4, 1))
    plots.plot_snapshots(axes, t, f, left, left / 2, np.array(steps), f"angle ({turn:g} a turn)", turn)
    return fig


def agreement(target):
    fig, axes = column(4, height=2.6)
    left = np.outer([0.2, 0.5, 0.8, 1.0], target)
    plots.plot_agreement(axes, target, left, left, np.array([1, 20, 300, 40000]))
    return fig


def classes():
    fig, ax = column()
    share = np.linspace(0.1, 1, len(STEPS) + 1)[None]
    plots.plot_classes(ax, np.concatenate([[0], STEPS]), share, 2.3 - share)
    return fig


def rates(low, high):
    fig, ax = column(height=3.0)
    x = np.geomspace(low, high, 20)
    some = ModeRates(tuple(range(20)), x, x**-2.0, np.where(x > 0.9 * high, 1.0, 1e-20), (1,) * 20, 1.0)
    plots.plot_rates(ax, {name: some for name in ("network a", "network b")})
    return fig


def layers(names):
    fig, axes = column(len(names), height=3.0)
    rows = [dict.fromkeys(names, v) | {"lfp_vs_ntk": 1 / v, "ntk_vs_empirical": 2 / v} for v in (16, 64, 4096)]
    plots.plot_layers(list(np.atleast_1d(axes)), rows, names, ["lfp_vs_ntk", "ntk_vs_empirical"])
    return fig


def dial():
    fig, axes = column(5, height=2.6)
    steps = np.concatenate([[0], STEPS])
    left = np.stack([np.exp(-np.outer(steps, np.geomspace(1, 1e-6, 4))), np.zeros((len(steps), 4))], axis=-1)
    data = labelled(
        {"step": steps, "theory_step": steps},
        remaining_training=(("run", "step", "mode", "part"), left[None]),
        remaining_theory=(("theory_step", "mode", "part"), left),
        remaining_linear=(("theory_step", "mode", "part"), left),
    )
    plots.plot_dial(axes, [(gamma, data) for gamma in (0.00123, 0.01, 0.04, 0.1, 1.23e-5)])
    return fig


def profiles():
    fig, ax = column()
    x = np.linspace(-10000, 10000, 9)
    plots.plot_profiles(ax, x, x, x, np.tile(x, (9, 1)), [f"t = {k}.000e-05" for k in range(9)])
    return fig


def images():
    fig, axes = column(5, height=1.2)
    plots.plot_images(axes, [np.eye(4)] * 5, ["target", *(f"t = {k}.25e-05" for k in range(4))])
    return fig


def maps():
    fig, axes = column(5, height=1.2)
    points = np.random.default_rng(0).normal(size=(30, 2))
    plots.plot_maps(axes, [(points, points[:, 0])] * 5, ["target", *(f"t = {k}.25e-05" for k in range(4))])
    return fig


def spectrum():
    fig, ax = column(height=2.6)
    x, t = np.geomspace(0.3, 3, 9), np.geomspace(1e-6, 1e6, 12)
    plots.plot_spectrum(ax, x, t, np.exp(-np.outer(t, x)))
    return fig


def laws():
    fig, ax = column(height=3.0)
    x = np.geomspace(1e-3, 1, 12)
    plots.plot_steps(ax, {"gradient descent": (x, 1 / x), "momentum": (x, 0.1 / x)}, {"momentum": (x, 0.1 / x)}, 0.1)
    return fig


def stack(labels, monkeypatch, theory="ntk", aside=1.0):
    rng = np.random.default_rng(0)
    names = [*budget.layers(), "d_sup"]
    rows = [dict(zip(names, 10 ** rng.uniform(-6, 0, len(names)), strict=True)) for _ in labels]
    rows = [
        {name: row[name] * (1 if name in {*budget.way(theory), "d_sup"} else aside) for name in names} for row in rows
    ]
    drawn = []
    monkeypatch.setattr(budget._files, "save_figure", lambda fig, *_: drawn.append(fig))
    budget.draw_budget(Path(), theory, [("rank", rows, labels)])
    assert drawn[0].get_figwidth() == WIDTH
    return drawn[0]


FIGURES = {
    "modes": lambda: modes(np.arange(1, 9)),
    "modes of ranks": lambda: modes(RANKS, full=np.arange(8), band=curves(RANKS)),
    "outputs": lambda: modes(RANKS[:8], noun="output"),
    "modes that rise": lambda: modes(np.arange(1, 9), rise=1e-5),
    "heat": lambda: heat(RANKS, 0.0),
    "heat that rises": lambda: heat(np.arange(1, 60), 1e-5),
    "radians": lambda: snapshots(2 * np.pi),
    "degrees": lambda: snapshots(360.0, scale=1000.0),
    "days": lambda: snapshots(365.0),
    "agreement": lambda: agreement(np.linspace(-10000, 350000, 442)),
    "strips": lambda: agreement(np.repeat(np.arange(10.0) / 7, 40)),
    "classes": classes,
    "rates": lambda: rates(1.0, 1e5),
    "rates on less than a decade": lambda: rates(3.0, 4.7),
    "layers": lambda: layers(["width", "learning_rate", "alpha"]),
    "dial": dial,
    "profiles": profiles,
    "images": images,
    "maps": maps,
    "spectrum": spectrum,
    "steps": laws,
}


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_or_overlaps_in_one_column(name):
    with plots.style():
        assert not faults(FIGURES[name]())


@pytest.mark.parametrize("count", [1, 8, 25, 60])
@pytest.mark.parametrize("theory", ["lfp", "ntk"])
def test_budget_of_many_rows(count, theory, monkeypatch):
    labels = [f"{k // 3 + 1}: {k}" for k in range(count)]
    assert not faults(stack(labels, monkeypatch, theory))
    assert not faults(stack(labels, monkeypatch, theory, aside=100.0))


def test_every_drawing_function_is_here():
    """The list above leaves no picture out."""
    drawn = {name for name in dir(plots) if name.startswith("plot_")}
    source = Path(__file__).read_text()
    assert not [name for name in drawn if f"plots.{name}(" not in source]


def test_faults_are_found(monkeypatch):
    """Controls: a label longer than the figure, titles and tick labels that nobody thinned."""
    with plots.style():
        fig, ax = column()
        ax.set_xlabel("a label that is much too long for one column of a paper, which is three inches wide")
        assert any("is cut" in fault for fault in faults(fig))
        fig, ax = column()
        ax.bar(np.arange(25), 1)
        ax.set_xticks(np.arange(25), [*RANKS, "last"])
        assert any("overlaps" in fault for fault in faults(fig))
        fig, axes = column(4, height=2.6)
        for ax in axes:
            ax.set_title("step 1000000")
        assert any("overlaps" in fault for fault in faults(fig))
    monkeypatch.setattr(ticks, "fit", lambda *_: True)
    assert faults(stack([f"{k // 3 + 1}: {k}" for k in range(25)], monkeypatch))
