"""Training: what optax does to the network is what the law says, seed by seed."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    MLP,
    Circle,
    GradientDescent,
    GradientFlow,
    InputError,
    Line,
    TwoLayer,
    empirical_kernel,
    problem,
    solve,
    sum_of_modes,
    train,
)
from lfp.domains import merge
from lfp.spectra import gram_spectrum
from lfp.training import initialise
from lfp.training.loop import _Clock, loss

LOOKS = np.array([0, 1, 4, 9])


def test_training_is_plain_gradient_descent():
    """Snapshots against a loop that is written out, in float64, with weights and alpha."""
    p = problem(Line(), [-0.7, 0.1, 0.1, 0.8], [1.0, 0.0, 0.6, -1.0], [1])
    network = TwoLayer(16, "tanh", alpha=3.0)
    run = train(network, p, GradientDescent(0.2), LOOKS, seeds=2, seed=5, dtype=jnp.float64)
    for seed in range(2):
        params = jax.tree.map(lambda leaf, i=seed: leaf[i], run.start)
        start = network.apply(params, jnp.asarray(p.x))
        for step in range(10):
            if step in LOOKS:
                f = network.apply(params, jnp.asarray(p.x)) - start
                np.testing.assert_allclose(run.trajectory.values[seed, LOOKS.searchsorted(step)], f, atol=1e-12)
            error = lambda q: jnp.sum(p.weights * (network.apply(q, jnp.asarray(p.x)) - start - p.y) ** 2) / 2  # noqa: E731, B023
            params = jax.tree.map(lambda q, g: q - 0.2 / 9 * g, params, jax.grad(error)(params))


def test_looking_elsewhere_does_not_change_the_training():
    """f_s - f_0 at points of the plane that are not data: by hand from the first and last parameters. An MLP."""
    data = merge(np.random.default_rng(1).uniform(-1, 1, (6, 2)), np.array([0.5, -0.3, 0.2, 0.8, -1.0, 0.1]))
    network, elsewhere = MLP(8, 2, "erf"), np.array([[0.0, 0.0], [0.3, -0.9], [2.0, 1.0]])
    run, plain = (
        train(network, data, GradientDescent(0.2), LOOKS, at=at, seeds=2, dtype=jnp.float64) for at in (elsewhere, None)
    )
    jax.tree.map(np.testing.assert_array_equal, run.end, plain.end)
    f = [jax.vmap(lambda p: network.apply(p, jnp.asarray(elsewhere)))(p) for p in (run.start, run.end)]
    assert np.abs(f[0]).min() > 1e-3
    np.testing.assert_allclose(run.trajectory.values[:, -1], f[1] - f[0], atol=1e-14)
    np.testing.assert_array_equal(run.trajectory.points, elsewhere)
    np.testing.assert_array_equal(plain.trajectory.points, data.x)


def test_lazy_training_follows_the_empirical_kernel():
    """The larger alpha, the closer: the distance falls as 1 / alpha. An MLP, whose f_0 is not zero."""
    p = sum_of_modes(Circle(), 16, [1, 2])
    distances = []
    for alpha in (10.0, 40.0, 160.0):
        network = MLP(32, 2, "erf", alpha=alpha)
        start = initialise(network, 2, 1, seed=3, dtype=jnp.float64)
        gram = empirical_kernel(network, jax.tree.map(lambda leaf: leaf[0], start), jnp.asarray(p.x))
        rates = gram_spectrum(gram, p.weights)
        law, looks = GradientDescent(1 / float(rates.rates.max())), np.array([0, 5, 50, 200])
        run = train(network, p, law, looks, seeds=1, seed=3, dtype=jnp.float64)
        distances.append(np.abs(run.trajectory.values - solve(rates, p, law, looks).values).max())
    slopes = np.diff(np.log(distances)) / np.log(4)
    np.testing.assert_allclose(slopes, -1, atol=0.2)


@pytest.mark.slow
def test_float32_and_float64_start_alike_and_stay_close():
    """The same weights, rounded; curves within .002 of the largest value."""
    p = sum_of_modes(Circle(), 32, [1, 3, 5])
    law, looks = GradientDescent(0.9), np.array([0, 10, 100, 400])
    single, double = (
        train(TwoLayer(512, alpha=50.0), p, law, looks, seeds=2, dtype=d) for d in (jnp.float32, jnp.float64)
    )
    assert single.start[0].dtype == jnp.float32
    np.testing.assert_allclose(single.start[0], double.start[0], rtol=1e-6)
    assert np.abs(single.trajectory.values - double.trajectory.values).max() < 0.002 * np.abs(p.y).max()


def test_float32_loses_no_small_steps():
    """alpha = 500: steps far below an ulp of the weights add up; added to the weights they are lost (control)."""
    p = sum_of_modes(Circle(), 16, [1, 5])
    network, law, looks = TwoLayer(4096, alpha=500.0), GradientDescent(1e-3), np.array([0, 1, 400])
    single, double = (
        train(network, p, law, looks, seeds=1, dtype=d).trajectory.values for d in (jnp.float32, jnp.float64)
    )
    assert np.abs(single - double).max() < 0.002 * np.abs(p.y).max()
    params = jax.tree.map(lambda leaf: leaf[0], initialise(network, 2, 1))
    x, y, weights = (jnp.asarray(v, jnp.float32) for v in (p.x, p.y, p.weights))
    step = jax.jit(
        lambda q: jax.tree.map(
            lambda v, g: v - law.lr / network.alpha**2 * g, q, jax.grad(loss, 1)(network, q, x, y, weights)
        )
    )
    for _ in range(400):
        params = step(params)
    assert np.abs(np.asarray(network.apply(params, x)) - double[0, -1]).max() > 0.02 * np.abs(p.y).max()


def test_seeds_are_independent_and_repeatable():
    """The ensemble is a function of its seed."""
    p = sum_of_modes(Circle(), 8, [1])
    one, same, other = (
        train(TwoLayer(8), p, GradientDescent(0.1), LOOKS, seeds=2, seed=s).trajectory.values for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3
    assert np.abs(one[0] - one[1]).max() > 1e-3


def test_interrupt_keeps_what_is_there():
    """Ctrl-C between snapshots hands out the snapshots so far."""
    p = sum_of_modes(Circle(), 8, [1])

    def stop(done, total, seconds):
        if done >= 4:
            raise KeyboardInterrupt

    run = train(TwoLayer(8), p, GradientDescent(0.1), LOOKS, seeds=1, progress=stop)
    whole = train(TwoLayer(8), p, GradientDescent(0.1), LOOKS, seeds=1)
    assert run.interrupted
    assert run.trajectory.steps.tolist() == [0, 1]
    np.testing.assert_array_equal(run.trajectory.values, whole.trajectory.values[:, :2])


def test_divergence_is_named():
    """A step far beyond the limit ends in an error, never in a silent NaN."""
    p = sum_of_modes(Circle(), 8, [1])
    with pytest.raises(FloatingPointError, match="diverged before step 200"):
        train(TwoLayer(8, "tanh"), p, GradientDescent(1e4), np.array([0, 1, 200]), seeds=1)


def test_bad_arguments():
    """Steps, seeds, a law without an optimiser."""
    p = sum_of_modes(Circle(), 8, [1])
    with pytest.raises(InputError, match="must start at 0"):
        train(TwoLayer(8), p, GradientDescent(0.1), np.array([1, 2]))
    with pytest.raises(InputError, match="seeds=0"):
        train(TwoLayer(8), p, GradientDescent(0.1), LOOKS, seeds=0)
    with pytest.raises(InputError, match=r"at has shape \(3, 1\); allowed: \(m, 2\)"):
        train(TwoLayer(8), p, GradientDescent(0.1), LOOKS, at=np.zeros((3, 1)))
    with pytest.raises(InputError, match="GradientFlow is no optimiser"):
        train(TwoLayer(8), p, GradientFlow(0.1), LOOKS)


def test_a_second_run_compiles_nothing():
    """Other data, another learning rate and other snapshots, one compilation."""
    network, calls = TwoLayer(8, "gelu"), []
    train(network, sum_of_modes(Circle(), 8, [1]), GradientDescent(0.1), LOOKS, seeds=2)
    jax.monitoring.register_event_duration_secs_listener(lambda event, _, **kw: calls.append(event))
    train(network, sum_of_modes(Circle(), 8, [2]), GradientDescent(0.2), np.array([0, 2, 3, 5]), seeds=2)
    assert not [event for event in calls if "backend_compile" in event]


def test_stretches_cover_the_way_and_adapt():
    """Whatever the speed, the stretches add up; slow steps give short ones."""
    reports = []
    clock = _Clock(40, lambda done, total, seconds: reports.append(done))
    taken = []
    for begin, end in ((0, 10), (10, 40)):
        for count in clock.stretches(begin, end):
            taken.append(count)
            time.sleep(0.06 * count)
    assert sum(taken) == 40
    assert reports[-1] == 40
    assert max(taken[2:]) <= 10


def test_loss_is_half_the_weighted_mean_square():
    """(1/2) sum P (f - y)^2."""
    network = TwoLayer(8)
    params = network.init(jax.random.key(0), 1)
    value = loss(network, params, jnp.zeros((2, 1)), jnp.array([1.0, 3.0]), jnp.array([0.25, 0.75]))
    np.testing.assert_allclose(value, (0.25 + 0.75 * 9) / 2, atol=1e-12)
