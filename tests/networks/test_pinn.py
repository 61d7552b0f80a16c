"""Physics-informed networks: residuals by hand, the recurrence of their modes, what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import HeavyBall, InputError, Pinn, Points, TwoLayer, collocation, empirical_kernel, solve, train
from lfp.networks import value
from lfp.prediction import network_spectrum
from lfp.training import initialise, unstack

X = collocation(np.linspace(0.1, 0.9, 5)[:, None], [[0.0], [1.0]])
NETWORK = Pinn(TwoLayer(256, "tanh"), (lambda f, x: jax.hessian(f)(x)[0, 0], value))


def test_every_point_has_its_equation():
    """u'' by the derivatives of tanh inside, u at the ends."""
    a, w, b = params = NETWORK.init(jax.random.key(0), 2)
    z = np.tanh(X[:, :1] * np.asarray(w) + np.asarray(b))
    bent = (-2 * z * (1 - z**2) * np.asarray(w) ** 2) @ np.asarray(a) / 16
    expected = np.where(X[:, 1] == 0, bent, z @ np.asarray(a) / 16)
    np.testing.assert_allclose(NETWORK.apply(params, jnp.asarray(X)), expected, atol=1e-12)


def test_residual_modes_follow_momentum():
    """A lazy network is within 1e-3 of the recurrence of its own kernel; one that is not lazy is not."""
    data = Points(X, np.where(X[:, 1] == 0, 1.0, 0.0), np.full(7, 1 / 7))
    start = initialise(NETWORK, 2, 1, dtype=jnp.float64)
    own = network_spectrum(NETWORK, data, unstack(start)[0])
    law, steps = HeavyBall(1 / float(own.rates.max()), 0.9), np.arange(0, 90, 10)
    gaps = []
    for scale in (1e-4, 1.0):
        target = Points(X, scale * data.y, data.weights)
        run = train(NETWORK, target, law, steps, seeds=1, dtype=jnp.float64)
        gaps.append(abs(run.trajectory.values - solve(own, target, law, steps).values).max() / scale)
    assert gaps[0] < 1e-3 < 0.1 < gaps[1]


def test_the_kernel_is_the_gram_matrix_of_the_residuals():
    params = NETWORK.init(jax.random.key(1), 2)
    jacobian = jax.jacrev(NETWORK.apply)(params, jnp.asarray(X))
    flat = np.concatenate([np.asarray(leaf).reshape(7, -1) for leaf in jax.tree.leaves(jacobian)], axis=1)
    np.testing.assert_allclose(empirical_kernel(NETWORK, params, jnp.asarray(X)), flat @ flat.T, rtol=1e-9, atol=1e-9)


def test_bad_equations_are_named():
    with pytest.raises(InputError, match=r"len\(operators\)=0"):
        Pinn(TwoLayer(8), ())
    with pytest.raises(InputError, match=r"shapes \[\(1, 1\), \(1, 2\)\]"):
        collocation([[0.0]], [[0.0, 1.0]])
