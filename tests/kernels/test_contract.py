"""One contract: any function of two point sets is a kernel, everywhere, normalised once where it enters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lfp
from lfp.kernels import Given, as_kernel

LINE = lfp.sum_of_modes(lfp.Line(), 9, [1, 2])
X = LINE.x
LINEAR = X @ X.T


def plain(x1, x2):
    return x1 @ x2.T


KERNELS = {
    "two arguments": plain,
    "None allowed": lambda x1, x2=None: x1 @ (x1 if x2 is None else x2).T,
    "compiled": jax.jit(plain),
    "numpy": lambda x1, x2: np.asarray(x1) @ np.asarray(x2).T,
    "given": Given(plain),
    "sum": 0.5 * Given(plain) + Given(lambda x1, x2: 0.5 * plain(x1, x2)),
}


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_every_form_of_a_kernel_serves_everywhere(kernel):
    """Spectrum on a line (an AttributeError once), on points, on a domain; extension; band of predictions."""
    expected = np.linalg.eigvalsh(LINEAR / 9)[::-1]
    for where in (LINE, X, lfp.Points(X, LINE.y)):
        np.testing.assert_allclose(lfp.spectrum(kernel, where).rates, np.maximum(expected, 0), atol=1e-12)
    np.testing.assert_allclose(lfp.spectrum(kernel, X, modes=2).rates[0], expected[0], rtol=1e-9)
    np.testing.assert_allclose(lfp.spectrum(kernel, lfp.Circle(), 3).shares, [0, 1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(lfp.extend(kernel, LINE).spectrum.rates, np.maximum(expected, 0), atol=1e-12)


def test_the_operator_is_a_kernel():
    """K_0 + K_LFP on a line by the one verb, against its matrix; with arithmetic, as any other."""
    operator = lfp.Operator("relu", b=lfp.Gaussian(4.0))
    gram = np.asarray(operator(jnp.asarray(X), jnp.asarray(X)))
    expected = np.linalg.eigvalsh(gram / 9)[::-1]
    rates = np.asarray(lfp.spectrum(operator, LINE).rates)
    np.testing.assert_allclose(rates, expected, atol=1e-12 * expected[0])
    np.testing.assert_allclose(lfp.spectrum(2 * operator, LINE).rates, 2 * rates, rtol=1e-12)


def test_whole_numbers_become_floats_of_the_points():
    """min(i, j) as integers: its rates are those of the floats, in float64 and float32."""
    counts = lambda x1, x2: jnp.minimum(x1, x2.T).astype(int)  # noqa: E731
    for dtype in (np.float64, np.float32):
        x = np.arange(1, 6, dtype=dtype)[:, None]
        expected = np.linalg.eigvalsh(np.minimum(x, x.T) / 5)[::-1]
        rates = lfp.spectrum(counts, x).rates
        assert rates.dtype == dtype
        np.testing.assert_allclose(rates, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (lambda x1, x2: jnp.zeros(len(x1)), r"shape \(9,\); allowed: \(9, 9\)"),
        (lambda x1, x2: plain(x1, x2).astype(complex), "complex128; allowed: real numbers"),
        (lambda x1, x2: plain(x1, x2 + 1), "not symmetric"),
        (lambda x1, x2: plain(x1, x2) * jnp.nan, "not finite"),
        (lambda x1, x2: -plain(x1, x2), "negative rate"),
    ],
)
def test_what_is_no_kernel_is_named(kernel, message):
    with pytest.raises(lfp.InputError, match=message):
        lfp.spectrum(kernel, LINE)


def test_what_is_no_function_is_named():
    for which in (3.0, None, "relu"):
        with pytest.raises(lfp.InputError, match="is no function"):
            as_kernel(which)
    with pytest.raises(lfp.InputError, match="Line has no modes of its own; allowed: Circle"):
        lfp.spectrum(plain, lfp.Line())
