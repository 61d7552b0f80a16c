"""Several outputs: data, kernels, training, spread and what couples them, against loops and kernels written out."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import accuracy_score, log_loss

from lfp import (
    MLP,
    Custom,
    DegreeProbe,
    FourierFeatures,
    GaussNewton,
    GradientDescent,
    InputError,
    Joint,
    MiniBatch,
    Points,
    RankProbe,
    Sphere,
    Trajectory,
    TwoLayer,
    compare,
    empirical_kernel,
    kernel,
    log_steps,
    predict,
    spectrum,
    train,
)
from lfp.kernels import neural_tangents
from lfp.measure import accuracy, cross_entropy
from lfp.measure.probes import sup_distance
from lfp.networks import Joined
from lfp.prediction import expected, fluctuations as spreads
from lfp.prediction.remedy import _changes
from lfp.prediction.theory import Ground
from lfp.spectra.on_points import JointSpectrum, gram_spectrum
from lfp.training import Plan, unstack

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 2))
Y = np.stack([np.sin(X[:, 0]), X[:, 1], X[:, 0] * X[:, 1]], axis=1)
DATA = Joint.of(X, Y, ["a", "b", "c"])
STEPS = log_steps(200, 20)
LAW = GradientDescent(0.5)


def test_data_go_point_by_point_and_repeated_points_are_merged():
    """By hand; what `replace` makes of them is one of them."""
    data = Joint.of([[1.0], [0.0], [1.0]], [[1.0, 2.0], [3.0, 4.0], [5.0, 8.0]])
    assert data.names == ("1", "2")
    assert data.x.tolist() == [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]
    assert data.y.tolist() == [3.0, 5.0, 3.0, 4.0]
    np.testing.assert_allclose(data.weights, [2 / 3, 2 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(data.shares, [2 / 3, 1 / 3])
    assert data.inputs.tolist() == [[1.0], [0.0]]
    twice = replace(data, y=2 * data.y)
    assert (twice.names, twice.table.tolist()) == (data.names, [[6.0, 10.0], [6.0, 8.0]])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Joint.of(X, Y[:, 0]), "y"),
        (lambda: Joint.of(X, Y[:5]), r"x of shape \(20, 2\) and y of shape \(5, 3\)"),
        (lambda: Joint.of(X, np.where(Y > 1, np.nan, Y)), "y has"),
        (lambda: Joint.of(X, Y, ["a", "b"]), "names=.* of 3 outputs; allowed: one each"),
        (lambda: Joint.of(X, Y, ["a", "b", "a"]), "no two the same"),
        (lambda: Joint(X, Y[:, 0], np.full(20, 0.05), ["a", "b"]), "allowed: what Joint.of makes"),
        (lambda: Joint.of_labels(X, ["a"] * 20), "labels have 1 classes, among them a; allowed: 2 to 1000"),
        (lambda: predict(MLP(8), DATA), "network=MLP has 1 outputs for targets of 3; allowed: 3"),
        (lambda: predict(MLP(8, outputs=2), DATA), "network=MLP has 2 outputs for targets of 3"),
        (lambda: predict(TwoLayer(8, outputs=3), Points(X, Y[:, 0])), "network has 3 outputs for targets of one"),
        (lambda: train(MLP(8, outputs=3), DATA, MiniBatch(0.1, 4, 60, 5.0), STEPS), "law=MiniBatch on Joint data"),
        (lambda: train(MLP(8, outputs=3), DATA, GaussNewton(0.1), STEPS), "law=GaussNewton on Joint data"),
        (lambda: predict(MLP(8), Points(X, Y[:, 0]), theory="separate"), "with one output, which nothing couples"),
        (lambda: MLP(8, outputs=0), "outputs=0"),
        (lambda: train(MLP(8, outputs=3), DATA, LAW, STEPS, at=[[0.1, 0.2, 3.0]]), r"at names outputs \[3.0\].*0 to 2"),
        (lambda: train(Joined(MLP(8, outputs=2)), DATA, LAW, STEPS), "network=MLP has 2 outputs for targets of 3"),
        (
            lambda: predict(FourierFeatures(MLP(8, outputs=2), np.ones((1, 2))), Points(X, Y[:, 0])),
            "network has 2 outputs for targets of one",
        ),
        (lambda: spectrum(MLP(8, outputs=3), DATA, 3), "modes=3 on Joint data; allowed: None"),
        (lambda: empirical_kernel(MLP(8, outputs=3), MLP(8, outputs=3).init(jax.random.key(0), 2), X), "Joined"),
        (lambda: replace(DATA, weights=np.arange(1.0, 61)), "of one weight a point"),
        (lambda: replace(DATA, x=DATA.x + np.arange(60)[:, None]), "of one weight a point"),
        (lambda: Joint.of_labels(X, ["a", None] * 10), "none of them missing"),
        (lambda: Joint.of_labels(X, np.array([0.0, np.nan] * 10)), "none of them missing"),
    ],
)
def test_what_does_not_fit_is_named(make, match):
    """Data, networks and laws that have no meaning together."""
    with pytest.raises(InputError, match=match):
        make()


def test_training_is_descent_on_all_outputs():
    """A loop in numpy: gradients of (1/2) sum P |f - f_0 - y|^2 by hand, step lr / alpha^2."""
    network = TwoLayer(16, "tanh", alpha=3.0, asi=False, outputs=3)
    steps = np.array([0, 1, 5, 40])
    run = train(network, DATA, LAW, steps, seeds=1, dtype=jnp.float64)
    a, w, b = (np.asarray(leaf[0]) for leaf in run.start)
    scale, f0, found = network.alpha / 4.0, None, []
    for step in range(41):
        s = np.tanh(X @ w + b)
        f = scale * s @ a
        f0 = f if f0 is None else f0
        if step in steps:
            found.append((f - f0).ravel())
        error = (f - f0 - Y) / len(X)
        back = scale * (error @ a.T) * (1 - s**2)
        lr = 0.5 / network.alpha**2
        a, w, b = a - lr * scale * s.T @ error, w - lr * X.T @ back, b - lr * back.sum(axis=0)
    np.testing.assert_allclose(run.trajectory.values[0], found, atol=1e-12)


def test_at_other_points_training_says_what_it_says_at_the_data():
    """`at` takes (x, output)."""
    network, rows = MLP(16, outputs=3), [4, 31]
    whole, some = (
        train(network, DATA, LAW, STEPS[:5], seeds=2, dtype=jnp.float64, at=at) for at in (None, DATA.x[rows])
    )
    np.testing.assert_allclose(some.trajectory.values, whole.trajectory.values[..., rows], atol=1e-12)


@pytest.mark.parametrize("network", [TwoLayer(64, outputs=3), MLP(32, 2, outputs=3)], ids=["two layers", "mlp"])
def test_the_kernel_of_every_pair_of_outputs_is_that_of_neural_tangents(network):
    """(n, n, o, o) by its empirical NTK, without a trace."""
    params = jax.tree.map(lambda leaf: leaf.astype(float), network.init(jax.random.key(0), 2))
    theirs = neural_tangents().empirical_ntk_fn(lambda p, x: network.apply(p, x), trace_axes=(), vmap_axes=0)
    expected = np.asarray(theirs(jnp.asarray(X), None, params)).transpose(0, 2, 1, 3).reshape(60, 60)
    found = empirical_kernel(Joined(network), params, jnp.asarray(DATA.x))
    np.testing.assert_allclose(found, expected / network.alpha**2, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("network", [TwoLayer(256, outputs=3), MLP(256, 1, outputs=3)], ids=["two layers", "mlp"])
def test_infinite_width_is_the_mean_of_networks(network):
    """Entry by entry within five standard errors: outputs do not see each other, each has the kernel of one."""
    limit = np.asarray(kernel(Joined(network))(jnp.asarray(DATA.x)))
    starts = jax.vmap(lambda key: network.init(key, 2))(jax.random.split(jax.random.key(1), 60))
    each = [empirical_kernel(Joined(network), params, jnp.asarray(DATA.x)) for params in unstack(starts)]
    mean, error = np.mean(each, axis=0), np.std(each, axis=0) / np.sqrt(60)
    assert (np.abs(mean - limit) <= 5 * error + 1e-3 * limit.max()).all()
    assert (limit.reshape(20, 3, 20, 3)[:, 0, :, 1] == 0).all()
    np.testing.assert_allclose(limit[::3, ::3], kernel(replace(network, outputs=1))(jnp.asarray(X)), rtol=1e-12)


def test_the_spectrum_of_the_points_serves_all_outputs():
    """What it does to values is what the matrix of all pairs does; energies sum to the mean square of all outputs."""
    found = spectrum(TwoLayer(8, outputs=3), DATA)
    assert isinstance(found, JointSpectrum)
    gram, y = np.kron(np.asarray(kernel(TwoLayer(8))(jnp.asarray(X))), np.eye(3)), jnp.asarray(DATA.y)
    whole, family = (
        gram_spectrum(gram, DATA.weights),
        lambda rates: jnp.exp(-jnp.array([[1.0], [9.0]]) * rates[None, :]),
    )
    np.testing.assert_allclose(found.apply(family, y), whole.apply(family, y), atol=1e-12)
    assert found.coefficients(y).sum() == pytest.approx(DATA.weights @ DATA.y**2)


def test_the_empirical_theory_is_the_iteration_of_the_whole_kernel():
    """u <- u - lr K P u with the kernel of all pairs of outputs; `separate` with that of each alone."""
    network = Joined(TwoLayer(64, outputs=3))
    said = predict(network.inner, DATA, LAW, STEPS, theory="empirical", seeds=1)
    gram = np.asarray(empirical_kernel(network, Ground(network, DATA).starts[0], jnp.asarray(DATA.x)))
    same = DATA.x[:, -1:] == DATA.x[:, -1]
    for name, matrix in (("empirical", gram), ("separate", np.where(same, gram, 0))):
        u, found = DATA.y.copy(), []
        for step in range(STEPS[-1] + 1):
            if step in STEPS:
                found.append(DATA.y - u)
            u = u - 0.5 * matrix @ (DATA.weights * u)
        np.testing.assert_allclose(said.curves[name].values[0], found, atol=1e-9)


def test_outputs_couple_as_the_root_of_the_width():
    """|K_cc'| of two outputs, mean of four networks: slope -.5 over widths of 256 to 16384."""
    widths, sizes = np.array([256, 1024, 4096, 16384]), []
    other = DATA.x[:, -1:] != DATA.x[:, -1]
    for width in widths:
        network = Joined(TwoLayer(int(width), outputs=3))
        grams = [empirical_kernel(network, network.init(jax.random.key(i), 3), jnp.asarray(DATA.x)) for i in range(4)]
        sizes.append(np.mean([np.linalg.norm(np.asarray(gram)[other]) for gram in grams]))
    slope = np.polyfit(np.log(widths), np.log(sizes), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.1)


