"""What would mend a prediction that is going to fail: changes of the training, each tried on the prediction itself."""

import contextlib
from dataclasses import fields, is_dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from lfp import _checks
from lfp.domains.joint import Joint
from lfp.measure.probes import sup_distance
from lfp.networks.network import Custom, Wrapped
from lfp.neurons.distributions import Gaussian, Uniform
from lfp.prediction.forecast import HOLDS_BELOW
from lfp.prediction.prediction import Prediction, foresee


def remedies(said: Prediction) -> dict[str, float]:
    """The expected D_sup of the same training with one thing changed: twice the width, ten times alpha, and such.

    Nothing is trained; each of them costs a forecast.

    Args:
        said: a prediction with a forecast.

    Example:
        >>> from lfp import Circle, TwoLayer, predict, sum_of_modes
        >>> said = predict(TwoLayer(64), sum_of_modes(Circle(), 16, [1, 2]), steps=np.arange(9), seeds=1)
        >>> sorted(remedies(said))
        ['ten times alpha', 'twice the width']
    """
    return _tried(said, _changes(said))


OPTIONS = {"targets with their mean removed": "--center", "targets of mean 0 and variance 1": "--standardize"}
"""Of a command: the changes that are of units alone."""


def remedies_of_units(said: Prediction) -> dict[str, float]:
    """The same of the units of the targets alone, by the option of a command."""
    changes = _changes(said)
    tried = _tried(said, {name: changes[name] for name in OPTIONS if name in changes})
    return {OPTIONS[name]: value for name, value in tried.items()}


def _tried(said: Prediction, changes: dict[str, dict[str, Any]]) -> dict[str, float]:
    """The expected D_sup under each of the changes."""
    plan, found = said.plan, {}
    if "standard_error" in said.theory.meta:  # each would step particles anew
        return found
    for name, change in changes.items():
        same = {"network": plan.network, "problem": said.problem, "law": plan.law, "dtype": plan.dtype}
        ensemble = {"theory": said.name, "seeds": plan.seeds, "seed": plan.seed, "center": plan.center}
        with contextlib.suppress(_checks.InputError):  # a change that the theory does not take
            other = foresee(steps=plan.steps, probe=said.probe, **{**same, **ensemble, **change})
            if other is not None:
                found[name] = float(other.largest[1])
    return found


def advice(said: Prediction) -> str:
    """What a forecast that fails is made of, and what each change of the training would make of it, in words."""
    expected = said.forecast
    assert expected is not None
    parts = {"the width": expected.wide, "the movement of the kernel": expected.lazy, "rounding": expected.rough}
    if said.name == "lfp" and "ntk" in said.curves:
        operator = float(sup_distance(said.theory, said.curves["ntk"], said.problem, said.probe).max())
        parts["the LFP operator in place of the kernel"] = operator
        parts["the width"] *= operator < expected.wide / 2  # which holds both
    parts = {name: cost for name, cost in parts.items() if cost > HOLDS_BELOW / 10}
    costs = ", ".join(f"{name} {parts[name]:.2g}" for name in sorted(parts, key=lambda name: -parts[name]))
    tried = remedies(said)
    if not tried:
        return f"of it {costs}"
    each = ", ".join(f"{name} {value:.2g}" for name, value in sorted(tried.items(), key=lambda pair: pair[1]))
    holds = [name for name, value in tried.items() if value <= HOLDS_BELOW]
    which = f"{' or '.join(holds)} would do" if holds else "none of these alone would do"
    return f"of it {costs}; tried on the prediction: {each}: {which}"


def _changes(said: Prediction) -> dict[str, dict[str, Any]]:
    """The changes that apply, by name."""
    network, problem, expected = said.network, said.problem, said.forecast
    changes: dict[str, dict[str, Any]] = {}
    inner = _innermost(network)
    known = {field.name for field in fields(inner)} if is_dataclass(inner) else set()
    if "width" in known and not isinstance(inner, Custom):
        changes["twice the width"] = {"network": _replaced(network, "width", 2)}
    factor, words = (10, "ten") if expected is None or expected.lazy <= 10 * HOLDS_BELOW else (100, "a hundred")
    if "alpha" in known:
        changes[f"{words} times alpha"] = {"network": _replaced(network, "alpha", factor)}
    centred, scaled = OPTIONS
    columns, shares = (problem.table, problem.shares) if isinstance(problem, Joint) else (problem.y, problem.weights)
    mean = shares @ columns  # of every output its own
    deviation = np.sqrt(shares @ (columns - mean) ** 2)
    followed = 0 in said.probe.modes(problem)
    if not followed and np.any(np.abs(mean) > deviation):
        changes[centred] = {"problem": replace(problem, y=(columns - mean).ravel())}
    if not followed and np.any(deviation > 2):
        changes[scaled] = {"problem": replace(problem, y=((columns - mean) / deviation).ravel())}
    if not said.plan.center:
        changes["f_0 taken off"] = {"center": True}
    if said.name == "lfp":
        # other rates, and the step with them
        changes["four times sigma_b"] = {"network": _replaced(network, "b", 4), "law": None}
    if expected is not None and expected.rough > HOLDS_BELOW / 2:
        if "alpha" in known:
            changes["a tenth of alpha"] = {"network": _replaced(network, "alpha", 0.1)}
        if jax.config.jax_enable_x64:  # type: ignore[attr-defined]
            changes["training in float64"] = {"dtype": jnp.float64}
    return changes


def _innermost(network: Any) -> Any:
    return _innermost(network.inner) if isinstance(network, Wrapped) else network


def _replaced(network: Any, name: str, factor: float) -> Any:
    """The network with a field of the innermost one multiplied."""
    if isinstance(network, Wrapped):
        return eqx.tree_at(lambda n: n.inner, network, _replaced(network.inner, name, factor))
    value = getattr(network, name)
    if isinstance(value, Gaussian):
        return replace(network, **{name: Gaussian(value.scale * factor)})
    if isinstance(value, Uniform):
        return replace(network, **{name: Uniform(value.bound * factor)})
    return replace(network, **{name: type(value)(np.multiply(value, factor))})
