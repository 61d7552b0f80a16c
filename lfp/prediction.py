"""The prediction of an overlay: everything that is known before the first step of training."""

from operator import itemgetter
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float, Int

from lfp import _checks
from lfp.dynamics import Dynamics, GradientDescent, GradientFlow
from lfp.fluctuations import fluctuations
from lfp.networks import Network, Params
from lfp.ntk import empirical_kernel, kernel
from lfp.probes import probe
from lfp.problems import Problem
from lfp.solver import solve
from lfp.spectra import Spectrum, gram_spectrum, refuse_dense, spectrum
from lfp.training import initialise
from lfp.trajectory import Trajectory

LAYERS = ("lfp_vs_ntk", "ntk_vs_empirical", "empirical_vs_training", "flow_vs_steps")
LARGEST_EMPIRICAL = 512
LARGEST_BAND = 2048


class Prediction(eqx.Module):
    """What is said before training.

    Args:
        problem: the data.
        law: the optimiser.
        theory: the predicted trajectory: one run, or one for each network with the theory `empirical`.
        ntk: the infinite-width theory.
        flow: the same with gradient flow in place of steps.
        empirical: exact linear dynamics of every network's kernel at initialisation; None where it costs too much.
        band: sample trajectories of the theory for networks of this width; None where it costs too much.
        laziness: mean squared movement of a neuron that the theory needs by each step.
        rates: rate of each mode where the data has a symmetry.
    """

    problem: Problem
    law: Dynamics
    theory: Trajectory
    ntk: Trajectory | None = None
    flow: Trajectory | None = None
    empirical: Trajectory | None = None
    band: Trajectory | None = None
    laziness: Float[np.ndarray, " t"] | None = None
    rates: Float[np.ndarray, " k"] | None = None

    def layers(self, training: Trajectory) -> dict[str, Float[np.ndarray, " k"]]:
        """The layers of the error that can be told apart, sup over steps for every mode."""
        pairs = {
            "ntk_vs_empirical": (self.ntk, self.empirical),
            "empirical_vs_training": (self.empirical, training),
            "flow_vs_steps": (self.flow, self.ntk),
        }
        return {
            name: sup_distance(a, b, self.problem) for name, (a, b) in pairs.items() if a is not None and b is not None
        }

    def to_xarray(self) -> Any:
        """Labelled arrays: f(run, step, point), remaining(step, mode, part), spread(step, mode), laziness(step)."""
        data = self.theory.to_xarray()
        curves = probe(self.theory, self.problem)
        mean = curves.mean()
        data = data.assign_coords(mode=self.problem.modes, part=["re", "im"], t=("point", self.problem.t))
        data["target"] = ("point", self.problem.y)
        data["remaining"] = (("step", "mode", "part"), parts(mean))
        if self.band is not None:
            data["spread"] = (("step", "mode"), probe(self.band, self.problem).spread())
        if self.laziness is not None:
            data["laziness"] = ("step", self.laziness)
        if self.rates is not None:
            data["rate"] = ("mode", self.rates)
        return data


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
) -> Prediction:
    """Predict the training of a network: rates, mode curves, spread over seeds, laziness. Nothing is trained.

    Args:
        problem: the data.
        network: the network that will be trained.
        steps: steps at which to look, increasing from 0.
        law: the optimiser; None takes gradient descent with lr = 1 / largest rate.
        theory: `ntk` (infinite width) or `empirical` (the kernel of each network at its initialisation).
        seeds: number of networks that will be trained.
        seed: seed of their initialisation, as given to `train`.
        dtype: precision of the training: the kernel at initialisation is taken from the same parameters.
        infinite: spectrum of the infinite-width kernel on the data, where it is known already.

    Returns:
        `Prediction`.

    Raises:
        InputError: an unknown theory, more points than the theory can hold.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.networks import TwoLayer
        >>> from lfp.problems import sum_of_modes
        >>> p = predict(sum_of_modes(Circle(), 16, [1, 2]), TwoLayer(64), np.arange(9))
        >>> bool(p.rates[0] > p.rates[1])
        True
    """
    _checks.choice("theory", theory, ("ntk", "empirical"))
    analytic = kernel(network)
    infinite = spectrum(analytic, problem) if infinite is None else infinite
    law = GradientDescent(1 / float(infinite.rates.max())) if law is None else law
    ntk = solve(problem, infinite, law, steps)
    empirical, band, n = None, None, len(problem.t)
    if theory == "empirical":
        refuse_dense(n)
    if n <= LARGEST_EMPIRICAL or theory == "empirical":
        start = initialise(network, problem.x.shape[1], seeds, seed, dtype)
        empirical = empirical_theory(problem, network, start, law, steps)
    stable = law.lr < law.largest_stable_lr(float(infinite.rates.max()))
    if n <= LARGEST_BAND and stable:  # first order in the kernel means nothing to a mode that grows
        # a key of its own: the samples are not the networks that will be trained
        key = jax.random.fold_in(jax.random.key(seed), 2**31 - 1)
        band = fluctuations(problem, network, analytic, law, steps, key)
    rates = infinite.rates_of(problem.modes)
    return Prediction(
        problem,
        law,
        ntk if theory == "ntk" or empirical is None else empirical,
        ntk,
        solve(problem, infinite, GradientFlow(law.lr), steps),
        empirical,
        band if theory == "ntk" else None,  # the empirical theory knows each network: its width is not an error
        laziness(problem, infinite, network, law, steps),
        None if rates is None else np.asarray(rates),
    )


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