def test_the_band_is_the_spread_of_networks():
    """Samples of K_m, coupling included, against the dynamics of 64 networks; without the coupling it is less."""
    network = TwoLayer(512, outputs=3, asi=False)
    said = predict(network, DATA, LAW, STEPS, seeds=64, theory="ntk")
    band, true, alone = (
        said.probe(curve, DATA).spread().max(axis=0)
        for curve in (said.band, said.curves["empirical"], said.curves["separate"])
    )
    np.testing.assert_allclose(band, true, rtol=0.4)
    assert np.median(band / true) == pytest.approx(1, abs=0.12)
    assert np.median(alone / true) < 0.95


@pytest.mark.parametrize(
    "network",
    [
        TwoLayer(8192, alpha=20.0, outputs=3),
        MLP(2048, 2, "tanh", alpha=20.0, outputs=3),
        Custom(
            lambda key, dim: TwoLayer(8192, "tanh", outputs=3).init(key, dim),
            lambda params, x: TwoLayer(8192, "tanh", outputs=3).apply(params, x),
            8192,
            20.0,
        ),
    ],
    ids=["two layers", "mlp", "custom"],
)
def test_theory_holds_over_training(network):
    """Lazy networks of three outputs; the theory of twice the step (control) does not."""
    theory = "empirical" if isinstance(network, Custom) else "ntk"
    said = predict(network, DATA, LAW, STEPS, theory=theory, seeds=3)
    run = train(said)
    report = compare(said, run)
    assert report.verdict == "holds", str(report)
    assert report.budget()["separate_vs_empirical"] is not None
    wrong = predict(network, DATA, GradientDescent(1.0), STEPS, theory=theory, seeds=3)
    assert sup_distance(wrong.theory, run.trajectory, DATA, said.probe).max() > 0.1


