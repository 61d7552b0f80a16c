"""Whole numbers, truth values and narrow floats give what floats give; what would be lost in silence is refused."""

import pickle

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

import lfp
from lfp import (
    MLP,
    Circle,
    Differentiated,
    Euclidean,
    Exact,
    Gaussian,
    GradientDescent,
    GradientFlow,
    HashWH,
    HeavyBall,
    Hypercube,
    InputError,
    Krylov,
    Line,
    MiniBatch,
    MultiScale,
    Nesterov,
    Operator,
    Pinn,
    Points,
    RandomFeatures,
    Ridge,
    Sphere,
    Torus,
    TwoLayer,
    collocation,
    evolve,
    kernel,
    predict,
    problem,
    solve,
    spectrum,
    sum_of_modes,
    train,
)
from lfp._checks import integer
from lfp.domains import merge
from lfp.kernels import kernel_product
from lfp.kernels.empirical import empirical_kernel
from lfp.measure import energy_by_degree, relative_error
from lfp.networks import value
from lfp.neurons.activations import ACTIVATIONS
from lfp.numerics.fourier import is_full_period_grid
from lfp.spectra import gram_spectrum, largest_rates


@pytest.fixture(autouse=True)
def as_users_call(monkeypatch):
    """Without the checks of types that the tests add."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


TYPES = [np.int8, np.int64, np.uint8, np.float16, np.float32, jnp.bfloat16]


@pytest.mark.parametrize("dtype", TYPES)
def test_spectrum_of_a_matrix_of_any_type(dtype):
    """2 I at four points of weight 1/4: a half, four times; integers gave zeros."""
    assert gram_spectrum(np.asarray(2 * np.eye(4), dtype), np.full(4, 0.25)).rates.tolist() == [0.5] * 4


def test_a_kernel_of_whole_numbers():
    """Its rates were NaN."""
    same = lambda x1, x2: (x1 @ x2.T).astype(int)  # noqa: E731
    assert spectrum(same, np.eye(3)).rates.tolist() == pytest.approx([1 / 3] * 3)
    assert spectrum(lambda x1, x2: (x1 @ x2.T) > 0, np.eye(3)).rates.tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float16])
def test_walsh_functions_of_truth_values(dtype):
    """The mean and the last bit: .5 and .5; 100 ones of 128 are no overflow."""
    odd = np.arange(8) % 2 == 0
    assert Hypercube(3).analyse(odd.astype(dtype)).tolist() == [0.5, 0.5, 0, 0, 0, 0, 0, 0]
    many = (100 * (np.arange(128) < 64)).astype(np.uint8 if dtype is bool else dtype)
    assert float(Hypercube(7).analyse(many)[0]) == 50


def test_points_of_whole_numbers_are_as_good_as_floats():
    """The kernel was of single precision."""
    x = np.array([[1, 0], [0, 1], [2, 1]])
    for which in (TwoLayer(2), MLP(2, 2, "erf")):
        found = kernel(which)(x)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, kernel(which)(x.astype(float)))
    assert merge(x, np.array([1, 2, 3])).x.dtype == np.float64


@pytest.mark.parametrize(
    "bad",
    [
        np.array([1 + 1j, 2, 3]),
        np.ma.masked_equal([1.0, -999.0, 3.0], -999.0),
        np.array(["a", "b", "c"]),
        np.array(["2020-01-01"] * 3, "datetime64[D]"),
        np.array([1.0, np.nan, 2.0]),
        np.array([1.0, 2.0]),
    ],
)
def test_targets_of_which_something_would_be_lost(bad):
    """Imaginary parts, masks, texts, dates, NaN, lengths."""
    x = np.arange(3.0)[:, None]
    for call in (Points, merge):
        with pytest.raises(InputError, match="y "):
            call(x, bad)


@pytest.mark.parametrize(
    "bad", [[0.0, 1.0, 0.0], [-0.5, 1.0, 0.5], [np.nan, 0.5, 0.5], [0.5, 0.5], [np.inf] * 3, [[1 / 3] * 3]]
)
def test_weights_that_are_none(bad):
    """0, negative, NaN, too few, infinite, a matrix; of raw data their sum, 5."""
    x, y = np.arange(3.0)[:, None], np.zeros(3)
    calls = [lambda w: Points(x, y, w), lambda w: merge(x, y, w), lambda w: gram_spectrum(np.eye(3), w)]
    for call in calls:
        with pytest.raises(InputError, match="weights"):
            call(np.array(bad))
    with pytest.raises(InputError, match="sum 5"):
        merge(x, y, np.full(3, 5 / 3))


def test_matrices_that_are_none():
    """Not square, three axes, empty, not symmetric, NaN."""
    for bad in (
        np.ones((2, 3)),
        np.ones((2, 2, 1)),
        np.ones((0, 0)),
        np.triu(np.ones((2, 2))),
        np.full((2, 2), np.nan),
    ):
        with pytest.raises(InputError):
            gram_spectrum(bad, np.full(2, 0.5))


@pytest.mark.parametrize(
    "law", [GradientFlow(1.0), GradientDescent(0.5), GradientDescent(1.5), HeavyBall(0.1, 0.9), Nesterov(0.1, 0.9)]
)
def test_the_limit_of_a_mode_of_rate_zero(law):
    """A mode that is never learnt is not learnt at infinity; the others are: NaN before."""
    learned = law.learned(jnp.array([0.0, -1e-17, 0.3, 1.0]), jnp.array([0.0, jnp.inf]))
    assert learned[1].tolist() == [0.0, 0.0, 1.0, 1.0]
    data = Points(np.array([[0.5], [1.0]]), np.array([1.0, 2.0]))
    found = solve(spectrum(lambda a, b: a @ b.T, data), data, law, np.array([0.0, np.inf])).values[0]
    np.testing.assert_allclose(found[1], data.y, atol=1e-12)


def test_parts_of_a_step_where_a_mode_changes_sign():
    """lr L = 1.5: (-.5)^(1/2) is no number; whole floats are steps."""
    data = Points(np.eye(2), np.ones(2))
    rates = gram_spectrum(3 * np.eye(2), np.full(2, 0.5))
    with pytest.raises(InputError, match="whole steps"):
        solve(rates, data, GradientDescent(1.0), np.array([0.5]))
    assert solve(rates, data, GradientDescent(1.0), np.array([2.0])).values[0, 0, 0] == pytest.approx(0.75)
    with pytest.raises(InputError, match="0 or more"):
        solve(rates, data, GradientDescent(1.0), np.array([-1.0]))


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_kernel_where_a_neuron_sees_nothing(name):
    """x = 0 and no biases: JAX's derivative at 0, as the empirical kernel of a wide network has it; positive."""
    network = TwoLayer(2**17, name, b=Gaussian(0.0))
    x = jnp.array([[0.0, 0.0], [1.0, 0.5], [-0.5, 2.0]])
    found = kernel(network)(x)
    measured = empirical_kernel(network, network.init(jax.random.key(0), 2), x)
    np.testing.assert_allclose(found, measured, rtol=0.03)
    assert np.linalg.eigvalsh(found).min() >= -1e-12


