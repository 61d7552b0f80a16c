"""Neurons: activations, their transforms, the distributions of weights."""
