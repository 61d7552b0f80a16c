"""Probes on scattered points and in high dimension, against sums that are written out."""

import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Circle, Hypercube, InputError, Sphere
from lfp.domains import spherical_harmonics
from lfp.measure import along, energy_by_degree, gaussian_filter, principal_direction, relative_error
from lfp.numerics import coupling, nudft
from lfp.numerics.scattered import box

RNG = np.random.default_rng(0)


def wave(turns, highest, coefficients):
    """sum_k c_k exp(2 pi i k.x), one term at a time."""
    total = np.zeros(len(turns), complex)
    for k, c in zip(box(highest, turns.shape[1]), coefficients, strict=True):
        total += c * np.exp(2j * np.pi * (turns @ k))
    return total


@pytest.mark.parametrize(("n", "dim", "highest"), [(100, 1, 25), (144, 2, 3)])
def test_least_squares_recovers_scattered_modes(n, dim, highest):
    """1e-10 up to a quarter of the mean sampling rate; a plain mean misses by far (control)."""
    # as far apart as a jittered grid: uniform points have gaps that no fit bridges
    side = round(n ** (1 / dim))
    cells = np.stack(np.meshgrid(*[np.arange(side)] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    turns = (cells + RNG.uniform(0, 0.9, cells.shape)) / side
    true = RNG.normal(size=((2 * highest + 1) ** dim, 2)) @ [1, 1j]
    found = nudft(turns, wave(turns, highest, true), highest)
    print("condition", found.condition, "error", np.abs(found.coefficients - true).max())
    np.testing.assert_allclose(found.coefficients, true, atol=1e-10)
    plain = np.exp(-2j * np.pi * found.frequencies @ turns.T) @ wave(turns, highest, true) / len(turns)
    assert np.abs(plain - true).max() > 0.1
    assert found.resolution == side / 2


def test_grid_is_exact():
    """1e-12 on an even grid by both ways, condition 1."""
    turns, true = np.arange(32)[:, None] / 32, RNG.normal(size=(15, 2)) @ [1, 1j]
    for method in ("least_squares", "density"):
        found = nudft(turns, wave(turns, 7, true), 7, method)
        np.testing.assert_allclose(found.coefficients, true, atol=1e-12)
        np.testing.assert_allclose(found.condition, 1)


def test_density_weights_are_exact_below_half_the_box():
    """Products of two modes stay in the box of 20: a function of modes up to 10 has exact coefficients up to 10."""
    turns = (np.arange(100)[:, None] + RNG.uniform(0, 0.9, (100, 1))) / 100
    true = RNG.normal(size=(21, 2)) @ [1, 1j]
    found = nudft(turns, wave(turns, 10, true), 20, "density")
    inside = np.abs(found.frequencies[:, 0]) <= 10
    np.testing.assert_allclose(found.coefficients[inside], true, atol=1e-10)
    assert np.abs(found.coefficients[~inside]).max() > 1e-3


def test_bad_points_are_refused():
    """Points that crowd in a third of the period, too few points, an unknown method."""
    turns = np.linspace(0, 0.3, 60)[:, None]
    with pytest.raises(InputError, match=r"condition number .*; allowed: 1e\+08"):
        nudft(turns, np.zeros(60), 12)
    with pytest.raises(InputError, match="13 modes of 10 points"):
        nudft(turns[:10], np.zeros(10), 6)
    with pytest.raises(InputError, match="method='fft'"):
        nudft(turns, np.zeros(60), 1, "fft")


def test_aliasing_is_said():
    """A frequency above the box lands in it, and what the fit leaves tells; without it nothing is said."""
    turns = (np.arange(60)[:, None] + RNG.uniform(0, 0.9, (60, 1))) / 60
    low, high = (np.cos(2 * np.pi * k * turns[:, 0]) for k in (3, 25))
    with pytest.warns(UserWarning, match=r"aliased; 60 points resolve 30"):
        found = nudft(turns, low + high, 10)
    assert found.residual > 0.3
    assert nudft(turns, low, 10).residual < 1e-12


def test_wrong_phase_is_an_error():
    """Right magnitude, wrong phase: sqrt(2) by the complex error, 0 by the difference of magnitudes (control)."""
    x = (np.arange(50)[:, None] + RNG.uniform(0, 0.9, (50, 1))) / 50
    sine, cosine = (nudft(x, f(6 * np.pi * x[:, 0]), 4).coefficients for f in (np.sin, np.cos))
    at = box(4, 1)[:, 0] == 3
    np.testing.assert_allclose(relative_error(cosine[at], sine[at]), np.sqrt(2), rtol=1e-10)
    np.testing.assert_allclose(np.abs(cosine[at]), np.abs(sine[at]), rtol=1e-10)
    with pytest.raises(InputError, match="vanishes"):
        relative_error(cosine, np.zeros_like(cosine))


def test_biased_samples_couple_modes():
    """The flow of a translation-invariant kernel on a biased measure, in modes, against the points themselves."""
    n, rates = 64, 1 / (1.0 + np.arange(-8, 9) ** 2)
    turns, k = Circle().grid(n)[:, None] / (2 * np.pi), box(8, 1)
    weights = 1 + 0.8 * np.cos(2 * np.pi * turns[:, 0])
    weights /= weights.sum()
    waves = np.exp(2j * np.pi * turns @ k.T)
    kernel = ((waves * rates) @ waves.conj().T).real
    u = np.sin(6 * np.pi * turns[:, 0])
    c = waves.conj().T @ u / n
    gram = coupling(turns, k, weights)
    for _ in range(20):
        u = u - 0.1 * kernel @ (weights * u)
        c = c - 0.1 * rates * (gram @ c)
    np.testing.assert_allclose(waves.conj().T @ u / n, c, atol=1e-13)
    assert np.abs(gram - np.eye(17)).max() > 0.3
    np.testing.assert_allclose(coupling(turns, k, np.full(n, 1 / n)), np.eye(17), atol=1e-13)


def test_filter_is_the_dense_formula(monkeypatch):
    """Against the O(n^2) double sum, in blocks that do not divide n."""
    monkeypatch.setattr("lfp.measure.filters.CHUNK", 1000)
    x, y = 5 + RNG.normal(size=(70, 30)), RNG.normal(size=(70, 2))
    low, high = gaussian_filter(x, y, 8.0)
    for i in range(70):
        gains = [np.exp(-((x[i] - x[j]) ** 2).sum() / 16) for j in range(70)]
        np.testing.assert_allclose(low[i], sum(g * y[j] for j, g in enumerate(gains)) / sum(gains), atol=1e-10)
    np.testing.assert_allclose(low + high, y, atol=1e-15)
    with pytest.warns(UserWarning, match="nothing is smoothed"):
        gaussian_filter(x, y, 1e-3)


@pytest.mark.slow
def test_filter_of_ten_thousand_points_in_784_dimensions():
    """No array of n x n: the peak of the process stays a fraction of its 800 MB; some rows against the formula."""
    import resource

    x, y = RNG.normal(size=(10_000, 784)), RNG.normal(size=(10_000, 10))
    gaussian_filter(x[:50], y[:50], 784.0)  # JAX itself
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    low, _ = gaussian_filter(x, y, 784.0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    print("GiB", grown)
    assert grown < 0.5
    for i in (0, 5000, 9999):
        gains = np.exp(-((x[i] - x) ** 2).sum(axis=1) / (2 * 784))
        np.testing.assert_allclose(low[i], gains @ y / gains.sum(), atol=1e-10)


def test_principal_direction_and_projection():
    """A stretched cloud; the transform along it is that of the projected points, term by term; aliasing is said."""
    stretched = RNG.normal(size=(500, 3)) * [0.1, 3.0, 0.2]
    p = principal_direction(stretched)
    assert abs(p[1]) > 0.999
    y = np.sin(2 * np.pi * 0.2 * stretched @ p)
    found = along(stretched, y, p, np.array([0.2, 0.4]))
    direct = [
        np.mean([v * np.exp(-2j * np.pi * k * (x @ p)) for v, x in zip(y, stretched, strict=True)]) for k in (0.2, 0.4)
    ]
    np.testing.assert_allclose(found, direct, atol=1e-12)
    assert abs(found[0]) > 5 * abs(found[1])
    with pytest.warns(UserWarning, match="resolve"):
        along(stretched[:10], y[:10], p, np.array([50.0]))


def test_energy_by_degree():
    """Known energies on S^2 and the cube; they sum to the mean square; too many modes for the points: a warning."""
    x, weights = Sphere(3).design(4)
    c = RNG.normal(size=25)
    energy = energy_by_degree(Sphere(3), x, spherical_harmonics(x, 4) @ c, 4, weights)
    np.testing.assert_allclose(energy, [sum(c[k * k : (k + 1) ** 2] ** 2) for k in range(5)], rtol=1e-10)
    cube = Hypercube(6)
    y = RNG.normal(size=64)
    energy = energy_by_degree(cube, cube.points(), y, 6)
    walsh = np.asarray(cube.analyse(jnp.asarray(y))) ** 2
    np.testing.assert_allclose(energy, [walsh[cube.degrees() == k].sum() for k in range(7)], atol=1e-12)
    with pytest.warns(UserWarning, match="aliasing"):
        energy_by_degree(cube, cube.points()[:10], y[:10], 3)
