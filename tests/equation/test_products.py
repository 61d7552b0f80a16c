"""Products against the matrix, for every method, kernel and shape of data."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lfp import FixedRadius, Gaussian, InputError, Krylov, Operator, Points, Samples, Uniform, evolve
from lfp.equation import nufft, products, structured
from lfp.equation.decomposition import Part
from lfp.numerics import fourier
from lfp.numerics.krylov import apply_functions

GRIDS = {1: (40,), 2: (9, 12), 3: (4, 5, 6)}
RNG = np.random.default_rng(0)


def lattice(dim: int) -> np.ndarray:
    axes = [np.linspace(-1, 0.3 + 0.4 * i, k) for i, k in enumerate(GRIDS[dim])]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)


def matrix(operator: Operator, x, x_test=None, part: Part = "finite") -> np.ndarray:
    kernel = operator if part == "finite" else operator.lfp
    return np.asarray(kernel(jnp.asarray(x if x_test is None else x_test), jnp.asarray(x)))


def relative(product, operator: Operator, x, x_test=None, part: Part = "finite") -> float:
    v = RNG.normal(size=len(x)).astype(x.dtype)
    expected = matrix(operator, x, x_test, part) @ v
    return float(np.abs(np.asarray(product(jnp.asarray(v))) - expected).max() / np.abs(expected).max())


def as_matrix(product, n: int) -> np.ndarray:
    return np.asarray(jax.lax.map(product, jnp.eye(n))).T


@pytest.mark.parametrize(
    ("name", "dim", "part"),
    [
        ("relu", 1, "finite"),
        ("relu", 2, "finite"),
        ("tanh", 2, "lfp"),
        pytest.param("tanh", 3, "finite", marks=pytest.mark.slow),
    ],
)
def test_fft_is_the_matrix_in_any_order_of_the_rows(name, dim, part):
    operator, x = Operator(name, b=Gaussian(4.0), dim=dim), lattice(dim)
    assert relative(structured.grid_fft(operator, x, part=part), operator, x, part=part) < 1e-12
    shuffled = RNG.permutation(x)
    assert relative(structured.grid_fft(operator, shuffled, part=part), operator, shuffled, part=part) < 1e-12


def test_fft_with_directions():
    """A law of w that is not isotropic: the kernel is even, and not in every coordinate."""
    law = Samples(jnp.asarray(RNG.normal(size=(3, 2))))
    operator, x = Operator("tanh", w=law, dim=2), lattice(2)
    product = products.choose(operator, x)
    assert product.name == "fft 9 x 12"
    assert relative(product, operator, x) < 1e-12


def test_fft_to_other_points_of_the_grid():
    operator, x = Operator("relu", dim=2), lattice(2)
    step = np.array([x[12, 0] - x[0, 0], x[1, 1] - x[0, 1]])
    x_test = x[:1] + step * RNG.integers(-9, 20, (17, 2))
    assert relative(structured.grid_fft(operator, x, x_test), operator, x, x_test) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize(("name", "part"), [("relu", "lfp"), ("leaky_relu", "finite")])
def test_prefix_sums_are_the_matrix(name, part):
    operator = Operator(name, Uniform(2.0), FixedRadius(1.5), Gaussian(4.0))
    x, x_test = RNG.normal(3.0, 1.0, (300, 1)), RNG.normal(3.0, 2.0, (70, 1))
    x[7] = x[8]
    for points in (x, np.sort(x, axis=0)):
        assert relative(structured.prefix_sums(operator, points, part=part), operator, points, part=part) < 1e-12
        product = structured.prefix_sums(operator, points, x_test, part)
        assert relative(product, operator, points, x_test, part) < 1e-12


@pytest.mark.slow
def test_prefix_sums_of_a_million_points():
    n, operator = 10**6, Operator("relu", b=Gaussian(4.0))
    x, v = np.sort(RNG.uniform(-1, 1, (n, 1)), axis=0), RNG.normal(size=n)
    rows = np.array([0, 1, n // 3, n // 2, n - 1])
    found = np.asarray(structured.prefix_sums(operator, x)(jnp.asarray(v)))[rows]
    expected = matrix(operator, x, x[rows]) @ v
    assert np.abs(found - expected).max() / np.abs(expected).max() < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("part", ["finite", "lfp"])
def test_direct_is_the_matrix(part, monkeypatch):
    monkeypatch.setattr(products, "_CHUNK", 1000)  # several chunks, the last one not full
    operator = Operator("relu", dim=5)
    x, x_test = RNG.normal(size=(130, 5)), RNG.normal(size=(33, 5))
    assert relative(products.direct(operator, x, part=part), operator, x, part=part) < 1e-12
    assert relative(products.direct(operator, x, x_test, part), operator, x, x_test, part) < 1e-12


@pytest.mark.slow
def test_a_user_activation_keeps_its_quadratic_part():
    """c_+ d_+ differs from c_- d_-: K_0 has terms of degree 2."""
    shifted = Operator(lambda z: jax.nn.softplus(z) + 0.5 * jnp.tanh(z), dim=2)
    x = lattice(2)
    assert shifted.slopes[0] * shifted.levels[0] != shifted.slopes[1] * shifted.levels[1]
    assert relative(structured.grid_fft(shifted, x), shifted, x) < 1e-11


def scattered(kind: str, n: int, dim: int) -> np.ndarray:
    if kind == "uniform":
        return RNG.uniform(-1, 1, (n, dim))
    near = RNG.normal(0.5, 1e-3, (n // 4, dim))  # a cluster that the modes do not resolve, and far from the centre
    return np.concatenate([RNG.normal(size=(n - len(near), dim)), near])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "dim", "kind", "part"),
    [("relu", 2, "cluster", "finite"), ("relu", 2, "uniform", "lfp"), ("tanh", 1, "cluster", "finite")],
)
def test_nufft_states_its_error(name, dim, kind, part):
    operator, n = Operator(name, b=Gaussian(4.0), dim=dim), 300
    x = scattered(kind, n, dim)
    exact = matrix(operator, x, part=part)
    basis = np.linalg.qr(np.asarray(operator.null_space(jnp.asarray(x))))[0]
    outside = np.eye(n) - basis @ basis.T if part == "lfp" else np.eye(n)
    largest = np.abs(np.linalg.eigvalsh(outside @ exact @ outside)).max()
    stated, measured = {}, {}
    for modes in (4, 40):
        product = nufft.nufft(operator, x, part=part, modes=modes)
        found = as_matrix(product, n)
        stated[modes], measured[modes] = product.error, np.linalg.norm(found - exact, 2) / largest
        assert np.abs(found - found.T).max() < 1e-12 * np.abs(exact).max()
        assert measured[modes] <= stated[modes]
    assert stated[40] < 2e-3
    assert stated[4] > 10 * stated[40]


@pytest.mark.parametrize("part", ["finite", "lfp"])
def test_nufft_of_few_points_measures_its_error(part):
    """A bound by rows, and the accuracy of the transform, was a hundred times the error of a smooth kernel."""
    operator, x = Operator("gaussian", b=Gaussian(4.0), dim=2), np.random.default_rng(1).uniform(-1, 1, (10, 2))
    product = nufft.nufft(operator, x, part=part, tolerance=1e-2)
    found, exact = as_matrix(product, 10), matrix(operator, x, part=part)
    basis = np.linalg.qr(np.asarray(operator.null_space(jnp.asarray(x))))[0]
    beside = np.eye(10) - basis @ basis.T * (part == "lfp")
    apart, largest = (np.linalg.norm(beside @ some @ beside, 2) for some in (found - exact, found))
    np.testing.assert_allclose(product.error, apart / largest, rtol=1e-6)
    assert bool(product.definite)
    x[:2] = x[2:3] + 1e-12 * np.eye(2)  # three points that rounding hardly tells apart
    assert not bool(nufft.nufft(operator, x, part=part, modes=18).definite)


@pytest.mark.slow
def test_nufft_of_two_thousand_points():
    operator, x = Operator("relu", b=Gaussian(4.0), dim=2), scattered("uniform", 2000, 2)
    exact = matrix(operator, x)
    product = nufft.nufft(operator, x, tolerance=1e-5)
    v = RNG.normal(size=2000)
    for _ in range(30):  # the norm of the difference, by powers
        v = np.asarray(product(jnp.asarray(v / np.linalg.norm(v)))) - exact @ (v / np.linalg.norm(v))
    largest = np.linalg.norm(exact @ np.ones(2000)) / np.sqrt(2000)  # from below
    assert np.linalg.norm(v) / largest <= product.error <= 1e-5


@pytest.mark.slow
def test_nufft_to_other_points():
    operator = Operator("relu", dim=2)
    x, x_test = scattered("cluster", 400, 2), 1.5 * scattered("uniform", 90, 2)
    product = nufft.nufft(operator, x, x_test, modes=40)
    largest = np.linalg.eigvalsh(matrix(operator, x))[-1] * np.sqrt(90 / 400)
    measured = np.linalg.norm(as_matrix(product, 400) - matrix(operator, x, x_test), 2) / largest
    assert measured <= product.error <= 1e-2


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_transforms_are_their_sums(dim, monkeypatch):
    """The fast ones and those in chunks, against the textbook sum."""
    n, shape = 60, (9, 7, 5)[:dim]
    t = RNG.uniform(-np.pi, np.pi, (n, dim))
    modes = np.stack(np.meshgrid(*[np.arange(m) - m // 2 for m in shape], indexing="ij"), axis=-1).reshape(-1, dim)
    waves = np.exp(1j * t @ modes.T)
    u, c = (RNG.normal(size=k) + 1j * RNG.normal(size=k) for k in (n, len(modes)))
    monkeypatch.setattr(fourier, "_CHUNK", 7 * int(np.prod(shape[1:])))
    for fast in (True, False):
        monkeypatch.setattr(fourier, "has_nufft", lambda fast=fast: fast and fourier.find_spec("jax_finufft"))
        gathered = fourier.gather_modes(jnp.asarray(u), jnp.asarray(t), shape, 1e-12)
        np.testing.assert_allclose(np.ravel(gathered), waves.conj().T @ u, atol=1e-9)
        evaluated = fourier.evaluate_modes(jnp.asarray(c).reshape(shape), jnp.asarray(t), 1e-12)
        np.testing.assert_allclose(evaluated, waves @ c, atol=1e-9)


@pytest.mark.slow
def test_choice_follows_the_data(monkeypatch):
    monkeypatch.setattr(products, "DENSE", 50)
    plane, line = RNG.normal(size=(60, 2)), RNG.normal(size=(60, 1))
    relu, directions = Operator("relu", dim=2), Samples(jnp.eye(2))
    assert products.choose(Operator("relu"), line).name == "prefix sums"
    assert products.choose(relu, lattice(2)).name == "fft 9 x 12"
    assert products.choose(relu, lattice(2), plane, tolerance=0.1).name.startswith("nufft")
    assert products.choose(relu, plane[:40]).name == "dense"
    assert products.choose(relu, plane, tolerance=0.1).name.startswith("nufft")
    assert products.choose(Operator("relu", w=directions, dim=2), plane).name == "direct"
    assert products.choose(Operator("relu", dim=4), RNG.normal(size=(60, 4))).name == "direct"
    monkeypatch.setattr(fourier, "has_nufft", lambda: False)
    assert products.choose(relu, plane).name == "direct"


@pytest.mark.parametrize("build", [structured.grid_fft, structured.prefix_sums])
def test_single_precision(build):
    x = lattice(1).astype(np.float32)
    operator = Operator("relu")
    assert build(operator, x)(jnp.ones(40, jnp.float32)).dtype == jnp.float32
    assert relative(build(operator, x), operator, x) < 1e-5


@pytest.mark.slow
def test_single_precision_nufft():
    x, operator = scattered("uniform", 300, 2).astype(np.float32), Operator("relu", dim=2)
    product = nufft.nufft(operator, x, modes=40)
    assert product(jnp.ones(300, jnp.float32)).dtype == jnp.float32
    assert product.error < 1e-3
    assert relative(product, operator, x) < 1e-2


def few(operator: Operator, x: np.ndarray) -> nufft.NUFFT:
    return nufft.nufft(operator, x, modes=40)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["fft", "prefix", "nufft"])
def test_inside_krylov_under_jit(which):
    dim = 2 if which == "nufft" else 1
    operator = Operator("relu", b=Gaussian(4.0), dim=dim)
    x = scattered("uniform", 120, 2) if which == "nufft" else lattice(1)
    build = {"fft": structured.grid_fft, "prefix": structured.prefix_sums, "nufft": few}[which]
    product, v = build(operator, x), jnp.asarray(RNG.normal(size=len(x)))
    flow = eqx.filter_jit(lambda p: apply_functions(p, v, lambda rates: jnp.exp(-rates)[None], 1e-10).values[0])
    rates, vectors = np.linalg.eigh(matrix(operator, x))
    expected = vectors @ (np.exp(-rates) * (vectors.T @ np.asarray(v)))
    assert np.abs(flow(product) - expected).max() < (1e-2 if which == "nufft" else 1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["fft", "prefix", "nufft"])
def test_derivative_in_the_scales(which):
    x = scattered("uniform", 60, 2) if which == "nufft" else lattice(1)
    v = jnp.asarray(RNG.normal(size=len(x)))
    build = {"fft": structured.grid_fft, "prefix": structured.prefix_sums, "nufft": few}[which]

    def form(scale, make=build):
        operator = Operator("relu", w=Gaussian(scale), dim=x.shape[1])
        return v @ make(operator, x)(v)

    found, expected = jax.grad(form)(1.3), jax.grad(lambda s: form(s, products.dense))(1.3)
    assert abs(found / expected - 1) < (1e-3 if which == "nufft" else 1e-10)


SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: structured.grid_fft(Operator(dim=4), np.zeros((1, 4))), ("x", "(1, 4)", "1, 2 or 3")),
        (lambda: structured.grid_fft(Operator(dim=2), SQUARE[:3]), ("x", "(3, 2)", "grid")),
        (lambda: structured.grid_fft(Operator(dim=2), SQUARE[[0, 0, 1, 2]]), ("x", "grid")),
        (lambda: structured.grid_fft(Operator(dim=2), SQUARE, SQUARE + 0.1), ("x_test", "grid")),
        (lambda: structured.prefix_sums(Operator("tanh"), np.zeros((2, 1))), ("tanh", "splines")),
        (lambda: nufft.nufft(Operator(w=Samples(jnp.eye(2)), dim=2), SQUARE), ("Samples", "isotropic")),
        (lambda: nufft.nufft(Operator(dim=2), SQUARE, tolerance=0.0), ("tolerance=0.0", "> 0")),
        (lambda: products.choose(Operator(dim=2), np.full((3, 2), np.nan)), ("x has 6", "finite")),
        (lambda: products.choose(Operator(dim=2), SQUARE, np.full((1, 2), np.inf)), ("x_test has 2", "finite")),
        (lambda: products.choose(Operator(dim=3), SQUARE), ("(4, 2)", "(n, 3)")),
        (lambda: jax.jit(lambda x: products.choose(Operator(dim=2), x)(x[:, 0]))(SQUARE), ("x is traced",)),
    ],
)
def test_bad_input(call, names):
    with pytest.raises(InputError) as caught:
        call()
    assert all(name in str(caught.value) for name in names)


@pytest.mark.slow
def test_one_point_and_points_on_a_line():
    one = np.array([[0.3, 0.4]])
    line = np.stack([RNG.uniform(-1, 1, 30), np.full(30, 0.5)], axis=1)
    operator = Operator("relu", dim=2)
    for x in (one, line):
        for build in (products.choose, few):
            assert relative(build(operator, x), operator, x) < 1e-2


def test_no_rate_beside_the_null_space():
    """Two points on a line in single precision, `instant`: the error of the product was 0 / 0."""
    x, y = np.array([[0.2], [0.21]], np.float32), np.array([1.0, 2.0], np.float32)
    operator = Operator("relu", b=Gaussian(3.0))
    product = nufft.nufft(operator, jnp.asarray(x), part="lfp", tolerance=1e-4, modes=200)
    assert float(product.error) == 1.0
    times = np.array([1.0, np.inf], np.float32)
    found = evolve(operator, Points(x, y), times, treatment="instant", product=product, method=Krylov())
    assert np.isfinite(found.error).all()
    np.testing.assert_allclose(found.residual, 0, atol=1e-4)
