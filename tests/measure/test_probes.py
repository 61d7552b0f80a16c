"""Measuring modes: a right magnitude with a wrong phase is an error."""

import numpy as np
import pytest

from lfp import (
    Circle,
    FilterProbe,
    InputError,
    Line,
    ModeCurves,
    ModeProbe,
    Points,
    Trajectory,
    WeightProbe,
    log_steps,
    probe,
    probe_functions,
    problem,
    sum_of_modes,
)
from lfp.measure.probes import sup_distance
from lfp.measure.trajectory import save


def one_look(p, f):
    return Trajectory(np.array([0]), np.asarray(f)[None, None], p.x)


def test_known_amplitudes_come_back():
    """Any share of any mode, to 1e-14."""
    p = sum_of_modes(Circle(), 32, [1, 4, 9], [1.0, 0.2, 3.0])
    t = p.t
    f = 0.3 * np.sin(t) + 0.2 * 0.9 * np.sin(4 * t) + 3 * 1.5 * np.sin(9 * t)
    np.testing.assert_allclose(probe(one_look(p, f), p).mean()[0], [0.7, 0.1, -0.5], atol=1e-14)


def test_wrong_phase_is_an_error():
    """cos for sin has the right magnitude: the difference of magnitudes says learnt (control), the probe does not."""
    p = sum_of_modes(Circle(), 16, [2])
    f = np.cos(2 * p.t)
    left = abs(probe(one_look(p, f), p).mean()[0, 0])
    np.testing.assert_allclose(left, np.sqrt(2), rtol=1e-12)
    assert abs(np.abs(np.fft.rfft(f)[2]) - np.abs(np.fft.rfft(p.y)[2])) < 1e-12


def test_absent_modes_are_scaled_by_rms():
    """A mode that the target lacks starts at 0, and what leaks into it is measured against rms(y)."""
    p = problem(Circle(), Circle().grid(16), 2 * np.sin(Circle().grid(16)), [1, 3])
    curves = probe(one_look(p, p.y + 0.1 * np.sin(3 * p.t)), p)
    assert curves.present.tolist() == [1, 0]
    np.testing.assert_allclose(np.abs(curves.mean()[0]), [0, 0.05 / np.sqrt(2)], atol=1e-14)


def test_zero_target_is_measured_absolutely():
    """Nothing to scale by: no NaN."""
    p = problem(Circle(), Circle().grid(8), np.zeros(8), [1])
    np.testing.assert_allclose(np.abs(probe(one_look(p, 0.4 * np.sin(p.t)), p).mean()), [[0.2]])


def test_spread_is_the_unbiased_deviation():
    """Against numpy for complex runs; one run has none."""
    runs = np.random.default_rng(0).normal(size=(5, 2, 3, 2)) @ [1, 1j]
    curves = ModeCurves(np.arange(2), np.arange(3), runs, np.ones(3, int))
    np.testing.assert_allclose(curves.spread(), np.sqrt(runs.real.var(0, ddof=1) + runs.imag.var(0, ddof=1)))
    assert not ModeCurves(np.arange(2), np.arange(3), runs[:1], np.ones(3, int)).spread().any()


def test_other_modes_and_aliasing():
    """Any mode may be asked for, up to what the points resolve."""
    p = sum_of_modes(Circle(), 8, [1])
    assert probe(one_look(p, p.y), p, np.array([0, 2])).modes.tolist() == [0, 2]
    with pytest.raises(InputError, match="aliased"):
        probe(one_look(p, p.y), p, np.array([5]))


@pytest.fixture
def scattered():
    """100 points, each somewhere in its own cell of the period, and a function of modes up to 10 there."""
    rng = np.random.default_rng(0)
    t = (np.arange(100) + rng.uniform(0, 0.9, 100)) / 50 - 1
    waves = np.exp(1j * np.pi * np.multiply.outer(t, np.arange(11)))
    return problem(Line(), t, (waves @ (rng.normal(size=(11, 2)) @ [1, 1j])).real, range(1, 11))


@pytest.mark.parametrize("kind", [ModeProbe, WeightProbe])
def test_scattered_modes_are_exact(scattered, kind):
    """Shares of the modes come back to 1e-10 by either probe; the plain mean is off by far (control)."""
    learnt = np.linspace(0, 1, 10)
    waves = np.exp(1j * np.pi * np.multiply.outer(scattered.t, scattered.modes))
    target = scattered.coefficients()
    f = 2 * (waves @ (learnt * target)).real
    np.testing.assert_allclose(kind()(one_look(scattered, f), scattered).mean()[0], 1 - learnt, atol=1e-10)
    plain = waves.conj().T @ (scattered.y - f) / 100 / target
    assert np.abs(plain - (1 - learnt)).max() > 0.05
    assert kind().quality(scattered)["resolution"] == 50
    assert 1 < kind().quality(scattered)["condition"] < 100


def test_weights_are_the_dft_on_a_grid():
    """Any function, to rounding."""
    p = sum_of_modes(Circle(), 16, [1, 5])
    look = one_look(p, np.random.default_rng(0).normal(size=16))
    np.testing.assert_allclose(WeightProbe()(look, p).remaining, probe(look, p).remaining, atol=1e-13)
    assert WeightProbe().quality(p)["condition"] == pytest.approx(1)


