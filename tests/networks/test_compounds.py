"""Compound networks: their kernels against the empirical kernels of the same networks, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    MLP,
    Circle,
    Custom,
    Differentiated,
    FourierFeatures,
    Gaussian,
    InputError,
    Line,
    MultiScale,
    PiNet,
    TwoLayer,
    compare,
    empirical_kernel,
    kernel,
    log_steps,
    predict,
    sum_of_modes,
    train,
)

POINTS = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2)))
B = Gaussian(0.5).sample(jax.random.key(7), 3, dim=2)
UNIT = jnp.array([[0.2], [0.5], [0.9]])


def bend(f, x):
    """-u'' on the line."""
    return -jax.hessian(f)(x)[0, 0]


def drift(f, x):
    """u_1 - .5 Laplace(u) in the plane."""
    return jax.grad(f)(x)[0] - 0.5 * jnp.trace(jax.hessian(f)(x))


# network of a width, its points, and another kernel that must not fit
KINDS = {
    "pi": (lambda m: PiNet(m, degree=2, activation="erf"), POINTS, lambda m: MLP(m, 1, "erf")),
    "pi of degree 3": (lambda m: PiNet(m, degree=3, activation="tanh"), POINTS, lambda m: MLP(m, 1, "tanh")),
    "scales of features of a pi-net": (
        lambda m: MultiScale(FourierFeatures(PiNet(m, activation="erf"), B), (1.0, 2.0)),
        POINTS,
        lambda m: MultiScale(FourierFeatures(PiNet(m, activation="erf"), B), (1.0, 3.0)),
    ),
    "fourier": (
        lambda m: FourierFeatures(TwoLayer(m, a=Gaussian(0.7)), B),
        POINTS,
        lambda m: FourierFeatures(TwoLayer(m, a=Gaussian(0.7)), 1.2 * B),
    ),
    "scales": (
        lambda m: MultiScale(MLP(m, 1, "erf", alpha=3.0), (1.0, 3.0)),
        POINTS,
        lambda m: MultiScale(MLP(m, 1, "erf"), (1.0, 2.0)),
    ),
    "fourier of a pi-net": (
        lambda m: FourierFeatures(PiNet(m), B),
        POINTS,
        lambda m: FourierFeatures(PiNet(m, degree=1), B),
    ),
    "pinn": (lambda m: Differentiated(TwoLayer(m, "erf"), bend), UNIT, lambda m: TwoLayer(m, "erf")),
    "pinn, gelu": (lambda m: Differentiated(TwoLayer(m, "gelu"), bend), UNIT, lambda m: TwoLayer(m, "gelu")),
    "pinn, sin": (lambda m: Differentiated(MLP(m, 1, "sin"), drift), POINTS, lambda m: MLP(m, 1, "sin")),
    "pinn, gaussian": (
        lambda m: Differentiated(MultiScale(TwoLayer(m, "gaussian"), (1.0, 2.0)), bend),
        UNIT,
        lambda m: Differentiated(TwoLayer(m, "gaussian"), bend),
    ),
}


def samples(network, x, seeds):
    """Kernels of independent networks."""
    keys = jax.random.split(jax.random.key(0), seeds)
    return np.asarray(jax.jit(jax.vmap(lambda key: empirical_kernel(network, network.init(key, x.shape[1]), x)))(keys))


@pytest.mark.parametrize("name", [n if "scales of" in n else pytest.param(n, marks=pytest.mark.slow) for n in KINDS])
def test_wide_networks_have_the_analytic_kernel(name):
    """Width 4096: the mean of 16 networks is the kernel within five standard errors, and another kernel is not."""
    make, x, other = KINDS[name]
    found = samples(make(4096), x, 16)
    error = found.std(axis=0, ddof=1) / 4
    assert (np.abs(found.mean(axis=0) - np.asarray(kernel(make(2))(x))) / error).max() < 5
    assert (np.abs(found.mean(axis=0) - np.asarray(kernel(other(2))(x))) / error).max() > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", [*KINDS, "deep pi"])
def test_error_falls_as_the_root_of_the_width(name):
    """Slope -1/2 over a factor of 16; against another kernel it stalls."""
    deep = (lambda m: PiNet(m, depth=2), POINTS, lambda m: PiNet(m, degree=3, depth=2))
    make, x, other = KINDS.get(name, deep)
    widths = [128, 512, 2048]
    exact, wrong = (np.asarray(kernel(which(2))(x)) for which in (make, other))
    found = [samples(make(width), x, 32) for width in widths]
    slopes = [
        np.polyfit(np.log(widths), np.log([np.sqrt(((s - K) ** 2).mean()) for s in found]), 1)[0]
        for K in (exact, wrong)
    ]
    assert slopes[0] == pytest.approx(-0.5, abs=0.12)
    assert slopes[1] > -0.35


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_pi_net_of_relu_on_the_circle(degree):
    """kappa_1^N + N kappa_1^(N-1) t kappa_0, t = x.x', up to one factor; an exponent less is no such kernel."""
    angle = np.linspace(0.1, np.pi, 9)
    t = np.cos(angle)
    x = jnp.asarray(np.stack([t, np.sin(angle)], axis=1))
    kappa1, kappa0 = (np.sin(angle) + t * (np.pi - angle)) / np.pi, (np.pi - angle) / np.pi
    found = np.asarray(kernel(PiNet(2, degree, b_std=0.0))(jnp.eye(1, 2), x))[0]
    formula, wrong = (kappa1**n + n * kappa1 ** (n - 1) * t * kappa0 for n in (degree, degree + 1))
    np.testing.assert_allclose(found, found[0] / formula[0] * formula, atol=1e-13)
    assert np.abs(found - found[0] / wrong[0] * wrong).max() > 1e-2


