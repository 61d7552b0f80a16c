"""A share of `make fuzz-api`, and that the search finds what it looks for."""

import jaxtyping
import numpy as np
import pytest

import lfp
from tests.fuzz import calls
from tests.fuzz.catalogue import CALLS, Call
from tests.fuzz.slips import count


@pytest.fixture(autouse=True)
def as_users_call(monkeypatch):
    """Without the checks of types that the tests add."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def test_wrong_calls_are_refused_and_odd_ones_are_not():
    for kind in calls.search(0, 15).values():
        assert [(said, outcome) for said, outcome in kind if outcome.fault] == []


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        (lambda n: n, "silent"),
        (lambda n: np.zeros(n)[99], "from inside"),
        (lambda n: np.linalg.cholesky(n), "from inside"),
        (lambda n: (_ for _ in ()).throw(lfp.InputError("a slip")), "does not name the argument"),
    ],
)
def test_the_search_sees_each_fault(monkeypatch, function, fault):
    """Control: calls that say nothing, fail inside, or do not say what is wrong."""
    monkeypatch.setattr(calls, "CALLS", {"made up": Call(lambda n: function(n), {"n": 3}, {"n": count(1)})})
    monkeypatch.setattr(calls, "_plain", lambda name: 3)
    found = [outcome.fault for _, outcome in calls.search(0, 30)["draw_wrong"]]
    assert fault in found


def test_odd_values_that_differ_are_seen(monkeypatch):
    monkeypatch.setattr(
        calls, "CALLS", {"made up": Call(lambda x: np.asarray(x).dtype.itemsize, {"x": np.ones(3)}, {})}
    )
    monkeypatch.setattr(calls, "_plain", lambda name: 8)
    assert {outcome.fault for _, outcome in (calls.draw_odd(np.random.default_rng(i)) for i in range(40))} == {
        None,
        "another value",
    }


def test_every_public_function_is_in_the_catalogue():
    """But those that take no data of users: results, and what is theirs to write."""
    known = {call.function for call in CALLS.values()}
    verbs = {name for name in dir(lfp) if callable(getattr(lfp, name)) and name[0].islower()}
    missing = {name for name in verbs if getattr(lfp, name) not in known}
    assert missing == {"probe_functions", "fp_norm", "profile", "collocation", "law_of"}
