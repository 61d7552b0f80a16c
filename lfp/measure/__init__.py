"""Measurement: trajectories, and what is read off them: modes, filtered parts, times."""

from lfp._signature import guard as _guard
from lfp.measure.filters import (
    along as along,
    energy_by_degree as energy_by_degree,
    gaussian_filter as gaussian_filter,
    principal_direction as principal_direction,
    relative_error as relative_error,
)
from lfp.measure.outputs import OutputProbe as OutputProbe, accuracy as accuracy, cross_entropy as cross_entropy
from lfp.measure.projections import principal_directions as principal_directions
from lfp.measure.times import (
    fitted_rate as fitted_rate,
    settled as settled,
    time_errors as time_errors,
    time_to as time_to,
    times_to as times_to,
)

_guard(globals())
