"""The main job: predict, train, overlay. Settings in, a folder of results out."""

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from lfp import _checks, _files
from lfp.commands import dimensions
from lfp.commands.options import NTK, SPACES, Overlay, given, numbers
from lfp.commands.rows import read_rows
from lfp.domains.circle import Circle
from lfp.domains.joint import Joint
from lfp.domains.line import Line
from lfp.domains.named import domain
from lfp.domains.problems import Problem, carrying_modes, one_turn, problem, sum_of_modes
from lfp.domains.tables import Table
from lfp.domains.units import Units, units_of
from lfp.figures import plots
from lfp.figures.budget import draw_budget
from lfp.measure.outputs import OutputProbe, accuracy, cross_entropy
from lfp.measure.probes import PROBES, Data, FilterProbe, Probe, length, sup_distance
from lfp.measure.trajectory import Trajectory, log_steps, save
from lfp.networks.fourier_features import FourierFeatures
from lfp.networks.joined import joined
from lfp.networks.mlp import MLP
from lfp.networks.multi_scale import MultiScale
from lfp.networks.network import Network, kernel
from lfp.networks.two_layer import TwoLayer
from lfp.neurons.distributions import DISTRIBUTIONS, Gaussian
from lfp.optimisers.law import Law
from lfp.optimisers.recipe import Recipe
from lfp.prediction.prediction import Prediction, predict
from lfp.prediction.remedy import remedies_of_units
from lfp.prediction.report import Report, compare, kernel_drift
from lfp.prediction.theory import Ground, Theory, refuse, theory_of
from lfp.spectra.on_points import Spectrum
from lfp.training.loop import Progress, train


class Task(NamedTuple):
    """What the settings ask for."""

    network: Network
    problem: Data
    law: Law
    steps: Int[np.ndarray, " t"]
    theory: Theory
    probe: Probe
    ensemble: dict[str, Any]
    """seeds, seed, dtype and center"""
    infinite: Spectrum | None
    """Rates at infinite width; None under Adam, which does not ask for them."""
    units: Units
    """Of the targets."""


def build(s: Overlay, say: Callable[[str], None]) -> Task:
    """Everything that the settings name: no other function of this command sees them."""
    network, (data, units), recipe, kind, theory, probe = build_parts(s, say)
    dtype = jnp.float64 if s.x64 else jnp.float32
    ensemble = {"seeds": s.seeds, "seed": s.seed, "dtype": dtype, "center": not s.keep_f0}
    largest = 1.0
    ground = Ground(network, data, kind, **{**ensemble, "seeds": 1})
    if kind.batched:
        diagonal = np.diag(kernel(network)(jnp.asarray(data.x), None))
        largest = float((len(data.x) * data.weights * diagonal).max())
    rate, size = float(np.asarray(ground.reference.rates).max()), (s.steps, len(data.x), largest)
    probe = dimensions.build_ranks(s, data, ground.reference, say) if probe is None else probe
    limit = recipe.law(1.0, *size).largest_stable_lr(rate)
    law = recipe.law(min(1 / rate, limit / 2) if s.lr is None else s.lr, *size)
    if law.lr >= limit and not s.allow_divergence:
        msg = f"lr={law.lr:g} is beyond the limit of stability at a largest rate of {rate:.3g}{law.base.remark}; "
        msg += f"allowed: below {limit:.6g} (or --allow-divergence)"
        raise _checks.InputError(msg)
    looks, infinite = log_steps(s.steps, s.snapshots), ground.infinite if kind.exact else None
    return Task(network, data, law, looks, theory, probe, ensemble, infinite, units)


def build_parts(
    s: Overlay, say: Callable[[str], None]
) -> tuple[Network, tuple[Data, Units], Recipe, Law, Theory, Probe | None]:
    """What costs nothing to build; with it everything is refused that needs no rates to be refused.

    The probe is None for ranks, which need the kernel.
    """
    s.check()
    data, units = build_problem(s, say)
    network = joined(build_network(s, data), data)
    probe = build_probe(s, data)
    options = given(s, ("momentum", "batch_size"))
    recipe = Recipe(s.optimizer, schedule=s.schedule, weight_decay=s.weight_decay, **options)
    theory, kind = theory_of(s.theory), recipe.law(1.0, s.steps, len(data.x))
    refuse(theory, network, kind, len(data.x))
    return network, (data, units), recipe, kind, theory, probe


