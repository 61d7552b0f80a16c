"""Train real networks with optax: seeds as one ensemble, a compiled loop between snapshots."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from lfp import _checks
from lfp._signature import says_itself
from lfp.domains.joint import Joint
from lfp.domains.problems import Points, Problem
from lfp.kernels.empirical import empirical_kernel
from lfp.measure.trajectory import Trajectory
from lfp.networks.joined import at_once, joined
from lfp.networks.network import Network, Params
from lfp.optimisers.law import Law
from lfp.optimisers.recognised import Transformation
from lfp.training import checkpoint
from lfp.training.plan import Plan, as_law, fingerprint, refuse_swapped

Progress = Callable[[int, int, float], None]
SECONDS_BETWEEN_REPORTS = 0.5
SECONDS_BETWEEN_CHECKPOINTS = 2.0


class Run(eqx.Module):
    """What training hands out.

    Args:
        trajectory: f_s - f_0 (f_s where f_0 is kept) at the data, or at the points that were asked for, for every
            seed.
        start: parameters at initialisation, stacked over seeds.
        end: parameters after the last step.
        interrupted: whether Ctrl-C ended it before the last snapshot.
    """

    trajectory: Trajectory
    start: Params
    end: Params
    interrupted: bool = eqx.field(static=True, default=False)


@runtime_checkable
class Planned(Protocol):
    """What carries the plan of a training, as a prediction does."""

    plan: Plan


@says_itself("network", "problem", "law")
def train(
    network: Network | Planned,
    problem: Problem | Points | None = None,
    law: Law | Transformation | None = None,
    steps: Int[np.ndarray, " t"] | None = None,
    *,
    at: Float[np.ndarray, "m d"] | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    dtype: Any = None,
    center: bool | None = None,
    progress: Progress | None = None,
    checkpoint_file: Path | None = None,
    resume: bool = False,
) -> Run:
    """Training on (1/2) sum_i P_i (f - f_0 - y)^2, the step of the optimiser scaled by 1 / alpha^2.

    All the data at every step, or batches that every network draws for itself, as the law says.

    Args:
        network: what to train; or a prediction, whose plan is then trained: of the other arguments up to `center`,
            only `at` may be given.
        problem: points, targets and weights.
        law: the optimiser; its learning rate is in flow time per step. Or a transformation of optax, with its own
            learning rate, on the displacement from the initial parameters.
        steps: steps at which to look, increasing from 0.
        at: points at which to look, as the network sees them; None for the data.
        seeds: number of networks, drawn independently; None for 5.
        seed: seed of the ensemble; None for 0.
        dtype: precision of the training; None for float32.
        center: whether f_0 is taken off, None for True; False trains f itself, on (1/2) sum_i P_i (f - y)^2.
        progress: called with (steps done, steps in all, seconds) about twice a second and at every snapshot.
        checkpoint_file: where snapshots are kept while it runs, every two seconds at most; None for nowhere.
        resume: go on from the checkpoint, if there is one: the same run, bit for bit.

    Returns:
        `Run`. Ctrl-C ends it early, with the snapshots that it has.

    Raises:
        InputError: no seeds, steps that do not increase from 0, points of another dimension, a damaged checkpoint.
        FloatingPointError: training diverged; the message names the step.

    Example:
        >>> from lfp import Circle, GradientDescent, TwoLayer, sum_of_modes
        >>> p = sum_of_modes(Circle(), 8, [1])
        >>> run = train(TwoLayer(width=16), p, GradientDescent(0.1), np.array([0, 5]), seeds=2)
        >>> run.trajectory.values.shape
        (2, 2, 8)
    """
    plan = _plan(network, problem=problem, law=law, steps=steps, seeds=seeds, seed=seed, dtype=dtype, center=center)
    network, problem, law, steps, dtype = plan.network, plan.problem, plan.law, plan.steps, plan.dtype
    points = problem.x if at is None else _points("at", at, problem.x.shape[1])
    if isinstance(problem, Joint) and not np.isin(points[:, -1], np.arange(problem.outputs)).all():
        msg = f"at names outputs {np.unique(points[:, -1]).tolist()[:5]} in its last column; allowed: 0 to "
        raise _checks.InputError(msg + f"{problem.outputs - 1}")
    start = plan.initialise()
    seer, (network, inputs) = network, at_once(network, problem)
    table, shares = (problem.table, problem.shares) if isinstance(problem, Joint) else (problem.y, problem.weights)
    seer, seen = (network, inputs) if at is None else (seer, points)
    # cast on the host, which compiles nothing
    x, y, p, look = (jax.device_put(np.asarray(v, dtype)) for v in (inputs, table, shares, seen))
    offset = np.asarray(_evaluate(network, start, x))  # f_0: with ASI zero up to rounding
    first = offset if at is None else np.asarray(_evaluate(seer, start, look))
    origin = first if plan.center else np.zeros_like(first)
    target = jax.device_put(np.asarray(y) + (offset if plan.center else np.zeros_like(offset)))
    rule: Law = jax.tree.map(lambda leaf: jax.device_put(np.asarray(leaf, dtype)), law)  # traced: a new rate, too
    moved, state = _begin(rule, network.alpha, start)
    if rule.batched:
        state = (state, _batch_keys(plan.seed, plan.seeds))
    values, interrupted = [first - origin], False
    keeper = _Keeper(checkpoint_file, (network, rule, start, x, y, p, look, steps, plan.center))
    begun = 0
    if resume:
        moved, state, values, begun = keeper.load((moved, state), values)
    clock = _Clock(int(steps[-1]), progress, begun)
    try:
        for done, to in pairwise(steps[len(values) - 1 :]):
            now = max(int(done), begun)
            for count in clock.stretches(now, int(to)):
                advanced = _advance(network, rule, start, moved, state, x, target, p, np.asarray(count))
                moved, state = jax.block_until_ready(advanced)
                now += count
                clock.lost += keeper.save((moved, state), values, now)
            values.append(np.asarray(_evaluate_at(seer, start, moved, look)) - origin)
            if not np.isfinite(values[-1]).all():
                msg = f"training diverged before step {to}; a smaller --lr than {float(rule.lr):g} is needed"
                raise FloatingPointError(msg)
            clock.lost += keeper.save((moved, state), values, int(to))
    except KeyboardInterrupt:
        interrupted = True
    meta = {"kind": "training", "dtype": np.dtype(dtype).name, "law": type(law).__name__, "plan": plan.identity}
    curves = np.stack(values, axis=1).astype(np.float64)
    curves = curves.reshape(*curves.shape[:2], len(points))
    return Run(Trajectory(steps[: len(values)], curves, points, meta), start, _added(start, moved), interrupted)


def walk(
    network: Network, law: Law, start: Params, data: tuple[Array, Array, Array], stops: Sequence[int]
) -> Iterator[tuple[int, Params]]:
    """(step, displacement) at these steps of the training of given networks: no files, no clock, JAX may trace it.

    Args:
        network: what is trained.
        law: the optimiser, one that takes all the data.
        start: parameters at the start, stacked over the networks, in the precision of the training.
        data: points, targets for f - f_0 and weights.
        stops: increasing from 0.
    """
    x, y, p = data
    target = y[None] + _evaluate(network, start, x)
    rule = jax.tree.map(lambda leaf: jnp.asarray(leaf, x.dtype), law)
    moved, state = _begin(rule, network.alpha, start)
    yield 0, moved
    for done, to in pairwise(stops):
        moved, state = _advance(network, rule, start, moved, state, x, target, p, np.asarray(to - done))
        yield to, moved


def _points(name: str, values: Any, dim: int) -> Float[np.ndarray, "m d"]:
    """Points at which to look."""
    points = np.asarray(_checks.real(name, values))
    if points.ndim != 2 or points.shape[1] != dim or not len(points):
        msg = f"{name} has shape {points.shape}; allowed: (m, {dim}), m >= 1, as the network sees the points"
        raise _checks.InputError(msg)
    return _checks.finite(name, points)


def _plan(network: Network | Planned, **settings: Any) -> Plan:
    """The plan of a prediction, or of the arguments of `train`."""
    given = {name: value for name, value in settings.items() if value is not None}
    if isinstance(network, Planned):
        if given:
            msg = f"{', '.join(given)} given with a prediction, which says all of it; allowed: train(prediction)"
            raise _checks.InputError(msg)
        return network.plan
    missing = {"problem", "law", "steps"} - set(given)
    if missing:
        msg = (
            f"train needs {', '.join(sorted(missing))}; allowed: train(network, problem, law, steps), train(prediction)"
        )
        raise _checks.InputError(msg)
    given["law"] = as_law(given["law"], given["steps"], network)
    refuse_swapped(network, given["problem"], given["law"])
    return Plan(joined(network, given["problem"]), **given)


def _over_seeds(function: Callable[[Any], Any], stacked: Any) -> Any:
    """One seed after the other on a CPU, where vmap's batched products are four times slower; all at once elsewhere."""
    if jax.default_backend() == "cpu":
        return jax.lax.map(function, stacked)
    return jax.vmap(function)(stacked)


