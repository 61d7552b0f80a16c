"""Block Krylov against the eigendecomposition, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Circle, InputError
from lfp.numerics.eigenpairs import largest_pairs
from tests.helpers import arc_cosine_ntk

N, KEY = 300, jax.random.key(0)
RATES = {
    "powers": 1 / np.arange(1, N + 1) ** 2.0,
    "repeated": np.repeat([1.0, 0.3, 0.01], N // 3),
    "few": np.where(np.arange(N) < 5, 2.0, 0.0),
    "uniform": np.linspace(1, 0, N),
    "indefinite": np.linspace(1, -2, N),
}


def matrix(rates: np.ndarray) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(N, N)))
    return (q * rates) @ q.T


def product(a: np.ndarray):
    return lambda v: jnp.asarray(a @ np.asarray(v))


@pytest.mark.parametrize("tolerance", [1e-6, 1e-12])
@pytest.mark.parametrize("name", RATES)
def test_pairs_are_those_of_the_matrix(name, tolerance):
    """Residuals as stated and small enough, vectors orthonormal, copies of a rate all found."""
    a, top = matrix(RATES[name]), np.abs(RATES[name]).max()
    found = largest_pairs(product(a), N, 12, KEY, tolerance)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(12), atol=1e-13)
    residuals = np.linalg.norm(a @ found.vectors - found.rates[None, :] * found.vectors, axis=0)
    np.testing.assert_allclose(found.residuals, residuals, atol=1e-14 * N)
    assert residuals.max() <= tolerance * top + 1e-14
    np.testing.assert_allclose(found.rates, np.sort(RATES[name])[::-1][:12], atol=tolerance * top)


def test_circle_has_its_rates_in_pairs():
    """Repeated rates of a kernel: the FFT of one row knows them."""
    x = jnp.asarray(Circle().embed(Circle().grid(N)))
    gram = np.asarray(arc_cosine_ntk(x)) / N
    found = largest_pairs(product(gram), N, 9, KEY, 1e-10)
    exact = np.sort(np.fft.fft(gram[0]).real)[::-1]
    np.testing.assert_allclose(found.rates, exact[:9], atol=1e-13)
    assert found.passes < 10


def test_few_passes_of_many_vectors():
    """A wide block takes fewer passes than a narrow one, which takes fewer products."""
    a = product(matrix(RATES["powers"]))
    wide, narrow = (largest_pairs(a, N, 12, KEY, block=width) for width in (60, 12))
    assert wide.passes < narrow.passes
    assert 60 * wide.passes > 12 * narrow.passes


def test_a_tolerance_that_is_not_met_is_refused():
    """The same product meets it with more passes."""
    a = product(matrix(RATES["uniform"]))
    with pytest.raises(InputError, match=r"tolerance=1e-06 is not met in max_passes=3: a residual is .*e-0[12] of"):
        largest_pairs(a, N, 12, KEY, max_passes=3)
    assert largest_pairs(a, N, 12, KEY, max_passes=32).passes > 3


def test_a_product_that_is_not_symmetric_is_refused():
    """Less by far than the largest rate, and still seen; the symmetric part alone passes."""
    a = matrix(RATES["powers"])
    skew = np.random.default_rng(5).normal(size=(N, N)) * 1e-3
    with pytest.raises(InputError, match="block_product is not symmetric"):
        largest_pairs(product(a + skew), N, 12, KEY)
    assert largest_pairs(product(a + (skew + skew.T) / 2), N, 12, KEY).passes > 1


def test_float32_products_give_float32():
    a = matrix(RATES["powers"]).astype(np.float32)
    found = largest_pairs(product(a), N, 4, KEY, 1e-5, dtype=jnp.float32)
    assert found.rates.dtype == found.vectors.dtype == jnp.float32
    np.testing.assert_allclose(found.rates, RATES["powers"][:4], rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"count": 301}, r"count=301 pairs of 300 rows; allowed: 1 to 300"),
        ({"count": 0}, "count=0"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"block": 3}, "block=3"),
        ({"max_passes": 0}, "max_passes=0"),
        ({"block_product": lambda v: v[:, 0]}, r"block_product returned shape \(300,\)"),
        ({"block_product": lambda v: v * jnp.nan}, "block_product has .* not finite"),
    ],
)
def test_bad_arguments_are_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        largest_pairs(**{"block_product": lambda v: v, "n": N, "count": 4, "key": KEY} | arguments)
