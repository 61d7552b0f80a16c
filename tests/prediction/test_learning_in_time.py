"""Learning curves in time: Gaussian features drawn by hand, the limit of many steps, contours."""

import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    Adam,
    GradientDescent,
    GradientFlow,
    HeavyBall,
    InputError,
    Nesterov,
    Scheduled,
    WeightDecay,
    learning_curve,
    learning_in_time,
    log_steps,
)
from lfp.optimisers.analytic import transfer
from tests.prediction.test_learning_curve import POWER, SEVERAL

LAWS = {
    "flow": GradientFlow(0.8),
    "descent": GradientDescent(0.8),
    "heavy ball": HeavyBall(0.8, 0.9),
    "nesterov": Nesterov(0.4, 0.9),
    "decay": WeightDecay(GradientDescent(0.8), 0.01),
    "momentum with decay": WeightDecay(HeavyBall(0.8, 0.5), 0.01),
    "schedule": Scheduled(GradientDescent(0.8), np.linspace(1, 0, 200)),
    "scheduled momentum with decay": WeightDecay(Scheduled(HeavyBall(0.8, 0.5), np.linspace(1, 0, 200)), 0.01),
}


@pytest.mark.parametrize("name", LAWS)
def test_transfer_is_the_law_on_the_axis(name):
    law, rates, steps = LAWS[name], np.array([0.0, 1e-3, 0.1, 0.7, 1.2]), np.array([0.0, 1.0, 2.0, 17.0, 150.0])
    found = transfer(law)(rates + 1e-12j, steps)
    np.testing.assert_allclose(found.real, law.factor(jnp.asarray(rates), jnp.asarray(steps)), atol=1e-9)


def drawn(law, steps, n, noise, draws, rng):
    """Excess error of each degree by eigenvectors of a drawn sample of Gaussian features."""
    counts = np.array(SEVERAL.multiplicities)
    degree, rates = np.repeat(np.arange(5), counts), np.repeat(SEVERAL.rates, counts)
    heights = np.sqrt(np.repeat(POWER / counts, counts))
    out = []
    for _ in range(draws):
        features = rng.standard_normal((n, len(rates)))
        y = features @ heights + np.sqrt(noise) * rng.standard_normal(n)
        values, vectors = np.linalg.eigh((features * rates) @ features.T / n)
        learned = np.asarray(law.learned(jnp.asarray(values), jnp.asarray(steps)))
        a = (learned / values * (vectors.T @ y)) @ vectors.T / n
        left = heights - rates * (a @ features)
        out.append([np.bincount(degree, row**2) for row in left])
    return np.array(out)


@pytest.mark.parametrize("n", [200, 600])
@pytest.mark.parametrize("name", ["descent", "heavy ball", "decay"])
def test_gaussian_features(name, n):
    law, steps = LAWS[name], np.array([1, 3, 10, 30, 100, 300, 1000, 10**4, 10**5])
    theory = learning_in_time(SEVERAL, POWER, n, law, steps, noise=0.25).excess
    draws = drawn(law, steps, n, 0.25, 60, np.random.default_rng(n))
    mean, error = draws.mean(0), draws.std(0) / np.sqrt(60)
    # the first degree holds one mode: its error is of order 1 / n, and so are its corrections
    away = np.abs(theory - mean)[:, 1:]
    assert ((away < 4 * error[:, 1:]) | (away < 0.05 * mean[:, 1:] + 1e-5)).all()
    assert (np.abs(theory - mean)[:, 0] < 4 * error[:, 0] + 3 / n).all()
    # controls: no sampling, and another law
    alone = POWER * np.asarray(law.factor(jnp.asarray(SEVERAL.rates), jnp.asarray(steps))) ** 2
    assert np.abs(alone - mean)[4:].max() > 0.05
    other = LAWS["descent"] if name == "heavy ball" else LAWS["heavy ball"]
    wrong = learning_in_time(SEVERAL, POWER, n, other, steps, noise=0.25).excess
    assert np.abs(wrong - mean)[1:4].max() > 0.1


@pytest.mark.parametrize("population", [None, 1200])
@pytest.mark.parametrize(("name", "ridge"), [("flow", 0.0), ("nesterov", 0.0), ("descent", 2.0)])
def test_many_steps_end_at_the_regression(name, ridge, population):
    last = learning_in_time(
        SEVERAL, POWER, 200, LAWS[name], np.array([0, 10**6]), ridge, 0.25, population=population
    ).excess
    limit = learning_curve(SEVERAL, POWER, 200, ridge, 0.25, population=population).excess[0]
    np.testing.assert_allclose(last[0], POWER, atol=1e-5)
    np.testing.assert_allclose(last[1], limit, rtol=1e-4, atol=1e-6)


def test_noise_says_when_to_stop():
    """With noise the error falls and rises again; without it the last step is the best."""
    steps = log_steps(10**5, 40)
    noisy, clean = (learning_in_time(SEVERAL, POWER, 600, LAWS["descent"], steps, noise=s) for s in (1.0, 0.0))
    assert 10 < noisy.best_step < 10**4
    assert noisy.test[-1] > 1.1 * noisy.test.min()
    assert clean.best_step > 10**4


def test_modes_of_a_kernel_with_a_tail():
    rates = SEVERAL.shares * np.array([1, 1, 1, 0, 0]) / SEVERAL.multiplicities
    curve = learning_in_time(rates, POWER, 2, GradientDescent(0.5), np.array([0, 10]))
    np.testing.assert_allclose(curve.excess[:, 3:], POWER[3:] + 0 * curve.excess[:, 3:], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"law": Adam(0.1, 10)}, "law=Adam"),
        ({"law": GradientDescent(9.0)}, "lr=9 diverges"),
        ({"steps": np.array([0.5])}, "steps"),
        ({"steps": np.array([-1])}, "steps"),
        ({"samples": [10, 20]}, "samples"),
        ({"noise": -1.0}, "noise=-1.0"),
        ({"ridge": -1.0}, "ridge=-1.0"),
        ({"power": POWER[:2]}, "power has 2 values"),
    ],
)
def test_bad_input(change, words):
    right = {"rates": SEVERAL, "power": POWER, "samples": 10, "law": LAWS["descent"], "steps": np.array([0, 1])}
    with pytest.raises(InputError, match=words):
        learning_in_time(**right | change)
