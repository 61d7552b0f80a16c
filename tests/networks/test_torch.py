"""Modules of torch as they come, where torch is installed (`make test-torch`): their own numbers, their own f."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Custom, InputError, Joint, Points, compare, empirical_kernel, log_steps, predict, train
from lfp.kernels import parameter_uses
from lfp.measure.probes import sup_distance
from tests.helpers import floats

torch = pytest.importorskip("torch")
if importlib.util.find_spec("torchax") is None:
    pytest.skip("no torchax", allow_module_level=True)
nn = torch.nn

KEY = jax.random.key(3)
X = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
PIXELS = np.random.default_rng(1).normal(size=(12, 64)).astype(np.float32)


@pytest.fixture(autouse=True)
def as_users_have_it():
    """float32, and JAX's promotion as it comes: torchax counts on it."""
    with floats(32), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def dense():
    return nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 1))


def normalised():
    layers = (nn.Linear(2, 16), nn.LayerNorm(16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 1))
    return nn.Sequential(*layers)


def convolution():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 1))


class Tied(nn.Module):
    """One layer twice."""

    def __init__(self):
        super().__init__()
        self.first, self.inner, self.last = nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 1)
        self.again = self.inner

    def forward(self, x):
        return self.last(torch.tanh(self.again(torch.tanh(self.inner(torch.tanh(self.first(x)))))))


class Attention(nn.Module):
    """Eight tokens of eight numbers that attend to each other; the mean over them."""

    def __init__(self):
        super().__init__()
        self.inner, self.queries, self.keys, self.end = (nn.Linear(8, 8) for _ in range(4))
        self.norm, self.last = nn.LayerNorm(8), nn.Linear(8, 1)

    def forward(self, x):
        x = self.norm(self.inner(x))
        weights = torch.softmax(self.queries(x) @ self.keys(x).transpose(1, 2) / 8**0.5, dim=-1)
        return self.last((x + weights @ self.end(x)).mean(dim=1))


MODULES = {
    "dense": (dense, None, None, X),
    "LayerNorm, BatchNorm, Dropout": (normalised, 16, None, X),
    "convolution": (convolution, 4, (1, 8, 8), PIXELS),
    "one layer twice": (Tied, 8, None, X),
    "attention": (Attention, 8, (8, 8), PIXELS),
}


def made(make, key):
    """The module itself, its generator seeded by the key."""
    high, low = (int(word) for word in np.asarray(jax.random.key_data(key)))
    torch.manual_seed(high << 31 ^ low)
    return make().eval()


def by_torch(make, key, x, shape):
    """What it gives for the points."""
    module = made(make, key)
    with torch.no_grad():
        return module(torch.tensor(x.reshape(len(x), *(shape or (x.shape[1],))))).numpy()


@pytest.mark.parametrize("name", MODULES)
def test_f_and_the_numbers_it_begins_with_are_the_modules_own(name):
    """To 1e-6, at the key of a network; and compiled, for all networks at once, as training draws them."""
    make, width, shape, x = MODULES[name]
    network = Custom.from_torch(make, width, shape=shape)
    found = network.apply(network.init(KEY, x.shape[1]), jnp.asarray(x))
    np.testing.assert_allclose(found, by_torch(make, KEY, x, shape)[:, 0], rtol=1e-6, atol=1e-6)
    keys = jax.random.split(KEY, 2)
    stacked = jax.jit(jax.vmap(lambda key: network.init(key, x.shape[1])))(keys)
    values = jax.jit(jax.vmap(lambda p: network.apply(p, jnp.asarray(x))))(stacked)
    expected = [by_torch(make, key, x, shape)[:, 0] for key in keys]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
    assert np.abs(np.diff(expected, axis=0)).max() > 0.01


@pytest.mark.parametrize("name", ["dense", "one layer twice", "convolution"])
def test_the_kernel_is_that_of_torchs_own_gradients(name):
    """Gradients by torch, point by point."""
    make, width, shape, x = MODULES[name]
    network = Custom.from_torch(make, width, shape=shape)
    module, rows = made(make, KEY), []
    for point in torch.tensor(x.reshape(len(x), 1, *(shape or (x.shape[1],)))):
        module.zero_grad()
        module(point).sum().backward()
        rows.append(torch.cat([p.grad.ravel() for p in module.parameters()]).numpy())
    found = empirical_kernel(network, network.init(KEY, x.shape[1]), jnp.asarray(x))
    np.testing.assert_allclose(found, np.array(rows) @ np.array(rows).T, rtol=2e-5, atol=1e-5)


def test_layers_are_found_and_tell_the_width():
    network = Custom.from_torch(dense)
    assert network.width == 16
    assert parameter_uses(network, network.init(KEY, 2), 2).general == ()


