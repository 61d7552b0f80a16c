"""Numerics: mathematics that knows no network."""

from lfp.numerics.scattered import coupling as coupling, nudft as nudft
