"""The experiment of Luo, Ma, Xu and Zhang (arXiv 2010.08153): where training ends, against the limit of the LFP flow.

Their network sum_j a_j sigma(w_j.x + b_j) has no 1 / sqrt(m): alpha = sqrt(m) here. Their loss sum_i (f - y)^2 with the
step eta is lr = 2 n m eta here: gradient 2n times as large, and alpha^2 = m in the step. The limit does not see it.
"""

from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.interpolate import CubicSpline

from lfp import Gaussian, GradientDescent, Operator, TwoLayer, Uniform, evolve, kernel, train
from lfp.domains import merge
from lfp.training import initialise

pytestmark = pytest.mark.slow

LINE = merge(np.array([[-0.8], [-0.6], [-0.3], [-0.06], [0.1]]), np.array([0.25, -0.25, -0.07, 0.15, -0.05]))
XOR = merge(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]), np.array([1.0, -1.0, -1.0, 1.0]))
# activation, laws of (a, w, b)
CASES = {
    "cubic": ("relu", Uniform(0.1), Uniform(3.0), Uniform(3.0)),
    "linear": ("relu", Uniform(1.0), Uniform(0.2), Uniform(1.0)),
    "xor": ("relu", Gaussian(0.2), Gaussian(0.8), Gaussian(2.0)),
    "tanh": ("tanh", Uniform(4.0), Uniform(1.5), Uniform(3.0)),
    "narrow tanh": ("tanh", Uniform(0.1), Uniform(3.0), Uniform(1.0)),
}
# steps of lr = 1.5 / largest rate until the slowest mode is down to .003, and the gate
RELU = {"cubic": (60_000, 0.05), "linear": (8_000, 0.15), "xor": (500, 0.05)}
TANH_STEPS = 60_000


def setting(case):
    """Data, points between them at which to look, operator."""
    points, axis = (XOR, np.linspace(-1, 1, 15)) if case == "xor" else (LINE, np.linspace(-0.8, 0.1, 91))
    at = np.stack(np.meshgrid(*[axis] * points.x.shape[1]), axis=-1).reshape(-1, points.x.shape[1])
    return points, at, Operator(*CASES[case], dim=points.x.shape[1])


def limit(case, operator=None, steps=np.inf, law=None):
    """The LFP model at a step, or at infinity."""
    points, at, own = setting(case)
    operator = own if operator is None else operator
    return np.asarray(evolve(operator, points, np.array([steps]), law=law).at(at))[0]


def network(case, width):
    return TwoLayer(width, *CASES[case], alpha=width**0.5)


def ntk(case):
    points = setting(case)[0]
    x = jnp.asarray(points.x)
    function = kernel(network(case, 2))
    return function, np.asarray(function(x, x))


def step(case):
    """1.5 / largest rate of the infinitely wide network."""
    gram = ntk(case)[1]
    return GradientDescent(float(1.5 * len(gram) / np.linalg.eigvalsh(gram)[-1]))


def ntk_limit(case):
    points, at, _ = setting(case)
    function, gram = ntk(case)
    return np.asarray(function(jnp.asarray(at), jnp.asarray(points.x))) @ np.linalg.solve(gram, points.y)


@cache
def descend(case, width, seeds, steps):
    """f at the points between the data after plain gradient descent, one row a network."""
    points, at, _ = setting(case)
    looks = np.array([0, steps])
    return train(network(case, width), points, step(case), looks, at=at, seeds=seeds).trajectory.values[:, -1]


def newton(case, width, seeds):
    """f where Gauss-Newton steps end: they move along the gradients too, so a lazy network ends where descent does.

    With rates of 1 : 200 000 (tanh) descent itself takes a million steps.
    """
    points, at, _ = setting(case)
    x, y, at = (jnp.asarray(v) for v in (points.x, points.y, at))
    model = network(case, width)

    @eqx.filter_jit
    def one(params):
        start, restore = ravel_pytree(params)
        f = lambda q, z: model.apply(restore(q), z) - model.apply(params, z)  # noqa: E731

        def update(q, _):
            jacobian = jax.jacrev(f)(q, x)
            return q - jacobian.T @ jnp.linalg.solve(jacobian @ jacobian.T, f(q, x) - y), None

        end = jax.lax.scan(update, start, None, length=6)[0]
        return f(end, at), jnp.abs(f(end, x) - y).max()

    stacked = initialise(model, x.shape[1], seeds, dtype=jnp.float64)
    values, left = jax.lax.map(one, stacked)
    assert float(left.max()) < 1e-9
    return np.asarray(values)


