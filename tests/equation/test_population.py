"""The LFP equation on a grid of frequencies: against sums over points, an ODE integrator, and its own refinement."""

import diffrax
import equinox as eqx
import jax.numpy as jnp
import lineax
import numpy as np
import optimistix
import pytest

from lfp import Exact, Gaussian, InputError, Krylov, Operator, Points, Spectral, evolve
from lfp.numerics.krylov import Applied

TIMES = np.array([0.0, 1.0, 30.0])


def bump(x):
    return np.maximum(1 - np.sum(x**2, axis=1), 0) ** 3


def operator(name="relu", dim=1):
    return Operator(name, b=Gaussian(4.0), dim=dim)


def target(x):
    return np.sin(3 * x[:, 0]) + 0.3 * np.cos(x.sum(axis=1))


@pytest.mark.parametrize(("name", "dim", "size"), [("relu", 1, 64), ("tanh", 2, 16)])
def test_it_is_the_sum_over_the_points_of_the_grid(name, dim, size):
    """Weighted points where the density is not 0, solved in real space by the eigendecomposition."""
    equation, op = Spectral(operator(name, dim), bump, 6.0, size), operator(name, dim)
    rho = bump(equation.x)
    some = rho > 0
    x, y = equation.x[some], target(equation.x)
    weights = rho / rho.sum()
    expected = evolve(op, Points(x, y[some], weights[some]), TIMES, treatment="instant", method=Exact())
    found = equation.solve(y, TIMES)
    np.testing.assert_allclose(
        found.residual[:, some], np.sqrt(weights[some]) * np.asarray(expected.residual), atol=1e-8
    )
    np.testing.assert_allclose(np.linalg.norm(found.residual[:, ~some]), 0, atol=1e-12)
    # F[h] back on the grid: h - y is the residual but for the null space
    h = np.fft.ifftn(np.asarray(found.transform[-1]).reshape((size,) * dim)).real.ravel() / (6.0 / size) ** dim
    root = np.sqrt(weights)
    frame = np.linalg.qr(root[:, None] * np.asarray(op.null_space(jnp.asarray(equation.x))))[0]
    left = root * (h - y)
    np.testing.assert_allclose(left - frame @ (frame.T @ left), found.residual[-1], atol=1e-8)


class Implicit(eqx.Module):
    """exp(-t A) v and its integral over t, stepped in time by Kvaerno 5 with matrix-free linear solves."""

    def apply(self, product, vector, family):
        times, inner = jnp.asarray(family.steps, vector.dtype), 1e-10
        finder = optimistix.Newton(inner, inner, linear_solver=lineax.GMRES(inner, inner, restart=50))
        solved = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, args: (-product(y[0]), y[0])),
            diffrax.Kvaerno5(root_finder=finder),
            t0=0.0,
            t1=times[-1],
            dt0=None,
            y0=(vector, jnp.zeros_like(vector)),
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.PIDController(1e-9, 1e-9),
            max_steps=100_000,
        )
        values = jnp.concatenate(solved.ys)
        return Applied(values, None, jnp.full(len(values), 1e-9), solved.stats["num_steps"], jnp.zeros(()))


def test_an_implicit_integrator_agrees():
    """Kvaerno 5 on the same state; half the symbol does not (control)."""
    equation = Spectral(operator(), bump, 6.0, 64)
    y = target(equation.x)
    krylov, implicit = (equation.solve(y, TIMES, method=m).residual for m in (Krylov(1e-10), Implicit()))
    np.testing.assert_allclose(implicit, krylov, atol=1e-7)
    halved = Spectral(operator(), bump, 6.0, 64)
    object.__setattr__(halved, "symbols", halved.symbols / 2)
    assert np.abs(halved.solve(y, TIMES).residual - krylov).max() > 1e-3


def rms(equation):
    """Residual of the population at the last time: an integral, the same on every grid."""
    return float(jnp.linalg.norm(equation.solve(target(equation.x), TIMES).residual[-1]))


@pytest.mark.slow
def test_order_of_convergence():
    """Grids of 32, 64, 128 against 512: relu's kernel has a kink, order 2 or more; tanh's has none."""
    for name, order in (("relu", 1.8), ("tanh", 3.5)):
        finest = rms(Spectral(operator(name), bump, 6.0, 512))
        errors = [abs(rms(Spectral(operator(name), bump, 6.0, n)) - finest) for n in (32, 64, 128)]
        assert np.log2(errors[0] / errors[2]) / 2 > order, (name, errors)


@pytest.mark.slow
def test_a_periodic_box_is_what_it_costs_to_sample_the_symbol():
    """gamma^2 at k / P: per cents off with data in 1/64 of the box, worse in a smaller one."""
    exact = rms(Spectral(operator("gaussian"), bump, 6.0, 256))
    gaps = [
        abs(rms(Spectral(operator("gaussian"), bump, p, n, "continuous")) / exact - 1)
        for p, n in ((8, 256), (128, 4096))
    ]
    assert gaps[1] < 0.03
    assert gaps[0] > 2 * gaps[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 63}, "size=63"),
        ({"symbol": "exact"}, "symbol='exact'"),
        ({"density": lambda x: np.ones(len(x))}, "up to 1 beyond"),
        ({"density": lambda x: np.full(len(x), np.nan)}, "density has"),
        ({"period": -1.0}, "period=-1.0"),
    ],
)
def test_bad_input(change, message):
    arguments = {"density": bump, "period": 6.0, "size": 64} | change
    with pytest.raises(InputError, match=message):
        Spectral(operator(), **arguments)
