"""Divided differences against closed forms, over all gaps of two rates."""

import jax.numpy as jnp
import numpy as np
import pytest

from lfp.numerics.divided import divided

GAPS = np.concatenate([[0.0], np.logspace(-15, -0.01, 200)])


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-3)])
def test_exponentials_at_every_gap(dtype, tolerance):
    """exp(-t x): -t exp(-t m) sinh(t h) / (t h), x and y at m +- h; the plain quotient (control) loses all digits."""
    x, y, times = (np.asarray(a, dtype) for a in (0.7 * (1 + GAPS), 0.7, [0.1, 1.0, 5.0]))
    family = lambda r: jnp.exp(-jnp.asarray(times)[:, None] * r[None, :])  # noqa: E731
    m, h = (x.astype(float) + float(y)) / 2, (x.astype(float) - float(y)) / 2
    t = times.astype(float)[:, None]
    exact = -t * np.exp(-t * m) * np.where(h > 0, np.sinh(t * h) / np.where(h > 0, t * h, 1), 1)
    slopes = divided(family, jnp.asarray(x), jnp.asarray(y))
    assert slopes.dtype == dtype
    np.testing.assert_allclose(slopes, exact, rtol=tolerance)
    gap = (x - y)[x > y]
    plain = (np.asarray(family(jnp.asarray(x)))[:, x > y] - np.asarray(family(jnp.asarray(y)[None]))) / gap
    assert np.abs(plain / exact[:, x > y] - 1).max() > 100 * tolerance


def test_powers_are_sums_of_products():
    """x^3: x^2 + x y + y^2, of either sign and at 0."""
    x = jnp.array([0.0, 1e-9, 0.3, 2.0, -1.0])
    for y in (0.0, 0.3, -2.0):
        np.testing.assert_allclose(divided(lambda r: r[None] ** 3, x, jnp.asarray(y))[0], x**2 + x * y + y**2)