@eqx.filter_jit
def _evaluate(network: Network, params: Params, x: Float[Array, "n d"]) -> Float[Array, "seed n *o"]:
    return _over_seeds(lambda one: network.apply(one, x), params)


@eqx.filter_jit
def _evaluate_at(network: Network, start: Params, moved: Params, x: Float[Array, "n d"]) -> Float[Array, "seed n *o"]:
    return _evaluate(network, _add(start, moved), x)


@eqx.filter_jit
def _begin(law: Law, alpha: float | Float[Array, ""], start: Params) -> tuple[Params, Any]:
    """Nothing moved, and the state of the optimiser, for every seed."""
    moved = jax.tree.map(jnp.zeros_like, start)
    return moved, jax.vmap(law.transformation(alpha).init)(moved)


def loss(network: Network, params: Params, x: Array, y: Array, weights: Array) -> Float[Array, ""]:
    """(1/2) sum_i P_i (f(x_i) - y_i)^2, summed over the outputs where there are several."""
    error = network.apply(params, x) - y
    return jnp.sum((weights if error.ndim == 1 else weights[:, None]) * error**2) / 2


def _add(start: Params, moved: Params) -> Params:
    return jax.tree.map(jnp.add, start, moved)


_added = eqx.filter_jit(_add)


def _gradient(network: Network, law: Law, start: Params, moved: Params, x: Array, y: Array, weights: Array) -> Params:
    """The gradient of the loss, or the direction of the law in its place."""
    if law.direction is None:
        return jax.grad(lambda d: loss(network, _add(start, d), x, y, weights))(moved)

    def apply(d: Params) -> Array:
        return network.apply(_add(start, d), x)

    f, back = jax.vjp(apply, moved)
    along = jax.jvp(apply, (moved,), (moved,))[1]
    kernel = empirical_kernel(network, _add(start, moved), x)
    pull, share = law.direction(kernel, weights, f - y, along, law.total_decay)
    return jax.tree.map(lambda g, d: g + network.alpha**2 * share * d, back(pull)[0], moved)


