"""Kernels of infinite width against slow references: dense quadrature, Monte Carlo, neural-tangents of its last JAX."""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    MLP,
    Activation,
    Circle,
    Custom,
    FourierFeatures,
    Gaussian,
    InputError,
    MultiScale,
    PiNet,
    Sphere,
    TwoLayer,
    Uniform,
    activation,
    empirical_kernel,
    kernel,
    spectrum,
)
from lfp.domains.harmonics import zonal_functions
from lfp.kernels import averages, dual, neural_tangents
from lfp.kernels.algebra import point_sets
from lfp.neurons.activations import ACTIVATIONS
from tests.helpers import floats, neuron_features

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "kernels_jax053.npz")
INFO = json.loads(str(REFERENCE["info"]))
LINE = jnp.linspace(-1.0, 1.0, 6)[:, None]
SPACE = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)))


def generic(name):
    """The activation without its closed form."""
    return Activation(name, ACTIVATIONS[name].function)


def gaussian_rule(scale, count=1201, reach=10.0):
    """Trapezoidal rule for N(0, scale^2)."""
    z = np.linspace(-reach, reach, count)
    weight = np.exp(-(z**2) / 2)
    return scale * z, weight / weight.sum()


def uniform_rule(bound, count):
    """Midpoints: even where the integrand has a kink or a jump, no better than the square of the step."""
    return bound * (2 * np.arange(count) + 1 - count) / count, np.full(count, 1 / count)


def brute_force(network, x, rule_w, rule_b):
    """E[s s'] + E[a^2] E[s' s'] (1 + x x') on the line by a product rule, term by term."""
    (w, weight_w), (b, weight_b) = rule_w, rule_b
    z = x[:, 0][:, None, None] * w[None, :, None] + b[None, None, :]
    weight = np.multiply.outer(weight_w, weight_b)
    s, slope = (np.asarray(f(jnp.asarray(z))) for f in (network.activation, network.activation.derivative))
    value, dot = (np.einsum("iwb,jwb,wb->ij", f, f, weight, optimize=True) for f in (s, slope))
    return value + float(network.a.moment(2)) * dot * (1 + x @ x.T)


# Gaussian weights.


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if n not in ("relu", "leaky_relu", "elu")])
def test_two_layer_is_the_average_over_neurons(name):
    network = TwoLayer(2, name, a=Uniform(2.0), w=Gaussian(1.3), b=Gaussian(0.7))
    x = np.array([[-1.0], [0.2], [1.0]])
    expected = brute_force(network, x, gaussian_rule(1.3, 401), gaussian_rule(0.7, 401))
    got = np.asarray(kernel(network)(jnp.asarray(x)))
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_half_of_the_second_moment_of_a_is_seen():
    x = np.array([[-1.0], [0.2], [1.0]])
    network, half = (TwoLayer(2, "erf", a=Uniform(bound), w=Gaussian(1.3), b=Gaussian(0.7)) for bound in (2.0, 2**0.5))
    expected = brute_force(network, x, gaussian_rule(1.3, 401), gaussian_rule(0.7, 401))
    assert np.abs(np.asarray(kernel(half)(jnp.asarray(x))) - expected).max() > 1e-2


@pytest.mark.parametrize("b", [Gaussian(0.7), Uniform(1.5)])
def test_covariance_of_networks_at_their_start(b):
    """Of two layers E[a^2] E[s s'], from drawn neurons; of combinations that of each part; of no network none."""
    network, x = TwoLayer(2, "erf", a=Uniform(2.0), w=Gaussian(1.3), b=b), np.array([[-1.0], [0.2], [1.0]])
    rng, count = np.random.default_rng(0), 10**5
    bias = 0.7 * rng.standard_normal(count) if isinstance(b, Gaussian) else rng.uniform(-1.5, 1.5, count)
    s = np.asarray(network.activation(jnp.asarray(1.3 * x * rng.standard_normal(count) + bias)))
    covariance = kernel(network, kind="nngp")
    np.testing.assert_allclose(covariance(jnp.asarray(x)), 4 / 3 * s @ s.T / count, atol=2e-2)
    double = kernel(MultiScale(network, (1.0, 2.0)), kind="nngp")(jnp.asarray(x))
    np.testing.assert_allclose(double, covariance(jnp.asarray(x)) + covariance(jnp.asarray(2 * x)), rtol=1e-12)
    with pytest.raises(InputError, match="kind='nngp'"):
        kernel(lambda x1, x2: x1 @ (x1 if x2 is None else x2).T, kind="nngp")


