"""Laws of optimisers against the linear recursions that they solve, iterated in long double, one rate a column."""

from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    Adam,
    ConjugateGradient,
    GaussNewton,
    GradientDescent,
    GradientFlow,
    HeavyBall,
    InputError,
    Jacobi,
    MiniBatch,
    Nesterov,
    RandomFeatures,
    Ridge,
    Scheduled,
    WeightDecay,
    scheduled,
)

LR, HORIZON = 0.5, 100_000
LOOKS = np.array([10, 1000, HORIZON])
WAVE = 0.5 + 0.5 * np.cos(np.arange(HORIZON) * 0.01)  # a schedule that falls and rises


def momentum(x, mu, ahead):
    """e' = e - q' (heavy ball) or e - (x e + mu q') (Nesterov), q' = mu q + x e; x may change with the step."""
    e, q = np.ones_like(x(0)), np.zeros_like(x(0))
    while True:
        step = x(0)
        q = mu * q + step * e
        e = e - (step * e + mu * q if ahead else q)
        yield e


def descent(x):
    e = np.ones_like(x)
    while True:
        e = e * (1 - x)
        yield e


def waving(x, mu, ahead):
    """optax keeps the sum of gradients, and multiplies it by the rate of the step."""
    e, m = np.ones_like(x), np.zeros_like(x)
    for c in WAVE.astype(np.longdouble):
        m = mu * m + x * e
        e = e - c * (x * e + mu * m if ahead else m)
        yield e


def decaying(x, share):
    """c' = c - (x (c - 1) + decay c), e = 1 - c."""
    c = np.zeros_like(x)
    while True:
        c = c - (x * (c - 1) + share * c)
        yield 1 - c


def adaptive(x, b1):
    e, m, power = np.ones_like(x), np.zeros_like(x), np.longdouble(1)
    while True:
        power = power * b1
        m = b1 * m + (1 - b1) * x * e
        e = e - m / (1 - power)
        yield e


def long(value):
    return np.longdouble(value)


DECAY = 1e-3
LAWS = {
    "gd": (GradientDescent(LR), descent),
    "heavy ball": (HeavyBall(LR, 0.9), lambda x: momentum(lambda _: x, long(0.9), False)),
    "heavy ball .99": (HeavyBall(LR, 0.99), lambda x: momentum(lambda _: x, long(0.99), False)),
    "nesterov": (Nesterov(LR, 0.9), lambda x: momentum(lambda _: x, long(0.9), True)),
    "nesterov .99": (Nesterov(LR, 0.99), lambda x: momentum(lambda _: x, long(0.99), True)),
    "schedule": (Scheduled(GradientDescent(LR), WAVE), lambda x: waving(x, long(0), False)),
    "heavy ball, schedule": (Scheduled(HeavyBall(LR, 0.9), WAVE), lambda x: waving(x, long(0.9), False)),
    "nesterov, schedule": (Scheduled(Nesterov(LR, 0.9), WAVE), lambda x: waving(x, long(0.9), True)),
    "weight decay": (WeightDecay(GradientDescent(LR), DECAY), lambda x: decaying(x, long(LR) * long(DECAY))),
    "mini-batch mean": (MiniBatch(LR, 4, 16, 1.0), descent),
    "gauss-newton": (GaussNewton(LR, 0.25), lambda x: descent(long(LR) * (x / LR) / (x / LR + long(0.25)))),
    "jacobi": (Jacobi(LR), descent),
    "adam, frozen": (Adam(LR, HORIZON), lambda x: adaptive(x, long(0.9))),
}


def rates_of(law):
    """Rates with lr L from 1e-9 to .995 of the limit, and about the critical ones."""
    limit = law.largest_stable_lr(1.0)
    x = np.geomspace(1e-9, 0.995 * min(limit, 1e3), 40)
    if hasattr(law, "critical"):
        x = np.append(x, [c * (1 + d) for c in law.critical for d in (-1e-3, -1e-7, -1e-12, 0, 1e-12, 1e-7, 1e-3)])
    return x[(x > 0) & (x < 0.9951 * limit)] / LR


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_law_is_the_iterated_recursion(name):
    """1e-10 relative to the start at 10, 10^3, 10^5 steps."""
    law, recursion = LAWS[name]
    check(law, recursion, LOOKS)


