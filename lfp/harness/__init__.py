"""Experiments and benchmarks: claims with gates."""
