import importlib
import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from math import pi
from pathlib import Path
from types import ModuleType

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import pytest
from jax.interpreters import ad
from packaging.requirements import Requirement
from scipy.linalg import expm

from lfp.kernels import _neural_tangents
from lfp.kernels._neural_tangents import NEWEST, OLDEST, load

ROOT = Path(__file__).parents[2]
W_STD, B_STD = 1.3, 0.4

# neural-tangents asks for the size of a ShapeDtypeStruct in its NTK-vector products.
allow_size = pytest.mark.filterwarnings("ignore:size requires ndarray:DeprecationWarning")


def _run(code: str, path: Path = ROOT) -> None:
    """Run code in a fresh interpreter, our warnings as errors, with `path` first on its path."""
    start = f"import sys; sys.path[:0] = [{str(path)!r}, {str(ROOT)!r}]"
    start += "\nimport warnings, lfp; warnings.simplefilter('error')\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_leaves_jax_as_found():
    _run("""
import importlib.util, jax, jax.core, jax.extend.core
from jax.interpreters import ad
from lfp.kernels._neural_tangents import load

def state():
    return dict(vars(jax.core)), dict(vars(ad)), importlib.util.find_spec("jax.util")

before, modules = state(), set(sys.modules)
nt = load()
assert nt is load() and not hasattr(nt, "experimental")
assert state() == before
stand_ins = [name for name in set(sys.modules) - modules if sys.modules[name].__spec__ is None]
assert stand_ins == [] and "neural_tangents.experimental" not in sys.modules, stand_ins
""")


def test_never_imports_tensorflow(tmp_path):
    for name in ("tensorflow", "tf2jax"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(__name__ + ' was imported')")
    _run(
        """
from lfp.kernels._neural_tangents import load
nt = load()
from neural_tangents import stax
import jax.numpy as jnp
stax.serial(stax.Dense(1), stax.Erf(), stax.Dense(1))[2](jnp.ones((2, 3)), None, "ntk")
assert not {"tensorflow", "tf2jax"} & set(sys.modules)
""",
        tmp_path,
    )


def test_pins_hold_no_tensorflow():
    assert not re.search(r"tensorflow|tf2jax|://", (ROOT / "requirements-tested.txt").read_text())


def test_many_threads_load_one_module():
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: load(), range(8)))) == 1


def test_takes_what_the_user_imported(monkeypatch):
    theirs = ModuleType("neural_tangents")
    monkeypatch.setitem(sys.modules, "neural_tangents", theirs)
    assert load() is theirs


def test_restores_when_the_import_fails(monkeypatch):
    def fail(name):
        assert "Jaxpr" in vars(jax.core)
        assert sys.modules["jax.util"].safe_zip([1], [2]) == [(1, 2)]
        sys.modules[f"{name}.half"] = ModuleType("half")
        raise RuntimeError

    monkeypatch.delitem(sys.modules, "neural_tangents", raising=False)
    monkeypatch.setattr(_neural_tangents.importlib, "import_module", fail)
    before = dict(vars(jax.core)), dict(vars(ad)), dict(sys.modules)
    with pytest.raises(RuntimeError):
        load()
    assert (dict(vars(jax.core)), dict(vars(ad)), dict(sys.modules)) == before


@pytest.mark.parametrize("version", ["0.5.3", f"0.{NEWEST[1] + 1}.0", "1.0.0.dev2"])
def test_refuses_an_untested_jax(monkeypatch, version):
    monkeypatch.delitem(sys.modules, "neural_tangents", raising=False)
    monkeypatch.setattr(jax, "__version__", version)
    with pytest.raises(ImportError, match=rf"JAX 0\.{OLDEST[1]} to 0\.{NEWEST[1]}, installed is JAX {version}"):
        load()


def test_range_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    jax_range = next(r.specifier for r in map(Requirement, project["dependencies"]) if r.name == "jax")
    bound = {s.operator: s.version for s in jax_range}
    assert tuple(map(int, bound[">="].split(".")[:2])) == OLDEST
    assert bound["<"] == f"{NEWEST[0]}.{NEWEST[1] + 1}"


def _points(n: int, seed: int = 0):
    return jax.random.normal(jax.random.key(seed), (n, 3))


def _network(sigma: str, width: int = 1, depth: int = 1):
    load()
    stax = importlib.import_module("neural_tangents.stax")
    hidden = [stax.Dense(width, W_STD, B_STD), getattr(stax, sigma)()] * depth
    return stax.serial(*hidden, stax.Dense(1, W_STD, B_STD))


