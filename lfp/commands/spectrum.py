"""Rates of one or several networks on a domain: settings in, a folder with table, curves and picture out."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lfp import _checks, _files
from lfp.commands.options import NTK, Spectrum, given, numbers
from lfp.commands.rows import read_rows
from lfp.domains.domain import Zonal
from lfp.domains.euclidean import Euclidean
from lfp.domains.named import domain
from lfp.domains.sphere import Sphere
from lfp.domains.torus import Torus
from lfp.domains.units import Units, units_of
from lfp.figures import plots
from lfp.measure.trajectory import labelled, save
from lfp.networks.fourier_features import FourierFeatures
from lfp.networks.mlp import MLP
from lfp.networks.multi_scale import MultiScale
from lfp.networks.network import Network
from lfp.networks.pi_net import PiNet
from lfp.networks.two_layer import TwoLayer
from lfp.neurons.distributions import Gaussian
from lfp.spectra.on_domain import ModeRates
from lfp.spectra.spectrum import spectrum

Where = Zonal | Torus | Euclidean


def build(s: Spectrum, say: Callable[[str], None]) -> tuple[Where, Units, dict[str, Network]]:
    """The domain, its points read or drawn, their units, and every activation at every depth, by name."""
    s.check()
    where, units = _domain(s, say)
    names = [name.strip() for name in s.activation.split(",") if name.strip()]
    pairs = [(name, depth) for name in names for depth in numbers("depth", s.depth)]
    plain = {f"{name}, depth {depth}": _plain(s, name, depth) for name, depth in pairs}
    return where, units, {label: _compound(s, network, where.dim, units) for label, network in plain.items()}


def _domain(s: Spectrum, say: Callable[[str], None]) -> tuple[Where, Units]:
    if s.domain != "euclidean":
        return domain(s.domain, s.dim), Units()
    if s.data is None:
        points = 1000 if s.points is None else s.points
        return Euclidean.random(jax.random.key(s.seed or 0), points, s.dim or 2, s.sampling or "box"), Units()
    wanted = s if s.columns is None else replace(s, target="")
    table = read_rows(wanted, s.data, s.seed, say)
    if table.target is not None:
        say(f"column {table.column(table.target)} is the target and left out")
    x = table.coordinates
    units = units_of("x", x, standardize=s.standardize, columns=table.columns)
    where = Euclidean.given(units.inner(x))
    if s.dim not in (None, where.dim):
        msg = f"dim={s.dim} with data={str(s.data)!r} of {where.dim} coordinates; allowed: {where.dim}"
        raise _checks.InputError(msg)
    return where, units


def _plain(s: Spectrum, name: str, depth: int) -> Network:
    """The network itself; its width does not matter at infinite width."""
    if s.parametrization == "ntk":
        scale = given(s, NTK)
        return MLP(2, depth, name, **scale) if s.degree == 1 else PiNet(2, s.degree, depth, name, **scale)
    a, w, b = (Gaussian(1.0 if scale is None else scale) for scale in (s.sigma_a, s.sigma_w, s.sigma_b))
    return TwoLayer(2, name, a, w, b)


def _compound(s: Spectrum, network: Network, dim: int, units: Units) -> Network:
    """With what stands in front: scaled inputs nearest to the network, then Fourier features.

    Their frequencies are in cycles per unit of x: with x = m + s z, xi.x turns as s xi does with z.
    """
    if s.scales is not None:
        network = MultiScale(network, tuple(numbers("scales", s.scales, float)))
    if s.fourier is None:
        return network
    key = jax.random.fold_in(jax.random.key(s.seed or 0), 1)  # the points take the seed itself
    frequencies = Gaussian(s.fourier).sample(key, 64 if s.features is None else s.features, dim)
    return FourierFeatures(
        network, frequencies * np.broadcast_to(units.scale, frequencies.shape).astype(frequencies.dtype)
    )


def run(s: Spectrum, out: str | Path, *, force: bool = False, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Rates of every network, their decay, table and picture: result.json, with the first of `networks` at its top.

    Settings that cannot be run are refused before anything is written.
    """
    s.check()
    work = partial(_run, s, out, force=force, say=say)
    return _files.once(out, asdict(s), work, force=force, say=say)


def _run(s: Spectrum, out: str | Path, *, force: bool, say: Callable[[str], None]) -> dict[str, Any]:
    began = time.perf_counter()
    where, units, networks = build(s, say)
    rates: dict[str, Any] = {label: spectrum(network, where, s.modes) for label, network in networks.items()}
    for label, known in rates.items():
        hidden = int((~known.above_noise & ~known.absent).sum())
        if hidden:
            say(f"{label}: {hidden} of {len(known.labels)} modes are below the noise floor and not reported")
    folder = _files.claim(out, asdict(s), force=force)
    say("drawing ...")
    save(folder / "curves.nc", curves(rates))
    with plots.style():
        fig, axes = plots.figure(width=6.4, height=4.2)
        shift = f" + {(where.dim - 2) / 2:g}" if isinstance(where, Sphere) and where.dim > 2 else ""
        kind = {Torus: "|k|", Euclidean: "rank"}.get(type(where), f"mode k{shift}")
        plots.plot_rates(axes, rates, title=f"{where.name}, dim {where.dim}", label=kind)
        _files.save_figure(fig, folder, "spectrum")
    rows = [{"network": label, **summary(known)} for label, known in rates.items()]
    result = {
        **rows[0],
        "networks": rows,
        "dim": where.dim,
        "units": {"x": units.summary()},
        "seconds": round(time.perf_counter() - began, 2),
    }
    return _files.write_result(folder, result)


def summary(rates: ModeRates) -> dict[str, Any]:
    """Rates, trace, noise floor and decay of one network, for result.json. What is not above the noise has no rate."""
    arrays = (rates.labels, rates.rates, rates.multiplicities, rates.above_noise, rates.absent, rates.floors)
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
            for label, rate, size, above, absent, floor in zip(*arrays, strict=True)
        ],
        "trace": rates.trace,
        "tail": rates.tail,
        "noise_floor": rates.noise_floor,
        "effective_rank": rates.effective_rank,
        "decay": rates.decay.summary(),
    }


def curves(networks: dict[str, ModeRates]) -> Any:
    """Rates, errors and fitted decay, labelled."""
    every = list(networks.values())
    first = every[0]
    columns = {
        "rate": [rates.rates for rates in every],
        "log_rate": [rates.log_rates for rates in every],
        "noise": [rates.floors for rates in every],
        "fitted": [np.exp(rates.decay.log_rate(np.maximum(rates.frequencies, 1e-9))) for rates in every],
    }
    modes = [",".join(map(str, k)) if isinstance(k, tuple) else k for k in first.labels]
    data: dict[str, Any] = {name: (("network", "mode"), np.stack(rows)) for name, rows in columns.items()}
    data |= {"frequency": (("mode",), first.frequencies), "log_multiplicity": (("mode",), first.log_multiplicities)}
    return labelled({"network": list(networks), "mode": modes}, **data)


def _number(count: int) -> int | float | None:
    """A count as JSON's readers take it: exact, rounded, or none at all where no float holds it."""
    return count if count < 2**53 else float(count) if count < 2**1000 else None
