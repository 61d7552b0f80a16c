"""What the README claims of real training runs, at full size. Minutes: `make test-slow`."""

import jax.numpy as jnp
import numpy as np
import pytest

from lfp import MLP, Circle, Gaussian, Line, Report, TwoLayer, compare, log_steps, predict, probe, sum_of_modes, train

pytestmark = pytest.mark.slow


def overlay(problem, network, steps, *, seeds=5, theory="ntk", dtype=jnp.float32):
    """Predict, then train, then compare: the way of the data."""
    looks = log_steps(steps, 80)
    prediction = predict(network, problem, steps=looks, theory=theory, seeds=seeds, dtype=dtype)
    run = train(network, problem, prediction.law, looks, seeds=seeds, dtype=dtype)
    return prediction, run, compare(prediction, run.trajectory)


def table(name: str, report: Report) -> None:
    print(
        f"\n{name}\n{report}\n"
        + " ".join(f"{row['d_sup'] / (row['standard_error'] or np.nan):.2f}" for row in report.modes)
    )


def test_default_overlay():
    """Circle, two-layer relu, width 8192, seven modes, five seeds: D_sup <= .03 and within three standard errors."""
    *_, report = overlay(sum_of_modes(Circle(), 64, range(1, 8)), TwoLayer(8192, alpha=50.0), 3000)
    table("default", report)
    for row in report.modes:
        assert row["d_sup"] <= min(0.03, 3 * row["standard_error"])
        assert row["rate_measured"] == pytest.approx(row["rate_predicted"], rel=0.05)
    assert (report.verdict, report.forecast) == ("holds", "holds")


def test_control_of_the_default_overlay():
    """alpha = 1 with the same target: D_sup > .2 somewhere, said before training."""
    *_, report = overlay(sum_of_modes(Circle(), 64, range(1, 8)), TwoLayer(8192), 3000)
    table("control", report)
    assert report.d_sup > 0.2
    assert (report.verdict, report.forecast) == ("fails", "fails")


@pytest.mark.parametrize(("depth", "activation"), [(3, "erf"), (2, "relu")])
def test_deep_networks_by_their_empirical_kernel(depth, activation):
    """Width 512, lazy: D_sup <= .02."""
    network = MLP(512, depth, activation, alpha=100.0)
    *_, report = overlay(sum_of_modes(Circle(), 32, range(1, 6)), network, 1000, theory="empirical")
    table(f"depth {depth} {activation}", report)
    assert report.d_sup <= 0.02


def test_line():
    """64 points, sigma_b = 4, width 16384, amplitude .05: curves within 1 % in relative L2, three seeds."""
    network = TwoLayer(16384, b=Gaussian(4.0))
    problem = sum_of_modes(Line(), 64, [1, 2, 4, 8], 0.05)
    prediction, run, report = overlay(problem, network, 3000, seeds=3)
    table("line", report)
    predicted, measured = (probe(one, problem).mean() for one in (prediction.theory, run.trajectory))
    relative = np.linalg.norm(measured - predicted, axis=0) / np.linalg.norm(predicted, axis=0)
    print("relative L2", relative)
    assert (relative <= 0.01).all()


def test_float32_is_float64():
    """The default run in both precisions: curves within .002."""
    problem, network = sum_of_modes(Circle(), 64, range(1, 8)), TwoLayer(8192, alpha=50.0)
    runs = [overlay(problem, network, 3000, seeds=2, dtype=dtype)[1].trajectory for dtype in (jnp.float32, jnp.float64)]
    single, double = (probe(run, problem).remaining for run in runs)
    difference = np.abs(single - double).max()
    print("float32 against float64", difference)
    assert difference < 0.002
