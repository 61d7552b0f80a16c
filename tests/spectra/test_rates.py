"""Rates by mode: against dense Gram matrices, sums, higher precision; what is noise is never shown as a rate."""

from decimal import Decimal
from math import comb, fsum

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln, gegenbauer, iv

from lfp import (
    MLP,
    Circle,
    Gaussian,
    Hypercube,
    InputError,
    Sphere,
    Torus,
    TwoLayer,
    Uniform,
    kernel,
    profile,
    spectrum,
)
from lfp.kernels import power_series
from lfp.spectra import grid_rates
from lfp.spectra.zonal import quadrature_shares, series_shares
from tests.helpers import arc_cosine_ntk, floats
from tests.reference.decimals import network_series, shares

RELU, ERF = MLP(2, 2, "relu"), MLP(2, 2, "erf")
PLAIN = MLP(2, 1, "relu", b_std=0.0)
LONG = np.longdouble


def corner(x1, x2):
    """The NTK of `PLAIN` on unit vectors of R^d, times d, by Cho and Saul; a function that knows nothing of JAX."""
    dot = np.asarray(x1) @ np.asarray(x2).T
    sine = np.sqrt(np.maximum((1 - dot) * (1 + dot), 0))
    angle = np.arctan2(np.where(sine > 1e-7, sine, 0), dot)  # points that coincide, coincide
    return 2 * dot * (1 - angle / np.pi) + np.sin(angle) / np.pi


def smooth(x1, x2):
    """exp(x.y), whose rates on the circle are Bessel functions."""
    return np.exp(np.asarray(x1) @ np.asarray(x2).T)


def lopsided(x1, x2):
    """sin(t - t') on the circle, which no transform of one row may take for its even part."""
    x1, x2 = np.asarray(x1), np.asarray(x2)
    return 2 + np.outer(x1[:, 1], x2[:, 0]) - np.outer(x1[:, 0], x2[:, 1])


def dense(K, x, weights):
    """Eigenvalues of P^(1/2) K P^(1/2), largest first."""
    root = np.sqrt(weights)
    return np.linalg.eigvalsh(root[:, None] * np.asarray(K(x, x)) * root[None, :])[::-1]


@pytest.mark.parametrize(
    ("space", "n"),
    [(Circle(), 64), (Circle(), 63), (Torus(2), 8), (Hypercube(6), 2)],
    ids=["even", "odd", "T2", "cube"],
)
def test_grid_rates_are_the_eigenvalues_of_the_gram_matrix(space, n):
    """FFT and Walsh-Hadamard of one row against eigh, to 1e-12 of the largest; they sum to K(x, x)."""
    K = corner if not isinstance(space, Torus) else smooth
    x = space.points() if isinstance(space, Hypercube) else space.embed(space.grid(n))
    found = np.sort(np.asarray(grid_rates(K, space, n)).ravel())[::-1]
    np.testing.assert_allclose(found, dense(K, x, np.full(len(x), 1 / len(x))), atol=1e-12 * found[0])
    np.testing.assert_allclose(found.sum(), K(x[:1], x[:1])[0, 0], rtol=1e-12)


def test_the_cube_by_degree_is_the_cube_by_transform():
    """Krawtchouk sums and series against the Walsh-Hadamard transform at d = 12, every degree."""
    cube = Hypercube(12)
    found = spectrum(corner, cube, 12)
    full, degrees = np.asarray(grid_rates(corner, cube)), cube.degrees()
    for k in range(13):
        rate = np.nan_to_num(found.rates[k])  # odd ones are absent
        np.testing.assert_allclose(full[degrees == k], rate, atol=1e-12 * found.rates[0])
    np.testing.assert_allclose(found.tail, 0, atol=1e-12 * found.trace)


