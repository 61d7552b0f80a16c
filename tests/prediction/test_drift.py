"""What laziness costs, to first order: against trained networks, and where it must vanish."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    MLP,
    Circle,
    Custom,
    GradientDescent,
    HeavyBall,
    InputError,
    TwoLayer,
    log_steps,
    predict,
    solve,
    sum_of_modes,
    train,
)
from lfp.measure.probes import sup_distance
from lfp.prediction.drift import drift
from lfp.prediction.fluctuations import network_spectrum
from lfp.prediction.forecast import forecast
from lfp.training import initialise, unstack

PROBLEM = sum_of_modes(Circle(), 16, [1, 2])
STEPS = log_steps(120, 20)


def _costs(network, law):
    """Drift predicted, and training less linear dynamics, of one network."""
    start = unstack(initialise(network, 2, 1, 3, jnp.float64))[0]
    own = network_spectrum(network, PROBLEM, start)
    run = train(network, PROBLEM, law, STEPS, seeds=1, seed=3, dtype=jnp.float64).trajectory.values[0]
    return drift(network, PROBLEM, law, STEPS, start, own), run - solve(own, PROBLEM, law, STEPS).values[0]


@pytest.mark.parametrize(
    ("law", "share"), [(GradientDescent(0.2), 0.12), (HeavyBall(0.02, 0.9), 0.2)], ids=["gd", "heavy ball"]
)
def test_it_is_what_a_lazy_network_strays_by(law, share):
    """Up to a tenth; of momentum, seen as a flow, a fifth. Control: without it all of that is missed."""
    said, seen = _costs(MLP(128, 1, "tanh", alpha=20.0), law)
    assert np.abs(said - seen).max() < share * np.abs(seen).max()
    assert np.abs(seen).max() > 1e-3


@pytest.mark.slow
def test_it_falls_with_the_scale():
    """As 1 / alpha without antisymmetric initialisation; what it misses, by its few looks, is 5 % of it at most."""
    sizes = []
    for alpha in (10.0, 100.0):
        said, seen = _costs(MLP(128, 1, "tanh", alpha=alpha), GradientDescent(0.2))
        assert np.abs(said - seen).max() < 0.05 * np.abs(seen).max()
        sizes.append(np.abs(seen).max())
    assert np.log10(sizes[0] / sizes[1]) == pytest.approx(1, abs=0.05)


def test_a_model_that_is_linear_does_not_drift():
    line = Custom(lambda key, dim: jax.random.normal(key, (dim,)), lambda p, x: x @ p, width=1)
    start = line.init(jax.random.key(0), 2)
    own = network_spectrum(line, PROBLEM, start)
    assert np.abs(drift(line, PROBLEM, GradientDescent(0.5), STEPS, start, own)).max() < 1e-9


def test_a_target_of_zero_moves_nothing():
    nothing = sum_of_modes(Circle(), 16, [1], 1e-300)
    network = MLP(16, 1, "tanh")
    start = network.init(jax.random.key(0), 2)
    own = network_spectrum(network, nothing, start)
    assert np.abs(drift(network, nothing, GradientDescent(0.5), STEPS, start, own)).max() < 1e-200


def test_the_interval_grows_with_the_drift():
    """Its median is the first order where that is small, more where it is large."""
    table = {"smooth": {"growth": 6.0, "scatter": 0.5}}
    gap = np.zeros((3, 1), complex)
    small, large = (
        forecast(gap, np.full((3, 1), size + 0j), MLP(8, 1, "tanh"), calibration=table) for size in (1e-4, 0.1)
    )
    for out, size, factor in ((small, 1e-4, 1.0), (large, 0.1, 1.6)):
        low, middle, high = out.largest / size / factor
        assert middle == pytest.approx(1, rel=0.1)
        assert high / low == pytest.approx(np.exp(2 * 1.645 * 0.5), rel=0.2)
    assert (small.verdict, large.verdict) == ("holds", "fails")


@pytest.mark.parametrize(("alpha", "stands"), [(15.0, True), (0.25, False)])
def test_the_moving_kernel_is_laid_over_training_where_its_iterates_come_together(alpha, stands):
    """Where it stands it is nearer to training than the frozen kernel; elsewhere one line says why not."""
    network, looks = TwoLayer(512, "tanh", alpha=alpha), log_steps(400, 20)
    if not stands:
        with pytest.raises(InputError, match="theory='moving' is beyond its reach: its iterate moves a mode by"):
            predict(network, PROBLEM, steps=looks, theory="moving", seeds=2)
        return
    said = predict(network, PROBLEM, steps=looks, theory="moving", seeds=2)
    run, curves = train(said).trajectory, said.curves
    moving, frozen = (sup_distance(curves[name], run, PROBLEM, said.probe).max() for name in ("moving", "empirical"))
    assert moving < frozen / 2


def test_single_precision_has_a_moving_kernel_too():
    """Rounding makes its kernels asymmetric by a bit."""
    with jax.enable_x64(False):
        said = predict(TwoLayer(64), PROBLEM, steps=np.arange(9), seeds=1)
    assert "moving" in said.curves
    assert said.forecast is not None
