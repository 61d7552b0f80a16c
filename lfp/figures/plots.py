"""Pictures: draws what it is given on given Axes and computes nothing. Theory dashed, training solid."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from lfp.figures import ticks
from lfp.measure.probes import ModeCurves
from lfp.spectra.decay import Decay
from lfp.spectra.on_domain import ModeRates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOOR = 3e-3
DASHED = (0, (4, 2))
MARKERS = "osD^v"
NARROW = 5.0
"""Inches: legends of narrower figures lie above and below the Axes, not beside them."""
GREY, SHADE, DOTS, SOLID, OVER = 0.0, 1.0, 1.5, 2.0, 3.0
"""Layers of a picture: lines in the background, shades, their dotted edges, lines, dashed lines over them."""
RATIO = {"mode": "$|F[y-f]| / |F[y]|$", "part": "$|P(y-f)| / |Py|$", "output": "$|y-f| / |y|$"}
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "lfp",  # the same picture gives the same file
    "figure.dpi": 110,
    "savefig.dpi": 200,
}


def style() -> Any:
    """A context in which pictures look alike."""
    from matplotlib import rc_context

    return rc_context(STYLE)


def mode_colours(count: int) -> list[Any]:
    """One colour a mode, dark for low and light for high frequencies, ordered for colour-blind eyes too."""
    from matplotlib import colormaps

    return [colormaps["viridis"](v) for v in np.linspace(0.0, 0.9, count)]


def brightness(colour: Any) -> float:
    """Of a colour in grey print, black 0 and white 1."""
    return float(np.dot(colour[:3], (0.299, 0.587, 0.114)))


def mode_pairs(count: int) -> list[tuple[Any, Any]]:
    """Two shades a mode in one hue: of the training, brighter from mode to mode, and half as bright of the theory."""
    pairs = []
    for colour, bright in zip(mode_colours(count), np.linspace(0.36, 0.76, count), strict=True):
        rgb = np.array(colour[:3])
        # mixed with white or black: the hue stays
        white = (1 - bright) / (1 - brightness(rgb))
        solid = 1 - white * (1 - rgb) if white < 1 else rgb * bright / brightness(rgb)
        pairs.append((tuple(solid.tolist()), tuple((solid / 2).tolist())))
    return pairs


def figure(columns: int = 1, width: float = 6.0, height: float = 3.8, rows: int = 1) -> "tuple[Figure, Any]":
    """An empty figure of `columns` Axes in each of `rows`, drawn without a display."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), layout="constrained")
    return fig, fig.subplots(rows, columns)


MOST_MODES = 8
"""That one picture of a run shows in full."""


def plot_modes(
    axes: "Axes",
    theory: ModeCurves,
    training: ModeCurves,
    band: ModeCurves | None = None,
    legend: bool = True,
    full: Int[np.ndarray, " f"] | None = None,
    noun: str | None = None,
) -> None:
    """Remaining share of every mode over the steps: dashed theory over the solid mean of the seeds, in one hue a mode.

    The shade is two standard deviations over the seeds, dotted lines those that the sample curves of `band` predict.
    Modes that are not among `full`, indices of modes, are thin grey lines behind the others; None draws all in full.
    The noun says what is followed, `output` for outputs of a network; None takes that of the curves.
    """
    noun = training.noun if noun is None else noun
    shown = np.flatnonzero(training.present)
    full = shown if full is None else np.intersect1d(shown, full)
    lines, bands = [training.size()[1:, shown]], []
    for k in np.setdiff1d(shown, full):
        axes.plot(training.steps[1:], training.size()[1:, k], color="0.75", lw=0.6, zorder=GREY)
    for (colour, dark), k in zip(mode_pairs(len(full)), full, strict=True):
        # step 0 has no place on a logarithmic axis; every mode starts at 1
        steps, mean, spread = training.steps[1:], training.size()[1:, k], 2 * training.spread()[1:, k]
        low, high = np.maximum(mean - spread, FLOOR / 2), mean + spread
        axes.fill_between(steps, low, high, color=colour, alpha=0.12, lw=0, zorder=SHADE)
        axes.plot(steps, mean, color=colour, lw=2.0, label=str(training.modes[k]), zorder=SOLID)
        expected = theory.size()[1:, k]
        axes.plot(theory.steps[1:], expected, color=dark, lw=1.2, ls=DASHED, zorder=OVER)
        lines, bands = [*lines, expected], [*bands, low, high]
        if band is not None:
            for side in (-2, 2):
                edge = np.maximum(expected + side * band.spread()[1:, k], FLOOR / 2)
                axes.plot(band.steps[1:], edge, color=colour, lw=0.8, ls=":", zorder=DOTS)
                bands.append(edge)
    axes.set(xscale="log", yscale="log", ylim=_ends(lines, bands), xlim=(1, max(theory.steps[-1], 2)))
    for axis in (axes.xaxis, axes.yaxis):
        ticks.log(axis)
    room = "\n" if _width(axes) < NARROW else " "
    axes.set(xlabel="step of the optimiser", ylabel=f"what is left of the {noun},{room}{RATIO[noun]}")
    if legend:
        _legends(axes, noun, band is not None)


