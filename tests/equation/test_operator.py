"""The operator against the NTK that it stands for, its symbol against its kernel, and controls that must fail.

The reference NTK shares nothing with the operator: it integrates over b, for a finite set of w on both sides.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Activation, FixedRadius, Gaussian, InputError, Operator, Samples, Uniform, activation
from lfp.numerics.quadrature import gauss_legendre

WIDE = 30.0
A2 = 0.49


def weights(dim: int, count: int = 3) -> np.ndarray:
    """A few directions and radii, each with both signs."""
    w = np.random.default_rng(dim).normal(size=(count, dim))
    return np.concatenate([w, -w])


def points(dim: int, n: int = 5) -> np.ndarray:
    return np.random.default_rng(7 + dim).uniform(-1, 1, (n, dim))


def ntk(which: Activation, x: np.ndarray, w: np.ndarray, bound: float, panels: int = 1) -> np.ndarray:
    """E over w and b ~ U(-bound, bound) of sigma sigma' + a^2 sigma' sigma' (1 + x.x'); panels end at the kinks."""
    z = x @ w.T
    i, j, k = (index.ravel() for index in np.indices((len(x), len(x), len(w))))
    even = np.broadcast_to(np.linspace(-bound, bound, panels + 1), (len(i), panels + 1))
    kinks = [p - z[index, k] for p in which.kinks for index in (i, j)]
    b, q = gauss_legendre(np.sort(np.column_stack([even, *kinks]), axis=1), 16)
    left, right = jnp.asarray(z[i, k][:, None] + b), jnp.asarray(z[j, k][:, None] + b)
    slope = which.derivative(left) * which.derivative(right) * (1 + jnp.asarray((x @ x.T)[i, j]))[:, None]
    total = np.sum(q * np.asarray(which(left) * which(right) + A2 * slope), axis=1) / (2 * bound)
    return total.reshape(len(x), len(x), len(w)).mean(axis=2)


def relative(found, expected) -> float:
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_uniform_bias_that_covers_the_data_is_exact(name, dim):
    """Panels end at the kinks, so that 16 nodes integrate the reference exactly. K itself, nothing projected."""
    x, w = points(dim), weights(dim)
    bound = 1.1 * np.abs(x @ w.T).max()
    operator = Operator(name, FixedRadius(A2**0.5), Samples(jnp.asarray(w)), Uniform(float(bound)), dim)
    assert relative(operator(jnp.asarray(x), jnp.asarray(x)), ntk(activation(name), x, w, bound)) < 1e-12


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "erf", "softplus", "gelu", "silu", "elu", "gaussian", "ricker"])
def test_wide_uniform_bias_is_exact_for_smooth_activations(name):
    x, w = points(1), weights(1)
    operator = Operator(name, FixedRadius(A2**0.5), Samples(jnp.asarray(w)), Uniform(WIDE), 1)
    assert relative(operator(jnp.asarray(x), jnp.asarray(x)), ntk(activation(name), x, w, WIDE, 120)) < 1e-10


def test_a_users_activation_is_exact_too():
    """c_+ d_+ != c_- d_- here: K_0 has its last term."""
    shifted = Activation("shifted", lambda z: jax.nn.relu(z - 0.3) - 0.05 * z, kinks=(0.3,))
    x, w = points(2), weights(2)
    operator = Operator(shifted, FixedRadius(A2**0.5), Samples(jnp.asarray(w)), Uniform(WIDE), 2)
    assert operator.order == 2
    assert relative(operator(jnp.asarray(x), jnp.asarray(x)), ntk(shifted, x, w, WIDE)) < 1e-10


def test_the_sine_is_the_limit_of_wide_biases():
    """E cos(2b + ...) = sin(2B) / 2B is what is left: none at B = 10 pi."""
    x, w = points(2), weights(2)
    bound = 10 * np.pi
    operator = Operator("sin", FixedRadius(A2**0.5), Samples(jnp.asarray(w)), Uniform(bound), 2)
    assert relative(operator(jnp.asarray(x), jnp.asarray(x)), ntk(activation("sin"), x, w, bound, 120)) < 1e-12
    assert operator.null_space(jnp.asarray(x)).shape == (5, 0)
    with pytest.raises(InputError, match="periodic"):
        operator.symbol(jnp.ones(2))


def sphere(dim: int) -> float:
    """Area of the unit sphere, by the integral of exp(-pi |x|^2) = 1 over R^d."""
    r, w = gauss_legendre(np.linspace(0, 8, 33))
    return 1 / np.sum(w * r ** (dim - 1) * np.exp(-np.pi * r**2))


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("name", ["relu", "tanh", "elu"])
@pytest.mark.parametrize("law", [Gaussian(1.3), Uniform(2.0), FixedRadius(0.8)], ids=lambda w: type(w).__name__)
def test_symbol_is_the_transform_of_the_kernel(name, dim, law):
    """int k(s) psi(s) ds = int gamma^2 F[psi] dxi, psi the Bilaplacian of a Gaussian: it takes the polynomials off.

    F[exp(-pi s^2)] = exp(-pi xi^2), so that F[psi] = (2 pi xi)^4 exp(-pi xi^2). It ties C_d to M_q(d).
    """
    operator = Operator(name, Gaussian(0.7), law, Gaussian(3.0), dim)
    # (1/r^(d-1)) (r^(d-1) f')' twice on exp(-p s^2), p = pi: with q = s^2,
    r, w = gauss_legendre(np.concatenate([0.5 ** np.arange(12, 0, -1), np.arange(1.0, 9.0)]) - 0.5**12)
    p, q, d = np.pi, r**2, dim
    psi = 4 * p**2 * (4 * p**2 * q**2 - 4 * p * (d + 2) * q + d * (d + 2)) * np.exp(-p * q)
    direction = jnp.zeros((len(r), dim)).at[:, 0].set(jnp.asarray(r))
    kernel = [k[:, 0] for k in operator.parts(direction, jnp.zeros((1, dim)))]
    symbol = operator.symbol(jnp.asarray(r))
    for k, gamma in zip(kernel, symbol, strict=True):
        real = np.sum(w * r ** (d - 1) * np.asarray(k) * psi)
        spectral = np.sum(w * r ** (d - 1) * np.asarray(gamma) * (2 * p * r) ** 4 * np.exp(-p * q))
        np.testing.assert_allclose(real, spectral, rtol=1e-9)


def test_symbol_of_relu_has_its_closed_form():
    """gamma_1^2 = C_d (E r^3 / (16 pi^4 xi^(d+3)) + E[a^2] E r / (4 pi^2 xi^(d+1)))."""
    a, w, b, xi = Gaussian(0.6), Gaussian(1.5), Uniform(4.0), jnp.array([0.2, 3.0, 40.0])
    for d in (1, 2, 3):
        c = (1 / 8) * 2 / sphere(d)  # Gamma(d/2) / pi^(d/2) = 2 / area
        cubic = w.moment(3, d) / (16 * np.pi**4 * xi ** (d + 3))
        linear = a.moment(2) * w.moment(1, d) / (4 * np.pi**2 * xi ** (d + 1))
        one, from_w = Operator("relu", a, w, b, d).symbol(xi)
        np.testing.assert_allclose(one, c * (cubic + linear), rtol=1e-12)
        np.testing.assert_allclose(from_w, c * linear, rtol=1e-12)


def test_divergence_term_has_its_constant():
    """int int phi(x) k_w(x - x') x x' phi(x') = (1 / 4 pi^2) int gamma_w^2 |phi^'|^2 dxi."""
    operator = Operator("tanh", Gaussian(0.7), Uniform(2.0), Gaussian(3.0), 1)
    x, w = gauss_legendre(np.linspace(-6, 6, 25), 12)
    phi = w * x * np.exp(-np.pi * (x - 0.5) ** 2)
    _, k_w = operator.parts(jnp.asarray(x)[:, None], jnp.asarray(x)[:, None])
    xi, q = gauss_legendre(np.concatenate([-np.geomspace(8, 1e-9, 36), np.geomspace(1e-9, 8, 36)]))
    gradient = -np.pi * 2 * (xi + 0.5j) * np.exp(-np.pi * xi**2 - 1j * np.pi * xi)
    _, gamma = operator.symbol(jnp.asarray(xi))
    spectral = np.sum(q * np.asarray(gamma) * np.abs(gradient) ** 2) / (4 * np.pi**2)
    np.testing.assert_allclose(phi @ np.asarray(k_w) @ phi, spectral, rtol=1e-8)


def gaussian_relu_ntk(x: np.ndarray, sigma_b: float) -> np.ndarray:
    """a, w ~ N(0, 1) in one dimension: arc-cosine kernels (Cho, Saul), the angle from its sine to keep its digits."""
    dot = np.outer(x, x) + sigma_b**2
    sine = sigma_b * np.abs(x[:, None] - x[None, :])
    angle = np.arctan2(sine, dot)
    value = (sine + (np.pi - angle) * dot) / (2 * np.pi)
    return value + (np.pi - angle) / (2 * np.pi) * (1 + np.outer(x, x))


def project(x: np.ndarray, k: np.ndarray) -> np.ndarray:
    q, _ = np.linalg.qr(np.stack([np.ones_like(x), x], axis=1))
    off = np.eye(len(x)) - q @ q.T
    return off @ k @ off


def slope(scales, errors) -> float:
    return float(np.polyfit(np.log(scales), np.log(errors), 1)[0])


SPREADS = (4.0, 8.0, 16.0, 32.0, 64.0)


def test_gaussian_bias_kernels_converge_at_their_orders():
    """Projected kernel -2, relative; largest entry of the rest -3."""
    x = np.linspace(-1, 1, 64)
    projected, rest = [], []
    for sigma in SPREADS:
        kernel = np.asarray(Operator("relu", b=Gaussian(sigma))(jnp.asarray(x)[:, None], jnp.asarray(x)[:, None]))
        exact = gaussian_relu_ntk(x, sigma)
        projected.append(np.linalg.norm(project(x, kernel - exact)) / np.linalg.norm(project(x, exact)))
        rest.append(np.abs(kernel - exact).max())
    assert abs(slope(SPREADS, projected) + 2) < 0.1
    assert abs(slope(SPREADS, rest) + 3) < 0.1


def test_gaussian_bias_interpolants_converge_at_second_order():
    """`finite`, few points: the condition number grows as sigma_b^2 and takes the digits."""
    x, at = np.linspace(-1, 1, 7), np.linspace(-0.95, 0.95, 40)
    both = np.concatenate([x, at])
    errors = []
    for sigma in SPREADS:
        operator = Operator("relu", b=Gaussian(sigma))
        exact = gaussian_relu_ntk(both, sigma)
        y = np.sin(3 * x) + np.abs(x)
        fits = [
            k[7:, :7] @ np.linalg.solve(k[:7, :7], y)
            for k in (exact, np.asarray(operator(jnp.asarray(both)[:, None], jnp.asarray(both)[:, None])))
        ]
        errors.append(np.abs(fits[0] - fits[1]).max())
    assert abs(slope(SPREADS, errors) + 2) < 0.1


def test_wrong_constants_fail():
    """Half the prefactor, no divergence term, and one without 1 / 4 pi^2, against the exact kernel at sigma_b = 16."""
    x, at, sigma = np.linspace(-1, 1, 7), np.linspace(-0.95, 0.95, 40), 16.0
    both = np.concatenate([x, at])
    operator, column = Operator("relu", b=Gaussian(sigma)), jnp.asarray(both)[:, None]
    exact, smooth = gaussian_relu_ntk(both, sigma), np.asarray(operator.smooth(column, column))
    one, from_w = (np.asarray(k) for k in operator.parts(column, column))
    product = np.outer(both, both)
    variants = {
        "right": one + from_w * product,
        "half": (one + from_w * product) / 2,
        "none": one,
        "no 1/4 pi^2": one + 4 * np.pi**2 * from_w * product,
    }
    y = np.sin(3 * x) + np.abs(x)
    kernel_error, fit_error = {}, {}
    target = exact[7:, :7] @ np.linalg.solve(exact[:7, :7], y)
    for name, lfp in variants.items():
        difference = project(both, lfp + smooth - exact)
        kernel_error[name] = np.linalg.norm(difference) / np.linalg.norm(project(both, exact))
        fit = (lfp + smooth)[7:, :7] @ np.linalg.solve((lfp + smooth)[:7, :7], y)
        fit_error[name] = np.abs(fit - target).max()
    assert kernel_error["right"] < 2e-3
    assert fit_error["right"] < 1e-3
    assert kernel_error["half"] > 0.4
    for control in ("none", "no 1/4 pi^2"):
        assert kernel_error[control] > 0.1
        assert fit_error[control] > 1e-2


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_kernel_is_differentiable_in_the_scales(name):
    x = jnp.asarray(points(2))

    def total(w, b):
        return jnp.sum(jnp.sin(Operator(name, Gaussian(0.9), Gaussian(w), Gaussian(b), 2)(x, x)))

    total = jax.jit(total)
    for i, found in enumerate(jax.jit(jax.grad(total, (0, 1)))(1.2, 3.0)):
        step = np.eye(2)[i] * 1e-5
        low, high = (total(*(np.array([1.2, 3.0]) + s * step)) for s in (-1, 1))
        np.testing.assert_allclose(found, (high - low) / 2e-5, rtol=1e-7)


def test_null_space_is_what_the_kernel_cannot_see():
    """K_LFP is conditionally positive: v^T K v >= 0 once P^T v = 0, and not before."""
    x = jnp.asarray(points(2, 12))
    for name, columns in {"relu": 3, "gelu": 3, "elu": 3, "tanh": 1, "gaussian": 0}.items():
        operator = Operator(name, w=Uniform(1.5), dim=2)
        basis = operator.null_space(x)
        assert basis.shape == (12, columns)
        off = np.eye(12) - np.asarray(basis @ jnp.linalg.pinv(basis)) if columns else np.eye(12)
        kernel = np.asarray(operator.lfp(x, x))
        assert np.linalg.eigvalsh(off @ kernel @ off).min() > -1e-13
        assert columns == 0 or np.linalg.eigvalsh(kernel).min() < -1e-3


def test_spline_coefficients_give_the_kernel():
    x = jnp.asarray(points(2))
    operator = Operator("leaky_relu", Gaussian(0.5), Uniform(2.0), Uniform(9.0), 2)
    cubic, linear = operator.spline()
    s = jnp.linalg.norm(x[:, None] - x[None], axis=-1)
    np.testing.assert_allclose(operator.lfp(x, x), cubic * s**3 + linear * s * (1 + x @ x.T), atol=1e-15)
    assert Operator("tanh").spline() is None
    assert Operator("relu", w=Samples(jnp.ones((1, 2))), dim=2).spline() is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 0}, "dim=0"),
        ({"b": FixedRadius(1.0)}, "b=FixedRadius"),
        ({"w": Gaussian(0.0)}, "w="),
        ({"activation_": "rellu"}, "relu"),
        ({"activation_": jnp.square}, "approaches no line"),
    ],
)
def test_bad_operators_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Operator(**arguments)


def test_points_of_another_dimension_are_refused():
    with pytest.raises(InputError, match="dim=2"):
        Operator("relu", dim=2)(jnp.zeros((3, 1)), jnp.zeros((3, 1)))
