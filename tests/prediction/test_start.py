"""f_0 kept (center=False): f itself is trained, and every theory starts where its networks do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lfp
from lfp.training import Plan, initialise
from lfp.training.plan import values_at_start

T = np.linspace(-np.pi, np.pi, 12, endpoint=False)
DATA = lfp.problem(lfp.Circle(), T, 0.5 + np.sin(T) - 0.3 * np.cos(2 * T), [0, 1, 2])
LOOKS = np.array([0, 1, 4, 20])


def features(x):
    return jnp.stack([x[:, 0], x[:, 1], x[:, 0] * x[:, 1], jnp.ones_like(x[:, 0])], axis=1)


LINEAR = lfp.Custom(lambda key, dim: jax.random.normal(key, (4,)), lambda p, x: features(x) @ p, 4, alpha=3.0)


def by_hand(theta, law_step, steps):
    """Descent on (1/2) sum_i P_i (3 phi theta - y)^2 with the step lr / 9, in numpy."""
    phi, seen, state = 3 * np.asarray(features(jnp.asarray(DATA.x))), [], None
    start = theta
    for s in range(steps + 1):
        if s in LOOKS:
            seen.append(phi @ theta)
        gradient = phi.T @ (DATA.weights * (phi @ theta - DATA.y)) / 9
        theta, state = law_step(theta, start, gradient, state)
    return np.array(seen)


LAWS = {
    "descent": (lfp.GradientDescent(0.2), lambda p, p0, g, m: (p - 0.2 * g, m)),
    "heavy ball": (
        lfp.HeavyBall(0.1, 0.8),
        lambda p, p0, g, m: (p - 0.1 * (g + 0.8 * (0 if m is None else m)), g + 0.8 * (0 if m is None else m)),
    ),
    "decay": (
        lfp.WeightDecay(lfp.GradientDescent(0.2), 0.3),
        lambda p, p0, g, m: (p - 0.2 * (g + 0.3 * (p - p0)), m),
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_a_linear_model_by_hand(name):
    """Theory and training are the loop above to 1e-12; with f_0 taken off both are elsewhere."""
    law, step = LAWS[name]
    said = lfp.predict(LINEAR, DATA, law, LOOKS, theory="empirical", seeds=2, dtype=jnp.float64, center=False)
    run = lfp.train(said)
    for i in range(2):
        expected = by_hand(np.asarray(run.start)[i], step, 20)
        np.testing.assert_allclose(run.trajectory.values[i], expected, atol=1e-12)
        np.testing.assert_allclose(said.theory.values[i], expected, atol=1e-12)
    taken_off = lfp.predict(LINEAR, DATA, law, LOOKS, theory="empirical", seeds=2, dtype=jnp.float64)
    assert np.abs(taken_off.theory.values - said.theory.values).max() > 0.1
    assert lfp.compare(said, run).d_sup < 1e-10
    with pytest.raises(lfp.InputError, match="training of center=True"):
        lfp.compare(said, lfp.train(taken_off))


def test_other_points_and_one_word_for_it_all():
    """`at` sees f_s, from f_0 on; `train` alone takes the same word."""
    at = np.array([[0.6, 0.8]])
    run = lfp.train(LINEAR, DATA, LAWS["descent"][0], LOOKS, at=at, seeds=2, center=False, dtype=jnp.float64)
    first, last = (LINEAR.apply(params[0], jnp.asarray(at)) for params in (run.start, run.end))
    np.testing.assert_allclose(run.trajectory.values[0, [0, -1], 0], [first[0], last[0]], atol=1e-12)


def test_spread_of_the_start_is_that_of_fresh_networks():
    """At infinite width f_0 is a Gaussian process: its band at step 0 against 400 networks of another seed, 20 %."""
    network = lfp.MLP(256, 1, "erf", alpha=2.0)
    said = lfp.predict(network, DATA, None, LOOKS, seeds=2, center=False)
    others = initialise(network, 2, 400, seed=99)
    measured = values_at_start(network, DATA, others).std(axis=0)
    np.testing.assert_allclose(said.band.values[:, 0].std(axis=0), measured, rtol=0.2)
    assert np.abs(said.theory.values[:, 0]).max() == 0  # its mean
    assert not lfp.predict(network, DATA, None, LOOKS, seeds=2).band.values[:, 0].any()
    assert said.laziness[-1] > 2 * lfp.predict(network, DATA, None, LOOKS, seeds=2).laziness[-1]
    # what every network starts with is known to the forecast, which knows the networks
    report = lfp.compare(said, lfp.train(said), remedies=False)
    assert report.verdict == report.forecast == "fails"


def test_two_layers_without_pairs_start_anywhere():
    """The band of a two-layer network, in one compiled program: the same at step 0; with pairs f_0 is 0."""
    network = lfp.TwoLayer(512, "tanh", asi=False)
    band = lfp.predict(network, DATA, None, LOOKS, center=False).band
    measured = values_at_start(network, DATA, initialise(network, 2, 400, seed=99)).std(axis=0)
    np.testing.assert_allclose(band.values[:, 0].std(axis=0), measured, rtol=0.25)
    paired = lfp.predict(lfp.TwoLayer(512, "tanh"), DATA, None, LOOKS, center=False).band
    assert np.abs(paired.values[:, 0]).max() < 1e-12


def test_the_mean_field_has_no_start_of_its_own():
    """At fixed gamma f_0 of independent neurons is of order 1 / (gamma sqrt(m)): refused, but with pairs it is 0."""
    with pytest.raises(lfp.InputError, match="center=False with theory='meanfield'"):
        lfp.predict(lfp.TwoLayer(64, asi=False), DATA, None, LOOKS, theory="meanfield", center=False)


def test_batches_see_the_start_too():
    """Noise of batches is that of what is left to learn: with f_0 far above the target it is far larger."""
    network = lfp.TwoLayer(512, "tanh", asi=False, alpha=30.0)
    law = lfp.MiniBatch(0.05, 3, 12, 2.0)
    looks = np.array([0, 10])
    noise = {}
    for center in (False, True):
        batches, whole = (
            lfp.predict(network, DATA, one, looks, center=center).band.values
            for one in (law, lfp.GradientDescent(0.05))
        )
        noise[center] = (batches - whole)[:, 1].std()  # the same samples otherwise
    assert noise[False] > 5 * noise[True] > 0


def test_a_moving_kernel_moves_from_there():
    """Narrow and hardly lazy: the first iterate halves the distance of the frozen kernel, f_0 kept."""
    network = lfp.MLP(512, 1, "tanh", alpha=4.0)
    said = lfp.predict(network, DATA, None, lfp.log_steps(60, 12), theory="moving", seeds=2, center=False)
    run = lfp.train(said)
    frozen = said.curves["empirical"]
    moving, still = (np.abs(one.values - run.trajectory.values).max() for one in (said.theory, frozen))
    assert moving < still / 2


def test_adam_takes_its_first_gradient_at_the_start():
    """The frozen preconditioner is of the gradient J^T P (f_0 - y): its first step is -lr sign of it."""
    law = lfp.Adam(1e-4, 40)
    with jax.numpy_dtype_promotion("standard"):  # optax's bias correction promotes
        said = lfp.predict(
            LINEAR, DATA, law, np.array([0, 1]), theory="empirical", seeds=1, dtype=jnp.float64, center=False
        )
        run = lfp.train(said)
    moved = np.diff(said.theory.values, axis=1), np.diff(run.trajectory.values, axis=1)
    np.testing.assert_allclose(*moved, rtol=1e-3, atol=1e-6)


def test_outputs_alone_start_from_their_own():
    """Two outputs of a linear model share nothing: `separate` is `empirical`, f_0 kept."""
    network = lfp.Custom(lambda key, dim: jax.random.normal(key, (4, 2)), lambda p, x: features(x) @ p, 4, alpha=2.0)
    data = lfp.Joint.of(DATA.x, np.stack([DATA.y, -2 * DATA.y], axis=1), names=("a", "b"))
    law = lfp.GradientDescent(0.1)
    both = [
        lfp.predict(network, data, law, LOOKS, theory=theory, seeds=2, dtype=jnp.float64, center=False)
        for theory in ("empirical", "separate")
    ]
    values = [one.theory.values for one in both]
    np.testing.assert_allclose(*values, atol=1e-10)
    assert np.abs(values[0][:, 0]).max() > 0.1
    np.testing.assert_allclose(lfp.train(both[0]).trajectory.values, values[0], atol=1e-10)


def test_rounding_starts_there_too():
    """Training in float32 with a start a hundred times the target: rounding is forecast, of the size that is seen."""
    network = lfp.MLP(256, 1, "erf", alpha=1e4)
    said = lfp.predict(network, DATA, None, LOOKS, theory="empirical", seeds=2, center=False)
    seen = [
        lfp.train(network, DATA, said.law, LOOKS, seeds=2, center=False, dtype=d) for d in (jnp.float32, jnp.float64)
    ]
    off = np.abs(lfp.probe(seen[0].trajectory, DATA).mean() - lfp.probe(seen[1].trajectory, DATA).mean()).max()
    assert off / 10 < said.forecast.rough < 10 * off


def test_a_resumed_run_is_of_the_same_kind(tmp_path):
    kept = tmp_path / "run.npz"
    plan = {"law": lfp.GradientDescent(0.2), "steps": LOOKS, "seeds": 1, "checkpoint_file": kept}
    from lfp.training import loop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
        lfp.train(LINEAR, DATA, **plan, center=False)
    assert Plan(LINEAR, DATA, plan["law"], LOOKS).identity["center"]
    lfp.train(LINEAR, DATA, **plan, center=False, resume=True)
    with pytest.raises(lfp.InputError, match="another"):
        lfp.train(LINEAR, DATA, **plan, resume=True)
