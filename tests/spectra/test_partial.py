"""The largest rates against the dense spectrum, and what is said of the rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import MLP, InputError, kernel
from lfp.kernels import kernel_product, network_product, neural_tangents
from lfp.spectra import gram_spectrum, largest_rates
from tests.helpers import arc_cosine_ntk

N, KEY = 90, jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(N, 2)))
WEIGHTS = np.random.default_rng(1).uniform(1, 3, N) / np.random.default_rng(1).uniform(1, 3, N).sum()


@pytest.fixture(scope="module")
def both():
    return largest_rates(kernel_product(arc_cosine_ntk, X), 8, KEY, WEIGHTS), gram_spectrum(arc_cosine_ntk(X), WEIGHTS)


def test_rates_are_those_of_the_gram_matrix(both):
    """In the scale of K P, with unequal weights, whose vectors differ from those of equal ones."""
    found, dense = both
    floor = float(found.noise_floor)
    assert 0 < floor <= 1e-6 * float(dense.rates[0])
    np.testing.assert_allclose(found.rates, dense.rates[:8], atol=floor)
    overlap = jnp.abs(jnp.sum(found.vectors * dense.vectors[:, :8], axis=0))
    np.testing.assert_allclose(overlap, np.ones(8), atol=1e-8)
    equal = gram_spectrum(arc_cosine_ntk(X), np.full(N, 1 / N)).rates[0]
    assert abs(float(found.rates[0] / equal) - 1) > 1e-3


def test_what_is_known_of_the_rest(both):
    """The trace exactly; the effective rank between bounds that are no more than its true value apart."""
    found, dense = both
    np.testing.assert_allclose(found.trace, dense.rates.sum(), rtol=1e-12)
    np.testing.assert_allclose(found.tail, dense.rates[8:].sum(), rtol=1e-5)
    low, high = found.effective_rank
    exact = float(dense.rates.sum() ** 2 / jnp.sum(dense.rates**2))
    assert low < exact < high < 1.1 * low


def test_network_rates_are_those_of_neural_tangents():
    """empirical_ntk_fn and eigh, to 1e-6 of the largest rate."""
    network = MLP(32, 3)
    params = jax.tree.map(lambda leaf: leaf.astype(float), network.init(jax.random.key(1), 2))
    nt = neural_tangents()
    dense = nt.empirical_ntk_fn(
        lambda p, x: network.apply(p, x)[:, None], implementation=nt.NtkImplementation.JACOBIAN_CONTRACTION
    )(X, None, params)
    exact = jnp.linalg.eigvalsh(dense / N)[::-1][:8]
    found = largest_rates(network_product(network, params, X), 8, KEY)
    np.testing.assert_allclose(found.rates, exact, atol=1e-6 * float(exact[0]))
    other = network.init(jax.random.key(2), 2)  # the control: the rates of another draw are not these
    assert abs(float(largest_rates(network_product(network, other, X), 8, KEY).rates[0] / exact[0]) - 1) > 1e-3


@pytest.mark.slow
def test_network_rates_tend_to_the_analytic_ones_as_the_root_of_the_width():
    """Slope -1/2 of the error against the width, the root mean square over 32 draws and four rates."""
    x = X[:40]
    exact = largest_rates(kernel_product(kernel(MLP(2, 2)), x), 4, KEY).rates
    widths, errors = [128, 256, 512, 1024], []
    for width in widths:
        net = MLP(width, 2)
        off = [
            largest_rates(network_product(net, net.init(jax.random.key(seed), 2), x), 4, KEY).rates / exact - 1
            for seed in range(32)
        ]
        errors.append(float(jnp.sqrt(jnp.mean(jnp.stack(off) ** 2))))
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    print(f"errors {np.round(errors, 4)}, slope {slope:.3f}")
    assert -0.6 < slope < -0.4
    assert errors[0] > 0.05  # the control: narrow networks are far away


@pytest.mark.parametrize(
    "weights", [np.full(N, 1.0), np.full(3, 1 / 3), np.where(np.arange(N) == 0, 0, 1 / (N - 1)), np.full(N, np.nan)]
)
def test_bad_weights_are_refused(weights):
    with pytest.raises(InputError, match="weights "):
        largest_rates(kernel_product(arc_cosine_ntk, X), 2, KEY, weights)


def test_bad_kernels_and_counts_are_refused():
    with pytest.raises(InputError, match="count=91 pairs of 90 rows"):
        largest_rates(kernel_product(arc_cosine_ntk, X), 91, KEY)
    with pytest.raises(InputError, match="negative rate"):
        largest_rates(kernel_product(lambda x1, x2: -x1 @ x2.T, X), N, KEY)