@pytest.mark.parametrize("network", [MLP(2, 2, "relu"), TwoLayer(2, "erf"), PiNet(2, 2, 1, "erf")])
def test_rates_of_the_covariance(network):
    """On the sphere from its own power series, which must be that of the kernel itself."""
    covariance = kernel(network, kind="nngp")
    rates = spectrum(covariance, Sphere(3), 8)
    x, weights = Sphere(3).design(40)
    row = np.asarray(covariance(jnp.asarray(x[:1]), jnp.asarray(x)))[0]
    for k, values in enumerate(zonal_functions(Sphere(3), x @ x[:1].T, 8)):
        assert (weights * row) @ values[:, 0] == pytest.approx(rates.shares[k] / (2 * k + 1), abs=2e-5)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu"])
def test_two_layer_with_a_kink_is_the_average_over_neurons(name):
    network = TwoLayer(2, name, a=Gaussian(0.8), w=Gaussian(1.3), b=Gaussian(0.7))
    expected = brute_force(network, np.asarray(LINE), gaussian_rule(1.3, 801), gaussian_rule(0.7, 801))
    np.testing.assert_allclose(kernel(network)(LINE), expected, rtol=0, atol=2e-2 * 0.7)
    assert np.abs(2 * expected - np.asarray(kernel(network)(LINE))).max() > 0.1


