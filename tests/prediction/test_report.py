"""Rates, half-lives, laziness, budget and verdict: on curves whose answer is known, and on trained networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    MLP,
    Circle,
    Custom,
    Gaussian,
    GradientDescent,
    InputError,
    Line,
    Prediction,
    Trajectory,
    TwoLayer,
    compare,
    kernel,
    kernel_drift,
    laziness,
    log_steps,
    predict,
    spectrum,
    sum_of_modes,
    train,
)
from lfp.measure.probes import sup_distance
from lfp.measure.times import fitted_rate, settled, time_to
from lfp.training import Plan
from tests.helpers import arc_cosine_ntk


def test_settled_waits_for_oscillations():
    """The last passage, where `time_to` finds the first; NaN where the mode may come back."""
    steps = np.arange(60)
    size = np.abs(np.cos(steps)) * 0.9**steps
    last = max(s for s in steps if size[s] > 0.1) + 1
    assert settled(steps, size, 0.1) == last
    assert time_to(steps, size, 0.1) < 8 < last
    assert np.isnan(settled(steps, np.ones(60), 0.1))
    assert settled(steps, np.zeros(60), 0.1) == 0


def test_fitted_rate_finds_the_rate_of_the_law():
    """To rounding on the law itself, at any rate, below and above one step."""
    steps = log_steps(10_000, 60)
    for rate in (1e-3, 0.1, 1.0, 1.9):
        size = np.abs((1 - 0.5 * rate) ** steps.astype(float))
        assert fitted_rate(steps, size, 0.5) == pytest.approx(rate, rel=1e-10)


def test_fit_ignores_what_comes_after():
    """A plateau below .2 does not bend the rate."""
    steps = log_steps(1000, 60)
    size = np.maximum(0.99**steps, 0.05)
    assert fitted_rate(steps, size, 1.0) == pytest.approx(0.01, rel=1e-9)


def test_a_mode_that_never_fell_has_no_rate():
    """None, not an extrapolation."""
    steps = np.arange(10)
    assert fitted_rate(steps, 0.95**steps, 1.0) is None
    assert time_to(steps, 0.95**steps) is None
    assert time_to(steps, 0.8**steps) == pytest.approx(np.log(2) / np.log(1 / 0.8))


def test_a_mode_gone_in_one_step_has_the_full_rate():
    """lr L = 1: nothing left after one step."""
    assert fitted_rate(np.array([0, 1, 2]), np.array([1.0, 0.0, 0.0]), 0.5) == pytest.approx(2.0)


def test_laziness_is_the_movement_that_the_theory_needs():
    """Sum over eigenpairs written out; and the least-squares movement J^T K^-1 (f_s - f_0) of a real network."""
    p = sum_of_modes(Line(), 12, [1, 2])
    network = TwoLayer(512, "erf", alpha=3.0)
    params = network.init(jax.random.key(0), 1)
    jacobian = jax.jacobian(network.apply)(params, jnp.asarray(p.x))
    flat = jnp.concatenate([leaf.reshape(12, -1) for leaf in jax.tree.leaves(jacobian)], axis=1)
    from lfp import empirical_kernel
    from lfp.spectra import gram_spectrum

    rates = gram_spectrum(empirical_kernel(network, params, jnp.asarray(p.x)), p.weights)
    law, steps = GradientDescent(1 / float(rates.rates.max())), np.array([0, 5, 40])
    moved = []
    for s in steps:
        theta = jnp.zeros(flat.shape[1])
        for _ in range(s):
            theta = theta - law.lr / 9 * flat.T @ ((flat @ theta - p.y) / 12)
        moved.append(float(theta @ theta) / network.width)
    np.testing.assert_allclose(laziness(network, p, law, steps, rates), moved, rtol=1e-8)


def test_laziness_scales_with_alpha_and_width():
    """alpha^-2 m^-1."""
    p, steps = sum_of_modes(Circle(), 16, [1, 2]), np.array([0, 10])
    rates, law = spectrum(arc_cosine_ntk, p), GradientDescent(0.5)
    one, wide, lazy = (
        laziness(net, p, law, steps, rates)[1] for net in (TwoLayer(8), TwoLayer(32), TwoLayer(8, alpha=3.0))
    )
    assert one / wide == pytest.approx(4)
    assert one / lazy == pytest.approx(9)


@pytest.fixture(scope="module")
def runs():
    """A lazy and a far from lazy run of the same network."""
    p, made = sum_of_modes(Circle(), 32, [1, 2, 3]), {}
    for alpha in (50.0, 1.0):
        network, steps = TwoLayer(1024, alpha=alpha), log_steps(400, 30)
        prediction = predict(network, p, steps=steps)
        run = train(network, p, prediction.law, steps)
        made[alpha] = (network, prediction, run, compare(prediction, run.trajectory, remedies=False))
    return made


def test_lazy_training_holds_as_forecast(runs):
    """D_sup within three predicted standard errors for every mode, rates within 10 %, verdict said beforehand."""
    *_, report = runs[50.0]
    for row in report.modes:
        assert row["d_sup"] < 3 * row["standard_error"]
        assert row["rate_measured"] == pytest.approx(row["rate_predicted"], rel=0.1)
    assert (report.verdict, report.forecast) == ("holds", "holds")
    assert report.d_sup < 0.05


def test_rich_training_fails_as_forecast(runs):
    """Control: alpha = 1 must fail, and the laziness says so before training."""
    network, prediction, run, report = runs[1.0]
    assert (report.verdict, report.forecast) == ("fails", "fails")
    assert report.d_sup > 0.08
    assert prediction.laziness is not None
    assert prediction.laziness[-1] > 1e-2
    assert kernel_drift(network, run.start, run.end, prediction.problem.x) > 0.05


def test_kernel_drift_is_small_when_lazy(runs):
    """Between alpha = 1 and 50 the kernel moves about 50 times less."""
    drifts = [kernel_drift(net, run.start, run.end, pre.problem.x) for net, pre, run, _ in (runs[1.0], runs[50.0])]
    assert 20 < drifts[0] / drifts[1] < 100


def test_budget_adds_up(runs):
    """Triangle inequality of the layers; what laziness costs is in the last layer, not in the others."""
    lazy, rich = (runs[alpha][3] for alpha in (50.0, 1.0))
    for row in (*lazy.modes, *rich.modes):
        assert row["d_sup"] <= row["ntk_vs_empirical"] + row["empirical_vs_training"] + 1e-9
    assert rich.budget()["empirical_vs_training"] > 10 * lazy.budget()["empirical_vs_training"]
    assert rich.budget()["ntk_vs_empirical"] == pytest.approx(lazy.budget()["ntk_vs_empirical"], rel=1e-3)
    assert lazy.budget()["lfp_vs_ntk"] > 0.1  # biases of width 1 are no wide spread


def test_report_prints_every_mode(runs):
    """One line a mode, the verdict last."""
    lines = str(runs[50.0][3]).splitlines()
    assert len(lines) == 6
    assert "half-lives in steps" in lines[-2]
    assert lines[-1].startswith("holds: measured D_sup")


@pytest.mark.slow
def test_empirical_theory_of_a_deep_network():
    """Depth 2, width 64: the kernel at initialisation predicts each network; infinite width does not (control)."""
    p, network, steps = sum_of_modes(Circle(), 16, [1, 2]), MLP(64, 2, alpha=100.0), log_steps(200, 20)
    prediction = predict(network, p, steps=steps, theory="empirical", seeds=2)
    report = compare(prediction, train(network, p, prediction.law, steps, seeds=2).trajectory)
    assert prediction.band is None
    assert report.d_sup < 0.02 < report.budget()["ntk_vs_empirical"]


@pytest.mark.slow
def test_narrow_biases_are_the_reason_given_for_a_wrong_operator():
    p, steps = sum_of_modes(Line(), 16, [1, 2]), log_steps(100, 10)
    reasons = []
    for spread in (0.5, 8.0):
        network = TwoLayer(128, b=Gaussian(spread), alpha=50.0)
        prediction = predict(network, p, steps=steps, theory="lfp", seeds=2)
        reasons.append(compare(prediction, prediction.theory).reason)
    assert "of it the LFP operator in place of the kernel" in reasons[0]
    assert "tried on the prediction: four times sigma_b" in reasons[0]
    assert "LFP operator" not in reasons[1]


@pytest.mark.slow
def test_lfp_theory_of_widely_spread_biases():
    """sigma_b = 6 on the line: the LFP operator predicts as the NTK does; sigma_b = 1 it does not (control)."""
    p, steps = sum_of_modes(Line(), 32, [1, 2]), log_steps(300, 25)
    wide, narrow = (TwoLayer(2048, b=Gaussian(b), alpha=50.0) for b in (6.0, 1.0))
    prediction = predict(wide, p, steps=steps, theory="lfp", seeds=3)
    report = compare(prediction, train(wide, p, prediction.law, steps, seeds=3).trajectory)
    assert report.budget()["lfp_vs_ntk"] < 0.01
    assert all(row["d_sup"] < 3 * row["standard_error"] + 0.01 for row in report.modes)
    assert predict(narrow, p, steps=steps, theory="lfp").layers(prediction.theory)["lfp_vs_ntk"].max() > 0.03
    with pytest.raises(InputError, match="theory='lfp' with network=MLP"):
        predict(MLP(8), p, steps=steps, theory="lfp")
    tight = TwoLayer(8, "tanh", b=Gaussian(0.5))
    with pytest.raises(InputError, match="negative rate"):
        predict(tight, p, steps=steps, theory="lfp")
    assert "lfp" not in predict(tight, p, steps=steps).curves


def test_any_model_by_its_empirical_kernel():
    """A function of one's own, without analytic kernel: predicted by theory='empirical', refused by name otherwise."""

    def apply(params, x):
        return jnp.sin(x @ params["w"] + params["b"][None, :]) @ params["a"] / 16

    def init(key, dim):
        keys = jax.random.split(key, 3)
        return {"w": 3 * jax.random.normal(keys[0], (dim, 256)), "b": jax.random.normal(keys[1], (256,))} | {
            "a": jax.random.normal(keys[2], (256,))
        }

    p, network, steps = sum_of_modes(Line(), 16, [1, 2]), Custom(init, apply, width=256, alpha=50.0), log_steps(100, 15)
    prediction = predict(network, p, steps=steps, theory="empirical", seeds=2)
    report = compare(prediction, train(network, p, prediction.law, steps, seeds=2).trajectory)
    assert report.d_sup < 0.02
    assert report.verdict == "holds"
    with pytest.raises(InputError, match="Custom has no analytic kernel"):
        predict(network, p, steps=steps)


