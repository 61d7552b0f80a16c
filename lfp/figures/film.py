"""Films: figures whose lines grow from frame to frame. What stands still is drawn once. Theory is dashed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from lfp.figures import plots, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Update = Callable[[int], None]
"""Sets the moving parts of a figure to a look."""
SHARE = 1.15
"""Upper end of an axis of shares."""


class Film:
    """A figure, what moves in it, and how.

    Args:
        figure: drawn once, without what moves.
        moving: artists drawn anew in every frame, in this order.
        updates: called with the number of the look before a frame is drawn.
    """

    def __init__(self, figure: Any, moving: Sequence[Any], updates: Sequence[Update]) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        self._canvas, self._moving, self._updates = FigureCanvasAgg(figure), moving, updates
        for artist in moving:
            artist.set_animated(True)
        self._canvas.draw()
        figure.set_layout_engine("none")
        self._still = self._canvas.copy_from_bbox(figure.bbox)

    def frame(self, look: int) -> UInt8[np.ndarray, "h w 3"]:
        """The picture of a look."""
        self._canvas.restore_region(self._still)
        for update in self._updates:
            update(look)
        for artist in self._moving:
            (artist.axes or artist.figure).draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()


def film_run(
    coordinate: Float[np.ndarray, " n"] | None,
    target: Float[np.ndarray, " n"],
    functions: tuple[Float[np.ndarray, "t n"], Float[np.ndarray, "t n"]],
    steps: Int[np.ndarray, " t"],
    names: Sequence[str],
    left: tuple[Float[np.ndarray, "t k"], Float[np.ndarray, "t k"]],
    learnt: tuple[Float[np.ndarray, "t k"], Float[np.ndarray, "t k"]],
    period: float | None = None,
    noun: str = "mode",
) -> Film:
    """The function over its target, what is left of every mode, and what is learnt of it: (theory, training) each.

    Args:
        coordinate: of the points, increasing; None for points of several dimensions, drawn over their target.
        target: at the points.
        functions: at the looks.
        steps: of the looks, from 0.
        names: of the modes.
        left: size of what is left of every mode, relative to its start.
        learnt: share of every mode in the function.
        period: one turn of the coordinate where it is an angle.
        noun: what is followed.
    """
    fig, axes = plots.figure(columns=3, width=9.6, height=3.6)
    one = _function(axes[0], coordinate, target, functions, period)
    two = _modes(axes[1], steps, names, left, noun)
    three = _spectrum(axes[2], names, learnt, noun)
    # the longest title sets the layout, then it moves
    clock = fig.suptitle(f"step {steps[-1]}", fontsize=11)
    updates = [one[1], two[1], three[1], lambda look: clock.set_text(f"step {steps[look]}")]
    return Film(fig, [*one[0], *two[0], *three[0], clock], updates)


def _function(
    axes: "Axes",
    x: np.ndarray | None,
    target: np.ndarray,
    functions: tuple[np.ndarray, np.ndarray],
    period: float | None,
) -> tuple[list[Any], Update]:
    """Lines over a coordinate; without one, dots over the target, which is then the diagonal."""
    theory, training = functions
    room = 0.2 * max(float(np.ptp(target)), 1e-12)
    axes.set(ylim=(target.min() - room, target.max() + room), title="function")
    if x is None:
        ends = [target.min(), target.max()]
        axes.plot(ends, ends, color="0.75", lw=2.5, label="target", zorder=plots.GREY)
        axes.set(xlabel="target", xlim=(target.min() - room / 4, target.max() + room / 4))
        shown, dots = target, {"ls": "", "marker": "o", "ms": 2.5}
        (solid,) = axes.plot(shown, training[0], color=plots.SERIES[0], mec="none", label="training", **dots)
        (dashed,) = axes.plot(shown, theory[0], color="black", mfc="none", mew=0.5, label="theory", **dots)
    else:
        axes.plot(x, target, color="0.75", lw=2.5, label="target", zorder=plots.GREY)
        axes.set(xlabel="x")
        (solid,) = axes.plot(x, training[0], color=plots.SERIES[0], lw=1.6, label="training")
        (dashed,) = axes.plot(x, theory[0], color="black", lw=1.1, ls=plots.DASHED, label="theory")
        ticks.turn(axes.xaxis, period) if period is not None else ticks.plain(axes.xaxis)
    axes.legend(fontsize=8, loc="upper right")

    def update(look: int) -> None:
        solid.set_ydata(training[look])
        dashed.set_ydata(theory[look])

    return [solid, dashed], update


def _modes(
    axes: "Axes", steps: np.ndarray, names: Sequence[str], left: tuple[np.ndarray, np.ndarray], noun: str
) -> tuple[list[Any], Update]:
    """Theory whole from the start, training up to the look."""
    theory, training = left
    lines, dashed = [], []
    for k, (colour, dark) in enumerate(plots.mode_pairs(len(names))):
        lines += axes.plot(steps[1:2], training[1:2, k], color=colour, lw=2.4, label=names[k])
        dashed += axes.plot(steps[1:], theory[1:, k], color=dark, lw=1.2, ls=plots.DASHED)
    high = max(SHARE, 1.15 * float(np.nanmax(np.concatenate([theory, training]), initial=1.0)))
    axes.set(xscale="log", yscale="log", xlim=(1, max(steps[-1], 2)), ylim=(1e-2, min(high, 1e3)))
    axes.set(xlabel="step", title=f"what is left of each {noun}")
    for axis in (axes.xaxis, axes.yaxis):
        ticks.log(axis)
    if len(names) <= plots.MOST_MODES:
        axes.legend(fontsize=7, loc="lower left", title=noun, title_fontsize=7)

    def update(look: int) -> None:
        for k, line in enumerate(lines):
            line.set_data(steps[1 : look + 1], training[1 : look + 1, k])

    return [*lines, *dashed], update  # theory over training


def _spectrum(
    axes: "Axes", names: Sequence[str], learnt: tuple[np.ndarray, np.ndarray], noun: str
) -> tuple[list[Any], Update]:
    """A bar a mode for the training, a dash across it for the theory."""
    theory, training = learnt
    places = np.arange(len(names))
    bars = axes.bar(places, training[0], 0.72, color=[pair[0] for pair in plots.mode_pairs(len(names))])
    (dashes,) = axes.plot(places, theory[0], ls="", marker="_", ms=0.55 * 130 / len(names), mew=1.6, color="black")
    high = float(np.nanmax(np.concatenate([theory, training]), initial=1.0))
    axes.set(
        ylim=(0, min(max(SHARE, 1.05 * high), 3.0)), xlim=(-0.6, len(names) - 0.4), xlabel=noun, title="learnt of each"
    )
    ticks.rows(axes.xaxis, list(names))
    axes.axhline(1, color="0.75", lw=1.0, zorder=plots.GREY)

    def update(look: int) -> None:
        for bar, height in zip(bars, training[look], strict=True):
            bar.set_height(height)
        dashes.set_ydata(theory[look])

    return [*bars, dashes], update


def film_image(
    target: Float[np.ndarray, "h w"],
    images: Float[np.ndarray, "t h w"],
    frequency: Float[np.ndarray, " f"],
    spectra: Float[np.ndarray, "t f"],
    titles: Sequence[str],
) -> Film:
    """The image of theory beside its target, and its spectrum under that of the last time."""
    fig, axes = plots.figure(columns=3, width=9.6, height=3.6)
    style: dict[str, Any] = {"cmap": "gray", "vmin": target.min(), "vmax": target.max(), "interpolation": "nearest"}
    axes[0].imshow(target, **style)
    axes[0].set_title("target")
    shown = axes[1].imshow(images[-1], **style)
    axes[1].set_title("theory")
    for ax in axes[:2]:
        ax.set_axis_off()
    known = spectra > 0
    axes[2].plot(frequency, spectra[-1], color="0.75", lw=2.5, label=titles[-1], zorder=plots.GREY)
    (line,) = axes[2].plot(frequency, spectra[0], color="black", lw=1.2, ls=plots.DASHED, label="theory")
    low, high = spectra[-1][spectra[-1] > 0].min(initial=np.inf), spectra.max(initial=0.0)
    axes[2].set(xscale="log", yscale="log", xlabel="frequency (cycles per unit of x)", title="|F[h]| along x")
    if known.any():
        axes[2].set_ylim(low / 10, 2 * high)
    for axis in (axes[2].xaxis, axes[2].yaxis):
        ticks.log(axis)
    axes[2].legend(fontsize=8, loc="lower left")
    clock = fig.suptitle(max(titles, key=len), fontsize=11)

    def update(look: int) -> None:
        shown.set_data(images[look])
        line.set_ydata(np.maximum(spectra[look], 1e-300))
        clock.set_text(titles[look])

    return Film(fig, [shown, line, clock], [update])