@pytest.mark.parametrize("name", ["erf", "gelu", "sin", "relu", "leaky_relu"])
@pytest.mark.parametrize("sigma", [1.0, 4.0])
def test_expansion_and_quadrature_agree_with_closed_forms(name, sigma):
    c = LINE @ LINE.T + sigma**2
    q = jnp.diagonal(c)
    parts = dual.gaussian_dual(generic(name))(c, q[:, None], q[None, :])
    closed = dual.gaussian_dual(activation(name))(c, q[:, None], q[None, :])
    for got, expected in zip(parts, closed, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


STAX = {
    "relu": lambda stax: stax.Relu(),
    "leaky_relu": lambda stax: stax.LeakyRelu(0.01),
    "erf": lambda stax: stax.Erf(),
    "gelu": lambda stax: stax.Gelu(),
    "sin": lambda stax: stax.Sin(),
    "gaussian": lambda stax: stax.Gaussian(1.0, -0.5),
}


def test_every_closed_form_is_compared():
    assert set(STAX) == {name for name, one in ACTIVATIONS.items() if dual.is_closed(one)}


@pytest.mark.parametrize("columns", [None, jnp.concatenate([SPACE[:2], -SPACE[2:4] / 2])])
@pytest.mark.parametrize("name", STAX)
def test_recursion_is_that_of_neural_tangents_to_depth_10(name, columns):
    w_std, b_std = 1.3, 0.4
    stax = neural_tangents().stax
    dense, through = stax.Dense(1, w_std, b_std, parameterization="ntk")[2], STAX[name](stax)[2]
    k = dense(SPACE, columns)
    for depth in range(1, 11):
        k = dense(through(k))
        got = kernel(MLP(2, depth, name, w_std, b_std))(SPACE, columns)
        np.testing.assert_allclose(got, k.ntk, rtol=1e-12, atol=0)
        got = kernel(MLP(2, depth, name, w_std, b_std), kind="nngp")(SPACE, columns)
        np.testing.assert_allclose(got, k.nngp, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", STAX)
def test_programs_do_not_grow_with_depth(name):
    deep, shallow = (str(jax.make_jaxpr(kernel(MLP(2, depth, name)))(SPACE)) for depth in (200, 3))
    assert deep.replace("length=200", "length=3") == shallow


def test_kernels_of_depth_200_have_gradients():
    total, h = lambda w: kernel(MLP(2, 200, "relu", w, 0.1))(SPACE).sum(), 1e-5
    slope = (total(2**0.5 + h) - total(2**0.5 - h)) / (2 * h)
    assert float(jax.grad(total)(2**0.5)) == pytest.approx(float(slope), rel=1e-5)


@pytest.mark.parametrize("sigma", [0.5, 4.0])
def test_tanh_where_a_fixed_rule_is_wrong(sigma):
    c = np.array([[0.3 * sigma**2]])
    q = np.array([sigma**2])
    z, weight = gaussian_rule(1.0, 4001)
    other = 0.3 * z[:, None] + np.sqrt(1 - 0.3**2) * z[None, :]
    expected = weight @ (np.tanh(sigma * z)[:, None] * np.tanh(sigma * other)) @ weight
    got, _ = dual.gaussian_dual(activation("tanh"))(*map(jnp.asarray, (c, q[:, None], q[None, :])))
    assert float(got[0, 0]) == pytest.approx(expected, abs=1e-11)
    # control: Gauss-Hermite of 25 nodes
    x, w = np.polynomial.hermite_e.hermegauss(25)
    w = w / w.sum()
    fixed = w @ (np.tanh(sigma * x)[:, None] * np.tanh(sigma * (0.3 * x[:, None] + np.sqrt(1 - 0.3**2) * x))) @ w
    assert abs(fixed - expected) > (1e-3 if sigma == 4 else 1e-13)


def test_elu_by_price_theorem():
    # d/dc E[phi phi] = E[phi' phi'], and d/dc E[phi' phi'] = E[phi'' phi''], phi'' = exp(z) below 0, by midpoints
    q, c, h = 2.0, 0.9, 1e-3
    at = [dual.gaussian_dual(activation("elu"))(*(jnp.full(1, v) for v in (c + s * h, q, q))) for s in (-1, 0, 1)]
    values, slopes = ([float(a[i][0]) for a in at] for i in (0, 1))
    assert (values[2] - values[0]) / (2 * h) == pytest.approx(slopes[1], rel=1e-6)
    u = np.linspace(-14, 0, 2801)[:-1] + 0.0025
    inverse = np.linalg.inv([[q, c], [c, q]])
    quadratic = inverse[0, 0] * (u[:, None] ** 2 + u**2) + 2 * inverse[0, 1] * np.multiply.outer(u, u)
    density = np.exp(-quadratic / 2) / (2 * np.pi * np.sqrt(q * q - c * c))
    curvature = (np.exp(np.add.outer(u, u)) * density).sum() * 0.005**2
    assert (slopes[2] - slopes[0]) / (2 * h) == pytest.approx(curvature, rel=1e-4)


@pytest.mark.parametrize("name", INFO["activations"])
@pytest.mark.parametrize("depth", INFO["depths"])
def test_mlp_is_that_of_neural_tangents_on_its_last_jax(name, depth):
    K = kernel(MLP(2, depth, name, w_std=INFO["W_std"], b_std=INFO["b_std"]))
    for where in INFO["points"]:
        x = jnp.asarray(REFERENCE[f"x/{where}"])
        error = np.abs(np.asarray(K(x)) - REFERENCE[f"ntk/{name}/{depth}/{where}"])
        np.testing.assert_allclose(K(x, x[:2]), K(x)[:, :2], rtol=0, atol=1e-12)
        if name == "relu":  # the angle of a point with itself is known to the root of the rounding there
            assert np.diag(error).max() < 1e-7
            error -= np.diag(np.diag(error))
        assert error.max() < 1e-12


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_diagonals_are_exact(name, depth):
    low, high = ACTIVATIONS[name].slopes
    half, (w, b) = (low**2 + high**2) / 2, (1.3**2, 0.4**2)
    x = jnp.concatenate([SPACE, SPACE[:2], 1e3 * SPACE[:1]])
    q = w * (x**2).sum(axis=1) / 3 + b
    t = q
    for _ in range(depth):
        q = w * half * q + b
        t = w * half * t + q
    K = kernel(MLP(2, depth, name, w_std=1.3, b_std=0.4))
    np.testing.assert_allclose(jnp.diagonal(K(x)), t, rtol=1e-14)
    np.testing.assert_allclose(jnp.diagonal(K(x, x)), t, rtol=1e-14)
    np.testing.assert_allclose(jnp.diagonal(K(x)[5:7, :2]), t[:2], rtol=1e-14)
    d = (low**2 + high**2) / 2 * 2 * (1 + (x**2).sum(axis=1))
    two = kernel(TwoLayer(2, name))
    np.testing.assert_allclose(jnp.diagonal(two(x)), d, rtol=1e-14)


def test_opposite_points_without_bias():
    angle = 2 * np.pi * np.arange(8) / 8
    x = jnp.asarray(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    K = kernel(TwoLayer(2, "relu", b=Gaussian(0.0)))(x)
    np.testing.assert_allclose(jnp.diagonal(K[:4, 4:]), 0, atol=1e-15)


def test_it_may_be_traced_and_the_terms_are_checked():
    for name in ("relu", "gelu", "tanh"):
        K = kernel(TwoLayer(2, name))
        np.testing.assert_allclose(jax.jit(K)(LINE), K(LINE), rtol=1e-12, atol=1e-15)
    wide = kernel(TwoLayer(2, "tanh", b=Gaussian(16.0)))
    assert np.isfinite(wide(LINE)).all()
    with pytest.raises(Exception, match="outside of jit"):
        jax.block_until_ready(jax.jit(wide)(LINE))


# Uniform weights.


@pytest.mark.parametrize("name", ["tanh", "softplus"])
@pytest.mark.parametrize(
    "laws", [(Uniform(2.0), Uniform(3.0)), (Gaussian(1.2), Uniform(3.0)), (Uniform(2.0), Gaussian(0.6))]
)
def test_uniform_weights_and_smooth_activation(name, laws):
    w, b = laws
    network = TwoLayer(2, name, a=Uniform(1.5), w=w, b=b)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    rules = [
        (law.bound * nodes, weights / 2) if isinstance(law, Uniform) else gaussian_rule(law.scale, 401) for law in laws
    ]
    expected = brute_force(network, np.asarray(LINE), *rules)
    np.testing.assert_allclose(kernel(network)(LINE), expected, rtol=0, atol=1e-10 * expected.max())


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
@pytest.mark.parametrize("bounds", [(3.0, 3.0), (3.0, 1.0), (0.2, 1.0)])
def test_uniform_weights_and_a_kink(name, bounds):
    network = TwoLayer(2, name, w=Uniform(bounds[0]), b=Uniform(bounds[1]))
    x = np.asarray(LINE)[::2]
    got = np.asarray(kernel(network)(jnp.asarray(x)))
    errors = []
    for count in (400, 800):
        expected = brute_force(network, x, uniform_rule(bounds[0], count), uniform_rule(bounds[1], count))
        errors.append(np.abs(got - expected).max() / expected.max())
    assert errors[1] < 1e-3
    wider = kernel(TwoLayer(2, name, w=Uniform(bounds[0]), b=Uniform(1.1 * bounds[1])))(jnp.asarray(x))
    assert np.abs(np.asarray(wider) - got).max() / got.max() > 5 * errors[1]


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_panels_agree_with_the_arc_cosine_kernel(dim, name):
    x = np.random.default_rng(dim).normal(size=(4, dim))
    c = jnp.asarray(x @ x.T + 0.25)
    q = jnp.diagonal(c)
    exact = dual.gaussian_dual(activation(name), dim)(c, q[:, None], q[None, :])
    for got, expected in zip(averages.average(activation(name), Gaussian(1.0), Gaussian(0.5), x), exact, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dim", [2, 3, 6])
def test_uniform_relu_in_more_dimensions(dim):
    # w uniform in the ball, b covers: E_b is a cubic in p = w.x, q = w.x' with |p - q|^3: moments of w give it all
    bound, cover = 1.5, 8.0
    x = np.random.default_rng(dim).normal(size=(5, dim)) / np.sqrt(dim)
    w = Uniform(bound)
    value, slope = averages.average(activation("relu"), w, Uniform(cover), x)
    distance = np.linalg.norm(x[:, None] - x[None], axis=2)
    # projection of a direction of R^dim on an axis: E|cos|^q = Gamma(d/2) Gamma((q+1)/2) / (sqrt(pi) Gamma((d+q)/2))
    from scipy.special import gamma

    one, three = (
        gamma(dim / 2) * gamma((q + 1) / 2) / (np.sqrt(np.pi) * gamma((dim + q) / 2)) * float(w.moment(q, dim))
        for q in (1, 3)
    )
    np.testing.assert_allclose(slope, 0.5 - one * distance / (4 * cover), rtol=0, atol=1e-10)
    flat = float(w.moment(2, dim)) / dim * x @ x.T + cover**2 / 3
    np.testing.assert_allclose(value, flat / 2 + three * distance**3 / (24 * cover), rtol=0, atol=1e-10 * cover**2)


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 3])
def test_uniform_tanh_in_more_dimensions(dim):
    network = TwoLayer(2, "tanh", w=Uniform(1.0), b=Uniform(1.0))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, dim)))
    count = 200_000
    F = neuron_features(network, network.neurons(jax.random.key(0), count, dim), x)
    each = jnp.einsum("jnf,jmf->jnm", F, F)
    error = jnp.abs(each.mean(axis=0) - kernel(network)(x)) / (each.std(axis=0) / np.sqrt(count))
    assert error.max() < 4.5
    wider = kernel(TwoLayer(2, "tanh", w=Uniform(1.0), b=Uniform(1.5)))(x)
    assert (jnp.abs(each.mean(axis=0) - wider) / (each.std(axis=0) / np.sqrt(count))).max() > 10


