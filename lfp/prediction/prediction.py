"""The prediction of an overlay: everything that is known before the first step of training."""

import contextlib
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from lfp import _checks
from lfp._signature import says_itself
from lfp.domains.joint import Joint
from lfp.domains.problems import Problem
from lfp.measure.probes import MODES, Data, Probe, movement, sup_distance
from lfp.measure.trajectory import Trajectory, log_steps
from lfp.networks.joined import joined
from lfp.networks.network import Network, inertia
from lfp.optimisers.descent import GradientDescent
from lfp.optimisers.law import Law
from lfp.optimisers.recognised import Transformation
from lfp.prediction.expected import expected, expected_of_limit
from lfp.prediction.forecast import HOLDS_BELOW, Forecast
from lfp.prediction.meanfield import MeanField
from lfp.prediction.theory import Ground, Theory, beside, pairs, refuse, theory_of
from lfp.spectra.on_points import Spectrum
from lfp.spectra.ranks import RankProbe
from lfp.training.plan import Plan, as_law, refuse_swapped


class Prediction(eqx.Module):
    """What is said before training, and what it speaks about: `train` takes it as it is.

    Args:
        plan: network, problem, law, looks, seeds and precision of the training.
        name: which of the curves is the theory that is laid over the training.
        curves: predicted trajectories: `ntk` (infinite width), `lfp` (the LFP operator), `flow` (`ntk` with gradient
            flow in place of steps), `empirical` (exact linear dynamics of every network's kernel at initialisation, one
            run a network), `moving` (the same with the kernels that move, see `drift`); absent where one does not
            apply or costs too much.
        band: sample trajectories of the theory for networks of this width; None where it costs too much.
        laziness: mean squared movement of a neuron that the theory needs by each step.
        rates: rate of each mode where the data has a symmetry, and of each rank.
        forecast: the expected D_sup of each mode; None without laziness, for parts that are no modes, for which it is
            not calibrated, and where the theory moves none of them.
        probe: what takes theory and training apart.
    """

    plan: Plan
    name: str = eqx.field(static=True)
    curves: dict[str, Trajectory]
    band: Trajectory | None = None
    laziness: Float[np.ndarray, " t"] | None = None
    rates: Float[np.ndarray, " k"] | None = None
    forecast: Forecast | None = None
    probe: Probe = MODES

    @property
    def network(self) -> Network:
        """The network that will be trained."""
        return self.plan.network

    @property
    def problem(self) -> Data:
        """The data."""
        return self.plan.problem

    @property
    def law(self) -> Law:
        """The optimiser."""
        return self.plan.law

    @property
    def doubt(self) -> str | None:
        """Why the theory claims nothing, or nothing more from some step on; None where it does. No forecast then."""
        return _doubt(self.theory)

    @property
    def theory(self) -> Trajectory:
        """The curves that are laid over the training."""
        return self.curves[self.name]

    def layers(self, training: Trajectory) -> dict[str, Float[np.ndarray, " k"]]:
        """The layers of the error that can be told apart, sup over steps for every mode: differences of neighbours."""
        curves = {**self.curves, "training": training}
        return {
            layer: sup_distance(curves[name], curves[other], self.problem, self.probe)
            for name, layer, other in pairs()
            if name in curves and other in curves
        }

    def to_xarray(self) -> Any:
        """Labelled arrays: f(run, step, point), remaining(step, mode, part), spread(step, mode), laziness(step)."""
        data, looks = self.theory.to_xarray(), len(self.theory.steps)
        curves = self.probe(self.theory, self.problem)
        data = data.assign_coords(mode=curves.modes)
        if isinstance(self.problem, Problem):
            data = data.assign_coords(t=("point", self.problem.t))
        if isinstance(self.problem, Joint):
            data = data.assign_coords(output=("point", np.tile(self.problem.names, len(self.problem.inputs))))
        data["target"] = ("point", np.asarray(self.problem.y))
        last, values = curves.labelled()
        data["remaining"] = (("step", "mode", last), values.mean(axis=0))
        if self.band is not None:
            data["spread"] = (("step", "mode"), self.probe(self.band, self.problem).spread())
        if self.name == MeanField.name and "ntk" in self.curves:
            linear = self.probe(self.curves["ntk"], self.problem).labelled()[1]
            data["remaining_linear"] = (("step", "mode", last), linear.mean(axis=0)[:looks])
        if self.laziness is not None:
            data["laziness"] = ("step", self.laziness[:looks])
        if self.probe.modal:
            data = data.assign_coords(part=["re", "im"])
            if self.rates is not None:
                data["rate"] = ("mode", self.rates)
        return data.assign_attrs(probe=self.probe.name)


