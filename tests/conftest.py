"""Strict JAX for every test: what passes here neither broadcasts nor promotes by accident."""

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

collect_ignore = ["reference"]  # scripts run by hand, with other versions of JAX
