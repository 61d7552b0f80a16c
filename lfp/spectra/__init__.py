"""Spectra: from a kernel to rates."""

from lfp._signature import guard as _guard
from lfp.spectra.content import Content as Content
from lfp.spectra.decay import Decay as Decay
from lfp.spectra.on_domain import ModeRates as ModeRates, grid_rates as grid_rates
from lfp.spectra.on_points import (
    FourierSpectrum as FourierSpectrum,
    GramSpectrum as GramSpectrum,
    JointSpectrum as JointSpectrum,
    PartialSpectrum as PartialSpectrum,
    Spectrum as Spectrum,
    gram_spectrum as gram_spectrum,
    largest_rates as largest_rates,
    sobolev_rates as sobolev_rates,
)
from lfp.spectra.ranks import rank_frequencies as rank_frequencies

_guard(globals())