def test_aliasing_is_said(scattered):
    """A target with a frequency above the modes that are followed; weights for more modes than there are points for."""
    high = problem(Line(), scattered.t, np.cos(30 * np.pi * scattered.t), [1, 2])
    for kind in (ModeProbe, WeightProbe):
        with pytest.warns(UserWarning, match="aliased; 100 points resolve 50"):
            kind().quality(high)
    few = problem(Line(), scattered.t[::5], np.sin(np.pi * scattered.t[::5]), [1, 6])
    with pytest.warns(UserWarning, match="20 points have weights for modes up to 4"):
        WeightProbe().quality(few)


def test_filter_is_the_sum_written_out(scattered):
    """Low and high part by the double sum, weights of merged points included: 1e-10."""
    t = np.concatenate([scattered.t, scattered.t[:9]])
    p = problem(Line(), t, np.concatenate([scattered.y, scattered.y[:9] + 1]), [1])
    f, delta, parts = 0.7 * p.y + 0.2 * p.t, (1 / (4 * np.pi)) ** 2, []
    for values in (p.y, p.y - f):
        low = np.zeros_like(values)
        for i in range(100):
            gains = [w * np.exp(-((p.t[i] - s) ** 2) / (2 * delta)) for s, w in zip(p.x[:, 0], p.weights, strict=True)]
            low[i] = sum(g * v for g, v in zip(gains, values, strict=True)) / sum(gains)
        parts.append([np.sqrt(p.weights @ part**2) for part in (low, values - low)])
    curves = FilterProbe((4,))(one_look(p, f), p)
    np.testing.assert_allclose(curves.size()[0], np.array(parts[1]) / np.array(parts[0]), rtol=1e-10)


def test_filter_sees_a_wrong_phase():
    """Right size of both parts, wrong phase: sqrt(2) left; the difference of sizes says learnt (control)."""
    p = sum_of_modes(Circle(), 64, [1, 9])
    f = np.cos(p.t) + np.cos(9 * p.t)
    look, probe = FilterProbe((2, 3)), one_look(p, f)
    np.testing.assert_allclose(look(probe, p).size(), np.sqrt(2), rtol=1e-6)
    sizes = [np.linalg.norm(look.parts(p, values[None])[0], axis=1) for values in (p.y, f)]
    np.testing.assert_allclose(sizes[0], sizes[1], rtol=1e-6)
    zero = one_look(p, 0 * f)
    np.testing.assert_allclose(sup_distance(zero, probe, p, look), 1, rtol=1e-6)


def test_bad_cutoffs():
    """Above what the points resolve, none, twice."""
    p = sum_of_modes(Circle(), 16, [1])
    with pytest.raises(InputError, match="cutoffs=9 is aliased: 16 points resolve modes up to 8"):
        FilterProbe((9,)).quality(p)
    for wrong in ((), (2, 2), (0,)):
        with pytest.raises(InputError, match="cutoffs="):
            FilterProbe(wrong)


def test_trajectory_survives_the_file(tmp_path):
    """Saved and loaded, bit for bit, with what made it."""
    values = np.random.default_rng(0).normal(size=(2, 3, 4))
    made = Trajectory(np.array([0, 1, 5]), values, np.zeros((4, 2)), {"lr": 0.1, "kind": "theory"})
    made.save(tmp_path / "one.nc")
    found = Trajectory.load(tmp_path / "one.nc")
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(found.steps, made.steps)
    assert found.meta == made.meta
    assert [path.name for path in tmp_path.iterdir()] == ["one.nc"]


def test_broken_write_leaves_nothing(tmp_path, monkeypatch):
    """A write that fails half-way leaves neither the file nor its beginnings."""

    def half(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", half)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path / "one.nc", Trajectory(np.arange(2), np.zeros((1, 2, 3)), np.zeros((3, 1))).to_xarray())
    assert not list(tmp_path.iterdir())


def test_mismatched_trajectory():
    """Shapes that do not belong together."""
    with pytest.raises(InputError, match="values of shape"):
        Trajectory(np.arange(2), np.zeros((1, 3, 4)), np.zeros((4, 1)))


def test_log_steps_start_at_zero_and_end_at_the_last():
    """Increasing, no repeats, both ends in."""
    for total, count in ((1, 2), (3, 80), (3000, 60), (10**7, 100)):
        steps = log_steps(total, count)
        assert steps[0] == 0
        assert steps[-1] == total
        assert (np.diff(steps) > 0).all()
    with pytest.raises(InputError, match="total=0"):
        log_steps(0, 5)


def test_functions_are_told_apart_by_least_squares():
    """Two functions that overlap on scattered, weighted points; their plain projections (control) mix them up."""
    rng = np.random.default_rng(0)
    x, weights = rng.uniform(-1, 1, (20, 1)), rng.dirichlet(np.ones(20))
    functions = np.hstack([x**3, np.exp(x)])
    data = Points(x, functions @ np.array([2.0, -1.0]), weights)
    f = functions @ np.array([0.5, -0.9])
    curves = probe_functions(one_look(data, f), data, functions, np.array([3, 0]))
    np.testing.assert_allclose(curves.remaining[0, 0], [0.75, 0.1], atol=1e-12)
    mixed = functions.T @ (weights * (data.y - f)) / (functions.T @ (weights * data.y))
    assert abs(mixed - [0.75, 0.1]).max() > 0.05
    with pytest.raises(InputError, match="functions has 2 columns, of rank 1"):
        probe_functions(one_look(data, f), data, np.hstack([x, 2 * x]), np.array([0, 1]))
