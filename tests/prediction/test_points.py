"""Theory over training on points of any dimension: what holds in the lazy regime, and what must fail."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from lfp import (
    MLP,
    DegreeProbe,
    DirectionProbe,
    FilterProbe,
    Gaussian,
    Hypercube,
    InputError,
    ModeProbe,
    Points,
    RankProbe,
    Sphere,
    Torus,
    TwoLayer,
    compare,
    log_steps,
    predict,
    solve,
    spectrum,
    sum_of_degrees,
    train,
)
from lfp.measure.probes import sup_distance
from lfp.measure.times import fitted_rate

STEPS = log_steps(300, 30)
RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(100, 3))


def sphere(count=200):
    """Degrees 1 and 2 in R^10."""
    space = Sphere(10)
    x = RNG.normal(size=(count, 10))
    return space, sum_of_degrees(space, x / np.linalg.norm(x, axis=1, keepdims=True), [1, 2])


def cloud():
    """A smooth function on normal points of R^3."""
    return Points(CLOUD, np.sin(1.5 * CLOUD[:, 0]) + 0.5 * CLOUD[:, 1] * CLOUD[:, 2])


def checked(said, run, limit, wrong):
    """D_sup is small and the verdict says so; the wrong theory is off by more."""
    report = compare(said, run)
    assert report.d_sup < limit, str(report)
    assert report.verdict == "holds"
    off = sup_distance(wrong, run.trajectory, said.problem, said.probe).max()
    assert off > 0.1, off
    return report


def test_degrees_on_the_sphere_in_ten_dimensions():
    """Five networks of width 4096: within .05 and three predicted standard errors; half the step (control) is not."""
    space, data = sphere()
    said = predict(TwoLayer(4096, alpha=50.0), data, steps=STEPS, probe=DegreeProbe(space, data, [0, 1, 2]))
    slower = solve(spectrum(said.network, data), data, replace(said.law, lr=said.law.lr / 2), STEPS)
    report = checked(said, train(said), 0.05, slower)
    assert report.forecast is None
    assert "no forecast, which is calibrated on modes" in report.reason
    assert all(row["d_sup"] < 0.005 + 3 * row["standard_error"] for row in report.modes), report.modes
    assert [row["frequency"] for row in report.modes] == [None] * 3


SPACES = {"sphere": Sphere(10), "torus": Torus(2), "hypercube": Hypercube(10)}


@pytest.mark.parametrize("name", SPACES)
def test_symmetric_domains_by_degree(name):
    """400 random points, five networks: within .03 and three predicted errors; the law of half the step is not."""
    space = SPACES[name]
    x = space.random(jax.random.key(7), 400)
    data = sum_of_degrees(space, space.embed(x) if name == "torus" else x, [1, 2])
    probe = DegreeProbe(space, data, [1, 2])
    said = predict(TwoLayer(16384, alpha=50.0), data, steps=STEPS, seeds=5, seed=11, probe=probe)
    slower = solve(spectrum(said.network, data), data, replace(said.law, lr=said.law.lr / 2), STEPS)
    run = train(said)
    report = checked(said, run, 0.03, slower)
    assert all(row["d_sup"] <= 3 * row["standard_error"] for row in report.modes), str(report)


@pytest.mark.parametrize("kind", ["rank", "filter", "direction"])
def test_points_of_r3(kind):
    """Two networks of one hidden layer and width 4096; the kernel of three (control) is off."""
    data, net = cloud(), MLP(4096, 1, "erf", alpha=50.0)
    probe = {"rank": None, "filter": FilterProbe((0.3,)), "direction": DirectionProbe(data, [1, 2], 2)}[kind]
    said = predict(net, data, steps=STEPS, seeds=2, probe=probe)
    deeper = solve(spectrum(MLP(8, 3, "erf"), data), data, said.law, STEPS)
    report = checked(said, train(said), 0.05, deeper)
    assert (report.forecast is None) == (kind == "filter")
    assert (said.rates is None) == (kind != "rank")


def small(**options):
    data = cloud()
    some = Points(data.x[:40], data.y[:40])
    return some, predict(TwoLayer(256, "relu"), some, steps=log_steps(60, 12), seeds=1, **options)


def test_a_rank_falls_by_its_own_rate():
    """(1 - lr L_r)^s of the theory, the rate fitted to it; band, forecast and stored arrays are those of modes."""
    data, said = small()
    curves = said.probe(said.theory, data)
    decays = (1 - said.law.lr * said.rates[None, :]) ** said.curves["ntk"].steps[:, None]
    np.testing.assert_allclose(curves.mean(), decays, atol=1e-5)
    assert isinstance(said.probe, RankProbe)
    assert said.forecast.modes.shape == (len(said.rates), 3)
    stored = said.to_xarray()
    assert stored.mode.values.tolist() == curves.modes.tolist()
    np.testing.assert_allclose(stored.rate, said.rates)
    slow = int(np.argmin(said.rates))
    fitted = fitted_rate(curves.steps, curves.size()[:, slow], float(said.law.lr))
    assert fitted is None or fitted == pytest.approx(said.rates[slow], rel=0.05)


@pytest.mark.parametrize("theory", ["empirical", "lfp"])
def test_other_theories_take_points(theory):
    """Ranks of the kernel at infinite width, whatever the theory; compared and stored."""
    data = Points(CLOUD[:40], np.sin(CLOUD[:40, 0]))
    net = TwoLayer(256, "relu", b=Gaussian(4.0)) if theory == "lfp" else MLP(32, 1, "relu")
    said = predict(net, data, steps=log_steps(60, 12), seeds=2, theory=theory)
    report = compare(said, train(said), remedies=False)
    assert len(report.modes) == len(said.probe.called)
    assert said.to_xarray().attrs["probe"] == "rank"


def test_parts_are_stored_and_weights_count():
    """Components of the parts; repeated points as weights give the curves of the repeated ones."""
    data = cloud()
    x, y = data.x[:30], data.y[:30]
    whole = Points(x, y, np.where(np.arange(30) < 10, 2, 1) / 40)
    twice = Points(np.vstack([x, x[:10]]), np.concatenate([y, y[:10]]))
    law = predict(TwoLayer(64), whole, steps=log_steps(20, 6), seeds=1).law
    curves = []
    for some in (whole, twice):
        said = predict(TwoLayer(64), some, law, log_steps(20, 6), seeds=1, probe=FilterProbe((0.3,)))
        assert said.to_xarray().remaining.dims == ("step", "mode", "component")
        curves.append(said.probe(said.theory, some).size())
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-6)


def test_probes_that_do_not_fit_are_refused():
    data = cloud()
    with pytest.raises(InputError, match="probe='modes' on Points"):
        predict(TwoLayer(8), data, probe=ModeProbe())
    other = Points(data.x[:50], data.y[:50])
    with pytest.raises(InputError, match="is of other points"):
        predict(TwoLayer(8), data, probe=RankProbe(spectrum(TwoLayer(8), other), other))
