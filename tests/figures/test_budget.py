"""The stacked picture: heights are the layers, branches do not hide the stack."""

import numpy as np
import pytest

from lfp import InputError
from lfp.figures import budget
from lfp.figures.plots import figure

LAYERS = ("lfp_vs_ntk", "ntk_vs_empirical", "empirical_vs_training", "flow_vs_steps")
ROWS = [
    dict(zip(LAYERS, layers, strict=True)) | {"d_sup": d_sup}
    for layers, d_sup in (((0.3, 0.02, 0.01, 0.001), 0.025), ((0.2, 0.01, 0.03, 0.002), 0.03))
]


def bars(axes):
    """(bottom, top) of the bars of every label."""
    return {c.get_label(): [(b.get_y(), b.get_y() + b.get_height()) for b in c] for c in axes.containers}


@pytest.mark.parametrize(("theory", "count"), [("lfp", 3), ("ntk", 2), ("empirical", 1)])
def test_stack_is_the_way_from_theory_to_training(theory, count):
    """Layers on the way stand on one another, training at the foot; their sum is the top; the others stand aside."""
    _, axes = figure()
    budget.plot_budget(axes, ROWS, ["1", "2"], theory, "mode")
    found = bars(axes)
    stack = [found[name.replace("_vs_", " / ")] for name in budget.way(theory)[::-1]]
    assert len(stack) == count
    for row, pieces in zip(ROWS, zip(*stack, strict=True), strict=True):
        ends = np.cumsum([0.0, *(row[name] for name in budget.way(theory)[::-1])])
        np.testing.assert_allclose(pieces, np.stack([ends[:-1], ends[1:]], axis=1))
    assert [top for _, top in found["measured D_sup"]] == [row["d_sup"] for row in ROWS]
    assert sum("aside" in name for name in found) == 4 - count


def test_tall_branches_are_cut_and_say_their_height():
    """A branch ten times the stack ends at the frame with its number; one of twice the stack is shown whole."""
    _, axes = figure()
    budget.plot_budget(axes, ROWS, ["1", "2"], "ntk", "mode")
    assert axes.get_ylim()[1] == pytest.approx(1.1 * 0.04)
    assert [text.get_text() for text in axes.texts] == ["0.3", "0.2"]
    _, axes = figure()
    budget.plot_budget(axes, [{**row, "lfp_vs_ntk": 0.08} for row in ROWS], ["1", "2"], "ntk", "mode")
    assert axes.get_ylim()[1] == pytest.approx(1.1 * 0.08)
    assert not axes.texts


def test_what_was_not_measured_is_not_drawn():
    """Only D_sup where no layer is known."""
    _, axes = figure()
    budget.plot_budget(axes, [dict.fromkeys(LAYERS) | {"d_sup": 0.1}], ["1"], "ntk", "mode")
    assert list(bars(axes)) == ["measured D_sup"]
    with pytest.raises(InputError, match="theory='nkt'"):
        budget.way("nkt")


def test_averages_keep_the_bound():
    """Means over what is not shown; D_sup stays below the stack, which geometric means would not keep (control)."""
    rows = [
        {"width": 8, "alpha": a, "ntk_vs_empirical": n, "empirical_vs_training": e, "d_sup": n + e}
        for a, n, e in ((1, 1.0, 0.1), (2, 0.1, 1.0))
    ]
    mean = budget.averages(rows, "width")[8]
    assert mean["d_sup"] <= sum(mean[name] for name in budget.way("ntk")) + 1e-12
    geometric = {name: np.sqrt(rows[0][name] * rows[1][name]) for name in (*budget.way("ntk"), "d_sup")}
    assert geometric["d_sup"] > sum(geometric[name] for name in budget.way("ntk")) + 0.1
    assert mean["lfp_vs_ntk"] is None
    assert list(budget.averages(rows, "alpha")) == [1, 2]
