"""Kernels K(x, x'): analytic, empirical, composed of others; their products with vectors."""

from lfp._signature import guard as _guard
from lfp.kernels._neural_tangents import neural_tangents as neural_tangents
from lfp.kernels.algebra import (
    Differential as Differential,
    Dilated as Dilated,
    Given as Given,
    Mapped as Mapped,
    Scaled as Scaled,
    Sum as Sum,
    Times as Times,
    as_kernel as as_kernel,
)
from lfp.kernels.blocked import kernel_product as kernel_product, network_product as network_product
from lfp.kernels.empirical import ntk_vector_product as ntk_vector_product, parameter_uses as parameter_uses
from lfp.kernels.profile import Profile as Profile
from lfp.kernels.series import power_series as power_series

_guard(globals())