@pytest.mark.parametrize(
    "even", [jnp.abs, lambda z: jnp.exp(-jnp.abs(z)), lambda z: jnp.abs(z) ** 3, lambda z: jnp.log1p(jnp.abs(z))]
)
def test_even_activations_with_a_kink_are_no_jumps(even):
    """|z| has E|u||v| = 2 / pi (sqrt(1 - rho^2) + rho asin rho); true jumps stay refused."""
    found = kernel(TwoLayer(2, even))(jnp.array([[1.0, 0.0], [0.6, 0.8]]))
    assert np.isfinite(found).all()
    with pytest.raises(InputError, match="jump"):
        kernel(TwoLayer(2, lambda z: even(z) + (z > 0).astype(z.dtype)))(jnp.array([[1.0, 0.0], [0.6, 0.8]]))


def test_abs_has_its_kernel():
    """E|u||v| + (1 + x.x') E sign u sign v of unit vectors and biases, by Cho and Saul's angle."""
    x = jnp.array([[1.0, 0.0], [0.6, 0.8]])
    rho = (1 + 0.6) / 2
    value = 2 * 2 / np.pi * (np.sqrt(1 - rho**2) + rho * np.arcsin(rho))
    slope = 2 / np.pi * np.arcsin(rho)
    assert float(kernel(TwoLayer(2, jnp.abs))(x)[0, 1]) == pytest.approx(value + 1.6 * slope, rel=1e-8)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1.5, True, "8", None, 2 + 0j, np.array([8]), [8]])