def _ends(lines: Sequence[Float[np.ndarray, "..."]], bands: Sequence[Float[np.ndarray, "..."]]) -> tuple[float, float]:
    """Ends of the axis: all lines, and of the bands so much as lies within a factor of three of the lines."""
    line, band = (np.concatenate([np.ravel(part) for part in some] or [np.zeros(0)]) for some in (lines, bands))
    line, band = (some[np.isfinite(some) & (some > 0)] for some in (line, band))
    if not len(line):
        return FLOOR, 1.6
    low, high = max(float(line.min()), FLOOR), max(float(line.max()), 1.0)
    low, high = (
        min(low, max(float(band.min(initial=low)), low / 3)),
        max(high, min(float(band.max(initial=0.0)), 3 * high)),
    )
    return max(FLOOR, float(10 ** np.floor(np.log10(0.98 * low)))), max(1.6, 1.15 * high)


def _width(axes: "Axes") -> float:
    """Of the whole figure, in inches."""
    figure: Any = axes.get_figure(root=True)
    return float(figure.get_figwidth())


def _outside(axes: "Axes", side: str, handles: Sequence[Any], labels: Sequence[str], **options: Any) -> None:
    """A legend above or below all Axes of the figure, in as many columns as it has room for."""
    figure: Any = axes.get_figure(root=True)
    for columns in range(min(4, len(labels)), 0, -1):
        legend = figure.legend(
            handles, labels, loc=f"outside {side} center", ncols=columns, **({"fontsize": 8} | options)
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def _beside(axes: "Axes") -> None:
    """A legend on the right of the Axes, below all of them in a narrow figure."""
    if _width(axes) < NARROW:
        _outside(axes, "lower", *axes.get_legend_handles_labels(), fontsize=7)
    else:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)


def _legends(axes: "Axes", noun: str, banded: bool) -> None:
    """Modes by colour, styles of lines: beside the Axes, or below and above them in a narrow figure."""
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    solid, labels = axes.get_legend_handles_labels()
    dashes = [Line2D([], [], color=dark, lw=1.2, ls=DASHED) for _, dark in mode_pairs(len(solid))]
    modes = list(zip(solid, dashes, strict=True))
    lines = [
        Line2D([], [], color="0.6", lw=2.0, label="training, mean"),
        Line2D([], [], color="0.2", lw=1.2, ls=DASHED, label="theory"),
        Patch(color="grey", alpha=0.25, lw=0, label="$\\pm 2$ s.d. over seeds"),
    ]
    if banded:
        lines.append(Line2D([], [], color="grey", lw=0.8, ls=":", label="$\\pm 2$ s.d. predicted"))
    style: dict[str, Any] = {"title": noun, "handlelength": 2.2, "handler_map": {tuple: HandlerTuple(ndivide=1)}}
    if _width(axes) < NARROW:
        _outside(axes, "lower", modes, labels, **style)
        _outside(axes, "upper", lines, [str(line.get_label()) for line in lines], handlelength=2.2)
        return
    axes.add_artist(axes.legend(modes, labels, loc="upper left", bbox_to_anchor=(1.0, 1.02), **style))
    axes.legend(handles=lines, loc="lower left", bbox_to_anchor=(1.0, -0.02), fontsize=8, handlelength=2.2)


OVERSHOOT = "#D55E00"
"""Colour of shares that have risen above 1."""