def empirical_theory(
    problem: Problem, network: Network, start: Params, dynamics: Dynamics, steps: Int[np.ndarray, " t"]
) -> Trajectory:
    """The exact linear dynamics of the empirical kernel of every network at its initialisation, one run a seed.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.dynamics import GradientDescent
        >>> from lfp.networks import TwoLayer
        >>> from lfp.problems import sum_of_modes
        >>> from lfp.training import initialise
        >>> net, p = TwoLayer(8), sum_of_modes(Circle(), 8, [1])
        >>> params = initialise(net, dim=2, seeds=3)
        >>> empirical_theory(p, net, params, GradientDescent(0.1), np.array([0, 1])).values.shape
        (3, 2, 8)
    """
    runs = []
    for params in unstack(start):
        kernel = empirical_kernel(network, params, jnp.asarray(problem.x)).astype(problem.y.dtype)
        runs.append(solve(problem, gram_spectrum(kernel, problem.weights), dynamics, steps).values)
    return Trajectory(np.asarray(steps), np.concatenate(runs), problem.x, {"kind": "theory", "spectrum": "empirical"})


def parts(values: Complex[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape 2"]:
    """Real and imaginary part along a last axis: netCDF knows no complex numbers.

    Example:
        >>> parts(np.array([1 + 2j])).tolist()
        [[1.0, 2.0]]
    """
    return np.stack([np.real(values), np.imag(values)], axis=-1)


def unstack(params: Params) -> list[Params]:
    """The parameters of each seed.

    Example:
        >>> [int(p) for p in unstack(jnp.arange(2))]
        [0, 1]
    """
    return [jax.tree.map(itemgetter(i), params) for i in range(len(jax.tree.leaves(params)[0]))]


def sup_distance(one: Trajectory, other: Trajectory, problem: Problem) -> Float[np.ndarray, " k"]:
    """sup over common steps of |difference of the mean mode curves|, relative to the start, for every mode.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.problems import sum_of_modes
        >>> p = sum_of_modes(Circle(), 8, [1])
        >>> zero, half = (Trajectory(np.array([0]), c * p.y[None, None], p.x) for c in (0.0, 0.5))
        >>> sup_distance(zero, half, p).round(12).tolist()
        [0.5]
    """
    count = min(len(one.steps), len(other.steps))
    if not np.array_equal(one.steps[:count], other.steps[:count]):
        msg = "the two trajectories were looked at on different steps; allowed: the same steps, one may end early"
        raise _checks.InputError(msg)
    gap = probe(one, problem).mean()[:count] - probe(other, problem).mean()[:count]
    return np.abs(gap).max(axis=0)
