"""Optimisers: laws of linear training, each with its optax side."""
