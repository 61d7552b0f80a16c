"""A step of the training loop costs little more than its bare pass: in flops, for the clock belongs to benchmarks."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Circle, GradientDescent, TwoLayer, sum_of_modes
from lfp.training import initialise, loop

NETWORK, LAW = TwoLayer(8192, alpha=50.0), GradientDescent(1.0)
STEPS = 10


@pytest.fixture(params=["as it is", "a second pass"])
def job(request, monkeypatch):
    """`count` steps of one network, with or without a pass that is of no use; whether the test must fail."""
    gradient = loop._gradient

    def twice(network, law, start, moved, *data):
        again = jax.tree.map(lambda leaf: leaf * 0.5, moved)
        passes = (gradient(network, law, start, d, *data) for d in (moved, again))
        return jax.tree.map(lambda g, h: g + 1e-9 * h, *passes)

    if request.param != "as it is":
        monkeypatch.setattr(loop, "_gradient", twice)
    problem = sum_of_modes(Circle(), 64, range(1, 8))
    x, y, weights = (jnp.asarray(part, jnp.float32) for part in (problem.x, problem.y, problem.weights))
    start = initialise(NETWORK, 2, 1)
    moved, state = loop._begin(LAW, NETWORK.alpha, start)
    advance = eqx.filter_jit(lambda *every: inspect.unwrap(loop._advance)(*every))  # another function: traced anew
    arguments = (NETWORK, LAW, start, moved, state, x, y[None], weights)
    one = jax.tree.map(lambda leaf: leaf[0], start)
    bare = jax.jit(jax.grad(lambda p, *data: loop.loss(NETWORK, p, *data)))
    return (advance, arguments), (bare, (one, x, y, weights)), request.param != "as it is"


def test_in_flops(job):
    """XLA counts the body of a loop once, that is one step."""
    (advance, arguments), (bare, data), broken = job
    step = advance.lower(*arguments, np.asarray(STEPS)).compile().compiled.cost_analysis()["flops"]
    ratio = step / bare.lower(*data).compile().cost_analysis()["flops"]
    assert (ratio > 1.2) == broken
