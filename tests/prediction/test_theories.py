"""Theories as objects: what applies is known beforehand, a new one needs no other file, networks are not mixed up."""

import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import lfp
from lfp.prediction import LFP, NTK, THEORIES, Empirical, Flow, Moving, Theory
from lfp.prediction.theory import layers, way
from lfp.training import Plan
from lfp.training.plan import fingerprint

PROBLEM = lfp.sum_of_modes(lfp.Circle(), 16, [1, 2])
NETWORK = lfp.TwoLayer(256, alpha=50.0)
LOOKS = lfp.log_steps(100, 12)


def test_order_is_that_of_the_layers():
    assert list(THEORIES) == ["lfp", "ntk", "empirical", "flow", "separate", "moving", "meanfield", "reference"]
    steps = ("lfp_vs_ntk", "ntk_vs_empirical", "empirical_vs_training")
    aside = ("flow_vs_steps", "separate_vs_empirical")
    assert layers() == (*steps, *aside, "meanfield_vs_training", "ntk_vs_meanfield")
    assert way("meanfield") == ("meanfield_vs_training",)
    assert [way(name) for name in ("lfp", "flow", "moving")] == [steps, ("flow_vs_steps", *steps[1:]), ()]
    assert way("separate") == ("separate_vs_empirical", steps[2])


@pytest.mark.parametrize(
    ("theory", "network", "law", "points", "reason"),
    [
        (NTK(), lfp.Custom(lambda key, dim: jnp.ones(dim), lambda p, x: x @ p, 1), None, 9, "Custom has no analytic"),
        (NTK(), NETWORK, lfp.Adam(0.1, 9), 9, "Adam, which has no linear law; allowed: 'empirical'"),
        (LFP(), lfp.MLP(8), None, 9, "network=MLP; allowed: TwoLayer"),
        (Flow(), NETWORK, lfp.GaussNewton(0.1), 9, "GaussNewton, which follows no gradient flow"),
        (Moving(), NETWORK, lfp.MiniBatch(0.1, 2, 9, 1.0), 9, "MiniBatch; allowed: steps of gradient descent"),
        (Moving(), NETWORK, None, 257, "257 points; allowed: 256"),
        (Empirical(), lfp.MLP(8), lfp.Adam(0.1, 9), 9, None),
        (NTK(), NETWORK, lfp.WeightDecay(lfp.HeavyBall(0.1), 0.1), 9, None),
    ],
)
def test_what_applies_is_known_before_anything_is_computed(theory, network, law, points, reason):
    said = theory.refusal(network, law, points)
    assert said is reason is None or reason in said


def test_a_theory_of_ones_own():
    """Everything learnt at twice the rate: a file of its own, laid over training by object and by name."""

    class Hasty(Theory):
        name = "hasty"
        layer = ("hasty_vs_ntk", "ntk")

        def refusal(self, network, law, points):
            return "with one point" if points < 2 else None

        def follow(self, plan, ground):
            return lfp.solve(ground.infinite, plan.problem, lfp.GradientDescent(2 * plan.law.lr), plan.steps)

    try:
        by_object, by_name = (
            lfp.predict(NETWORK, PROBLEM, lfp.GradientDescent(0.1), LOOKS, theory=one, seeds=1)
            for one in (Hasty(), "hasty")
        )
        beside = lfp.predict(NETWORK, PROBLEM, lfp.GradientDescent(0.1), LOOKS, seeds=1)
        np.testing.assert_array_equal(by_object.theory.values, by_name.theory.values)
        np.testing.assert_array_equal(by_object.theory.values, beside.curves["hasty"].values)
        expected = (1 - 0.2 * by_object.rates) ** LOOKS[:, None]
        remaining = np.abs(lfp.probe(by_object.theory, PROBLEM).mean())
        np.testing.assert_allclose(remaining, expected, atol=1e-12)
        assert beside.layers(beside.theory)["hasty_vs_ntk"].max() > 0.1
        report = lfp.compare(by_object, lfp.train(by_object))
        assert report.budget()["hasty_vs_ntk"] == pytest.approx(beside.layers(beside.theory)["hasty_vs_ntk"].max())
        assert report.verdict == "fails"
        with pytest.raises(lfp.InputError, match="name='hasty' is that of Hasty; allowed: another name"):
            type("Other", (Theory,), {"name": "hasty"})
        with pytest.raises(lfp.InputError, match="Nameless has no name"):
            type("Nameless", (NTK,), {})
    finally:
        del THEORIES["hasty"]


