"""Laws of decay: those that are published, and what is no law."""

import numpy as np
import pytest
from scipy.optimize import bisect

from lfp import MLP, Circle, Sphere, kernel, spectrum
from lfp.spectra.decay import fit

W = 2.0**0.5


def decay(activation, depth=1, b=0.5, space=None, top=64):
    return spectrum(MLP(2, depth, activation, W, b), space or Circle(), top).decay


@pytest.mark.parametrize(("depth", "b"), [(1, 0.0), (3, 0.5)])
def test_relu_on_the_circle_is_k_to_the_minus_two(depth, b):
    """Whatever the depth, with biases and without: the constants change, the exponent does not."""
    found = decay("relu", depth, b)
    assert found.kind == "power"
    assert found.parameter == pytest.approx(2, rel=0.03)
    assert found.interval[0] <= 2 <= found.interval[1]


@pytest.mark.slow
@pytest.mark.parametrize("dim", [3, 4, 10])
def test_relu_on_the_sphere_is_k_to_the_minus_dim(dim):
    """Against k + (dim - 2)/2; and depth does not change it."""
    found = decay("relu", 1 if dim == 4 else 3, 0.5, Sphere(dim), 60)
    assert found.kind == "power"
    assert found.parameter == pytest.approx(dim, rel=0.03)
    assert found.interval[0] <= dim <= found.interval[1]


@pytest.mark.parametrize(("activation", "b"), [("erf", 0.0), ("erf", 0.5), ("gelu", 0.0), ("gelu", 0.5)])
def test_erf_and_gelu_decay_with_the_base_of_their_singularity(activation, b):
    """base = t* + sqrt(t*^2 - 1), t* where the dual activation is singular: rho = (1 + 2q)/2q, (1 + q)/q."""
    found = decay(activation, b=b)
    q = W**2 / 2 + b**2
    singular = (1 + 2 * q) / 2 if activation == "erf" else 1 + q
    t = (singular - b**2) / (W**2 / 2)
    assert found.kind == "exponential"
    assert found.parameter == pytest.approx(t + (t * t - 1) ** 0.5, rel=0.03)
    assert np.log(found.parameter) == pytest.approx(np.arccosh(t), rel=0.03)


def test_sin_is_super_exponential_and_tanh_stretched():
    """The dual of sin is entire; that of tanh is smooth at t = 1 and no more."""
    assert decay("sin").kind == "super-exponential"
    found = decay("tanh")
    assert found.kind == "stretched"
    assert 0.4 < found.parameter < 0.9


def test_noise_is_not_fitted():
    """The law of a float32-like plateau is that of what stands above it."""
    network = kernel(MLP(2, 1, "erf", W, 0.5))
    found = spectrum(lambda x1, x2: network(x1, x2), Circle(), 64)  # a function has no power series
    assert not found.above_noise.all()
    assert found.decay.window[1] <= np.flatnonzero(found.above_noise).max()
    # the control: with the plateau taken for data the law is another one
    floor = np.maximum(found.shares, found.errors)[1:] / 2
    assert fit(np.arange(1.0, 65.0), np.log(floor)).kind != "exponential"


@pytest.mark.parametrize(
    ("log_rate", "kind", "parameter"),
    [
        (lambda x: -3 * np.log(x) + 1, "power", 3.0),
        (lambda x: -0.3 * x - 1.5 * np.log(x), "exponential", np.exp(0.3)),
        (lambda x: -4 * x**0.5 - np.log(x), "stretched", 0.5),
        (lambda x: -0.2 * x**1.5, "super-exponential", 1.5),
    ],
)
def test_made_laws_are_found(log_rate, kind, parameter):
    """Each kind, with errors of a per mille, and even and odd modes a factor apart."""
    x = np.arange(1.0, 65.0)
    noise = 1e-3 * np.random.default_rng(0).normal(size=64)
    for odd in (None, x % 2 == 1):
        shift = 0.0 if odd is None else 1.0 * odd
        found = fit(x, log_rate(x) + shift + noise, np.full(64, 1e-3), odd)
        assert found.kind == kind
        assert found.parameter == pytest.approx(parameter, rel=0.05)
        assert found.interval[0] <= parameter <= found.interval[1]