def test_compounds_are_their_formulas():
    """Products of layers, features, sums over scales, by hand."""
    x = POINTS
    net = PiNet(4, degree=2, depth=1, activation="tanh", w_std=1.3, b_std=0.4, alpha=2.0)
    (w, b), (v, c) = params = net.init(jax.random.key(0), 2)
    one, two = (np.tanh(1.3 / 2**0.5 * x @ w[i] + 0.4 * b[i][None]) for i in (0, 1))
    np.testing.assert_allclose(net.apply(params, x), 2 * (1.3 / 2 * (one * two) @ v[0] + 0.4 * c[0][None])[:, 0])
    inner = TwoLayer(8, "erf", asi=False)
    params = inner.init(jax.random.key(1), 6)
    phase = 2 * np.pi * np.asarray(x) @ np.asarray(B).T
    features = jnp.asarray(np.concatenate([np.cos(phase), np.sin(phase)], axis=1))
    np.testing.assert_allclose(FourierFeatures(inner, B).apply(params, x), inner.apply(params, features), rtol=1e-12)
    net = MultiScale(inner, (1.0, 2.5))
    one, two = params = net.init(jax.random.key(2), 2)
    np.testing.assert_allclose(net.apply(params, x), inner.apply(one, x) + inner.apply(two, 2.5 * x), rtol=1e-12)
    assert not np.allclose(one[1], two[1])


def test_kernel_of_an_operator_by_differences():
    """d^2/dx^2 d^2/dx'^2 K by differences of K, whose error falls with the square of the step."""
    net = TwoLayer(2, "sin", b=Gaussian(0.5))
    K, found = kernel(net), np.asarray(kernel(Differentiated(net, bend))(UNIT))
    off = []
    for h in (0.04, 0.02):
        shifted = [np.asarray([[K(UNIT + i * h, UNIT + j * h) for j in (-1, 0, 1)] for i in (-1, 0, 1)])][0]
        second = np.array([1, -2, 1]) / h**2
        off.append(np.abs(np.einsum("i,j,ijnm->nm", second, second, shifted) - found).max())
    assert off[1] < 2e-3 * np.abs(found).max()
    assert 3.5 < off[0] / off[1] < 4.5


