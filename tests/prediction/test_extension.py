"""The function between the data against descent of the same kernel, one step at a time."""

import jax
import numpy as np
import pytest

from lfp import (
    Circle,
    GradientDescent,
    HeavyBall,
    InputError,
    Points,
    TwoLayer,
    extend,
    kernel,
    kernel_at_start,
    sum_of_modes,
    train,
)

SEEN, UNSEEN = 7, 4


@pytest.fixture(scope="module")
def known():
    """Scattered points of unequal weights, one of them all but repeated: a rate of rounding."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SEEN + UNSEEN, 2))
    x[1] = x[0] + 1e-9
    weights = rng.random(SEEN)
    data = Points(x[:SEEN], rng.normal(size=SEEN), weights / weights.sum())
    return extend(jax.jit(kernel(TwoLayer(2))), data), x[SEEN:]


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_it_is_descent_one_step_at_a_time(known, momentum):
    extension, at = known
    data, lr = extension.data, extension.descent.lr
    law = HeavyBall(lr, momentum) if momentum else GradientDescent(lr)
    everywhere = np.concatenate([data.x, at])
    gram = np.asarray(extension.kernel(everywhere, data.x))
    f, before, rows = np.zeros(len(gram)), np.zeros(len(gram)), []
    for _ in range(41):
        rows.append(f)
        after = f - lr * gram @ (data.weights * (f[:SEEN] - data.y)) + momentum * (f - before)
        before, f = f, after
    steps = np.array([0, 1, 2, 10, 40])
    found = extension.follow(law, steps, everywhere).values[0]
    assert np.abs(found - np.array(rows)[steps]).max() < 1e-10
    assert np.abs(found[-1] - np.array(rows)[39]).max() > 1e-6  # a step off is seen


def test_it_predicts_training_between_the_samples():
    """From the kernel of the very network; the kernel of another draw is the control."""
    problem, network = sum_of_modes(Circle(), 8, [1, 2]), TwoLayer(128, "tanh", alpha=300.0)
    at = Circle().embed(Circle().grid(8) + 0.3)
    steps, own = np.array([0, 20]), extend(kernel_at_start(network, 2, 3), problem)
    trained = train(network, problem, own.descent, steps, at=at, seeds=1, seed=3).trajectory.values
    other = extend(kernel_at_start(network, 2, 4), problem)
    errors = [np.abs(one.follow(own.descent, steps, at).values - trained).max() for one in (own, other)]
    assert errors[0] < 2e-3 < 2e-2 < errors[1]


def test_a_kernel_that_is_not_symmetric_is_refused(known):
    with pytest.raises(InputError, match="not symmetric"):
        extend(lambda x1, x2: x1 @ (2 * x1).T + np.arange(float(SEEN))[None, :], known[0].data)
