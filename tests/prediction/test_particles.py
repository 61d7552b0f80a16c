"""Particles of the mean-field limit: against loops and equations that are written by hand, exact cases, derivatives."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import lfp
from lfp.prediction import mean_field, particles
from lfp.prediction.particles import BLOCK, SHORTEST, Particles, characteristics, particles_of

PROBLEM = lfp.sum_of_modes(lfp.Circle(), 16, [1, 2, 3])
TANH = lfp.TwoLayer(64, "tanh", alpha=0.5, b=lfp.Uniform(2.0))
STEPS = np.array([0, 1, 7, 30])
SHAPE = np.linspace(1.0, 0.2, 25)


def by_hand(start, gamma, x, y, share, lrs, mu, ahead, decay):
    """Steps of two-layer tanh neurons as theory.md writes them, one neuron's equation at a time, all in numpy."""
    first = [np.asarray(part, float) for part in start]
    a, w, b = (part.copy() for part in first)
    speed, looks = [np.zeros_like(part) for part in first], []
    for step in range(STEPS[-1] + 1):
        z = np.tanh(x @ w + b)
        u = z @ a / (len(a) * gamma) - y
        if step in STEPS:
            looks.append(u + y)
        pull = gamma * share * u
        slope = (1 - z**2) * a
        gradient = [z.T @ pull, x.T @ (pull[:, None] * slope), slope.T @ pull]
        lr = lrs[step] if step < len(lrs) else 0.0
        for i, (part, origin) in enumerate(zip((a, w, b), first, strict=True)):
            g = gradient[i] + decay * (part - origin)
            speed[i] = mu * speed[i] + g
            part -= lr * (g + mu * speed[i] if ahead else speed[i])
    return np.stack(looks)


@pytest.mark.parametrize(
    ("law", "lrs", "mu", "ahead", "decay"),
    [
        (lfp.GradientDescent(0.4), np.full(30, 0.4), 0.0, False, 0.0),
        (lfp.HeavyBall(0.2, 0.8), np.full(30, 0.2), 0.8, False, 0.0),
        (lfp.Nesterov(0.2, 0.8), np.full(30, 0.2), 0.8, True, 0.0),
        (lfp.Scheduled(lfp.HeavyBall(0.3, 0.5), SHAPE), 0.3 * SHAPE, 0.5, False, 0.0),
        (lfp.WeightDecay(lfp.GradientDescent(0.4), 0.3), np.full(30, 0.4), 0.0, False, 0.3),
    ],
)
def test_steps_are_those_of_a_loop_by_hand(law, lrs, mu, ahead, decay):
    start = particles_of(Particles.of(TANH, 32), 2, scrambles=2)
    gamma = 1 / (TANH.alpha * np.sqrt(TANH.width))
    found = mean_field(TANH, PROBLEM, law, STEPS, particles=32, scrambles=2, dtype=jnp.float64)
    for run in range(2):
        one = [np.asarray(part[run]) for part in start]
        wanted = by_hand(one, gamma, PROBLEM.x, PROBLEM.y, PROBLEM.weights, lrs, mu, ahead, decay)
        assert np.abs(wanted[-1]).max() > 0.3
        assert np.abs(found[run] - wanted).max() < 1e-12


def linear(x, gamma, y, flow_time):
    """sigma(z) = z and one datum: E[a^2], E[z^2] and E[a z] obey three equations, solved by scipy."""
    q = 1 + x @ x

    def field(_, moments):
        aa, zz, az = moments
        pull = -gamma * (az / gamma - y)
        return [2 * pull * az, 2 * pull * q * az, pull * (zz + q * aa)]

    start = [1.0, x @ x / len(x), 0.0]  # a = +-1, |w| = 1, b = 0
    found = solve_ivp(field, (0, flow_time[-1]), start, "DOP853", flow_time, rtol=1e-13, atol=1e-14)
    return found.y[2] / gamma