@pytest.mark.parametrize("name", ["heavy ball", "nesterov", "nesterov, schedule", "weight decay"])
def test_law_is_the_iterated_recursion_for_a_thousand_steps(name):
    """The same up to 10^3 steps; a neighbouring law is told apart (control)."""
    law, recursion = LAWS[name]
    if isinstance(law, Scheduled):
        law = Scheduled(law.law, law.shape[:1000])
    error = check(law, recursion, LOOKS[:2])
    wrong = GradientDescent(LR).factor(jnp.asarray(rates_of(law)[:20]), jnp.asarray(LOOKS[:2]))
    assert np.abs(np.asarray(wrong) - error).max() > 1e-4


def check(law, recursion, looks):
    rates = rates_of(law)
    exact = [e for s, e in zip(range(1, looks[-1] + 1), recursion(long(LR) * rates), strict=False) if s in looks]
    both = jax.jit(lambda r, s: (law.factor(r, s), law.learned(r, s)))
    found, left = (np.asarray(v) for v in both(jnp.asarray(rates), jnp.asarray(looks)))
    print("largest error", np.abs(found - np.float64(exact)).max())
    np.testing.assert_allclose(found, np.float64(exact), rtol=0, atol=1e-10)
    # the long double itself has lost 1e-19 / 1e-9 of the smallest after one step
    slow = LR * rates < 1e-3
    np.testing.assert_allclose(left[:, slow], np.float64(1 - np.array(exact))[:, slow], rtol=2e-9)
    return np.float64(exact)[:, :20]


@pytest.mark.parametrize("law", [HeavyBall(LR, 0.9), Nesterov(LR, 0.9)], ids=["heavy ball", "nesterov"])
def test_ten_million_steps(law):
    """Slow modes go at lr L / (1 - mu): 1 - exp(-s lr L / (1 - mu)) to first order in lr L; the fast are gone."""
    found = np.asarray(law.learned(jnp.array([2e-11, 2e-8, 1.0]), jnp.array([10_000_000])))[0]
    flow = -np.expm1(-1e7 * 0.5 * np.array([2e-11, 2e-8]) / 0.1)
    np.testing.assert_allclose(found[:2], flow, rtol=2e-6)
    assert found[2] == 1.0


def by_squaring(rate, lr, mu, ahead, steps):
    """1 - p_s(L) in 120 digits: powers of the matrix of the recursion (p_(s+1), p_s) <- (p_s, p_(s-1))."""
    with localcontext() as context:
        context.prec = 120
        x, mu = Decimal(lr) * Decimal(rate), Decimal(mu)
        power = [(1 - x) * (1 + mu), -(1 - x) * mu, Decimal(1), Decimal(0)] if ahead else [1 + mu - x, -mu, 1, 0]
        now = [1 - (1 + mu) * x if ahead else 1 - x, Decimal(1)]  # p_1, p_0
        while steps:
            a, b, c, d = power
            if steps % 2:
                now = [a * now[0] + b * now[1], c * now[0] + d * now[1]]
            power = [a * a + b * c, b * (a + d), c * (a + d), d * d + b * c]
            steps //= 2
        return float(1 - now[1])


@pytest.mark.parametrize(
    ("dtype", "mu", "share", "steps"),
    [
        (np.float32, 0.999, 0.999999, 40_000),
        (np.float32, 0.99, 0.9994447, 300),
        (np.float64, 0.99, 0.9999973801, 5000),
        # modes that climb to hundreds and decay to nothing: 14 to 38 units were lost
        (np.float64, 0.99, 1 - 7.82e-6, 4325),
        (np.float64, 0.99, 1 - 1.33e-5, 4325),
        (np.float64, 0.99, 1 - 2.17e-5, 4325),
        (np.float64, 0.99, 1 - 1.02e-5, 4325),
        (np.float64, 0.99, 1 - 1.186e-6, 67_960),
    ],
)
def test_heavy_ball_at_its_limit(dtype, mu, share, steps):
    """Off by no more than 4 units in the last place of rate and momentum make; powers of roots near -1 lost it all."""
    law = HeavyBall(LR, float(dtype(mu)))
    rate, units = float(dtype(share * law.largest_stable_lr(LR))), 4 * float(np.finfo(dtype).eps)
    found = float(law.learned(jnp.asarray([rate], dtype), jnp.array([steps]))[0, 0])
    exact = by_squaring(rate, LR, law.mu, False, steps)
    ends = [
        by_squaring(rate * (1 + a), LR, law.mu * (1 + b), False, steps)
        for a in (-units, units)
        for b in (-units, units)
    ]
    assert abs(found - exact) <= max(abs(end - exact) for end in ends) + units * abs(exact)
    assert max(abs(end - exact) for end in ends) < 0.1 * abs(exact)


