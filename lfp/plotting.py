"""Pictures: draws what it is given on given Axes and computes nothing. Theory dashed, training solid."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from lfp.decay import Decay
from lfp.probes import ModeCurves
from lfp.rates import ModeRates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOOR = 3e-3
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
    """A context in which pictures look alike.

    Example:
        >>> with style():
        ...     _ = figure()
    """
    from matplotlib import rc_context

    return rc_context(STYLE)


def mode_colours(count: int) -> list[Any]:
    """One colour a mode, dark for low and light for high frequencies, ordered for colour-blind eyes too.

    Example:
        >>> len(mode_colours(3))
        3
    """
    from matplotlib import colormaps

    return [colormaps["viridis"](v) for v in np.linspace(0.0, 0.9, count)]


def figure(columns: int = 1, width: float = 6.0, height: float = 3.8, rows: int = 1) -> "tuple[Figure, Any]":
    """An empty figure of `columns` Axes in each of `rows`, drawn without a display.

    Example:
        >>> fig, axes = figure(columns=2)
        >>> axes.shape
        (2,)
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), layout="constrained")
    return fig, fig.subplots(rows, columns)


def plot_modes(
    axes: "Axes", theory: ModeCurves, training: ModeCurves, band: ModeCurves | None = None, legend: bool = True
) -> None:
    """Remaining share of every mode over the steps: dashed theory over the solid mean of the seeds.

    Args:
        axes: where to draw.
        theory: predicted curves.
        training: measured curves; the shade is two standard deviations over the seeds.
        band: sample curves of the theory; dotted lines mark two standard deviations of a single network.
        legend: whether to explain colours and lines beside the Axes.

    Example:
        >>> s = np.array([0, 1, 2])
        >>> curves = ModeCurves(s, np.array([1]), (0.5 ** s + 0j)[None, :, None], np.array([1]))
        >>> plot_modes(figure()[1], curves, curves)
    """
    shown = np.flatnonzero(training.present)
    for colour, k in zip(mode_colours(len(shown)), shown, strict=True):
        start = 1  # step 0 has no place on a logarithmic axis; every mode starts at 1
        steps, mean = training.steps[start:], training.size()[start:, k]
        spread = 2 * training.spread()[start:, k]
        axes.fill_between(steps, np.maximum(mean - spread, FLOOR), mean + spread, color=colour, alpha=0.2, lw=0)
        axes.plot(steps, mean, color=colour, lw=1.6, label=str(training.modes[k]))
        expected = theory.size()[start:, k]
        axes.plot(theory.steps[start:], expected, color="black", lw=1.1, ls=(0, (4, 2)))
        if band is not None:
            for side in (-2, 2):
                edge = expected + side * band.spread()[start:, k]
                axes.plot(band.steps[start:], np.maximum(edge, FLOOR / 2), color=colour, lw=0.8, ls=":")
    axes.set(xscale="log", yscale="log", ylim=(FLOOR, 1.6), xlim=(1, max(theory.steps[-1], 2)))
    axes.set(xlabel="step of gradient descent", ylabel=f"what is left of the {training.noun}, {RATIO[training.noun]}")
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
        Line2D([], [], color="black", lw=1.1, ls=(0, (4, 2)), label="theory"),
        Line2D([], [], color="grey", lw=1.6, label="training, mean"),
        Patch(color="grey", alpha=0.25, lw=0, label="$\\pm 2$ s.d. over seeds"),
    ]
    if banded:
        lines.append(Line2D([], [], color="grey", lw=0.8, ls=":", label="$\\pm 2$ s.d. predicted"))
    axes.legend(handles=lines, loc="lower left", bbox_to_anchor=(1.0, -0.02), fontsize=8, handlelength=2.2)


def plot_heat(axes: "Sequence[Axes]", theory: ModeCurves, training: ModeCurves) -> None:
    """Frequency against step, theory beside training on one colour scale.

    Args:
        axes: two Axes.
        theory: predicted curves.
        training: measured curves.

    Example:
        >>> s = np.array([0, 1, 2])
        >>> curves = ModeCurves(s, np.array([1, 2]), np.ones((1, 3, 2), complex), np.array([1, 1]))
        >>> plot_heat(figure(columns=2)[1], curves, curves)
    """
    drawn: Any = None
    for ax, curves, title in zip(axes, (theory, training), ("theory", "training (mean)"), strict=True):
        size = np.clip(curves.size()[1:], FLOOR, None)
        borders = edges(np.log(curves.steps[1:].astype(float)))
        shown = np.flatnonzero(curves.present)
        drawn = ax.pcolormesh(
            np.exp(borders),
            np.arange(len(shown) + 1) - 0.5,
            np.minimum(size[:, shown].T, 1.0),
            vmin=0,
            vmax=1,
            cmap="cividis",
            rasterized=True,
        )
        ticks = np.unique(np.linspace(0, len(shown) - 1, min(len(shown), 9)).astype(int))
        ax.set_yticks(ticks, [str(curves.modes[shown[i]]) for i in ticks])
        ax.set(xscale="log", xlabel="step", title=title)
    axes[0].set_ylabel(f"{training.noun} of the target")
    axes[0].figure.colorbar(drawn, ax=list(axes), label=RATIO[training.noun], shrink=0.9)


