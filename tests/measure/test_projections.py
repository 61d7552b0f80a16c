"""Probes of points in d dimensions, against projections written out: frequencies along directions, parts by degree."""

import itertools

import jax
import numpy as np
import pytest
from scipy.special import sph_harm_y

from lfp import (
    Circle,
    DegreeProbe,
    DirectionProbe,
    FilterProbe,
    Hypercube,
    InputError,
    ModeProbe,
    Points,
    Sphere,
    Torus,
    Trajectory,
    sum_of_degrees,
)
from lfp.domains import harmonics_of_degree
from lfp.domains.harmonics import on_space
from lfp.measure import principal_directions

RNG = np.random.default_rng(0)
WEIGHTS = RNG.dirichlet(np.full(90, 5.0))
CLOUD = Points(RNG.normal(size=(90, 4)) @ RNG.normal(size=(4, 4)), RNG.normal(size=90), WEIGHTS)


def look(data, f):
    return Trajectory(np.array([0]), np.asarray(f)[None, None], data.x)


def scipy_harmonics(x):
    """Real ones of degree 0, 1, 2, of mean square 1, in columns."""
    theta, phi = np.arccos(x[:, 2]), np.arctan2(x[:, 1], x[:, 0])
    columns = []
    for degree in range(3):
        block = []
        for m in range(degree + 1):
            values = np.sqrt(4 * np.pi) * sph_harm_y(degree, m, theta, phi)
            block += [values.real] if m == 0 else [np.sqrt(2) * values.real, np.sqrt(2) * values.imag]
        columns.append(np.stack(block, axis=1))
    return columns


def walsh_functions(x):
    """Products of signs, of degree 0, 1, 2."""
    signs = np.sign(x)
    some = (itertools.combinations(range(x.shape[1]), degree) for degree in range(3))
    return [np.stack([np.prod(signs[:, list(one)], axis=1) for one in block], axis=1) for block in some]


def torus_waves(x):
    """cos and sin of k.t, |k_1| + |k_2| = 0, 1, 2, one of k and -k."""
    t = np.stack([np.arctan2(x[:, 1], x[:, 0]), np.arctan2(x[:, 3], x[:, 2])], axis=1)
    shells = [[(1, 0), (0, 1)], [(2, 0), (0, 2), (1, 1), (1, -1)]]
    blocks = [[np.sqrt(2) * f(t @ np.array(k)) for k in shell for f in (np.cos, np.sin)] for shell in shells]
    return [np.ones((len(x), 1)), *(np.stack(block, axis=1) for block in blocks)]


SPACES = {
    "sphere": (Sphere(3), Sphere(3).random(jax.random.key(0), 60), scipy_harmonics),
    "cube": (Hypercube(6), RNG.permutation(Hypercube(6).points())[:45], walsh_functions),
    "torus": (Torus(2), Torus(2).embed(Torus(2).random(jax.random.key(0), 60)), torus_waves),
}


@pytest.mark.parametrize("name", SPACES)
def test_degrees_are_a_fit_of_all_harmonics(name):
    """Lengths of the parts of any function are those of the textbook basis by plain lstsq, to 1e-10."""
    space, x, functions = SPACES[name]
    rng = np.random.default_rng(1)
    data = Points(x, 0.5 + rng.normal(size=len(x)), rng.dirichlet(np.full(len(x), 5.0)))
    blocks, root = functions(x), np.sqrt(data.weights)
    f = rng.normal(size=len(x))
    expected = []
    for values in (data.y, data.y - f):
        fit = np.linalg.lstsq(root[:, None] * np.hstack(blocks), root * values, rcond=None)[0]
        parts = np.split(fit, np.cumsum([block.shape[1] for block in blocks])[:-1])
        expected.append([np.linalg.norm(part) for part in parts])
    probe = DegreeProbe(space, data, [0, 1, 2])
    np.testing.assert_allclose(np.linalg.norm(probe.parts(data, data.y[None])[0], axis=1), expected[0], rtol=1e-9)
    curves = probe(look(data, f), data)
    np.testing.assert_allclose(curves.size()[0], np.array(expected[1]) / expected[0], rtol=1e-9)
    assert curves.modes.tolist() == ["degree 0", "degree 1", "degree 2"]
    condition = np.linalg.cond(root[:, None] * np.hstack(blocks))
    assert probe.quality(data)["condition"] == pytest.approx(condition)