COUNTS = [1, 7, 2**24 + 1, 2**31 - 1, 2**31, 2**31 + 1, 10**12, 10**15 + 1]


@pytest.mark.parametrize("law", [HeavyBall(LR, 0.9), Nesterov(LR, 0.9), HeavyBall(LR, 0.99), HeavyBall(LR, 0.0)])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_steps_without_end(law, dtype):
    """Counts past 32 bits, as integers and as floats: 1e-13 relative below the critical rates."""
    rates = [2e-15, 2e-12, 2e-9, 1e-5, 0.1, 1.9]
    expected = [[by_squaring(L, LR, law.mu, law.ahead, s) for L in rates] for s in COUNTS]
    found = np.asarray(law.learned(jnp.array(rates), jnp.array(COUNTS, dtype)))
    np.testing.assert_allclose(found, expected, rtol=2e-13 / (1 - law.mu))
    decayed = WeightDecay(law, 1e-12).learned(jnp.array([3e-12]), jnp.array(COUNTS, dtype))[:, 0]
    kept = [0.75 * by_squaring(4e-12, LR, law.mu, law.ahead, s) for s in COUNTS]
    np.testing.assert_allclose(decayed, kept, rtol=2e-13 / (1 - law.mu))


def test_steps_without_end_in_single_precision():
    """Whole numbers that float32 holds, 2^31 and 1e12 among them: its own precision."""
    counts = np.array([1, 7, 2**24 - 1, 2**31, 2**40 + 2**20, 10**12], np.float32)
    rates, mu = np.array([1e-9, 1e-12], np.float32), float(np.float32(0.9))
    found = HeavyBall(LR, 0.9).learned(jnp.array(rates), jnp.array(counts))
    expected = [[by_squaring(float(rate), LR, mu, False, int(s)) for rate in rates] for s in counts]
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=2e-5)


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_long_after_a_schedule_nothing_moves(dtype):
    """Nor after the last mode of conjugate gradients; 2^32 steps in 32 bits are none (the control)."""
    counts, rates = jnp.array([3, 2**31 - 1, 2**31, 2**32, 10**12], dtype), jnp.array([0.3, 1.0])
    for law in (GradientDescent(LR), HeavyBall(LR, 0.9), Nesterov(LR, 0.9)):
        found = np.asarray(Scheduled(law, np.array([1.0, 0.5, 0.25])).learned(rates, counts))
        assert (found == found[0]).all()
    assert (np.asarray(found[0]) != 0).all()
    found = np.asarray(ConjugateGradient(rates, jnp.ones(2)).learned(rates, counts))
    np.testing.assert_allclose(found, 1.0, rtol=1e-14)


def test_more_steps_than_can_be_counted_are_no_number():
    """2^63; after infinitely many all is learnt that ever is."""
    assert np.isnan(HeavyBall(LR, 0.9).learned(jnp.ones(1), jnp.array([2.0**63]))).all()
    assert HeavyBall(LR, 0.9).learned(jnp.array([0.0, 1e-9, 1.0]), jnp.array([np.inf])).tolist() == [[0.0, 1.0, 1.0]]
    for law in (HeavyBall(1.0, 0.9), Nesterov(1.0, 0.9)):  # an unstable step has no limit
        top = law.largest_stable_lr(1.0)
        limits = law.learned(jnp.array([0.99, 1.01]) * top, jnp.array([np.inf]))[0]
        assert limits[0] == 1.0
        assert np.isnan(limits[1])


