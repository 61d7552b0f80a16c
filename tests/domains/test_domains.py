"""Domains: multiplicities, walks on degrees, transforms there and back, projections; bad points are refused."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Circle, Hypercube, InputError, Sphere, Torus
from lfp.domains import project, spherical_harmonics
from lfp.domains.named import domain

KEY = jax.random.key(0)


@pytest.mark.parametrize("where", [Circle(), Sphere(3), Sphere(10), Hypercube(9)])
def test_projections_of_a_zonal_function_know_the_multiplicity(where):
    """P_k(1) = 1 along the whole walk, and |P_k| <= 1."""
    x = where.embed(where.random(KEY, 5))
    parts = [project(where, x[:1], np.ones(1), np.ones(1), 6, x)[k] / where.multiplicity(k) for k in range(7)]
    np.testing.assert_allclose([part[0] for part in parts], 1.0, rtol=1e-12)
    assert max(abs(part).max() for part in parts) < 1 + 1e-12


def test_multiplicities_are_exact_and_never_overflow():
    """Degree k polynomials of the sphere by counting; the middle of a cube of dimension 1000."""
    assert [Circle().multiplicity(k) for k in range(4)] == [1, 2, 2, 2]
    assert [Sphere(4).multiplicity(k) for k in range(5)] == [(k + 1) ** 2 for k in range(5)]
    assert sum(Hypercube(1000).multiplicity(k) for k in range(1001)) == 2**1000
    assert math.log(Sphere(1000).multiplicity(1000)) > 709  # beyond the range of a float


def test_the_design_of_the_sphere_integrates_harmonics():
    """Orthonormal to degree 6; one longitude less and it aliases."""
    x, weights = Sphere(3).design(6)
    basis = spherical_harmonics(x, 6)
    np.testing.assert_allclose(basis.T @ (weights[:, None] * basis), np.eye(49), atol=1e-13)
    few, coarse = Sphere(3).design(3)
    basis = spherical_harmonics(few, 6)
    assert abs(basis.T @ (coarse[:, None] * basis) - np.eye(49)).max() > 0.5


def test_addition_theorem():
    """sum_m Y_lm(x) Y_lm(y) = (2l + 1) P_l(x.y), poles included."""
    x = np.concatenate([Sphere(3).random(KEY, 4), np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])])
    basis = spherical_harmonics(x, 5)
    for degree in range(6):
        block = basis[:, degree**2 : (degree + 1) ** 2]
        legendre = np.polynomial.legendre.Legendre.basis(degree)(x @ x.T)
        np.testing.assert_allclose(block @ block.T, (2 * degree + 1) * legendre, atol=1e-12)


def test_harmonics_and_projection_agree():
    """Analysis, synthesis and the zonal projection of the same function."""
    x, weights = Sphere(3).design(5)
    values = x[:, 0] * x[:, 1] + x[:, 2] ** 3
    basis = spherical_harmonics(x, 5)
    coefficients = basis.T @ (weights * values)
    np.testing.assert_allclose(basis @ coefficients, values, atol=1e-13)
    parts = project(Sphere(3), x, weights, values, 5)
    for degree in range(6):
        block = slice(degree**2, (degree + 1) ** 2)
        np.testing.assert_allclose(parts[degree], basis[:, block] @ coefficients[block], atol=1e-13)


def test_the_cube_is_taken_apart_exactly():
    """A product of signs is one coefficient; the transform is its own inverse; degrees add up."""
    cube = Hypercube(6)
    x = cube.points() * math.sqrt(6)
    values = x[:, 0] * x[:, 3] - 2 * x[:, 5]
    found = np.asarray(cube.analyse(jnp.asarray(values)))
    np.testing.assert_allclose(found[[0b001001, 0b100000]], [1.0, -2.0])
    assert np.count_nonzero(np.round(found, 12)) == 2
    np.testing.assert_allclose(cube.synthesise(jnp.asarray(found)), values, atol=1e-14)
    parts = project(cube, cube.points(), np.full(64, 1 / 64), values, 6)
    np.testing.assert_allclose((parts**2).mean(axis=1), [0, 4, 1, 0, 0, 0, 0], atol=1e-13)


def test_the_torus_there_and_back():
    """One mode of two angles is one pair of coefficients."""
    torus = Torus(2)
    t = torus.grid(8)
    values = jnp.asarray(np.cos(t[:, 0] - 2 * t[:, 1]).reshape(8, 8))
    found = torus.analyse(values)
    np.testing.assert_allclose(abs(found[1, -2]), 0.5)
    np.testing.assert_allclose(torus.synthesise(found), values, atol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(torus.embed(torus.random(KEY, 3)), axis=1), 2**0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Sphere(3).embed(np.ones((2, 3))), r"norm 1\.73205 at point 0; allowed: 1"),
        (lambda: Sphere(3).embed(np.ones((2, 2))), r"shape \(2, 2\); allowed: \(points, 3\)"),
        (lambda: Sphere(3).embed(np.full((1, 3), np.nan)), "not finite"),
        (lambda: Hypercube(2).embed(np.array([[0.6, 0.8]])), "corners"),
        (lambda: Sphere(1), "dim=1"),
        (lambda: Sphere(2), r"dim=2 is the circle; allowed: Circle\(\)"),
        (lambda: Hypercube(0), "dim=0"),
        (lambda: Sphere(4).design(3), "dim=4 has no design"),
        (lambda: Hypercube(21).points(), "dim=21 has 2\\^21 points"),
        (lambda: Hypercube(21).analyse(jnp.ones(2**21)), "dim=21"),
        (lambda: Torus(2).analyse(jnp.ones(4)), "values has 1 axes"),
        (lambda: domain("shpere"), "did you mean 'sphere'"),
        (lambda: domain("circle", 3), "dim=3 with domain='circle'"),
    ],
)
def test_bad_points_are_refused(call, message):
    """With the argument, its value and what is allowed."""
    with pytest.raises(InputError, match=message):
        call()
