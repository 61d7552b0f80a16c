"""Rates of one or several networks on a space: settings in, a folder with table, curves and picture out."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lfp import _checks, plotting, results
from lfp.activations import activation
from lfp.compounds import FourierFeatures, MultiScale, PiNet
from lfp.euclidean import Euclidean
from lfp.laws import Gaussian
from lfp.networks import MLP, Network, TwoLayer
from lfp.problems import read_csv
from lfp.rates import ModeRates, mode_rates
from lfp.spaces import Hypercube, Sphere, Torus, space
from lfp.trajectory import labelled, save

MODES = {"circle": 64, "sphere": 64, "torus": 12, "hypercube": 64, "euclidean": 64}
"""Highest mode where none is asked for."""

Where = Torus | Sphere | Hypercube | Euclidean


@dataclass(frozen=True)
class Survey:
    """Rates per mode of networks of infinite width: table, picture, law of decay, noise floor."""

    domain: str = "circle"
    """circle, sphere, hypercube, torus or euclidean (points, of a file or random)"""
    dim: int = 0
    """dimension: of the space around the sphere, of the cube, number of angles of the torus, of the points; 0: 2 on the
    circle, 3 on the sphere, 10 on the cube, 2 on the torus and for points"""
    data: str = ""
    """CSV file whose columns are the coordinates of points (domain euclidean)"""
    points: int = 0
    """number of random points (domain euclidean); 0: 1000"""
    sampling: str = "box"
    """random points uniform in the box [-1, 1]^dim or in the unit ball, or normal: box, ball, normal"""
    seed: int = 0
    """of random points and frequencies"""
    activation: str = "relu"
    """one or several activations: relu,tanh,erf"""
    depth: str = "1"
    """one or several numbers of hidden layers: 1,2,4"""
    max_mode: int = 0
    """highest degree or frequency, number of rates of points; 0: 64, on the torus 12"""
    parametrization: str = "ntk"
    """ntk (neural-tangents) or paper (two layers, Gaussian weights)"""
    w_std: float = 2**0.5
    """neural-tangents' W_std (parametrization ntk)"""
    b_std: float = 0.5
    """neural-tangents' b_std (parametrization ntk)"""
    degree: int = 1
    """factors of every layer of a Pi-net (parametrization ntk); 1: an MLP"""
    scales: str = ""
    """multi-scale inputs: a sum of networks at scaled inputs, as 1,2,4"""
    fourier: float = 0.0
    """standard deviation, in cycles per unit, of the frequencies of Fourier features (domain euclidean); 0: none"""
    features: int = 64
    """number of these frequencies"""
    sigma_a: float = 1.0
    """standard deviation of the output weights (parametrization paper)"""
    sigma_w: float = 1.0
    """of the input weights, likewise"""
    sigma_b: float = 1.0
    """of the biases, likewise"""


def build_networks(s: Survey, dim: int = 2) -> dict[str, Network]:
    """Every activation at every depth, by name.

    Args:
        s: the settings.
        dim: of the inputs, for Fourier features.

    Example:
        >>> list(build_networks(Survey(activation="relu,erf", depth="1,3")))
        ['relu, depth 1', 'relu, depth 3', 'erf, depth 1', 'erf, depth 3']
    """
    names = [part.strip() for part in s.activation.split(",") if part.strip()]
    if not names:
        msg = f"activation={s.activation!r} names none; allowed: one or several, as relu,tanh"
        raise _checks.InputError(msg)
    depths = [_checks.integer("depth", depth, 1) for depth in _numbers("depth", s.depth, int)]
    return {f"{name}, depth {depth}": _compound(s, _plain(s, name, depth), dim) for name in names for depth in depths}


def _plain(s: Survey, name: str, depth: int) -> Network:
    which, degree = activation(name), _checks.integer("degree", s.degree, 1)
    if _checks.choice("parametrization", s.parametrization, ("ntk", "paper")) == "ntk":
        scale = (s.w_std, s.b_std)
        return MLP(2, depth, which, *scale) if degree == 1 else PiNet(2, degree, depth, which, *scale)
    for option, value in (("depth", depth), ("degree", degree)):
        if value != 1:
            msg = f"{option}={value} with parametrization='paper'; allowed: 1, or parametrization='ntk'"
            raise _checks.InputError(msg)
    a, w, b = (Gaussian(_checks.positive(f"sigma_{p}", getattr(s, f"sigma_{p}"))) for p in "awb")
    return TwoLayer(2, which, a, w, b)


def _compound(s: Survey, network: Network, dim: int) -> Network:
    """With what stands in front: scaled inputs nearest to the network, then Fourier features."""
    if s.scales:
        network = MultiScale(network, tuple(_numbers("scales", s.scales, float)))
    if not _checks.nonnegative("fourier", s.fourier):
        return network
    if s.domain != "euclidean":
        msg = f"fourier={s.fourier} with domain={s.domain!r}: no function of x.y; allowed: domain='euclidean'"
        raise _checks.InputError(msg)
    key = jax.random.fold_in(jax.random.key(s.seed), 1)  # the points take the seed itself
    return FourierFeatures(network, Gaussian(s.fourier).sample(key, _checks.integer("features", s.features, 1), dim))


def build_space(s: Survey) -> Where:
    """The domain that the settings name, its points read or drawn.

    Example:
        >>> build_space(Survey(domain="euclidean", points=5, dim=3)).points.shape
        (5, 3)
    """
    if s.dim:
        _checks.integer("dim", s.dim, 1)
    if s.domain != "euclidean":
        for option in ("data", "points"):
            if getattr(s, option):
                msg = f"{option}={getattr(s, option)!r} with domain={s.domain!r}; allowed: domain='euclidean'"
                raise _checks.InputError(msg)
        _checks.choice("domain", s.domain, MODES)
        return space(s.domain, s.dim or None)
    if not s.data:
        return Euclidean.random(jax.random.key(s.seed), s.points or 1000, s.dim or 2, s.sampling)
    if s.points:
        msg = f"points={s.points} with data={s.data!r}; allowed: 0, the points are those of the file"
        raise _checks.InputError(msg)
    found = Euclidean.given(read_csv(s.data, least=1))
    if s.dim not in (0, found.dim):
        msg = f"dim={s.dim} with data={s.data!r} of {found.dim} columns; allowed: 0 or {found.dim}"
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
    where = build_space(s)
    top = _checks.integer("max_mode", s.max_mode, 0) or _default_top(s.domain, where)
    networks = build_networks(s, where.dim)
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
        kind = {Torus: "|k|", Euclidean: "rank"}.get(type(where), f"mode k{shift}")
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


def _default_top(name: str, where: Where) -> int:
    if isinstance(where, Euclidean):
        return min(MODES[name], len(where.points))
    return min(MODES[name], where.dim) if isinstance(where, Hypercube) else MODES[name]


def _numbers(name: str, text: str, kind: type) -> list:
    """Numbers between commas."""
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        what = "whole numbers >= 1" if kind is int else "numbers > 0"
        msg = f"{name}={text!r} cannot be read; allowed: {what} such as 1,2,4"
        raise _checks.InputError(msg) from None
