"""Infinite width at fixed gamma = 1 / (alpha sqrt(m)): a theory that does not stop where networks learn features."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lfp import _checks
from lfp.domains.problems import Points, Problem
from lfp.kernels.empirical import ntk_vector_product
from lfp.measure.probes import MODES
from lfp.measure.trajectory import Trajectory
from lfp.networks.network import Network, Params
from lfp.networks.two_layer import TwoLayer
from lfp.numerics.eigenpairs import largest_pairs
from lfp.optimisers.law import Law
from lfp.prediction.particles import (
    Particles,
    characteristics,
    particles_of,
    refusal_of_law,
    refusal_of_network,
    values,
)
from lfp.prediction.theory import Ground, Theory
from lfp.training.plan import Plan, initialise

FEWEST = 2**9
"""Pairs of particles to begin with."""
BETWEEN_LOOKS = 32
"""Steps, at most, between two looks at the largest rate."""
DENSE = 512
"""Points up to which the largest rate is that of a matrix."""
SAMPLES, SAMPLE_PAIRS = 8, 2**9
"""Networks that are drawn for the band, and pairs of neurons of each."""


class MeanField(Theory):
    """f_s = (1 / gamma) E[a sigma(w.x + b)], every neuron stepped by the law (`mean_field`): one run a scramble.

    Particles are doubled until the standard error of the mean is at most the tolerance. The largest rate of the moving
    kernel is followed: where lr L reaches the law's limit of stability, the trajectory ends.

    Args:
        tolerance: largest standard error of a mode, in units of its start; without modes that of f over the rms of y.
        most: pairs of particles, at most.
        scrambles: independent sets of particles.
        seed: of the scrambles.
    """

    tolerance: float = 0.0065
    most: int = 2**15
    scrambles: int = 4
    seed: int = 0
    name: ClassVar[str] = "meanfield"
    layer: ClassVar[tuple[str, str]] = ("meanfield_vs_training", "training")
    aside: ClassVar[tuple[str, str]] = ("ntk_vs_meanfield", "ntk")
    most_points: ClassVar[float] = 0

    def __check_init__(self) -> None:
        _checks.positive("tolerance", self.tolerance)
        _checks.integer("most", self.most, FEWEST)
        _checks.integer("scrambles", self.scrambles, 2)
        _checks.integer("seed", self.seed, 0)

    def refusal(self, network: Network, law: Law | None, points: int) -> str | None:  # noqa: ARG002
        """Networks that are no two layers of one output, laws that do not descend on all the data."""
        for reason in (refusal_of_network(network), refusal_of_law(law)):
            if reason is not None:
                return f"does not apply: {reason}; 'moving' and 'empirical' serve other networks"
        return None

    def follow(self, plan: Plan, ground: Ground) -> Trajectory:  # noqa: ARG002
        """Ever more particles, until they agree.

        Its `meta` say `standard_error`, `particles` (pairs), `reached` (whether the tolerance is), and `unstable_from`,
        the step from which on lr L is beyond the limit, or None.

        Raises:
            InputError: a step that is unstable from the start; f_0 kept where it is not 0.
        """
        assert isinstance(plan.network, TwoLayer)
        if not plan.center and not plan.network.asi:
            msg = (
                f"center=False with theory={self.name!r} and asi=False, whose f_0 is of no limit; allowed: center=True"
            )
            raise _checks.InputError(msg)
        pairs = FEWEST
        while True:
            limit = Particles.of(plan.network, pairs)
            start = particles_of(limit, plan.problem.x.shape[1], self.scrambles, self.seed, plan.dtype)
            found, unstable = walked(limit, start, plan)
            error = standard_error(found, plan.problem)
            if error <= self.tolerance or 2 * pairs > self.most:
                break
            pairs *= 2
        meta = {
            "kind": "theory",
            "spectrum": self.name,
            "plan": plan.identity,
            "standard_error": float(error),
            "particles": pairs,
            "reached": bool(error <= self.tolerance),
            "unstable_from": unstable,
        }
        return Trajectory(found.steps, found.values, found.points, meta)

    def band(self, plan: Plan, ground: Ground, curves: dict[str, Trajectory]) -> Trajectory:  # noqa: ARG002
        """Networks of this width about the theory: those of few neurons are drawn at random and stepped.

        What they stray from their mean is taken by sqrt(m' / m), m' their width.
        """
        assert isinstance(plan.network, TwoLayer)
        theory = curves[self.name]
        limit = Particles.of(plan.network, SAMPLE_PAIRS)
        start = initialise(limit, plan.problem.x.shape[1], SAMPLES, 2**31 - 1 - plan.seed % 2**30, plan.dtype)
        drawn, _ = walked(limit, start, plan, len(theory.steps))
        strays = drawn.values - drawn.mean()[None]
        count = len(drawn.steps)
        shrunk = strays * np.sqrt(limit.width / plan.network.width)
        return Trajectory(drawn.steps, theory.mean()[None, :count] + shrunk, plan.problem.x, {"kind": "meanfield"})


def walked(limit: Particles, start: Params, plan: Plan, looks: int | None = None) -> tuple[Trajectory, int | None]:
    """f of every set of particles at the looks, up to where the law is unstable: that step, or None."""
    steps = plan.steps if looks is None else plan.steps[:looks]
    x = jax.device_put(np.asarray(plan.problem.x, plan.dtype))
    checks = np.arange(0, steps[-1] + 1, BETWEEN_LOOKS)
    seen, unstable = [], None
    for step, moved in characteristics(limit, plan.law, start, plan.problem, np.union1d(steps, checks).tolist()):
        top = largest_rate(limit, start, moved, x, plan.problem.weights)
        if looks is None and float(plan.law.at(jnp.asarray(step))) >= plan.law.largest_stable_lr(top):
            unstable = step
            break
        if step in steps:
            seen.append(np.asarray(values(limit, start, moved, x), np.float64))
    if unstable == 0:
        most = plan.law.largest_stable_lr(top)
        msg = f"lr={float(plan.law.lr):g} is beyond the limit of stability at the start; allowed: below {most:.4g}"
        raise _checks.InputError(msg)
    return Trajectory(steps[: len(seen)], np.stack(seen, axis=1), plan.problem.x), unstable


def standard_error(found: Trajectory, problem: Problem | Points) -> float:
    """Of the mean over scrambles, the largest of all looks and modes; without modes of f, over the rms of y."""
    if isinstance(problem, Problem):
        spread = float(MODES(found, problem).spread().max())
    else:
        variance = found.values.var(axis=0, ddof=1) @ problem.weights
        spread = float(np.sqrt(variance.max() / (problem.weights @ np.asarray(problem.y) ** 2)))
    return spread / np.sqrt(len(found.values))


def largest_rate(
    limit: Particles, start: Params, moved: Params, x: Float[Array, "n d"], weights: Float[np.ndarray, " n"]
) -> float:
    """The largest rate of the kernel of the first set of particles."""
    here = _first(start, moved)
    root = np.sqrt(weights)
    if len(x) <= DENSE:
        gram = np.asarray(_gram(limit, here, x), np.float64)
        return float(np.linalg.eigvalsh(root[:, None] * gram * root[None, :])[-1])
    scale = jnp.asarray(root, x.dtype)

    def product(block: Array) -> Array:
        return _product(limit, here, x, scale, jnp.asarray(block, x.dtype))

    return float(largest_pairs(product, len(x), 1, jax.random.key(0), 1e-3).rates[0])


@eqx.filter_jit
def _first(start: Params, moved: Params) -> Params:
    return jax.tree.map(lambda s, d: s[0] + d[0], start, moved)


@eqx.filter_jit
def _gram(limit: Particles, params: Params, x: Float[Array, "n d"]) -> Float[Array, "n n"]:
    return limit.gram(params, x)


@eqx.filter_jit
def _product(
    limit: Particles, params: Params, x: Float[Array, "n d"], root: Float[Array, " n"], block: Float[Array, "n b"]
) -> Float[Array, "n b"]:
    times = ntk_vector_product(limit, params, x)
    return jax.lax.map(lambda v: root * times(root * v), block.T).T
