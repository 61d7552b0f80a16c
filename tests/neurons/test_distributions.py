"""Moments, quadratures over |w| and over w.e, and samples of the laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from lfp import FixedRadius, Gaussian, InputError, Samples, Uniform
from lfp.neurons.distributions import directional_constant
from lfp.numerics.quadrature import distances

LAWS = [Gaussian(1.7), Uniform(2.3), FixedRadius(jnp.array([0.5, 2.0]))]


@pytest.mark.parametrize("q", [1, 2, 3])
@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_directional_constant_is_an_average_over_angles(q, dim):
    """E|cos t|^q with the density sin(t)^(d-2) of the polar angle; d = 1 has the two angles 0 and pi."""
    if dim == 1:
        expected = 1.0
    else:
        top, bottom = (quad(lambda t, p=p: np.cos(t) ** p * np.sin(t) ** (dim - 2), 0, np.pi / 2)[0] for p in (q, 0))
        expected = top / bottom
    np.testing.assert_allclose(directional_constant(q, dim), expected, rtol=1e-12)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
@pytest.mark.parametrize("dim", [1, 2, 3, 50])
def test_quadratures_reproduce_the_moments(law, dim):
    for q in (0, 1, 2, 3):
        r, weights = law.radial(dim)
        np.testing.assert_allclose(jnp.sum(weights * r**q), law.moment(q, dim), rtol=1e-12)
        v, weights = law.projection(dim)
        expected = law.moment(q, dim) * directional_constant(q, dim)
        np.testing.assert_allclose(jnp.sum(weights * v**q), expected, rtol=1e-12)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
@pytest.mark.parametrize("dim", [2])
def test_samples_follow_the_law(law, dim):
    w = law.sample(jax.random.key(0), 40_000, dim)
    assert w.shape == (40_000, dim)
    r = jnp.linalg.norm(w, axis=1)
    np.testing.assert_allclose(jnp.mean(r**2), law.moment(2, dim), rtol=0.03)
    np.testing.assert_allclose(jnp.mean(r**3), law.moment(3, dim), rtol=0.06)
    np.testing.assert_allclose(w.T @ w / len(w), law.covariance(dim), atol=0.05 * float(law.moment(2, dim)))
    np.testing.assert_allclose(jnp.mean(w, axis=0), 0, atol=0.03)


@pytest.mark.parametrize("law", [Gaussian(0.9), Uniform(2.3), FixedRadius(1.4)], ids=lambda law: type(law).__name__)
def test_tabulated_averages_equal_direct_ones(law):
    """cos has E cos(w.s) in closed form for a Gaussian; many points go by the table, few by the quadrature."""
    x = jax.random.normal(jax.random.key(1), (70, 2))
    functions = lambda u: jnp.stack([jnp.cos(u), u**3])  # noqa: E731
    many = law.average(functions, x, x)
    few = law.average(functions, x[:9], x)
    np.testing.assert_allclose(many[:, :9], few, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(many[1], law.directional(3, x, x), rtol=1e-11, atol=1e-12)
    if isinstance(law, Gaussian):
        np.testing.assert_allclose(many[0], jnp.exp(-(0.9**2) * distances(x, x) ** 2 / 2), atol=1e-12)


def test_a_finite_set_of_directions_is_a_plain_average():
    w = jax.random.normal(jax.random.key(2), (5, 3))
    x = jax.random.normal(jax.random.key(3), (4, 3))
    law = Samples(w)
    u = jnp.abs((x @ w.T)[:, None, :] - (x @ w.T)[None, :, :])
    np.testing.assert_allclose(law.directional(3, x, x), jnp.mean(u**3, axis=-1), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(law.covariance(3), w.T @ w / 5, rtol=1e-13)
    np.testing.assert_allclose(law.moment(1, 3), jnp.mean(jnp.linalg.norm(w, axis=1)), rtol=1e-13)
    assert law.sample(jax.random.key(0), 6, 3).shape == (6, 3)


def test_evenly_spread_directions_tend_to_the_isotropic_law():
    """In the plane the trapezoidal rule over k angles misses E|cos|^q by O(k^-2) where q = 1."""
    x = jnp.array([[0.5, 0.0]])
    errors = []
    for k in (50, 100, 200):
        angle = jnp.pi * (jnp.arange(0.5, k)) / k
        law = Samples(jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1))
        found = law.directional(1, x, jnp.zeros((1, 2)))
        errors.append(float(jnp.abs(found - FixedRadius(1.0).directional(1, x, jnp.zeros((1, 2))))[0, 0]))
    assert errors[-1] < 1e-4
    assert np.polyfit(np.log([50, 100, 200]), np.log(errors), 1)[0] < -1.5


@pytest.mark.parametrize("law", [Gaussian, Uniform, FixedRadius])
def test_moments_are_differentiable_in_the_scale(law):
    """E r^3 is proportional to scale^3."""
    slope = jax.grad(lambda s: law(s).moment(3, 2))(1.3)
    np.testing.assert_allclose(slope, 3 * law(1.3).moment(3, 2) / 1.3, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gaussian(-1.0), "scale=-1.0"),
        (lambda: Uniform(0.0), "bound=0.0"),
        (lambda: FixedRadius(-2.0), "radius=-2.0"),
        (lambda: FixedRadius(1.0).density_at_zero(), "b=FixedRadius"),
        (lambda: Samples(jnp.ones((2, 1))).density_at_zero(), "b=Samples"),
        (lambda: Samples(jnp.zeros((0, 1))), "vectors"),
        (lambda: Samples(jnp.array([[jnp.nan]])), "vectors"),
        (lambda: Samples(jnp.ones((4, 2))).moment(2, dim=3), "dim=3"),
    ],
)
def test_bad_laws_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
