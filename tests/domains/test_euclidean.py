"""Points of R^d: sampling, weights, rates by the Gram matrix, and what is noise in them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import spherical_in

from lfp import Euclidean, InputError, Sphere, spectrum

KEY = jax.random.key(0)


def smooth(x1, x2):
    """exp(x.y)."""
    return jnp.exp(x1 @ x2.T)


def test_rates_are_the_eigenvalues_of_the_weighted_gram_matrix():
    """Against those of the matrix of all data, repeated points and all; they sum to the mean of K(x, x)."""
    raw = np.random.default_rng(0).normal(size=(12, 3))[[0, 1, 1, 2, 3, 4, 5, 5, 5, 6]]
    space = Euclidean.given(raw)
    assert space.points.shape == (7, 3)
    found = spectrum(smooth, space, 7)
    expected = np.linalg.eigvalsh(np.exp(raw @ raw.T) / 10)[::-1]
    np.testing.assert_allclose(found.rates, expected[:7], rtol=1e-11)
    np.testing.assert_allclose(found.shares.sum(), found.trace, rtol=1e-13)
    assert found.labels == (1, 2, 3, 4, 5, 6, 7)
    unweighted = spectrum(smooth, Euclidean(space.points, np.full(7, 1 / 7)), 7)
    assert np.abs(unweighted.rates - expected[:7]).max() > 1e-2 * expected[0]


def test_what_is_rounding_has_no_rate():
    """A smooth kernel on a line has a dozen rates and then noise; a kernel of rank 3 has three."""
    found = spectrum(smooth, Euclidean.random(KEY, 60, dim=1), 40)
    known = int(found.above_noise.sum())
    assert 8 < known < 20
    assert not found.above_noise[known:].any()
    assert np.isnan(found.rates[known:]).all()
    linear = spectrum(lambda x1, x2: x1 @ x2.T, Euclidean.random(KEY, 60, dim=3), 10)
    assert linear.above_noise.tolist() == [True] * 3 + [False] * 7


@pytest.mark.parametrize(
    ("sampling", "moment"), [("box", 1 / 3), pytest.param("ball", 1 / 5, marks=pytest.mark.slow), ("normal", 1.0)]
)
def test_samplings_have_their_moments(sampling, moment):
    """E[x_i^2] = 1/3 in the box, 1/(d + 2) in the ball, 1: the rates of a linear kernel, within five errors."""
    space = Euclidean.random(KEY, 4000, dim=3, sampling=sampling)
    squares = space.points**2
    np.testing.assert_allclose(space.weights.sum(), 1)
    error = squares.std(axis=0) / len(squares) ** 0.5
    assert np.all(np.abs(squares.mean(axis=0) - moment) < 5 * error)
    assert np.linalg.norm(space.points, axis=1).max() <= {"box": 3**0.5, "ball": 1.0, "normal": np.inf}[sampling]


def test_points_of_a_sphere_show_its_modes():
    """Random points on S^2: the first rates near those of the sphere, 1 + 3 + 5 of them."""
    exact = spherical_in(np.arange(3), 1.0)  # of exp(t)
    found = spectrum(smooth, Euclidean.given(Sphere(3).random(KEY, 500)), 9).rates
    np.testing.assert_allclose(found, np.repeat(exact, [1, 3, 5]), rtol=0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Euclidean.given(np.array([[1.0], [np.nan]])), "points has 1 values that are not finite"),
        (lambda: Euclidean.given(np.zeros((0, 2))), r"points has shape \(0, 2\)"),
        (lambda: Euclidean(np.eye(2), np.array([0.5, 0.6])), "weights sum to"),
        (lambda: Euclidean(np.eye(2), np.array([0.0, 1.0])), "the least is"),
        (lambda: Euclidean.random(KEY, 0), "points=0"),
        (lambda: Euclidean.random(KEY, 5, dim=0), "dim=0"),
        (lambda: Euclidean.random(KEY, 5, sampling="bal"), "did you mean 'ball'"),
        (lambda: spectrum(smooth, Euclidean.random(KEY, 5), 6), "modes=6 is beyond the rank of 5"),
        (lambda: spectrum(smooth, Euclidean.random(KEY, 5), 0), "modes=0"),
        (lambda: spectrum(smooth, Euclidean.random(KEY, 9000), 5), "points=9000 needs"),
        (lambda: spectrum(lambda x, y: x @ y.T + x[:, :1], Euclidean.random(KEY, 5), 2), "not symmetric"),
        (lambda: spectrum(lambda x, y: -x @ y.T, Euclidean.random(KEY, 5), 2), "negative rate"),
        (lambda: spectrum(lambda x, y: jnp.nan * x @ y.T, Euclidean.random(KEY, 5), 2), "not finite"),
    ],
)
def test_bad_points_are_named(call, message):
    """With what is allowed."""
    with pytest.raises(InputError, match=message):
        call()
