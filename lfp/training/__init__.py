"""Training: optax on real networks."""

from lfp._signature import guard as _guard
from lfp.training.plan import Plan as Plan, initialise as initialise, unstack as unstack

_guard(globals())
