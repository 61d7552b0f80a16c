"""The mean field as a theory: over training where the linear one fails, unstable where it is, unknown where it is."""

from dataclasses import replace
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest

import lfp
from lfp.prediction import MeanField, mean_field
from lfp.prediction.meanfield import largest_rate, standard_error
from lfp.prediction.particles import Particles, characteristics, particles_of
from lfp.prediction.theory import Ground
from lfp.spectra import gram_spectrum
from lfp.training import Plan

PROBLEM = lfp.sum_of_modes(lfp.Circle(), 16, [1, 2, 3])
RICH = lfp.TwoLayer(2048, alpha=0.25)
LAW, LOOKS = lfp.GradientDescent(0.3), lfp.log_steps(300, 20)
GROUND = Ground(RICH, PROBLEM)


def sup(one, other):
    """Largest distance of mean modes, written out."""
    c = np.exp(-1j * np.outer([1, 2, 3], PROBLEM.t)) / 16
    count = min(len(one.steps), len(other.steps))
    gap = (one.mean()[:count] - other.mean()[:count]) @ c.T
    return np.abs(gap / (c @ PROBLEM.y)[None]).max()


def test_it_stays_on_training_where_the_linear_theory_leaves():
    """Predicted before training, of networks that learn features; a gamma that is wrong by two is seen."""
    said = lfp.predict(RICH, PROBLEM, LAW, LOOKS, theory=MeanField(0.02), seeds=6)
    assert (said.name, said.doubt) == ("meanfield", None)
    meta = said.theory.meta
    assert meta["standard_error"] <= 0.02
    assert meta["reached"]
    run = lfp.train(said)
    report = lfp.compare(said, run)
    assert report.d_sup == pytest.approx(sup(said.theory, run.trajectory))
    assert report.d_sup < 0.04
    assert sup(said.curves["ntk"], run.trajectory) > 0.1
    budget = report.budget()
    assert budget["meanfield_vs_training"] == report.d_sup
    assert budget["ntk_vs_meanfield"] == pytest.approx(sup(said.curves["ntk"], said.theory))
    assert report.forecast == "holds"
    assert report.expected.largest[0] / 2 < report.d_sup < 2 * report.expected.largest[2]
    twice = replace(RICH, alpha=RICH.alpha / 2)
    other = lfp.predict(twice, PROBLEM, LAW, LOOKS, theory=MeanField(0.02), seeds=6)
    assert sup(other.theory, run.trajectory) > 3 * report.d_sup


def test_laziness_of_the_linear_forecast_is_the_mean_field_s():
    """Without calibration: the linear theory's D_sup is known before training."""
    said = lfp.predict(RICH, PROBLEM, LAW, LOOKS, also=[MeanField(0.02)], seeds=6)
    assert said.name == "ntk"
    assert said.forecast.lazy == pytest.approx(sup(said.theory, said.curves["meanfield"]))
    assert said.forecast.lazy > 10 * said.forecast.wide
    report = lfp.compare(said, lfp.train(said))
    assert report.forecast == report.verdict == "fails"
    low, _, high = report.expected.largest
    assert low - 0.02 < report.d_sup < high + 0.02
    assert high - low < report.d_sup / 2


def test_band_is_the_spread_of_networks():
    said = lfp.predict(RICH, PROBLEM, LAW, LOOKS, theory=MeanField(0.05), seeds=12)
    run = lfp.train(said)
    spreads = [lfp.probe(one, PROBLEM).spread().max(axis=0) for one in (said.band, run.trajectory)]
    assert np.abs(np.log(spreads[0] / spreads[1])).max() < np.log(2.5)  # of 8 and of 12 runs


def test_unstable_step_is_that_of_the_moving_kernel():
    """The kernel of a rich network grows beyond lr L = 2: from there on the theory claims nothing, and says so."""
    network = lfp.TwoLayer(2048, alpha=0.05)
    top = float(np.asarray(lfp.spectrum(network, PROBLEM).rates).max())
    law = lfp.GradientDescent(1.2 / top)
    said = lfp.predict(network, PROBLEM, law, LOOKS, theory=MeanField(0.5), seeds=2)
    step = said.theory.meta["unstable_from"]
    assert step is not None
    assert said.theory.steps[-1] < step
    limit = Particles.of(network, said.theory.meta["particles"])
    start = particles_of(limit, 2, 4, dtype=jnp.float32)
    rates = {}
    for at, moved in characteristics(limit, law, start, PROBLEM, [0, int(said.theory.steps[-1]), step]):
        params = [p[0] + d[0] for p, d in zip(start, moved, strict=True)]
        gram = np.asarray(lfp.empirical_kernel(limit, tuple(params), jnp.asarray(PROBLEM.x, jnp.float32)))
        rates[at] = np.linalg.eigvalsh(gram / 16)[-1]
    assert rates[step] * law.lr >= 2 > rates[int(said.theory.steps[-1])] * law.lr
    assert rates[0] == pytest.approx(top, rel=0.02)
    assert said.forecast is None
    run = lfp.train(said)
    report = lfp.compare(said, run)
    assert report.forecast == "unknown"
    assert f"unstable from step {step} on" in report.reason
    assert report.d_sup == pytest.approx(sup(said.theory, run.trajectory))
    assert said.to_xarray()["f"].shape[1] == len(said.theory.steps)