def test_the_sphere_against_a_design():
    """A smooth kernel on S^2: eigenvalues of the weighted Gram matrix, each 2k + 1 times, to 1e-10."""
    x, weights = Sphere(3).design(14)
    values = dense(smooth, x, weights)
    found = spectrum(smooth, Sphere(3), 9)
    expected = np.concatenate([np.full(2 * k + 1, rate) for k, rate in enumerate(found.rates)])
    np.testing.assert_allclose(values[:100], np.sort(expected)[::-1], atol=1e-10 * found.rates[0])


def test_relu_on_a_design_converges_to_the_rates_of_the_sphere():
    """Its Gram matrix is aliased: the error of the third rate falls by 8 when the design doubles."""
    exact, error = spectrum(corner, Sphere(3), 2).rates[2], []
    for top in (5, 11):
        x, weights = Sphere(3).design(top)
        error.append(abs(dense(corner, x, weights)[4:9].mean() - exact))
    assert 2 < np.log2(error[0] / error[1]) < 4


def test_the_circle_is_the_limit_of_its_grids():
    """The DFT of n points aliases rate k by about (k/n)^2: measured order 2, and never the rate itself."""
    exact = spectrum(corner, Circle(), 8).rates[8]
    error = [abs(float(grid_rates(corner, Circle(), n)[8]) - exact) / exact for n in (256, 512)]
    assert 1.9 < np.log2(error[0] / error[1]) < 2.1
    assert error[1] > 1e-5


def longdouble_rates(modes, w, b, depth, panels=400):
    """Rates of deep relu on the circle in 80-bit floats: arc-cosine recursion in the angle, Gauss-Legendre."""
    x, weight = (np.asarray(a, LONG) for a in np.polynomial.legendre.leggauss(30))
    for _ in range(2):  # Newton: the nodes are float64
        below, value = np.ones_like(x), x
        for n in range(1, 30):
            below, value = value, ((2 * n + 1) * x * value - n * below) / (n + 1)
        slope = 30 * (below - x * value) / (1 - x * x)
        x, weight = x - value / slope, 2 / ((1 - x * x) * slope**2)
    pi = 4 * np.arctan(LONG(1))
    angle = (np.arange(panels, dtype=LONG)[:, None] + (1 + x) / 2) * pi / panels
    # 1 - rho and not rho: its digits are those of the squared angle
    q = LONG(w) / 2 + b
    c, gap = LONG(w) / 2 * np.cos(angle) + b, LONG(w) * np.sin(angle / 2) ** 2
    ntk = c
    for _ in range(depth):
        theta = 2 * np.arcsin(np.sqrt(gap / q / 2))
        slope = (pi - theta) / (2 * pi)
        c = slope * c + q * np.sin(theta) / (2 * pi)
        # q/2 less the new covariance; sin t - t cos t by its series where it cancels
        small = theta**3 * (LONG(1) / 3 - theta**2 / 30 + theta**4 / 840 - theta**6 / 45360 + theta**8 / 3991680)
        twist = np.where(theta < LONG("0.02"), small, np.sin(theta) - theta * np.cos(theta))
        gap = LONG(w) * (gap / 2 - q * twist / (2 * pi))
        c, q = LONG(w) * c + b, LONG(w) * q / 2 + b
        ntk = c + LONG(w) * slope * ntk
    return [(ntk * np.cos(k * angle) * weight).sum() / (2 * panels) for k in modes]


def test_high_modes_keep_their_digits():
    """relu depth 3 on the circle at k = 1024 and below: 1e-8 of each rate, against 80-bit floats."""
    found = spectrum(MLP(2, 3, "relu", 2.0**0.5, 0.5), Circle(), 1024)
    modes = (1, 64, 1023, 1024)
    for k, expected in zip(modes, longdouble_rates(modes, 2.0, 0.25, 3), strict=True):
        assert abs(found.rates[k] / expected - 1) < 1e-8, k
        assert abs(found.shares[k] / (2 * expected) - 1) < found.errors[k] / found.shares[k]


