"""Train real networks with optax: seeds as one ensemble, a compiled loop between snapshots."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from lfp import _checks
from lfp.dynamics import Dynamics, GradientDescent
from lfp.networks import Network, Params
from lfp.problems import Points, Problem
from lfp.trajectory import Trajectory

Progress = Callable[[int, int, float], None]
SECONDS_BETWEEN_REPORTS = 0.5


class Run(eqx.Module):
    """What training hands out.

    Args:
        trajectory: f_s - f_0 at the data, or at the points that were asked for, for every seed.
        start: parameters at initialisation, stacked over seeds.
        end: parameters after the last step.
        interrupted: whether Ctrl-C ended it before the last snapshot.
    """

    trajectory: Trajectory
    start: Params
    end: Params
    interrupted: bool = eqx.field(static=True, default=False)


def initialise(network: Network, dim: int, seeds: int, seed: int = 0, dtype: Any = jnp.float32) -> Params:
    """Parameters of `seeds` networks, stacked. Drawn in the default precision, then cast: float32 and float64 agree.

    Example:
        >>> from lfp.networks import TwoLayer
        >>> a, w, b = initialise(TwoLayer(width=4), dim=2, seeds=3)
        >>> a.shape, w.shape, b.dtype
        ((3, 4), (3, 2, 4), dtype('float32'))
    """
    _checks.integer("seeds", seeds, 1)
    keys = jax.random.split(jax.random.key(seed), seeds)
    params = jax.vmap(lambda key: network.init(key, dim))(keys)
    return jax.tree.map(lambda leaf: leaf.astype(dtype), params)


def train(
    network: Network,
    problem: Problem | Points,
    dynamics: Dynamics,
    steps: Int[np.ndarray, " t"],
    *,
    at: Float[np.ndarray, "m d"] | None = None,
    seeds: int = 5,
    seed: int = 0,
    dtype: Any = jnp.float32,
    progress: Progress | None = None,
) -> Run:
    """Full-batch training on (1/2) sum_i P_i (f - f_0 - y)^2, the step of the optimiser scaled by 1 / alpha^2.

    Args:
        network: what to train.
        problem: points, targets and weights.
        dynamics: the optimiser; its learning rate is in flow time per step.
        steps: steps at which to look, increasing from 0.
        at: points at which to look, as the network sees them; None for the data.
        seeds: number of networks, drawn independently.
        seed: seed of the ensemble.
        dtype: precision of the training.
        progress: called with (steps done, steps in all, seconds) about twice a second and at every snapshot.

    Returns:
        `Run`. Ctrl-C ends it early, with the snapshots that it has.

    Raises:
        InputError: no seeds, steps that do not increase from 0, points of another dimension.
        FloatingPointError: training diverged; the message names the step.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.networks import TwoLayer
        >>> from lfp.problems import sum_of_modes
        >>> p = sum_of_modes(Circle(), 8, [1])
        >>> run = train(TwoLayer(width=16), p, GradientDescent(0.1), np.array([0, 5]), seeds=2)
        >>> run.trajectory.values.shape
        (2, 2, 8)
    """
    steps = np.asarray(steps)
    if steps[0] != 0 or (np.diff(steps) <= 0).any():
        msg = f"steps={steps.tolist()[:5]}... must start at 0 and increase"
        raise _checks.InputError(msg)
    points = problem.x if at is None else at
    dim = problem.x.shape[1]
    if points.shape[1] != dim:
        msg = f"at has shape {points.shape}; allowed: (m, {dim}), as the network sees the points"
        raise _checks.InputError(msg)
    start = initialise(network, dim, seeds, seed, dtype)
    x, y, p, look = (jnp.asarray(v, dtype) for v in (problem.x, problem.y, problem.weights, points))
    offset = _evaluate(network, start, x)  # f_0: with ASI zero up to rounding
    origin = offset if at is None else _evaluate(network, start, look)
    law = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), dynamics)  # traced: a new rate compiles nothing
    moved = jax.tree.map(jnp.zeros_like, start)
    state = jax.vmap(optimiser(law, network.alpha).init)(moved)
    values, interrupted = [jnp.zeros_like(origin)], False
    clock = _Clock(int(steps[-1]), progress)
    try:
        for done, target in pairwise(steps):
            for count in clock.stretches(int(done), int(target)):
                advanced = _advance(network, law, start, moved, state, x, y[None] + offset, p, jnp.asarray(count))
                moved, state = jax.block_until_ready(advanced)
            values.append(_evaluate(network, _add(start, moved), look) - origin)
            if not bool(jnp.isfinite(values[-1]).all()):
                msg = f"training diverged before step {target}; a smaller --lr than {dynamics.lr:g} is needed"
                raise FloatingPointError(msg)
    except KeyboardInterrupt:
        interrupted = True
    meta = {"kind": "training", "dtype": np.dtype(dtype).name, "seed": seed, "dynamics": type(dynamics).__name__}
    curves = np.asarray(jnp.stack(values, axis=1), np.float64)
    return Run(Trajectory(steps[: len(values)], curves, points, meta), start, _add(start, moved), interrupted)


def optimiser(dynamics: Dynamics, alpha: float) -> Any:
    """The optax transformation whose linear law is `dynamics`, on parameters: its step is lr / alpha^2.

    Raises:
        InputError: a law that no optimiser follows, such as gradient flow.

    Example:
        >>> step = optimiser(GradientDescent(0.5), alpha=2.0)
        >>> float(step.update(jnp.array(1.0), step.init(jnp.array(0.0)))[0])
        -0.125
    """
    import optax

    if isinstance(dynamics, GradientDescent):
        return optax.sgd(dynamics.lr / alpha**2)
    msg = f"dynamics={type(dynamics).__name__} is no optimiser; allowed: GradientDescent"
    raise _checks.InputError(msg)


def _over_seeds(function: Callable[[Any], Any], stacked: Any) -> Any:
    """One seed after the other on a CPU, where vmap's batched products are four times slower; all at once elsewhere."""
    if jax.default_backend() == "cpu":
        return jax.lax.map(function, stacked)
    return jax.vmap(function)(stacked)