# Tables of the angle.


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [
        TwoLayer(2, "elu"),
        MLP(2, 2, "elu"),
        TwoLayer(2, "relu", w=Uniform(1.0), b=Uniform(2.0)),
        TwoLayer(2, "leaky_relu", w=Uniform(3.0), b=Uniform(1.0)),  # not smooth in the angle: no table
    ],
)
def test_many_points_of_one_norm_have_the_kernel_of_few(network):
    """A table, where there is one, is what it stands for."""
    angle = np.linspace(0, np.pi, 400)
    x = jnp.asarray(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    K = kernel(network)
    few = jnp.concatenate([K(x[:1], part)[0] for part in jnp.split(x, 4)])
    np.testing.assert_allclose(K(x[:1], x)[0], few, rtol=0, atol=1e-10 * float(few.max()))


# Any kernel.


@pytest.mark.parametrize(
    "network",
    [
        TwoLayer(2, "relu"),
        TwoLayer(2, "elu"),
        TwoLayer(2, "softplus", b=Gaussian(3.0)),
        TwoLayer(2, "relu", w=Uniform(1.0), b=Uniform(3.0)),
        MLP(2, 3, "tanh"),
        MLP(2, 2, "leaky_relu"),
    ],
)
def test_kernels_are_positive_and_symmetric(network):
    t = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    x = jnp.asarray(np.stack([np.cos(t), np.sin(t)], axis=1))
    K = np.asarray(kernel(network)(x))
    np.testing.assert_allclose(K, K.T, rtol=1e-13)
    assert np.linalg.eigvalsh(K).min() > -1e-10 * np.trace(K)
    np.testing.assert_allclose(kernel(network)(x, x[3:5]), K[:, 3:5], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "network", [TwoLayer(8, n) for n in ("relu", "gelu", "tanh")] + [TwoLayer(8, w=Uniform(1.0)), MLP(8)]
)
def test_float32_stays_float32(network):
    x = SPACE.astype(jnp.float32)
    K = kernel(network)
    assert K(x).dtype == jnp.float32
    np.testing.assert_allclose(K(x), K(SPACE), rtol=2e-5)
    params = jax.tree.map(lambda p: p.astype(jnp.float32), network.init(jax.random.key(0), 3))
    got = empirical_kernel(network, params, x)
    assert got.dtype == jnp.float32
    double = empirical_kernel(network, jax.tree.map(lambda p: p.astype(jnp.float64), params), SPACE)
    np.testing.assert_allclose(got, double, rtol=1e-4, atol=1e-5)


def _arc_cosine_ntk(x1, x2, depth, w_std, b_std, low):
    """The recursion of Cho and Saul for two points, in Python's floats, which have the range."""
    w, b, turn = w_std**2, b_std**2, (1 - low) ** 2 / (2 * math.pi)
    c, q1, q2 = (
        b + w * math.fsum(map(math.prod, zip(u, v, strict=True))) / 2 for u, v in ((x1, x2), (x1, x1), (x2, x2))
    )
    ntk = c
    for _ in range(depth):
        size = math.sqrt(q1) * math.sqrt(q2)
        angle = math.acos(max(min(c / size, 1.0), -1.0))
        slope = (1 + low**2) / 2 - turn * angle
        c, q1, q2 = (
            b + w * value
            for value in (slope * c + turn * size * math.sin(angle), *(q * (1 + low**2) / 2 for q in (q1, q2)))
        )
        ntk = c + w * slope * ntk
    return ntk


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize(
    ("network", "low", "scale"),
    [
        (MLP(2, 1, "relu", b_std=0.0), 0.0, 1e10),
        (MLP(2, 1, "relu", b_std=0.0), 0.0, 1e-10),
        (MLP(2, 3, "leaky_relu", b_std=0.0), 0.01, 1e9),
        (MLP(2, 15, "relu", 16.0), 0.0, 1.0),
        (MLP(2, 15, "leaky_relu", 0.2, 0.0), 0.01, 1.0),
    ],
)
def test_squares_of_variances_beyond_the_range_of_float32(network, low, scale, dtype):
    """Three points, coinciding and opposite ones among them, where q1 q2 is neither finite nor above 0 in float32."""
    with floats(jnp.finfo(dtype).bits):
        x = scale * jnp.asarray([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]], dtype)
        got = kernel(network)(x, None)
        assert got.dtype == dtype
    parts = (network.depth, network.w_std, network.b_std, low)
    right = [[_arc_cosine_ntk(one, other, *parts) for other in x.tolist()] for one in x.tolist()]
    share = [[float(got[i, j]) / float(row[i]) for j, _ in enumerate(row)] for i, row in enumerate(right)]
    expected = [[float(value / row[i]) for value in row] for i, row in enumerate(right)]
    # near coinciding points the angle is known to the root of the rounding
    np.testing.assert_allclose(share, expected, rtol=0, atol=network.depth * 4 * float(jnp.finfo(dtype).eps) ** 0.5)


