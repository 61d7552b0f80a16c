"""Eigenfunctions by rank: projections written out, the frequencies that they carry."""

import numpy as np
import pytest

from lfp import Circle, InputError, Points, RankProbe, Trajectory, carrying_ranks, spectrum, sum_of_modes
from lfp.spectra import rank_frequencies

RNG = np.random.default_rng(0)
X, WEIGHTS = RNG.normal(size=(30, 3)), RNG.dirichlet(np.full(30, 5.0))
DATA = Points(X, X[:, 0] + 0.1 * X[:, 1] ** 2, WEIGHTS)


def kernel(x1, x2=None):
    return (1 + x1 @ (x1 if x2 is None else x2).T) ** 3


def test_ranks_are_those_of_the_weighted_matrix():
    """Curves by numpy's eigenvectors of W^(1/2) K W^(1/2), to 1e-8; of K itself (control) not."""
    f, root = RNG.normal(size=30), np.sqrt(WEIGHTS)
    gram = (1 + X @ X.T) ** 3
    sizes, vectors = np.linalg.eigh(root[:, None] * gram * root)
    order = [-1, -2, -4]
    target, learnt = (vectors[:, order].T @ (root * values) for values in (DATA.y, f))
    probe = RankProbe(spectrum(kernel, DATA), DATA, [1, 2, 4])
    curves = probe(Trajectory(np.array([0]), f[None, None], X), DATA)
    np.testing.assert_allclose(curves.mean()[0], (target - learnt) / target, atol=1e-8)
    np.testing.assert_allclose(probe.rates(DATA, None), sizes[order])
    assert curves.modes.tolist() == ["rank 1", "rank 2", "rank 4"]
    plain = np.linalg.eigh(gram / 30)[1][:, order].T
    assert np.abs(plain @ (DATA.y - f) / (plain @ DATA.y) - curves.mean()[0]).max() > 0.1


def test_ranks_that_carry_the_target():
    """The fewest by a search over all sums; the most there may be."""
    found = spectrum(kernel, DATA)
    root = np.sqrt(WEIGHTS)
    vectors = np.linalg.eigh(root[:, None] * (1 + X @ X.T) ** 3 * root)[1][:, ::-1]
    energy = (vectors.T @ (root * DATA.y)) ** 2
    ranks, share = carrying_ranks(found, DATA, 0.9)
    assert energy[ranks - 1].sum() == pytest.approx(share * (WEIGHTS @ DATA.y**2))
    assert share >= 0.9 > share - energy[ranks - 1].min() / energy.sum()
    assert set(energy[ranks - 1]) == set(np.sort(energy)[-len(ranks) :])
    assert len(carrying_ranks(found, DATA, 0.999, most=2)[0]) == 2


@pytest.mark.parametrize(("dim", "points", "frequency"), [(1, 400, 6.0), (2, 900, 1.5), (3, 2000, 0.6)])
def test_a_wave_has_its_frequency(dim, points, frequency):
    """Whatever its direction, within 15 % on random points of a box of side 2; noise has none, or a far higher one."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (points, dim))
    directions = rng.normal(size=(dim, 4))
    directions /= np.linalg.norm(directions, axis=0)
    waves = np.cos(2 * np.pi * frequency * x @ directions + np.arange(4))
    weights = np.full(points, 1 / points)
    np.testing.assert_allclose(rank_frequencies(x, weights, waves), frequency, rtol=0.15)
    noise = rank_frequencies(x, weights, rng.normal(size=(points, 1)))
    assert not noise[0] < 2 * frequency


def test_bad_ranks():
    """Below 1, beyond rounding, of a spectrum by frequency, of other data, of no target."""
    found = spectrum(lambda x1, x2=None: x1 @ (x1 if x2 is None else x2).T, DATA)
    circle = sum_of_modes(Circle(), 8, [1])
    for make, message in (
        (lambda: RankProbe(found, DATA, [0]), "whole numbers >= 1"),
        (lambda: RankProbe(found, DATA, [4]), "ranks=4 has no rate above rounding on 30 points; allowed: up to 3"),
        (lambda: RankProbe(spectrum(lambda a, b: a @ b.T, circle), circle), "FourierSpectrum has no ranks"),
        (lambda: RankProbe(found, Points(X[:5], DATA.y[:5]), [1]), "spectrum is of 30 points"),
        (lambda: RankProbe(found, Points(X, 0 * DATA.y, WEIGHTS)), "y is 0 everywhere"),
    ):
        with pytest.raises(InputError) as refusal:
            make()
        assert message in str(refusal.value)
