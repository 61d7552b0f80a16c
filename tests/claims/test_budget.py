"""Layers of the error answer to their knobs, each with its exponent (docs/dynamics.md). Minutes: `make test-slow`."""

import jax.numpy as jnp
import pytest

from lfp import MLP, Circle, Gaussian, Line, Trajectory, TwoLayer, log_steps, predict, sum_of_modes, train
from lfp.commands.overlay import Overlay
from lfp.commands.sweep import run, slope_errors, slopes
from lfp.measure.probes import sup_distance

pytestmark = pytest.mark.slow

WITHIN = 0.2


def exponents(rows, names):
    """Exponents and their standard errors, as a sweep fits them; printed."""
    powers, errors = slopes(rows, names), slope_errors(rows, names)
    print("\nexponents", powers, "\nstandard errors", errors)
    return powers, errors


def layers(network, seeds, dtype=jnp.float32):
    """The layers of one configuration as an overlay measures them, largest over the modes, under its settings."""
    problem, looks = sum_of_modes(Circle(), 16, [1, 2, 3]), log_steps(300, 30)
    prediction = predict(network, problem, steps=looks, theory="empirical", seeds=seeds, dtype=dtype)
    training = train(network, problem, prediction.law, looks, seeds=seeds, dtype=dtype).trajectory
    row = {"width": network.width, "alpha": network.alpha}
    row |= {name: float(values.max()) for name, values in prediction.layers(training).items()}
    print("\n", row, end="")
    return row


def test_operator_against_kernel():
    """sigma_b^-2, whatever width and alpha; a horizon at which the widest spread has learnt nothing misses (control).

    Both are theories: no network is trained. The rates fall as sigma_b^-3 in units of the largest, so that 30 000 steps
    are what sigma_b = 8 needs.
    """
    problem = sum_of_modes(Line(), 32, [1])

    def sweep(steps):
        rows = []
        for sigma, width, alpha in [(s, w, a) for s in (2.0, 4.0, 8.0) for w in (64, 512) for a in (1.0, 50.0)]:
            network = TwoLayer(width, b=Gaussian(sigma), alpha=alpha)
            prediction = predict(network, problem, steps=log_steps(steps, 80), seeds=1)
            layer = prediction.layers(prediction.theory)["lfp_vs_ntk"].max()
            rows.append({"sigma_b": sigma, "width": width, "alpha": alpha, "lfp_vs_ntk": float(layer)})
        return exponents(rows, ["sigma_b", "width", "alpha"])[0]["lfp_vs_ntk"]

    found = sweep(30_000)
    assert found["sigma_b"] == pytest.approx(-2, abs=WITHIN)
    assert found["width"] == pytest.approx(0, abs=1e-6)
    assert found["alpha"] == pytest.approx(0, abs=1e-6)
    assert sweep(400)["sigma_b"] < -3


def test_kernel_against_its_limit():
    """m^-1/2 whatever alpha, over 32 single networks each: sampling error < .1, so that m^-1 is excluded (control)."""
    problem, rows = sum_of_modes(Circle(), 16, [1, 2, 3]), []
    for width, alpha in [(w, a) for w in (256, 1024, 4096) for a in (1.0, 50.0)]:
        made = predict(TwoLayer(width, alpha=alpha), problem, steps=log_steps(300, 30), theory="empirical", seeds=32)
        for values in made.theory.values:
            one = Trajectory(made.theory.steps, values[None], problem.x)
            layer = float(sup_distance(made.curves["ntk"], one, problem).max())
            rows.append({"width": width, "alpha": alpha, "ntk_vs_empirical": layer})
    powers, errors = exponents(rows, ["width", "alpha"])
    power, error = powers["ntk_vs_empirical"], errors["ntk_vs_empirical"]
    assert power["width"] == pytest.approx(-0.5, abs=WITHIN)
    assert power["alpha"] == pytest.approx(0, abs=0.01)  # the kernel at initialisation does not know alpha
    assert error["width"] < 0.1
    assert power["width"] - 2 * error["width"] > -1


def test_flow_against_steps(tmp_path):
    """eta^1; the layers of the kernel stay where they are, for the looks reach the same flow times (control)."""
    settings = Overlay(points=16, modes="1-2", steps=2400, snapshots=80, width=64, seeds=1)
    found = run(settings, ["lr=0.025,0.05,0.1,0.2"], tmp_path, say=lambda _: None)
    powers, errors = exponents(found["points"], ["lr"])
    assert powers == found["slopes"]
    assert powers["flow_vs_steps"]["lr"] == pytest.approx(1, abs=WITHIN)
    assert powers["flow_vs_steps"]["lr"] > 5 * errors["flow_vs_steps"]["lr"]
    for layer in ("lfp_vs_ntk", "ntk_vs_empirical"):
        assert powers[layer]["lr"] == pytest.approx(0, abs=WITHIN)


def test_laziness_with_a_kink():
    """alpha^-1 m^-1/2, means of twenty networks; the exponents of smooth activations are excluded (control)."""
    rows = [layers(TwoLayer(w, "relu", alpha=a), 20) for w in (2048, 8192) for a in (4.0, 8.0, 16.0)]
    powers, errors = exponents(rows, ["width", "alpha"])
    power, error = powers["empirical_vs_training"], errors["empirical_vs_training"]
    assert power["alpha"] == pytest.approx(-1, abs=WITHIN)
    assert power["width"] == pytest.approx(-0.5, abs=WITHIN)
    assert power["alpha"] - 2 * error["alpha"] > -2
    assert power["width"] - 2 * error["width"] > -1
    assert powers["ntk_vs_empirical"]["alpha"] == pytest.approx(0, abs=0.01)


def test_laziness_of_smooth_activations():
    """tanh, antisymmetric: alpha^-2 m^-1, means of five networks; without antisymmetry alpha^-1 (control).

    A neuron moves by delta ~ alpha^-1 m^-1/2. What that does to its kernel to first order is odd in its output weight,
    and cancels between a and -a; the second order does not: delta^2.
    """
    grid = [(w, a) for w in (256, 4096) for a in (3.0, 10.0, 30.0)]
    powers, errors = exponents(
        [layers(TwoLayer(w, "tanh", alpha=a), 5, jnp.float64) for w, a in grid], ["width", "alpha"]
    )
    power, error = powers["empirical_vs_training"], errors["empirical_vs_training"]
    assert power["alpha"] == pytest.approx(-2, abs=WITHIN)
    assert power["width"] == pytest.approx(-1, abs=WITHIN)
    assert power["alpha"] + 2 * error["alpha"] < -1
    assert power["width"] + 2 * error["width"] < -0.5
    alone = exponents([layers(MLP(1024, 1, "tanh", alpha=a), 5, jnp.float64) for a in (10.0, 30.0)], ["alpha"])[0]
    assert alone["empirical_vs_training"]["alpha"] == pytest.approx(-1, abs=WITHIN)
