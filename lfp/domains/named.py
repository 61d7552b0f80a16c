"""Domains by name."""

from typing import Any

from lfp import _checks
from lfp.domains.circle import Circle
from lfp.domains.hypercube import Hypercube
from lfp.domains.line import Line
from lfp.domains.sphere import Sphere
from lfp.domains.torus import Torus

DOMAINS: dict[str, Any] = {one.name: one for one in (Circle, Line, Torus, Sphere, Hypercube)}


def domain(name: str, dim: int | None = None) -> Any:
    """The domain of a name; torus, sphere and hypercube in another dimension than their own."""
    make = DOMAINS[_checks.choice("domain", name, DOMAINS)]
    own = {"circle": 2, "line": 1}.get(name)
    if own is None:
        return make() if dim is None else make(dim)
    if dim not in (None, own):
        msg = f"dim={dim} with domain={name!r}; allowed: {own}, or another domain"
        raise _checks.InputError(msg)
    return make()
