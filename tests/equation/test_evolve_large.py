"""The LFP equation by matrix-free products: against the eigendecomposition, certified, exported, compiled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import Exact, Gaussian, InputError, Krylov, Operator, Points, evolve
from lfp.equation import nufft
from lfp.spectra import on_points

RNG = np.random.default_rng(0)
LINE = np.sort(RNG.uniform(-1, 1, 300))[:, None]
LATTICE = np.stack(np.meshgrid(*2 * [np.linspace(-1, 1, 16)], indexing="ij"), axis=-1).reshape(-1, 2)
TARGETS = {
    "smooth": lambda x: np.sin(3 * x[:, 0]),
    "square wave": lambda x: np.sign(np.sin(7 * x[:, 0] + 0.1)),
    "noise": lambda x: np.random.default_rng(1).normal(size=len(x)),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("x", "product"), [(LINE, "prefix sums"), (LATTICE, "fft 16 x 16")], ids=["line", "lattice"])
def test_products_are_exact(x, product, target):
    """1e-8 + 10 eps t L_max against the eigendecomposition; the estimate is no smaller than the error."""
    operator, y = Operator("relu", b=Gaussian(4.0), dim=x.shape[1]), TARGETS[target](x)
    times = np.array([0.1, 10.0, 1e4])
    exact, found = (evolve(operator, Points(x, y), times, method=m) for m in (Exact(), Krylov(1e-9)))
    assert (found.product, exact.product) == (product, "dense")
    largest = np.linalg.eigvalsh(np.asarray(operator(jnp.asarray(x), jnp.asarray(x))) / len(x))[-1]
    error = np.linalg.norm(found.residual - exact.residual, axis=1) / np.linalg.norm(y)
    assert (error <= 1e-8 + 10 * np.finfo(float).eps * times * largest).all()
    assert (error <= found.error).all()


@pytest.mark.slow
def test_nufft_is_certified():
    """n = 2000 scattered in the plane: the stated error bounds the true one at every time, and neither is idle."""
    x = RNG.uniform(-1, 1, (2000, 2))
    operator, y, times = Operator("relu", b=Gaussian(4.0), dim=2), np.sign(x[:, 1]) + x[:, 0], np.geomspace(1, 1e4, 5)
    exact = evolve(operator, Points(x, y), times, method=Exact())
    for tolerance in (1e-4, 1e-7):
        product = nufft.nufft(operator, x, tolerance=tolerance)
        assert product.error <= tolerance
        found = evolve(operator, Points(x, y), times, method=Krylov(1e-8), product=product)
        error = np.linalg.norm(found.residual - exact.residual, axis=1) / np.linalg.norm(y)
        assert (error <= found.error).all()
        assert found.error[0] < 20 * tolerance
    assert error[-1] < 1e-4


def test_it_is_jitted_in_the_targets():
    """The same numbers."""
    operator, times, y = Operator("relu"), np.array([1.0, 50.0]), TARGETS["smooth"](LINE)
    residual = lambda y: evolve(operator, Points(LINE, y), times, method=Krylov(1e-9)).residual  # noqa: E731
    np.testing.assert_allclose(jax.jit(residual)(y), residual(y), atol=1e-12)


@pytest.mark.parametrize("x", [LINE, LATTICE], ids=["line", "lattice"])
def test_it_lowers_for_every_platform(x):
    """jax.export for CPU, CUDA and TPU in float32: solve, krylov and limit."""
    x, times = x[:64].astype(np.float32), np.array([1.0, np.inf], np.float32)
    operator = Operator("relu", dim=x.shape[1])
    for method in (Krylov(1e-4, 16), Exact()):
        run = jax.jit(lambda y, m=method: evolve(operator, Points(x, y), times, method=m).residual)
        exported = jax.export.export(run, platforms=("cpu", "cuda", "tpu"))(jnp.zeros(64, jnp.float32))
        assert exported.platforms == ("cpu", "cuda", "tpu")
        assert exported.out_avals[0].dtype == jnp.float32
        y = jnp.asarray(x[:, 0])
        np.testing.assert_allclose(exported.call(y), run(y), atol=1e-5)


def test_one_compilation_serves_new_data():
    """Points of the same kind and number, another target: nothing is compiled again."""
    compiled, operator = [], Operator("relu", b=Gaussian(4.0), dim=2)
    run = lambda x, y: evolve(operator, Points(x, y), np.array([1.0, 9.0]), method=Krylov(1e-7)).residual  # noqa: E731
    run(LATTICE, TARGETS["smooth"](LATTICE))
    jax.monitoring.register_event_duration_secs_listener(lambda event, _, **kw: compiled.append(event))
    run(2 * LATTICE, TARGETS["noise"](LATTICE))
    assert not [event for event in compiled if "backend_compile" in event]


def test_dense_methods_refuse_what_does_not_fit():
    """Exact beyond the dense size, in time and at the limit, before any work."""
    x = np.linspace(0, 1, on_points.LARGEST_DENSE + 1)[:, None]
    for time in (1.0, np.inf):
        with pytest.raises(InputError, match="GiB for a dense"):
            evolve(Operator("relu"), Points(x, x[:, 0]), np.array([time]), method=Exact())
