"""Transformations of optax: those with a law get it and follow it; of the others nothing is claimed."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lfp import (
    MLP,
    Adam,
    Circle,
    GradientDescent,
    HeavyBall,
    InputError,
    Measured,
    Nesterov,
    Scheduled,
    TwoLayer,
    WeightDecay,
    compare,
    law_of,
    log_steps,
    predict,
    sum_of_modes,
    train,
)
from lfp.training.plan import fingerprint

STEPS, ALPHA = 60, 3.0
COSINE = optax.cosine_decay_schedule(0.3, STEPS)
WARM = optax.warmup_cosine_decay_schedule(0.0, 0.3, 20, STEPS)
LAWS = {
    "descent": (lambda: optax.sgd(0.3), GradientDescent),
    "a scale": (lambda: optax.scale(-0.2), GradientDescent),
    "momentum": (lambda: optax.sgd(0.3, momentum=0.9), HeavyBall),
    "a mean of gradients": (lambda: optax.chain(optax.ema(0.9, debias=False), optax.sgd(0.3)), HeavyBall),
    "nesterov": (lambda: optax.sgd(0.3, momentum=0.8, nesterov=True), Nesterov),
    "cosine": (lambda: optax.sgd(COSINE), Scheduled),
    "warm-up, momentum": (lambda: optax.sgd(WARM, momentum=0.9), Scheduled),
    "steps down, nesterov": (
        lambda: optax.sgd(optax.piecewise_constant_schedule(0.2, {30: 0.1}), momentum=0.5, nesterov=True),
        Scheduled,
    ),
    "decay": (lambda: optax.chain(optax.add_decayed_weights(0.01), optax.sgd(0.3)), WeightDecay),
    "decay, momentum": (
        lambda: optax.chain(optax.add_decayed_weights(0.01), optax.sgd(0.3, momentum=0.9)),
        WeightDecay,
    ),
}
ESTIMATED = {
    "adam": lambda: optax.adam(0.01),
    "adam, short memory": lambda: optax.adam(0.01, b1=0.9, b2=0.95),
}
UNKNOWN = {
    "adamw": lambda: optax.adamw(0.01),
    "lion": lambda: optax.lion(0.01),
    "rmsprop": lambda: optax.rmsprop(0.01),
    "adagrad": lambda: optax.adagrad(0.1),
    "lamb": lambda: optax.lamb(0.01),
    "clipped": lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.3)),
    "signs": lambda: optax.sign_sgd(0.1),
    "nadam": lambda: optax.nadam(0.01),
    "adabelief": lambda: optax.adabelief(0.01),
    "noise": lambda: optax.noisy_sgd(0.3),
}


@pytest.fixture(autouse=True)
def as_optax_counts_on_it():
    """JAX's promotion as it comes."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def by_hand(transformation, gradients, places):
    """Its updates, one at a time, without a compiler."""
    state, found = transformation.init(jnp.asarray(places[0])), []
    for gradient, place in zip(gradients, places, strict=True):
        update, state = transformation.update(jnp.asarray(gradient), state, jnp.asarray(place))
        found.append(np.asarray(update))
    return np.array(found)


def linear(transformation, rates, alpha):
    """Modes of these rates under it: the weight of a model sqrt(L) alpha w, whose target is 1."""
    slopes = np.sqrt(rates) * alpha
    w, state, left = np.zeros(len(rates)), transformation.init(jnp.zeros(len(rates))), []
    for _ in range(STEPS):
        left.append(1 - slopes * w)
        update, state = transformation.update(jnp.asarray(-slopes * left[-1]), state, jnp.asarray(w))
        w = w + np.asarray(update)
    return np.array(left)


@pytest.mark.parametrize("name", LAWS)
def test_a_law_is_found_and_followed(name):
    """Its kind; and p_s(L) of linear models stepped by the transformation itself, in plain numpy, to 1e-5."""
    make, kind = LAWS[name]
    law = law_of(make(), STEPS, ALPHA)
    assert type(law) is kind
    rates = np.array([1e-3, 0.02, 0.3])
    expected = linear(make(), rates, ALPHA)
    found = law.factor(jnp.asarray(rates), jnp.arange(STEPS))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ESTIMATED)
