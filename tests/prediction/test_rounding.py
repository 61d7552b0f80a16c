"""What float32 does to very lazy networks: forecast before training, against training in float32 and in float64."""

import jax.numpy as jnp
import numpy as np
import pytest

from lfp import (
    MLP,
    Circle,
    GradientDescent,
    HeavyBall,
    Line,
    TwoLayer,
    compare,
    log_steps,
    predict,
    spectrum,
    sum_of_modes,
    train,
)
from lfp.prediction.rounding import rounding
from lfp.training.plan import Plan

LOOKS = log_steps(300, 25)
CIRCLE, LINE = sum_of_modes(Circle(), 16, [1, 2, 3]), sum_of_modes(Line(), 40, [1, 2])


def law_of(network, p, share=1.0):
    return GradientDescent(share / float(spectrum(network, p).rates.max()))


@pytest.mark.parametrize(
    ("network", "p", "theory", "momentum"),
    [
        (TwoLayer(4096, alpha=1e6), CIRCLE, "ntk", False),
        (TwoLayer(4096, alpha=1e8), CIRCLE, "ntk", False),
        pytest.param(TwoLayer(2048, "tanh", alpha=1e7), LINE, "empirical", False, marks=pytest.mark.slow),
        pytest.param(MLP(128, 2, "erf", alpha=1e6), CIRCLE, "empirical", False, marks=pytest.mark.slow),
        pytest.param(TwoLayer(4096, alpha=1e6), CIRCLE, "ntk", True, marks=pytest.mark.slow),
    ],
)
def test_forecast_knows_of_rounding(network, p, theory, momentum):
    """It was `holds` for all of them: rounding was no part of it. In float64 (control) it holds, and training too."""
    law = law_of(network, p)
    law = HeavyBall(law.lr / 4, 0.9) if momentum else law
    single, double = (predict(network, p, law, LOOKS, theory=theory, seeds=3, dtype=d) for d in (jnp.float32, float))
    report = compare(single, train(single))
    assert report.verdict == report.forecast == "fails"
    assert "float64" in report.reason
    d_sup = report.d_sup
    low, _, high = single.forecast.largest
    assert low / 1.5 <= d_sup <= 1.5 * high  # above .3 it is of the right size only
    assert double.forecast.rough == 0.0
    assert compare(double, train(double)).verdict == double.forecast.verdict == "holds"


def test_rounding_is_what_float32_takes_from_float64():
    """The worst rms over the data is within a third of that of the difference of both trainings."""
    network = TwoLayer(2048, alpha=3e5)
    law = law_of(network, CIRCLE)
    plan = Plan(network, CIRCLE, law, LOOKS, 4, 0, jnp.float32)
    single, double = (
        train(network, CIRCLE, law, LOOKS, seeds=4, dtype=d).trajectory.values for d in (jnp.float32, float)
    )
    sizes = [
        np.sqrt((values**2).mean(axis=(0, 2))).max()
        for values in (rounding(plan, spectrum(network, CIRCLE)), single - double)
    ]
    assert sizes[1] > 0.01
    np.testing.assert_allclose(sizes[0], sizes[1], rtol=1 / 3)


def test_nothing_is_computed_where_no_mode_notices():
    """alpha 100 in float32, 1e6 in float64."""
    for alpha, dtype in ((100.0, jnp.float32), (1e6, jnp.float64)):
        network = TwoLayer(512, alpha=alpha)
        plan = Plan(network, CIRCLE, law_of(network, CIRCLE), LOOKS, 2, 0, dtype)
        assert rounding(plan, spectrum(network, CIRCLE)) is None
