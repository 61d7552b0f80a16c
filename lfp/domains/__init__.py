"""Domains: where data live and which modes there are; problems; tables and images."""

from lfp._signature import guard as _guard
from lfp.domains.harmonics import (
    harmonics_of_degree as harmonics_of_degree,
    project as project,
    spherical_harmonics as spherical_harmonics,
)
from lfp.domains.images import read_digits as read_digits, read_image as read_image
from lfp.domains.problems import merge as merge
from lfp.domains.tables import read_csv as read_csv

_guard(globals())
