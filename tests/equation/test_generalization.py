"""The FP-norm against the native space, and the bound against Monte Carlo over targets and samples."""

import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Gaussian, InputError, Operator, Points, Uniform, a_priori_bound, evolve, fp_norm

MODES = np.arange(1, 257)
GRID = np.arange(1024) / 1024


def waves(x, modes=MODES):
    """cos and sin of every mode at x, scaled so that a sum of squares of coefficients is a sum over +-k."""
    phase = 2 * np.pi * np.outer(x, modes)
    return np.sqrt(2) * np.concatenate([np.cos(phase), np.sin(phase)], axis=1)


def relu_power():
    """gamma^2 of relu at the modes of the torus of period 1, without the divergence term."""
    return np.asarray(Operator("relu", b=Uniform(4.0)).symbol(jnp.asarray(MODES, float))[0])


def targets(kind, power, rng, count):
    """Real coefficients of random targets: rough (barely in the space), smooth, or the highest mode alone."""
    normal = rng.standard_normal((count, 2 * len(MODES)))
    scale = np.sqrt(np.tile(power, 2))
    if kind == "highest":
        return np.where(np.tile(MODES, 2) == MODES[-1], normal, 0.0)
    return normal * scale * np.tile(MODES, 2) ** -0.6 if kind == "rough" else normal * scale**2


def errors(power, kind, n, draws, seed=0):
    """E|h - f| and ||f||_gamma, one a draw: h interpolates f at n random points with the least norm."""
    rng, scale = np.random.default_rng(seed), np.sqrt(np.tile(power, 2))
    everywhere, found = waves(GRID) * scale[None, :], []
    for coefficients in targets(kind, power, rng, draws):
        features = waves(rng.uniform(size=n)) * scale[None, :]
        fitted = features.T @ np.linalg.solve(features @ features.T, features @ (coefficients / scale))
        error = np.abs(everywhere @ (fitted - coefficients / scale)).mean()
        found.append((error, float(fp_norm(coefficients, scale**2))))
    return np.array(found).T


def ratios(power, kind, n, draws):
    """Bound / error of every draw."""
    error, norm = errors(power, kind, n, draws)
    return np.array([float(a_priori_bound(size, 2 * power.sum()[None], n)) for size in norm]) / error


def test_norm_of_the_torus_is_its_sum():
    """By hand: F[g] = 1, 2i at powers 4, .5; doubled by a weight of 4."""
    power = jnp.array([4.0, 0.5])
    transform = jnp.array([1.0 + 0.0j, 2.0j])
    np.testing.assert_allclose(fp_norm(transform, power), np.sqrt(1 / 4 + 4 / 0.5))
    np.testing.assert_allclose(fp_norm(transform, power, jnp.full(2, 4.0)), 2 * np.sqrt(1 / 4 + 4 / 0.5))


@pytest.mark.parametrize("name", ["tanh", pytest.param("relu", marks=pytest.mark.slow)])
def test_norm_is_that_of_the_native_space(name):
    """integral |F[h]|^2 / gamma_1^2 = v^T K v without divergence, modulo the null space; gamma^2 / 2 fails."""
    operator = Operator(name, Gaussian(0.0), Gaussian(1.0), Gaussian(4.0))
    x = np.linspace(-1, 1, 7)[:, None] + 0.05 * np.cos(np.arange(7))[:, None]
    solution = evolve(operator, Points(x, np.sin(4 * x[:, 0])), np.array([30.0, np.inf]), treatment="instant")
    edges = np.geomspace(1e-4, 100.0, 200)
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges)[:, None] / 2
    xi = (edges[:-1, None] + half + half * nodes).ravel()
    weights = 2 * (half * weights).ravel()  # both signs of xi
    power = operator.symbol(jnp.asarray(xi))[0]
    for transform, norm in zip(solution.transform(xi[:, None]), solution.norm, strict=True):
        np.testing.assert_allclose(fp_norm(transform, power, weights), norm, rtol=1e-3)
        assert abs(fp_norm(transform, power / 2, weights) / norm - 1) > 0.3


