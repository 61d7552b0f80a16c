"""Trials: the theory is the closed form, the training is real, times are read off both alike."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lfp import Circle, GradientDescent, InputError, TwoLayer, kernel, spectrum, sum_of_modes, train
from lfp.figures.plots import figure
from lfp.harness import trials
from lfp.harness.experiment import Settings, unpack
from lfp.measure.trajectory import labelled

PROBLEM, LAW = sum_of_modes(Circle(), 8, [1, 2]), GradientDescent(0.3)
NETWORK, SEEDS = TwoLayer(1024, alpha=50.0), Settings(seeds=2, seed=3)


@pytest.fixture(scope="module")
def rates():
    return np.asarray(spectrum(kernel(NETWORK), PROBLEM).rates)


@pytest.fixture(scope="module")
def data(rates):
    steps = trials.looks(rates[2], LAW.lr, count=20)
    right = trials.trial("right", NETWORK, PROBLEM, LAW, steps, c=SEEDS)
    wrong = trials.trial(
        "wrong", NETWORK, PROBLEM, LAW, steps, c=SEEDS, dense=3 * kernel(NETWORK), stage=lambda name, work: {}
    )
    trained = {key.replace("right", "wrong"): value for key, value in right.items() if "training" in key}
    return labelled({}, **right, **wrong, **trained)


def test_theory_is_the_closed_form_and_training_is_real(data, rates):
    theory, training = (unpack(data, f"right_{kind}") for kind in trials.KINDS)
    expected = (1 - 0.3 * rates[None, [1, 2]]) ** theory.steps[:, None]
    np.testing.assert_allclose(theory.mean(), expected, atol=1e-9)
    run = train(NETWORK, PROBLEM, LAW, theory.steps, seeds=2, seed=3).trajectory
    ends = np.fft.rfft(PROBLEM.y - run.values[:, -1])[:, [1, 2]] / np.fft.rfft(PROBLEM.y)[[1, 2]]
    np.testing.assert_allclose(training.remaining[:, -1], ends, atol=1e-6)


def test_errors_tell_the_right_kernel_from_a_wrong_one(data):
    assert max(trials.errors(data, "right")) < 0.3
    assert min(trials.errors(data, "wrong")) > 0.5


def test_times_are_those_of_the_law(data, rates):
    expected = np.log(0.1) / np.log(1 - 0.3 * rates[[1, 2]])
    np.testing.assert_allclose(trials.times(data, "right", "theory")[0], expected, rtol=1e-6)
    assert np.isinf(trials.times(data, "right", "theory", share=1e-9)[0, 1])
    assert data["right_theory_step"].values[-1] > expected.max()


def test_what_is_drawn(data):
    axes = figure(columns=2)[1]
    trials.draw(axes, data, {"right": "one", "wrong": "two"})
    assert [ax.get_title() for ax in axes] == ["one", "two"]
    assert [len(ax.lines) for ax in axes] == [4, 4]
    assert axes[0].get_ylabel()
    assert not axes[1].get_ylabel()


@pytest.mark.parametrize("draws", [False, True])
def test_minimise_is_a_loop_of_optax(draws):
    """A hand-written loop; noise of a step from its key."""
    optimiser, start, key = optax.sgd(0.1, momentum=0.9), jnp.array([1.0, -2.0]), jax.random.key(5)
    noise = (lambda k: jax.random.normal(k, (2,))) if draws else (lambda _: jnp.zeros(2))

    def loss(p, k):
        return ((p - noise(k)) ** 4).sum()

    found = trials.minimise(loss, start, optimiser, 6, key if draws else None, looks=3, look=lambda p: 2 * p)
    params, state, rows = start, optimiser.init(start), []
    for keys in jax.random.split(key, (3, 2)):
        for k in keys:
            updates, state = optimiser.update(jax.grad(loss)(params, k), state)
            params = optax.apply_updates(params, updates)
        rows.append(2 * params)
    np.testing.assert_allclose(found, np.stack(rows), rtol=1e-12)


def test_steps_between_looks_are_whole():
    with pytest.raises(InputError, match="steps=5 with looks=2"):
        trials.minimise(lambda p, _: p.sum(), jnp.ones(2), optax.sgd(0.1), 5, looks=2)


def test_every_seed_is_a_part_that_is_kept():
    parts: list[str] = []

    def stage(name, work):
        parts.append(name)
        return work()

    found = trials.seed_by_seed(Settings(seeds=3, seed=9), stage, "work", lambda s: {"a": (("k",), np.full(2, s))})
    assert parts == ["work seed 9", "work seed 10", "work seed 11"]
    assert found["a"][0] == ("seed", "k")
    assert found["a"][1].tolist() == [[9, 9], [10, 10], [11, 11]]


def test_the_step_follows_from_the_largest_rate(rates):
    known = spectrum(kernel(NETWORK), PROBLEM)
    assert trials.descent(known, 1.5).lr == pytest.approx(1.5 / rates.max(), rel=1e-12)
    assert trials.step_size(np.array([[0.5, np.nan], [2.0, 1.0]])) == 0.5


def test_gap_and_order_of_every_seed():
    assert trials.gap(np.array([[[1.0, 2.0]], [[0.0, -5.0]]]), np.array([[1.0, 1.0]])).tolist() == [1.0, 6.0]
    assert trials.later(np.array([[1.0, 2.0, 8.0], [4.0, 2.0, np.inf]])).tolist() == [2.0, 0.5]


def test_leads_and_the_middle_between_two(data, rates):
    predicted = np.log(1 - 0.3 * rates[1]) / np.log(1 - 0.3 * rates[2])
    assert trials.lead(data, "right", "theory")[0] == pytest.approx(predicted, rel=1e-6)
    assert trials.lead(data, "right") == pytest.approx(predicted, rel=0.3)
    other = trials.lead(data, "wrong", "theory")[0]
    assert trials.middle(data, "right", "wrong") == pytest.approx((predicted * other) ** 0.5, rel=1e-6)