@pytest.mark.parametrize(
    "space",
    [Circle(), pytest.param(Sphere(4), marks=pytest.mark.slow), Hypercube(40)],
    ids=["circle", "sphere", "cube"],
)
@pytest.mark.parametrize("network", [pytest.param(RELU, marks=pytest.mark.slow), ERF], ids=["relu", "erf"])
def test_both_ways_agree_within_their_errors(network, space):
    """Quadrature and power series, each with the error that it states."""
    one, error = quadrature_shares(profile(kernel(network), space), 24)
    two, other = series_shares(power_series(kernel(network), space.dim), space, 24)
    assert np.all(np.abs(one - two) <= error + other)


def test_stated_errors_are_not_empty():
    """The control: a series cut at 64 terms is off by more than the full one says, and by less than it says itself."""
    full, error = series_shares(power_series(kernel(RELU), 3), Sphere(3), 24)
    cut, said = series_shares(power_series(kernel(RELU), 3, terms=64), Sphere(3), 24)
    assert np.all(np.abs(cut - full) <= said + error)
    assert np.any(np.abs(cut - full) > 10 * error)


@pytest.mark.parametrize("dim", [40, 1000])
def test_large_cubes_do_not_overflow(dim):
    """erf: shares sum to K(x, x) within 1e-10, rates finite and falling over hundreds of orders of magnitude."""
    found = spectrum(ERF, Hypercube(dim), 40)
    assert abs(found.tail) < 1e-10 * found.trace
    assert found.above_noise.all()
    assert np.all(np.diff(found.log_rates) < 0)
    assert np.isfinite(found.rates).all()


@pytest.mark.parametrize("space", [Sphere(100), Hypercube(1000)], ids=["sphere", "cube"])
def test_relu_in_high_dimension_states_its_tail(space):
    """Rates of 100 degrees and the tail make K(x, x); the last of them is still a number with digits."""
    found = spectrum(RELU, space, 100)
    assert found.above_noise.all()
    assert 0 < found.tail < 5e-3 * found.trace
    assert (found.errors / found.shares).max() < 1e-10
    more = spectrum(RELU, space, 150)
    assert more.tail < found.tail


LARGE_BIASES = [
    (("relu", 3, 0.1, 5.0), Hypercube(1000)),
    (("relu", 2, 0.5, 2.0), Sphere(20)),
    (("relu", 3, 0.3, 2.0), Sphere(100)),
    (("leaky_relu", 1, 0.1, 2.0), Hypercube(1000)),
    (("erf", 2, 0.5, 4.0), Sphere(20)),
    (("gaussian", 2, 0.5, 4.0), Sphere(100)),
]


@pytest.mark.parametrize(("network", "space"), LARGE_BIASES, ids=lambda case: str(case))
def test_large_biases_cost_no_digits(network, space):
    """Twelve degrees against 60 digits: the stated error contains the true one, and is below 1e-12 of the share."""
    name, depth, w_std, b_std = network
    found = spectrum(MLP(2, depth, name, w_std, b_std), space, 12)
    coefficients = network_series(*network, space.dim, 512 if space.dim < 100 else 96)
    exact, chance = shares(coefficients, space, 12)
    omitted = max(Decimal(found.trace) - sum(coefficients), 0)  # of which low degrees get less and less
    for k, expected in enumerate(exact):
        off, error = Decimal(float(found.shares[k])) - expected, Decimal(float(found.errors[k]))
        assert -error <= off <= error + omitted * max(chance[k], chance[k + 1]), k
        assert error <= Decimal("1e-12") * expected, k


def test_a_share_that_was_off_by_5e_5():
    """Known from 420 digits."""
    found = spectrum(MLP(2, 3, "relu", 0.1, 5.0), Hypercube(1000), 12)
    np.testing.assert_allclose(found.shares[12], 1.35956996536e-09, rtol=1e-11)