@says_itself("network", "problem", "law")
def predict(
    network: Network,
    problem: Data,
    law: Law | Transformation | None = None,
    steps: Int[np.ndarray, " t"] | None = None,
    *,
    theory: str | Theory = "ntk",
    also: str | Theory | Sequence[str | Theory] = (),
    seeds: int = 5,
    seed: int = 0,
    dtype: Any = jnp.float32,
    center: bool = True,
    infinite: Spectrum | None = None,
    probe: Probe | None = None,
) -> Prediction:
    """Predict the training of a network: rates, mode curves, spread over seeds, laziness. Nothing is trained.

    Args:
        network: the network that will be trained.
        problem: the data, a `Problem`, `Points` of any dimension, or `Joint` ones of several outputs.
        law: the optimiser, as a law or a transformation of optax (`law_of`); None takes gradient descent with lr = 1 /
            largest rate. One without law is measured only: beside it stands the flow of the NTK, as a reference.
        steps: steps at which to look, increasing from 0; None takes 80 of 3000, `log_steps(3000, 80)`.
        theory: `ntk` (infinite width), `lfp` (the LFP operator: two-layer networks with widely spread biases),
            `empirical` (the kernel of each network at its initialisation: any network), `separate` (the same, every
            output alone), `meanfield` (infinite width at fixed gamma = 1 / (alpha sqrt(m)): two-layer networks that
            learn features), or a `Theory`. Others that apply are worked out beside it, for the error budget.
        also: theories that are worked out beside it though they cost more. With `meanfield` the forecast of `ntk` and
            `lfp` knows what laziness costs to all orders; else two constants for higher orders are calibrated.
        seeds: number of networks that will be trained.
        seed: seed of their initialisation.
        dtype: precision of the training: the kernel at initialisation is taken from the same parameters.
        center: whether training takes f_0 off. Else f itself is trained, as most code does: theories of the very
            networks start from their f_0, others from its mean, 0, with its spread in the band.
        infinite: spectrum of the infinite-width kernel on the data, where it is known already.
        probe: what will take theory and training apart; None for the modes of a `Problem`, and on `Points` for
            the ranks of the kernel that carry the target, at most eight.

    Returns:
        `Prediction`; `train` trains what it speaks about.

    Raises:
        InputError: an unknown theory, one that does not apply, more points than it can hold, a probe that does not fit
            the data.

    Example:
        >>> from lfp import Circle, TwoLayer, sum_of_modes
        >>> p = predict(TwoLayer(64), sum_of_modes(Circle(), 16, [1, 2]), steps=np.arange(9))
        >>> bool(p.rates[0] > p.rates[1])
        True
    """
    settings: dict[str, Any] = {"seeds": seeds, "seed": seed, "dtype": dtype, "center": center, "infinite": infinite}
    said, ground, chosen, dear = _said(network, problem, law, steps, theory, also, probe, **settings)
    plan, rule, curves = said.plan, said.law, said.curves
    if not rule.exact:
        return said
    band = chosen.band(plan, ground, curves)
    lessons = ground.lessons if chosen.of_networks else plan.lessons_of_others()
    lazy = np.mean([laziness(said.network, one, rule, plan.steps, ground.reference) for one in lessons], axis=0)
    found = _forecast(said, ground, chosen, dear, band)
    return Prediction(plan, chosen.name, curves, band, lazy, said.rates, found, said.probe)


def foresee(
    network: Network,
    problem: Data,
    law: Law | None,
    steps: Int[np.ndarray, " t"],
    theory: str | Theory,
    probe: Probe,
    **settings: Any,
) -> Forecast | None:
    """The forecast of `predict` alone, without what it does not need: no band, no layers of the budget."""
    said, ground, chosen, dear = _said(network, problem, law, steps, theory, (), probe, **settings, only=FORECASTING)
    return _forecast(said, ground, chosen, dear, None) if said.law.exact else None


FORECASTING = ("ntk", "empirical", "moving")
"""The theories beside the one that is laid over training which its forecast uses."""


