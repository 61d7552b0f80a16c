"""The networks that strangers write, and what counts as right about them."""

import importlib.util
import json
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp.harness import claims


@pytest.fixture(scope="module")
def strangers():
    spec = importlib.util.spec_from_file_location("strangers", claims.EXPERIMENTS / "strangers.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["strangers"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["strangers"]


def test_configurations_stay_in_their_ranges(strangers):
    rng = np.random.default_rng(0)
    drawn = [strangers.draw(rng) for _ in range(300)]
    for name, low, high in (("depth", 1, 5), ("width", 64, 512), ("points", 20, 300), ("size", 0.01, 10)):
        values = [getattr(c, name) for c in drawn]
        assert low <= min(values) < max(values) <= high
    assert {c.scaling for c in drawn} == {"standard", "he", "lecun", "third", "ntk"}
    assert {c.biases for c in drawn} == {True, False}


@pytest.mark.parametrize(("scaling", "v"), [("he", 2), ("lecun", 1), ("third", 1 / 3), ("standard", 1 / 3), ("ntk", 2)])
def test_a_layer_has_the_size_of_its_scaling(strangers, scaling, v):
    """Weights of variance v / fan_in: E f^2 = v^2 / 4 of two layers of relu at a point of the circle."""
    c = replace(strangers.draw(np.random.default_rng(0)), depth=1, width=64, scaling=scaling, biases=False)
    network = strangers.build(replace(c, activation="relu"))
    x = jnp.asarray([[1.0, 0.0]])
    values = [float(network.apply(network.init(jax.random.key(i), 2), x)[0]) for i in range(600)]
    assert np.mean(np.square(values)) == pytest.approx(v**2 / 4, rel=0.25)


def run(d_sup, forecast, bent=0.0):
    size = 0.01 if forecast in ("holds", "unknown") else 0.2
    ends = [0.5 * size, size, 2 * size]
    return {
        "d_sup": d_sup,
        "forecast": forecast,
        "verdict": "holds" if d_sup <= 0.05 else "fails",
        "expected": ends,
        "bent": bent,
    }


@pytest.mark.parametrize(
    ("runs", "passed"),
    [
        ([run(0.01, "holds"), run(0.3, "fails")], True),
        ([run(0.01, "holds"), run(0.2, "unknown", 0.5), run(0.3, "fails"), run(float("inf"), "fails")], True),
        ([run(0.01, "holds")] * 19 + [run(0.2, "holds")], False),  # one that is far off
        ([run(0.01, "holds")] * 3 + [run(0.2, "unknown", 0.5)] * 2, False),  # too many unknown
        ([run(0.01, "holds")] * 4 + [run(0.06, "holds")], False),  # right in .8
        ([{**run(0.2, "holds"), "verdict": None}, run(0.3, "fails")], True),  # nothing was learnt
    ],
)
def test_what_passes(strangers, runs, passed, tmp_path):
    for i, one in enumerate(runs):
        (tmp_path / f"{i}.json").write_text(json.dumps(one))
    assert strangers.check(tmp_path) == passed
