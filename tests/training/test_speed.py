"""A step of the training loop costs little more than its bare forward and backward pass: by the clock and in flops."""

import inspect
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Circle, GradientDescent, TwoLayer, sum_of_modes
from lfp.training import initialise, loop

NETWORK, LAW = TwoLayer(8192, alpha=50.0), GradientDescent(1.0)
STEPS, ROUNDS = 10, 30


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


def seconds(run):
    began = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - began


def test_by_the_clock(job):
    """The median of many short runs in turns: other work on the cores slows both sides of a turn."""
    (advance, arguments), (bare, data), broken = job
    steps = lambda: advance(*arguments, np.asarray(STEPS))  # noqa: E731
    passes = lambda: [bare(*data) for _ in range(STEPS)]  # noqa: E731
    steps(), passes()
    ratio = np.median([seconds(steps) / seconds(passes) for _ in range(ROUNDS)])
    assert (ratio > 1.6) == broken


def test_in_flops(job):
    """XLA counts the body of a loop once, that is one step."""
    (advance, arguments), (bare, data), broken = job
    step = advance.lower(*arguments, np.asarray(STEPS)).compile().compiled.cost_analysis()["flops"]
    ratio = step / bare.lower(*data).compile().cost_analysis()["flops"]
    assert (ratio > 1.2) == broken