def _said(
    network: Network,
    problem: Data,
    law: Law | Transformation | None,
    steps: Int[np.ndarray, " t"] | None,
    theory: str | Theory,
    also: str | Theory | Sequence[str | Theory],
    probe: Probe | None,
    *,
    only: Sequence[str] | None = None,
    **settings: Any,
) -> tuple[Prediction, Ground, Theory, list[Theory]]:
    """The curves, what their theories share, the theory that is laid over training, and the dear ones beside it.

    Of the cheap ones beside it those of `only`, or all. The settings are those of `Ground`.
    """
    steps = log_steps(3000, 80) if steps is None else steps
    rule: Law | None = as_law(law, steps, network)
    refuse_swapped(network, problem, rule)
    if probe is not None:
        probe.refuse(problem)
    network = joined(network, problem)
    unknown = rule is not None and rule.measured
    chosen, points = theory_of("reference" if unknown and theory == "ntk" else theory), len(problem.x)
    dear = [theory_of(one) for one in ([also] if isinstance(also, str | Theory) else also)]
    for one in (chosen, *dear):
        refuse(one, network, rule, points)
    ground = Ground(network, problem, rule, **settings)
    if probe is None:
        probe = MODES if isinstance(problem, Problem) else RankProbe(ground.reference, problem)
    rule = GradientDescent(1 / ground.largest) if rule is None else rule
    plan = Plan(network, problem, rule, steps, ground.seeds, ground.seed, ground.dtype, ground.center)
    curves = {chosen.name: chosen.follow(plan, ground)}
    chosen.stand(plan, ground, curves[chosen.name], probe)
    others = beside(chosen, network, rule, problem) | {one.name: one for one in dear if one.name != chosen.name}
    for name, other in others.items():
        if only is None or name in only:
            with contextlib.suppress(_checks.InputError):  # a layer of the budget that does not exist
                curves[name] = other.follow(plan, ground)
    rates = probe.rates(problem, ground.reference)
    return Prediction(plan, chosen.name, curves, rates=rates, probe=probe), ground, chosen, dear


def _forecast(
    said: Prediction, ground: Ground, chosen: Theory, dear: list[Theory], band: Trajectory | None
) -> Forecast | None:
    """What is expected; None where nothing moves, of parts that are no modes, and where the theory claims nothing."""
    plan, curves, probe = said.plan, said.curves, said.probe
    # calibrated on modes and on steps of descent; and where nothing moves there is nothing to forecast
    if not (plan.law.descends or plan.law.batched):
        return None
    if not probe.modal or said.doubt is not None or movement(said.theory, said.problem, probe) < HOLDS_BELOW:
        return None
    rich = next((one for one in (chosen, *dear) if isinstance(one, MeanField) and one.name in curves), None)
    if rich is not None and not chosen.of_networks and _doubt(curves[rich.name]) is None:
        near = band if rich is chosen and band is not None else rich.band(plan, ground, curves)
        return expected_of_limit(said, curves[rich.name], near, ground.reference)
    return expected(said, ground, chosen)


def _doubt(curve: Trajectory) -> str | None:
    """Why a mean field claims nothing, or nothing more from some step on; None where it does, and of other theories."""
    meta = curve.meta
    if meta.get("unstable_from") is not None:
        return f"unstable from step {meta['unstable_from']} on, where lr L of the moving kernel reaches the limit"
    if meta.get("reached") is False:
        return f"known to a standard error of {meta['standard_error']:.2g} only, by {meta['particles']} pairs"
    return None


def laziness(
    network: Network, problem: Data, law: Law, steps: Int[np.ndarray, " t"], spectrum: Spectrum
) -> Float[np.ndarray, " t"]:
    """Mean squared movement per neuron that the theory needs by step s: sum_k |y_k|^2 (1 - p_s)^2 / (L_k alpha^2 m).

    Known before training. Rates below the noise floor are left out: they have not moved by any step that counts.

    Example:
        >>> from lfp import Circle, TwoLayer, sum_of_modes
        >>> from lfp.spectra import FourierSpectrum
        >>> p, rates = sum_of_modes(Circle(), 8, [1]), FourierSpectrum(jnp.array([0.0, 0.5, 0.0, 0.0, 0.0]), 8)
        >>> laziness(TwoLayer(10), p, GradientDescent(1.0), np.array([0, 1]), rates).round(12).tolist()
        [0.0, 0.025]
    """
    where, y = (jax.device_put(np.asarray(part, spectrum.rates.dtype)) for part in (steps, problem.y))
    return np.asarray(_moved(spectrum, law, where, y)) / (network.alpha**2 * inertia(network))


@eqx.filter_jit
def _moved(spectrum: Spectrum, law: Law, steps: Float[Array, " t"], y: Float[Array, " n"]) -> Float[Array, " t"]:
    """sum_k |y_k|^2 (1 - p_s)^2 / L_k."""
    rates, power = spectrum.rates, spectrum.coefficients(y)
    real = rates > spectrum.noise_floor
    return law.learned(rates, steps) ** 2 @ jnp.where(real, power / jnp.where(real, rates, 1.0), 0.0)