@pytest.mark.parametrize("law", [HeavyBall(LR, 0.9), Nesterov(LR, 0.9), MiniBatch(LR, 2, 8, 0.7), GaussNewton(LR, 0.1)])
def test_each_law_owns_its_limit(law):
    """Below it a mode decays, above it grows."""
    if isinstance(law, MiniBatch):  # of the mean square: stricter than that of the mean
        assert law.largest_stable_lr(1.0) > 2.0
        assert MiniBatch(LR, 8, 8, 100.0).largest_stable_lr(1.0) == 2.0
        assert MiniBatch(LR, 1, 8, 4.0).largest_stable_lr(1.0) == 0.5
        return
    limit = law.largest_stable_lr(4.0)
    sizes = []
    for share in (0.99, 1.01):
        changed = type(law)(share * limit, *jax.tree.leaves(law)[1:])
        sizes.append(float(jnp.abs(changed.factor(jnp.array([4.0]), jnp.array([4000]))[0, 0])))
    assert sizes[0] < 1e-3 < 1e3 < sizes[1]


def test_band_of_critical_rates_has_no_bias():
    """Between the critical rates the heavy ball decays as sqrt(mu)^s at every rate; below them not (control)."""
    law = HeavyBall(1.0, 0.81)
    low, high = law.critical
    inside, below = (jnp.linspace(a, b, 9) for a, b in ((1.05 * low, 0.95 * high), (0.05 * low, 0.4 * low)))
    sizes = [np.abs(np.asarray(law.factor(rates, jnp.arange(300, 330)))).max(axis=0) for rates in (inside, below)]
    exponents = [np.log(size) / 300 / np.log(0.9) for size in sizes]
    assert np.ptp(exponents[0]) < 0.2
    assert abs(exponents[0].mean() - 1) < 0.1
    assert exponents[1].max() < 0.3


@pytest.mark.parametrize("name", ["gd", "heavy ball", "nesterov", "schedule", "weight decay", "gauss-newton"])
def test_derivatives(name):
    """jit and reverse mode in the rates, against central differences; the schedule is cut to what is asked."""
    law = LAWS[name][0]
    if isinstance(law, Scheduled):
        law = Scheduled(law.law, law.shape[:40])
    rates, step = jnp.array([1e-3, 0.2, 1.1]), jnp.array([17])
    total = jax.jit(lambda r: jnp.sum(law.factor(r, step)))
    slope, h = jax.grad(total)(rates), 1e-5
    for i in range(3):
        shift = h * jnp.eye(3)[i]
        np.testing.assert_allclose(slope[i], (total(rates + shift) - total(rates - shift)) / (2 * h), rtol=1e-5)


def test_any_optax_schedule():
    """The multiples are those that optax gives; after the end nothing moves."""
    import optax

    law = scheduled(GradientDescent(LR), optax.cosine_decay_schedule(1.0, 8), 8)
    found = np.asarray(law.factor(jnp.ones(1), jnp.array([3, 8, 1000, 3])))[:, 0]
    lrs = LR * 0.5 * (1 + np.cos(np.pi * np.arange(8) / 8))
    np.testing.assert_allclose(found, [np.prod(1 - lrs[:3]), np.prod(1 - lrs), np.prod(1 - lrs), np.prod(1 - lrs[:3])])


def test_conjugate_gradient_is_the_best_polynomial():
    """Of all p with p(0) = 1, by least squares in a Chebyshev basis; GD's polynomial has a larger loss (control)."""
    rng = np.random.default_rng(0)
    rates, power = np.sort(rng.uniform(0.05, 2, 8)), rng.uniform(0.1, 1, 8)
    law = ConjugateGradient(rates, power)
    steps = np.arange(1, 9)
    found = np.asarray(law.factor(jnp.asarray(rates), jnp.asarray(steps)))
    for s in steps[:-1]:
        basis = rates[:, None] * np.polynomial.chebyshev.chebvander(rates - 1, s - 1)
        best = 1 - basis @ np.linalg.lstsq(np.sqrt(power)[:, None] * basis, np.sqrt(power), rcond=None)[0]
        np.testing.assert_allclose(found[s - 1], best, atol=1e-9)
        plain = np.asarray(GradientDescent(0.5).factor(jnp.asarray(rates), jnp.asarray([s])))[0]
        assert power @ best**2 < 0.9 * power @ plain**2
    assert np.abs(found[-1]).max() < 1e-10


