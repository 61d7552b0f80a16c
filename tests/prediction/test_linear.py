"""The solution against the recursion, one step at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Circle, GradientDescent, GradientFlow, Line, problem, solve, spectrum, sum_of_modes
from lfp.spectra import gram_spectrum
from tests.helpers import arc_cosine_ntk, iterate


@pytest.mark.parametrize("share", [1e-3, 0.5, 0.995])
def test_solution_is_the_iterated_recursion(share):
    """On the circle and on weighted scattered points, to 1e-12, up to .995 of the largest stable step."""
    scattered = problem(Line(), [-0.8, -0.3, 0.2, 0.2, 0.9], [1.0, -1.0, 0.5, 0.7, 0.3], [1])
    for p in (sum_of_modes(Circle(), 16, [1, 3]), scattered):
        rates = spectrum(arc_cosine_ntk, p)
        lr = share * GradientDescent(1.0).largest_stable_lr(float(rates.rates.max()))
        found = solve(rates, p, GradientDescent(lr), np.array([0, 1, 7, 300])).values[0]
        gram = np.asarray(arc_cosine_ntk(jnp.asarray(p.x)))
        expected = [iterate(gram, p.weights, p.y, lr, s) for s in (0, 1, 7, 300)]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_flow_solves_the_differential_equation():
    """df/dt = -K P (f - y), by central differences: the error falls with the square of the spacing."""
    p = sum_of_modes(Circle(), 16, [1, 3])
    rates = spectrum(arc_cosine_ntk, p)
    gram = np.asarray(arc_cosine_ntk(jnp.asarray(p.x)))
    errors = []
    for h in (0.2, 0.1, 0.05):
        before, now, after = solve(rates, p, GradientFlow(h), np.round(np.array([2 - h, 2, 2 + h]) / h)).values[0]
        errors.append(np.abs((after - before) / (2 * h) + gram @ (now - p.y) / 16).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 2, atol=0.05)


def test_one_compilation_serves_every_learning_rate():
    """The law is an argument of the compiled function, not a constant in it."""
    p = sum_of_modes(Circle(), 16, [1])
    rates, steps = spectrum(arc_cosine_ntk, p), np.array([0, 1])
    solve(rates, p, GradientDescent(0.1), steps)
    with jax.log_compiles(False), jax.no_tracing():
        solve(rates, p, GradientDescent(0.1), steps)


def test_float32_solution():
    """A float32 spectrum gives a float32 solution, right to its precision."""
    p = sum_of_modes(Line(), 16, [1, 2])
    gram = arc_cosine_ntk(jnp.asarray(p.x))
    single, double = (gram_spectrum(gram.astype(t), p.weights) for t in (jnp.float32, jnp.float64))
    a, b = (solve(s, p, GradientDescent(0.3), np.array([100])).values for s in (single, double))
    assert a.dtype == np.float32
    np.testing.assert_allclose(a, b, atol=1e-4)