def plot_heat(axes: "Sequence[Axes]", theory: ModeCurves, training: ModeCurves) -> None:
    """Frequency against step, theory beside training on one colour scale; more than 1, by a percent, stands out."""
    from matplotlib import colormaps

    shown = np.flatnonzero(training.present)
    both = [(curves.steps, curves.size()[1:, shown].T) for curves in (theory, training)]
    risen = any((size > 1.01).any() for _, size in both)
    style: dict[str, Any] = {"vmin": 0, "vmax": 1, "cmap": colormaps["cividis"].with_extremes(over=OVERSHOOT)}
    drawn, narrow = None, _width(axes[0]) < NARROW
    for ax, (steps, size), title in zip(
        axes, both, ("theory", "training" if narrow else "training (mean)"), strict=True
    ):
        borders, places = edges(np.log(steps[1:].astype(float))), np.arange(len(shown) + 1) - 0.5
        values = np.where(size > 1.01, size, np.minimum(size, 1.0))
        drawn = ax.pcolormesh(np.exp(borders), places, values, rasterized=True, **style)
        ax.set(xscale="log", xlabel="step")
        ax.set_title(title, fontsize=10)
        ticks.log(ax.xaxis)
        ticks.rows(ax.yaxis, [str(training.modes[k]) for k in shown])
        ax.tick_params(labelleft=ax is axes[0])  # the rows are the same
    axes[0].set_ylabel(f"{training.noun} of the target")
    bar: dict[str, Any] = {
        "location": "bottom" if narrow else "right",
        "shrink": 0.9,
        "extend": "max" if risen else "neither",
    }
    figure: Any = axes[0].figure
    figure.colorbar(drawn, ax=list(axes), label=RATIO[training.noun], **bar)


def _room(axes: "Sequence[Axes]") -> float:
    """Points that a text over one of several Axes side by side may be wide."""
    return 0.7 * 72 * _width(axes[0]) / len(axes)


def plot_rates(
    axes: "Axes", found: dict[str, ModeRates], title: str = "", label: str = "frequency of the mode"
) -> None:
    """Rates over frequency; the fitted decay, dashed over what it was fitted to; the noise floor dotted where it hides.

    The rates go by the name of their network.
    """
    colours = mode_colours(len(found))
    for i, (colour, (name, rates)) in enumerate(zip(colours, found.items(), strict=True)):
        x, known = rates.frequencies, rates.above_noise & (rates.frequencies > 0)
        decay = rates.decay
        text = name if decay.kind == "none" else f"{name}: {_decay_text(decay)}"
        marker = MARKERS[i % len(MARKERS)]
        axes.plot(x[known], rates.rates[known], marker, ms=3.5, color=colour, mec="none", label=text)
        hidden = (x > 0) & ~rates.above_noise & ~rates.absent
        if hidden.any():
            axes.plot(x[hidden], rates.floors[hidden], color=colour, lw=1.2, ls=":")
        if hidden.any() and len(found) == 1:  # a shade under one network would cover another's rates
            axes.fill_between(x[hidden], 0, rates.floors[hidden], color=colour, alpha=0.12, lw=0, zorder=SHADE)
        if decay.kind != "none":
            line = np.geomspace(*decay.window, 64)
            axes.plot(line, np.exp(decay.log_rate(line)), color="black", lw=0.9, ls=DASHED)
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="rate", title=title)
    for axis in (axes.xaxis, axes.yaxis):
        ticks.log(axis)
    if any(rates.decay.kind != "none" for rates in found.values()):
        axes.plot([], [], color="black", lw=0.9, ls=DASHED, label="fitted decay")
    if any((~rates.above_noise & ~rates.absent).any() for rates in found.values()):
        axes.plot([], [], color="grey", lw=0.8, ls=":", label="noise floor")
    axes.legend(fontsize=8, loc="lower left")


def _decay_text(decay: Decay) -> str:
    names = {
        "power": f"$x^{{-{decay.parameter:.2f}}}$",
        "exponential": f"${decay.parameter:.2f}^{{-x}}$",
        "stretched": f"$\\exp(-r x^{{{decay.parameter:.2f}}})$",
        "super-exponential": f"$\\exp(-r x^{{{decay.parameter:.2f}}})$",
    }
    return names[decay.kind]


