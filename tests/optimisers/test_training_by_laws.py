"""Optimisers in training: a model that is linear in its parameters follows its law to rounding."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    Adam,
    Circle,
    Custom,
    GaussNewton,
    GradientDescent,
    HeavyBall,
    InputError,
    MiniBatch,
    Nesterov,
    Ridge,
    Scheduled,
    Sobolev,
    TwoLayer,
    WeightDecay,
    kernel,
    predict,
    problem,
    solve,
    spectrum,
    sum_of_modes,
    train,
)
from lfp.commands.cli import main
from lfp.optimisers.recipe import Recipe
from lfp.prediction.noise import batch_covariance, batch_noise, frozen_spectrum
from lfp.spectra import FourierSpectrum, gram_spectrum, sobolev_rates
from lfp.training import initialise

FEATURES = np.random.default_rng(0).normal(size=(2, 12))


def features(x):
    return jnp.cos(x @ jnp.asarray(FEATURES, x.dtype))


LINEAR = Custom(lambda key, dim: jnp.zeros(12), lambda p, x: features(x) @ p, width=12, alpha=3.0)
DATA = problem(Circle(), np.array([0.1, 1.0, 2.2, 2.2, 3.9, 5.0]), np.array([1.0, -0.5, 0.3, 0.5, 0.8, -1.0]), [1])
LOOKS = np.array([0, 1, 2, 7, 30])


def gram():
    phi = np.asarray(features(jnp.asarray(DATA.x)))
    return phi @ phi.T


@pytest.mark.parametrize(
    "law",
    [
        HeavyBall(0.05, 0.9),
        Nesterov(0.05, 0.9),
        Scheduled(Nesterov(0.05, 0.9), np.linspace(1, 0, 30)),
        WeightDecay(HeavyBall(0.05, 0.9), 0.3),
        GaussNewton(0.2, 0.1),
    ],
    ids=["heavy ball", "nesterov", "schedule", "decay", "gauss-newton"],
)
def test_linear_model_follows_its_law(law):
    """optax on the parameters, the closed law on the rates: 1e-12; plain descent is elsewhere (control)."""
    rates = gram_spectrum(jnp.asarray(gram()), DATA.weights)
    run = train(LINEAR, DATA, law, LOOKS, seeds=1, dtype=jnp.float64).trajectory.values
    np.testing.assert_allclose(run, solve(rates, DATA, law, LOOKS).values, atol=1e-12)
    assert np.abs(run - solve(rates, DATA, GradientDescent(0.05), LOOKS).values).max() > 0.05


def test_adam_is_optax_and_its_estimate_holds_at_first():
    """The first step is exact, -lr sign(g) on every parameter; the estimate is close early and parts later."""
    law = Adam(1e-4, 400)
    looks = np.array([0, 1, 5, 400])
    with jax.numpy_dtype_promotion("standard"):  # optax's bias correction promotes
        run = train(LINEAR, DATA, law, looks, seeds=1, dtype=jnp.float64).trajectory.values[0]
    phi = np.asarray(features(jnp.asarray(DATA.x)))
    gradient = -phi.T @ (DATA.weights * DATA.y)
    np.testing.assert_allclose(run[1], -1e-4 * phi @ np.sign(gradient), rtol=1e-5)
    frozen = frozen_spectrum(LINEAR, DATA, law, jnp.zeros(12))
    theory = solve(frozen, DATA, law, looks).values[0]
    np.testing.assert_allclose(theory[:3], run[:3], atol=0.02 * np.abs(run[2]).max())
    assert np.abs(theory[3] - run[3]).max() > 0.1 * np.abs(run[3]).max()
    with pytest.raises(InputError, match="Adam, which has no linear law"):
        predict(LINEAR, DATA, law, looks)


def exact_covariance(law, steps):
    """E u u^T - m m^T over every sequence of batches, each one enumerated."""
    from itertools import combinations, product

    n, k = len(DATA.t), gram()
    draws = product(range(n), repeat=law.batch) if law.replacement else combinations(range(n), law.batch)
    maps = []
    for draw in draws:
        share = np.zeros(n)
        np.add.at(share, list(draw), 1)
        maps.append(np.eye(n) - law.lr * k * (share * DATA.weights * n / law.batch))
    states = [-DATA.y]
    for _ in range(steps):
        states = [one @ u for one in maps for u in states]
    mean = np.mean(states, axis=0)
    return np.einsum("si,sj->ij", states, states) / len(states) - np.outer(mean, mean), mean + DATA.y


@pytest.mark.parametrize("replacement", [False, True])
def test_batch_moments_are_exact(replacement):
    """Mean and covariance after three steps against all sequences of batches; the other way of drawing differs."""
    law = MiniBatch(0.1, 2, len(DATA.t), 12.0, replacement)
    covariance, mean = exact_covariance(law, 3)
    found = batch_covariance(jnp.asarray(gram()), DATA.weights, DATA.y, law, np.array([0, 1, 3]))
    np.testing.assert_allclose(found[2], covariance, atol=1e-13)
    assert not found[0].any()
    rates = gram_spectrum(jnp.asarray(gram()), DATA.weights)
    np.testing.assert_allclose(solve(rates, DATA, law, np.array([3])).values[0, 0], mean, atol=1e-13)
    other = MiniBatch(0.1, 2, len(DATA.t), 12.0, not replacement)
    control = batch_covariance(jnp.asarray(gram()), DATA.weights, DATA.y, other, np.array([0, 3]))[1]
    assert np.abs(control - covariance).max() > 0.1 * np.abs(covariance).max()


@pytest.mark.slow
@pytest.mark.parametrize("replacement", [False, True])
def test_trainer_draws_as_the_recursion_says(replacement):
    """400 trained linear models: mean and variance at every point within sampling error, and of independent draws."""
    law = MiniBatch(0.05, 2, len(DATA.t), 12.0, replacement)
    runs = train(LINEAR, DATA, law, LOOKS, seeds=400, dtype=jnp.float64).trajectory.values
    rates = gram_spectrum(jnp.asarray(gram()), DATA.weights)
    covariance = batch_covariance(jnp.asarray(gram()), DATA.weights, DATA.y, law, LOOKS)
    sigma = np.sqrt(np.einsum("tii->ti", covariance))
    off = np.abs(runs.mean(axis=0) - solve(rates, DATA, law, LOOKS).values[0])
    assert (off <= 4 * sigma / 20 + 1e-14).all()
    np.testing.assert_allclose(runs.std(axis=0)[1:], sigma[1:], rtol=0.15)
    noise = batch_noise(DATA, jnp.asarray(gram()), law, LOOKS, jax.random.key(0), 4000)
    np.testing.assert_allclose(noise.std(axis=0), sigma, rtol=0.06, atol=1e-12)


def test_sobolev_network_is_value_and_slope():
    """By central differences of the network; weights of both halves; (1 + k^2) on the rates."""
    data, network = sum_of_modes(Circle(), 8, [1]), TwoLayer(8, "tanh")
    params = jax.tree.map(
        lambda leaf: leaf[0] * jnp.broadcast_to(jnp.arange(1.0, 9), leaf[0].shape),
        initialise(network, 2, 1, dtype=jnp.float64),
    )
    both = Sobolev(network)
    points = both.points(data, np.cos(data.t))
    at = [network.apply(params, jnp.asarray(Circle().embed(data.t + h))) for h in (1e-6, 0.0, -1e-6)]
    out = both.apply(params, jnp.asarray(points.x))
    np.testing.assert_allclose(out[:8], at[1], atol=1e-14)
    np.testing.assert_allclose(out[8:], (at[0] - at[2]) / 2e-6, atol=1e-7)
    assert np.abs(out[8:]).max() > 0.1
    assert points.weights.sum() == pytest.approx(2)
    plain = FourierSpectrum(jnp.array([1.0, 0.5, 0.25]), 4)
    np.testing.assert_array_equal(sobolev_rates(plain).rates, [1.0, 1.0, 1.25])
    with pytest.raises(InputError, match="GramSpectrum has no frequencies"):
        sobolev_rates(gram_spectrum(jnp.eye(2), np.full(2, 0.5)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "lion"}, "optimizer='lion'"),
        ({"optimizer": "sgd"}, "batch_size=0"),
        ({"batch_size": 4}, "batch_size=4 is not for optimizer='gd'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"weight_decay": -1.0}, "weight_decay=-1.0"),
    ],
)
def test_recipes_that_do_not_go_together(settings, message):
    with pytest.raises(InputError, match=message):
        Recipe(**settings)


def test_laws_that_are_no_optimiser():
    with pytest.raises(InputError, match="Ridge is no optimiser"):
        train(LINEAR, DATA, Ridge(0.1), LOOKS)


SMALL = ["--width", "256", "--points", "16", "--modes", "1,2", "--steps", "30", "--snapshots", "10", "--seeds", "2"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--optimizer", "momentum", "--momentum", "0.8"],
        ["--optimizer", "nesterov", "--schedule", "warmup"],
        ["--optimizer", "sgd", "--batch-size", "4"],
        ["--optimizer", "adam", "--theory", "empirical"],
        ["--schedule", "cosine", "--weight-decay", "0.01"],
        ["--optimizer", "momentum", "--schedule", "linear"],
        ["--schedule", "exponential"],
    ],
    ids=lambda arguments: " ".join(arguments[1::2]),
)
def test_overlay_with(tmp_path, arguments):
    """Every optimiser from the command line: a table, and for lazy networks a prediction close to the training."""
    with jax.numpy_dtype_promotion("standard"):  # optax's bias correction promotes
        assert main(["overlay", *SMALL, *arguments, "--x64", "--out", str(tmp_path / "run")]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    for row in result["modes"]:
        assert row["d_sup"] < (0.3 if row["standard_error"] is None else 0.05 + 3 * row["standard_error"])
    assert ("estimate" in result["reason"]) == ("adam" in arguments)
    assert (result["laziness"] is None) == ("adam" in arguments)


def test_adam_needs_the_empirical_theory(tmp_path, capsys):
    assert main(["overlay", *SMALL, "--optimizer", "adam", "--out", str(tmp_path / "run")]) == 2
    assert "no linear law" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_step_beyond_the_limit_of_momentum(tmp_path, capsys):
    """Each law is refused beyond its own limit, which is named."""
    network = TwoLayer(256)
    rate = float(spectrum(kernel(network), sum_of_modes(Circle(), 16, [1, 2])).rates.max())
    lr = ["--lr", str(2.5 / rate)]
    assert main(["overlay", *SMALL, *lr, "--out", str(tmp_path / "gd")]) == 2
    assert "limit of stability" in capsys.readouterr().err
    arguments = ["--optimizer", "nesterov", "--lr", str(1.4 / rate)]
    assert main(["overlay", *SMALL, *arguments, "--out", str(tmp_path / "nesterov")]) == 2
    assert f"{2 * 1.9 / 2.8 / rate:.6g}" in capsys.readouterr().err