@eqx.filter_jit
def _evaluate(network: Network, params: Params, x: Float[Array, "n d"]) -> Float[Array, "seed n"]:
    return _over_seeds(lambda one: network.apply(one, x), params)


def loss(network: Network, params: Params, x: Array, y: Array, weights: Array) -> Float[Array, ""]:
    """(1/2) sum_i P_i (f(x_i) - y_i)^2.

    Example:
        >>> from lfp.networks import Custom
        >>> line = Custom(lambda key, dim: jnp.ones(dim), lambda p, x: x @ p, width=1)
        >>> float(loss(line, jnp.ones(1), jnp.ones((2, 1)), jnp.zeros(2), jnp.full(2, 0.5)))
        0.5
    """
    return jnp.sum(weights * (network.apply(params, x) - y) ** 2) / 2


def _add(start: Params, moved: Params) -> Params:
    return jax.tree.map(jnp.add, start, moved)


@eqx.filter_jit
def _advance(
    network: Network,
    dynamics: Dynamics,
    start: Params,
    moved: Params,
    state: Any,
    x: Array,
    y: Array,
    weights: Array,
    count: Array,
) -> tuple[Params, Any]:
    """`count` steps of every seed. The count is traced: one compilation serves every stretch between snapshots.

    What is stepped is the displacement from the initial weights: a lazy step, added to a weight of order one in
    float32, would fall below half an ulp and be lost.
    """
    import optax

    step = optimiser(dynamics, network.alpha)

    def one_seed(seed: Any) -> Any:
        start, moved, state, target = seed

        def one_step(_: Any, carry: Any) -> Any:
            moved, state = carry
            grads = jax.grad(lambda d: loss(network, _add(start, d), x, target, weights))(moved)
            updates, state = step.update(grads, state, moved)
            return optax.apply_updates(moved, updates), state

        return jax.lax.fori_loop(0, count, one_step, (moved, state))

    return _over_seeds(one_seed, (start, moved, state, y))


class _Clock:
    """Cuts the way to a snapshot into stretches of about half a second, so that progress shows and Ctrl-C is heard."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.total, self.progress = total, progress
        self.done, self.began, self.per_step = 0, time.perf_counter(), None

    def stretches(self, begin: int, end: int) -> Iterator[int]:
        """Numbers of steps from one snapshot to the next."""
        while begin < end:
            # before the speed is known: few steps
            longest = 8 if self.per_step is None else max(1, int(SECONDS_BETWEEN_REPORTS / self.per_step))
            count = min(longest, end - begin)
            began = time.perf_counter()
            yield count
            if begin > 0:  # the first stretch compiles
                self.per_step = (time.perf_counter() - began) / count
            begin += count
            self.done += count
            if self.progress:
                self.progress(self.done, self.total, time.perf_counter() - self.began)
