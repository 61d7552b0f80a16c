"""Calls of the public API that must be refused, and odd ones that must not: `make fuzz-api`."""
