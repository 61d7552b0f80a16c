"""The rule for learning curves, and trained networks on drawn samples."""

import importlib.util
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    MLP,
    Circle,
    GradientDescent,
    Hypercube,
    InputError,
    Points,
    Sphere,
    Torus,
    TwoLayer,
    concentration,
    drawn_curve,
    kernel,
    spectrum,
    trained_curve,
)
from lfp.domains.harmonics import spherical_harmonics
from lfp.prediction.learning_in_time import stable_lr
from lfp.prediction.samples import draw_points


@pytest.mark.parametrize(
    ("where", "ridge", "good"),
    [(Sphere(20), 0.0, True), (Hypercube(12), 0.0, True), (Circle(), 0.0, False), (Circle(), 5.0, True)],
)
def test_the_rule_knows_dimension_and_ridge(where, ridge, good):
    assert concentration(MLP(2, 1), where, 100, ridge).good == good


def test_a_singular_kernel_is_not_good():
    """Of rank 2 on a circle: what is left of its variances is rounding."""
    assert np.isinf(concentration(lambda x1, x2: x1 @ (x1 if x2 is None else x2).T, Circle(), 20).spread)


def test_variances_are_those_of_leaving_one_out():
    """1 / [(K + ridge)^-1]_ii - ridge is the variance that the other samples leave."""
    x = np.random.default_rng(0).standard_normal((220, 3))
    k = np.asarray(kernel(MLP(2, 1))(jnp.asarray(x), None))
    shown = np.random.default_rng([3, 0]).permutation(220)[:200]
    left = []
    for i in shown:
        rest = shown[shown != i]
        left.append(k[i, i] - k[i, rest] @ np.linalg.solve(k[np.ix_(rest, rest)] + 0.1 * np.eye(199), k[rest, i]))
    spread = concentration(MLP(2, 1), Points(x, np.zeros(220)), 200, 0.1, seed=3).spread
    assert spread == pytest.approx(np.var(left) / np.mean(left) ** 2, rel=1e-8)


def test_networks_are_as_wrong_as_their_kernel():
    """By degree, on the same samples; on others the kernel itself is another, which is the control."""
    space, n, power = Sphere(4), 24, np.array([0.0, 1.0, 1.0])
    network = TwoLayer(4096, "erf", alpha=50.0)
    rates = spectrum(network, space, 8)
    law = GradientDescent(0.8 * stable_lr(rates, [n]))
    steps = np.array([0, 10, 300])
    drawn = drawn_curve(network, space, n, power, noise=0.1, rates=rates, law=law, steps=steps, draws=2).excess
    trained = trained_curve(network, space, n, law, steps, power, noise=0.1, draws=2, seeds=2, points=2048).excess
    np.testing.assert_allclose(trained[:, 1:], drawn[:, 1:], rtol=0.1, atol=0.03)
    np.testing.assert_allclose(trained[:, 0], np.broadcast_to(power, (2, 3)), atol=1e-6)
    other = drawn_curve(network, space, n, power, noise=0.1, rates=rates, law=law, steps=steps, draws=2, seed=7).excess
    assert np.abs(other - drawn)[:, -1].max() > 0.1


def test_errors_in_the_mean_are_sums_over_a_basis():
    """Every harmonic as the target, every error of every harmonic, and noise at every sample."""
    space, n, ridge, noise = Sphere(3), 12, 0.05, 0.3
    power, rates = np.array([0.5, 1.0, 2.0]), spectrum(MLP(2, 1), space, 8)
    x = draw_points(space, n, np.random.default_rng([5, 0]))
    inverse = np.linalg.inv(np.asarray(kernel(MLP(2, 1))(jnp.asarray(x), None)) + ridge * np.eye(n))
    basis, degree = spherical_harmonics(x, 2), np.repeat([0, 1, 2], [1, 3, 5])
    weights = rates.rates[degree][:, None] * basis.T @ inverse  # of the labels in each mode
    errors = (np.eye(9) - weights @ basis) ** 2 @ (power / [1, 3, 5])[degree] + noise * (weights**2).sum(1)
    drawn = drawn_curve(MLP(2, 1), space, n, power, ridge, noise, rates=rates, averaged=True, draws=1, seed=5)
    np.testing.assert_allclose(drawn.excess[0, 0], [errors[degree == k].sum() for k in range(3)], rtol=1e-9)


@pytest.mark.parametrize("where", [Sphere(4), Hypercube(5)])
def test_the_script_of_draws_has_the_mean_of_draws(where):
    script = draws_script()
    setting = script.Setting(where.name, where.dim, "relu", 15, (0.1,), degrees=(1, 2))
    stored = script.measure(setting, 0, draws=60, most=60)
    errors = {name: np.array(values) for name, values in stored["errors"][0].items()}
    (case,) = (c for c in script.cases(setting, errors["gain"], errors["noise"]) if c.target == "all" and c.noise)
    task = (MLP(2, 1), where, 15, np.array([0.0, 1.0, 1.0]), 0.1, 0.25)
    exact = drawn_curve(*task, draws=60, seed=0, averaged=True)
    np.testing.assert_allclose(case.drawn, exact.excess[:, 0, 1:], rtol=1e-8)
    drawn = drawn_curve(*task, draws=150, seed=1)  # on other samples, one target and one noise each
    assert (np.abs(drawn.mean - exact.mean) < 4 * np.hypot(drawn.standard_error, exact.standard_error)).all()
    assert (exact.standard_error < drawn.standard_error).all()
    judged = list(script.rows(stored))
    assert {row.degree for row in judged} == {1, 2}
    assert not any(row.within(2 * row.theory) for row in judged)


def draws_script():
    path = Path(__file__).parents[2] / "experiments" / "draws.py"
    spec = importlib.util.spec_from_file_location("draws", path)
    module = sys.modules["draws"] = importlib.util.module_from_spec(spec)  # where its dataclass looks for itself
    spec.loader.exec_module(module)
    return module


def test_rows_of_a_file_are_tested_on_the_rest():
    rng = np.random.default_rng(0)
    points = Points(rng.standard_normal((40, 2)), rng.standard_normal(40))
    law, steps = GradientDescent(0.1), np.array([0, 100])
    drawn = drawn_curve(TwoLayer(8192), points, 30, law=law, steps=steps, draws=2).excess
    trained = trained_curve(TwoLayer(8192), points, 30, law, steps, draws=2, seeds=3).excess
    rest = np.random.default_rng([0, 0]).permutation(40)[30:]
    assert drawn[0, 0, 0] == pytest.approx(np.mean(points.y[rest] ** 2))
    np.testing.assert_allclose(trained, drawn, rtol=0.1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: concentration(MLP(2, 1), Torus(2), 10), "where=Torus"),
        (lambda: concentration(MLP(2, 1), Points(np.eye(3), np.ones(3)), 3), "samples=3"),
        (lambda: concentration(MLP(2, 1), Sphere(3), 10, -1.0), "ridge=-1.0"),
        (lambda: drawn_curve(MLP(2, 1), Torus(2), 10, np.ones(2)), "where=Torus"),
        (lambda: drawn_curve(MLP(2, 1), Sphere(3), 10), "power=None"),
        (lambda: drawn_curve(MLP(2, 1), Hypercube(3), 9, np.ones(2), repeated=False), "samples=9"),
        (lambda: drawn_curve(MLP(2, 1), Sphere(3), 10, np.ones(2), draws=0), "draws=0"),
        (lambda: drawn_curve(MLP(2, 1), Points(np.eye(3), np.ones(3)), 2, averaged=True), "averaged=True"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(InputError, match=words):
        call()
