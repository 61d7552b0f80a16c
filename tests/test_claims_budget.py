"""Layers of the error answer to their knobs, each with its exponent (docs/dynamics.md). Minutes: `make test-slow`."""

from dataclasses import replace

import numpy as np
import pytest

from lfp import Circle, Gaussian, Line, Trajectory, TwoLayer, log_steps, predict, sum_of_modes
from lfp.overlay import Overlay
from lfp.probes import sup_distance
from lfp.sweep import run, slope_errors, slopes

pytestmark = pytest.mark.slow

WITHIN = 0.2
SMALL = Overlay(points=16, modes="1-3", steps=300, snapshots=30)


def exponents(rows, names):
    """Exponents and their standard errors, printed."""
    powers, errors = slopes(rows, names), slope_errors(rows, names)
    for layer, power in powers.items():
        print(f"\n{layer}: " + ", ".join(f"{n} {power[n]:.3f} +- {errors[layer][n]:.3f}" for n in power), end="")
    return powers, errors


def swept(settings, axes, folder):
    """The exponents that `lfp overlay --sweep` finds."""
    found = run(settings, axes, folder, say=lambda _: None)
    for row in found["points"]:
        print("\n", {key: value for key, value in row.items() if key != "d_sup_expected"}, end="")
    return exponents(found["points"], [axis.partition("=")[0] for axis in axes])


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
            prediction = predict(problem, network, log_steps(steps, 80), seeds=1)
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
        made = predict(problem, TwoLayer(width, alpha=alpha), log_steps(300, 30), theory="empirical", seeds=32)
        for seed, values in enumerate(made.theory.values):
            one = Trajectory(made.theory.steps, values[None], problem.x)
            layer = float(sup_distance(made.curves["ntk"], one, problem).max())
            rows.append({"width": width, "alpha": alpha, "seed": seed, "ntk_vs_empirical": layer})
    powers, errors = exponents(rows, ["width", "alpha", "seed"])
    power, error = powers["ntk_vs_empirical"], errors["ntk_vs_empirical"]
    assert power["width"] == pytest.approx(-0.5, abs=WITHIN)
    assert power["alpha"] == pytest.approx(0, abs=0.01)  # the kernel at initialisation does not know alpha
    assert error["width"] < 0.1
    assert power["width"] - 2 * error["width"] > -1


def test_flow_against_steps(tmp_path):
    """eta^1; the layers of the kernel stay where they are, for the looks reach the same flow times (control)."""
    settings = Overlay(points=16, modes="1-2", steps=2400, snapshots=80, width=64, seeds=1)
    powers, errors = swept(settings, ["lr=0.025,0.05,0.1,0.2"], tmp_path)
    assert powers["flow_vs_steps"]["lr"] == pytest.approx(1, abs=WITHIN)
    assert powers["flow_vs_steps"]["lr"] > 5 * errors["flow_vs_steps"]["lr"]
    for layer in ("lfp_vs_ntk", "ntk_vs_empirical"):
        assert powers[layer]["lr"] == pytest.approx(0, abs=WITHIN)


def test_laziness_with_a_kink(tmp_path):
    """alpha^-1 m^-1/2, means of twenty networks; the exponents of smooth activations are excluded (control)."""
    axes = ["width=2048,4096,8192", "alpha=4,8,16"]
    powers, errors = swept(replace(SMALL, seeds=20), axes, tmp_path)
    power, error = powers["empirical_vs_training"], errors["empirical_vs_training"]
    assert power["alpha"] == pytest.approx(-1, abs=WITHIN)
    assert power["width"] == pytest.approx(-0.5, abs=WITHIN)
    assert power["alpha"] - 2 * error["alpha"] > -2
    assert power["width"] - 2 * error["width"] > -1
    assert powers["ntk_vs_empirical"]["alpha"] == pytest.approx(0, abs=0.01)


def test_laziness_of_smooth_activations(tmp_path):
    """tanh, antisymmetric: alpha^-2 m^-1, the mean of five networks; without antisymmetry alpha^-1 (control).

    A neuron moves by delta ~ alpha^-1 m^-1/2. What that does to its kernel to first order is odd in its output weight,
    and cancels between a and -a; the second order does not: delta^2.
    """
    settings = replace(SMALL, activation="tanh", x64=True)
    powers, errors = swept(settings, ["width=256,1024,4096", "alpha=3,10,30"], tmp_path / "pairs")
    power, error = powers["empirical_vs_training"], errors["empirical_vs_training"]
    assert power["alpha"] == pytest.approx(-2, abs=WITHIN)
    assert power["width"] == pytest.approx(-1, abs=WITHIN)
    assert power["alpha"] + 2 * error["alpha"] < -1
    assert power["width"] + 2 * error["width"] < -0.5
    alone = replace(settings, parametrization="ntk", width=1024)
    found = run(alone, ["alpha=10,30"], tmp_path / "alone", say=lambda _: None)["points"]
    layers = np.array([row["empirical_vs_training"] for row in found])
    slope = float(np.diff(np.log(layers))[0] / np.log(3))
    print(f"\nwithout pairs: alpha {slope:.3f}")
    assert slope == pytest.approx(-1, abs=WITHIN)
