"""Learning curves: theory dashed, draws as bands, networks as dots."""

from typing import TYPE_CHECKING, Any

import numpy as np

from lfp.figures import plots, ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes


def draw(axes: "Sequence[Axes]", result: dict[str, Any], fine: Any) -> None:
    """The error of every mode and the whole error against samples; where it is known, the whole error in time.

    Args:
        axes: two, or three with curves in time.
        result: as in result.json.
        fine: the theory on a fine grid of numbers of samples, a `LearningCurve`.
    """
    rows, counts = result["curves"], [row["samples"] for row in result["curves"]]
    if result["modes"]:
        _modes(axes[0], result, fine, counts)
    else:
        _best_ridge(axes[0], rows, counts)
    _whole(axes[1], rows, fine, counts, bool(result["modes"]))
    for one in axes[:2]:
        one.set(xscale="log", xlabel="samples n", xlim=(counts[0] * 0.92, counts[-1] * 1.08))
        ticks.log(one.xaxis)
    if result["times"]:
        _in_time(axes[2], result["times"])


def _modes(axes: "Axes", result: dict[str, Any], fine: Any, counts: list[int]) -> None:
    for i, ((colour, dark), k) in enumerate(zip(plots.mode_pairs(len(result["modes"])), result["modes"], strict=True)):
        modes = [row["modes"][i] for row in result["curves"]]
        power = result["power"][i]
        if not power:
            continue
        low, high = (np.array([mode[side] for mode in modes]) / power for side in ("low", "high"))
        axes.fill_between(counts, low, high, color=colour, alpha=0.2, lw=0, zorder=plots.SHADE)
        mean = np.array([mode["drawn"] for mode in modes]) / power
        axes.plot(counts, mean, "o", ms=4, color=colour, zorder=plots.SOLID, label=f"degree {k}")
        axes.plot(fine.samples, fine.excess[:, k] / power, color=dark, ls=plots.DASHED, lw=1.3, zorder=plots.OVER)
    axes.axhline(1, color="0.8", lw=0.8, zorder=plots.GREY)
    low = min(float((fine.excess[:, k] / fine.power[k]).min()) for k in result["modes"] if fine.power[k])
    axes.set(yscale="log", ylim=(max(low / 2, 1e-6), None), ylabel="error of the mode / its power")
    axes.set_title("by mode", loc="left", fontsize=9)
    axes.legend(loc="lower left", fontsize=8)


def _best_ridge(axes: "Axes", rows: list[dict[str, Any]], counts: list[int]) -> None:
    """Of a file, whose modes are ranks: the best ridge."""
    best = [row["best_ridge"] or np.nan for row in rows]
    axes.plot(counts, best, "o-", ms=4, color="0.3", lw=1)
    if not np.isnan(best).all():
        axes.set(yscale="log")
        ticks.log(axes.yaxis)
    axes.set(ylabel="best ridge")
    axes.set_title("ridge of the least test error", loc="left", fontsize=9)


def _whole(axes: "Axes", rows: list[dict[str, Any]], fine: Any, counts: list[int], modes: bool) -> None:
    trusted = [row["good_to_10_percent"] for row in rows]
    colour, dark = plots.mode_pairs(3)[1]
    low, high = ([row[side] for row in rows] for side in ("low", "high"))
    axes.fill_between(counts, low, high, color=colour, alpha=0.2, lw=0, zorder=plots.SHADE, label="80 % of the draws")
    axes.plot(counts, [row["drawn"] for row in rows], "o", ms=4, color=colour, zorder=plots.SOLID, label="their mean")
    axes.plot(fine.samples, fine.test, color=dark, ls=plots.DASHED, lw=1.3, zorder=plots.OVER, label="theory")
    axes.plot(fine.samples, fine.best_test, color="0.45", ls=":", lw=1.2, label="theory, best ridge")
    if fine.noise:
        axes.axhline(fine.noise, color="0.8", lw=0.8, zorder=plots.GREY)
    bad = [n for n, good in zip(counts, trusted, strict=True) if not good]
    if bad:
        at = [row["drawn"] for row, good in zip(rows, trusted, strict=True) if not good]
        axes.plot(bad, at, "o", ms=9, mfc="none", color="0.3", lw=0.8, label="theory not trusted")
    axes.set(yscale="log", ylabel="test error")
    ticks.log(axes.yaxis)
    axes.set_title("all modes, with noise" if modes else "at the rows that were not drawn", loc="left", fontsize=9)
    axes.legend(loc="best", fontsize=8)


def _in_time(axes: "Axes", times: list[dict[str, Any]]) -> None:
    for (colour, dark), one in zip(plots.mode_pairs(len(times)), times, strict=True):
        steps = np.array(one["steps"])[1:]
        axes.fill_between(steps, one["low"][1:], one["high"][1:], color=colour, alpha=0.2, lw=0, zorder=plots.SHADE)
        axes.plot(steps, one["theory"][1:], color=dark, ls=plots.DASHED, lw=1.3, zorder=plots.OVER)
        axes.plot(steps, one["drawn"][1:], color=colour, lw=2, zorder=plots.SOLID, label=f"n = {one['samples']}")
        if one["networks"] is not None:
            axes.plot(steps[::3], one["networks"][1::3], "o", ms=3.5, color=dark, mfc="white", zorder=plots.OVER)
        place = max(one["steps"].index(one["best_step"]) - 1, 0)
        axes.plot(steps[place], one["theory"][1:][place], "v", ms=6, color=dark, zorder=plots.OVER)
    axes.set(xscale="log", yscale="log", xlabel="step of gradient descent", ylabel="test error")
    for axis in (axes.xaxis, axes.yaxis):
        ticks.log(axis)
    networks = "; dots: networks" if any(one["networks"] is not None for one in times) else ""
    axes.set_title(f"in time; triangles: when to stop{networks}", loc="left", fontsize=9)
    axes.legend(loc="lower left", fontsize=8)