@pytest.mark.parametrize("gamma", [0.1, 1.0, 3.0])
def test_linear_activation_and_one_datum(gamma):
    one = lfp.FixedRadius(1.0)
    network = lfp.TwoLayer(4, lambda z: z, a=one, w=one, b=lfp.Gaussian(0.0))
    x, y, steps = np.array([[0.7]]), np.array([1.5]), np.arange(0, 41, 4)
    found = mean_field(
        network,
        lfp.Points(x, y),
        lfp.GradientFlow(0.05),
        steps,
        gamma=gamma,
        particles=8,
        dtype=jnp.float64,
        tolerance=1e-11,
    )
    assert np.abs(found[..., 0] - linear(x[0], gamma, y[0], 0.05 * steps)[None]).max() < 1e-8


FEW = lfp.Points(np.array([[1.5, 0.5], [-0.5, 2.0], [-1.0, -1.0]]), np.array([1.0, -0.8, 0.6]))
"""The kinks of eight neurons of the scramble 3 cross none of them, of those of 5 one crosses one."""


def neurons_by_hand(start, gamma, time, bias, looks=600):
    """The flow of relu neurons v on the inputs (x, 1), by scipy; without `bias` v moves along x alone. (look, part)."""
    a, w, b = (np.asarray(part[0], float) for part in start)
    inputs, y, count = np.column_stack([FEW.x, np.ones(len(FEW.y))]), np.asarray(FEW.y), len(a)

    def field(_, flat):
        a, v = flat[:count], flat[count:].reshape(3, count)
        z = inputs @ v
        pull = gamma * FEW.weights * (np.maximum(z, 0) @ a / (count * gamma) - y)
        push = inputs.T @ (pull[:, None] * (z > 0) * a)
        push[2] *= bias
        return -np.concatenate([np.maximum(z, 0).T @ pull, push.ravel()])

    times = np.linspace(0, time, looks)
    flat = solve_ivp(field, (0, time), np.concatenate([a, w.ravel(), b]), "DOP853", times, rtol=1e-12, atol=1e-13).y.T
    return flat[:, :count], flat[:, count:].reshape(looks, 3, count), inputs


@pytest.mark.parametrize(("seed", "crossed"), [(3, 0), (5, 1)])
def test_flow_conserves_a_neuron_s_balance_to_the_tolerance(seed, crossed):
    """a^2 - |(w, b)|^2 of every relu neuron, the bias a weight of the input 1, where no kink slides along a datum."""
    gamma, lr, last = 0.5, 1e-5, 600_000  # a step of the optimiser is no limit here
    limit = Particles.of(lfp.TwoLayer(64), 4, gamma)
    start = particles_of(limit, 2, scrambles=1, seed=seed)
    a, v, inputs = neurons_by_hand(start, gamma, lr * last, bias=True)
    sides = inputs @ v > 0
    assert (sides[1:] != sides[:-1]).sum() == crossed
    shifts, gaps = [], []
    for tolerance in (1e-4, 1e-6, 1e-8):
        path = list(characteristics(limit, lfp.GradientFlow(lr), start, FEW, [0, last], tolerance))
        begin, end = ([np.asarray(s[0] + d[0]) for s, d in zip(start, moved, strict=True)] for _, moved in path)
        balance = [a**2 - (w**2).sum(axis=0) - b**2 for a, w, b in (begin, end)]
        shifts.append(np.abs(balance[1] - balance[0]).max())
        gaps.append(max(np.abs(end[0] - a[-1]).max(), np.abs(np.vstack(end[1:]) - v[-1]).max()))
        assert shifts[-1] < 50 * tolerance
        assert gaps[-1] < (300 if crossed else 50) * tolerance  # as a kink crosses, a step sees two fields
        assert np.abs(begin[0] ** 2 - end[0] ** 2 - (begin[1] ** 2 - end[1] ** 2).sum(axis=0)).max() > 0.1
    assert shifts[2] < shifts[1] / 20 < shifts[0] / 400
    assert gaps[2] < gaps[1] / 10 < gaps[0] / 100
    held = neurons_by_hand(start, gamma, lr * last, bias=False)
    assert np.abs(end[0] - held[0][-1]).max() > 0.05


