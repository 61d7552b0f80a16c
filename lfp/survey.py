"""Rates of one or several networks on a space: settings in, a folder with table, curves and picture out."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lfp import _checks, plotting, results
from lfp.activations import activation
from lfp.laws import Gaussian
from lfp.networks import MLP, TwoLayer
from lfp.rates import ModeRates, mode_rates
from lfp.spaces import Hypercube, Sphere, Torus, space
from lfp.trajectory import labelled, save

MODES = {"circle": 64, "sphere": 64, "torus": 12, "hypercube": 64}
"""Highest mode where none is asked for."""


@dataclass(frozen=True)
class Survey:
    """Rates per mode of networks of infinite width: table, picture, law of decay, noise floor."""

    domain: str = "circle"
    """circle, sphere, hypercube or torus"""
    dim: int = 0
    """dimension: of the space around the sphere, of the cube, number of angles of the torus; 0: 2, 3, 10, 2"""
    activation: str = "relu"
    """one or several activations: relu,tanh,erf"""
    depth: str = "1"
    """one or several numbers of hidden layers: 1,2,4"""
    max_mode: int = 0
    """highest degree or frequency; 0: 64, on the torus 12"""
    parametrization: str = "ntk"
    """ntk (neural-tangents) or paper (two layers, Gaussian weights)"""
    w_std: float = 2**0.5
    """neural-tangents' W_std (parametrization ntk)"""
    b_std: float = 0.5
    """neural-tangents' b_std (parametrization ntk)"""
    sigma_a: float = 1.0
    """standard deviation of the output weights (parametrization paper)"""
    sigma_w: float = 1.0
    """of the input weights, likewise"""
    sigma_b: float = 1.0
    """of the biases, likewise"""


def build_networks(s: Survey) -> dict[str, TwoLayer | MLP]:
    """Every activation at every depth, by name.

    Example:
        >>> list(build_networks(Survey(activation="relu,erf", depth="1,3")))
        ['relu, depth 1', 'relu, depth 3', 'erf, depth 1', 'erf, depth 3']
    """
    paper = _checks.choice("parametrization", s.parametrization, ("ntk", "paper")) == "paper"
    found: dict[str, TwoLayer | MLP] = {}
    for name in filter(None, (part.strip() for part in s.activation.split(","))):
        which = activation(name)
        for depth in _depths(s.depth):
            if paper and depth != 1:
                msg = f"depth={depth} with parametrization='paper'; allowed: 1, or parametrization='ntk'"
                raise _checks.InputError(msg)
            if paper:
                a, w, b = (Gaussian(_checks.positive(f"sigma_{p}", getattr(s, f"sigma_{p}"))) for p in "awb")
                found[f"{name}, depth {depth}"] = TwoLayer(2, which, a, w, b)
            else:
                found[f"{name}, depth {depth}"] = MLP(2, depth, which, s.w_std, s.b_std)
    if not found:
        msg = f"activation={s.activation!r} names none; allowed: one or several, as relu,tanh"
        raise _checks.InputError(msg)
    return found