@pytest.mark.parametrize("name", SPACES)
def test_harmonics_are_an_orthonormal_basis(name):
    """Their products, summed, are those of the textbook basis; of another degree (control) they are not."""
    space, x, functions = SPACES[name]
    for own, other in zip(harmonics_of_degree(space, x, 2), functions(x), strict=True):
        assert own.shape == other.shape
        np.testing.assert_allclose(own @ own.T, other @ other.T, atol=1e-10)
    wrong = harmonics_of_degree(space, x, 2)[1]
    assert np.abs(wrong @ wrong.T - functions(x)[2] @ functions(x)[2].T).max() > 1


@pytest.mark.parametrize("space", [Sphere(10), Hypercube(10), Torus(2), Circle()])
def test_energy_of_a_sum_of_degrees(space):
    """A_k^2 by degree on scattered points, none elsewhere; parts that are learnt are gone, others stay."""
    key = jax.random.key(2)
    if isinstance(space, Circle):
        t = np.asarray(jax.random.uniform(key, 80)) * 2 * np.pi
        x = np.stack([np.cos(t), np.sin(t)], axis=1)
    else:
        x = space.embed(space.random(key, 120))
    data = sum_of_degrees(space, x, [2, 1], [0.5, 2.0])
    probe = DegreeProbe(space, data, [0, 1, 2])
    np.testing.assert_allclose((probe.parts(data, data.y[None])[0] ** 2).sum(axis=1), [0, 4, 0.25], atol=1e-10)
    low = sum_of_degrees(space, x, [1], 2.0).y
    np.testing.assert_allclose(probe(look(data, low), data).size()[0], [0, 0, 1], atol=1e-7)


def test_directions_are_a_fit_of_all_waves():
    """Along eigenvectors of the covariance, by plain lstsq of complex waves: 1e-9."""
    x, w = CLOUD.x, WEIGHTS
    mean = sum(a * b for a, b in zip(w, x, strict=True))
    covariance = sum(a * np.outer(b - mean, b - mean) for a, b in zip(w, x, strict=True))
    axes = np.linalg.eigh(covariance)[1][:, ::-1][:, :2].T
    found = principal_directions(x, w, 2)
    np.testing.assert_allclose(np.abs(np.sum(found * axes, axis=1)), 1, rtol=1e-9)
    columns, spans = [np.ones(90)], []
    for axis in found:
        place = x @ axis
        spans.append((place.max() - place.min()) * 90 / 89)
        turn = (place - place.min()) / spans[-1]
        columns += [np.exp(2j * np.pi * k * turn) for k in (1, -1, 2, -2)]
    root, f = np.sqrt(w), np.random.default_rng(3).normal(size=90)
    basis = root[:, None] * np.stack(columns, axis=1)
    target, learnt = (np.linalg.lstsq(basis, root * v, rcond=None)[0][[1, 3, 5, 7]] for v in (CLOUD.y, f))
    probe = DirectionProbe(CLOUD, [1, 2], 2)
    np.testing.assert_allclose(probe.parts(CLOUD, CLOUD.y[None])[0], target, atol=1e-10)
    np.testing.assert_allclose(probe(look(CLOUD, f), CLOUD).mean()[0], (target - learnt) / target, rtol=1e-8)
    np.testing.assert_allclose(probe.frequencies(CLOUD), [1 / spans[0], 2 / spans[0], 1 / spans[1], 2 / spans[1]])
    real = [np.ones(90), *(part for wave in columns[1::2] for part in (wave.real, wave.imag))]
    condition = np.linalg.cond(root[:, None] * np.stack(real, axis=1))
    assert probe.quality(CLOUD)["condition"] == pytest.approx(condition)