def test_flow_conserves_it_to_the_shortest_step_where_kinks_slide():
    """And not in steps of the optimiser."""
    limit = Particles.of(lfp.TwoLayer(64, alpha=0.2), 32, 1.0)
    start = particles_of(limit, 2, scrambles=1)
    shifts = {}
    for law, last in ((lfp.GradientFlow(0.02), 300), (lfp.GradientFlow(0.005), 1200), (lfp.GradientDescent(0.5), 12)):
        moved = list(characteristics(limit, law, start, PROBLEM, [0, last]))[-1][1]
        begin, end = ([p[0] for p in parts] for parts in (start, jax.tree.map(jnp.add, start, moved)))
        balance = [a**2 - (w**2).sum(axis=0) - b**2 for a, w, b in (begin, end)]
        assert np.abs(moved[0]).max() > 0.2
        shifts[law.lr] = float(np.abs(balance[1] - balance[0]).max())
    assert shifts[0.02] < SHORTEST * 0.02 / 8
    assert shifts[0.005] < SHORTEST * 0.005 / 8
    assert shifts[0.5] > 0.05


@pytest.mark.parametrize(
    "law", [lfp.WeightDecay(lfp.GradientFlow(0.5), 0.2), lfp.Scheduled(lfp.GradientFlow(0.5), SHAPE)]
)
def test_flow_is_the_limit_of_short_steps(law):
    """With decay and on a schedule."""
    parts = 400
    base = lfp.GradientDescent(0.5 / parts)
    fine = (
        lfp.WeightDecay(base, 0.2) if isinstance(law, lfp.WeightDecay) else lfp.Scheduled(base, np.repeat(SHAPE, parts))
    )
    run = partial(mean_field, TANH, PROBLEM, particles=32, scrambles=1, dtype=jnp.float64)
    found, wanted = run(law, STEPS), run(fine, STEPS * parts)
    assert np.abs(found - wanted).max() < 2e-3 * np.abs(wanted).max()


@pytest.mark.parametrize(("tolerance", "dtype"), [(1e-3, jnp.float64), (1e-9, jnp.float64), (1e-4, jnp.float32)])
def test_looks_do_not_change_the_flow(tolerance, dtype):
    """Neither where one step serves several of them."""
    run = partial(mean_field, TANH, PROBLEM, lfp.GradientFlow(0.1), particles=32, scrambles=1, dtype=dtype)
    often, seldom = (run(steps=steps, tolerance=tolerance)[:, -1] for steps in (np.arange(151), np.array([0, 150])))
    assert np.abs(often).max() > 0.3
    assert np.abs(often - seldom).max() < 100 * tolerance


def test_flow_stands_where_its_schedule_has_ended():
    law = lfp.Scheduled(lfp.GradientFlow(0.5), SHAPE)
    found = mean_field(TANH, PROBLEM, law, np.array([0, 20, 25, 26, 90]), particles=32, scrambles=1)
    assert (found[:, 2] == found[:, 3]).all()
    assert (found[:, 2] == found[:, 4]).all()
    assert (found[:, 1] != found[:, 2]).any()