def test_what_has_no_law_has_none():
    """Scatter, a staircase, growth, too few points."""
    x = np.arange(1.0, 65.0)
    scatter = np.random.default_rng(0).normal(size=64)
    assert fit(x, scatter).kind == "none"
    assert fit(x, -np.floor(x / 7)).kind == "none"
    assert fit(x[:5], -x[:5]).kind == "none"
    assert fit(x, 0.5 * x).kind == "none"
    assert fit(x, scatter).summary()["exponent"] is None


def nearest_singularity(name, depth, w_std, b_std):
    """R = t + sqrt(t^2 - 1) of the least t > 1 at which the argument of some layer's dual activation is 1.

    All coefficients of the series are positive: no singularity has a smaller |t|, nor a narrower ellipse.
    """
    w, b = w_std**2, b_std**2

    def largest(t):
        """Of the arguments of the layers, up to the first that is singular."""
        c, q, seen = w * t / 2 + b, w / 2 + b, 0.0
        for _ in range(depth):
            u, at_one = (2 * c, 2 * q) if name == "erf" else (c, q)
            u, at_one = u / (1 + at_one), at_one / (1 + at_one)
            seen = max(seen, u)
            if seen >= 1:
                break
            if name == "erf":
                c, q = (w * 2 / np.pi * np.arcsin(v) + b for v in (u, at_one))
            else:
                c, q = (w / (1 + q) / np.sqrt(1 - v**2) + b for v in (u, at_one))
        return seen

    t = bisect(lambda t: (largest(t) >= 1) - 0.5, 1, 1e6, xtol=1e-13)
    return t + np.sqrt(t * t - 1)


@pytest.mark.parametrize("top", [24, 32, 48, 64])
def test_base_of_a_deep_network_at_few_modes(top):
    """It was called stretched at 24 and 32."""
    assert nearest_singularity("erf", 3, 1.984, 0.309) == pytest.approx(1.4834, abs=1e-4)
    found = spectrum(MLP(2, 3, "erf", 1.984, 0.309), Circle(), top).decay
    assert found.kind == "exponential"
    assert found.interval[0] <= 1.4834 <= found.interval[1] < 1.2 * found.interval[0]


@pytest.mark.slow
def test_intervals_cover_the_nearest_singularity():
    """In .9 of 100 random networks; a third of them, as they follow from the halves of the window, do not (control)."""
    rng, covered, narrow = np.random.default_rng(6), 0, 0
    for _ in range(100):
        name, depth, top = (
            str(rng.choice(["erf", "gaussian"])),
            int(rng.integers(1, 5)),
            int(rng.choice([24, 32, 48, 64])),
        )
        w_std, b_std = 10 ** rng.uniform(-0.3, 0.5), float(rng.choice([0, 10 ** rng.uniform(-1, 0.3)], p=[0.3, 0.7]))
        base = nearest_singularity(name, depth, w_std, b_std)
        law = spectrum(MLP(2, depth, name, w_std, b_std), Circle(), top).decay
        if law.kind == "exponential":
            off, (low, high) = np.log(base / law.parameter), np.log(np.array(law.interval) / law.parameter)
            covered += low <= off <= high
            narrow += low <= 3 * off <= high
    assert covered >= 90 > narrow


@pytest.mark.parametrize("top", [8, 10, 12, 14])
def test_few_modes_have_no_law(top):
    """Fewer than six even and six odd rates in the window: two constants, two powers and a base fit anything."""
    for name in ("erf", "gaussian", "relu"):
        assert spectrum(MLP(2, 1, name, W, 0.5), Circle(), top).decay.kind == "none"
