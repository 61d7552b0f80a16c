"""Sample covariance: Marchenko and Pastur's law, populations, contours."""

import numpy as np
import pytest

from lfp.numerics.covariance import RepeatedCovariance, SampleCovariance, contour

WHITE = SampleCovariance(np.array([60.0]), np.array([1.0]), 100)
MIXED = SampleCovariance(np.array([1.0, 2.0, 3.0, 0.1]), np.array([1.0, 0.2, 0.01, 0.0]), 40)


def test_white_features_have_the_law_of_marchenko_and_pastur():
    """kappa^2 + (1 - r - lambda) kappa = lambda, r = modes / n; the edge is (1 + sqrt(r))^2."""
    assert WHITE.edge() == pytest.approx((1 + 0.6**0.5) ** 2, rel=1e-9)
    z = np.array([0.3, 1.0, 2.0, 4.0]) * np.exp(0.05j)
    for point, kappa in zip(z, WHITE.continued(z), strict=True):
        roots = np.roots([1, 1 - 0.6 + point, point])
        assert np.abs(roots - kappa).min() < 1e-10
        # of the two the one that is -1 / Stieltjes' transform of the samples: it falls with Im z > 0
        assert kappa.imag < 0
        assert np.abs(kappa - roots[np.argmin(roots.imag)]) < 1e-10


@pytest.mark.parametrize("population", [np.inf, 100.0])
def test_it_is_the_resolvent_of_large_samples(population):
    """Traces of one drawn matrix of 600 samples: of Gaussian features, or of a part of orthogonal ones."""
    rng, rates, n = np.random.default_rng(0), np.geomspace(1.0, 0.01, 1000), 600
    if population == np.inf:
        features = rng.standard_normal((n, 1000))
    else:
        features = np.linalg.qr(rng.standard_normal((1000, 1000)))[0][:n] * np.sqrt(1000)
    covariance = SampleCovariance(rates, rates, n, population if population == np.inf else 1000.0)
    sample = (features * np.sqrt(rates)).T @ (features * np.sqrt(rates)) / n
    values, vectors = np.linalg.eigh(sample)
    assert covariance.edge() == pytest.approx(values[-1], rel=0.03)
    weight = vectors**2  # of each feature in each eigenvector
    for ridge in (0.1, 0.02):
        kappa = covariance.kappa(ridge)
        assert covariance.ridge(np.array([kappa]))[0] == pytest.approx(ridge, rel=1e-10)
        one = weight @ (ridge / (values + ridge))
        assert one[:100].mean() == pytest.approx((kappa / (kappa + rates))[:100].mean(), rel=0.03)
    # two resolvents: the trace of their product with Lambda in between, ridge and ridge', against w
    first, second = (np.linalg.inv(sample + ridge * np.eye(1000)) for ridge in (0.1, 0.02))
    found = 0.002 * np.einsum("ij,j,ji->i", first, rates, second)[:100].mean()
    one, two = (np.array([covariance.kappa(ridge)]) for ridge in (0.1, 0.02))
    g, h = 1 / (rates + one), 1 / (rates + two)
    coupling = covariance.coupling(one.astype(complex), two.astype(complex))[0, 0].real
    wanted = one * two * (g * rates * h + coupling * (rates**2 * g * h).sum() * g * rates * h)
    assert found == pytest.approx(wanted[:100].mean(), rel=0.05)


def test_slopes_are_derivatives():
    kappa = np.array([0.2, 0.4])  # of positive ridges
    of = MIXED.shares, MIXED.rates
    for covariance in (MIXED, SampleCovariance(*of, 40, 90.0), RepeatedCovariance(*of, 40, 90.0)):
        step = 1e-6 * kappa
        slope = 2 * step / (covariance.ridge(kappa + step) - covariance.ridge(kappa - step))
        np.testing.assert_allclose(covariance.slope(kappa), slope, rtol=1e-7)


@pytest.mark.parametrize("angle", [0.7, 0.1])
def test_a_contour_knows_what_is_inside(angle):
    z, weights = contour(1e-4, 2.0, angle)
    for x in (0.0, 1e-3, 0.1, 1.5):
        assert 2 * (weights / (z - x)).sum().real == pytest.approx(1, abs=1e-8)
    assert 2 * (weights / (z - 3.0)).sum().real == pytest.approx(0, abs=1e-8)
    assert 2 * (weights * np.exp(-z) / (z - 0.5)).sum().real == pytest.approx(np.exp(-0.5), abs=1e-8)
