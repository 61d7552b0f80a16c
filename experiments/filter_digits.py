"""A mask made of each image's own spectrum carries a classifier over to noise that it was not trained on.

Digits that scikit-learn ships, noise of three spectra in training, a fourth in the test. What a fixed gain does to the
fourth is known in closed form, from the power spectra of digits and noise alone. The classifier, trained with cross
entropy, is measured only: with the mask in front, with a fixed gain there (control), with nothing. The paper's
benchmarks of domain generalisation are out of reach of a CPU.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lfp.figures import plots
from lfp.harness import experiment, trials
from lfp.harness.experiment import Settings, Stage
from lfp.harness.gate import Gate
from lfp.networks import SpectralFilter, coloured, filter_error, power_spectrum, shares, wiener

PAPER = "Deep frequency filtering, arXiv 2203.12198"
PREDICTED = "error of the fixed gain on unseen noise; accuracies are measured only"
CAPTION = "Left: error of the fixed gain by domain, dots the closed form. Right: accuracy by domain, five networks."
SIDE, CHANNELS, HIDDEN, CLASSES = 8, 8, 32, 10
DOWN, ACROSS = np.meshgrid(abs(np.fft.fftfreq(SIDE, 1 / SIDE)), np.arange(SIDE // 2 + 1.0), indexing="ij")
BANDS = {
    "rows": (ACROSS == 0) & (DOWN >= 2),
    "columns": (DOWN == 0) & (ACROSS >= 2),
    "white": DOWN >= 0,
    "checks": (DOWN >= 2) & (ACROSS >= 2),
}
TRAINED = ("rows", "columns", "white")
FILTERS = {
    "no filter": None,
    "fixed gain": SpectralFilter((SIDE, SIDE)),
    "mask": SpectralFilter((SIDE, SIDE), adaptive=True, reach=0),
}


@dataclass(frozen=True)
class Config(Settings):
    """Settings."""

    level: float = 3.0
    train: int = 1200
    steps: int = 600
    batch: int = 128
    lr: float = 0.003
    limit: float = 0.05
    seeds: int = 8
    gain: float = 0.04  # one image in twenty-five


SMOKE = Config(steps=200, batch=64, seeds=6, limit=0.1, gain=0.06)


def noises(c: Config) -> dict[str, np.ndarray]:
    """Power spectra of the domains, all of one variance."""
    raw = {name: 0.02 + band for name, band in BANDS.items()}
    return {name: c.level * one / np.sum(shares(one.shape, SIDE) * one) for name, one in raw.items()}


def digits(c: Config, seed: int) -> tuple[Any, ...]:
    """Images to train and test on, with their labels; of mean 0 and variance 1."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = (found.images - found.images.mean()) / found.images.std()
    order = np.random.default_rng(seed).permutation(len(images))
    parts = (jnp.asarray(images[..., None], jnp.float32), jnp.asarray(found.target))
    return *(one[order[: c.train]] for one in parts), *(one[order[c.train :]] for one in parts)


def spoil(c: Config, key: Any, x: Any, names: tuple[str, ...]) -> Any:
    """The images with the noise of each domain, one domain after the other."""
    made = [
        coloured(k, noises(c)[n], len(x), SIDE) for k, n in zip(jax.random.split(key, len(names)), names, strict=True)
    ]
    return jnp.concatenate([x + one.astype(x.dtype) for one in made])


def run(c: Config, stage: Stage = experiment.direct) -> experiment.Arrays:
    """The closed form first, then the fixed gain on noisy digits and the classifiers."""
    x, y, tests, labels = (jnp.stack(part) for part in zip(*(digits(c, seed) for seed in c.each_seed), strict=True))
    seen = np.mean([noises(c)[name] for name in TRAINED], axis=0)
    gains = np.stack([wiener(power_spectrum(np.asarray(one, float)), seen) for one in x])
    spectra = [power_spectrum(np.asarray(one, float)) for one in tests]
    pairs = zip(gains, spectra, strict=True)
    said = [[filter_error(gain, signal, noise, SIDE) for noise in noises(c).values()] for gain, signal in pairs]
    arrays: experiment.Arrays = {"error_theory": (("seed", "domain"), said)}

    def error(name: str, i: int) -> float:
        clean = tests[i]
        noisy = spoil(c, jax.random.fold_in(jax.random.key(c.each_seed[i]), 1), clean, (name,))
        out = FILTERS["fixed gain"].apply({"gain": jnp.asarray(gains[i], jnp.float32)}, noisy)
        return float(jnp.mean((out - clean) ** 2))

    def classify(name: str) -> experiment.Arrays:
        keys = jax.vmap(jax.random.key)(jnp.array(c.each_seed))
        each = lambda some: _accuracies(c, name, *some)  # noqa: E731
        return {name.replace(" ", "_"): (("seed", "domain"), jax.lax.map(each, (keys, x, y, tests, labels)))}

    measured = [[error(name, i) for name in BANDS] for i in range(c.seeds)]
    arrays["error"] = (("seed", "domain"), measured)
    for name in FILTERS:
        arrays |= stage(f"training with {name}", partial(classify, name))
    return arrays


