"""The public API as calls that are right: every argument with what it is, so that it can be got wrong."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp import domains, kernels, measure, networks, numerics, prediction, spectra, training
from tests.fuzz import slips
from tests.fuzz.slips import Slips


class Call(NamedTuple):
    """A right call."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    wrong: dict[str, Slips]
    """What an argument that can be got wrong is."""
    show: Callable[[Any], Any] = lambda found: found
    """What of the result is compared: a pytree of numbers."""


CIRCLE, LINE, SPHERE, CUBE = lfp.Circle(), lfp.Line(), lfp.Sphere(3), lfp.Hypercube(3)
PROBLEM = lfp.sum_of_modes(CIRCLE, 8, [1, 2])
X, Y = PROBLEM.x, PROBLEM.y
POINTS = lfp.Points(X, Y)
PLANE, BITS = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]), np.array([1.0, 0.0, 2.0])
THIRDS = np.array([0.5, 0.25, 0.25])
STEPS = np.array([0, 1, 4])
LAW = lfp.GradientDescent(0.25)
NETWORK = lfp.TwoLayer(8)
PARAMS = NETWORK.init(jax.random.key(0), 2)
GRAM = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]])
SPECTRUM = spectra.gram_spectrum(GRAM, THIRDS)
OPERATOR = lfp.Operator("relu", dim=1)
FOURIER = spectra.FourierSpectrum(jnp.array([0.0, 0.5, 0.25, 0.125, 0.0625]), 8)
TRAJECTORY = lfp.solve(FOURIER, PROBLEM, LAW, STEPS)
CURVES = lfp.probe(TRAJECTORY, PROBLEM)
NORTH = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
CLOUD = lfp.Points(np.random.default_rng(0).normal(size=(9, 3)), np.arange(9.0))
DIRECTIONS = lfp.Points(CLOUD.x / np.linalg.norm(CLOUD.x, axis=1, keepdims=True), np.arange(9.0))
FALL = np.array([1.0, 0.5, 0.25, 0.125])


def linear(x1: Any, x2: Any) -> Any:
    """A kernel."""
    return x1 @ (x1 if x2 is None else x2).T


def of_law(law: Any) -> Any:
    """What a law does to three modes."""
    return law.learned(jnp.array([0.25, 0.5, 1.0]), jnp.arange(3.0))


def of_network(network: Any) -> Any:
    """Its kernel."""
    return lfp.kernel(network)(jnp.asarray(PLANE))


def of_distribution(weights: Any) -> Any:
    """Its moments."""
    return weights.moment(1), weights.moment(2)


def nothing(found: Any) -> Any:
    """The call went through."""
    return found is not None


