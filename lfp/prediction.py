"""The prediction of an overlay: everything that is known before the first step of training."""

from functools import partial
from operator import itemgetter
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from lfp import _checks
from lfp.drift import DESCENTS, LARGEST as LARGEST_DRIFT, drift
from lfp.dynamics import Dynamics, GradientDescent, GradientFlow
from lfp.fluctuations import fluctuations, network_spectrum
from lfp.forecast import Forecast, forecast, forecast_of_networks, has_kink
from lfp.momentum import HeavyBall, Nesterov
from lfp.networks import Network, Params, TwoLayer
from lfp.noise import batch_noise, frozen_spectrum
from lfp.ntk import kernel
from lfp.operator import Operator
from lfp.probes import MODES, Probe, sup_distance
from lfp.problems import Problem
from lfp.solver import solve
from lfp.spectra import GramSpectrum, Spectrum, refuse_dense, spectrum
from lfp.stochastic import Adam, MiniBatch
from lfp.training import initialise
from lfp.trajectory import Trajectory

LAYERS = ("lfp_vs_ntk", "ntk_vs_empirical", "empirical_vs_training", "flow_vs_steps")
THEORIES = ("ntk", "lfp", "empirical")
LARGEST_EMPIRICAL = 512
LARGEST_BAND = 2048


class Prediction(eqx.Module):
    """What is said before training.

    Args:
        problem: the data.
        law: the optimiser.
        name: which of the curves is the theory that is laid over the training.
        curves: predicted trajectories: `ntk` (infinite width), `lfp` (the LFP operator), `flow` (`ntk` with gradient
            flow in place of steps), `empirical` (exact linear dynamics of every network's kernel at initialisation, one
            run a network), `moving` (the same with the kernels that move, see `drift`); absent where one does not
            apply or costs too much.
        band: sample trajectories of the theory for networks of this width; None where it costs too much.
        laziness: mean squared movement of a neuron that the theory needs by each step.
        rates: rate of each mode where the data has a symmetry.
        forecast: the expected D_sup of each mode; None without laziness, and for parts that are no modes.
        probe: what takes theory and training apart.
    """

    problem: Problem
    law: Dynamics
    name: str = eqx.field(static=True)
    curves: dict[str, Trajectory]
    band: Trajectory | None = None
    laziness: Float[np.ndarray, " t"] | None = None
    rates: Float[np.ndarray, " k"] | None = None
    forecast: Forecast | None = None
    probe: Probe = MODES

    @property
    def theory(self) -> Trajectory:
        """The curves that are laid over the training."""
        return self.curves[self.name]

    def layers(self, training: Trajectory) -> dict[str, Float[np.ndarray, " k"]]:
        """The layers of the error that can be told apart, sup over steps for every mode."""
        ntk, empirical = self.curves.get("ntk"), self.curves.get("empirical")
        pairs = {
            "lfp_vs_ntk": (self.curves.get("lfp"), ntk),
            "ntk_vs_empirical": (ntk, empirical),
            "empirical_vs_training": (empirical, training),
            "flow_vs_steps": (self.curves.get("flow"), ntk),
        }
        return {
            name: sup_distance(a, b, self.problem, self.probe)
            for name, (a, b) in pairs.items()
            if a is not None and b is not None
        }

    def to_xarray(self) -> Any:
        """Labelled arrays: f(run, step, point), remaining(step, mode, part), spread(step, mode), laziness(step)."""
        data = self.theory.to_xarray()
        curves = self.probe(self.theory, self.problem)
        data = data.assign_coords(mode=curves.modes, t=("point", self.problem.t))
        data["target"] = ("point", self.problem.y)
        last, values = curves.labelled()
        data["remaining"] = (("step", "mode", last), values.mean(axis=0))
        if self.band is not None:
            data["spread"] = (("step", "mode"), self.probe(self.band, self.problem).spread())
        if self.laziness is not None:
            data["laziness"] = ("step", self.laziness)
        if self.probe.modal:
            data = data.assign_coords(part=["re", "im"])
            if self.rates is not None:
                data["rate"] = ("mode", self.rates)
        return data.assign_attrs(probe=self.probe.name)