def log_rates_of_a_corner(dim, top):
    """Of (1 + t)(pi - arccos t) on S^(dim-1), by Gegenbauer integrals in closed form; t shifts degrees by one."""
    k = np.arange(1.0, top + 2, 2)
    half, m, lam = (dim - 2) / 2, (k - 1) / 2, dim / 2
    beta = gammaln(0.5) - gammaln(lam + 0.5)  # log of Gamma(1/2) / Gamma(lam + 1/2), of int (1 - t^2)^(lam - 1)
    log_c = gammaln(k + 2 * half) - gammaln(2 * half) - gammaln(k + 1)
    inner = gammaln(m + 0.5) - gammaln(0.5) + gammaln(m + lam) - gammaln(m + 1)
    inner += gammaln(lam + 0.5) - gammaln(m + lam + 0.5) + beta
    norm = gammaln(0.5) + gammaln((dim - 1) / 2) - gammaln(dim / 2)
    odd = inner + np.log(2 * half / (k * (k + dim - 2))) - log_c - norm
    arcs = np.full(top + 2, -np.inf)  # of arcsin; pi / 2 more is a constant
    arcs[1::2] = odd[: len(arcs[1::2])]
    arcs[0] = np.log(np.pi / 2)
    k = np.arange(top + 1.0)
    down = k / np.maximum(2 * k + dim - 2, 1)
    with np.errstate(divide="ignore"):
        shifted = np.logaddexp(np.log(down) + np.roll(arcs, 1)[:-1], np.log(1 - down) + arcs[1:])
    return np.logaddexp(arcs[:-1], shifted)


@pytest.mark.parametrize("dim", [3, 11, 21, 101])
def test_every_degree_of_a_corner_is_known(dim):
    """Two-layer relu without biases, hidden weights alone: 1e-8 of every rate to degree 1000, none called noise."""
    network = TwoLayer(2, "relu", a=Gaussian(1e9), b=Gaussian(0.0))  # the output weights' part is 1e-18 of this kernel
    found = spectrum(network, Sphere(dim), 1000)
    expected = log_rates_of_a_corner(dim, 1000) + np.log(1e18 / (2 * np.pi))
    assert found.above_noise.all()
    np.testing.assert_allclose(found.log_rates, expected, rtol=0, atol=1e-8)
    assert np.all(found.errors < 1e-10 * found.shares)
    if dim == 11:  # as published
        k = np.arange(800, 1001)
        assert -np.polyfit(np.log(k), found.log_rates[k], 1)[0] == pytest.approx(10.94511, abs=5e-6)


def test_terms_below_rounding_count_together():
    """The cube comes to rest within 400 steps: thousands of terms of 1e-17 each are 4e-14 of a share."""
    network = MLP(2, 1, "relu", 1.085, 0.034)
    found, series = spectrum(network, Hypercube(40), 1), power_series(kernel(network), 40)
    chance, terms = [1.0, *[0.0] * 40], ([], [])
    for a in series.coefficients:
        for k in range(2):
            terms[k].append(a * chance[k])
        before = [0.0, *chance, 0.0]
        chance = [before[k] * (41 - k) / 40 + before[k + 2] * (k + 1) / 40 for k in range(41)]
    rest = series.beyond * 2.0**-40 * np.array([1, 40])
    exact = np.array([fsum(part) for part in terms]) + rest
    np.testing.assert_allclose(found.shares[:2], exact, rtol=1e-14)


def test_absent_is_not_noise():
    """Two-layer relu without biases has no odd modes but the first; with biases it has all."""
    found = spectrum(PLAIN, Circle(), 12)
    assert found.absent.tolist() == [k % 2 == 1 and k > 1 for k in range(13)]
    assert np.isnan(found.rates[3])
    assert not spectrum(MLP(2, 1, "relu", b_std=0.1), Circle(), 12).absent.any()


def test_float32_kernels_say_how_little_they_know():
    """No rate of a float32 kernel stands that float64 denies, and far fewer stand."""
    K = kernel(ERF)
    single = spectrum(lambda x1, x2: K(x1, x2).astype(jnp.float32), Circle(), 40)
    double = spectrum(lambda x1, x2: K(x1, x2), Circle(), 40)  # a function: by quadrature
    assert np.all(np.abs(single.shares - double.shares) < single.errors)
    assert 3 < single.above_noise.sum() < double.above_noise.sum() < 41
    exact = spectrum(ERF, Circle(), 40)  # by its power series
    assert exact.above_noise.all()
    assert np.all(np.abs(double.shares - exact.shares) < double.errors)


