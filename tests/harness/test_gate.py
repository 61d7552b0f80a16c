"""Gates: every seed, or the mean within its error; controls; margins."""

import math

import numpy as np
import pytest
from scipy import stats

from lfp.harness.gate import LEVEL, Gate


@pytest.mark.parametrize(
    ("values", "above", "control", "passed"),
    [
        ([1.0, 2.0], False, False, True),
        ([1.0, 4.0], False, False, False),
        ([1.0, 4.0], False, True, False),  # one seed of the control keeps the limit
        ([4.0, 5.0], False, True, True),
        ([4.0, 5.0], True, False, True),
        ([4.0, 1.0], True, False, False),
        ([1.0, math.nan], False, False, False),
        ([math.nan, 9.0], False, True, False),  # what was not measured has not failed
    ],
)
def test_a_gate_holds_for_every_seed_and_a_control_for_none(values, above, control, passed):
    gate = Gate("x", values, 3.0, above=above, control=control)
    assert gate.passed is passed
    assert gate.row()["passed"] is passed
    assert gate.row()["seeds"] == 2


def test_the_worst_is_the_seed_nearest_to_the_wrong_side():
    assert Gate("x", [1.0, 2.0], 3.0).row()["worst"] == 2.0
    assert Gate("x", [1.0, 2.0], 0.5, above=True).row()["worst"] == 1.0
    assert Gate("x", [4.0, 5.0], 3.0, control=True).row()["worst"] == 4.0
    assert Gate("x", [1.0, 2.0], 3.0, above=True, control=True).row()["worst"] == 2.0


def test_a_mean_is_held_against_its_limit_with_its_error():
    """scipy's interval of a mean, and single values that would miss the limit."""
    values = np.random.default_rng(0).normal(1.0, 0.3, 12)
    low, high = stats.t.interval(2 * LEVEL - 1, 11, values.mean(), stats.sem(values))
    assert Gate("x", values, 9.0, mean=True).worst == pytest.approx(high, rel=1e-12)
    assert Gate("x", values, 0.0, above=True, mean=True).worst == pytest.approx(low, rel=1e-12)
    assert Gate("x", values, high + 1e-9, mean=True).passed
    assert not Gate("x", values, high + 1e-9).passed
    assert not Gate("x", values, high - 1e-9, mean=True).passed
    assert Gate("x", values, low - 1e-9, mean=True, control=True).passed
    assert not Gate("x", values, low + 1e-9, mean=True, control=True).passed  # neither kept nor missed for certain
    assert not Gate("x", values, values.mean(), mean=True).passed
    assert not Gate("x", values, values.mean(), mean=True, control=True).passed
    assert not Gate("x", [1.0], 9.0, mean=True).passed  # one value has no error


def test_a_mean_on_its_limit_passes_as_seldom_as_the_level_says():
    rng = np.random.default_rng(1)
    passed = [Gate("x", rng.normal(size=5), 0.0, mean=True).passed for _ in range(4000)]
    assert np.mean(passed) == pytest.approx(1 - LEVEL, abs=3 * (0.01 / 4000) ** 0.5)


@pytest.mark.parametrize("gap", [0.1, 0.4, 1.0, 5.0])
def test_the_seeds_that_a_gate_needs_are_just_enough(gap):
    values = np.array([-1.0, 0.0, 1.0])  # s = 1
    n = Gate("x", values, gap, mean=True).needs

    def reach(n):
        return stats.t.ppf(LEVEL, n - 1) / n**0.5

    assert reach(n) <= gap
    assert n == 2 or reach(n - 1) > gap
    assert Gate("x", values, gap).needs == 0


def test_margins_are_relative_and_negative_where_a_gate_is_missed():
    assert Gate("x", [1.0, 2.0], 4.0).margin == 0.5
    assert Gate("x", [1.0, 5.0], 4.0).margin == -0.25
    assert Gate("x", [6.0, 5.0], 4.0, above=True).margin == 0.25
    assert Gate("x", [6.0, 5.0], 4.0, control=True).margin == 0.25
    assert Gate("x", [3.0, 5.0], 4.0, above=True, control=True).margin == -0.25
    assert Gate("x", [-0.4, -0.6], -0.35).margin == pytest.approx(1 / 7)
    assert Gate("x", [0.25], 0.0).margin == -0.25