def test_a_target_outside_the_space_has_no_norm():
    """relu: a triangle wave (k^-2) is inside, a square wave (k^-1) grows as the square root of the modes kept."""
    odd, power = MODES[::2], relu_power()[::2]
    triangle, square = (
        [float(fp_norm(odd[:count] ** -s, power[:count])) for count in (8, 32, 128)] for s in (2.0, 1.0)
    )
    assert triangle[2] / triangle[1] < 1.03
    np.testing.assert_allclose(np.diff(np.log2(square)), 1, atol=0.05)
    assert np.isinf(fp_norm(np.array([1.0, 1e-12]), np.array([1.0, 0.0])))


@pytest.mark.parametrize("kind", ["rough", "smooth", "highest"])
@pytest.mark.parametrize("n", [16, 128])
def test_bound_on_the_torus(kind, n):
    """No draw of target and samples exceeds it."""
    assert ratios(relu_power(), kind, n, 20).min() > 1


@pytest.mark.slow
def test_bound_over_many_draws():
    """1000 targets and samples each: how loose it is, printed; more so the more samples."""
    for kind in ("rough", "smooth"):
        for n in (8, 32, 128):
            found = ratios(relu_power(), kind, n, 1000)
            print(f"\n{kind} n={n}: bound / error, least and median", found.min().round(1), np.median(found).round(1))
            assert found.min() > 1


def test_the_order_of_the_bound_is_right():
    """White power, half as many samples as modes: 10 times loose; n^-1 in place of n^-1/2 fails (control)."""
    found = ratios(np.ones(len(MODES)), "rough", 256, 10)
    print("\nwhite: bound / error", found.min(), found.max())
    assert found.min() > 1
    assert found.max() < 12
    assert found.max() / np.sqrt(256) < 1


@pytest.mark.parametrize("dim", [1, 2])
def test_bound_of_the_operator_at_every_time(dim):
    """The completed model, divergence included: targets in its native space, random samples, the flow and its limit."""
    rng, times = np.random.default_rng(dim), np.array([0.1, 10.0, 1e3, np.inf])
    operator = Operator("relu", w=Uniform(2.0), b=Uniform(4.0), dim=dim)
    test = jnp.asarray(rng.uniform(-1, 1, (200, dim)))
    diagonal = jnp.diag(operator(test, test))
    found = []
    for _ in range(8):
        centres = rng.uniform(-1, 1, (12, dim))
        target = evolve(operator, Points(centres, rng.standard_normal(12)), np.array([np.inf]))
        samples = rng.uniform(-1, 1, (24, dim))
        solution = evolve(operator, Points(samples, np.asarray(target.at(samples))[0]), times)
        error = np.abs(solution.at(test) - target.at(test)).mean(axis=1)
        left = np.abs(solution.residual).mean(axis=1)
        bound = [a_priori_bound(target.norm[0], diagonal, 24, residual=u) for u in left]
        found.append(np.array(bound) / error)
        assert solution.norm[-1] <= target.norm[0] * (1 + 1e-6)
    print(f"\noperator d={dim}: bound / error, least over targets, by time", np.min(found, axis=0))
    assert np.min(found) > 1


def test_norm_of_the_interpolant_grows_to_that_of_the_target():
    """The least norm through more and more samples, from below: .94 with 49 points for a target of six kernels."""
    rng, operator = np.random.default_rng(4), Operator("relu", w=Uniform(2.0), b=Uniform(4.0))
    target = evolve(operator, Points(rng.uniform(-1, 1, (6, 1)), rng.standard_normal(6)), np.array([np.inf]))
    x = np.linspace(-1, 1, 49)[:, None]
    norms = []
    for stride in (16, 4, 1):
        few = x[::stride]
        norms.append(float(evolve(operator, Points(few, np.asarray(target.at(few))[0]), np.array([np.inf])).norm[0]))
    norms = np.array(norms) / float(target.norm[0])
    print("\n", norms)
    assert (np.diff(norms) > 0).all()
    assert 0.8 < norms[-1] <= 1 + 1e-6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fp_norm(np.ones(1), -np.ones(1)), "power=-1.0 must be >= 0"),
        (lambda: fp_norm(np.array([np.nan]), np.ones(1)), "transform has 1 values"),
        (lambda: a_priori_bound(1.0, np.ones(1), 0), "n=0"),
        (lambda: a_priori_bound(1.0, np.ones(1), 4, delta=1.5), "delta=1.5"),
        (lambda: a_priori_bound(-1.0, np.ones(1), 4), "norm=-1.0"),
        (lambda: a_priori_bound(1.0, -np.ones(1), 4), "diagonal=-1.0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
