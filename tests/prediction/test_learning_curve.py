"""Learning curves from rates alone: conservation, eigenlearning's formulas by mpmath, draws of kernel regression."""

import math

import jax.numpy as jnp
import mpmath
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
    TwoLayer,
    drawn_curve,
    kernel,
    learning_curve,
    spectrum,
    sum_of_modes,
)
from lfp.prediction.samples import draw_points
from lfp.spectra import ModeRates


def degrees(multiplicities, rates):
    """Rates by degree, of which nothing is left out."""
    shares = np.array(multiplicities, float) * np.array(rates)
    count = len(shares)
    return ModeRates(
        tuple(range(count)), np.arange(float(count)), shares, np.zeros(count), tuple(multiplicities), shares.sum()
    )


SEVERAL = degrees([1, 10, 54, 210, 660], [1.0, 0.1, 0.02, 0.002, 0.0005])
POWER = np.array([0.5, 1.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("n", [1, 7, 64, 65, 400, 934])
def test_learnabilities_sum_to_the_number_of_samples(n):
    curve = learning_curve(SEVERAL, POWER, n)
    assert SEVERAL.multiplicities @ curve.learnability[0] == pytest.approx(n, rel=1e-12)


def eigenlearning(multiplicities, rates, power, n, ridge, noise):
    """arXiv 2110.03922, equations 3 to 9, mode by mode at 60 digits, kappa by bisection."""
    with mpmath.workdps(60):
        eigenvalues = [mpmath.mpf(float(rate)) for rate in rates]
        ridge, noise = mpmath.mpf(ridge), mpmath.mpf(noise)

        def short(kappa):
            return (
                sum(m * e / (e + kappa) for m, e in zip(multiplicities, eigenvalues, strict=True)) + ridge / kappa - n
            )

        low, high = mpmath.mpf("1e-30"), mpmath.mpf(10) ** 6
        for _ in range(220):
            middle = mpmath.sqrt(low * high)
            low, high = (middle, high) if short(middle) > 0 else (low, middle)
        kappa = low
        learnt = [e / (e + kappa) for e in eigenvalues]
        overfitting = n / (n - sum(m * share**2 for m, share in zip(multiplicities, learnt, strict=True)))
        test = overfitting * (sum(v * (1 - share) ** 2 for v, share in zip(power, learnt, strict=True)) + noise)
        modes = [
            v * (1 - share) ** 2 + m * share**2 * test / n
            for m, v, share in zip(multiplicities, power, learnt, strict=True)
        ]
        training = (ridge / (n * kappa)) ** 2 * test
        return [float(x) for x in (kappa, test, training)], np.array([float(x) for x in modes])


@pytest.mark.parametrize(("n", "ridge", "noise"), [(20, 0.0, 0.0), (200, 0.0, 0.25), (200, 0.3, 0.0), (2000, 2.0, 0.1)])
def test_eigenlearning(n, ridge, noise):
    known, modes = eigenlearning(SEVERAL.multiplicities, SEVERAL.rates, POWER, n, ridge, noise)
    curve = learning_curve(SEVERAL, POWER, n, ridge, noise)
    np.testing.assert_allclose([curve.kappa[0], curve.test[0]], known[:2], rtol=1e-12)
    np.testing.assert_allclose(curve.training[0], known[2], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(curve.excess[0], modes, rtol=1e-12)
    assert curve.excess.sum() == pytest.approx(curve.test[0] - noise, rel=1e-12)


@pytest.mark.parametrize(("n", "noise"), [(64, 0.0), (200, 0.25), (600, 2.0), (2000, 0.5)])
def test_no_ridge_is_better_than_the_best(n, noise):
    curve = learning_curve(SEVERAL, POWER, n, 1.0, noise)
    best = learning_curve(SEVERAL, POWER, n, float(curve.best_ridge[0]), noise).test[0] if n < 935 else None
    others = [learning_curve(SEVERAL, POWER, n, float(ridge), noise).test[0] for ridge in np.geomspace(1e-4, 1e4, 41)]
    assert curve.best_test[0] <= min(others) * (1 + 1e-9)
    assert min(others) < curve.best_test[0] * (1 + 0.05)
    if best is not None:
        assert best == pytest.approx(curve.best_test[0], rel=1e-6)


def test_what_cannot_be_learnt_wants_an_infinite_ridge():
    assert math.isinf(learning_curve(np.array([1.0, 0.5, 0.0]), np.array([0.0, 0.0, 1.0]), 2, 0.1).best_ridge[0])


def test_a_mode_without_rate_is_never_learnt():
    curve = learning_curve(np.array([1.0, 0.5, 0.0]), np.array([1.0, 1.0, 3.0]), [1, 5, 500], 0.1)
    np.testing.assert_allclose(curve.excess[:, 2], 3.0)
    assert curve.excess[-1, :2].max() < 0.05


def test_high_dimension():
    """C(1000, 500) modes of a degree: numbers stay finite, and the learnable degree is that of the samples."""
    rates = spectrum(MLP(2, 1), Hypercube(1000), 24)
    power = np.zeros(25)
    power[1:4] = 1.0
    curve = learning_curve(rates, power, [30, 1000, 10**5])
    assert np.isfinite(curve.excess).all()
    assert curve.excess[2, 1] < 0.05
    assert 0.5 < curve.excess[2, 2] < 1
    assert curve.excess[2, 3] > 0.99
    rates = spectrum(MLP(2, 1), Sphere(100), 64)
    assert np.isfinite(learning_curve(rates, np.ones(65), 1000).test).all()


def test_the_trace_beyond_the_modes_is_a_ridge():
    """Few modes with their tail agree with many; the stated error covers the difference."""
    kernels = TwoLayer(2)
    many, few = (spectrum(kernels, Circle(), top) for top in (4096, 24))
    power = np.zeros(25)
    power[3] = 0.5
    known = learning_curve(many, np.pad(power, (0, 4072)), [10, 20], 0.1).test
    curve = learning_curve(few, power, [10, 20], 0.1)
    np.testing.assert_allclose(curve.test, known, rtol=0.05)
    assert (np.abs(curve.test - known) <= 2 * curve.error + 1e-12).all()
    assert (curve.error < 0.1 * known).all()


def regression(x, gram, functions, rates, heights, ridge, noise, rng):
    """f = K (K + ridge)^-1 y, its part in every mode by hand: functions are orthonormal, one a column."""
    y = functions @ heights + np.sqrt(noise) * rng.standard_normal(len(x))
    a = np.linalg.solve(gram + ridge * np.eye(len(x)), y)
    return (heights - rates * (functions.T @ a)) ** 2, np.mean((gram @ a - y) ** 2)


@pytest.mark.parametrize(("ridge", "noise"), [(0.5, 0.1), (5.0, 0.0)])
def test_draws_on_the_circle(ridge, noise):
    """Controls that must fail: multiplicities left out, and E_0 v_k (1 - l_k)^2 for the error of a mode."""
    network, rng, n = TwoLayer(2), np.random.default_rng(0), 50
    rates = spectrum(network, Circle(), 4096)
    k = np.arange(1, 7)
    for mode in (1, 3, 6):
        found, training = [], []
        for _ in range(200):
            t = rng.uniform(0, 2 * np.pi, n)
            x = np.stack([np.cos(t), np.sin(t)], axis=1)
            functions = np.sqrt(2) * np.concatenate([np.sin(np.outer(t, k)), np.cos(np.outer(t, k))], axis=1)
            heights = np.where(np.arange(12) == mode - 1, np.sqrt(0.5), 0.0)
            gram = np.asarray(kernel(network)(jnp.asarray(x)))
            parts, fit = regression(x, gram, functions, np.tile(rates.rates[k], 2), heights, ridge, noise, rng)
            found.append(parts[:6] + parts[6:])
            training.append(fit)
        power = np.zeros(4097)
        power[mode] = 0.5
        curve = learning_curve(rates, power, n, ridge, noise)
        mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(200)
        away = np.abs(curve.excess[0, k] - mean)
        assert ((away < 3.5 * error) | (away < 0.05 * mean)).all()
        assert abs(curve.training[0] - np.mean(training)) < max(3.5 * np.std(training) / 14, 0.05 * np.mean(training))
        alone = np.where(power > 0, power * (1 - curve.learnability[0]) ** 2, 0.0) * curve.test[0]
        assert abs(alone[mode] - mean[mode - 1]) > 0.05 * mean[mode - 1]
        once = learning_curve(np.where(rates.above_noise, rates.rates, 0.0), power, n, ridge, noise).excess[0, mode]
        if mode < 6 and ridge < 1:
            assert abs(once - mean[mode - 1]) > 0.05 * mean[mode - 1]


def test_drawn_curve_is_the_regression():
    """Errors by degree are those of the function itself, measured at many points."""
    space, network, rng = Sphere(3), MLP(2, 1), np.random.default_rng([4, 0])
    power = np.array([0.5, 0.0, 1.0])
    drawn = drawn_curve(network, space, 20, power, 0.1, draws=1, seed=4).excess[0, 0]
    x = draw_points(space, 20, rng)
    at, weights = space.design(40)

    def target(points):
        return np.sqrt(0.5) + np.sqrt(5) * (3 * points[:, 0] ** 2 - 1) / 2

    gram, cross = (np.asarray(kernel(network)(jnp.asarray(points), jnp.asarray(x))) for points in (x, at))
    values = cross @ np.linalg.solve(gram + 0.1 * np.eye(20), target(x)) - target(at)
    parts = [1, 3, 5] * np.array([(weights * values) @ p @ (weights * values) for p in legendre(at @ at.T)])
    np.testing.assert_allclose(drawn, parts, rtol=1e-3)  # the design does not integrate the corner of relu exactly


def legendre(t):
    return np.ones_like(t), t, (3 * t**2 - 1) / 2


def looked_up(x, gram):
    """The kernel of given points."""

    def given(x1, x2):
        at = [np.argmin(np.square(np.asarray(p)[:, None] - x).sum(2), axis=1) for p in (x1, x1 if x2 is None else x2)]
        return jnp.asarray(gram[np.ix_(*at)])

    return given


@pytest.mark.parametrize(("ridge", "noise"), [(0.0, 0.0), (1.0, 0.0), (1.0, 0.3)])
def test_samples_of_a_population(ridge, noise):
    """Subsets of points without repetition, eigenvectors in random directions: means over both."""
    rng = np.random.default_rng(1)
    x, rates = rng.standard_normal((120, 3)), np.geomspace(1.0, 1e-3, 120)
    heights, found = rng.standard_normal(120) * rates**0.5, []
    for turn in range(60):
        vectors = np.linalg.qr(rng.standard_normal((120, 120)))[0] * np.sqrt(120)
        known, points = looked_up(x, (vectors * rates) @ vectors.T), Points(x, vectors @ heights)
        drawn = drawn_curve(known, points, 80, ridge=ridge, noise=noise, draws=5, seed=turn)
        found.append(drawn.mean[0, 0])
    mean, error = np.mean(found), np.std(found) / np.sqrt(60)
    test = learning_curve(rates, heights**2, 80, ridge, noise, population=120).test[0] - noise
    assert abs(test - mean) < 3 * error + 0.02 * mean
    other = learning_curve(rates, heights**2, 80, ridge, noise).test[0] - noise
    assert abs(other - mean) > 0.1 * mean  # independent samples are another law


@pytest.mark.parametrize(("n", "ridge", "noise"), [(60, 1.0, 0.0), (240, 1.0, 0.3), (240, 20.0, 0.3)])
def test_samples_of_a_population_with_repetition(n, ridge, noise):
    """Eigenvectors in random directions, points drawn more than once: by mode, and at the samples."""
    rng, size = np.random.default_rng(2), 120
    rates = np.geomspace(1.0, 1e-3, size)
    heights, found, training = rates**0.25, [], []
    for _ in range(300):
        functions = np.linalg.qr(rng.standard_normal((size, size)))[0] * np.sqrt(size)
        at = functions[rng.integers(size, size=n)]
        errors, fit = regression(at, (at * rates) @ at.T, at, rates, heights, ridge, noise, rng)
        found.append(errors)
        training.append(fit)
    groups = [slice(0, 20), slice(20, 60), slice(60, 120)]
    mean = np.array([np.mean(found, axis=0)[some].sum() for some in groups])
    how = {"samples": n, "ridge": ridge, "noise": noise}
    theory = learning_curve(rates, heights**2, population=size, repeated=True, **how)
    np.testing.assert_allclose([theory.excess[0, some].sum() for some in groups], mean, rtol=0.02)
    assert theory.training[0] == pytest.approx(np.mean(training), rel=0.03)
    assert theory.test[0] == pytest.approx(theory.excess.sum() + noise)
    other = learning_curve(rates, heights**2, **how).excess[0]  # independent samples are another law
    assert max(abs(other[some].sum() / one - 1) for some, one in zip(groups, mean, strict=True)) > 0.1


def test_frequencies_of_a_grid_are_counted_with_both_signs():
    problem = sum_of_modes(Circle(), 32, (1, 3))
    grid = spectrum(TwoLayer(8, "erf"), problem)
    power = np.asarray(grid.coefficients(jnp.asarray(problem.y)))
    both = np.abs(np.fft.fftfreq(32, 1 / 32)).astype(int)
    curve = learning_curve(grid, power, [10, 20], 0.1, population=32)
    known = learning_curve(
        np.asarray(grid.rates)[both], (power / np.bincount(both))[both], [10, 20], 0.1, population=32
    )
    np.testing.assert_allclose(curve.test, known.test, rtol=1e-9)
    np.testing.assert_allclose(curve.excess[:, 3], known.excess[:, both == 3].sum(1), rtol=1e-9)


def test_large_populations_repeat_nothing():
    rates, power = np.geomspace(1.0, 1e-3, 120), np.ones(120)
    known = learning_curve(rates, power, [20, 200], 0.5, 0.1)
    curve = learning_curve(rates, power, [20, 200], 0.5, 0.1, population=10**7, repeated=True)
    for name in ("excess", "test", "training", "kappa", "best_ridge", "best_test"):
        np.testing.assert_allclose(getattr(curve, name), getattr(known, name), rtol=1e-3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: learning_curve(SEVERAL, POWER, 0), "samples"),
        (lambda: learning_curve(SEVERAL, POWER, 10, -1.0), "ridge=-1.0"),
        (lambda: learning_curve(SEVERAL, POWER, 10, 0.0, -0.5), "noise=-0.5"),
        (lambda: learning_curve(SEVERAL, POWER[:3], 10), "power has 3 values"),
        (lambda: learning_curve(SEVERAL, -POWER, 10), "power"),
        (lambda: learning_curve(SEVERAL, POWER, 935), "samples=935 with ridge=0"),
        (lambda: learning_curve(SEVERAL, POWER, 1000), "samples=1000 with ridge=0"),
        (lambda: learning_curve(np.array([1.0, -1.0]), np.ones(2), 1), "rates"),
        (lambda: learning_curve(SEVERAL, POWER, 10, population=10), "population of 10"),
        (lambda: drawn_curve(MLP(2, 1), Sphere(3), 10, POWER, law=GradientDescent(0.1)), "steps=None"),
        (lambda: drawn_curve(MLP(2, 1), Points(np.eye(3), np.ones(3)), 3), "samples=3"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(InputError, match=words):
        call()