def test_filter_of_points_is_the_sum_written_out():
    """Low and high part in R^4 by the double sum, weights included; c is in cycles per unit of x."""
    cutoff, f, parts = 0.1, RNG.normal(size=90), []
    for values in (CLOUD.y, CLOUD.y - f):
        low = np.zeros(90)
        for i in range(90):
            squares = ((CLOUD.x - CLOUD.x[i]) ** 2).sum(axis=1)
            gains = WEIGHTS * np.exp(-squares / 2 * (2 * np.pi * cutoff) ** 2)
            low[i] = gains @ values / gains.sum()
        parts.append([np.sqrt(WEIGHTS @ part**2) for part in (low, values - low)])
    curves = FilterProbe((cutoff,))(look(CLOUD, f), CLOUD)
    np.testing.assert_allclose(curves.size()[0], np.array(parts[1]) / np.array(parts[0]), rtol=1e-9)
    assert curves.modes.tolist() == ["low 0.1", "high 0.1"]
    nearest = [np.sort(np.linalg.norm(CLOUD.x - one, axis=1))[1] for one in CLOUD.x]
    assert FilterProbe((cutoff,)).quality(CLOUD)["resolution"] == pytest.approx(0.5 / np.median(nearest))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DegreeProbe(Sphere(4), CLOUD, [1]), "x has norm"),
        (lambda: DegreeProbe(Sphere(3), CLOUD, [1]), "x has shape (90, 4)"),
        (lambda: on_space(Torus(2), CLOUD.x), "off the circle of angle"),
        (lambda: on_space(Torus(3), CLOUD.x), "allowed: (points, 6)"),
        (lambda: on_space(Hypercube(4), Sphere(4).random(jax.random.key(0), 3)), "corners of the hypercube"),
        (
            lambda: DegreeProbe(Sphere(10), Points(Sphere(10).random(jax.random.key(0), 90), CLOUD.y), [3]),
            "275 functions; 90 points do not tell them apart; allowed: degrees up to 2",
        ),
        (
            lambda: DegreeProbe(Hypercube(4), Points(Hypercube(4).points(), np.ones(16)), [5]),
            "degrees=5 on the hypercube of dim=4; allowed: up to 4",
        ),
        (
            lambda: DegreeProbe(Sphere(3), Points(np.eye(3)[[0, 0, 1, 1, 2]], np.ones(5)), [1]),
            "degrees=1: condition number",
        ),
        (lambda: DegreeProbe(Sphere(4), CLOUD, [1, 1]), "each once"),
        (lambda: DirectionProbe(CLOUD, [1], 5), "directions=5 of 90 points in R^4, which vary along 4"),
        (lambda: DirectionProbe(Points(CLOUD.x[:3], CLOUD.y[:3]), [1], 4), "vary along 2; allowed: 1 to 2"),
        (lambda: DirectionProbe(CLOUD, [23], 2), "93 waves, more than 90 points tell apart; allowed: up to 22"),
        (lambda: DirectionProbe(CLOUD, [0]), "modes=[0] must be whole numbers >= 1"),
        (lambda: FilterProbe((1e6,)).quality(CLOUD), "cutoffs=1e+06 is aliased: 90 points resolve modes up to"),
        (lambda: ModeProbe(np.array([1]))(look(CLOUD, CLOUD.y), CLOUD), "probe='modes' on Points"),
        (
            lambda: DirectionProbe(CLOUD, [1])(look(CLOUD, CLOUD.y), Points(CLOUD.x + 1, CLOUD.y)),
            "probe='direction' is of other points",
        ),
        (
            lambda: sum_of_degrees(Sphere(4), Sphere(4).random(jax.random.key(0), 3), [1], [1.0, 2.0]),
            "amplitudes has 2",
        ),
    ],
)
def test_what_the_points_do_not_resolve_is_refused(make, message):
    with pytest.raises(InputError) as refusal:
        make()
    assert message in str(refusal.value)