@pytest.mark.parametrize("theory", ["empirical", "moving"])
def test_a_theory_of_these_networks_refuses_others(theory):
    """Another seed, another number, another network: today's silent `fails` is refused; the same are not."""
    prediction = lfp.predict(NETWORK, PROBLEM, steps=LOOKS, theory=theory, seeds=2)
    same = lfp.train(NETWORK, PROBLEM, prediction.law, LOOKS, seeds=2)
    assert lfp.compare(prediction, same).verdict == "holds"
    for change, word in (({"seed": 7, "seeds": 2}, "seed=7"), ({"seeds": 1}, "seeds=1")):
        other = lfp.train(NETWORK, PROBLEM, prediction.law, LOOKS, **change)
        with pytest.raises(lfp.InputError, match=f"training of {word}: not what theory='{theory}' predicts"):
            lfp.compare(prediction, other)
    wider = lfp.train(lfp.TwoLayer(258, alpha=50.0), PROBLEM, prediction.law, LOOKS, seeds=2)
    with pytest.raises(lfp.InputError, match="training of another network"):
        lfp.compare(prediction, wider)


def test_a_forecast_of_these_networks_says_nothing_about_others():
    """The curves of the NTK are about all networks and are compared; verdict and forecast are left out, with a word."""
    prediction = lfp.predict(NETWORK, PROBLEM, steps=LOOKS, seeds=2)
    report = lfp.compare(prediction, lfp.train(NETWORK, PROBLEM, prediction.law, LOOKS, seeds=2, seed=7))
    assert (report.verdict, report.forecast) == (None, None)
    assert "seed=7" in report.reason
    assert str(report).splitlines()[-1].startswith("no verdict: measured D_sup")
    assert report.d_sup > 0
    assert "d_sup_expected" not in report.modes[0]


def test_other_laws_data_and_points_are_refused():
    """A curve is compared with the prediction of its own training alone; a saved one knows what it was."""
    law, seeds = lfp.GradientDescent(0.1), {"seeds": 1}
    prediction = lfp.predict(NETWORK, PROBLEM, law, LOOKS, **seeds)
    shifted = lfp.sum_of_modes(lfp.Circle(), 16, [1, 3])
    for run, word in (
        (lfp.train(NETWORK, PROBLEM, lfp.GradientDescent(0.2), LOOKS, **seeds), "another law"),
        (lfp.train(NETWORK, shifted, law, LOOKS, **seeds), "another data"),
        (lfp.train(NETWORK, PROBLEM, law, LOOKS, at=-PROBLEM.x, **seeds), "at in points of shape"),
        (lfp.train(NETWORK, PROBLEM, law, LOOKS, at=PROBLEM.x[:3], **seeds), r"points of shape \(3, 2\)"),
    ):
        with pytest.raises(lfp.InputError, match=word):
            lfp.compare(prediction, run)


def test_networks_are_told_apart_by_their_arrays_and_across_processes():
    """equinox prints the shape of an array alone, and the address of a function."""
    one, other = (lfp.FourierFeatures(NETWORK, jnp.array([b])) for b in ([1.0, 0.0], [3.0, 1.0]))
    assert fingerprint(one) != fingerprint(other)
    code = "import lfp; from lfp.training.plan import fingerprint; print(fingerprint(lfp.TwoLayer(8, 'tanh')).hex())"
    seen = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(2)}
    assert len(seen) == 1
    assert len(seen.pop()) == 65
    shapes = (np.array([1.0, 0.5]), np.array([1.0, 0.4]))
    assert len({fingerprint(lfp.Scheduled(lfp.GradientDescent(0.1), shape)) for shape in shapes}) == 2