_network = slips.instance(lfp.MLP)
_law = slips.instance(lfp.GradientDescent)
_problem = slips.instance(lfp.Problem)
_spectrum = slips.instance(spectra.GramSpectrum)
_whole = slips.count
_orders = slips.also(
    slips.array(),
    (lambda k: np.asarray(k) + 0.5, "halves"),
    (lambda k: np.asarray(k) - 3, "below 0"),
    (lambda k: np.append(k, k), "twice"),
)
CALLS = {
    # domains
    "Line": Call(
        lfp.Line, {"low": -2.0, "high": 2.0}, {"low": slips.number(), "high": slips.number()}, lambda d: d.grid(4)
    ),
    "Sphere": Call(lfp.Sphere, {"dim": 4}, {"dim": _whole(3)}, lambda d: d.multiplicity(3)),
    "Hypercube": Call(lfp.Hypercube, {"dim": 4}, {"dim": _whole(1)}, lambda d: d.points()),
    "Torus": Call(lfp.Torus, {"dim": 2}, {"dim": _whole(1)}, lambda d: d.grid(2)),
    "Euclidean": Call(
        lfp.Euclidean,
        {"points": PLANE, "weights": THIRDS},
        {"points": slips.points, "weights": slips.weights},
        lambda d: (d.points, d.weights),
    ),
    "Points": Call(
        lfp.Points,
        {"x": PLANE, "y": BITS, "weights": THIRDS},
        {"x": slips.points, "y": slips.values, "weights": slips.weights},
        lambda p: (p.x, p.y, p.weights),
    ),
    "Joint.of": Call(
        lfp.Joint.of,
        {"x": PLANE, "y": np.stack([BITS, THIRDS], axis=1)},
        {"x": slips.points, "y": slips.points},
        lambda p: (p.x, p.y, p.weights),
    ),
    "merge": Call(
        domains.merge,
        {"x": PLANE, "y": BITS, "weights": THIRDS},
        {"x": slips.points, "y": slips.values, "weights": slips.weights},
        lambda p: (p.x, p.y, p.weights),
    ),
    "problem": Call(
        lfp.problem,
        {"domain": LINE, "t": np.array([-0.5, 0.0, 0.5]), "y": BITS, "modes": np.array([0, 1])},
        {
            "domain": slips.instance(lfp.Line),
            "t": slips.values,
            "y": slips.values,
            "modes": slips.also(
                slips.array(),
                (lambda k: np.asarray(k) + 0.5, "halves"),
                (lambda k: np.asarray(k) - 1, "below 0"),
                (lambda k: np.asarray(k) + 9, "not resolved"),
            ),
        },
        lambda p: (p.t, p.y, p.modes),
    ),
    "sum_of_modes": Call(
        lfp.sum_of_modes,
        {"domain": CIRCLE, "points": 8, "modes": np.array([1, 2]), "amplitudes": np.array([1.0, 0.5])},
        {
            "domain": slips.instance(lfp.Circle),
            "points": _whole(5),
            "modes": slips.also(
                slips.array(),
                (lambda k: np.asarray(k) + 0.5, "halves"),
                (lambda k: np.asarray(k) - 2, "below 0"),
                (lambda k: np.asarray(k) + 9, "aliased"),
            ),
            "amplitudes": slips.also(slips.array(empty=False), (lambda a: np.append(a, 1.0), "one more")),
        },
        lambda p: p.y,
    ),
    "scan_line": Call(lfp.scan_line, {"row": 100, "n": 16}, {"row": _whole(0), "n": _whole(2)}, lambda p: p.y),
    "project": Call(
        domains.project,
        {"space": SPHERE, "x": NORTH, "weights": np.full(4, 0.25), "values": np.arange(4.0), "top": 1},
        {
            "space": slips.instance(lfp.Sphere),
            "x": slips.unit(),
            "weights": slips.values,
            "values": slips.values,
            "top": _whole(0),
        },
    ),
    "spherical_harmonics": Call(
        domains.spherical_harmonics, {"x": NORTH, "top": 2}, {"x": slips.unit(), "top": _whole(0)}
    ),
    "Hypercube.analyse": Call(CUBE.analyse, {"values": np.arange(8.0)}, {"values": slips.values}),
    "Circle.embed": Call(CIRCLE.embed, {"t": np.array([0.0, 1.0])}, {"t": slips.array(empty=False)}),
    "Sphere.embed": Call(SPHERE.embed, {"x": NORTH}, {"x": slips.unit(slips.array(empty=False))}),
    # networks
    "TwoLayer": Call(
        lfp.TwoLayer,
        {
            "width": 8,
            "activation": "erf",
            "a": lfp.Gaussian(),
            "w": lfp.Gaussian(),
            "b": lfp.Gaussian(0.5),
            "alpha": 2.0,
        },
        {"width": _whole(2), "activation": slips.choice(), "alpha": slips.positive}
        | dict.fromkeys("awb", slips.instance(lfp.Gaussian)),
        of_network,
    ),
    "MLP": Call(
        lfp.MLP,
        {"width": 8, "depth": 2, "activation": "erf", "w_std": 1.5, "b_std": 0.5, "alpha": 2.0},
        {
            "width": _whole(2),
            "depth": _whole(1),
            "activation": slips.choice(),
            "w_std": slips.positive,
            "b_std": slips.nonnegative,
            "alpha": slips.positive,
        },
        of_network,
    ),
    "PiNet": Call(
        lfp.PiNet,
        {"width": 8, "degree": 2, "depth": 1, "activation": "erf", "w_std": 1.5, "b_std": 0.5, "alpha": 2.0},
        {
            "width": _whole(2),
            "degree": _whole(1),
            "depth": _whole(1),
            "activation": slips.choice(),
            "w_std": slips.positive,
            "b_std": slips.nonnegative,
            "alpha": slips.positive,
        },
        of_network,
    ),
    "MultiScale": Call(
        lfp.MultiScale,
        {"inner": NETWORK, "scales": (1.0, 2.0)},
        {"inner": _network, "scales": slips.also(slips.array(), (lambda s: [-one for one in s], "negative"))},
        of_network,
    ),
    "FourierFeatures": Call(
        lfp.FourierFeatures,
        {"inner": NETWORK, "frequencies": np.eye(2)},
        {"inner": _network, "frequencies": slips.points},
        of_network,
    ),
    "Custom": Call(
        lfp.Custom,
        {"init_fn": lambda key, dim: jnp.ones(dim), "apply_fn": lambda p, x: x @ p, "width": 4, "alpha": 2.0},
        {"init_fn": slips.function, "apply_fn": slips.function, "width": _whole(1), "alpha": slips.positive},
        lambda net: net.apply(net.init(jax.random.key(0), 2), jnp.asarray(PLANE)),
    ),
    "Pinn": Call(lfp.Pinn, {"inner": NETWORK, "operators": (networks.value,)}, {"inner": _network}, nothing),
    "Differentiated": Call(
        lfp.Differentiated,
        {"inner": NETWORK, "operator": networks.value},
        {"inner": _network, "operator": slips.function},
        nothing,
    ),
    "Sobolev": Call(lfp.Sobolev, {"inner": NETWORK}, {"inner": _network}, nothing),
    "HashWH": Call(
        lfp.HashWH,
        {"apply": lambda p, x: p * jnp.prod(1 - 2 * x, axis=1), "dim": 5, "bits": 2, "strength": 0.5},
        {"apply": slips.function, "dim": _whole(1), "bits": _whole(1), "strength": slips.nonnegative},
        lambda h: h(jax.random.key(0), 2.0),
    ),
    "Gaussian": Call(lfp.Gaussian, {"scale": 2.0}, {"scale": slips.nonnegative}, of_distribution),
    "Uniform": Call(lfp.Uniform, {"bound": 2.0}, {"bound": slips.nonnegative}, of_distribution),
    "FixedRadius": Call(lfp.FixedRadius, {"radius": 2.0}, {}, lambda w: w.sample(jax.random.key(0), 2, 2)),
    "Samples": Call(lfp.Samples, {"vectors": PLANE}, {"vectors": slips.points}, lambda w: w.vectors),
    "activation": Call(lfp.activation, {"which": "erf"}, {"which": slips.choice()}, lambda a: a(jnp.arange(3.0))),
    "initialise": Call(
        training.initialise,
        {"network": NETWORK, "dim": 2, "seeds": 2, "seed": 1},
        {"network": _network, "dim": _whole(1), "seeds": _whole(1), "seed": _whole(0)},
    ),
    # laws
    "GradientDescent": Call(lfp.GradientDescent, {"lr": 0.5}, {"lr": slips.positive}, of_law),
    "GradientFlow": Call(lfp.GradientFlow, {"lr": 0.5}, {"lr": slips.positive}, of_law),
    "HeavyBall": Call(
        lfp.HeavyBall,
        {"lr": 0.5, "mu": 0.5},
        {"lr": slips.positive, "mu": slips.number(0.0, 1.0, strict=False)},
        of_law,
    ),
    "Nesterov": Call(
        lfp.Nesterov, {"lr": 0.5, "mu": 0.5}, {"lr": slips.positive, "mu": slips.number(0.0, 1.0, strict=False)}, of_law
    ),
    "MiniBatch": Call(
        lfp.MiniBatch,
        {"lr": 0.5, "batch": 2, "points": 8, "largest": 1.0},
        {"lr": slips.positive, "batch": _whole(1), "points": _whole(1), "largest": slips.positive},
        of_law,
    ),
    "Adam": Call(
        lfp.Adam,
        {"lr": 0.5, "steps": 4, "b1": 0.5, "b2": 0.75},
        {
            "lr": slips.positive,
            "steps": _whole(1),
            "b1": slips.number(0.0, 1.0, strict=False),
            "b2": slips.number(0.0, 1.0, strict=False),
        },
        of_law,
    ),
    "GaussNewton": Call(
        lfp.GaussNewton, {"lr": 0.5, "damping": 0.5}, {"lr": slips.positive, "damping": slips.nonnegative}, of_law
    ),
    "Ridge": Call(lfp.Ridge, {"rho": 0.5}, {"rho": slips.nonnegative}, of_law),
    "RandomFeatures": Call(
        lfp.RandomFeatures,
        {"nodes": 16, "rho": 0.5, "rates": np.array([1.0, 0.5, 0.25])},
        {"nodes": _whole(1), "rho": slips.nonnegative, "rates": slips.array()},
        nothing,
    ),
    "ConjugateGradient": Call(
        lfp.ConjugateGradient,
        {"rates": np.array([1.0, 0.5, 0.25]), "power": np.ones(3)},
        {"rates": slips.array(), "power": slips.values},
        of_law,
    ),
    "WeightDecay": Call(lfp.WeightDecay, {"law": LAW, "decay": 0.5}, {"law": _law, "decay": slips.nonnegative}, of_law),
    "Scheduled": Call(
        lfp.Scheduled, {"law": LAW, "shape": np.array([1.0, 0.5, 0.25])}, {"law": _law, "shape": slips.array()}, of_law
    ),
    "scheduled": Call(
        lfp.scheduled,
        {"law": LAW, "schedule": lambda s: 0.25 / (1 + s), "steps": 4},
        {"law": _law, "schedule": slips.function, "steps": _whole(1)},
        of_law,
    ),
    # kernels and spectra
    "kernel": Call(
        lfp.kernel,
        {"network": NETWORK, "kind": "nngp"},
        {"network": _network, "kind": slips.choice()},
        lambda k: k(jnp.asarray(PLANE)),
    ),
    "empirical_kernel": Call(
        lfp.empirical_kernel,
        {"network": NETWORK, "params": PARAMS, "x1": PLANE, "x2": PLANE},
        {"network": _network, "x1": slips.points, "x2": slips.array(optional=True)},
    ),
    "parameter_uses": Call(
        kernels.parameter_uses,
        {"network": NETWORK, "params": PARAMS, "dim": 2},
        {"network": _network, "dim": _whole(1)},
        nothing,
    ),
    "kernel_product": Call(
        kernels.kernel_product,
        {"kernel": linear, "x": PLANE},
        {"kernel": slips.function, "x": slips.points},
        lambda p: p(jnp.ones((3, 1))),
    ),
    "power_series": Call(
        kernels.power_series,
        {"kernel": lfp.kernel(NETWORK), "dim": 3, "terms": 8},
        {"kernel": slips.instance(lfp.Kernel), "dim": _whole(1), "terms": _whole(1, optional=True)},
        lambda s: s.coefficients,
    ),
    "gram_spectrum": Call(
        spectra.gram_spectrum,
        {"gram": GRAM, "weights": THIRDS},
        {"gram": slips.gram, "weights": slips.weights},
        lambda s: s.rates,
    ),
    "spectrum": Call(
        lfp.spectrum,
        {"network": NETWORK, "where": PLANE, "modes": 2},
        {"network": _network, "where": slips.points, "modes": _whole(1, optional=True)},
        lambda s: s.rates,
    ),
    "spectrum on a domain": Call(
        lfp.spectrum,
        {"network": NETWORK, "where": SPHERE, "modes": 3},
        {"network": _network, "where": slips.instance(lfp.Sphere), "modes": _whole(0, optional=True)},
        lambda s: s.rates,
    ),
    "largest_rates": Call(
        spectra.largest_rates,
        {
            "product": kernels.kernel_product(linear, jnp.asarray(PLANE)),
            "count": 1,
            "key": slips.a_key(),
            "weights": THIRDS,
            "tolerance": 1e-6,
            "max_passes": 8,
        },
        {
            "count": _whole(1),
            "key": slips.key,
            "weights": slips.weights,
            "tolerance": slips.positive,
            "max_passes": _whole(1),
        },
        lambda s: s.rates,
    ),
    "grid_rates": Call(
        spectra.grid_rates,
        {"kernel": linear, "space": CIRCLE, "n": 8},
        {"kernel": slips.function, "space": slips.instance(lfp.Circle), "n": _whole(1)},
    ),
    "frequency_content": Call(
        lfp.frequency_content,
        {"spectrum": SPECTRUM, "x": PLANE, "frequencies": np.array([[0.125, 0.0]])},
        {"spectrum": _spectrum, "x": slips.points, "frequencies": slips.points},
        lambda c: c.power,
    ),
    "sobolev_rates": Call(spectra.sobolev_rates, {"spectrum": FOURIER}, {"spectrum": _spectrum}, lambda s: s.rates),
    # equation
    "Operator": Call(
        lfp.Operator,
        {"activation_": "relu", "a": lfp.Gaussian(), "w": lfp.Gaussian(), "b": lfp.Gaussian(2.0), "dim": 2},
        {"activation_": slips.choice(), "dim": _whole(1)} | dict.fromkeys("awb", slips.instance(lfp.Gaussian)),
        lambda o: o(jnp.asarray(PLANE)),
    ),
    "evolve": Call(
        lfp.evolve,
        {
            "operator": OPERATOR,
            "points": lfp.Points(BITS[:, None], BITS),
            "times": np.array([0.0, 1.0]),
            "start": np.zeros(3),
        },
        {
            "operator": slips.instance(lfp.Operator),
            "points": slips.instance(lfp.Points),
            "times": slips.times,
            "start": slips.array(optional=True),
        },
        lambda s: s.residual,
    ),
    "Krylov": Call(
        lfp.Krylov, {"tolerance": 1e-6, "max_depth": 16}, {"tolerance": slips.positive, "max_depth": _whole(1)}, nothing
    ),
    "a_priori_bound": Call(
        lfp.a_priori_bound,
        {"norm": 2.0, "diagonal": np.ones(3), "n": 8, "delta": 0.25, "residual": 0.5},
        {
            "norm": slips.nonnegative,
            "diagonal": slips.array(),
            "n": _whole(1),
            "delta": slips.number(0.0, 1.0),
            "residual": slips.nonnegative,
        },
    ),
    # prediction and training
    "solve": Call(
        lfp.solve,
        {"spectrum": FOURIER, "problem": PROBLEM, "law": LAW, "steps": STEPS},
        {
            "spectrum": _spectrum,
            "problem": _problem,
            "law": _law,
            "steps": slips.also(slips.array(infinite=True), (lambda s: np.asarray(s) - 1, "below 0")),
        },
        lambda t: t.values,
    ),
    "predict": Call(
        lfp.predict,
        {"network": NETWORK, "problem": PROBLEM, "law": LAW, "steps": STEPS, "theory": "ntk", "seeds": 2, "seed": 1},
        {
            "network": _network,
            "problem": _problem,
            "law": slips.instance(lfp.GradientDescent, optional=True),
            "steps": slips.looks,
            "theory": slips.choice(),
            "seeds": _whole(1),
            "seed": _whole(0),
        },
        lambda p: p.theory.values,
    ),
    "prediction.mean_field": Call(
        prediction.mean_field,
        {"network": NETWORK, "problem": PROBLEM, "law": LAW, "steps": STEPS, "particles": 8, "scrambles": 2, "seed": 1},
        {
            "network": _network,
            "problem": _problem,
            "law": _law,
            "steps": slips.looks,
            "particles": _whole(2),
            "scrambles": _whole(1),
            "seed": _whole(0),
        },
    ),
    "prediction.features": Call(
        prediction.features,
        {"plan": training.Plan(NETWORK, PROBLEM, LAW, STEPS), "particles": 8, "scrambles": 2, "seed": 1},
        {
            "plan": slips.instance(training.Plan),
            "particles": _whole(2),
            "scrambles": _whole(1),
            "seed": _whole(0),
        },
        lambda f: f.rates,
    ),
    "train": Call(
        lfp.train,
        {"network": NETWORK, "problem": PROBLEM, "law": LAW, "steps": STEPS, "at": X, "seeds": 2, "seed": 1},
        {
            "network": _network,
            "problem": _problem,
            "law": _law,
            "steps": slips.looks,
            "at": slips.also(slips.array(optional=True), (lambda x: x[:, :1], "one dimension less")),
            "seeds": _whole(1, optional=True),
            "seed": _whole(0, optional=True),
        },
        lambda run: run.trajectory.values,
    ),
    "extend": Call(
        lfp.extend,
        {"kernel": linear, "data": POINTS},
        {"kernel": slips.function, "data": slips.instance(lfp.Points)},
        lambda e: e.follow(LAW, STEPS, X).values,
    ),
    "learning_curve": Call(
        lfp.learning_curve,
        {
            "rates": np.array([1.0, 0.5, 0.25]),
            "power": np.array([0.5, 1.0, 0.25]),
            "samples": np.array([1, 2]),
            "ridge": 0.25,
            "noise": 0.5,
            "population": 8,
            "repeated": False,
        },
        {
            "rates": slips.array(),
            "power": slips.values,
            "samples": _orders,
            "ridge": slips.nonnegative,
            "noise": slips.nonnegative,
            "population": _whole(3, optional=True),
        },
        lambda c: (c.excess, c.test),
    ),
    "learning_in_time": Call(
        lfp.learning_in_time,
        {
            "rates": np.array([1.0, 0.5, 0.25]),
            "power": np.array([0.5, 1.0, 0.25]),
            "samples": 2,
            "law": LAW,
            "steps": STEPS,
            "ridge": 0.25,
            "noise": 0.5,
        },
        {
            "rates": slips.array(),
            "power": slips.values,
            "samples": _whole(1),
            "law": _law,
            "steps": slips.also(slips.array(), (lambda s: np.asarray(s) - 1, "below 0")),
            "ridge": slips.nonnegative,
            "noise": slips.nonnegative,
        },
        lambda c: c.excess,
    ),
    "drawn_curve": Call(
        lfp.drawn_curve,
        {
            "network": NETWORK,
            "where": SPHERE,
            "samples": 3,
            "power": np.array([1.0, 0.5]),
            "ridge": 0.25,
            "noise": 0.5,
            "draws": 2,
            "seed": 1,
        },
        {
            "network": _network,
            "samples": _whole(1),
            "power": slips.array(),
            "ridge": slips.nonnegative,
            "noise": slips.nonnegative,
            "draws": _whole(1),
            "seed": _whole(0),
        },
        lambda c: c.excess,
    ),
    "trained_curve": Call(
        lfp.trained_curve,
        {
            "network": NETWORK,
            "where": SPHERE,
            "samples": 3,
            "law": LAW,
            "steps": STEPS,
            "power": np.array([1.0, 0.5]),
            "ridge": 0.25,
            "noise": 0.5,
            "draws": 1,
            "seeds": 1,
            "seed": 1,
            "points": 16,
        },
        {
            "network": _network,
            "samples": _whole(1),
            "law": _law,
            "steps": slips.looks,
            "power": slips.array(),
            "ridge": slips.nonnegative,
            "noise": slips.nonnegative,
            "draws": _whole(1),
            "seeds": _whole(1),
            "seed": _whole(0),
            "points": _whole(2),
        },
        lambda c: c.excess,
    ),
    "concentration": Call(
        lfp.concentration,
        {"network": NETWORK, "where": SPHERE, "samples": 50, "ridge": 0.25, "seed": 1},
        {
            "network": _network,
            "where": slips.instance(lfp.Sphere),
            "samples": _whole(1),
            "ridge": slips.nonnegative,
            "seed": _whole(0),
        },
        lambda c: c.spread,
    ),
    "kernel_at_start": Call(
        lfp.kernel_at_start,
        {"network": NETWORK, "dim": 2, "seed": 1},
        {"network": _network, "dim": _whole(1), "seed": _whole(0)},
        lambda k: k(jnp.asarray(PLANE)),
    ),
    "laziness": Call(
        lfp.laziness,
        {"network": NETWORK, "problem": PROBLEM, "law": LAW, "steps": STEPS, "spectrum": FOURIER},
        {"network": _network, "problem": _problem, "law": _law, "steps": slips.array(), "spectrum": _spectrum},
    ),
    "fluctuations": Call(
        lfp.fluctuations,
        {
            "network": NETWORK,
            "problem": PROBLEM,
            "law": LAW,
            "steps": STEPS,
            "kernel": lfp.kernel(NETWORK),
            "key": slips.a_key(),
        },
        {
            "network": _network,
            "problem": _problem,
            "law": _law,
            "steps": slips.array(),
            "kernel": slips.function,
            "key": slips.key,
        },
        lambda t: t.values,
    ),
    "compare": Call(
        lfp.compare,
        {"prediction": lfp.predict(NETWORK, PROBLEM, LAW, STEPS, seeds=2), "training": TRAJECTORY},
        {"prediction": slips.instance(lfp.Prediction), "training": slips.instance(lfp.Trajectory)},
        lambda r: r.d_sup,
    ),
    "kernel_drift": Call(
        lfp.kernel_drift,
        {
            "network": NETWORK,
            "start": training.initialise(NETWORK, 2, 2),
            "end": training.initialise(NETWORK, 2, 2, 1),
            "x": X,
        },
        {"network": _network, "x": slips.points},
    ),
    # measure
    "log_steps": Call(lfp.log_steps, {"total": 100, "count": 5}, {"total": _whole(1), "count": _whole(2)}),
    "probe": Call(
        lfp.probe,
        {"trajectory": TRAJECTORY, "problem": PROBLEM, "modes": np.array([1, 2])},
        {
            "trajectory": slips.instance(lfp.Trajectory),
            "problem": _problem,
            "modes": slips.also(
                slips.array(optional=True),
                (lambda k: np.asarray(k) + 9, "aliased"),
                (lambda k: np.asarray(k) + 0.5, "halves"),
            ),
        },
        lambda c: c.remaining,
    ),
    "FilterProbe": Call(
        lfp.FilterProbe,
        {"cutoffs": (2, 3)},
        {"cutoffs": slips.also(slips.array(), (lambda c: (0, *c), "0"), (lambda c: (*c, *c), "twice"))},
        lambda f: f(TRAJECTORY, PROBLEM).remaining,
    ),
    "DirectionProbe": Call(
        lfp.DirectionProbe,
        {"data": CLOUD, "modes": np.array([1, 2]), "directions": 1},
        {"modes": _orders, "directions": _whole(1)},
        lambda f: f.matrix,
    ),
    "DegreeProbe": Call(
        lfp.DegreeProbe,
        {"space": SPHERE, "data": DIRECTIONS, "degrees": np.array([0, 1])},
        {"degrees": _orders},
        lambda f: f.matrix @ DIRECTIONS.y,
    ),
    "RankProbe": Call(
        lfp.RankProbe,
        {"spectrum": lfp.spectrum(linear, CLOUD), "data": CLOUD, "ranks": np.array([1, 2])},
        {},
        lambda f: f.eigenvalues,
    ),
    "carrying_ranks": Call(
        lfp.carrying_ranks,
        {"spectrum": lfp.spectrum(linear, CLOUD), "data": CLOUD, "share": 0.5, "most": 2},
        {},
        lambda found: found[0],
    ),
    "rank_frequencies": Call(
        spectra.rank_frequencies,
        {"x": CLOUD.x, "weights": CLOUD.weights, "functions": CLOUD.x},
        {"x": slips.points, "weights": slips.weights},
    ),
    "principal_directions": Call(
        measure.principal_directions,
        {"x": CLOUD.x, "weights": CLOUD.weights, "count": 2},
        {"x": slips.points, "weights": slips.weights, "count": _whole(1)},
    ),
    "harmonics_of_degree": Call(
        domains.harmonics_of_degree,
        {"space": SPHERE, "x": NORTH, "top": 1},
        {"top": _whole(0)},
        lambda found: found[1] @ found[1].T,
    ),
    "sum_of_degrees": Call(
        lfp.sum_of_degrees,
        {"space": SPHERE, "x": NORTH, "degrees": np.array([1, 2]), "amplitudes": np.array([1.0, 2.0])},
        {"degrees": _orders},
        lambda p: p.y,
    ),
    "relative_error": Call(
        measure.relative_error,
        {"measured": BITS, "target": THIRDS},
        {
            "measured": slips.also(
                slips.array(complex_=True, empty=False), (lambda y: np.append(y, 1.0), "one value more")
            ),
            "target": slips.array(complex_=True, empty=False),
        },
    ),
    "gaussian_filter": Call(
        measure.gaussian_filter,
        {"x": PLANE, "values": np.eye(3), "delta": 0.5},
        {"x": slips.points, "values": slips.array(), "delta": slips.positive},
    ),
    "along": Call(
        measure.along,
        {"x": PLANE, "values": BITS, "direction": np.array([1.0, 0.0]), "frequencies": np.array([0.5, 1.0])},
        {"x": slips.points, "values": slips.values, "direction": slips.array(), "frequencies": slips.array()},
    ),
    "principal_direction": Call(measure.principal_direction, {"x": PLANE}, {"x": slips.points}, np.abs),
    "energy_by_degree": Call(
        measure.energy_by_degree,
        {"space": CUBE, "x": CUBE.points(), "values": np.arange(8.0), "top": 2},
        {"space": slips.instance(lfp.Hypercube), "x": slips.unit(), "values": slips.values, "top": _whole(0)},
    ),
    "fitted_rate": Call(
        measure.fitted_rate,
        {"steps": np.arange(4), "size": FALL, "lr": 0.5},
        {"steps": slips.array(), "size": slips.values, "lr": slips.positive},
    ),
    "time_to": Call(
        measure.time_to,
        {"steps": np.arange(4), "size": FALL, "share": 0.25},
        {"steps": slips.array(), "size": slips.values, "share": slips.positive},
    ),
    "settled": Call(
        measure.settled,
        {"steps": np.arange(4), "size": FALL, "share": 0.25},
        {"steps": slips.array(), "size": slips.values, "share": slips.positive},
    ),
    "times_to": Call(
        measure.times_to,
        {"curves": CURVES, "share": 0.75},
        {"curves": slips.instance(lfp.ModeCurves), "share": slips.positive},
        np.nan_to_num,
    ),
    "nudft": Call(
        numerics.nudft,
        {"turns": np.array([[0.0], [0.25], [0.375], [0.75]]), "values": np.arange(4.0), "highest": 1},
        {
            "turns": slips.points,
            "values": slips.also(slips.array(complex_=True), (lambda y: y[:-1], "one less")),
            "highest": _whole(0),
        },
        lambda m: m.coefficients,
    ),
    "wiener": Call(
        networks.wiener,
        {"signal": np.array([1.0, 0.5]), "noise": np.array([0.5, 0.5])},
        {
            "signal": slips.also(slips.array(empty=False), (lambda s: -s, "negative")),
            "noise": slips.also(slips.array(empty=False), (lambda s: -s, "negative")),
        },
    ),
    "collocation": Call(lambda points: lfp.collocation(points), {"points": PLANE}, {"points": slips.points}),
}