def test_ridge_is_the_end_of_weight_decay_and_near_early_stopping():
    """L / (L + rho) from both; flow stopped at 1 / rho is at most .204 away, at z = 1.79 or so."""
    rates, one = jnp.geomspace(1e-4, 10, 400), jnp.array([1])
    ridge, decay = Ridge(0.1), WeightDecay(GradientDescent(0.1), 0.1)
    kept = ridge.factor(rates, one)
    np.testing.assert_allclose(decay.factor(rates, jnp.array([10_000])), kept, atol=1e-12)
    stopped = GradientFlow(ridge.flow_time).factor(rates, one)
    assert 0.2 < float(jnp.abs(kept - stopped).max()) < 0.2037
    assert float(jnp.abs(kept - GradientFlow(2 * ridge.flow_time).factor(rates, one)).max()) > 0.25


def test_random_features_shrink_as_sampled_ones_do():
    """Mean of ridge regressions on sampled Gaussian nodes, mode by mode; plain ridge is off (control)."""
    rng, n, m, rho = np.random.default_rng(0), 64, 128, 1e-2
    rates = np.arange(1, n + 1) ** -1.5
    kept = np.zeros(n)
    for _ in range(200):
        features = np.sqrt(rates)[:, None] * rng.normal(size=(n, m)) / np.sqrt(m)
        gram = features @ features.T
        kept += np.diag(gram @ np.linalg.inv(gram + rho * np.eye(n))) / 200
    law, one = RandomFeatures(m, rho, rates), jnp.array([1])
    predicted = np.asarray(law.learned(jnp.asarray(rates), one))[0]
    plain = np.asarray(Ridge(rho).learned(jnp.asarray(rates), one))[0]
    assert np.abs(kept - predicted).max() < 0.02 < 0.05 < np.abs(kept - plain).max()
    assert float(RandomFeatures(m, 0.0, rates).ridge) == 0.0
    slope = jax.grad(lambda r: RandomFeatures(m, r, jnp.asarray(rates)).ridge)(jnp.asarray(rho))
    ends = [float(RandomFeatures(m, rho + h, rates).ridge) for h in (1e-6, -1e-6)]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-5)


def test_jacobi_is_the_iteration():
    """u <- u - omega D^-1 A u on each sine; undamped leaves the highest mode as it leaves the lowest."""
    n = 15
    matrix = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    sines = np.sin(np.pi * np.outer(np.arange(1, n + 1), np.arange(1, n + 1)) / (n + 1))
    found = np.asarray(Jacobi(0.6).factor(Jacobi.rates(n), jnp.array([1])))[0]
    np.testing.assert_allclose(sines - 0.3 * matrix @ sines, sines * found, atol=1e-13)
    undamped = np.asarray(Jacobi(1.0).factor(Jacobi.rates(n), jnp.array([1])))[0]
    np.testing.assert_allclose(undamped[-1], -undamped[0], atol=1e-13)


def test_gauss_newton_has_no_order():
    """All modes alike, whatever their rate; a mode without a rate stays."""
    found = np.asarray(GaussNewton(0.25).factor(jnp.array([0.0, 1e-12, 1e-3, 5.0]), jnp.array([3])))[0]
    np.testing.assert_allclose(found, [1, 0.75**3, 0.75**3, 0.75**3])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HeavyBall(0.1, 1.0), "mu=1.0"),
        (lambda: Nesterov(-1.0, 0.9), "lr=-1.0"),
        (lambda: Scheduled(GradientDescent(1.0), np.zeros(3)), "shape="),
        (lambda: Scheduled(GradientDescent(1.0), np.array([1.0, np.nan])), "shape"),
        (lambda: WeightDecay(GradientDescent(1.0), -1.0), "decay=-1.0"),
        (lambda: Ridge(-1.0), "rho=-1.0"),
        (lambda: RandomFeatures(0, 1.0, np.ones(2)), "nodes=0"),
        (lambda: GaussNewton(1.0, -1.0), "damping=-1.0"),
        (lambda: MiniBatch(1.0, 9, 8, 1.0), "batch_size=9"),
        (lambda: Adam(0.1, 10, b1=1.0), "b1=1.0"),
        (lambda: Jacobi.rates(0), "n=0"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(InputError, match=message):
        make()
