"""Learning curves with pairs of samples: derivatives, conservation, draws on spheres of few dimensions."""

import jax.numpy as jnp
import numpy as np
import pytest

from lfp import MLP, Circle, Hypercube, InputError, Sphere, drawn_curve, kernel, learning_curve, spectrum
from lfp.domains.harmonics import zonal_functions
from lfp.prediction.pairs import Pairs
from lfp.prediction.samples import draw_points

RELU, ERF = MLP(2, 1), MLP(2, 1, "erf")


def power(top, count):
    return np.where((np.arange(count) >= 1) & (np.arange(count) <= top), 1.0, 0.0)


@pytest.mark.parametrize(("dim", "n", "ridge", "close"), [(5, 100, 0.0, 0.08), (7, 100, 0.0, 0.03), (4, 100, 0.1, 0.1)])
def test_spheres_of_few_dimensions(dim, n, ridge, close):
    """Gaussian features, the control, are several times as far off."""
    where = Sphere(dim)
    rates = spectrum(RELU, where, 64)
    drawn = drawn_curve(RELU, where, n, power(3, 4), ridge, 0.1, rates=rates, averaged=True, draws=40).mean[0, 1:4]
    curve = learning_curve(rates, power(3, 65), n, ridge, 0.1, where=where)
    assert curve.paired.all()
    off = np.abs(curve.excess[0, 1:4] / drawn - 1)
    gaussian = np.abs(learning_curve(rates, power(3, 65), n, ridge, 0.1).excess[0, 1:4] / drawn - 1)
    assert off.max() < close
    assert gaussian.max() > 3 * off.max()


def test_residuals_at_the_samples():
    """(ridge^2 / n) tr R (sum_j v_j P_j + noise) R, by inverses."""
    where, n, ridge, noise = Sphere(4), 60, 0.05, 0.1
    rates, found = spectrum(RELU, where, 64), []
    for i in range(60):
        x = draw_points(where, n, np.random.default_rng(i))
        inverse = np.linalg.inv(np.asarray(kernel(RELU)(jnp.asarray(x), None)) + ridge * np.eye(n))
        labels = sum(list(zonal_functions(where, x @ x.T, 3))[1:]) + noise * np.eye(n)
        found.append(ridge**2 / n * np.trace(inverse @ labels @ inverse))
    curve = learning_curve(rates, power(3, 65), n, ridge, noise, where=where)
    assert curve.training[0] == pytest.approx(np.mean(found), rel=0.015)
    other = learning_curve(rates, power(3, 65), n, ridge, noise).training[0]
    assert other / np.mean(found) - 1 > 0.03


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_errors_are_derivatives(ridge):
    """By finite differences of N_k c_k; what is learnt sums to n less ridge / scale."""
    where, n, noise = Sphere(8), 90, 0.4
    rates = spectrum(RELU, where, 30)
    sizes, shares = np.array(rates.multiplicities, float), rates.shares.copy()
    rest, target = float(rates.trace - shares.sum()), power(3, 31)

    def left(shares, ridge):
        pairs = Pairs(where, shares, shares / sizes, rest, n)
        state = pairs.solve(ridge, learning_curve(rates, target, n, ridge).kappa[0])
        return shares * (1 - state.learnability), state, pairs

    middle, state, pairs = left(shares, ridge)
    learnt = (sizes * state.learnability).sum() + rest / state.scale
    assert learnt == pytest.approx(n - ridge / state.scale, rel=1e-3)  # the rest is learnt at the kappa of high degrees
    excess = 0.0
    for k in (1, 2, 3):
        step = np.where(np.arange(31) == k, 1e-4 * shares[k], 0.0)
        excess = excess + (left(shares + step, ridge)[0] - left(shares - step, ridge)[0]) / (2 * step[k])
    step = 1e-5
    excess = excess + noise * (-3 * middle + 4 * left(shares, ridge + step)[0] - left(shares, ridge + 2 * step)[0]) / (
        2 * step
    )
    np.testing.assert_allclose(pairs.errors(state, target, ridge, noise)["excess"], excess, rtol=2e-4, atol=1e-9)


@pytest.mark.parametrize("where", [Sphere(1000), Hypercube(400)])
def test_in_high_dimension_pairs_are_nothing(where):
    rates = spectrum(RELU, where, 24)
    curve, known = (learning_curve(rates, power(3, 25), [30, 1000], 0.0, 0.1, where=w) for w in (where, None))
    assert curve.paired.all()
    assert not known.paired.any()
    np.testing.assert_allclose(curve.excess, known.excess, rtol=3e-3)
    np.testing.assert_allclose(curve.best_test, known.best_test, rtol=3e-3)


def test_pairs_too_much_alike_are_left_out():
    rates = spectrum(ERF, Sphere(3), 64)
    curve, known = (learning_curve(rates, power(3, 65), [30, 100], where=where) for where in (Sphere(3), None))
    assert not curve.paired.any()
    np.testing.assert_array_equal(curve.excess, known.excess)


def test_no_ridge_is_better_than_the_best():
    where, target = Sphere(6), power(3, 65)
    rates = spectrum(RELU, where, 64)
    curve = learning_curve(rates, target, 60, 1.0, 2.0, where=where)
    tests = [learning_curve(rates, target, 60, r, 2.0, where=where).test[0] for r in np.geomspace(0.1, 10, 5)]
    best = learning_curve(rates, target, 60, float(curve.best_ridge[0]), 2.0, where=where).test[0]
    assert best == pytest.approx(curve.best_test[0], rel=1e-9)
    assert curve.best_test[0] <= min(tests) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("where", "rates", "population"),
    [
        (Circle(), spectrum(RELU, Sphere(5), 8), None),
        (Sphere(6), spectrum(RELU, Sphere(5), 8), None),
        (Hypercube(8), spectrum(RELU, Hypercube(8), 8), None),
        (Sphere(5), np.ones(9), None),
        (Sphere(5), spectrum(RELU, Sphere(5), 8), 100),
    ],
)
def test_bad_input(where, rates, population):
    with pytest.raises(InputError, match="where="):
        learning_curve(rates, np.ones(9), 4, where=where, population=population)
