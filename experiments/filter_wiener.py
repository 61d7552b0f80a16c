"""A spectral filter trained on several domains becomes Wiener's, frequency by frequency; one that adapts beats it.

Signals of falling power, one kind of noise a domain. The gain of every frequency is known at every step of training,
and so is the error on noise that training has not seen. A mask made of each map's own magnitudes is nearer to what is
best for its noise. The paper puts such masks into networks that classify photographs of several domains; those
benchmarks are out of reach of a CPU, and nothing is claimed of them here.
"""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.networks import (
    SpectralFilter,
    coloured,
    filter_error,
    learnt_gain,
    power_spectrum,
    shares,
    wiener,
)

PAPER = "Deep frequency filtering, arXiv 2203.12198"
PREDICTED = "the gain of every frequency at every step; the error on unseen noise; none of the adaptive mask"
CAPTION = "Gains in training and at the end, dashed theory; errors by domain, of the fixed gain and of the mask."
PLACES = 32
K = np.arange(PLACES // 2 + 1.0)
SIGNAL = 1 / (1 + (K / 3) ** 2)
DOMAINS = {
    "white": np.full_like(K, 0.3),
    "high": 0.05 + 0.8 * (K > 8),
    "low": 0.05 + 0.8 * (K < 5),
}
sgd, adam = cache(optax.sgd), cache(optax.adam)  # one object a rate: one compilation serves all seeds
UNSEEN = 0.05 + 0.8 * ((K > 4) & (K < 10))


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    maps: int = 8192
    channels: int = 8
    steps: int = 200
    adaptive_maps: int = 512
    adaptive_steps: int = 300
    adaptive_lr: float = 0.05
    gain_limit: float = 0.01  # a hundredth of what a gain can be
    better: float = 0.95  # by a twentieth


SMOKE = Config(maps=1024, steps=120, adaptive_maps=256, adaptive_steps=150, seeds=2, gain_limit=0.02)


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The theory of the fixed gain, then both filters, on all domains and, for a control, on one."""
    noise = np.mean(list(DOMAINS.values()), axis=0)
    lr, steps = trials.step_size(shares(K.shape, PLACES) * (SIGNAL + noise)), np.arange(float(c.steps + 1))
    arrays: experiment.Arrays = {
        "step": (("step",), steps),
        "theory": (("step", "k"), learnt_gain(SIGNAL, noise, PLACES, lr, steps)),
    }
    final = arrays["theory"][1][-1]
    errors = [filter_error(final, SIGNAL, one, PLACES) for one in (*DOMAINS.values(), UNSEEN)]
    arrays["error_theory"] = (("domain",), errors)

    def fixed() -> experiment.Arrays:
        found = [_fixed(c, lr, seed) for seed in c.each_seed]
        gains, measured = (np.stack(part) for part in zip(*found, strict=True))
        return {"gain": (("seed", "step", "k"), gains), "error": (("seed", "domain"), measured)}

    def adaptive() -> experiment.Arrays:
        several = np.stack([_adaptive(c, tuple(DOMAINS), seed) for seed in c.each_seed])
        alone = np.stack([_adaptive(c, ("white",), seed) for seed in c.each_seed])
        return {"adaptive": (("seed", "kind", "domain"), several), "alone": (("seed", "kind", "one"), alone[..., :1])}

    return arrays | stage("fixed gains", fixed) | stage("adaptive masks", adaptive)


def _maps(key: Any, names: tuple[str, ...], maps: int, channels: int) -> tuple[Any, Any]:
    """(noisy, clean): as many maps of every domain."""
    one, *others = jax.random.split(key, len(names) + 1)
    clean = coloured(one, SIGNAL, maps * len(names), PLACES, channels)
    powers = [UNSEEN if name == "unseen" else DOMAINS[name] for name in names]
    noise = [coloured(k, power, maps, PLACES, channels) for k, power in zip(others, powers, strict=True)]
    return (clean + jnp.concatenate(noise)).astype(jnp.float32), clean.astype(jnp.float32)


def _loss(layer: SpectralFilter, params: Any, noisy: Any, clean: Any) -> Any:
    return jnp.mean((layer.apply(params, noisy) - clean) ** 2) / 2


@partial(jax.jit, static_argnums=(0, 1, 4))
def _train(layer: SpectralFilter, step: optax.GradientTransformation, noisy: Any, clean: Any, steps: int) -> Any:
    """Parameters at the start and after every step."""
    start = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), layer.init())
    loss = lambda params, _: _loss(layer, params, noisy, clean)  # noqa: E731
    after = trials.minimise(loss, start, step, steps, looks=steps)
    return jax.tree.map(lambda one, some: jnp.concatenate([one[None], some]), start, after)


def _fixed(c: Config, lr: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gains in training by gradient descent; mean square error on fresh maps of every domain and of the unseen one."""
    train, test = jax.random.split(jax.random.key(seed))
    layer, names = SpectralFilter((PLACES,)), tuple(DOMAINS)
    gains = _train(layer, sgd(lr), *_maps(train, names, c.maps // len(names), c.channels), c.steps)
    last = {"gain": gains["gain"][-1]}
    fresh = (_maps(k, (name,), c.maps, c.channels) for k, name in _fresh(test))
    return np.asarray(gains["gain"]), np.array([2 * float(_loss(layer, last, *maps)) for maps in fresh])


def _fresh(key: Any) -> list[tuple[Any, str]]:
    names = (*DOMAINS, "unseen")
    return list(zip(jax.random.split(key, len(names)), names, strict=True))


def _adaptive(c: Config, names: tuple[str, ...], seed: int) -> np.ndarray:
    """Errors on fresh maps of each domain: of the best fixed gain of the training domains, and of the mask."""
    train, test = jax.random.split(jax.random.fold_in(jax.random.key(seed), 1))
    layer, fixed = SpectralFilter((PLACES,), adaptive=True), SpectralFilter((PLACES,))
    noisy, clean = _maps(train, names, c.adaptive_maps, c.channels)
    params = jax.tree.map(lambda leaf: leaf[-1], _train(layer, adam(c.adaptive_lr), noisy, clean, c.adaptive_steps))
    signal = power_spectrum(np.asarray(clean, float))
    best = {"gain": jnp.asarray(wiener(signal, power_spectrum(np.asarray(noisy - clean, float))), jnp.float32)}
    fresh = [_maps(k, (name,), c.adaptive_maps, c.channels) for k, name in _fresh(test)]
    pairs = ((fixed, best), (layer, params))
    return np.array([[2 * float(_loss(*pair, *maps)) for maps in fresh] for pair in pairs])


def check(data: Any, c: Config) -> list[Gate]:
    """Gains against Wiener's and against their course; errors on noise unseen; what adapting gains."""
    noise = np.mean(list(DOMAINS.values()), axis=0)
    last, best, mistaken = data.gain.values[:, -1], wiener(SIGNAL, noise), wiener(SIGNAL, DOMAINS["white"])
    ratio = data.error.values / data.error_theory.values - 1
    fixed, mask = np.moveaxis(data.adaptive.values, 1, 0)
    alone = data.alone.values[:, 1, 0] / data.alone.values[:, 0, 0]
    oracle = np.mean([filter_error(wiener(SIGNAL, one), SIGNAL, one, PLACES) for one in DOMAINS.values()])
    mixed = slice(0, len(DOMAINS))
    return [
        Gate("gain at the end less S / (S + N), largest", abs(last - best).max(axis=1), c.gain_limit),
        Gate(
            "gain in training less its course, largest",
            trials.gap(data.gain, data.theory),
            c.gain_limit,
        ),
        Gate("error on unseen noise over the closed form, less 1", abs(ratio[:, -1]), 4 * c.gain_limit),
        Gate("error on the mixture, mask over fixed gain", mask[:, mixed].mean(1) / fixed[:, mixed].mean(1), c.better),
        Gate(
            "the same where each map's noise is known: the least there is", oracle / fixed[:, mixed].mean(1), c.better
        ),
        Gate("error on unseen noise, mask over fixed gain", mask[:, -1] / fixed[:, -1], c.better),
        Gate(
            "gain at the end less that for white noise alone",
            abs(last - mistaken).max(axis=1),
            c.gain_limit,
            control=True,
        ),
        Gate("mask over fixed gain where there is one domain", alone, c.better, control=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Gains over the frequency at a few steps; errors by domain."""
    fig, (left, right) = plots.figure(columns=2, width=7.0, height=3.3)
    shown = [0, 3, 10, c.steps]
    for colour, step in zip(plots.mode_colours(len(shown)), shown, strict=True):
        left.plot(K, data.gain.values[:, step].mean(axis=0), color=colour, lw=2.0, label=f"step {step}")
        left.plot(K, data.theory.values[step], color="black", lw=1.0, ls=(0, (4, 2)))
    left.plot([], [], color="black", lw=1.0, ls=(0, (4, 2)), label="theory")
    left.set(xlabel="frequency (cycles per map)", ylabel="gain", ylim=(0, 1.05))
    left.legend(fontsize=7)
    places, (fixed, mask) = np.arange(len(DOMAINS) + 1), np.moveaxis(data.adaptive.values, 1, 0)
    best = [filter_error(wiener(SIGNAL, one), SIGNAL, one, PLACES) for one in (*DOMAINS.values(), UNSEEN)]
    for shift, values, colour, label in (
        (-0.2, fixed, plots.SERIES[0], "fixed gain"),
        (0.2, mask, plots.SERIES[1], "mask"),
    ):
        right.bar(places + shift, values.mean(axis=0), 0.36, color=colour, label=label)
    right.plot(places - 0.2, data.error_theory.values, "k_", ms=12, mew=1.5, label="closed form")
    right.plot(places + 0.2, best, "k.", ms=5, label="noise known")
    right.set(xticks=places, ylabel="mean square error")
    right.set_xticklabels([*DOMAINS, "unseen"])
    right.legend(fontsize=7, loc="upper right")
    right.set_ylim(0, 1.45 * right.get_ylim()[1])
    return fig