@pytest.mark.parametrize(
    ("profile", "right"),
    [  # Fourier coefficients in cos(a - b)
        (lambda t: jnp.exp(t), lambda k: iv(k, 1.0)),
        (lambda t: jnp.exp(3 * t), lambda k: iv(k, 3.0)),
        (lambda t: 1 / (1.25 - t), lambda k: 4 / 3 * 2.0**-k),
        (lambda t: 1 / (3.0 - t), lambda k: 8**-0.5 * (3 + 8**0.5) ** -k),
        (lambda t: 1 + t**2, lambda k: (1.5, 0.0, 0.25)[k] if k < 3 else 0.0),
    ],
)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_rounding_of_a_kernel_on_the_torus_is_no_rate(profile, right, dtype):
    """Stated errors contain the true ones, and rates below them are none."""
    found = spectrum(lambda x1, x2: profile((x1 @ x2.T).astype(dtype)), Torus(1), 24)
    shares = np.array([(1 if k == 0 else 2) * right(k) for k in range(25)])
    assert np.all(np.abs(found.shares - shares) <= found.errors)
    known = found.above_noise
    assert known.sum() >= 2
    np.testing.assert_allclose(found.rates[known], shares[known] / np.array(found.multiplicities)[known], rtol=0.3)


def test_the_paper_scaling_and_uniform_laws_go_by_quadrature():
    """A kernel without power series has rates too; Gaussian laws agree with those of the kernel alone."""
    paper = TwoLayer(2, "relu")
    np.testing.assert_allclose(
        spectrum(paper, Circle(), 10).shares, spectrum(kernel(paper), Circle(), 10).shares, atol=1e-13
    )
    uniform = TwoLayer(2, "relu", b=Uniform(3.0))
    assert power_series(kernel(uniform), 2) is None


def test_shares_are_eigenvalues_over_the_trace():
    """Normalised by K(x, x), rates times multiplicity sum to 1: the learnabilities' eigenvalues, by a direct sum."""
    cube = Hypercube(5)
    x = cube.points()
    K = smooth(x, x)
    found = spectrum(smooth, cube, 5)
    for k in range(6):
        walsh = np.prod(np.sign(x[:, :k]), axis=1)  # one function of degree k
        normalised = walsh @ K @ walsh / len(x) ** 2 / K[0, 0]
        np.testing.assert_allclose(found.rates[k] / found.trace, normalised, atol=1e-15)


def eigenlearning_sphere(kappa, dim, top):
    """Normalised eigenvalues times multiplicity, mean of kappa N_k P_k / kappa(1): adaptive quadrature, Gegenbauer."""
    norm = quad(lambda a: np.sin(a) ** (dim - 2), 0, np.pi, epsabs=1e-13)[0]
    found = []
    for k in range(top + 1):
        zonal = gegenbauer(k, (dim - 2) / 2)
        mean = quad(lambda a, z=zonal: kappa(np.cos(a)) * z(np.cos(a)) * np.sin(a) ** (dim - 2), 0, np.pi, epsabs=1e-13)
        share = mean[0] / zonal(1.0)
        found.append(share / norm * Sphere(dim).multiplicity(k) / kappa(1.0))
    return np.array(found)


def eigenlearning_cube(kappa, dim):
    """The same by Krawtchouk polynomials, their sums of binomials in whole numbers."""
    found = []
    for k in range(dim + 1):
        walk = [sum((-1) ** i * comb(j, i) * comb(dim - j, k - i) for i in range(k + 1)) for j in range(dim + 1)]
        total = fsum(comb(dim, j) * walk[j] / 2**dim * kappa(1 - 2 * j / dim) for j in range(dim + 1))
        found.append(total / kappa(1.0))
    return np.array(found)