def plot_rates(
    axes: "Axes", found: dict[str, ModeRates], title: str = "", label: str = "frequency of the mode"
) -> None:
    """Rates over frequency; the fitted law, dashed over what it was fitted to; the noise floor dotted where it hides.

    Args:
        axes: where to draw.
        found: rates by the name of their network.
        title: of the picture.
        label: of the frequency.

    Example:
        >>> from lfp.spaces import Sphere
        >>> from lfp.rates import mode_rates
        >>> plot_rates(figure()[1], {"exp": mode_rates(lambda x, y: np.exp(np.asarray(x @ y.T)), Sphere(3), 6)})
    """
    colours = mode_colours(len(found))
    for i, (colour, (name, rates)) in enumerate(zip(colours, found.items(), strict=True)):
        x, known = rates.frequencies, rates.above_noise & (rates.frequencies > 0)
        law = rates.law
        text = name if law.kind == "none" else f"{name}: {_law_text(law)}"
        marker = MARKERS[i % len(MARKERS)]
        axes.plot(x[known], rates.rates[known], marker, ms=3.5, color=colour, mec="none", label=text)
        hidden = (x > 0) & ~rates.above_noise & ~rates.absent
        if hidden.any():
            axes.plot(x[hidden], rates.floors[hidden], color=colour, lw=1.2, ls=":")
        if hidden.any() and len(found) == 1:  # a shade under one network would cover another's rates
            axes.fill_between(x[hidden], 0, rates.floors[hidden], color=colour, alpha=0.12, lw=0)
        if law.kind != "none":
            line = np.geomspace(*law.window, 64)
            axes.plot(line, np.exp(law.log_rate(line)), color="black", lw=0.9, ls=(0, (4, 2)))
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="rate", title=title)
    axes.plot([], [], color="black", lw=0.9, ls=(0, (4, 2)), label="fitted law")
    if any((~rates.above_noise & ~rates.absent).any() for rates in found.values()):
        axes.plot([], [], color="grey", lw=0.8, ls=":", label="noise floor")
    axes.legend(fontsize=8, loc="lower left")


def _law_text(law: Decay) -> str:
    names = {
        "power": f"$x^{{-{law.parameter:.2f}}}$",
        "exponential": f"${law.parameter:.2f}^{{-x}}$",
        "stretched": f"$\\exp(-r x^{{{law.parameter:.2f}}})$",
        "super-exponential": f"$\\exp(-r x^{{{law.parameter:.2f}}})$",
    }
    return names[law.kind]


def edges(centres: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t+1"]:
    """Cell edges half-way between centres.

    Example:
        >>> edges(np.array([0.0, 1.0])).tolist()
        [-0.5, 0.5, 1.5]
    """
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
    """The function at a few steps: target grey, training solid, theory dashed.

    Args:
        axes: one for every step.
        t: coordinate of the points.
        target: y.
        theory: predicted f at the steps.
        training: measured f at the steps.
        steps: the steps.
        label: what the coordinate is, with its unit.

    Example:
        >>> t = np.linspace(0, 1, 4)
        >>> plot_snapshots(figure(columns=2)[1], t, t, np.stack([t, t]), np.stack([t, t]), np.array([1, 9]))
    """
    for i, ax in enumerate(axes):
        ax.plot(t, target, color="0.75", lw=2.5, label="target")
        ax.plot(t, training[i], color="#0072B2", lw=1.4, label="training")
        ax.plot(t, theory[i], color="black", lw=1.1, ls=(0, (4, 2)), label="theory")
        ax.set(title=f"step {steps[i]}", xlabel=label)
        ax.set_ylim(*_limits(target))
        if i:
            ax.set_yticklabels([])
    axes[0].set_ylabel("f(x)")
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def _limits(target: Float[np.ndarray, " n"]) -> tuple[float, float]:
    low, high = float(target.min()), float(target.max())
    room = 0.15 * max(high - low, 1e-12)
    return low - room, high + room


def plot_forecasts(
    axes: "Axes", expected: Float[np.ndarray, "n 3"], measured: Float[np.ndarray, " n"], threshold: float
) -> None:
    """Measured against forecast D_sup, one bar a run from the 5 to the 95 % quantile; orange where it fell outside.

    Example:
        >>> plot_forecasts(figure()[1], np.array([[0.1, 0.2, 0.3]]), np.array([0.25]), 0.05)
    """
    inside = (expected[:, 0] <= measured) & (measured <= expected[:, 2])
    for colour, some, label in (("C0", inside, "inside"), ("C1", ~inside, "outside")):
        low, middle, high = expected[some].T
        bars = [middle - low, high - middle]
        axes.errorbar(middle, measured[some], xerr=bars, fmt="o", ms=3, lw=0.8, color=colour, label=label)
    ends = [0.5 * min(measured.min(), expected.min()), 2 * max(measured.max(), expected.max())]
    axes.plot(ends, ends, color="0.4", lw=0.8, ls="--")
    axes.axhline(threshold, color="0.7", lw=0.8)
    axes.axvline(threshold, color="0.7", lw=0.8)
    axes.set(xscale="log", yscale="log", xlabel="D_sup forecast before training", ylabel="D_sup measured")
    axes.legend(loc="upper left", fontsize=7)


def plot_layers(
    axes: "Sequence[Axes]", rows: Sequence[dict[str, Any]], names: Sequence[str], layers: Sequence[str]
) -> None:
    """Layers of the error against each swept setting, all configurations as dots, their geometric mean as a line.

    Example:
        >>> plot_layers([figure()[1]], [{"width": 8, "d_sup": 0.1}, {"width": 16, "d_sup": 0.2}], ["width"], ["d_sup"])
    """
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
