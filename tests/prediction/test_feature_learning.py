"""Movement, drift and rates over the steps: of networks those of their training, predicted by the limit."""

import jax.numpy as jnp
import numpy as np
import pytest

import lfp
from lfp.prediction import features
from lfp.training import Plan

PROBLEM = lfp.sum_of_modes(lfp.Circle(), 16, [1, 2, 3])
LOOKS = np.array([0, 3, 60])
PLAN = Plan(lfp.TwoLayer(1024, "tanh", alpha=0.5), PROBLEM, lfp.GradientDescent(0.3), LOOKS, 3, 1)


def test_measured_are_those_of_the_trained_networks():
    found = features(PLAN, networks=True)
    run = lfp.train(PLAN.network, PROBLEM, PLAN.law, LOOKS, seeds=3, seed=1)
    squares = sum(
        ((np.asarray(b) - np.asarray(a)) ** 2).reshape(3, -1).sum(1) for a, b in zip(run.start, run.end, strict=True)
    )
    assert np.allclose(found.moved[:, -1], np.sqrt(squares / 1024), rtol=1e-3)
    assert (found.moved[:, 0] == 0).all()
    drift = lfp.kernel_drift(PLAN.network, run.start, run.end, PROBLEM.x)
    assert found.drift[:, -1].mean() == pytest.approx(drift, rel=1e-3)
    one = tuple(jnp.asarray(part[2], float) for part in run.end)
    gram = np.asarray(lfp.empirical_kernel(PLAN.network, one, jnp.asarray(PROBLEM.x)))
    for k, mode in enumerate([1, 2, 3]):
        wave = np.exp(1j * mode * PROBLEM.t)
        assert found.rates[2, -1, k] == pytest.approx((wave.conj() @ gram @ wave).real / 16**2, rel=1e-4)


def test_predicted_are_those_of_wide_networks():
    plan = Plan(lfp.TwoLayer(2048, "tanh", alpha=0.05), PROBLEM, PLAN.law, np.array([0, 3, 300]), 3)
    predicted, measured = features(plan), features(plan, networks=True)
    for name in ("moved", "drift", "rates"):
        wanted, found = (getattr(one, name).mean(axis=0)[-1] for one in (predicted, measured))
        assert np.abs(found / wanted - 1).max() < 0.15
    assert np.abs(predicted.rates.mean(axis=0)[-1] / predicted.rates.mean(axis=0)[0] - 1).max() > 0.3
    start = np.asarray(lfp.spectrum(PLAN.network, PROBLEM).rates_of(np.array([1, 2, 3])))
    assert np.abs(predicted.rates.mean(axis=0)[0] / start - 1).max() < 0.02


def test_networks_without_antisymmetric_start_lose_their_start():
    """Odd widths as well."""
    plan = Plan(lfp.TwoLayer(513, "tanh", alpha=0.5, asi=False), PROBLEM, PLAN.law, LOOKS, 2)
    measured = features(plan, networks=True)
    assert measured.moved.shape == (2, 3)
    assert (measured.drift[:, 1:] > 0).all()


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(lfp.MLP(8), PROBLEM, PLAN.law, LOOKS), "network=MLP"),
        (Plan(PLAN.network, lfp.Points(PROBLEM.x, PROBLEM.y), PLAN.law, LOOKS), "problem=Points has no modes"),
        (Plan(PLAN.network, PROBLEM, lfp.GaussNewton(0.1), LOOKS), "law=GaussNewton"),
    ],
)
def test_what_is_refused(plan, words):
    with pytest.raises(lfp.InputError, match=words):
        features(plan)