def test_a_network_that_is_not_lazy_fails_and_is_forecast_to():
    """Alpha of .02 in place of 20."""
    said = predict(TwoLayer(256, alpha=0.02, outputs=3), DATA, LAW, STEPS, seeds=3)
    report = compare(said, train(said), remedies=False)
    assert (report.verdict, report.forecast) == ("fails", "fails")


def test_ranks_follow_all_outputs_and_those_that_hold_a_share():
    """c = sum_i P_i v_r(x_i) (f(x_i) . y_r / |y_r|), by loops; the output's own without the direction."""
    found = spectrum(TwoLayer(8, outputs=3), DATA)
    probe = RankProbe(found, DATA, [2])
    vector = np.asarray(found.inner.vectors)[:, 1] * np.sqrt(20)
    along = sum(vector[i] * Y[i] for i in range(20)) / 20
    values = RNG.normal(size=(20, 3))
    each = sum(vector[i] * values[i] for i in range(20)) / 20
    parts = dict(zip(probe.called.tolist(), probe.parts(DATA, values.reshape(1, -1))[0].real.tolist(), strict=True))
    assert parts.pop("rank 2") == pytest.approx(each @ along / np.linalg.norm(along))
    held = [name for name, share in zip("abc", along**2 / (along @ along), strict=True) if share >= 0.2]
    assert list(parts) == [f"rank 2: {name}" for name in held]
    np.testing.assert_allclose(list(parts.values()), [each["abc".index(name)] for name in held])