def edges(centres: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t+1"]:
    """Cell edges half-way between centres."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def plot_snapshots(
    axes: "Sequence[Axes]",
    t: Float[np.ndarray, " n"],
    target: Float[np.ndarray, " n"],
    theory: Float[np.ndarray, "s n"],
    training: Float[np.ndarray, "s n"],
    steps: Int[np.ndarray, " s"],
    label: str = "x",
    period: float | None = None,
) -> None:
    """The function at a few steps, one Axes each: target grey, training solid, theory dashed.

    Where t is an angle, `period` is one turn of it: ticks are parts of a turn.
    """
    for i, ax in enumerate(axes):
        ax.plot(t, target, color="0.75", lw=2.5, label="target", zorder=GREY)
        ax.plot(t, training[i], color=SERIES[0], lw=1.4, label="training", zorder=SOLID)
        ax.plot(t, theory[i], color="black", lw=1.1, ls=DASHED, label="theory", zorder=OVER)
        ticks.turn(ax.xaxis, period) if period is not None else ticks.plain(ax.xaxis)
    _side_by_side(axes, steps, label, (target, theory, training))


def _side_by_side(
    axes: "Sequence[Axes]", steps: Int[np.ndarray, " s"], label: str, values: Sequence[Float[np.ndarray, "..."]]
) -> None:
    """Titles, one scale for all values, the target first, one label below all Axes, one legend above them."""
    target, finite = values[0], np.concatenate([value[np.isfinite(value)] for value in values])
    room = 2 * max(float(np.ptp(target)), 1e-12)  # beyond the target: what diverges does not flatten it
    low, high = max(float(finite.min()), target.min() - room), min(float(finite.max()), target.max() + room)
    room = 0.08 * max(high - low, 1e-12)
    titles = [f"step {step}" for step in steps]
    for ax, title in zip(axes, titles, strict=False):
        ax.set_title(title, fontsize=ticks.size(titles, _room(axes), 10))
        ax.set_ylim(low - room, high + room)
        ax.tick_params(labelleft=ax is axes[0])
    axes[0].set_ylabel("f(x)")
    figure: Any = axes[0].get_figure(root=True)
    figure.supxlabel(label, fontsize="medium")
    handles, labels = axes[0].get_legend_handles_labels()
    scale = max(1.0, 4 / axes[0].lines[-1].get_markersize())  # small dots stay visible in the legend
    _outside(axes[0], "upper", handles, labels, markerscale=scale)


def plot_classes(
    axes: "Axes",
    steps: Int[np.ndarray, " t"],
    accuracy: Float[np.ndarray, "run t"],
    entropy: Float[np.ndarray, "run t"],
) -> None:
    """Accuracy and cross-entropy over the steps, as measured: mean of the runs, and the range of all."""
    for values, colour, label in ((accuracy, SERIES[0], "accuracy"), (entropy, SERIES[1], "cross-entropy (nats)")):
        axes.fill_between(
            steps[1:], *np.quantile(values[:, 1:], (0, 1), axis=0), color=colour, alpha=0.15, lw=0, zorder=SHADE
        )
        axes.plot(steps[1:], values[:, 1:].mean(axis=0), color=colour, lw=1.6, label=label, zorder=SOLID)
    axes.set(xscale="log", xlabel="step of the optimiser", ylabel="training, measured", xlim=(1, max(steps[-1], 2)))
    ticks.log(axes.xaxis)
    axes.set_ylim(0, 1.05 * max(1.0, float(entropy[:, 1:].max())))
    axes.legend(fontsize=8)


STRIPS = 10
"""Targets of so few values are classes: every value has a strip of its own."""


def plot_agreement(
    axes: "Sequence[Axes]",
    target: Float[np.ndarray, " n"],
    theory: Float[np.ndarray, "s n"],
    training: Float[np.ndarray, "s n"],
    steps: Int[np.ndarray, " s"],
) -> None:
    """The function over the target at a few steps: training dots, theory rings; the line is the target itself.

    Of targets that take a few values only, the points lie spread over strips, theory left and training right of each.
    """
    values = np.unique(target)
    strips = len(values) <= min(STRIPS, len(target) // 4)
    x, wide = (np.searchsorted(values, target).astype(float), 0.38) if strips else (target, 0.0)
    spread = wide * (0.1 + 0.9 * (np.arange(len(target)) * (np.sqrt(5) - 1) / 2 % 1))  # even, the same every time
    size = float(np.clip(45 / np.sqrt(len(target)) * min(1.0, _room(axes) / 90), 1.0, 4.0))
    dots: dict[str, Any] = {"ls": "", "marker": "o", "ms": size, "rasterized": True}
    for i, ax in enumerate(axes):
        if strips:
            places = np.arange(len(values))
            ax.hlines(values, places - 0.45, places + 0.45, color="0.75", lw=2.0, label="target", zorder=GREY)
            ax.set_xlim(-0.6, len(values) - 0.4)
            ticks.rows(ax.xaxis, [f"{value:.3g}" for value in values])
        else:
            ax.plot(values[[0, -1]], values[[0, -1]], color="0.75", lw=2.0, label="target", zorder=GREY)
            ticks.plain(ax.xaxis)
        ax.plot(x + spread, training[i], color=SERIES[0], mec="none", label="training", **dots)
        ax.plot(x - spread, theory[i], mfc="none", color="black", mew=0.4, label="theory", **dots)
    _side_by_side(axes, steps, "target y", (target, theory, training))


def plot_layers(
    axes: "Sequence[Axes]", rows: Sequence[dict[str, Any]], names: Sequence[str], layers: Sequence[str]
) -> None:
    """Layers of the error against each swept setting, all configurations as dots, their geometric mean as a line."""
    for ax, name in zip(axes, names, strict=False):
        for layer, colour, marker in zip(layers, mode_colours(len(layers)), MARKERS, strict=False):
            known = [(row[name], row[layer]) for row in rows if row.get(layer)]
            x = np.array(sorted({where for where, _ in known}), float)
            mean = [np.exp(np.mean([np.log(value) for where, value in known if where == one])) for one in x]
            ax.plot(*zip(*known, strict=True), marker, color=colour, ms=3, alpha=0.6) if known else None
            ax.plot(x, mean, color=colour, lw=1.2, marker=marker, ms=4, label=layer.replace("_", " "))
        ax.set(xscale="log", yscale="log", xlabel=name.replace("_", " "))
        for axis in (ax.xaxis, ax.yaxis):
            ticks.log(axis)
    axes[0].set_ylabel("largest over modes")
    _beside(axes[-1])


def plot_dial(axes: "Sequence[Axes]", panels: Sequence[tuple[float, Any]]) -> None:
    """What is left of a few modes over the steps, a panel for every gamma: training, mean field and linear theory.

    Args:
        axes: one a panel.
        panels: gamma and the stored curves: remaining_training, remaining_theory, remaining_linear.
    """
    kinds = (
        ("remaining_linear", "theory_step", {"color": "0.45", "lw": 1.0, "ls": ":"}, "linear theory"),
        ("remaining_training", "step", {"lw": 2.0, "alpha": 0.75}, "training, mean"),
        ("remaining_theory", "theory_step", {"color": "black", "lw": 1.0, "ls": DASHED}, "mean field"),
    )
    titles = [f"g = {gamma:.2g}" for gamma, _ in panels]  # as wide as with the letter
    for ax, (gamma, data) in zip(axes, panels, strict=True):
        some = np.unique(np.linspace(0, data.sizes["mode"] - 1, 4).astype(int))
        for colour, k in zip(mode_colours(len(some)), some, strict=True):
            for name, clock, style, _ in kinds:
                values = data[name].isel(mode=k)
                size = np.linalg.norm(values.mean("run") if "run" in values.dims else values, axis=-1)
                ax.plot(data[clock].values[1:], size[1:], **{"color": colour, **style})
        ax.set(xscale="log", ylim=(-0.05, 1.3), xlim=(1, None))
        ax.set_title(rf"$\gamma$ = {gamma:.2g}", fontsize=ticks.size(titles, _room(axes), 9))
        ticks.log(ax.xaxis)
        ax.tick_params(labelleft=ax is axes[0])
    for _, _, style, label in kinds:
        axes[-1].plot([], [], **{"color": "0.4", **style}, label=label)
    axes[0].set_ylabel("what is left of the mode")
    figure: Any = axes[0].get_figure(root=True)
    figure.supxlabel("step of the optimiser", fontsize="medium")
    _outside(axes[-1], "upper", *axes[-1].get_legend_handles_labels())


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
    """Predicted functions over x, dashed, one colour a time; the data as dots."""
    axes.plot(x, y, "o", ms=3, color="0.6", label="data", zorder=0)
    order = np.argsort(test)
    for colour, row, label in zip(mode_colours(len(h)), h, labels, strict=True):
        axes.plot(test[order], row[order], color=colour, lw=1.3, ls=(0, (4, 1.5)), label=label)
    axes.set(xlabel="x", ylabel="predicted h(x, t)")
    ticks.plain(axes.xaxis)
    _beside(axes)


def plot_images(axes: "Sequence[Axes]", frames: Sequence[Float[np.ndarray, "h w"]], titles: Sequence[str]) -> None:
    """Images side by side in one scale of grey, that of the first."""
    low, high = float(frames[0].min()), float(frames[0].max())
    for ax, frame, title in zip(axes, frames, titles, strict=True):
        ax.imshow(frame, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        ax.set_title(title, fontsize=ticks.size(titles, _room(axes), 8))
        ax.set_axis_off()


def plot_maps(
    axes: "Sequence[Axes]",
    frames: Sequence[tuple[Float[np.ndarray, "_ 2"], Float[np.ndarray, " _"]]],
    titles: Sequence[str],
) -> None:
    """Values at points of the plane side by side, one square a point, in one scale of colour, that of the first."""
    low, high = float(frames[0][1].min()), float(frames[0][1].max())
    for ax, (x, values), title in zip(axes, frames, titles, strict=True):
        side = min(4.0, 110 / np.sqrt(len(x)))  # of some 80 points that a panel is wide: a fine grid fills it
        ax.scatter(x[:, 0], x[:, 1], c=values, s=side**2, marker="s", lw=0, cmap="cividis", vmin=low, vmax=high)
        ax.set_title(title, fontsize=ticks.size(titles, _room(axes), 8))
        ax.set(aspect="equal", xticks=[], yticks=[])


def plot_spectrum(
    axes: "Axes", frequency: Float[np.ndarray, " f"], times: Float[np.ndarray, " t"], size: Float[np.ndarray, "t f"]
) -> None:
    """|F[h]| over frequency and time, both logarithmic."""
    from matplotlib.colors import LogNorm

    top = float(size.max()) or 1.0
    norm = LogNorm(vmin=1e-4 * top, vmax=top)
    borders = (np.exp(edges(np.log(v))) for v in (frequency, times))
    mesh = axes.pcolormesh(*borders, np.maximum(size, 1e-4 * top), norm=norm, cmap="viridis", rasterized=True)
    axes.set(xscale="log", yscale="log", xlabel="frequency (cycles per unit of x)", ylabel="flow time t")
    for axis in (axes.xaxis, axes.yaxis):
        ticks.log(axis)
    axes.figure.colorbar(mesh, ax=axes, label="predicted |F[h](t)|")


def plot_steps(
    axes: "Axes",
    measured: dict[str, tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]],
    laws: dict[str, tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]],
    critical: float | None = None,
) -> None:
    """Steps to a share of every mode over lr times its rate: dots measured, dashed the laws of those that have one.

    Pairs of both by the name of the optimiser; dotted lr times the critical rate of momentum.
    """
    for (name, (x, steps)), marker, colour in zip(measured.items(), "osv^", SERIES, strict=False):
        axes.plot(np.ravel(x), np.ravel(steps), marker, ms=3.5, color=colour, mec="none", label=name)
    for x, steps in laws.values():
        axes.plot(x, steps, color="black", lw=1.0, ls=DASHED, zorder=0)
    axes.plot([], [], color="black", lw=1.0, ls=DASHED, label="law")
    if critical is not None:
        axes.axvline(critical, color="0.4", lw=0.8, ls=":", label="critical rate")
    axes.set(xscale="log", yscale="log", xlabel="learning rate times rate of the mode")
    for axis in (axes.xaxis, axes.yaxis):
        ticks.log(axis)
    axes.legend(fontsize=7, frameon=True, framealpha=0.9, edgecolor="none")
