"""Networks: what is trained."""

from lfp._signature import guard as _guard
from lfp.networks.joined import Joined as Joined
from lfp.networks.network import Wrapped as Wrapped
from lfp.networks.pinn import value as value
from lfp.networks.spectral_filter import (
    SpectralFilter as SpectralFilter,
    coloured as coloured,
    filter_error as filter_error,
    learnt_gain as learnt_gain,
    power_spectrum as power_spectrum,
    shares as shares,
    wiener as wiener,
)

_guard(globals())
