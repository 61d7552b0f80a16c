"""Trials: the theory is the closed form, the training is real, times are read off both alike."""

import numpy as np
import pytest

from lfp import Circle, GradientDescent, TwoLayer, kernel, spectrum, sum_of_modes, train
from lfp.figures.plots import figure
from lfp.harness import trials
from lfp.harness.experiment import unpack
from lfp.measure.trajectory import labelled

PROBLEM, LAW = sum_of_modes(Circle(), 8, [1, 2]), GradientDescent(0.3)
NETWORK, SEEDS = TwoLayer(1024, alpha=50.0), 2


@pytest.fixture(scope="module")
def rates():
    return np.asarray(spectrum(kernel(NETWORK), PROBLEM).rates)


@pytest.fixture(scope="module")
def data(rates):
    steps = trials.looks(rates[2], LAW.lr, count=20)
    right = trials.trial("right", NETWORK, PROBLEM, LAW, steps, seeds=SEEDS)
    wrong = trials.trial(
        "wrong", NETWORK, PROBLEM, LAW, steps, seeds=SEEDS, dense=3 * kernel(NETWORK), stage=lambda name, work: {}
    )
    trained = {key.replace("right", "wrong"): value for key, value in right.items() if "training" in key}
    return labelled({}, **right, **wrong, **trained)


def test_theory_is_the_closed_form_and_training_is_real(data, rates):
    theory, training = (unpack(data, f"right_{kind}") for kind in trials.KINDS)
    expected = (1 - 0.3 * rates[None, [1, 2]]) ** theory.steps[:, None]
    np.testing.assert_allclose(theory.mean(), expected, atol=1e-9)
    run = train(NETWORK, PROBLEM, LAW, theory.steps, seeds=SEEDS).trajectory
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