def build_problem(s: Overlay, say: Callable[[str], None]) -> tuple[Data, Units]:
    """The data, read or made, and the units of its targets."""
    if s.data is None:
        return dimensions.random_points(s, say) if s.domain in SPACES else on_grid(s)
    table = read_rows(s, s.data, s.seed, say)
    if table.classes or table.others:
        return dimensions.joint_of(s, table, say)
    several = s.domain is None and s.period is None and table.target is not None and table.values.shape[1] > 2
    if several or s.domain in (*SPACES, "points"):
        return dimensions.points_of(s, table, say)
    return on_period(s, table, say)


def on_grid(s: Overlay) -> tuple[Problem, Units]:
    """A sum of modes."""
    modes = numbers("modes", s.modes) if s.modes else range(1, 8)
    where = Circle() if s.period is None else Circle(float(s.period))
    where = Line() if s.domain == "line" else where
    return sum_of_modes(where, 64 if s.points is None else s.points, modes, s.amplitude), Units()


def on_period(s: Overlay, table: Table, say: Callable[[str], None]) -> tuple[Problem, Units]:
    """Data with one coordinate, on circle or line."""
    where = domain(s.domain or ("line" if s.data and s.period is None else "circle"))
    if s.period is not None:
        where = Circle(float(s.period))
    modes = None if s.modes in (None, "auto") else numbers("modes", s.modes)
    x, y = table.with_target()
    if x.shape[1] != 1:
        names = f", {','.join(table.names)}" if table.names else ""
        msg = f"data={str(s.data)!r} has {x.shape[1] + 1} columns{names}; allowed: 2 (x, y), or --columns and --target"
        raise _checks.InputError(msg)
    t = one_turn(where, x[:, 0])
    count = len(np.unique(t))
    if count < len(t):
        say(f"{len(t) - count} repeated x merged with weights")
    if isinstance(where, Line):
        where = Line.over(t)
    elif s.standardize:
        where = replace(where, zero=float(t.min()))
    units = units_of("y", y, center=s.center, standardize=s.standardize)
    modes = modes or range(1, max(2, min(9, (count - 1) // 2 + 1)))
    name, by_ranks = Path(table.path).name, s.followed in ("rank", "direction")
    modes = modes if s.modes != "auto" and not by_ranks else [0]
    data = problem(where, t, s.amplitude * units.inner(y), modes, name)
    if s.modes == "auto" and not by_ranks:
        carrying, share = carrying_modes(data)
        say(f"followed modes: {', '.join(map(str, carrying))}, with {share:.0%} of the variance of the target")
        data = replace(data, modes=carrying)
    elif np.ptp(y) == 0 and 0 not in data.modes:
        msg = f"y is {y[0]:.6g} everywhere, and no mode but 0 has a target; allowed: targets that vary, or --modes 0"
        raise _checks.InputError(msg)
    return data, Units(units.shift * s.amplitude, units.scale)


def build_network(s: Overlay, data: Data) -> Network:
    """The network in its scaling, with the outputs of the data, and what stands in front of it."""
    scales = (s.omega,) if s.scales is None else numbers("scales", s.scales, float)
    network = _plain(s, data.outputs if isinstance(data, Joint) else 1)
    network = network if scales == (None,) else MultiScale(network, tuple(scales))
    if s.fourier is None:
        return network
    key = jax.random.fold_in(jax.random.key(s.seed), 1)  # not that of the networks
    return FourierFeatures(network, Gaussian(s.fourier).sample(key, s.features or 64, data.x.shape[1]))


def _plain(s: Overlay, outputs: int) -> Network:
    """The network itself."""
    if s.scaling != "paper":
        given_scales = {"outputs": outputs, "parametrization": s.scaling, **given(s, NTK)}
        return MLP(s.width, s.depth, s.activation, alpha=s.scale, **given_scales)
    make = DISTRIBUTIONS[s.distribution or "gaussian"]
    a, w, b = (make(1.0 if scale is None else scale) for scale in (s.sigma_a, s.sigma_w, s.sigma_b))
    return TwoLayer(s.width, s.activation, a, w, b, s.scale, outputs=outputs)


def build_probe(s: Overlay, data: Data) -> Probe | None:
    """The probe that takes theory and training apart; None for ranks, which need the kernel."""
    if not isinstance(data, Problem) or s.followed not in PROBES:
        return dimensions.build_probe(s, data)
    if s.followed != FilterProbe.name:
        return PROBES[s.followed]()
    middle = np.sqrt(max(int(data.modes[0]), 1) * max(int(data.modes[-1]), 1))
    return FilterProbe((round(middle),) if s.cutoffs is None else tuple(numbers("cutoffs", s.cutoffs)))


def run(
    s: Overlay,
    out: str | Path,
    *,
    force: bool = False,
    resume: bool = False,
    remedies: bool = True,
    progress: Progress | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Predict, store the prediction (theory.nc is closed before the first step), train, compare, draw: result.json.

    Settings that cannot be run are refused before anything is written; a run that is resumed goes on bit for bit, one
    that is finished is not run again.
    """
    s.check()
    how = {"force": force, "resume": resume, "remedies": remedies, "progress": progress, "say": say}
    return _files.once(out, asdict(s), partial(_run, s, out, **how), force=force, say=say)


def _run(
    s: Overlay,
    out: str | Path,
    *,
    force: bool,
    resume: bool,
    remedies: bool,
    progress: Progress | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    began = time.perf_counter()
    network, data, law, looks, theory, probe, ensemble, infinite, units = build(s, say)
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always")
        quality = probe.quality(data)
    for remark in remarks:
        say(str(remark.message))
    say("predicting ...")
    prediction = predict(network, data, law, looks, theory=theory, infinite=infinite, probe=probe, **ensemble)
    if remedies:
        warn(prediction, say)
    folder = _files.claim(out, asdict(s), force=force, resume=resume)
    kept = folder / _files.CHECKPOINT
    save(folder / "theory.nc", in_units(prediction.to_xarray(), units))
    trained = train(prediction, progress=progress, checkpoint_file=kept, resume=resume)
    save(folder / "curves.nc", in_units(curves(prediction, trained.trajectory, units), units))
    say("comparing and drawing ...")
    report = compare(prediction, trained, remedies=remedies and not trained.interrupted)
    drift = kernel_drift(prediction.network, trained.start, trained.end, data.x)
    if len(trained.trajectory.steps) > 1:  # interrupted at once: nothing to draw
        draw(folder, prediction, trained.trajectory, report, units)
    if trained.interrupted:
        why = f"interrupted at step {trained.trajectory.steps[-1]} of {looks[-1]}, no verdict"
        report = replace(report, verdict=None, reason=why)
    result = {
        **{key: getattr(report, key) for key in ("verdict", "forecast", "reason", "modes", "d_sup", "laziness")},
        "d_sup_expected": None if report.expected is None else report.expected.largest.tolist(),
        "relative_change": None if report.expected is None else report.expected.changes,
        "kernel_drift": drift,
        "budget": report.budget(),
        "probe": {"name": probe.name, **quality},
        "units": {"y": of_outputs(units, data).summary()},
        **(summed_up(prediction, trained.trajectory, units) if isinstance(data, Joint) else {}),
        "lr": float(law.lr),
        "steps": int(trained.trajectory.steps[-1]),
        "interrupted": trained.interrupted,
        "seconds": round(time.perf_counter() - began, 2),
    }
    result = _files.write_result(folder, result)
    if not trained.interrupted:
        kept.unlink(missing_ok=True)
    return result


def of_outputs(units: Units, data: Data) -> Units:
    """One of each output in place of one of each value."""
    if not isinstance(data, Joint) or units.own:
        return units
    return Units(*(part[: data.outputs] for part in units))


def summed_up(prediction: Prediction, training: Trajectory, units: Units) -> dict[str, Any]:
    """What is left of every output at the end, D_sup over the looks, and what classes make of it, mean of the runs."""
    data, whole = prediction.problem, OutputProbe()
    assert isinstance(data, Joint)
    theory, measured = (whole(one, data).size()[len(training.steps) - 1] for one in (prediction.theory, training))
    gaps = sup_distance(prediction.theory, training, data, whole)
    rows = [
        {"output": name, "left_predicted": float(a), "left_measured": float(b), "d_sup": float(gap)}
        for name, a, b, gap in zip(data.names, theory, measured, gaps, strict=True)
    ]
    if not data.classes:
        return {"outputs": rows}
    found = classified(data, training, units)
    return {"outputs": rows, **{name: float(values[:, -1].mean()) for name, values in found.items()}}


def classified(data: Joint, training: Trajectory, units: Units) -> dict[str, Float[np.ndarray, "run t"]]:
    """Accuracy and cross-entropy, of outputs and targets as the user has them: 0 and 1."""
    training = replace(training, values=units.outer(training.values))
    data = replace(data, y=units.outer(np.asarray(data.y)))
    return {"accuracy": accuracy(training, data), "cross_entropy": cross_entropy(training, data)}


def curves(prediction: Prediction, training: Trajectory, units: Units) -> Any:
    """The measurement beside the prediction, labelled: what the pictures are drawn from."""
    last, measured = prediction.probe(training, prediction.problem).labelled()
    theory = prediction.to_xarray().rename(run="theory_run", step="theory_step", f="f_theory")
    if isinstance(prediction.problem, Joint) and prediction.problem.classes:
        found = classified(prediction.problem, training, units)
        theory = theory.assign({name: (("run", "step"), values) for name, values in found.items()})
    return theory.rename(remaining="remaining_theory").assign(
        step=training.steps,
        run=np.arange(len(training.values)),
        f_training=(("run", "step", "point"), training.values),
        remaining_training=(("run", "step", "mode", last), measured),
    )


def warn(prediction: Prediction, say: Callable[[str], None]) -> None:
    """Before the training: a forecast that fails for the units of the targets, and the option that mends it."""
    expected = prediction.forecast
    if expected is None or expected.verdict != "fails":
        return
    said = float(expected.largest[1])
    mended = {option: value for option, value in remedies_of_units(prediction).items() if value < said / 2}
    if mended:
        each = ", ".join(f"{value:.2g} with {option}" for option, value in mended.items())
        say(f"the forecast fails, D_sup {said:.2g}, for the units of the targets: it would be {each}")


def _largest(prediction: Prediction, count: int) -> Int[np.ndarray, " k"]:
    """The parts that hold the most of the target, so many at most."""
    data = prediction.problem
    size = length(prediction.probe.parts(data, np.asarray(data.y)[None])[0], 1)
    return np.sort(np.argsort(-size, kind="stable")[:count])


def in_units(data: Any, units: Units) -> Any:
    """Functions and targets as the user has them."""
    if units.own:
        return data
    names = [name for name in ("f", "f_theory", "f_training", "target") if name in data]
    return data.assign({name: units.outer(data[name]) for name in names})


def draw(folder: Path, prediction: Prediction, training: Trajectory, report: Report, units: Units) -> None:
    """The pictures: modes over steps, heat map, snapshots of the function, budget of the error; outputs."""
    data, probe = prediction.problem, prediction.probe
    theory, measured = (probe(one, data) for one in (prediction.theory, training))
    band = None if prediction.band is None else probe(prediction.band, data)
    shared = min(len(training.steps), len(prediction.theory.steps))
    looks = np.unique(np.linspace(shared / 3, shared - 1, 4).astype(int))
    with plots.style():
        fig, axes = plots.figure()
        plots.plot_modes(axes, theory, measured, band, full=_largest(prediction, plots.MOST_MODES))
        _files.save_figure(fig, folder, "overlay")
        fig, axes = plots.figure(columns=2, width=6.4, height=3.0)
        plots.plot_heat(axes, theory, measured)
        _files.save_figure(fig, folder, "heatmap")
        fig, axes = plots.figure(columns=len(looks), width=7.0, height=2.6)
        theory_f, training_f = (units.outer(one.mean()[looks]) for one in (prediction.theory, training))
        axes, steps, y = list(np.atleast_1d(axes)), training.steps[looks], units.outer(np.asarray(data.y))
        if isinstance(data, Problem):
            period = data.domain.period if isinstance(data.domain, Circle) else None
            plots.plot_snapshots(axes, data.t, y, theory_f, training_f, steps, data.domain.label, period)
        else:
            plots.plot_agreement(axes, y, theory_f, training_f, steps)
        _files.save_figure(fig, folder, "snapshots")
        if isinstance(data, Joint):
            wide = plots.figure(columns=1 + data.classes, width=6.0 + 2.4 * data.classes)
            fig, axes = wide[0], np.atleast_1d(wide[1])
            whole = [OutputProbe()(one, data) for one in (prediction.theory, training)]
            first = np.arange(min(plots.MOST_MODES, data.outputs))
            plots.plot_modes(axes[0], whole[0], whole[1], full=first, noun=OutputProbe.name)
            if data.classes:
                plots.plot_classes(axes[1], training.steps, *classified(data, training, units).values())
            _files.save_figure(fig, folder, "outputs")
    words = [str(row["mode"]) for row in report.modes]
    kind = f"{probe.name} "  # of ranks and degrees the number is enough
    named = all(word.startswith(kind) for word in words)
    labels = [word.removeprefix(kind) for word in words]
    draw_budget(folder, prediction.name, [(probe.name if named else measured.noun, report.modes, labels)])