def test_what_wants_no_gradient_is_not_trained():
    """It stays as it was at key 0."""

    def make():
        module = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
        for parameter in module[0].parameters():
            parameter.requires_grad = False
        return module

    network = Custom.from_torch(make, 8)
    params = network.init(KEY, 2)
    assert sorted(leaf.shape for leaf in jax.tree.leaves(params)) == [(1,), (1, 8)]
    hidden = made(make, jax.random.key(0))[:2](torch.tensor(X)).numpy()
    np.testing.assert_allclose(empirical_kernel(network, params, jnp.asarray(X)), hidden @ hidden.T + 1, rtol=1e-5)


def test_the_generator_of_the_user_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    network = Custom.from_torch(dense)
    network.init(KEY, 2)
    assert torch.rand(1) == expected


class Branch(nn.Module):
    """Goes as its points say."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else -self.layer(x)


class Complex(nn.Module):
    """A weight of complex numbers."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, dtype=torch.complex64))

    def forward(self, x):
        return (x.to(torch.complex64) @ self.weight).real


def _used(network, x=X):
    return jax.jit(lambda x: network.apply(network.init(KEY, x.shape[1]), x))(jnp.asarray(x))


SLIPS = {
    "a made module": (lambda: Custom.from_torch(dense()), r"make=Sequential is a module, with its numbers; allowed"),
    "what makes none": (lambda: Custom.from_torch(lambda: 3), "make gave int; allowed: a function without arguments"),
    "what needs arguments": (lambda: Custom.from_torch(nn.Linear), "refuses its call, TypeError"),
    "batch statistics": (
        lambda: Custom.from_torch(lambda: nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False)), 2),
        "BatchNorm keeps no mean",
    ),
    "a width that is not told": (lambda: Custom.from_torch(convolution, shape=(1, 8, 8)), "width=None of module"),
    "another shape": (lambda: _used(Custom.from_torch(dense, shape=(3, 3))), r"shape=\(3, 3\) of points with 2"),
    "other points": (lambda: _used(Custom.from_torch(lambda: nn.Linear(5, 1), 5)), "refuses its call"),
    "too many axes": (
        lambda: _used(Custom.from_torch(lambda: nn.Conv2d(1, 2, 1), 2, shape=(1, 2, 1))),
        r"gives shape \(12, 2, 2, 1\) for 12",
    ),
    "complex parameters": (lambda: Custom.from_torch(Complex, 2), "parameters of complex64"),
    "nothing to train": (lambda: Custom.from_torch(nn.ReLU, 2), "nothing to train"),
    "what goes as its points say": (lambda: _used(Custom.from_torch(Branch, 2)), "refuses its call"),
    "what gives more than numbers": (
        lambda: _used(Custom.from_torch(lambda: nn.LSTM(2, 1), 1)),
        "module=<lambda> gives tuple for 12 points",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_one_sentence(slip):
    """Never the traceback of torch or torchax."""
    run, match = SLIPS[slip]
    with pytest.raises(InputError, match=match) as said:
        run()
    assert "\n" not in str(said.value)


def test_outputs_of_a_module_are_joint():
    data = Joint.of(X.astype(float), np.stack([X[:, 0], X[:, 1]], axis=1))
    network = Custom.from_torch(lambda: nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2)))
    said = predict(network, data, theory="empirical", steps=np.arange(4), seeds=1)
    assert train(said).trajectory.values.shape == (1, 4, 24)


def wide():
    return nn.Sequential(nn.Linear(2, 256), nn.Tanh(), nn.Linear(256, 256), nn.Tanh(), nn.Linear(256, 1))


def quiet():
    """Its last layer is small: f_0 is small beside what is learnt, and can be kept."""
    module = wide()
    with torch.no_grad():
        for parameter in module[-1].parameters():
            parameter *= 1e-3
    return module


LAZY = {
    "dense, its own initialisation": (wide, None, None, X, True),
    "dense, f_0 kept": (quiet, None, None, X, False),
    "convolution": (convolution, 4, (1, 8, 8), PIXELS, True),
    "attention": (Attention, 8, (8, 8), PIXELS, True),
}


@pytest.mark.parametrize("name", LAZY)
def test_the_empirical_theory_holds_over_lazy_modules(name):
    """D_sup at most .02, f_0 taken off or kept; the theory of twice the step (control) is off."""
    make, width, shape, x, center = LAZY[name]
    data = Points(x.astype(float), np.sin(2 * x[:, 0].astype(float)))
    network, settings = Custom.from_torch(make, width, 200.0, shape=shape), {"theory": "empirical", "center": center}
    said = predict(network, data, steps=log_steps(100, 20), seeds=2, **settings)
    run = train(said)
    report = compare(said, run, remedies=False)
    assert report.d_sup <= 0.02, str(report)
    faster = predict(network, data, type(said.law)(1.9 * said.law.lr), said.plan.steps, seeds=2, **settings)
    assert sup_distance(faster.theory, run.trajectory, data, said.probe).max() > 0.1