def test_counts(bad):
    """What is no whole number is said to be none; 8.0 is one in every type."""
    with pytest.raises(InputError, match="points"):
        integer("points", bad, 1)
    assert [integer("points", good, 1) for good in (8, 8.0, np.float64(8), np.int8(8), jnp.asarray(8.0))] == [8] * 5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, None, "1", True, 1j, np.ones(2)])
def test_settings_of_laws(bad):
    """Each names its argument."""
    rates = np.ones(3)
    calls = {
        "lr": [GradientDescent, GradientFlow, HeavyBall, Nesterov, lambda v: MiniBatch(v, 1, 2, 1.0)],
        "mu": [lambda v: HeavyBall(1.0, v), lambda v: Nesterov(1.0, v)],
        "rho": [Ridge, lambda v: RandomFeatures(3, v, rates)],
        "largest": [lambda v: MiniBatch(0.1, 1, 2, v)],
    }
    for name, makers in calls.items():
        for make in makers:
            with pytest.raises(InputError, match=name):
                make(bad)


def test_shapes_are_not_broadcast():
    """Penalties of functions of other shapes, errors and energies of other lengths."""
    for shape in ((4, 2), ()):
        with pytest.raises(InputError, match="apply returned shape"):
            HashWH(lambda p, x, s=shape: jnp.ones(s), dim=5, bits=2)(jax.random.key(0), 1.0)
    with pytest.raises(InputError, match="measured"):
        relative_error(np.ones((3, 1)), np.ones(3))
    with pytest.raises(InputError, match="values"):
        energy_by_degree(Hypercube(3), Hypercube(3).points(), np.ones((8, 1)), 2)
    with pytest.raises(InputError, match="values"):
        Hypercube(3).analyse(np.ones(16))


def test_ridge_of_nothing():
    """The flow time of no ridge is infinite."""
    assert Ridge(0.0).flow_time == np.inf
    assert Ridge(0.5).flow_time == 2


def test_public_functions_are_pickled_by_name():
    """Their checking twins too, for pools of processes."""
    for function in (lfp.predict, lfp.log_steps, lfp.kernels.power_series, lfp.domains.merge):
        assert pickle.loads(pickle.dumps(function)) is function


def test_whole_numbers_beyond_doubles_stay_whole():
    """2^60 + 1 is no float."""
    p = sum_of_modes(Circle(), 8, [1])
    found = predict(TwoLayer(8), p, GradientDescent(0.1), np.array([0, 2**60 + 1]), seeds=1)
    assert found.plan.steps.tolist() == [0, 2**60 + 1]


def test_an_operator_that_looks_elsewhere_sees_no_curvature():
    """A periodic boundary, an integral: of order 0, for relu too."""
    for operator in (lambda f, x: f(x) - f(x + 1.0), lambda f, x: f(x) + sum(f(x + 0.1 * i) for i in range(5))):
        Differentiated(TwoLayer(8), operator).init(jax.random.key(0), 2)


@pytest.mark.parametrize("made", [TwoLayer(4, "erf"), MLP(4, 2), kernel(MLP(4, 2, "tanh")), HeavyBall(0.5)])
def test_pickle(made):
    """Networks and kernels come back as they were."""
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert all(pickle.loads(pickle.dumps(one)) is one for one in ACTIVATIONS.values())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("bad", [lambda a, b: -(a @ b.T), lambda a, b: a @ b.T - 0.01 * jnp.exp(a @ b.T)])
def test_the_largest_rates_of_what_is_indefinite(bad, dtype):
    """-x.y went through, with rates of 1e-16; rounding of a kernel of low rank is no reason."""
    x = jnp.asarray(Circle().embed(Circle().grid(8)), dtype)
    with pytest.raises(InputError, match="negative rate"):
        largest_rates(kernel_product(bad, x), 2, jax.random.key(0))
    found = largest_rates(kernel_product(lambda a, b: a @ b.T, x), 5, jax.random.key(0)).rates
    np.testing.assert_allclose(found, [0.5, 0.5, 0, 0, 0], atol=1e-6)