@pytest.mark.parametrize(
    ("network", "size", "dtype", "words"),
    [
        (TANH, 1e38, jnp.float32, "from step 0 to 1 leaves the range of its precision; allowed"),
        (lfp.TwoLayer(64), 1e38, jnp.float32, "from step 0 to 1 leaves the range of its precision; allowed"),
        (lfp.TwoLayer(64), 1e307, jnp.float64, "from step 0 to 1 leaves the range of its precision; allowed"),
        (TANH, 1.0, jnp.float64, "tolerance=1.5e-08 from step 7 to 30 takes more than 9 adaptive steps; allowed"),
    ],
    ids=["tanh", "relu", "float64", "many"],
)
def test_a_flow_that_fails_says_where(network, size, dtype, words, monkeypatch):
    """Whoever differentiates it is told too; where it is one of many it is no number."""
    if size == 1.0:
        monkeypatch.setattr(particles, "MOST_STEPS", 9)
    data = lfp.Points(PROBLEM.x, size * np.asarray(PROBLEM.y))
    run = partial(mean_field, network, data, lfp.GradientFlow(0.5), STEPS, particles=8, scrambles=2, dtype=dtype)
    run = partial(run, tolerance=1.5e-8)  # of no other test: nothing is compiled for it yet
    with pytest.raises(FloatingPointError, match=words):
        run()
    with pytest.raises(FloatingPointError, match=words):
        jax.jvp(lambda gamma: run(gamma=gamma), (0.1,), (1.0,))
    assert jnp.isnan(jax.vmap(lambda gamma: run(gamma=gamma))(jnp.array([0.1]))[..., -1, :]).all()