def closed_kappa(name, dim):
    """NTK of one hidden layer without biases, w_std^2 = 2, on unit vectors of R^dim, as scalar functions of t."""
    q = 2 / dim
    if name == "relu":
        return lambda t: q * (np.sqrt(max(1 - t * t, 0)) / np.pi + 2 * t * (1 - np.arccos(t) / np.pi))
    return lambda t: (
        2 * (2 / np.pi * np.arcsin(2 * q * t / (1 + 2 * q)))
        + 8 / np.pi * q * t / np.sqrt((1 + 2 * q) ** 2 - 4 * q * q * t * t)
    )


@pytest.mark.parametrize(
    ("name", "dim"),
    [("erf", 10), *(pytest.param(*case, marks=pytest.mark.slow) for case in [("erf", 3), ("relu", 3), ("relu", 10)])],
)
def test_normalised_rates_are_those_of_eigenlearning(name, dim):
    """arXiv 2110.03922: shapes to 1e-6 on sphere and cube; they sum to 1; another activation's are others."""
    net, kappa = MLP(2, 1, name, b_std=0.0), closed_kappa(name, dim)
    sphere, expected = spectrum(net, Sphere(dim), 8), eigenlearning_sphere(kappa, dim, 8)
    known = sphere.above_noise
    sizes = np.exp(sphere.log_multiplicities)
    np.testing.assert_allclose((sizes * sphere.normalised)[known], expected[known], rtol=1e-6)
    assert np.all(np.abs(expected[~known]) < 1e-9)
    cube, expected = spectrum(net, Hypercube(dim), dim), eigenlearning_cube(kappa, dim)
    shares = np.nan_to_num(np.exp(cube.log_multiplicities) * cube.normalised)
    np.testing.assert_allclose(shares, expected, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(shares.sum(), 1, rtol=1e-10)
    other = eigenlearning_cube(closed_kappa("erf" if name == "relu" else "relu", dim), dim)
    assert np.abs(shares - other).max() > 1e-3


def test_effective_rank_of_a_projection():
    """A linear kernel on the sphere has as many equal rates as dimensions."""
    low, high = spectrum(lambda x1, x2: x1 @ x2.T, Sphere(7), 3).effective_rank
    assert low <= 7 <= high
    np.testing.assert_allclose([low, high], 7, rtol=1e-12)


@pytest.mark.parametrize("listed", [2, 3, 6, 12])
def test_effective_rank_lies_between_its_bounds(listed):
    """(1 + t) / (1.25 - t) on the circle: its rates are geometric, their squares summed by hand."""
    # 1 / (1.25 - cos a) = (4 / 3) (1 + 2 sum_k 2^-k cos k a); times (1 + cos a): neighbours share
    power = 4 / 3 * 0.5 ** np.abs(np.arange(-60, 61.0))
    rates = power + (np.roll(power, 1) + np.roll(power, -1)) / 2
    exact = rates.sum() ** 2 / (rates**2).sum()
    found = spectrum(lambda x1, x2: (1 + x1 @ x2.T) / (1.25 - x1 @ x2.T), Circle(), listed)
    low, high = found.effective_rank
    assert low <= exact <= high <= (1 + 8 * 0.25**listed) * low
    # control: the squares of what is listed alone miss it
    missed = found.trace**2 / (found.shares**2 / np.array(found.multiplicities)).sum()
    assert missed > exact * (1 + 1e-9)


def test_effective_rank_without_a_known_rate():
    """Nothing is known but that there is one; of the largest rates of points the same."""
    assert spectrum(lambda x1, x2: 0.0 * (x1 @ x2.T), Sphere(3), 3).effective_rank == (1.0, np.inf)
    nothing = spectrum(lambda x1, x2: 0.0 * (x1 @ x2.T), np.eye(4), 2)
    assert nothing.effective_rank == (1.0, np.inf)


def test_effective_rank_of_the_first_ranks_of_points():
    """Between bounds, from two ranks and from all."""
    x = np.random.default_rng(0).normal(size=(40, 3))
    rates = np.linalg.eigvalsh(np.asarray(arc_cosine_ntk(x)) / 40)
    exact = rates.sum() ** 2 / (rates**2).sum()
    for count, width in ((2, 1.5), (40, 1e-12)):
        low, high = spectrum(arc_cosine_ntk, x, count).effective_rank
        assert low <= exact * (1 + 1e-14)
        assert exact <= high * (1 + 1e-14)
        assert high < (1 + width) * low


def test_the_torus_has_orbits():
    """Multiplicities of signs and orders; rates of the grid, the change under halving for an error."""
    found = spectrum(smooth, Torus(2), 3)
    assert found.labels[:4] == ((0, 0), (1, 0), (1, 1), (2, 0))
    np.testing.assert_allclose(np.exp(found.log_multiplicities)[:6], [1, 4, 4, 4, 8, 4])
    full = np.asarray(grid_rates(smooth, Torus(2), 64))
    np.testing.assert_allclose(found.rates[4], full[1, -2], rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: spectrum(lambda x, y: x @ y.T * jnp.outer(2 + x[:, 0], 2 + y[:, 0]), Sphere(3), 4),
            "no function of x.y",
        ),
        (lambda: spectrum(lambda x, y: x[:, :1] @ y[:, :1].T, Hypercube(9), 4), "no function of x.y"),
        (lambda: spectrum(lambda x, y: x @ y.T + x.sum(axis=1)[:, None], Circle(), 4), "not symmetric"),
        (lambda: spectrum(lambda x, y: jnp.nan * x @ y.T, Circle(), 4), "not finite"),
        (lambda: spectrum(smooth, Circle(), 10**6), "modes=1000000 is beyond"),
        (lambda: spectrum(smooth, Hypercube(9), 10), "modes=10 is beyond .* dim=9; allowed: up to 9"),
        (lambda: spectrum(smooth, Sphere(3), -1), "modes=-1"),
        (lambda: spectrum(MLP(2, 1, "erf", w_std=float("nan")), Circle(), 4), "w_std=nan"),
        (lambda: grid_rates(lambda x, y: x[:, :1] @ y[:, :1].T, Circle(), 16), "not invariant"),
        (lambda: grid_rates(lopsided, Circle(), 16), "not invariant .* allowed: even functions"),
        (lambda: spectrum(lopsided, Circle(), 4), "not symmetric"),
        (lambda: grid_rates(smooth, Torus(4), 100), r"100\^4 points"),
        (lambda: profile(smooth, Hypercube(4))(np.array([0.3])), "does not occur"),
        (lambda: profile(smooth, Sphere(4))(np.array([1.5])), r"t=1\.5"),
    ],
)
def test_bad_input_is_refused(call, message):
    """With what is allowed."""
    with pytest.raises(InputError, match=message):
        call()


def test_rates_of_a_kernel_in_closed_form():
    """exp(cos) on the circle: Bessel functions, as far as rounding lets them be seen; jitted kernels are taken."""
    found = spectrum(jax.jit(lambda x1, x2: jnp.exp(x1 @ x2.T)), Circle(), 16)
    exact = iv(np.arange(17), 1.0)
    known = found.above_noise
    np.testing.assert_allclose(found.rates[known], exact[known], atol=1e-15)
    assert 12 <= known.sum() < 17


@pytest.mark.parametrize("space", [Hypercube(5), Sphere(5), Circle()])
def test_functions_in_single_precision(space):
    """On the cube their cosines were said not to occur; the shares of exp(x.y) sum to e."""
    with floats(32):
        found = spectrum(lambda x1, x2: jnp.exp(x1 @ x2.T), space, space.highest or 12)
    assert found.shares.sum() == pytest.approx(np.e, rel=1e-5)
    with_doubles = spectrum(lambda x1, x2: jnp.exp(x1 @ x2.T), space, space.highest or 12)
    assert (np.abs(found.shares - with_doubles.shares) <= found.errors + with_doubles.errors).all()