WHERE = [
    Circle().embed(Circle().grid(8)),
    Circle(),
    Sphere(3),
    Hypercube(3),
    Torus(2),
    sum_of_modes(Circle(), 8, [1]),
    Euclidean.given(np.eye(3)),
]


@pytest.mark.parametrize("where", WHERE, ids=lambda where: type(where).__name__)
def test_kernels_of_nothing(where):
    """NaN is refused by name; a kernel of 0 has rates of 0, and its rank is bounded by 1 and infinity."""
    for bad in (jnp.nan, jnp.inf):
        with pytest.raises(InputError, match="not finite"):
            spectrum(lambda a, b, bad=bad: a @ b.T + bad, where)
    zero = spectrum(lambda a, b: 0 * (a @ b.T), where)
    assert np.nansum(np.abs(zero.rates)) == 0  # on a domain what is not above the noise has no rate
    if hasattr(zero, "effective_rank"):
        assert zero.effective_rank == (1.0, np.inf)


@pytest.mark.parametrize("method", [Exact(), Krylov()])
def test_a_target_of_zero_is_known_exactly(method):
    """The error was infinite."""
    x = np.linspace(-1, 1, 9)[:, None]
    found = evolve(Operator("relu"), Points(x, np.zeros(9)), np.array([0.0, 1.0, np.inf]), method=method)
    assert found.error.tolist() == [0.0, 0.0, 0.0]
    assert np.abs(found.residual).max() == 0


@pytest.mark.parametrize("size", [1e60, 1e120, 1e160, 1e200, 1e300])
def test_data_that_overflow_are_refused(size):
    """They gave NaN."""
    x, y = np.linspace(-1, 1, 9)[:, None], np.linspace(-1, 1, 9)
    for far, operator in ((size, Operator("relu")), (1.0, Operator("relu", b=Gaussian(size)))):
        data = Points(far * x, y)
        if size >= 1e160 or far > 1e100:
            with pytest.raises(InputError, match="overflow"):
                evolve(operator, data, np.array([0.0, 1.0]))
        else:
            found = evolve(operator, data, np.array([0.0, 1.0]))
            assert np.isfinite(found.residual).all()
            assert not np.isnan(found.error).any()


@pytest.mark.parametrize("turns", [0, 1, -3, 100, 10**4])
def test_even_grids_are_seen_many_and_far_away(turns):
    """10^7 points, and 10^5 of them 100 periods away, passed for scattered; points a ten-thousandth off do not."""
    assert is_full_period_grid(Circle().grid(10**5) / (2 * np.pi) + turns)
    if not turns:
        assert is_full_period_grid(Circle().grid(10**7) / (2 * np.pi))
    moved = Circle().grid(100) / (2 * np.pi) + turns
    moved[3] += 1e-4 / 100
    assert not is_full_period_grid(moved)


def test_a_pinn_says_which_equations_there_are():
    """Equation 1 of one was NaN, -1 the last one."""
    net = Pinn(TwoLayer(8, "tanh"), (lambda f, x: jax.hessian(f)(x)[0, 0], value))
    params = net.init(jax.random.key(0), 2)
    for bad in (2.0, -1.0, 0.5, 1.5, 99.0):
        x = np.array([[0.1, 0.0], [0.2, bad]])
        with pytest.raises(InputError, match="number of its equation at point 1; allowed: 0 to 1"):
            net.apply(params, jnp.asarray(x))
        with pytest.raises(InputError, match="number of its equation"):
            train(net, Points(x, np.zeros(2)), GradientDescent(0.1), np.array([0, 1]))
        assert np.isnan(jax.jit(net.apply)(params, jnp.asarray(x))[1])
    assert np.isfinite(net.apply(params, jnp.array([[0.1, 0.0], [0.2, 1.0]]))).all()


