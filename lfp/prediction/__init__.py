"""Prediction: what is said before training, and whether it was right. Theories stand in the order of their layers."""

from lfp._signature import guard as _guard

# isort: off
from lfp.prediction.theory import THEORIES as THEORIES, Theory as Theory
from lfp.prediction.lfp_model import LFP as LFP
from lfp.prediction.ntk import NTK as NTK
from lfp.prediction.empirical import Empirical as Empirical
from lfp.prediction.flow import Flow as Flow
from lfp.prediction.separate import Separate as Separate
from lfp.prediction.moving import Moving as Moving
from lfp.prediction.meanfield import MeanField as MeanField
from lfp.prediction.reference import Reference as Reference
from lfp.prediction.fluctuations import network_spectrum as network_spectrum
from lfp.prediction.particles import mean_field as mean_field
from lfp.prediction.feature_learning import Features as Features, features as features

_guard(globals())
