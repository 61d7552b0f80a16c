"""Laws of optimisers against the recursion that they solve."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import GradientDescent, GradientFlow, InputError


def test_gradient_descent_is_the_iterated_recursion():
    """e <- (1 - lr L) e in long double, rates over ten orders of magnitude, up to .995 of the limit."""
    x = np.array([1e-9, 1e-6, 1e-3, 0.3, 0.499, 0.5, 0.9, 1.0, 1.5, 1.99], np.longdouble)
    law, error = GradientDescent(0.5), np.ones_like(x)
    for step in range(1, 1001):
        error = error * (1 - x)
        if step in (1, 10, 1000):
            found = law.factor(jnp.asarray(np.float64(x / 0.5)), jnp.array([step]))[0]
            np.testing.assert_allclose(found, np.float64(error), atol=1e-12)
            left = law.learned(jnp.asarray(np.float64(x / 0.5)), jnp.array([step]))[0]
            np.testing.assert_allclose(left, np.float64(1 - error), rtol=3e-11)  # the long double has no more digits


def test_learned_keeps_digits_of_tiny_rates():
    """1 - (1 - 1e-14)^1 is 1e-14 to full accuracy, where the plain difference has two digits (control)."""
    law = GradientDescent(1.0)
    found = float(law.learned(jnp.array([1e-14]), jnp.array([1]))[0, 0])
    assert abs(found / 1e-14 - 1) < 1e-12
    assert abs((1 - (1 - 1e-14)) / 1e-14 - 1) > 1e-4


def test_derivative_in_the_rate_is_finite_at_the_fastest_mode():
    """d/dL (1 - lr L)^s = -s lr (1 - lr L)^(s-1), also at lr L = 1 where a logarithm would be infinite."""
    law, rates = GradientDescent(1.0), jnp.array([0.2, 1.0, 1.4])
    for step in (0, 1, 3):
        slope = jax.jvp(lambda r, s=step: law.factor(r, jnp.array([s]))[0], (rates,), (jnp.ones(3),))[1]
        np.testing.assert_allclose(slope, -step * (1 - rates) ** max(step - 1, 0), rtol=1e-12)


def test_limit_of_stability():
    """Below 2 / L the mode decays, above it grows."""
    limit = GradientDescent(1.0).largest_stable_lr(4.0)
    decays, grows = (
        abs(GradientDescent(c * limit).factor(jnp.array([4.0]), jnp.array([500]))[0, 0]) for c in (0.99, 1.01)
    )
    assert decays < 1e-3 < 1e3 < grows
    assert GradientFlow(1.0).largest_stable_lr(4.0) == float("inf")


def test_flow_is_the_small_step_limit():
    """GD at lr / c over c s steps tends to flow, first order in 1 / c."""
    rates, flow = jnp.array([0.1, 1.0]), GradientFlow(0.5)
    errors = [
        float(
            jnp.abs(
                GradientDescent(0.5 / c).factor(rates, jnp.array([8 * c])) - flow.factor(rates, jnp.array([8]))
            ).max()
        )
        for c in (16, 32, 64)
    ]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 1, atol=0.05)
    np.testing.assert_allclose(flow.learned(rates, jnp.array([3])), 1 - flow.factor(rates, jnp.array([3])), atol=1e-15)


def test_flow_is_wrong_where_gradient_descent_is_right():
    """Half the largest stable step, 20 steps: flow is off by more than 10^4; the fastest mode is gone after one."""
    one, steps = jnp.array([1.0]), jnp.array([20])
    assert float(GradientDescent(1.0).factor(one, steps)[0, 0]) == 0.0
    assert float(GradientFlow(1.0).factor(one, steps)[0, 0]) > 1e-9
    slower, left = jnp.array([0.75]), np.longdouble(1)
    for _ in range(20):
        left = left * np.longdouble(0.25)
    np.testing.assert_allclose(GradientDescent(1.0).factor(slower, steps), float(left), rtol=1e-12)
    assert float(GradientFlow(1.0).factor(slower, steps)[0, 0]) > 1e4 * left


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_learning_rates(lr):
    """A step that is not positive and finite is named."""
    with pytest.raises(InputError, match="lr="):
        GradientDescent(lr)
    with pytest.raises(InputError, match="lr="):
        GradientFlow(lr)
