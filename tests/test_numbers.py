"""Whole numbers, truth values and narrow floats give what floats give; what would be lost in silence is refused."""

import pickle

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from lfp import (
    MLP,
    Gaussian,
    GradientDescent,
    GradientFlow,
    HashWH,
    HeavyBall,
    Hypercube,
    InputError,
    MiniBatch,
    Nesterov,
    Points,
    RandomFeatures,
    Ridge,
    TwoLayer,
    kernel,
    solve,
    spectrum,
)
from lfp._checks import integer
from lfp.domains import merge
from lfp.kernels.empirical import empirical_kernel
from lfp.measure import energy_by_degree, relative_error
from lfp.neurons.activations import ACTIVATIONS
from lfp.spectra import gram_spectrum


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
    with pytest.raises(InputError, match="measured has shape"):
        relative_error(np.ones((3, 1)), np.ones(3))
    with pytest.raises(InputError, match="values"):
        energy_by_degree(Hypercube(3), Hypercube(3).points(), np.ones((8, 1)), 2)
    with pytest.raises(InputError, match="values"):
        Hypercube(3).analyse(np.ones(16))


def test_ridge_of_nothing():
    """The flow time of no ridge is infinite."""
    assert Ridge(0.0).flow_time == np.inf
    assert Ridge(0.5).flow_time == 2


@pytest.mark.parametrize("made", [TwoLayer(4, "erf"), MLP(4, 2), kernel(MLP(4, 2, "tanh")), HeavyBall(0.5)])
def test_pickle(made):
    """Networks and kernels come back as they were."""
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert all(pickle.loads(pickle.dumps(one)) is one for one in ACTIVATIONS.values())
