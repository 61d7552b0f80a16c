"""The programs of the library are lowered for CUDA and TPU, and on a GPU give what they give on a CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from lfp.numerics import fourier
from tests.helpers import floats
from tests.programs import PROGRAMS

PLATFORMS = ("cuda", "tpu")
GPUS = [device for device in jax.devices() if device.platform == "gpu"]
TOLERANCE = {"float32": 1e-3, "float64": 1e-9}
"""Of the largest value."""


@pytest.fixture(params=TOLERANCE)
def dtype(request):
    """A precision, as JAX has it where it is the widest."""
    with floats(64 if request.param == "float64" else 32):
        yield np.dtype(request.param)


def exported(job, *arrays, platforms=PLATFORMS):
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), a.dtype), arrays)
    return export.export(jax.jit(lambda *a: job(*a)), platforms=platforms)(*shapes)


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_lowers_for_cuda_and_tpu(name, dtype, monkeypatch):
    """As a process that has such a device traces it: many networks at once, sums in place of the NUFFT."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    program = PROGRAMS[name](dtype)
    lowered = exported(program.job, *program.arrays)
    assert lowered.platforms == PLATFORMS
    assert {out.dtype for out in lowered.out_avals if out.dtype.kind == "f"} == {dtype}
    if dtype == np.float32:
        assert "f64" not in lowered.mlir_module()


@pytest.mark.skipif(not fourier.has_nufft(), reason="jax_finufft is not installed, or the process is on no CPU")
def test_a_process_on_a_cpu_lowers_sums_for_other_devices(dtype):
    """The NUFFT, which it would run itself, has no rule for a TPU (control): sums take its place there."""
    from jax_finufft import nufft1, nufft2

    complex_ = np.dtype(np.result_type(dtype, np.complex64))
    shape, t = (5, 7), np.zeros((6, 2), dtype)
    u, c = np.zeros(6, complex_), np.zeros(shape, complex_)
    fast = (lambda u, t: nufft1(shape, u, *t.T), u), (lambda c, t: nufft2(c, *t.T), c)
    house = (lambda u, t: fourier.gather_modes(u, t, shape), u), (fourier.evaluate_modes, c)
    for (refused, values), (job, _) in zip(fast, house, strict=True):
        with pytest.raises(NotImplementedError, match=r"'nufft.' not found for platform tpu"):
            exported(refused, values, t, platforms=("tpu",))
        assert exported(job, values, t).platforms == PLATFORMS
        assert "nufft" in jax.jit(job).lower(values, t).as_text()  # and here the fast one


@pytest.mark.gpu
@pytest.mark.skipif(not GPUS, reason="JAX sees no GPU")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_gpu_agrees_with_a_cpu(name, dtype):
    """To `TOLERANCE`; solutions to the errors that they state on each, in the norm of the weights.

    Matrices of float32 are multiplied as such: a GPU takes 10 bits of mantissa unless it is told.
    """
    results = []
    for device in (GPUS[0], jax.devices("cpu")[0]):
        with jax.default_device(device), jax.default_matmul_precision("highest"):
            program = PROGRAMS[name](dtype)
            results.append(jax.jit(program.job)(*jax.device_put(program.arrays, device)))
            assert {leaf.device for leaf in jax.tree.leaves(results[-1])} == {device}
    if name.startswith("evolve"):
        (found, its_error), (expected, error) = (map(np.asarray, result) for result in results)
        distance = np.linalg.norm(found - expected, axis=1)
        assert (distance <= (error + its_error) * np.linalg.norm(program.arrays[1])).all()
        return
    for found, expected in zip(*map(jax.tree.leaves, results), strict=True):
        size = float(jnp.max(jnp.abs(expected)))
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype.name] * size)
