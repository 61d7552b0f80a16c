"""The stacked picture of the error budget: where does the theory lose its accuracy?"""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lfp import _files
from lfp.figures import plots, ticks
from lfp.prediction.theory import layers, way

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OKABE_ITO = ("#E69F00", "#56B4E9", "#0072B2", "#999999", "#CC79A7")
WIDTH = 3.3  # inches, a column of a paper
TALLEST = 2.5  # of a branch, in heights of the stack
NOTE: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": 5, "annotation_clip": False}


def averages(rows: Sequence[dict[str, Any]], name: str) -> dict[Any, dict[str, float | None]]:
    """Mean layers and D_sup of the runs at every value of a setting, None where some run lacks one.

    Arithmetic means: they keep the bound of the single runs.
    """
    found: dict[Any, dict[str, float | None]] = {}
    for value in dict.fromkeys(row[name] for row in rows):
        some = [row for row in rows if row[name] == value]
        errors = {layer: [row[layer] for row in some if row.get(layer) is not None] for layer in (*layers(), "d_sup")}
        found[value] = {k: float(np.mean(v)) if len(v) == len(some) else None for k, v in errors.items()}
    return found


def plot_budget(axes: "Axes", rows: Sequence[dict[str, Any]], labels: Sequence[str], theory: str, xlabel: str) -> None:
    """A stack of the layers between theory and training, D_sup beside it, hatched what the theory does not contain.

    A row holds the layers and `d_sup` of a mode or of a value of a setting, None where a layer was not measured.
    """
    x, path = np.arange(len(rows)), way(theory)
    colours = dict(zip(layers(), cycle(OKABE_ITO), strict=False))
    values = {name: np.array([row.get(name) or 0.0 for row in rows]) for name in (*layers(), "d_sup")}
    known = {name for name in layers() if any(row.get(name) is not None for row in rows)}
    bottom = np.zeros(len(rows))
    for name in path[::-1]:
        if name in known:
            axes.bar(x - 0.26, values[name], 0.3, bottom, color=colours[name], label=_words(name))
            bottom = bottom + values[name]
    axes.bar(x - 0.02, values["d_sup"], 0.12, color="black", label="measured D_sup")
    branches = [name for name in layers() if name in known and name not in path]
    stack = max(float(bottom.max()), float(values["d_sup"].max()), 1e-12)
    tallest = max((float(values[name].max()) for name in branches), default=0.0)
    top = 1.1 * (tallest if stack < tallest <= TALLEST * stack else stack)
    cut: list[tuple[float, float]] = []
    for i, name in enumerate(branches):
        place = x + 0.15 + 0.2 * i
        style: dict[str, Any] = {"fill": False, "edgecolor": colours[name], "hatch": "/////", "lw": 0.6}
        axes.bar(place, np.minimum(values[name], top), 0.12, label=f"{_words(name)} (aside)", **style)
        cut += [
            (where, value) for where, value in zip(place.tolist(), values[name].tolist(), strict=True) if value > top
        ]
    ticks.rows(axes.xaxis, labels)
    _notes(axes, cut, top)
    axes.set(ylim=(0, top), xlabel=xlabel, ylabel="error, share of the start")


def _notes(axes: "Axes", cut: Sequence[tuple[float, float]], top: float) -> None:
    """Branches that would flatten the stack end at the frame and say how far they go, so far as there is room to."""
    low, high = axes.get_xlim()
    points = axes.get_window_extent().width * 72 / axes.get_figure(root=True).dpi / (high - low)  # pyright: ignore[reportOptionalMemberAccess]
    last = -np.inf
    for where, value in sorted(cut):
        if (where - last) * points > 0.95 * NOTE["fontsize"]:
            axes.annotate(f"{float(f'{value:.1g}'):g}", (where, top), (0, 1), textcoords="offset points", **NOTE)
            last = where


def draw_budget(
    folder: Path, theory: str, panels: Sequence[tuple[str, Sequence[dict[str, Any]], Sequence[str]]]
) -> None:
    """budget.png and budget.svg: a panel for every (what the rows are, rows, labels), one legend under all."""
    with plots.style():
        fig, axes = plots.figure(columns=len(panels), width=WIDTH * len(panels), height=3.0)
        axes = list(np.atleast_1d(axes))
        for ax, (xlabel, rows, labels) in zip(axes, panels, strict=True):
            plot_budget(ax, rows, labels, theory, xlabel)
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=6.5)
        _files.save_figure(fig, folder, "budget")


def _words(name: str) -> str:
    return name.replace("_vs_", " / ")
