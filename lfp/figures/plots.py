"""Pictures: draws what it is given on given Axes and computes nothing. Theory dashed, training solid."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from lfp.measure.probes import ModeCurves
from lfp.spectra.decay import Decay
from lfp.spectra.on_domain import ModeRates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOOR = 3e-3
DASHED = (0, (4, 2))
MARKERS = "osD^v"
RATIO = {"mode": "$|F[y-f]| / |F[y]|$", "part": "$|P(y-f)| / |Py|$"}
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
) -> None:
    """Remaining share of every mode over the steps: dashed theory over the solid mean of the seeds.

    The shade is two standard deviations over the seeds, dotted lines those that the sample curves of `band` predict.
    Modes that are not among `full`, indices of modes, are thin grey lines behind the others; None draws all in full.
    """
    shown = np.flatnonzero(training.present)
    full = shown if full is None else np.intersect1d(shown, full)
    for k in np.setdiff1d(shown, full):
        axes.plot(training.steps[1:], training.size()[1:, k], color="0.75", lw=0.6, zorder=0)
    for colour, k in zip(mode_colours(len(full)), full, strict=True):
        # step 0 has no place on a logarithmic axis; every mode starts at 1
        steps, mean, spread = training.steps[1:], training.size()[1:, k], 2 * training.spread()[1:, k]
        axes.fill_between(steps, np.maximum(mean - spread, FLOOR), mean + spread, color=colour, alpha=0.2, lw=0)
        axes.plot(steps, mean, color=colour, lw=1.6, label=str(training.modes[k]))
        expected = theory.size()[1:, k]
        axes.plot(theory.steps[1:], expected, color="black", lw=1.1, ls=DASHED)
        if band is not None:
            for side in (-2, 2):
                edge = expected + side * band.spread()[1:, k]
                axes.plot(band.steps[1:], np.maximum(edge, FLOOR / 2), color=colour, lw=0.8, ls=":")
    axes.set(xscale="log", yscale="log", ylim=(FLOOR, 1.6), xlim=(1, max(theory.steps[-1], 2)))
    axes.set(xlabel="step of the optimiser", ylabel=f"what is left of the {training.noun}, {RATIO[training.noun]}")
    if legend:
        _legends(axes, training.noun, band is not None)


def _legends(axes: "Axes", noun: str, banded: bool) -> None:
    """Modes by colour beside the Axes, line styles below them."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles, labels = axes.get_legend_handles_labels()
    modes = axes.legend(handles, labels, title=noun, loc="upper left", bbox_to_anchor=(1.0, 1.02), handlelength=1.2)
    axes.add_artist(modes)
    lines = [
        Line2D([], [], color="black", lw=1.1, ls=DASHED, label="theory"),
        Line2D([], [], color="grey", lw=1.6, label="training, mean"),
        Patch(color="grey", alpha=0.25, lw=0, label="$\\pm 2$ s.d. over seeds"),
    ]
    if banded:
        lines.append(Line2D([], [], color="grey", lw=0.8, ls=":", label="$\\pm 2$ s.d. predicted"))
    axes.legend(handles=lines, loc="lower left", bbox_to_anchor=(1.0, -0.02), fontsize=8, handlelength=2.2)