@pytest.mark.parametrize("name", ["erf", "gaussian", "sin", "gelu"])
@pytest.mark.parametrize("scale", [1.0, 1e2, 1e5])
def test_float32_is_right_where_points_are_far(name, scale):
    """Beside float64: where a point meets itself, rounding of squares beside their difference would count."""
    x = scale * np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    if name == "gelu" and scale > 1e2:
        pytest.skip("its values are beyond float32")
    right = kernel(MLP(2, 2, name))(jnp.asarray(x, jnp.float64), None)
    with floats(32):
        got = kernel(MLP(2, 2, name))(jnp.asarray(x), None)
    np.testing.assert_allclose(np.diag(got), np.diag(right), rtol=4e-6)
    np.testing.assert_allclose(got, right, atol=4e-6 * float(np.abs(right).max()))


def test_deep_and_large_is_finite():
    assert np.isfinite(kernel(MLP(8, 30, "gelu", 4.0, 0.5))(SPACE[:3], None)).all()


@pytest.mark.slow
def test_user_functions():
    x = SPACE[:2]
    np.testing.assert_allclose(
        kernel(TwoLayer(2, lambda z: jnp.maximum(z, 0.0)))(x), kernel(TwoLayer(2, "relu"))(x), rtol=1e-9
    )
    np.testing.assert_allclose(
        kernel(MLP(2, 2, lambda z: 0.5 * jnp.sin(2 * z)))(x),
        kernel(MLP(2, 2, lambda z: jnp.sin(z) * jnp.cos(z)))(x),
        rtol=1e-10,
    )
    # at x = 0 without bias there is no correlation to speak of
    at_zero = kernel(TwoLayer(2, "sigmoid", b=Gaussian(0.0)))(jnp.zeros((1, 2)))
    assert at_zero.item() == pytest.approx(0.25 + 1 / 16)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernel(Custom(lambda key, dim: key, lambda p, x: x, 1)), "network=Custom has no analytic kernel"),
        # shapes: where the annotations are not checked, as they are here
        (lambda: point_sets(jnp.zeros(3), None), "x1 has shape"),
        (lambda: point_sets(jnp.zeros((0, 3)), None), "x1 has shape"),
        (lambda: point_sets(jnp.zeros((2, 1)), jnp.zeros((2, 2))), "x2 has dimension 2; allowed: 1"),
        (lambda: kernel(TwoLayer(2))(jnp.full((2, 1), jnp.nan)), "x1 has 2 values that are not finite"),
        (lambda: kernel(TwoLayer(2, jnp.sign))(jnp.ones((2, 1))), "has a jump"),
        (lambda: kernel(TwoLayer(2, lambda z: jnp.abs(z - 0.5)))(LINE), "activation='<lambda>'"),
        (lambda: kernel(TwoLayer(2, "tanh", w=Uniform(1.0)))(jnp.ones((2, 4))), "up to 3, or theory='empirical'"),
        (lambda: kernel(TwoLayer(2, "elu", w=Uniform(1.0), b=Uniform(1.0)))(LINE), "has a kink"),
        (lambda: jax.jit(kernel(TwoLayer(2, w=Uniform(1.0))))(LINE), "outside of jit"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_neural_tangents_is_imported_late():
    import subprocess
    import sys

    code = "import lfp.kernels.analytic, sys; sys.exit('neural_tangents' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


SCALED = {
    "MLP": lambda name, w, b: MLP(2, 2, name, w, b),
    "PiNet": lambda name, w, b: PiNet(2, 2, 1, name, w, b),
    "MultiScale": lambda name, w, b: MultiScale(MLP(2, 1, name, w, b), (1.0, 2.0)),
    "FourierFeatures": lambda name, w, b: FourierFeatures(MLP(2, 1, name, w, b), np.eye(2) / 4),
    "TwoLayer": lambda name, w, b: TwoLayer(2, name, w=Gaussian(w), b=Gaussian(b)),
}


@pytest.mark.parametrize("name", ["relu", "erf", "tanh", "silu"])
@pytest.mark.parametrize("make", SCALED.values(), ids=SCALED)
def test_kernels_have_gradients_in_scales_and_points(make, name):
    """In reverse, against central differences: w_std and b_std had none, tanh and silu failed in reverse."""
    x = jnp.array([[1.0, 0.2], [0.6, 0.8], [-0.3, 0.5]])

    def total(w, b, s):
        return jnp.sum(kernel(make(name, w, b))(s * x) ** 2)

    at, h = (1.1, 0.4, 0.9), 1e-5
    found = jax.grad(total, (0, 1, 2))(*at)
    for i, slope in enumerate(found):
        up, down = ([v + sign * h * (j == i) for j, v in enumerate(at)] for sign in (1, -1))
        assert float(slope) == pytest.approx(float(total(*up) - total(*down)) / (2 * h), rel=1e-6)


def test_traced_kernels_on_a_domain_are_refused():
    with pytest.raises(InputError, match="is traced, and rates on a domain"):
        jax.grad(lambda w: spectrum(MLP(2, 1, w_std=w), Circle(), 3).rates.sum())(1.0)
    slope = jax.grad(lambda w: spectrum(MLP(2, 1, w_std=w), np.eye(2)).rates.sum())(1.0)
    assert np.isfinite(slope)
