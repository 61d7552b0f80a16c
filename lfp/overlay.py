"""The main job: predict, train, overlay. Settings in, a folder of results out."""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from lfp import _checks, results
from lfp.compare import compare, kernel_drift
from lfp.domains import Line, domain
from lfp.dynamics import Dynamics
from lfp.laws import Gaussian, Uniform
from lfp.networks import MLP, Network, TwoLayer
from lfp.noise import frozen_spectrum
from lfp.ntk import kernel
from lfp.prediction import THEORIES, predict, unstack
from lfp.probes import PROBES, FilterProbe, Probe
from lfp.problems import Problem, problem, read_csv, sum_of_modes
from lfp.recipe import Recipe
from lfp.record import curves, draw
from lfp.spectra import Spectrum, spectrum
from lfp.stochastic import Adam
from lfp.training import Progress, initialise, train
from lfp.trajectory import log_steps, save

LAWS = {"gaussian": Gaussian, "uniform": Uniform}


@dataclass(frozen=True)
class Overlay:
    """Train a network, predict the decay of every frequency, lay one over the other."""

    domain: str = ""
    """circle or line; circle without --data, line with it"""
    data: Path | None = None
    """CSV file with columns x, y (header optional); without it the target is a sum of modes"""
    modes: str = ""
    """modes to follow, in cycles per period: 1,2,4 or 1-7"""
    amplitude: float = 1.0
    """amplitude of every mode of the target"""
    points: int = 64
    """number of points on the grid"""
    subsample: int = 0
    """keep only so many rows of --data, evenly chosen; 0 keeps all"""
    activation: str = "relu"
    """activation of the neurons"""
    depth: int = 1
    """number of hidden layers"""
    width: int = 8192
    """neurons of a hidden layer"""
    parametrization: str = ""
    """paper (two layers, antisymmetric initialisation) or ntk (neural-tangents); paper at depth 1, ntk above"""
    law: str = "gaussian"
    """law of a, w, b in the paper's scaling: gaussian or uniform"""
    sigma_a: float = 1.0
    """output weights: standard deviation (gaussian) or bound (uniform)"""
    sigma_w: float = 1.0
    """input weights, likewise"""
    sigma_b: float = 1.0
    """biases, likewise"""
    w_std: float = 2**0.5
    """neural-tangents' W_std (parametrization ntk)"""
    b_std: float = 0.5
    """neural-tangents' b_std (parametrization ntk)"""
    alpha: float = 50.0
    """output scale; larger is lazier, the linear dynamics do not change"""
    optimizer: str = "gd"
    """gd, momentum (heavy ball), nesterov, sgd (mini-batches) or adam (an estimate: needs --theory empirical)"""
    momentum: float = 0.0
    """of momentum and nesterov; 0 takes 0.9"""
    schedule: str = "constant"
    """multiplies lr over the steps: constant, cosine, exponential (to 1/100), linear or warmup (then cosine)"""
    batch_size: int = 0
    """points in a batch of sgd, drawn afresh at every step, without replacement"""
    weight_decay: float = 0.0
    """decay of the displacement from initialisation, in units of a rate"""
    lr: float = 0.0
    """learning rate in flow time per step; 0 takes 1 / largest rate, or half the limit of stability if that is less"""
    probe: str = "modes"
    """what is measured: modes, weights (modes by density weights on scattered points) or filter (low and high parts)"""
    cutoffs: str = ""
    """of --probe filter, in cycles per period: 2,4; the geometric mean of the lowest and the highest mode without it"""
    steps: int = 3000
    """steps of the optimiser"""
    snapshots: int = 80
    """number of looks at the network, evenly spaced in log(step)"""
    seeds: int = 5
    """number of networks"""
    seed: int = 0
    """seed of the ensemble"""
    theory: str = "ntk"
    """ntk (infinite width), lfp (the LFP operator) or empirical (the kernel of each network at initialisation)"""
    x64: bool = False
    """train in float64; the theory always is"""
    allow_divergence: bool = False
    """train even with a step beyond the limit of stability"""