def predict(
    problem: Problem,
    network: Network,
    steps: Int[np.ndarray, " t"],
    law: Dynamics | None = None,
    *,
    theory: str = "ntk",
    seeds: int = 5,
    seed: int = 0,
    dtype: Any = jnp.float32,
    infinite: Spectrum | None = None,
    probe: Probe = MODES,
) -> Prediction:
    """Predict the training of a network: rates, mode curves, spread over seeds, laziness. Nothing is trained.

    Args:
        problem: the data.
        network: the network that will be trained.
        steps: steps at which to look, increasing from 0.
        law: the optimiser; None takes gradient descent with lr = 1 / largest rate.
        theory: `ntk` (infinite width), `lfp` (the LFP operator: two-layer networks with widely spread biases) or
            `empirical` (the kernel of each network at its initialisation: any network).
        seeds: number of networks that will be trained.
        seed: seed of their initialisation, as given to `train`.
        dtype: precision of the training: the kernel at initialisation is taken from the same parameters.
        infinite: spectrum of the infinite-width kernel on the data, where it is known already.
        probe: what will take theory and training apart.

    Returns:
        `Prediction`.

    Raises:
        InputError: an unknown theory, a network that it does not cover, more points than it can hold.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.networks import TwoLayer
        >>> from lfp.problems import sum_of_modes
        >>> p = predict(sum_of_modes(Circle(), 16, [1, 2]), TwoLayer(64), np.arange(9))
        >>> bool(p.rates[0] > p.rates[1])
        True
    """
    _checks.choice("theory", theory, THEORIES)
    n, starts, own, frozen = len(problem.t), [], [], isinstance(law, Adam)
    if frozen and theory != "empirical":
        msg = f"theory={theory!r} with Adam, which has no linear law; allowed: 'empirical', an estimate"
        raise _checks.InputError(msg)
    if theory == "empirical":
        refuse_dense(n)
    if n <= LARGEST_EMPIRICAL or theory == "empirical":
        starts = unstack(initialise(network, problem.x.shape[1], seeds, seed, dtype))
        own = [_own_spectrum(problem, network, params, law) for params in starts]
    analytic = None
    try:
        analytic = None if frozen else kernel(network)
        infinite = spectrum(analytic, problem) if infinite is None and analytic is not None else infinite
    except _checks.InputError:
        if theory != "empirical":  # a network without kernel at infinite width still has its own
            raise
    reference = own[0] if infinite is None else infinite
    law = GradientDescent(1 / float(reference.rates.max())) if law is None else law
    curves = _networks(problem, network, starts, own, law, steps) if own else {}
    if infinite is not None:
        curves["ntk"] = solve(problem, infinite, law, steps)
        if isinstance(law, GradientDescent | HeavyBall | Nesterov):  # momentum mu goes 1 / (1 - mu) times as far
            flow = GradientFlow(float(law.lr) / (1 - float(getattr(law, "mu", 0.0))))
            curves["flow"] = solve(problem, infinite, flow, steps)
    if theory == "lfp" or (isinstance(network, TwoLayer) and n <= LARGEST_EMPIRICAL):
        try:
            curves["lfp"] = _lfp(problem, network, law, steps)
        except _checks.InputError:  # biases too narrow for the operator: a layer of the budget that does not exist
            if theory == "lfp":
                raise
    band = None
    stable = law.lr < law.largest_stable_lr(float(reference.rates.max()))
    # first order in the kernel means nothing to a mode that grows; the empirical theory knows the width of each network
    if analytic is not None and theory != "empirical" and n <= LARGEST_BAND and stable:
        # a key of its own: the samples are not the networks that will be trained
        key = jax.random.fold_in(jax.random.key(seed), 2**31 - 1)
        band = fluctuations(problem, network, analytic, law, steps, key)
        if isinstance(law, MiniBatch):
            gram, key = analytic(jnp.asarray(problem.x), None), jax.random.fold_in(key, 1)
            noise = batch_noise(problem, gram, law, steps, key, len(band.values))
            band = eqx.tree_at(lambda one: one.values, band, band.values + noise)
    rates = reference.rates_of(problem.modes)
    rates = None if rates is None else np.asarray(rates)
    if frozen:
        return Prediction(problem, law, theory, curves, band, None, rates, None, probe)
    lazy = laziness(problem, reference, network, law, steps)
    # the forecast is calibrated on modes
    expected = _expected(problem, network, curves, theory, band, lazy, seeds, probe) if probe.modal else None
    return Prediction(problem, law, theory, curves, band, lazy, rates, expected, probe)