def run(s: Survey, out: str | Path, *, force: bool = False, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Rates of every network, their laws, table and picture.

    Args:
        s: the settings.
        out: folder for config.json, result.json, curves.nc and the picture.
        force: take over a folder that holds another run.
        say: receives remarks, one line each.

    Returns:
        What result.json holds: `networks`, a list; the first of them also on its own level.

    Raises:
        InputError: settings that cannot be run; nothing is written then.
        OSError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> result = run(Survey(activation="erf", max_mode=32), tempfile.mkdtemp())
        >>> result["law"]["kind"], [row["mode"] for row in result["rates"]][:2]
        ('exponential', [0, 1])
    """
    began = time.perf_counter()
    if s.dim:
        _checks.integer("dim", s.dim, 1)
    where = space(s.domain, s.dim or None)
    top = _checks.integer("max_mode", s.max_mode, 0) or _default_top(s.domain, where)
    networks = build_networks(s)
    found = {}
    for label, network in networks.items():
        found[label] = mode_rates(network, where, top)
        hidden = int((~found[label].above_noise & ~found[label].absent).sum())
        if hidden:
            say(f"{label}: {hidden} of {len(found[label].labels)} modes are below the noise floor and not reported")
    folder = results.claim(out, asdict(s), force=force)
    save(folder / "curves.nc", curves(found))
    with plotting.style():
        fig, axes = plotting.figure(width=6.4, height=4.2)
        shift = f" + {(where.dim - 2) / 2:g}" if isinstance(where, Sphere) and where.dim > 2 else ""
        kind = "|k|" if isinstance(where, Torus) else f"mode k{shift}"
        plotting.plot_rates(axes, found, title=f"{s.domain}, dim {where.dim}", label=kind)
        results.save_figure(fig, folder, "spectrum")
    rows = [{"network": label, **summary(rates)} for label, rates in found.items()]
    result = {**rows[0], "networks": rows, "dim": where.dim, "seconds": round(time.perf_counter() - began, 2)}
    results.write_json(folder / "result.json", result)
    return result


def summary(rates: ModeRates) -> dict[str, Any]:
    """Rates, trace, noise floor and law of one network, for result.json. What is not above the noise has no rate.

    Example:
        >>> from lfp.domains import Circle
        >>> summary(mode_rates(MLP(2, 1, "relu", b_std=0.0), Circle(), 8))["rates"][3]["rate"] is None
        True
    """
    columns = zip(
        rates.labels, rates.rates, rates.multiplicities, rates.above_noise, rates.absent, rates.floors, strict=True
    )
    return {
        "rates": [
            {
                "mode": list(label) if isinstance(label, tuple) else label,
                "rate": float(rate) if above else None,
                "multiplicity": _number(size),
                "above_noise": bool(above),
                "absent": bool(absent),
                "noise": float(floor),
            }
            for label, rate, size, above, absent, floor in columns
        ],
        "trace": rates.trace,
        "tail": rates.tail,
        "noise_floor": rates.noise_floor,
        "effective_rank": rates.effective_rank,
        "law": rates.law.summary(),
    }


def curves(found: dict[str, ModeRates]) -> Any:
    """Rates, errors and fitted laws, labelled.

    Example:
        >>> from lfp.domains import Circle
        >>> sorted(curves({"relu": mode_rates(MLP(2, 1), Circle(), 8)}).rate.dims)
        ['mode', 'network']
    """
    every = list(found.values())
    fitted = [np.exp(rates.law.log_rate(np.maximum(rates.frequencies, 1e-9))) for rates in every]
    arrays = {
        "rate": np.stack([rates.rates for rates in every]),
        "log_rate": np.stack([rates.log_rates for rates in every]),
        "noise": np.stack([rates.floors for rates in every]),
        "fitted": np.stack(fitted),
    }
    first = every[0]
    modes = [",".join(map(str, k)) if isinstance(k, tuple) else k for k in first.labels]
    data: dict[str, Any] = {name: (("network", "mode"), values) for name, values in arrays.items()}
    data |= {"frequency": (("mode",), first.frequencies), "log_multiplicity": (("mode",), first.log_multiplicities)}
    return labelled({"network": list(found), "mode": modes}, **data)


def _number(count: int) -> int | float | None:
    """A count as JSON's readers take it: exact, rounded, or none at all where no float holds it."""
    return count if count < 2**53 else float(count) if count < 2**1000 else None


def _default_top(name: str, where: Torus | Sphere | Hypercube) -> int:
    return min(MODES[name], where.dim) if isinstance(where, Hypercube) else MODES[name]


def _depths(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found:
        msg = f"depth={text!r} cannot be read; allowed: whole numbers >= 1 such as 1,2,4"
        raise _checks.InputError(msg)
    return [_checks.integer("depth", depth, 1) for depth in found]