def build_problem(s: Overlay, say: Callable[[str], None]) -> Problem:
    """The data of an overlay.

    Example:
        >>> build_problem(Overlay(points=16, modes="1-3"), print).modes.tolist()
        [1, 2, 3]
    """
    name = s.domain or ("line" if s.data else "circle")
    where = domain(name)
    if s.data is None:
        return sum_of_modes(where, s.points, _numbers("modes", s.modes or "1-7"), s.amplitude)
    table = read_csv(s.data)
    if table.shape[1] != 2:
        msg = f"data={str(s.data)!r} has {table.shape[1]} columns; allowed: 2 (x, y)"
        raise _checks.InputError(msg)
    table = table[np.argsort(table[:, 0], kind="stable")]
    if s.subsample:
        _checks.integer("subsample", s.subsample, 4)
        table = table[np.unique(np.linspace(0, len(table), s.subsample, endpoint=False).astype(int))]
    t = table[:, 0]
    count = len(np.unique(t))
    if count < len(t):
        say(f"{len(t) - count} repeated x merged with weights")
    if name == "line":
        where = Line.over(t)
    modes = _numbers("modes", s.modes) if s.modes else np.arange(1, max(2, min(9, (count - 1) // 2 + 1)))
    return problem(where, t, s.amplitude * table[:, 1], modes, name=Path(s.data).name)


def build_network(s: Overlay) -> Network:
    """The network of an overlay.

    Example:
        >>> build_network(Overlay(width=8, depth=2)).depth
        2
    """
    scaling = s.parametrization or ("paper" if s.depth == 1 else "ntk")
    if _checks.choice("parametrization", scaling, ("paper", "ntk")) == "ntk":
        return MLP(s.width, s.depth, s.activation, s.w_std, s.b_std, s.alpha)
    if s.depth != 1:
        msg = f"depth={s.depth} with parametrization='paper'; allowed: 1, or parametrization='ntk'"
        raise _checks.InputError(msg)
    law = LAWS[_checks.choice("law", s.law, LAWS)]
    for name in ("sigma_a", "sigma_w", "sigma_b"):
        _checks.positive(name, getattr(s, name))
    return TwoLayer(s.width, s.activation, law(s.sigma_a), law(s.sigma_w), law(s.sigma_b), s.alpha)


def build_probe(s: Overlay, data: Problem) -> Probe:
    """What takes theory and training apart.

    Example:
        >>> build_probe(Overlay(probe="filter"), build_problem(Overlay(), print)).cutoffs
        (3,)
    """
    make = PROBES[_checks.choice("probe", s.probe, PROBES)]
    if s.probe == FilterProbe.name:
        middle = np.sqrt(max(int(data.modes[0]), 1) * max(int(data.modes[-1]), 1))
        return make(tuple(_numbers("cutoffs", s.cutoffs or str(round(middle)))))
    if s.cutoffs:
        msg = f"cutoffs={s.cutoffs!r} with probe={s.probe!r}; allowed: probe='filter'"
        raise _checks.InputError(msg)
    return make()


def build_recipe(s: Overlay) -> Recipe:
    """The settings of its optimiser, checked.

    Example:
        >>> build_recipe(Overlay(optimizer="nesterov", momentum=0.5)).momentum
        0.5
    """
    recipe = Recipe(s.optimizer, s.momentum, s.schedule, s.batch_size, s.weight_decay)
    if s.optimizer == "adam" and s.theory != "empirical":
        msg = f"theory={s.theory!r} with optimizer='adam', which has no linear law; allowed: empirical, an estimate"
        raise _checks.InputError(msg)
    return recipe


def build_law(s: Overlay, rates: Spectrum, points: int = 0, largest: float = 1.0) -> Dynamics:
    """The optimiser of an overlay, refused beyond its limit of stability; sgd needs points and max n P_i K(x_i, x_i).

    Example:
        >>> from lfp.spectra import FourierSpectrum
        >>> build_law(Overlay(), FourierSpectrum(jnp.array([4.0, 1.0]), 2)).lr
        0.25
    """
    recipe, rate = build_recipe(s), float(rates.rates.max())
    limit = recipe.law(1.0, s.steps, points, largest).largest_stable_lr(rate)
    law = recipe.law(float(s.lr or min(1 / rate, limit / 2)), s.steps, points, largest)
    if law.lr >= limit and not s.allow_divergence:
        msg = f"lr={law.lr:g} is beyond the limit of stability; allowed: below {limit:.6g} (or --allow-divergence)"
        raise _checks.InputError(msg)
    return law


def run(
    s: Overlay,
    out: str | Path,
    *,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Predict, store the prediction, train, compare, draw.

    Args:
        s: the settings.
        out: folder for config.json, theory.nc (closed before the first step of training), curves.nc, result.json
            and the pictures.
        force: take over a folder that holds another run.
        resume: go on from the checkpoint of a run of these settings that was killed or interrupted, bit for bit.
        progress: as in `train`.
        say: receives remarks, one line each.

    Returns:
        What result.json holds.

    Raises:
        InputError: settings that cannot be run; nothing is written then.
        OSError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> small = Overlay(width=64, points=16, modes="1-2", steps=5, seeds=1)
        >>> run(small, tempfile.mkdtemp(), say=lambda line: None)["modes"][0]["mode"]
        1
    """
    began = time.perf_counter()
    for name, least in (("steps", 1), ("seeds", 1), ("snapshots", 2), ("seed", 0)):
        _checks.integer(name, getattr(s, name), least)
    _checks.choice("theory", s.theory, THEORIES)
    _checks.nonnegative("lr", s.lr)
    data, network = build_problem(s, say), build_network(s)
    ensemble = {"seeds": s.seeds, "seed": s.seed, "dtype": jnp.float64 if s.x64 else jnp.float32}
    probe = build_probe(s, data)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        quality = probe.quality(data)
    for one in found:
        say(str(one.message))
    infinite, largest = None, 1.0
    if build_recipe(s).optimizer == "adam":
        start = unstack(initialise(network, data.x.shape[1], **{**ensemble, "seeds": 1}))[0]
        law = build_law(s, frozen_spectrum(data, network, start, Adam(1.0, 1)))
    else:
        infinite = spectrum(kernel(network), data)
        if s.optimizer == "sgd":
            diagonal = np.diag(kernel(network)(jnp.asarray(data.x), None))
            largest = float((len(data.t) * data.weights * diagonal).max())
        law = build_law(s, infinite, len(data.t), largest)
    looks = log_steps(s.steps, s.snapshots)
    folder = results.claim(out, asdict(s), force=force, resume=resume)
    kept = folder / results.CHECKPOINT
    prediction = predict(data, network, looks, law, theory=s.theory, infinite=infinite, probe=probe, **ensemble)
    save(folder / "theory.nc", prediction.to_xarray())
    trained = train(network, data, law, looks, progress=progress, checkpoint_file=kept, resume=resume, **ensemble)
    report = compare(prediction, trained.trajectory)
    drift = kernel_drift(network, trained.start, trained.end, data.x)
    save(folder / "curves.nc", curves(prediction, trained.trajectory))
    if len(trained.trajectory.steps) > 1:  # interrupted at once: nothing to draw
        draw(folder, prediction, trained.trajectory, report)
    result = {
        **{key: getattr(report, key) for key in ("verdict", "forecast", "reason", "modes", "d_sup", "laziness")},
        "d_sup_expected": None if report.expected is None else report.expected.largest.tolist(),
        "kernel_drift": drift,
        "budget": report.budget(),
        "probe": {"name": probe.name, **quality},
        "lr": float(law.lr),
        "steps": int(trained.trajectory.steps[-1]),
        "interrupted": trained.interrupted,
        "seconds": round(time.perf_counter() - began, 2),
    }
    results.write_json(folder / "result.json", result)
    if not trained.interrupted:
        kept.unlink(missing_ok=True)
    return result


def _numbers(name: str, text: str) -> Sequence[int]:
    """Whole numbers of `1,2,4` or `1-7`."""
    found: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError:
        found = []
    if not found:
        msg = f"{name}={text!r} cannot be read; allowed: whole numbers >= 0 such as 1,2,4 or 1-7"
        raise _checks.InputError(msg)
    return found