ORDERS = {
    "second": lambda f, x: jax.hessian(f)(x)[0, 0],
    "nonlinear": lambda f, x: f(x) * jax.hessian(f)(x)[0, 0],
    "mixed": lambda f, x: jax.hessian(f)(x)[0, 1],
    "third": lambda f, x: jax.grad(lambda z: jax.hessian(f)(z)[0, 0])(x)[0],
}


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "abs"])
@pytest.mark.parametrize("operator", ORDERS.values(), ids=ORDERS)
def test_second_derivatives_of_a_kink_are_refused(name, operator):
    """They are 0 wherever JAX looks: rows of zeros that never learn. First order, and smooth activations, stay."""
    inner = TwoLayer(8, jnp.abs if name == "abs" else name)
    for net in (Pinn(inner, (operator,)), Pinn(MultiScale(inner, (1.0, 2.0)), (value, operator))):
        with pytest.raises(InputError, match="has a kink"):
            net.init(jax.random.key(0), 3)
    with pytest.raises(InputError, match="has a kink"):
        Differentiated(inner, operator).init(jax.random.key(0), 2)
    Pinn(TwoLayer(8, "gelu"), (operator,)).init(jax.random.key(0), 3)
    for first in (value, lambda f, x: jax.grad(f)(x)[0] ** 2 + f(x)):
        Pinn(inner, (first,)).init(jax.random.key(0), 3)


def test_looks_are_whole_steps_that_rise():
    """1.52 passed for a step; whole floats stay allowed."""
    p, law, net = sum_of_modes(Circle(), 8, [1]), GradientDescent(0.1), TwoLayer(8)
    for bad in ([0, 1.52], [0, np.nan], [-1, 1], [0, 3, 1], [0, 0], [1, 2], []):
        for call in (train, predict):
            with pytest.raises(InputError, match="steps"):
                call(net, p, law, np.array(bad))
    assert train(net, p, law, np.array([0.0, 2.0]), seeds=1).trajectory.steps.tolist() == [0, 2]


@pytest.mark.parametrize("bad", [[[np.nan, 0.0]], [[0.0]], np.zeros((0, 2)), [0.0, 1.0], [["a", "b"]], [[1j, 0]]])
def test_points_at_which_nothing_can_be_seen(bad):
    """NaN read "diverged, a smaller --lr"."""
    with pytest.raises(InputError, match="at "):
        train(TwoLayer(8), sum_of_modes(Circle(), 8, [1]), GradientDescent(0.1), np.array([0, 1]), at=np.array(bad))


DAYS = np.array(["2020-01-01", "2020-02-01", "2020-03-01"], "datetime64[D]")


@pytest.mark.parametrize(
    "call",
    [
        lambda: problem(Line(), DAYS, [1.0, 2.0, 3.0], [1]),
        lambda: Line.over(DAYS),
        lambda: Line(DAYS[0], DAYS[1]),
        lambda: Line().embed(DAYS),
        lambda: Circle().embed(DAYS),
        lambda: Points(DAYS[:, None], np.zeros(3)),
        lambda: Euclidean.given(DAYS[:, None]),
    ],
)
def test_dates_are_no_coordinates(call):
    """A bare TypeError from inside."""
    with pytest.raises(InputError, match=r"^(x|t|low|points)"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: Points(np.zeros((0, 1)), np.zeros(0)),
        lambda: merge(np.zeros((0, 1)), np.zeros(0)),
        lambda: problem(Line(), [], [], [1]),
        lambda: Euclidean.given(np.zeros((0, 2))),
        lambda: spectrum(TwoLayer(8), np.zeros((0, 2))),
        lambda: Line.over(np.zeros(0)),
        lambda: collocation(np.zeros((0, 2))),
    ],
)
def test_no_data(call):
    """ZeroDivisionError, or weights that do not sum to 1."""
    with pytest.raises(InputError, match=r"shape|distinct"):
        call()