def _network(name: str, params: Any, x: Any) -> Any:
    """Filter, convolution, two dense layers: logits."""
    layer = FILTERS[name]
    x = x if layer is None else layer.apply(params["filter"], x)
    x = jax.lax.conv_general_dilated(x, params["look"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    x = jax.nn.relu(x).reshape(len(x), -1)
    return jax.nn.relu(x @ params["dense"] + params["bias"]) @ params["last"]


def _init(name: str, key: Any) -> Any:
    shapes = {"look": (3, 3, 1, CHANNELS), "dense": (SIDE * SIDE * CHANNELS, HIDDEN), "last": (HIDDEN, CLASSES)}
    drawn = zip(shapes.items(), jax.random.split(key, 3), strict=True)
    params: Any = {one: jax.random.normal(k, shape) / np.sqrt(np.prod(shape[:-1])) for (one, shape), k in drawn}
    layer = FILTERS[name]
    params |= {"bias": jnp.zeros(HIDDEN)} | ({} if layer is None else {"filter": layer.init()})
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)


def _accuracies(c: Config, name: str, key: Any, x: Any, y: Any, tests: Any, labels: Any) -> Any:
    """Train on the first three domains; share of test images told right in every domain."""
    start, noise, batches, fresh = jax.random.split(key, 4)
    x, y, noisy = spoil(c, noise, x, TRAINED), jnp.tile(y, len(TRAINED)), spoil(c, fresh, tests, tuple(BANDS))

    def loss(params: Any, key: Any) -> Any:
        some = jax.random.randint(key, (c.batch,), 0, len(x))
        return optax.softmax_cross_entropy_with_integer_labels(_network(name, params, x[some]), y[some]).mean()

    told = lambda params: _network(name, params, noisy).argmax(axis=1).reshape(len(BANDS), -1)  # noqa: E731
    (last,) = trials.minimise(loss, _init(name, start), optax.adam(c.lr), c.steps, batches, look=told)
    return jnp.mean(last == labels[None], axis=1)


def check(data: Any, c: Config) -> list[Gate]:
    """The closed form on the unseen domain; what mask and fixed gain add to its accuracy."""
    off = data.error.values[:, -1] / data.error_theory.values[:, -1] - 1
    added = {name: (data[name] - data.no_filter).values[:, -1] for name in ("mask", "fixed_gain")}
    return [
        Gate("error of the fixed gain on unseen noise over the closed form, less 1", abs(off), c.limit),
        Gate("accuracy that the mask adds on unseen noise", added["mask"], c.gain, above=True, mean=True),
        Gate("the same, a fixed gain", added["fixed_gain"], c.gain, above=True, control=True, mean=True),
    ]


def plot(data: Any, c: Config) -> Any:
    """Errors and accuracies by domain."""
    fig, (left, right) = plots.figure(columns=2, width=7.0, height=3.3)
    places = np.arange(len(BANDS))
    left.bar(places, data.error.values.mean(axis=0), 0.6, color=plots.SERIES[0], label="measured")
    left.plot(places, data.error_theory.values.mean(axis=0), "k_", ms=18, mew=1.5, label="closed form")
    for i, name in enumerate(FILTERS):
        values = data[name.replace(" ", "_")].values
        shift = 0.25 * (i - 1)
        right.bar(places + shift, values.mean(axis=0), 0.22, color=plots.SERIES[i], label=name)
        right.plot(np.tile(places + shift, len(values)), values.ravel(), "k.", ms=2.5)
    left.set(ylabel=f"mean square error (noise {c.level:g})", ylim=(0, 1.3 * float(data.error.max())))
    right.set(ylabel="accuracy on test digits", ylim=(0, 1.25), yticks=np.arange(0, 1.1, 0.2))
    for ax in (left, right):
        ax.set_xticks(places, [name if name in TRAINED else f"{name}\n(unseen)" for name in BANDS])
        ax.legend(fontsize=7, ncols=3, loc="upper center")
    return fig