def plot_heat(axes: "Sequence[Axes]", theory: ModeCurves, training: ModeCurves) -> None:
    """Frequency against step, theory beside training on one colour scale."""
    drawn: Any = None
    for ax, curves, title in zip(axes, (theory, training), ("theory", "training (mean)"), strict=True):
        size = np.clip(curves.size()[1:], FLOOR, None)
        borders = edges(np.log(curves.steps[1:].astype(float)))
        shown = np.flatnonzero(curves.present)
        rows, values = np.arange(len(shown) + 1) - 0.5, np.minimum(size[:, shown].T, 1.0)
        drawn = ax.pcolormesh(np.exp(borders), rows, values, vmin=0, vmax=1, cmap="cividis", rasterized=True)
        ticks = np.unique(np.linspace(0, len(shown) - 1, min(len(shown), 9)).astype(int))
        ax.set_yticks(ticks, [str(curves.modes[shown[i]]) for i in ticks])
        ax.set(xscale="log", xlabel="step", title=title)
    axes[0].set_ylabel(f"{training.noun} of the target")
    axes[0].figure.colorbar(drawn, ax=list(axes), label=RATIO[training.noun], shrink=0.9)


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
            axes.fill_between(x[hidden], 0, rates.floors[hidden], color=colour, alpha=0.12, lw=0)
        if decay.kind != "none":
            line = np.geomspace(*decay.window, 64)
            axes.plot(line, np.exp(decay.log_rate(line)), color="black", lw=0.9, ls=DASHED)
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="rate", title=title)
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
) -> None:
    """The function at a few steps, one Axes each: target grey, training solid, theory dashed."""
    low, high = float(target.min()), float(target.max())
    room = 0.15 * max(high - low, 1e-12)
    for i, ax in enumerate(axes):
        ax.plot(t, target, color="0.75", lw=2.5, label="target")
        ax.plot(t, training[i], color="#0072B2", lw=1.4, label="training")
        ax.plot(t, theory[i], color="black", lw=1.1, ls=DASHED, label="theory")
        ax.set(title=f"step {steps[i]}", xlabel=label, ylim=(low - room, high + room))
        if i:
            ax.set_yticklabels([])
    axes[0].set_ylabel("f(x)")
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def plot_classes(
    axes: "Axes",
    steps: Int[np.ndarray, " t"],
    accuracy: Float[np.ndarray, "run t"],
    entropy: Float[np.ndarray, "run t"],
) -> None:
    """Accuracy and cross-entropy over the steps, as measured: mean of the runs, and the range of all."""
    for values, colour, label in ((accuracy, SERIES[0], "accuracy"), (entropy, SERIES[1], "cross-entropy (nats)")):
        axes.fill_between(steps[1:], *np.quantile(values[:, 1:], (0, 1), axis=0), color=colour, alpha=0.2, lw=0)
        axes.plot(steps[1:], values[:, 1:].mean(axis=0), color=colour, lw=1.6, label=label)
    axes.set(xscale="log", xlabel="step of the optimiser", ylabel="training, measured", xlim=(1, max(steps[-1], 2)))
    axes.set_ylim(0, 1.05 * max(1.0, float(entropy[:, 1:].max())))
    axes.legend(fontsize=8)


def plot_agreement(
    axes: "Sequence[Axes]",
    target: Float[np.ndarray, " n"],
    theory: Float[np.ndarray, "s n"],
    training: Float[np.ndarray, "s n"],
    steps: Int[np.ndarray, " s"],
) -> None:
    """The function over the target at a few steps: training dots, theory rings; the line is the target itself."""
    ends = np.array([target.min(), target.max()])
    room = 0.15 * max(float(np.ptp(ends)), 1e-12)
    size = float(np.clip(400 / len(target), 1.0, 4.0))
    for i, ax in enumerate(axes):
        ax.plot(ends, ends, color="0.75", lw=2.0, label="target", zorder=0)
        ax.plot(target, training[i], ".", color="#0072B2", ms=size, label="training", rasterized=True)
        ax.plot(target, theory[i], "o", mfc="none", mec="black", mew=0.4, ms=size, label="theory", rasterized=True)
        ax.set(title=f"step {steps[i]}", xlabel="target y", ylim=(ends[0] - room, ends[1] + room))
        if i:
            ax.set_yticklabels([])
    axes[0].set_ylabel("f(x)")
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


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
    axes[0].set_ylabel("largest over modes")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)


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
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)


def plot_images(axes: "Sequence[Axes]", frames: Sequence[Float[np.ndarray, "h w"]], titles: Sequence[str]) -> None:
    """Images side by side in one scale of grey, that of the first."""
    low, high = float(frames[0].min()), float(frames[0].max())
    for ax, frame, title in zip(axes, frames, titles, strict=True):
        ax.imshow(frame, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        ax.set_title(title, fontsize=8)
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
        ax.set_title(title, fontsize=8)
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
    axes.legend(fontsize=7, frameon=True, framealpha=0.9, edgecolor="none")
