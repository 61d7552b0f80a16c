"""Training: optax on real networks."""

from lfp.training.plan import Plan as Plan, initialise as initialise, unstack as unstack