@pytest.mark.parametrize(
    ("law", "flow"),
    [
        (lfp.Scheduled(lfp.HeavyBall(0.1, 0.5), np.array([1.0, 0.5])), np.exp(-0.2 * np.array([0, 1.0, 1.5, 1.5]))),
        (lfp.WeightDecay(lfp.GradientDescent(0.1), 1.0), (1 + np.exp(-0.2 * np.arange(4))) / 2),
    ],
)
def test_flow_of_a_composition_is_that_of_the_composed_flow(law, flow):
    np.testing.assert_allclose(law.flow().factor(jnp.ones(1), jnp.arange(4.0))[:, 0], flow, rtol=1e-12)
    assert Flow().refusal(NETWORK, law, 9) is None


def test_train_takes_a_prediction_and_nothing_beside_it():
    prediction = lfp.predict(NETWORK, PROBLEM, steps=LOOKS, seeds=2, seed=3, dtype=jnp.float64)
    run = lfp.train(prediction)
    alone = lfp.train(NETWORK, PROBLEM, prediction.law, LOOKS, seeds=2, seed=3, dtype=jnp.float64)
    np.testing.assert_array_equal(run.trajectory.values, alone.trajectory.values)
    assert run.trajectory.meta["dtype"] == "float64"
    with pytest.raises(lfp.InputError, match="seeds, seed given with a prediction"):
        lfp.train(prediction, seeds=2, seed=4)
    with pytest.raises(lfp.InputError, match="train needs law, steps; allowed"):
        lfp.train(NETWORK, PROBLEM)


SWAPPED = (
    "lfp.predict(p, net)",
    "lfp.train(p, net, law, s)",
    "lfp.train(net, p.y, law, s)",
    "lfp.predict(net, p.x)",
    "lfp.predict('net', p)",
    "lfp.predict(net, p, 'gd')",
    "lfp.predict(net, p, lfp.GradientDescent)",
    "lfp.train(net, p, s, law)",
)


def test_swapped_arguments_are_named():
    """In a process of its own, where nothing checks annotations: a word, no AttributeError."""
    code = f"""
import lfp, numpy as np
p, net, s, law = lfp.sum_of_modes(lfp.Circle(), 8, [1]), lfp.TwoLayer(8), np.arange(3), lfp.GradientDescent(0.1)
for call in {SWAPPED}:
    try:
        eval(call)
    except lfp.InputError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert len(said) == len(SWAPPED)
    assert all(line.endswith("allowed: (network, problem, law, steps), in this order") for line in said[:-1])
    assert said[-1].startswith("steps=GradientDescent(lr=0.1); allowed")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": np.array([1, 2])}, "must start at 0 and increase"),
        ({"steps": np.array([0, 2, 2])}, "must start at 0 and increase"),
        ({"steps": np.zeros(0, int)}, "must start at 0 and increase"),
        ({"law": lfp.Adam(0.1, steps=9)}, "steps=10 is beyond Adam"),
        ({"law": lfp.WeightDecay(lfp.MiniBatch(0.1, 2, 99, 1.0), 0.1)}, "law has points=99, the data 16"),
        ({"seeds": 0}, "seeds=0"),
    ],
)
def test_plans_that_cannot_be_trained(change, message):
    with pytest.raises(lfp.InputError, match=message):
        Plan(
            **{"network": NETWORK, "problem": PROBLEM, "law": lfp.GradientDescent(0.1), "steps": np.arange(11)} | change
        )


def test_fractions_of_steps_points_and_precision_that_is_off_are_refused():
    """In a process of its own: there annotations are not checked, and float64 is off."""
    code = """
import lfp, numpy as np
p, net = lfp.sum_of_modes(lfp.Circle(), 8, [1]), lfp.TwoLayer(8)
for arguments in ({"steps": np.array([0, 0.5, 1.5])}, {"steps": np.arange(3), "dtype": np.float64}):
    try:
        lfp.train(net, p, lfp.GradientDescent(0.1), **arguments)
    except lfp.InputError as error:
        print(error)
try:
    lfp.predict(net, lfp.Points(p.x, p.y), probe=lfp.ModeProbe())
except lfp.InputError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0].endswith("must be whole numbers")
    assert said[1] == "dtype=float64 is switched off; allowed: float32, or jax_enable_x64"
    assert said[2].startswith("probe='modes' on Points, which have no period; allowed: RankProbe")