def test_what_is_not_known_is_unknown():
    said = lfp.predict(RICH, PROBLEM, LAW, LOOKS, theory=MeanField(1e-4, most=512), seeds=1)
    assert "known to a standard error of" in said.doubt
    assert said.forecast is None
    assert lfp.compare(said, lfp.train(said)).forecast == "unknown"


def test_particles_double_until_the_tolerance():
    plan = Plan(RICH, PROBLEM, LAW, LOOKS)
    coarse, fine = (MeanField(tolerance).follow(plan, GROUND) for tolerance in (0.1, 0.006))
    assert coarse.meta["particles"] < fine.meta["particles"]
    for one, tolerance in ((coarse, 0.1), (fine, 0.006)):
        assert standard_error(one, PROBLEM) == one.meta["standard_error"] <= tolerance
    assert sup(coarse, fine) < 3 * coarse.meta["standard_error"]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_stated_error_covers(activation):
    """Of twenty groups of four scrambles nine in ten are within three standard errors of many more particles."""
    network, looks = lfp.TwoLayer(256, activation, alpha=0.3), lfp.log_steps(60, 8)
    run = partial(mean_field, network, PROBLEM, LAW, looks)
    truth = lfp.Trajectory(looks, np.asarray(run(particles=2**14, scrambles=1, seed=99), float), PROBLEM.x)
    wanted, within = lfp.probe(truth, PROBLEM).mean(), []
    for seed in range(20):
        found = lfp.Trajectory(looks, np.asarray(run(particles=2**8, seed=seed), float), PROBLEM.x)
        curves = lfp.probe(found, PROBLEM)
        gap = np.abs(curves.mean() - wanted).max(axis=0)
        within.append(gap <= 3 * curves.spread().max(axis=0) / 2)
    assert np.mean(within) >= 0.9


@pytest.mark.parametrize(
    ("activation", "gammas", "least", "most"),
    [("relu", (0.02, 0.005), 0.8, 1.2), ("tanh", (0.0025, 0.00125), 1.8, 2.1)],
)
def test_linear_theory_is_its_limit(activation, gammas, least, most):
    """The difference to the kernel of the same particles falls as gamma for relu, as its square for tanh."""
    network, looks = lfp.TwoLayer(256, activation), lfp.log_steps(60, 8)
    gaps = []
    for gamma in gammas:
        limit = Particles.of(network, 2**14, gamma)
        start = particles_of(limit, 2, 1)
        gram = limit.gram(tuple(part[0] for part in start), jnp.asarray(PROBLEM.x))
        linear = lfp.solve(gram_spectrum(gram, PROBLEM.weights), PROBLEM, LAW, looks)
        f = mean_field(network, PROBLEM, LAW, looks, gamma=gamma, particles=2**14, scrambles=1, dtype=jnp.float64)
        gaps.append(sup(lfp.Trajectory(looks, np.asarray(f), PROBLEM.x), linear))
    exponent = np.log(gaps[0] / gaps[1]) / np.log(gammas[0] / gammas[1])
    assert least <= exponent <= most


def test_points_of_the_plane_have_an_error_too():
    rng = np.random.default_rng(0)
    data = lfp.Points(rng.normal(size=(12, 2)), rng.normal(size=12))
    found = MeanField(0.1).follow(Plan(RICH, data, LAW, LOOKS), GROUND)
    gap = found.values - found.mean()[None]
    own = np.sqrt((gap**2).mean(axis=2).sum(axis=0).max() / 3 / (data.y**2).mean())
    assert found.meta["standard_error"] == pytest.approx(own / 2)


def test_largest_rate_of_many_points_is_that_of_the_matrix(monkeypatch):
    limit = Particles.of(RICH, 64)
    start = particles_of(limit, 2, 2)
    moved = [0 * part for part in start]
    x, weights = jnp.asarray(PROBLEM.x), np.linspace(1, 2, 16) / 24
    rates = []
    for dense in (512, 8):
        monkeypatch.setattr("lfp.prediction.meanfield.DENSE", dense)
        rates.append(largest_rate(limit, start, tuple(moved), x, weights))
    assert rates[0] == pytest.approx(rates[1], rel=1e-3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: lfp.predict(lfp.MLP(8), PROBLEM, LAW, LOOKS, theory="meanfield"),
            "'meanfield' does not apply: network=MLP",
        ),
        (lambda: lfp.predict(RICH, PROBLEM, lfp.Adam(0.1, 300), LOOKS, theory="meanfield"), "law=Adam; allowed"),
        (lambda: lfp.predict(RICH, PROBLEM, lfp.GradientDescent(99.0), LOOKS, theory="meanfield"), "lr=99 is beyond"),
        (lambda: MeanField(0.0), "tolerance=0.0"),
        (lambda: MeanField(most=8), "most=8"),
        (lambda: MeanField(scrambles=1), "scrambles=1"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(lfp.InputError, match=words):
        call()
