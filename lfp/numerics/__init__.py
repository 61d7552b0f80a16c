"""Numerics: mathematics that knows no network."""

from lfp._signature import guard as _guard
from lfp.numerics.scattered import coupling as coupling, nudft as nudft

_guard(globals())
