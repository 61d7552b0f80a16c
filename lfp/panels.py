"""Pictures of solutions and of the times of modes, on given Axes; nothing is computed here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from lfp.plotting import edges, mode_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Colours of things without order, apart for colour-blind eyes too (Okabe and Ito)."""


def plot_profiles(
    axes: "Axes",
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    test: Float[np.ndarray, " m"],
    h: Float[np.ndarray, "t m"],
    labels: Sequence[str],
) -> None:
    """Predicted functions over x, dashed, one colour a time; the data as dots.

    Example:
        >>> from lfp.plotting import figure
        >>> t = np.linspace(0, 1, 4)
        >>> plot_profiles(figure()[1], t, t, t, t[None], ["t = 1"])
    """
    axes.plot(x, y, "o", ms=3, color="0.6", label="data", zorder=0)
    order = np.argsort(test)
    for colour, row, label in zip(mode_colours(len(h)), h, labels, strict=True):
        axes.plot(test[order], row[order], color=colour, lw=1.3, ls=(0, (4, 1.5)), label=label)
    axes.set(xlabel="x", ylabel="predicted h(x, t)")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)


def plot_images(axes: "Sequence[Axes]", frames: Sequence[Float[np.ndarray, "h w"]], titles: Sequence[str]) -> None:
    """Images side by side in one scale of grey, that of the first.

    Example:
        >>> from lfp.plotting import figure
        >>> plot_images(list(figure(columns=2)[1]), [np.eye(2), np.eye(2)], ["target", "t = 1"])
    """
    low, high = float(frames[0].min()), float(frames[0].max())
    for ax, frame, title in zip(axes, frames, titles, strict=True):
        ax.imshow(frame, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        ax.set_title(title, fontsize=8)
        ax.set_axis_off()


def plot_maps(
    axes: "Sequence[Axes]",
    frames: Sequence[tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " n"]]],
    titles: Sequence[str],
) -> None:
    """Values at points of the plane side by side, one square a point, in one scale of colour, that of the first.

    Example:
        >>> from lfp.plotting import figure
        >>> plot_maps([figure()[1]], [(np.eye(2), np.arange(2.0))], ["target"])
    """
    low, high = float(frames[0][1].min()), float(frames[0][1].max())
    for ax, (x, values), title in zip(axes, frames, titles, strict=True):
        side = min(4.0, 110 / np.sqrt(len(x)))  # of some 80 points that a panel is wide: a fine grid fills it
        ax.scatter(x[:, 0], x[:, 1], c=values, s=side**2, marker="s", lw=0, cmap="cividis", vmin=low, vmax=high)
        ax.set_title(title, fontsize=8)
        ax.set(aspect="equal", xticks=[], yticks=[])


def plot_spectrum(
    axes: "Axes", frequency: Float[np.ndarray, " f"], times: Float[np.ndarray, " t"], size: Float[np.ndarray, "t f"]
) -> None:
    """|F[h]| over frequency and time, both logarithmic.

    Example:
        >>> from lfp.plotting import figure
        >>> plot_spectrum(figure()[1], np.array([1.0, 2.0]), np.array([1.0, 10.0]), np.ones((2, 2)))
    """
    from matplotlib.colors import LogNorm

    top = float(size.max()) or 1.0
    norm = LogNorm(vmin=1e-4 * top, vmax=top)
    borders = (np.exp(edges(np.log(v))) for v in (frequency, times))
    mesh = axes.pcolormesh(*borders, np.maximum(size, 1e-4 * top), norm=norm, cmap="viridis", rasterized=True)
    axes.set(xscale="log", yscale="log", xlabel="frequency (cycles per unit of x)", ylabel="flow time t")
    axes.figure.colorbar(mesh, ax=axes, label="predicted |F[h](t)|")


def plot_steps(
    axes: "Axes",
    measured: dict[str, tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]],
    laws: dict[str, tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]],
    critical: float | None = None,
) -> None:
    """Steps to a share of every mode over its rate: dots measured, dashed the laws of those that have one.

    Args:
        axes: where to draw.
        measured: (lr times rate, steps) by the name of the optimiser, in any shape.
        laws: the same along a line.
        critical: lr times the critical rate of momentum, dotted.

    Example:
        >>> from lfp.plotting import figure
        >>> x = np.array([0.01, 0.1])
        >>> plot_steps(figure()[1], {"gradient descent": (x, 2 / x)}, {"gradient descent": (x, 2.3 / x)}, 0.02)
    """
    for (name, (x, steps)), marker, colour in zip(measured.items(), "osv^", SERIES, strict=False):
        axes.plot(np.ravel(x), np.ravel(steps), marker, ms=3.5, color=colour, mec="none", label=name)
    for x, steps in laws.values():
        axes.plot(x, steps, color="black", lw=1.0, ls=(0, (4, 2)), zorder=0)
    axes.plot([], [], color="black", lw=1.0, ls=(0, (4, 2)), label="law")
    if critical is not None:
        axes.axvline(critical, color="0.4", lw=0.8, ls=":", label="critical rate")
    axes.set(xscale="log", yscale="log", xlabel="learning rate times rate of the mode")
    axes.legend(fontsize=7, frameon=True, framealpha=0.9, edgecolor="none")