def test_theory_is_not_made_of_the_training():
    """The same prediction, bit for bit, whether a network was trained before or not."""
    p, network, steps = sum_of_modes(Circle(), 16, [1]), TwoLayer(64), log_steps(20, 5)
    first = predict(network, p, steps=steps)
    train(network, p, first.law, steps)
    second = predict(network, p, steps=steps)
    np.testing.assert_array_equal(first.theory.values, second.theory.values)
    np.testing.assert_array_equal(first.band.values, second.band.values)


def test_different_steps_are_refused():
    """Curves looked at on different steps cannot be compared; an early end can."""
    p = sum_of_modes(Circle(), 8, [1])
    f = Trajectory(np.array([0, 1, 2]), np.zeros((1, 3, 8)), p.x)
    early = Trajectory(np.array([0, 1]), np.zeros((1, 2, 8)), p.x)
    other = Trajectory(np.array([0, 2]), np.zeros((1, 2, 8)), p.x)
    assert sup_distance(f, early, p).tolist() == [0.0]
    with pytest.raises(InputError, match="different steps"):
        compare(Prediction(Plan(TwoLayer(8), p, GradientDescent(0.1), f.steps), "ntk", {"ntk": f}), other)
    with pytest.raises(InputError, match="theory='nkt'"):
        predict(TwoLayer(8), p, steps=np.arange(3), theory="nkt")


def test_kernel_of_network_is_used_for_the_default_rate():
    """The default step is one over the largest rate."""
    p = sum_of_modes(Circle(), 16, [1])
    law = predict(TwoLayer(8), p, steps=np.arange(3)).law
    assert law.lr == pytest.approx(1 / float(spectrum(kernel(TwoLayer(8)), p).rates.max()))