def _expectation(f, c: np.ndarray) -> float:
    """E f(u) f(v) for (u, v) ~ N(0, c), by a product of Gauss-Hermite rules."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    root = np.linalg.cholesky(c)
    u = root[0, 0] * nodes[:, None] + 0 * nodes
    v = root[1, 0] * nodes[:, None] + root[1, 1] * nodes
    return np.einsum("i,j,ij,ij", weights, weights, f(u), f(v))


def _smooth(f):
    f = jax.vmap(jax.vmap(f))
    return lambda c: _expectation(lambda u: np.asarray(f(jnp.asarray(u))), c)


def _relu(c):  # Cho & Saul, 2009, eq. 6
    norm, t = np.sqrt(c[0, 0] * c[1, 1]), np.arccos(c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]))
    return norm * (np.sin(t) + (pi - t) * np.cos(t)) / (2 * pi)


def _step(c):
    return (pi - np.arccos(c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]))) / (2 * pi)


GELU = lambda x: jax.nn.gelu(x, approximate=False)  # noqa: E731
EXPECTATIONS = {  # E sigma sigma, E sigma' sigma'
    "Relu": (_relu, _step),
    "Erf": (_smooth(jax.scipy.special.erf), _smooth(jax.grad(jax.scipy.special.erf))),
    "Gelu": (_smooth(GELU), _smooth(jax.grad(GELU))),
    "Sin": (_smooth(jnp.sin), _smooth(jnp.cos)),
}


@pytest.mark.parametrize("sigma", EXPECTATIONS)
@pytest.mark.parametrize("depth", [1, 2])
def test_kernel_obeys_its_recursion(sigma, depth):
    x, z = _points(3), _points(2, seed=1)
    kernel_fn = _network(sigma, depth=depth)[2]
    computed = kernel_fn(x, z, "ntk")
    np.testing.assert_allclose(jax.jit(lambda x, z: kernel_fn(x, z, "ntk"))(x, z), computed, rtol=1e-12)

    # Jacot et al., 2018: nngp <- W^2 E[s s] + b^2, ntk <- nngp + W^2 E[s' s'] ntk, both from W^2 x.z / d + b^2.
    value, slope = EXPECTATIONS[sigma]
    expected = np.zeros((3, 2))
    for i, j in product(range(3), range(2)):
        pair = np.stack([x[i], z[j]])
        nngp = W_STD**2 * pair @ pair.T / 3 + B_STD**2
        ntk = nngp[0, 1]
        for _ in range(depth):
            slopes = slope(nngp)
            # The diagonal of the next layer takes the same expectation of a point with itself.
            nngp = np.array([[value(_pair(nngp, a, b)) for b in (0, 1)] for a in (0, 1)]) * W_STD**2 + B_STD**2
            ntk = nngp[0, 1] + W_STD**2 * slopes * ntk
        expected[i, j] = ntk
    np.testing.assert_allclose(computed, expected, rtol=1e-6)


def _pair(c: np.ndarray, a: int, b: int) -> np.ndarray:
    """Covariance of (u_a, u_b), a jitter away from singular where a = b."""
    return c[np.ix_([a, b], [a, b])] + 1e-12 * np.eye(2)


@allow_size
@pytest.mark.parametrize("implementation", [1, 2])
def test_empirical_kernel_is_the_product_of_jacobians(implementation):
    init, apply, _ = _network("Erf", width=8)
    x, z = _points(4), _points(3, seed=1)
    _, params = init(jax.random.key(2), x.shape)
    kernel = jax.jit(load().empirical_ntk_fn(apply, implementation=implementation))(x, z, params)

    def jacobian(x):
        leaves = jax.tree.leaves(jax.jacobian(apply)(params, x))
        return np.concatenate([np.reshape(leaf, (len(x), -1)) for leaf in leaves], axis=1)

    np.testing.assert_allclose(kernel, jacobian(x) @ jacobian(z).T, rtol=1e-12)


def test_gradient_descent_is_the_matrix_exponential():
    x, z = _points(5), _points(2, seed=1)
    y, start = jnp.sin(x[:, :1]), jnp.cos(x[:, 1:2])
    kernel_fn = _network("Relu")[2]
    kernel, test_train = kernel_fn(x, None, "ntk"), kernel_fn(z, x, "ntk")
    at_train, at_test = load().predict.gradient_descent_mse(kernel, y)(2.0, start, jnp.zeros((2, 1)), test_train)

    residual = expm(-2.0 * np.asarray(kernel) / y.size) @ (start - y)
    np.testing.assert_allclose(at_train, y + residual, rtol=1e-10)
    moved = np.linalg.solve(kernel, residual - (start - y))
    np.testing.assert_allclose(at_test, test_train @ moved, rtol=1e-10)


def test_batches_give_the_whole_kernel():
    x, z = _points(6), _points(4, seed=1)
    kernel_fn = _network("Gelu")[2]
    batched = load().batch(kernel_fn, batch_size=2)
    np.testing.assert_allclose(batched(x, z, "ntk"), kernel_fn(x, z, "ntk"), rtol=1e-12)
    np.testing.assert_allclose(jax.jit(lambda x: batched(x, None, "ntk"))(x), kernel_fn(x, None, "ntk"), rtol=1e-12)
