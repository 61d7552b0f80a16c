"""The limit of infinite width at fixed gamma = 1 / (alpha sqrt(m)), along its characteristics.

f(x) = (alpha / sqrt(m)) sum_j a_j sigma(w_j.x + b_j) = (1 / gamma) E[a sigma(w.x + b)], and a step lr / alpha^2 moves
every neuron by -lr gamma sum_i P_i u_i grad(a sigma(w.x_i + b)): at fixed gamma nothing else depends on m. So the
law of one neuron obeys an equation of its own (Mei, Montanari, Nguyen 2018, arXiv 1804.06561), and every neuron follows
a characteristic of it. The law at the start stands as quasi-random points, in pairs (a, w, b), (-a, w, b): it is
symmetric in a, with antisymmetric initialisation and without.

A set of particles is a network of two layers, so that the law of an optimiser steps it by the optimiser's own rule.
"""

import math
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lfp import _checks
from lfp.domains.problems import Points, Problem
from lfp.kernels.empirical import cast
from lfp.networks.network import Params
from lfp.networks.two_layer import TwoLayer
from lfp.neurons.activations import Activation
from lfp.neurons.distributions import Distribution
from lfp.optimisers.descent import GradientFlow
from lfp.optimisers.law import Law
from lfp.training.loop import loss, walk
from lfp.training.plan import Plan

BLOCK = 2**22
"""Numbers that the layer of neurons holds at once, points times neurons."""
MOST_DIMENSIONS = 21201
"""Of Sobol's points."""
FLOW_TOLERANCE = 1e-6
"""Of an adaptive step, relative to the weights."""
SHORTEST = 0.25
"""Of adaptive steps of neurons with a kink, in steps of the optimiser: the field jumps where they cross a point."""
MOST_STEPS = 10**6
"""Adaptive ones between two looks."""
MANY, OVERFLOW = 1, 2
"""How a flow fails."""
_COPIES = 12
"""Numbers a parameter of a particle: itself, what optimisers keep and the stages of an adaptive step."""