def wrong_limit(case):
    """A control: the limit of other laws or another activation; where b does not cover the data, the LFP limit."""
    if case in ("xor", "linear"):
        dim, radius = (2, Gaussian(4.0)) if case == "xor" else (1, Uniform(6.0))
        return limit(case, Operator("gaussian", CASES[case][1], radius, Uniform(9.0), dim))
    return limit({"cubic": "linear", "tanh": "cubic", "narrow tanh": "narrow tanh"}[case])


def distance(case, f, g):
    """Rms over the points between the data (and over networks), relative to the standard deviation of y."""
    return float(np.sqrt(np.mean((f - g) ** 2)) / setting(case)[0].y.std())


@pytest.mark.parametrize("case", RELU)
def test_relu_networks_end_at_the_lfp_limit(case):
    """Five networks trained by plain gradient descent, seed 0: width 10 000 (8000 for XOR), rms / std of y."""
    steps, gate = RELU[case]
    ends = descend(case, 8000 if case == "xor" else 10_000, 5, steps)
    errors = [distance(case, end, limit(case)) for end in ends]
    control = distance(case, ends, wrong_limit(case))
    print(f"\n{case}: each network", np.round(errors, 4), "control", control)
    assert distance(case, ends, limit(case)) <= gate
    assert control > gate


def test_the_reference_curve_is_the_natural_spline():
    """Cubic case: the natural spline is within .05 of the trained networks, the not-a-knot spline is not."""
    points, at, _ = setting("cubic")
    ends = descend("cubic", 10_000, 5, RELU["cubic"][0])
    natural, knot = (CubicSpline(points.x[:, 0], points.y, bc_type=k)(at[:, 0]) for k in ("natural", "not-a-knot"))
    errors = [distance("cubic", ends, curve) for curve in (natural, knot)]
    print("\nnatural, not-a-knot", errors, "LFP against natural", distance("cubic", natural, limit("cubic")))
    assert errors[0] <= 0.05
    assert errors[1] > 0.1


def test_tanh():
    """Biases that cover the data: the limit, and plain descent on its way, within .05; the limit of relu is not."""
    law = step("tanh")
    ends, on_the_way = newton("tanh", 10_000, 5), descend("tanh", 10_000, 5, TANH_STEPS)
    errors = {
        "limit": distance("tanh", ends, limit("tanh")),
        "step 60 000": distance("tanh", on_the_way, limit("tanh", steps=TANH_STEPS, law=law)),
        "relu": distance("tanh", ends, wrong_limit("tanh")),
        "step 60 000 against the limit": distance("tanh", on_the_way, limit("tanh")),
    }
    print("\n", errors)
    assert errors["limit"] <= 0.05
    assert errors["step 60 000"] <= 0.05
    assert errors["relu"] > 0.05


def test_narrow_tanh_follows_its_ntk_and_not_the_operator():
    """b does not cover the data: within .05 of the infinitely wide NTK, not of the LFP limit."""
    ends = newton("narrow tanh", 10_000, 5)
    own, other = (distance("narrow tanh", ends, f("narrow tanh")) for f in (ntk_limit, limit))
    print("\nown NTK", own, "LFP", other)
    assert own <= 0.05
    assert other > 0.1


def test_newton_ends_where_descent_does():
    """Cubic and XOR, width 10 000, the same networks: their ends differ by a tenth of their distance to the limit."""
    for case in ("cubic", "xor"):
        ends = [f(case, 10_000, 5) for f in (newton, partial(descend, steps=RELU[case][0]))]
        print(f"\n{case}", distance(case, *ends), distance(case, ends[0], limit(case)))
        assert distance(case, *ends) < 0.1 * distance(case, ends[0], limit(case))


@pytest.mark.parametrize("case", CASES)
def test_slope_in_the_width(case):
    """The difference of one network (rms over 64, 32, 16) falls with slope -1/2 +- .15; to a wrong limit it stalls."""
    own = ntk_limit(case) if case == "narrow tanh" else limit(case)
    ends = partial(descend, steps=RELU[case][0]) if case in RELU else newton
    widths, rows = (1250, 3500, 10_000), []
    for width, seeds in zip(widths, (64, 32, 16), strict=True):
        values = ends(case, width, seeds)
        rows.append([distance(case, values, end) for end in (own, wrong_limit(case))])
    slopes = np.polyfit(np.log(widths), np.log(rows), 1)[0]
    print(f"\n{case}: one network at {widths}", np.round(rows, 4).tolist(), "slopes", np.round(slopes, 3))
    assert abs(slopes[0] + 0.5) <= 0.15
    assert slopes[1] > -0.3