@eqx.filter_jit
def _advance(
    network: Network,
    law: Law,
    start: Params,
    moved: Params,
    state: Any,
    x: Array,
    y: Array,
    weights: Array,
    count: Int[Array | np.ndarray, ""],
) -> tuple[Params, Any]:
    """`count` steps of every seed. The count is traced: one compilation serves every stretch between snapshots.

    What is stepped is the displacement from the initial weights: a lazy step, added to a weight of order one in
    float32, would fall below half an ulp and be lost.
    """
    import optax

    step = law.transformation(network.alpha)

    def one_seed(seed: Any) -> Any:
        start, moved, state, target = seed

        def one_step(_: Any, carry: Any) -> Any:
            moved, state = carry
            if law.batched:
                state, key = state
                key, now = jax.random.split(jax.random.wrap_key_data(key))
                some, key = law.draw(now), jax.random.key_data(key)
                batch = x[some], target[some], weights[some] * (len(x) / len(some))
            else:
                batch, key = (x, target, weights), None
            grads = _gradient(network, law, start, moved, *batch)
            updates, state = step.update(grads, state, moved)
            return optax.apply_updates(moved, updates), (state if key is None else (state, key))

        return jax.lax.fori_loop(0, count, one_step, (moved, state))

    return _over_seeds(one_seed, (start, moved, state, y))


class _Clock:
    """Cuts the way to a snapshot into stretches of about half a second, so that progress shows and Ctrl-C is heard."""

    def __init__(self, total: int, progress: Progress | None, done: int = 0) -> None:
        self.total, self.progress, self.first = total, progress, done
        self.done, self.began, self.per_step = done, time.perf_counter(), None
        self.lost = 0.0  # seconds of a stretch that were no steps

    def stretches(self, begin: int, end: int) -> Iterator[int]:
        """Numbers of steps from one snapshot to the next."""
        while begin < end:
            # before the speed is known: few steps
            longest = 8 if self.per_step is None else max(1, int(SECONDS_BETWEEN_REPORTS / self.per_step))
            count = min(longest, end - begin)
            began, self.lost = time.perf_counter(), 0.0
            yield count
            if begin > self.first:  # the first stretch compiles
                self.per_step = max(time.perf_counter() - began - self.lost, 1e-9) / count
            begin += count
            self.done += count
            if self.progress:
                self.progress(self.done, self.total, time.perf_counter() - self.began)


def _batch_keys(seed: int, seeds: int) -> Array:
    """A source of batches for every network, as plain numbers; not the source of its parameters."""
    source = jax.random.fold_in(jax.random.key(seed), 2**30)
    return jax.random.key_data(jax.random.split(source, seeds))


class _Keeper:
    """Keeps the state of a run in a file, under an identity of all that the run depends on."""

    def __init__(self, path: Path | None, run: Any) -> None:
        self.path, self.written, self.took = path, time.perf_counter(), 0.0
        self.identity = b"" if path is None else fingerprint(run)

    def save(self, state: Any, values: list[np.ndarray], done: int) -> float:
        """The looks so far and the state after so many steps, every two seconds at most; the seconds that it took.

        A tenth of the time is the most that goes into it.
        """
        began = time.perf_counter()
        if self.path is None or began - self.written < SECONDS_BETWEEN_CHECKPOINTS * max(1.0, 5 * self.took):
            return 0.0
        arrays = [np.asarray(done), np.stack(values), *jax.tree.leaves(state)]
        checkpoint.save(self.path, arrays, self.identity)
        self.written = time.perf_counter()
        self.took = self.written - began
        return self.took

    def load(self, state: Any, values: list[np.ndarray]) -> tuple[Params, Any, list[np.ndarray], int]:
        """(moved, state, values, steps done) of the checkpoint; as given where there is none."""
        if self.path is None or not self.path.exists():
            return *state, values, 0
        done, looks, *leaves = checkpoint.load(self.path, self.identity)
        moved, state = jax.tree.unflatten(jax.tree.structure(state), map(jax.device_put, leaves))
        return moved, state, list(looks), int(done)