class Particles(eqx.Module):
    """f(x) = (1 / gamma) E[a sigma(w.x + b)] over so many particles, summed in blocks of bounded memory.

    Args:
        activation: sigma.
        a: distribution of the output weights at the start.
        w: distribution of the input weights.
        b: distribution of the biases.
        gamma: 1 / (alpha sqrt(m)) of the networks whose limit it is.
        width: number of particles, twice that of the pairs.
    """

    activation: Activation
    a: Distribution
    w: Distribution
    b: Distribution
    gamma: float | Float[Array, ""]
    width: int = eqx.field(static=True)

    @classmethod
    def of(cls, network: TwoLayer, pairs: int, gamma: float | Float[Array, ""] | None = None) -> "Particles":
        """The limit of a network, at its own gamma or another."""
        gamma = 1 / (network.alpha * math.sqrt(network.width)) if gamma is None else gamma
        return cls(network.activation, network.a, network.w, network.b, gamma, 2 * pairs)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Particles at random, in pairs, as the neurons of a network are."""
        return TwoLayer(self.width, self.activation, self.a, self.w, self.b).init(key, dim)

    @property
    def alpha(self) -> Any:
        """Output scale of a network of so many neurons."""
        return 1 / (self.gamma * math.sqrt(self.width))

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """f(x)."""

        def part(a: Array, w: Array, b: Array) -> Array:
            return self.activation(x @ w + b[None, :]) @ a

        return self._over_blocks(part, params, len(x)) / (self.width * self.gamma)

    def gram(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, "n n"]:
        """The kernel at these parameters, E[s(z) s(z')] + E[a^2 s'(z) s'(z')] (1 + x.x')."""
        squares = 1 + jnp.matmul(x, x.T, precision="highest")

        def part(a: Array, w: Array, b: Array) -> Array:
            z = x @ w + b[None, :]
            value, slope = self.activation(z), self.activation.derivative(z) * a[None, :]
            return value @ value.T + squares * (slope @ slope.T)

        return self._over_blocks(part, params, len(x)) / self.width

    def _over_blocks(self, part: Any, params: Params, points: int) -> Array:
        """The sum over blocks of neurons; a gradient works every block out anew."""
        a, w, b = params
        count = 1
        while points * self.width // count > BLOCK and self.width % (2 * count) == 0:
            count *= 2
        if count == 1:
            return part(a, w, b)
        blocks = a.reshape(count, -1), w.reshape(len(w), count, -1).transpose(1, 0, 2), b.reshape(count, -1)
        some = jax.checkpoint(part)
        first = jnp.zeros_like(jax.eval_shape(part, *(block[0] for block in blocks)))
        return jax.lax.scan(lambda total, block: (total + some(*block), None), first, blocks)[0]


def particles_of(limit: Particles, dim: int, scrambles: int = 4, seed: int = 0, dtype: Any = float) -> Params:
    """Particles at the start, stacked over the scrambles: Sobol's points through the inverse distribution functions.

    A distribution of the user's that has no `transport` is drawn at random. Scrambles are independent.

    Args:
        limit: for the distributions, and the number of particles, a power of two.
        dim: of the data.
        scrambles: how many sets.
        seed: of the scrambles.
        dtype: of the parameters.

    Raises:
        InputError: a number of particles that is no power of two, more of them than memory, more dimensions than
            Sobol's points have.
    """
    pairs, kinds = limit.width // 2, ((limit.a, 1), (limit.w, dim), (limit.b, 1))
    begins, columns = np.cumsum([0, 1, dim]).tolist(), dim + 2  # and one more of each, behind all
    if columns + len(kinds) > MOST_DIMENSIONS:
        msg = f"dim={dim}: Sobol's points have fewer coordinates; allowed: {MOST_DIMENSIONS - 5} at most"
        raise _checks.InputError(msg)
    _refuse_number(pairs, dim, scrambles, dtype)
    _checks.integer("seed", seed, 0)

    def one(stream: np.random.SeedSequence) -> Params:
        cube = _sobol(columns + len(kinds), pairs, stream)
        keys = jax.random.split(jax.random.key(stream.generate_state(1)[0]), len(kinds))
        placed = []
        for i, ((kind, size), begin) in enumerate(zip(kinds, begins, strict=True)):
            own = cube[:, [*range(begin, begin + size), columns + i]]
            transport = getattr(kind, "transport", None)
            placed.append(kind.sample(keys[i], pairs, size) if transport is None else transport(own))
        a, w, b = placed[0][:, 0], placed[1].T, placed[2][:, 0]
        return jnp.concatenate([a, -a]), jnp.concatenate([w, w], axis=1), jnp.concatenate([b, b])

    sets = [one(stream) for stream in np.random.SeedSequence(seed).spawn(scrambles)]
    return cast(jax.tree.map(lambda *parts: jnp.stack(parts), *sets), dtype)


def _refuse_number(pairs: int, dim: int, scrambles: int, dtype: Any) -> None:
    """Refuse what is no power of two, and more than a half of the memory of this machine holds."""
    _checks.integer("particles", pairs, 2)
    _checks.integer("scrambles", scrambles, 1)
    if pairs & (pairs - 1):
        msg = f"particles={pairs} is no power of two; allowed: {2 ** int(math.log2(pairs))}"
        raise _checks.InputError(msg)
    each = _COPIES * scrambles * 2 * (dim + 2) * np.dtype(dtype).itemsize
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 // each
    if pairs > most:
        msg = f"particles={pairs} take {pairs * each / 2**30:.3g} GiB, more than a half of the memory; allowed: up to "
        raise _checks.InputError(msg + f"{2 ** int(math.log2(most))}")


def _sobol(columns: int, count: int, stream: np.random.SeedSequence) -> Float[np.ndarray, "count _"]:
    """Scrambled points in the open cube: the middle of their cell of 2^-bits."""
    from scipy.stats import qmc

    bits = 30
    random = np.random.default_rng(stream)
    points = qmc.Sobol(columns, bits=bits, seed=random).random(count)  # type: ignore[call-arg]  # rng from scipy 1.15 on
    return points + 0.5**bits / 2


def mean_field(
    network: TwoLayer,
    problem: Problem | Points,
    law: Law,
    steps: Int[np.ndarray, " t"],
    *,
    gamma: float | Float[Array, ""] | None = None,
    at: Float[np.ndarray, "m d"] | None = None,
    particles: int = 2**10,
    scrambles: int = 4,
    seed: int = 0,
    dtype: Any = jnp.float32,
    tolerance: float = FLOW_TOLERANCE,
) -> Float[Array, "run t _m"]:
    """f_s of infinite width at fixed gamma, one run a scramble: their mean is the theory, their spread its error.

    Nothing in it is random but the scrambles. JAX differentiates it forwards (`jax.jvp`) in gamma and in the scales of
    the distributions.

    Args:
        network: two layers, whose activation and distributions count; its alpha and width give gamma.
        problem: the data.
        law: steps of descent, with momentum, schedules and decay; or `GradientFlow`, in adaptive steps.
        steps: steps at which to look, increasing from 0.
        gamma: how rich; None for 1 / (alpha sqrt(m)) of the network.
        at: points at which to look; None for the data.
        particles: pairs of them a scramble, a power of two.
        scrambles: independent ones.
        seed: of the scrambles.
        dtype: precision.
        tolerance: of one adaptive step of a flow, relative to the weights.

    Returns:
        Values by scramble, step and point. Nothing is said of their stability: `lfp.predict` with `theory="meanfield"`
        follows the rates of the moving kernel and doubles the particles until a tolerance is met.

    Raises:
        InputError: another network, a law that does not descend, a gamma that is not positive, particles that are no
            power of two or more than memory.
        FloatingPointError: a flow that overflows or takes too many steps; traced by JAX its values are NaN from there.

    Example:
        >>> from lfp import Circle, GradientDescent, TwoLayer, sum_of_modes
        >>> data = sum_of_modes(Circle(), 8, [1])
        >>> values = mean_field(TwoLayer(64), data, GradientDescent(0.5), np.array([0, 9]), particles=64)
        >>> values.shape
        (4, 2, 8)
    """
    steps = Plan(network, problem, law, steps, dtype=dtype).steps  # which refuses what no training has
    for reason in (refusal_of_network(network), refusal_of_law(law)):
        if reason is not None:
            raise _checks.InputError(reason)
    if gamma is not None:
        _checks.unless_traced(_checks.positive, "gamma", gamma)
        gamma = jnp.asarray(gamma, dtype) if isinstance(gamma, jax.Array) else gamma
    limit = Particles.of(network, particles, gamma)
    start = particles_of(limit, problem.x.shape[1], scrambles, seed, dtype)
    look = jnp.asarray(problem.x if at is None else at, dtype)
    path = characteristics(limit, law, start, problem, steps, tolerance)
    return jnp.stack([values(limit, start, moved, look) for _, moved in path], axis=1)


def characteristics(
    limit: Particles,
    law: Law,
    start: Params,
    problem: Problem | Points,
    stops: Sequence[int] | Int[np.ndarray, " t"],
    tolerance: float = FLOW_TOLERANCE,
) -> Iterator[tuple[int, Params]]:
    """(step, displacement) of particles at these steps: the law's own steps, a flow by adaptive ones."""
    dtype = jax.tree.leaves(start)[0].dtype
    x, y, share = (jnp.asarray(np.asarray(part), dtype) for part in (problem.x, problem.y, problem.weights))
    data = x, y, share
    stops = [int(stop) for stop in stops]
    if isinstance(law.base, GradientFlow):
        return _flow(limit, law, start, data, stops, tolerance)
    return walk(limit, law, start, data, stops)


def refusal_of_network(network: Any) -> str | None:
    """Why a network has no such limit here; None where it has."""
    if isinstance(network, TwoLayer) and network.outputs == 1:
        return None
    name = type(network).__name__
    return f"network={name}: no mean-field limit of it is known here; allowed: TwoLayer of one output"


def refusal_of_law(law: Law | None) -> str | None:
    """Why particles do not follow a law; None where they do."""
    if law is None or law.descends:
        return None
    noise = ", whose noise every neuron sees" if law.batched else ""
    msg = f"law={type(law.base).__name__}{noise}; allowed: GradientDescent, HeavyBall, Nesterov, GradientFlow, "
    return msg + "Scheduled or WeightDecay of these"


@eqx.filter_jit
def values(limit: Particles, start: Params, moved: Params, x: Float[Array, "n d"]) -> Float[Array, "run n"]:
    """f of every scramble."""
    return jax.lax.map(lambda one: limit.apply(jax.tree.map(jnp.add, *one), x), (start, moved))


def _flow(
    limit: Particles, law: Law, start: Params, data: tuple[Array, ...], stops: Sequence[int], tolerance: float
) -> Iterator[tuple[int, Params]]:
    """The gradient flow, read on the clock of the steps."""
    dtype = data[0].dtype
    lrs = float(law.base.lr) * np.ones(stops[-1])
    if law.schedule is not None:
        short = min(len(law.schedule), stops[-1])
        lrs[:short] *= np.asarray(law.schedule)[:short]
        lrs[short:] = 0.0
    clock = np.concatenate([[0.0], np.cumsum(lrs)])[stops]
    moved = jax.tree.map(jnp.zeros_like, start)
    shortest = SHORTEST * float(law.base.lr) if limit.activation.has_kink else 0.0
    step = jnp.full(len(jax.tree.leaves(start)[0]), lrs.max(initial=0.0), dtype)
    yield 0, moved
    for (done, to), span in zip(pairwise(stops), np.diff(clock), strict=True):
        rest = (jnp.asarray(span, dtype), step, float(law.total_decay), tolerance, shortest)
        moved, step, failures = flowed(limit, start, moved, data, *rest)
        _refuse_failures(failures, done, to, tolerance)
        yield to, moved


@eqx.filter_jit
def flowed(
    limit: Particles,
    start: Params,
    moved: Params,
    data: tuple[Array, ...],
    span: Float[Array, ""],
    step: Float[Array, " run"],
    decay: float,
    tolerance: float,
    shortest: float,
) -> tuple[Params, Float[Array, " run"], Int[Array, " run"]]:
    """Displacement after a span of flow time, the step that each scramble takes, and how it failed: 0 where it did not.

    By the pair of Dormand and Prince (1980): the root mean square of the error of a step is at most tolerance (1 +
    |displacement|). A step as short as `shortest` is taken whatever its error: where the field jumps, a solution may
    slide along the jump, and its error falls no faster than the step.
    """
    rounding = float(jnp.finfo(span.dtype).eps) * span  # a step as short moves no clock
    control = {"rtol": tolerance, "atol": tolerance, "dtmin": shortest or rounding, "force_dtmin": shortest > 0}

    def field(_: Any, d: Params, start: Params) -> Params:
        gradient = jax.grad(lambda d: loss(limit, jax.tree.map(jnp.add, start, d), *data))(d)
        return jax.tree.map(lambda g, d: -g / limit.alpha**2 - decay * d, gradient, d)

    def one(scramble: tuple[Params, Params, Array]) -> tuple[Params, Array, Array]:
        start, moved, step = scramble
        end, count, failure = _integrated(field, start, moved, span, step, control)
        # of the mean length and a little more, lest a first step end one rounding before the next span
        step = jnp.where(count > 0, 1.01 * span / jnp.maximum(count, 1).astype(span.dtype), step)
        return end, step, failure

    return jax.lax.map(one, (start, moved, step))


def _integrated(
    field: Any, start: Params, moved: Params, span: Array, step: Array, control: dict[str, Any]
) -> tuple[Params, Array, Array]:
    """The end of the span, the number of steps that were taken, and how it failed."""
    import diffrax

    class Controller(diffrax.PIDController):
        """With a first step: as dt0 it is checked by a callback, of which no program is made for devices elsewhere."""

        def init(self, terms: Any, t0: Any, t1: Any, y0: Any, dt0: Any, *rest: Any) -> Any:  # noqa: ARG002
            return super().init(terms, t0, t1, y0, step, *rest)

    found = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Dopri5(),
        jnp.zeros_like(span),
        span,
        None,
        moved,
        start,
        stepsize_controller=Controller(norm=_size, **control),
        adjoint=diffrax.ForwardMode(),
        max_steps=MOST_STEPS,
        throw=False,
    )
    end = jax.tree.map(lambda part: part[0], found.ys)
    right = diffrax.is_okay(found.result) & jnp.isfinite(_size(end))
    failure = jnp.where(right, 0, jnp.where(found.result == diffrax.RESULTS.max_steps_reached, MANY, OVERFLOW))
    end = jax.tree.map(lambda part: jnp.where(right, part, jnp.nan), end)
    return end, jnp.asarray(found.stats["num_accepted_steps"]), failure


def _size(parts: Params) -> Float[Array, ""]:
    """Root mean square; infinite where one is no number."""
    flat = jnp.concatenate([part.ravel() for part in parts])
    return jnp.where(jnp.isfinite(flat).all(), jnp.sqrt(jnp.mean(flat**2)), jnp.inf)


def _refuse_failures(failures: Int[Array, " run"], done: int, to: int, tolerance: float) -> None:
    """Name the span that was not solved; where JAX does not know yet, its values are NaN."""
    if isinstance(failures, Tracer) or not (worst := int(failures.max())):
        return
    why = {
        MANY: f"takes more than {MOST_STEPS} adaptive steps; allowed: a larger tolerance, a smaller lr, closer looks",
        OVERFLOW: "leaves the range of its precision; allowed: smaller targets, a larger gamma, float64",
    }
    msg = f"the gradient flow of tolerance={tolerance:g} from step {done} to {to} {why[worst]}"
    raise FloatingPointError(msg)
