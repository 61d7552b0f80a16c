"""The LFP equation: operator, products, solution in time and at the limit."""

from lfp._signature import guard as _guard
from lfp.equation.population import Population as Population
from lfp.equation.products import choose as choose, dense as dense, direct as direct
from lfp.equation.structured import grid_fft as grid_fft, prefix_sums as prefix_sums

_guard(globals())