def test_blocks_change_nothing(monkeypatch):
    whole = mean_field(TANH, PROBLEM, lfp.GradientDescent(0.4), STEPS, particles=64, dtype=jnp.float64)
    limit = Particles.of(TANH, 64)
    start = jax.tree.map(lambda part: part[0], particles_of(limit, 2))
    x = jnp.asarray(PROBLEM.x)
    gram = limit.gram(start, x)
    assert np.allclose(gram, lfp.empirical_kernel(limit, start, x), rtol=1e-12)
    monkeypatch.setattr(particles, "BLOCK", 128 * 16 // 8)
    jax.clear_caches()
    parts = mean_field(TANH, PROBLEM, lfp.GradientDescent(0.4), STEPS, particles=64, dtype=jnp.float64)
    assert np.allclose(whole, parts, rtol=0, atol=1e-12)
    assert np.allclose(limit.gram(start, x), gram, rtol=1e-12)
    jax.clear_caches()
    assert particles.BLOCK < BLOCK


def test_at_any_points():
    law = lfp.GradientDescent(0.4)
    run = partial(mean_field, TANH, PROBLEM, law, STEPS, particles=32, dtype=jnp.float64)
    assert np.allclose(run(at=PROBLEM.x[[3, 5]]), run()[..., [3, 5]], atol=1e-13)


@pytest.mark.parametrize("law", [lfp.Nesterov(0.2, 0.8), lfp.GradientFlow(0.2)])
def test_derivatives_in_gamma_and_the_scales(law):
    def values(gamma, scale):
        network = lfp.TwoLayer(4, "tanh", a=lfp.Uniform(scale), w=lfp.Gaussian(scale), b=lfp.Gaussian(1.5))
        return mean_field(
            network, PROBLEM, law, STEPS, gamma=gamma, particles=32, scrambles=1, dtype=jnp.float64, tolerance=1e-9
        )

    at, h = (jnp.asarray(0.7), jnp.asarray(1.2)), 1e-5
    for along in ((1.0, 0.0), (0.0, 1.0)):
        slope = jax.jvp(values, at, tuple(jnp.asarray(part) for part in along))[1]
        plus, minus = (values(*(p + sign * h * d for p, d in zip(at, along, strict=True))) for sign in (1, -1))
        assert np.abs(slope).max() > 0.01
        assert np.abs(slope - (plus - minus) / (2 * h)).max() < 1e-5 * np.abs(slope).max()


@pytest.mark.parametrize("law", [lfp.GradientDescent(0.2), lfp.GradientFlow(0.2)])
def test_many_gammas_at_once_in_the_precision_that_was_asked_for(law):
    gammas = jnp.array([0.1, 0.4])  # in double precision
    run = partial(mean_field, TANH, PROBLEM, law, STEPS, particles=8, scrambles=2, dtype=jnp.float32)
    found = jax.vmap(lambda gamma: run(gamma=gamma))(gammas)
    assert found.dtype == jnp.float32
    wanted = jnp.stack([run(gamma=float(gamma)) for gamma in gammas])
    assert np.abs(found - wanted).max() < 1e-4


@pytest.mark.parametrize(
    "kind",
    [
        lfp.Gaussian(2.0),
        lfp.Uniform(1.5),
        lfp.FixedRadius(2.0),
        lfp.FixedRadius(jnp.array([1.0, 3.0])),
        lfp.Samples(jnp.array([[1.0, 2.0, 0.5], [0.3, -0.2, 1.0], [2.0, 1.0, -1.0]])),
    ],
)
def test_particles_have_the_moments_of_the_distribution(kind):
    """E[w w^T], E|w|^q in three dimensions and, of scalars, in one; means 0."""
    for dim in (3,) if isinstance(kind, lfp.Samples) else (1, 3):
        _, w, _ = particles_of(Particles.of(lfp.TwoLayer(4, w=kind), 2**13), dim, 1)
        vectors = w[0].T
        size, scale = np.asarray(jnp.linalg.norm(vectors, axis=1)), float(kind.moment(2, dim))
        assert np.abs(vectors.mean(axis=0)).max() < 0.003 * np.sqrt(scale)
        assert np.abs(vectors.T @ vectors / len(vectors) - kind.covariance(dim)).max() < 0.003 * scale
        for q in (1, 3):
            assert abs((size**q).mean() / float(kind.moment(q, dim)) - 1) < 0.006


def test_start_is_antisymmetric_and_scrambles_differ():
    limit = Particles.of(lfp.TwoLayer(4, asi=False), 64)
    a, w, b = particles_of(limit, 2, scrambles=3, dtype=jnp.float32)
    assert (a.shape, w.shape, b.shape) == ((3, 128), (3, 2, 128), (3, 128))
    assert (a[:, :64] == -a[:, 64:]).all()
    assert (w[:, :, :64] == w[:, :, 64:]).all()
    assert (a[0] != a[1]).all()
    assert jnp.isfinite(jnp.concatenate([part.ravel() for part in (a, w, b)])).all()
    again = particles_of(limit, 2, scrambles=3, dtype=jnp.float32)
    assert (again[0] == a).all()


def test_a_distribution_of_ones_own_is_drawn():
    class Signs(eqx.Module):
        def sample(self, key, count, dim=1):
            return jax.random.rademacher(key, (count, dim), float)

        def moment(self, q, dim=1):
            return jnp.asarray(1.0)

        density_at_zero = radial = covariance = directional = average = moment

    a, _, _ = particles_of(Particles.of(lfp.TwoLayer(4, a=Signs()), 64), 2)
    assert set(np.unique(a)) == {-1.0, 1.0}


LAW = lfp.GradientDescent(0.1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mean_field(lfp.MLP(8), PROBLEM, LAW, STEPS), "network=MLP"),
        (lambda: mean_field(lfp.TwoLayer(8, outputs=2), PROBLEM, LAW, STEPS), "network has 2 outputs"),
        (lambda: mean_field(TANH, PROBLEM, lfp.MiniBatch(0.1, 2, 16, 1.0), STEPS), "law=MiniBatch, whose noise every"),
        (lambda: mean_field(TANH, PROBLEM, lfp.GaussNewton(0.1), STEPS), "law=GaussNewton; allowed"),
        (lambda: mean_field(TANH, PROBLEM, LAW, STEPS, gamma=0.0), "gamma=0.0 must be a finite number > 0"),
        (lambda: mean_field(TANH, PROBLEM, LAW, STEPS, gamma=-1.0), "gamma=-1.0"),
        (lambda: mean_field(TANH, PROBLEM, LAW, STEPS, particles=48), "no power of two; allowed: 32"),
        (
            lambda: mean_field(TANH, PROBLEM, LAW, STEPS, particles=2**40),
            "more than a half of the memory; allowed: up to",
        ),
        (lambda: mean_field(TANH, PROBLEM, LAW, STEPS, scrambles=0), "scrambles=0"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(lfp.InputError, match=words):
        call()
