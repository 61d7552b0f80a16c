"""Adaptive steps against scipy, and their order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from lfp.numerics.runge_kutta import integrate


def pendulum(y):
    return {"angle": y["speed"], "speed": -jnp.sin(y["angle"])}


START = {"angle": jnp.array([1.0, 2.0]), "speed": jnp.array([0.5, -0.3])}


def reference(span):
    found = solve_ivp(
        lambda t, y: [*y[2:], *-np.sin(y[:2])], (0, span), [1, 2, 0.5, -0.3], "DOP853", rtol=1e-13, atol=1e-13
    )
    return found.y[:, -1]


@pytest.mark.parametrize("first", [1e-6, 0.1, 50.0])
def test_pendulum_to_the_tolerance(first):
    y, step = jax.jit(integrate, static_argnums=(0, 4))(pendulum, START, 20.0, first, 1e-9)
    assert np.abs(np.concatenate([y["angle"], y["speed"]]) - reference(20)).max() < 1e-6
    assert 0.01 < step < 1


def test_error_falls_with_the_tolerance():
    errors = []
    for tolerance in (1e-5, 1e-7, 1e-9):
        y, _ = jax.jit(integrate, static_argnums=(0, 4))(pendulum, START, 20.0, 0.1, tolerance)
        errors.append(np.abs(np.concatenate([y["angle"], y["speed"]]) - reference(20)).max())
    assert errors[2] < errors[1] / 20 < errors[0] / 400


def test_a_step_cut_short_is_taken_again():
    """Many short spans take the steps of one long one, not ever shorter ones."""
    y, step = START, jnp.asarray(0.1)
    go = jax.jit(integrate, static_argnums=(0, 4))
    for _ in range(40):
        y, step = go(pendulum, y, 0.5, step, 1e-9)
    assert np.abs(np.concatenate([y["angle"], y["speed"]]) - reference(20)).max() < 1e-6
    assert step > 0.05


def test_what_has_no_solution_is_no_number():
    y, _ = integrate(lambda y: y**2, jnp.ones(1), jnp.asarray(2.0), jnp.asarray(0.1), 1e-6)  # infinite at 1
    assert np.isnan(y).all()


def test_derivative():
    def end(y):
        return integrate(pendulum, {"angle": y[:1], "speed": y[1:]}, jnp.asarray(3.0), jnp.asarray(0.1), 1e-10)[0]

    y, h = jnp.array([1.0, 0.2]), 1e-5
    slope = jax.jvp(end, (y,), (jnp.array([1.0, 0.0]),))[1]["angle"]
    plus, minus = (end(y + sign * jnp.array([h, 0.0]))["angle"] for sign in (1, -1))
    assert np.allclose(slope, (plus - minus) / (2 * h), rtol=1e-6)


def test_a_solution_that_slides_along_a_jump():
    """y' = -sign(y) + .3 stays at 0 once it is there: by steps of bounded number."""
    y, _ = integrate(lambda y: 0.3 - jnp.sign(y), jnp.ones(1), jnp.asarray(9.0), jnp.asarray(0.1), 1e-9, 0.01)
    assert abs(float(y[0])) < 0.02
