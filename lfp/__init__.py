"""Predict how fast a neural network learns each frequency of its target, and show it over a real training run."""

from lfp import kernels as kernels
from lfp._checks import InputError as InputError
from lfp._neural_tangents import neural_tangents as neural_tangents
from lfp.activations import activation as activation
from lfp.blocked import kernel_product as kernel_product, network_product as network_product
from lfp.compare import Report as Report, compare as compare, kernel_drift as kernel_drift
from lfp.compounds import (
    Differentiated as Differentiated,
    FourierFeatures as FourierFeatures,
    MultiScale as MultiScale,
    PiNet as PiNet,
)
from lfp.content import frequency_content as frequency_content
from lfp.domains import Circle as Circle, Line as Line
from lfp.dynamics import GradientDescent as GradientDescent, GradientFlow as GradientFlow
from lfp.euclidean import Euclidean as Euclidean
from lfp.extension import Extension as Extension, extend as extend, kernel_at_start as kernel_at_start
from lfp.filtering import (
    along as along,
    energy_by_degree as energy_by_degree,
    gaussian_filter as gaussian_filter,
    principal_direction as principal_direction,
    relative_error as relative_error,
)
from lfp.fluctuations import fluctuations as fluctuations
from lfp.generalization import a_priori_bound as a_priori_bound, fp_norm as fp_norm
from lfp.iterations import ConjugateGradient as ConjugateGradient, GaussNewton as GaussNewton, Jacobi as Jacobi
from lfp.kernels import Given as Given
from lfp.laws import Gaussian as Gaussian, Uniform as Uniform
from lfp.methods import Exact as Exact, Krylov as Krylov
from lfp.momentum import HeavyBall as HeavyBall, Nesterov as Nesterov
from lfp.networks import MLP as MLP, Custom as Custom, TwoLayer as TwoLayer
from lfp.ntk import empirical_kernel as empirical_kernel, kernel as kernel
from lfp.operator import Operator as Operator
from lfp.partial import PartialSpectrum as PartialSpectrum, largest_rates as largest_rates
from lfp.pinn import Pinn as Pinn, collocation as collocation
from lfp.population import Spectral as Spectral
from lfp.prediction import Prediction as Prediction, laziness as laziness, predict as predict
from lfp.probes import (
    FilterProbe as FilterProbe,
    ModeProbe as ModeProbe,
    WeightProbe as WeightProbe,
    probe as probe,
    probe_functions as probe_functions,
)
from lfp.problems import (
    Points as Points,
    merge as merge,
    problem as problem,
    scan_line as scan_line,
    sum_of_modes as sum_of_modes,
)
from lfp.profile import profile as profile
from lfp.rates import ModeRates as ModeRates, grid_rates as grid_rates, mode_rates as mode_rates
from lfp.regularizers import HashWH as HashWH
from lfp.scattered import coupling as coupling, nudft as nudft
from lfp.schedules import Scheduled as Scheduled, scheduled as scheduled
from lfp.shrinkage import RandomFeatures as RandomFeatures, Ridge as Ridge, WeightDecay as WeightDecay
from lfp.sobolev import Sobolev as Sobolev, sobolev_rates as sobolev_rates
from lfp.solver import evolve as evolve, solve as solve
from lfp.spaces import Hypercube as Hypercube, Sphere as Sphere, Torus as Torus
from lfp.spectra import gram_spectrum as gram_spectrum, spectrum as spectrum
from lfp.stochastic import Adam as Adam, MiniBatch as MiniBatch
from lfp.training import train as train
from lfp.trajectory import Trajectory as Trajectory, log_steps as log_steps

__version__ = "0.1.0"