def test_adam_is_known_as_such(name):
    """Its own transformation does the same to random gradients, step by step."""
    law = law_of(ESTIMATED[name](), STEPS, ALPHA)
    assert isinstance(law, Adam)
    gradients, places = np.random.default_rng(1).normal(size=(2, 12, 5))
    given, ours = (by_hand(one, gradients, places) for one in (ESTIMATED[name](), law.transformation(ALPHA)))
    np.testing.assert_allclose(ours, given, rtol=1e-5)


@pytest.mark.parametrize("name", UNKNOWN)
def test_others_have_none(name):
    """They are measured, as they were given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = UNKNOWN[name]()
        law = law_of(given, STEPS, ALPHA)
    assert isinstance(law, Measured)
    assert law.transformation(ALPHA) is given


@pytest.mark.parametrize(
    ("law", "match"),
    [
        (optax.sgd, "transformation=.*sgd.*; allowed: Transformation"),
        (0.1, "transformation=0.1; allowed: Transformation"),
        (optax.lbfgs(), "fails on gradients and parameters alone, TypeError"),
        (optax.polyak_sgd(), "fails on gradients and parameters alone"),
        (optax.scale(jnp.nan), "law, the updates of the transformation,"),
    ],
    ids=["what makes one", "a number", "lbfgs", "polyak", "nan"],
)
def test_what_is_no_optimiser_is_one_sentence(law, match):
    """No traceback of optax."""
    with pytest.raises(InputError, match=match) as said:
        law_of(law, 10)
    assert "\n" not in str(said.value)


PROBLEM = sum_of_modes(Circle(), 16, [1, 2])


def test_a_transformation_is_predicted_and_trained_by_its_law():
    """In place of a law, in `predict` and `train`: the same curves."""
    network, steps = TwoLayer(512, alpha=10.0), log_steps(40, 10)
    said = predict(network, PROBLEM, optax.sgd(0.005, momentum=0.9), steps, seeds=1)
    assert said.law == HeavyBall(0.5, 0.9)
    other = train(network, PROBLEM, HeavyBall(0.5, 0.9), steps, seeds=1, dtype=jnp.float64)
    same = train(network, PROBLEM, optax.sgd(0.005, momentum=0.9), steps, seeds=1, dtype=jnp.float64)
    np.testing.assert_allclose(same.trajectory.values, other.trajectory.values, atol=1e-10)


@pytest.mark.parametrize("network", [TwoLayer(64), MLP(32, 2)], ids=["two layers", "mlp"])
def test_without_law_it_is_measured_only(network):
    """The flow of the kernel beside it, no forecast, no verdict; theories that predict are refused."""
    given, steps = optax.lion(1e-3), log_steps(20, 8)
    said = predict(network, PROBLEM, given, steps, seeds=1)
    report = compare(said, train(said))
    assert (said.name, said.forecast, report.verdict, report.forecast) == ("reference", None, None, None)
    assert report.reason.startswith("measured only")
    assert "holds" not in str(report)
    flow = predict(network, PROBLEM, GradientDescent(said.law.lr), steps, theory="flow", seeds=1)
    np.testing.assert_allclose(said.theory.values, flow.theory.values)
    for theory in ("empirical", "moving", "flow", "lfp"):
        with pytest.raises(InputError, match="theory="):
            predict(network, PROBLEM, given, steps, theory=theory)
    with pytest.raises(InputError, match="with a law, which predicts"):
        predict(network, PROBLEM, GradientDescent(0.1), steps, theory="reference")


def test_measured_ones_are_told_apart():
    """Two clips have functions of one name and one pace: a checkpoint of one is not that of the other."""
    clips = (optax.chain(optax.clip_by_global_norm(size), optax.sgd(0.3)) for size in (1.0, 2.0))
    one, other = (fingerprint(law_of(clip, STEPS)) for clip in clips)
    assert one != other
    assert one == fingerprint(law_of(optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.3)), STEPS))