def test_accuracy_and_cross_entropy_are_those_of_scikit_learn():
    """On random outputs of four classes."""
    labels = np.array(["d", "a", "b", "c", "a", "d", "b"])
    data = Joint.of_labels(RNG.normal(size=(7, 2)), labels)
    values = RNG.normal(size=(2, 3, 7, 4))
    found = Trajectory(np.arange(3), values.reshape(2, 3, 28), data.x)
    names = np.array(data.names)
    for run in range(2):
        for t in range(3):
            said = values[run, t]
            assert accuracy(found, data)[run, t] == pytest.approx(accuracy_score(labels, names[said.argmax(axis=1)]))
            expected = log_loss(labels, np.exp(log_softmax(said, axis=1)), labels=names)
            assert cross_entropy(found, data)[run, t] == pytest.approx(expected)


def test_classes_that_share_a_point_share_its_weight():
    """Three rows of one point, two of class a: what says a there is right of two, cross-entropy a mean over rows."""
    data = Joint.of_labels([[0.0], [0.0], [0.0], [1.0]], ["a", "a", "b", "b"])
    values = np.array([[2.0, 1.0], [0.5, 1.5]])
    found = Trajectory(np.array([0]), values.reshape(1, 1, 4), data.x)
    assert accuracy(found, data).item() == pytest.approx(0.75)
    rows = np.log(np.exp(values[[0, 0, 0, 1]]).sum(axis=1)) - values[[0, 0, 0, 1], [0, 0, 1, 1]]
    assert cross_entropy(found, data).item() == pytest.approx(rows.mean())


def test_one_output_is_one_of_several():
    """A network of one output on joint data of one: the same training as on points."""
    one, points = Joint.of(X, Y[:, :1]), Points(X, Y[:, 0])
    both = [
        train(MLP(16), data, LAW, STEPS[:4], seeds=1, dtype=jnp.float64).trajectory.values for data in (one, points)
    ]
    np.testing.assert_allclose(*both, rtol=1e-12)


def test_the_mean_over_outputs_is_that_of_their_kernels():
    """trace=True: (1/o) sum_c K_cc."""
    network = TwoLayer(16, outputs=3)
    params = network.init(jax.random.key(0), 2)
    whole = np.asarray(empirical_kernel(Joined(network), params, jnp.asarray(DATA.x))).reshape(20, 3, 20, 3)
    trace = empirical_kernel(network, params, jnp.asarray(X), trace=True)
    np.testing.assert_allclose(trace, np.einsum("icjc->ij", whole) / 3, rtol=1e-6)


def test_a_kernel_serves_every_output():
    """Bare, of a network of one output, or of several: the same rates."""
    found = [spectrum(one, DATA).rates for one in (kernel(MLP(8)), MLP(8), MLP(8, outputs=3))]
    for one in found[1:]:
        np.testing.assert_allclose(one, found[0], rtol=1e-12)


def test_remedies_center_every_output():
    """Means of 5 and -5, whose sum is 0."""
    data = Joint.of(X, Y[:, :2] + np.array([5.0, -5.0]))
    said = predict(TwoLayer(32, outputs=2), data, LAW, STEPS[:6], seeds=1)
    centred = _changes(said)["targets with their mean removed"]["problem"]
    np.testing.assert_allclose(centred.table.mean(axis=0), 0, atol=1e-12)


def test_parts_that_are_vectors_have_no_forecast_of_many_points(monkeypatch):
    """Degrees, beyond the points of a band."""
    monkeypatch.setattr(spreads, "LARGEST_BAND", 20)
    monkeypatch.setattr(expected, "LARGEST", 20)
    x = RNG.normal(size=(40, 3))
    data = Points(x / np.linalg.norm(x, axis=1, keepdims=True), x[:, 0])
    said = predict(TwoLayer(64), data, LAW, STEPS[:5], seeds=1, probe=DegreeProbe(Sphere(3), data, [1, 2]))
    assert (said.band, said.forecast) == (None, None)


def test_a_resumed_plan_of_outputs_is_refused_unjoined():
    """A plan takes the network as training evaluates it."""
    with pytest.raises(InputError, match=r"network=MLP on Joint data; allowed: Joined\(network\)"):
        Plan(MLP(8, outputs=3), DATA, LAW, STEPS)