def test_the_helper_is_another_apply():
    """-u'' of a network by hand, as a `Custom`: the same function, the same kernel."""
    inner = MLP(8, 2, "tanh", alpha=2.0)

    def residual(params, x):
        u = lambda point: inner.apply(params, point[None])[0] / 2  # noqa: E731
        return -jax.vmap(lambda point: jax.hessian(u)(point)[0, 0])(x)

    params = inner.init(jax.random.key(0), 1)
    helper, custom = Differentiated(inner, bend), Custom(inner.init, residual, width=8, alpha=2.0)
    np.testing.assert_allclose(helper.apply(params, UNIT), custom.apply(params, UNIT), rtol=1e-12)
    both = [empirical_kernel(net, params, UNIT) for net in (helper, custom)]
    np.testing.assert_allclose(*both, rtol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("network", [PiNet(4096, alpha=50.0), MultiScale(MLP(512, 1, "erf", alpha=50.0), (1.0, 2.0))])
def test_compounds_train_as_predicted(network):
    """On the circle, by the kernel of infinite width, float32 training and all."""
    problem, steps = sum_of_modes(Circle(), 32, [1, 2, 3]), log_steps(300, 20)
    prediction = predict(network, problem, steps=steps, seeds=3)
    report = compare(prediction, train(network, problem, prediction.law, steps, seeds=3).trajectory)
    assert report.verdict == "holds", str(report)


@pytest.mark.slow
def test_a_pinn_trains_as_its_kernel_says():
    """tanh, which has no analytic kernel under an operator: theory='empirical'; and features on the line."""
    problem, steps = sum_of_modes(Line(), 32, [1, 2, 3]), log_steps(300, 20)
    for network in (
        Differentiated(TwoLayer(512, "tanh", alpha=200.0), bend),
        FourierFeatures(TwoLayer(512, "erf", alpha=50.0), jnp.array([[0.5], [1.0]])),
    ):
        prediction = predict(network, problem, steps=steps, theory="empirical", seeds=2)
        report = compare(prediction, train(network, problem, prediction.law, steps, seeds=2).trajectory)
        assert report.verdict == "holds", str(report)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PiNet(8, degree=0), "degree=0"),
        (lambda: PiNet(8, depth=0), "depth=0"),
        (lambda: MultiScale(TwoLayer(8), ()), r"len\(scales\)=0"),
        (lambda: MultiScale(TwoLayer(8), (1.0, -2.0)), "scales=-2.0"),
        (lambda: FourierFeatures(TwoLayer(8), jnp.full((1, 2), jnp.nan)), "frequencies has 2 values"),
        (lambda: FourierFeatures(TwoLayer(8), B).init(jax.random.key(0), 1), "dim=1 does not fit frequencies"),
        (lambda: kernel(FourierFeatures(TwoLayer(8), B))(UNIT), "x has dimension 1; allowed: 2"),
        (lambda: kernel(Differentiated(TwoLayer(8, "relu"), bend)), "activation='relu' under a differential"),
        (lambda: kernel(Differentiated(MultiScale(MLP(8, 1, "elu")), bend)), "activation='elu' under a differential"),
        (lambda: kernel(Differentiated(TwoLayer(8, "tanh"), bend)), "allowed: erf, gelu, sin, gaussian"),
        (lambda: kernel(Differentiated(TwoLayer(8, lambda z: jnp.maximum(z, 0.0)), bend)), "'<lambda>' under"),
        (
            lambda: kernel(Differentiated(TwoLayer(8, "erf"), lambda f, x: f(x) * jax.grad(f)(x)[0]))(UNIT),
            "operator is not linear",
        ),
        (lambda: kernel(Differentiated(TwoLayer(8, "erf"), lambda f, x: f(x) + 1))(UNIT), "operator is not linear"),
        (lambda: kernel(Differentiated(TwoLayer(8, "erf"), lambda f, x: jax.grad(f)(x)))(UNIT), r"gives shape \(1,\)"),
    ],
)
def test_bad_compounds_are_named(call, message):
    """With the value and what is allowed."""
    with pytest.raises(InputError, match=message):
        call()
