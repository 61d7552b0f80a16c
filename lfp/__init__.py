"""Predict how fast a neural network learns each frequency of its target, and show it over a real training run."""

import ast
import importlib
from functools import cache as _cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # type checkers read it, and `__getattr__`, which imports a name where it is first used
    from lfp._checks import InputError as InputError
    from lfp.domains.circle import Circle as Circle
    from lfp.domains.domain import Domain as Domain, Zonal as Zonal
    from lfp.domains.euclidean import Euclidean as Euclidean
    from lfp.domains.harmonics import sum_of_degrees as sum_of_degrees
    from lfp.domains.hypercube import Hypercube as Hypercube
    from lfp.domains.images import scan_line as scan_line
    from lfp.domains.joint import Joint as Joint
    from lfp.domains.line import Line as Line
    from lfp.domains.problems import (
        Points as Points,
        Problem as Problem,
        problem as problem,
        sum_of_modes as sum_of_modes,
    )
    from lfp.domains.sphere import Sphere as Sphere
    from lfp.domains.torus import Torus as Torus
    from lfp.equation.generalization import a_priori_bound as a_priori_bound, fp_norm as fp_norm
    from lfp.equation.operator import Operator as Operator
    from lfp.equation.population import Spectral as Spectral
    from lfp.equation.propagators import Exact as Exact, Krylov as Krylov
    from lfp.equation.solution import Solution as Solution
    from lfp.equation.solver import evolve as evolve
    from lfp.kernels.algebra import Kernel as Kernel
    from lfp.kernels.empirical import empirical_kernel as empirical_kernel
    from lfp.kernels.profile import profile as profile
    from lfp.measure.probes import (
        FilterProbe as FilterProbe,
        ModeCurves as ModeCurves,
        ModeProbe as ModeProbe,
        Probe as Probe,
        WeightProbe as WeightProbe,
        probe as probe,
        probe_functions as probe_functions,
    )
    from lfp.measure.projections import DegreeProbe as DegreeProbe, DirectionProbe as DirectionProbe
    from lfp.measure.trajectory import Trajectory as Trajectory, log_steps as log_steps
    from lfp.networks.differentiated import Differentiated as Differentiated
    from lfp.networks.fourier_features import FourierFeatures as FourierFeatures
    from lfp.networks.mlp import MLP as MLP
    from lfp.networks.multi_scale import MultiScale as MultiScale
    from lfp.networks.network import Custom as Custom, Network as Network, kernel as kernel
    from lfp.networks.pi_net import PiNet as PiNet
    from lfp.networks.pinn import Pinn as Pinn, collocation as collocation
    from lfp.networks.regularizers import HashWH as HashWH
    from lfp.networks.sobolev import Sobolev as Sobolev
    from lfp.networks.stax import Stax as Stax
    from lfp.networks.two_layer import TwoLayer as TwoLayer
    from lfp.neurons.activations import Activation as Activation, activation as activation
    from lfp.neurons.distributions import (
        Distribution as Distribution,
        FixedRadius as FixedRadius,
        Gaussian as Gaussian,
        Samples as Samples,
        Uniform as Uniform,
    )
    from lfp.optimisers.adam import Adam as Adam
    from lfp.optimisers.conjugate_gradient import ConjugateGradient as ConjugateGradient
    from lfp.optimisers.descent import GradientDescent as GradientDescent, GradientFlow as GradientFlow
    from lfp.optimisers.gauss_newton import GaussNewton as GaussNewton
    from lfp.optimisers.jacobi import Jacobi as Jacobi
    from lfp.optimisers.law import Law as Law
    from lfp.optimisers.mini_batch import MiniBatch as MiniBatch
    from lfp.optimisers.momentum import HeavyBall as HeavyBall, Nesterov as Nesterov
    from lfp.optimisers.recognised import Measured as Measured, law_of as law_of
    from lfp.optimisers.ridge import RandomFeatures as RandomFeatures, Ridge as Ridge
    from lfp.optimisers.schedules import Scheduled as Scheduled, scheduled as scheduled
    from lfp.optimisers.weight_decay import WeightDecay as WeightDecay
    from lfp.prediction.concentration import Concentration as Concentration, concentration as concentration
    from lfp.prediction.drawn import DrawnCurve as DrawnCurve, drawn_curve as drawn_curve
    from lfp.prediction.extension import Extension as Extension, extend as extend, kernel_at_start as kernel_at_start
    from lfp.prediction.fluctuations import fluctuations as fluctuations
    from lfp.prediction.forecast import Forecast as Forecast
    from lfp.prediction.learning_curve import LearningCurve as LearningCurve, learning_curve as learning_curve
    from lfp.prediction.learning_in_time import LearningInTime as LearningInTime, learning_in_time as learning_in_time
    from lfp.prediction.linear import solve as solve
    from lfp.prediction.prediction import Prediction as Prediction, laziness as laziness, predict as predict
    from lfp.prediction.report import Report as Report, compare as compare, kernel_drift as kernel_drift
    from lfp.prediction.trained_curve import trained_curve as trained_curve
    from lfp.spectra.content import frequency_content as frequency_content
    from lfp.spectra.on_domain import ModeRates as ModeRates
    from lfp.spectra.on_points import Spectrum as Spectrum
    from lfp.spectra.ranks import RankProbe as RankProbe, carrying_ranks as carrying_ranks
    from lfp.spectra.spectrum import spectrum as spectrum
    from lfp.training.loop import Run as Run, train as train

__version__ = "0.2.0"


@_cache
def _homes() -> dict[str, str]:
    """The module of every public name, as imported above; a toolbox is its own."""
    imports = [node for node in ast.walk(ast.parse(Path(__file__).read_text())) if isinstance(node, ast.ImportFrom)]
    names = {alias.name: str(node.module) for node in imports for alias in node.names if alias.asname == alias.name}
    wings = {path.parent.name: f"lfp.{path.parent.name}" for path in Path(__file__).parent.glob("*/__init__.py")}
    return names | wings


def __getattr__(name: str) -> Any:
    """A public name, imported now: `import lfp` itself stays light."""
    if name not in _homes():
        msg = f"module 'lfp' has no attribute {name!r}"
        raise AttributeError(msg)
    from lfp._signature import guarded

    module = importlib.import_module(_homes()[name])
    found = module if module.__name__ == f"lfp.{name}" else guarded(getattr(module, name))
    return globals().setdefault(name, found)


def __dir__() -> list[str]:
    return sorted([*globals(), *_homes()])
