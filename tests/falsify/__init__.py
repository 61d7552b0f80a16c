"""Searches that try to break stated errors, against references in many digits: `make falsify SEED=1`."""
