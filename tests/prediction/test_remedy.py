"""The remedy of a forecast that fails: it names the layer that costs most, and following it helps."""

import numpy as np
import pytest

from lfp import Circle, GradientDescent, Trajectory, TwoLayer, compare, log_steps, predict, problem, sum_of_modes, train
from lfp.prediction.prediction import Prediction
from lfp.prediction.remedy import advice, remedies
from lfp.training import Plan

CIRCLE = sum_of_modes(Circle(), 16, [1, 2])
LOOKS = log_steps(200, 20)


def said_of(network, p=CIRCLE, **settings):
    return predict(network, p, steps=LOOKS, seeds=2, **settings)


@pytest.mark.parametrize(
    ("network", "first", "best"),
    [
        (TwoLayer(64, alpha=100.0), "the width", "twice the width"),
        (TwoLayer(4096, alpha=0.01), "the movement of the kernel", "a hundred times alpha"),
    ],
)
def test_the_layer_that_costs_most_is_named(network, first, best):
    """Raising alpha was advised where the width cost all of it."""
    said = said_of(network)
    words, tried = advice(said), remedies(said)
    assert words.startswith(f"of it {first} ")
    assert min(tried, key=tried.get) == best
    assert tried[best] < said.forecast.largest[1]


def test_a_target_with_a_large_mean_is_to_be_centred():
    """The mean costs what the width makes of it; without it training holds, as the remedy says."""
    p = problem(Circle(), CIRCLE.t, CIRCLE.y + 14, [1, 2])
    network = TwoLayer(2048, alpha=100.0)
    said = said_of(network, p)
    report = compare(said, train(said))
    assert report.verdict == report.forecast == "fails"
    assert "targets with their mean removed would do" in report.reason
    centred = said_of(network, problem(Circle(), p.t, p.y - p.y.mean(), [1, 2]))
    assert compare(centred, train(centred)).verdict == "holds"
    assert "mean removed" not in advice(said_of(TwoLayer(64, alpha=100.0)))


def test_no_verdict_where_nothing_was_learnt():
    """A target of zero, and steps too small to see, "held"."""
    for p, lr in ((sum_of_modes(Circle(), 16, [1], 0.0), 0.1), (CIRCLE, 1e-9)):
        still = predict(TwoLayer(64), p, GradientDescent(lr), LOOKS, seeds=2)
        report = compare(still, train(still))
        assert report.verdict is report.forecast is None
        assert report.reason.startswith("nothing was learnt")


def test_remedies_are_left_out_on_demand():
    said = said_of(TwoLayer(64, alpha=100.0))
    assert "tried" not in compare(said, said.theory, remedies=False).reason
    assert "tried" in compare(said, said.theory).reason


def _report(size):
    """The report of a mode that goes like this, one step a look."""
    steps = np.arange(len(size))
    law = GradientDescent(0.1)
    values = (1 - np.asarray(size))[None, :, None] * CIRCLE.y
    said = Prediction(Plan(TwoLayer(64), CIRCLE, law, steps), "ntk", {"ntk": Trajectory(steps, values, CIRCLE.x)})
    return compare(said, said.theory).modes[0]


@pytest.mark.parametrize(
    "size",
    [
        np.concatenate([[1, 3, 9, 12], 12 * 0.5 ** np.arange(1, 9)]),  # rises first
        np.abs(np.cos(np.linspace(0, 20, 60))) * 0.99 ** np.arange(60),  # swings
        np.concatenate([[1, 0.4], 0.9 * np.ones(40)]),  # falls and comes back
        np.concatenate([[1.0], np.linspace(1.5, 1.2, 30), [0.4]]),
        np.concatenate([np.ones(50), [0.1]]),  # a step
    ],
)
def test_no_rate_where_no_mode_decays(size):
    """Rates of 10.3 beside a half-life of .82, and below 0."""
    row = _report(size)
    assert row["half_life_measured"] is not None
    assert row["rate_measured"] is None


def test_rates_of_what_decays():
    row = _report(0.8 ** np.arange(30))
    assert row["rate_measured"] == pytest.approx(row["rate_predicted"])