def _expected(
    problem: Problem,
    network: Network,
    curves: dict[str, Trajectory],
    theory: str,
    band: Trajectory | None,
    lazy: Float[np.ndarray, " t"],
    seeds: int,
    probe: Probe,
) -> Forecast:
    """The forecast of D_sup, from what is known before training."""
    if "moving" in curves:
        mean = {name: probe(curve, problem).mean() for name, curve in curves.items()}
        return forecast_of_networks(mean["empirical"] - mean[theory], mean["moving"] - mean["empirical"], network)
    around = next(curve for curve in (band, curves.get("empirical"), curves[theory]) if curve is not None)
    strays, gap = probe(around, problem).remaining, np.zeros((len(lazy), len(problem.modes)), complex)
    if theory == "lfp" and "ntk" in curves:
        gap = probe(curves["lfp"], problem).mean() - probe(curves["ntk"], problem).mean()
    return forecast(strays, gap, lazy, network, seeds, known=theory == "empirical")


def _own_spectrum(problem: Problem, network: Network, params: Params, law: Dynamics | None) -> GramSpectrum:
    """Rates of one network at its initialisation, under Adam those of its frozen preconditioner."""
    if isinstance(law, Adam):
        return frozen_spectrum(problem, network, params, law)
    return network_spectrum(problem, network, params)


def _networks(
    problem: Problem,
    network: Network,
    starts: list[Params],
    own: list[GramSpectrum],
    law: Dynamics,
    steps: Int[np.ndarray, " t"],
) -> dict[str, Trajectory]:
    """The linear dynamics of every network: of its kernel at initialisation, and of how that moves to first order."""
    values = np.concatenate([solve(problem, one, law, steps).values for one in own])
    meta = {"kind": "theory", "spectrum": "empirical"}
    curves = {"empirical": Trajectory(np.asarray(steps), values, problem.x, meta)}
    if len(problem.t) <= LARGEST_DRIFT and isinstance(law, DESCENTS):
        pairs = zip(starts, own, strict=True)
        order = 1 if has_kink(network) else 2  # with a kink the first order does not cancel
        added = np.stack([drift(problem, network, params, one, law, steps, order) for params, one in pairs])
        curves["moving"] = Trajectory(np.asarray(steps), values + added, problem.x, {**meta, "kernel": "moving"})
    return curves


def _lfp(problem: Problem, network: Network, law: Dynamics, steps: Int[np.ndarray, " t"]) -> Trajectory:
    """The dynamics of the LFP operator."""
    if not isinstance(network, TwoLayer):
        msg = f"theory='lfp' with network={type(network).__name__}; allowed: TwoLayer (parametrization='paper')"
        raise _checks.InputError(msg)
    operator = Operator(network.activation, network.a, network.w, network.b, problem.x.shape[1])
    return solve(problem, spectrum(partial(_completed, operator), problem), law, steps)


@eqx.filter_jit
def _completed(operator: Operator, x1: Array, x2: Array | None = None) -> Array:
    """K_0 + K_LFP as a kernel, compiled."""
    return operator(x1, x1 if x2 is None else x2)


def laziness(
    problem: Problem, spectrum: Spectrum, network: Network, dynamics: Dynamics, steps: Int[np.ndarray, " t"]
) -> Float[np.ndarray, " t"]:
    """Mean squared movement per neuron that the theory needs by step s: sum_k |y_k|^2 (1 - p_s)^2 / (L_k alpha^2 m).

    Known before training. Rates below the noise floor are left out: they have not moved by any step that counts.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.dynamics import GradientDescent
        >>> from lfp.networks import TwoLayer
        >>> from lfp.problems import sum_of_modes
        >>> from lfp.spectra import FourierSpectrum
        >>> p, rates = sum_of_modes(Circle(), 8, [1]), FourierSpectrum(jnp.array([0.0, 0.5, 0.0, 0.0, 0.0]), 8)
        >>> laziness(p, rates, TwoLayer(10), GradientDescent(1.0), np.array([0, 1])).round(12).tolist()
        [0.0, 0.025]
    """
    rates = spectrum.rates
    power = spectrum.coefficients(jnp.asarray(problem.y, rates.dtype))
    learned = dynamics.learned(rates, jnp.asarray(steps, rates.dtype))
    real = rates > spectrum.noise_floor
    moved = jnp.where(real, power / jnp.where(real, rates, 1.0), 0.0)
    return np.asarray(learned**2 @ moved) / (network.alpha**2 * network.width)


def unstack(params: Params) -> list[Params]:
    """The parameters of each seed.

    Example:
        >>> [int(p) for p in unstack(jnp.arange(2))]
        [0, 1]
    """
    return [jax.tree.map(itemgetter(i), params) for i in range(len(jax.tree.leaves(params)[0]))]
