"""What features do: how far neurons move, how much the kernel changes, at which rates the modes go, over the steps."""

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from lfp import _checks
from lfp.domains.problems import Problem
from lfp.measure.probes import ModeProbe
from lfp.networks.network import Params
from lfp.numerics.fourier import harmonics
from lfp.prediction.particles import Particles, characteristics, particles_of, refusal_of_law, refusal_of_network
from lfp.training.plan import Plan


class Features(eqx.Module):
    """Neurons and kernel over the steps, one run a scramble, or a network.

    Args:
        steps: steps of the optimiser.
        moved: root mean square of the displacement of a neuron (a, w, b).
        drift: |K_s - K_0| / |K_0| (Frobenius) at the data.
        rates: c_k[K_s P phi_k], the rate of mode k under the kernel at step s.
        modes: the modes, in cycles per period.
    """

    steps: Int[np.ndarray, " t"]
    moved: Float[np.ndarray, "run t"]
    drift: Float[np.ndarray, "run t"]
    rates: Float[np.ndarray, "run t k"]
    modes: Int[np.ndarray, " k"]


def features(
    plan: Plan, *, networks: bool = False, particles: int = 2**10, scrambles: int = 4, seed: int = 0
) -> Features:
    """Predicted in the mean-field limit; or measured, by training the networks of the plan.

    Args:
        plan: of two-layer networks on a `Problem`, such as `prediction.plan`.
        networks: whether the networks of the plan are trained, in place of particles.
        particles: pairs of them a scramble.
        scrambles: independent sets of particles.
        seed: of the scrambles.

    Raises:
        InputError: other networks, laws that do not descend, data that have no modes.

    Example:
        >>> from lfp import Circle, GradientDescent, TwoLayer, sum_of_modes
        >>> data = sum_of_modes(Circle(), 8, [1, 2])
        >>> plan = Plan(TwoLayer(64, alpha=0.5), data, GradientDescent(0.5), np.array([0, 9]))
        >>> found = features(plan, particles=64)
        >>> found.rates.shape, bool((found.moved[:, 1] > 0).all())
        ((4, 2, 2), True)
    """
    network, problem = plan.network, plan.problem
    for reason in (refusal_of_network(network), refusal_of_law(plan.law)):
        if reason is not None:
            raise _checks.InputError(reason)
    if not isinstance(problem, Problem):
        msg = f"problem={type(problem).__name__} has no modes; allowed: Problem"
        raise _checks.InputError(msg)
    limit: Any = Particles.of(network, particles)  # type: ignore[arg-type]
    if networks:
        limit, start = replace(limit, width=network.width), plan.initialise()
    else:
        start = particles_of(limit, problem.x.shape[1], scrambles, seed, plan.dtype)
    x = jnp.asarray(problem.x, plan.dtype)
    path = characteristics(limit, plan.law, start, problem, plan.steps)
    looks = [jax.tree.map(np.asarray, _looked(limit, start, moved, x)) for _, moved in path]
    moved, grams = (np.stack(parts, axis=1).astype(np.float64) for parts in zip(*looks, strict=True))
    change = np.linalg.norm(grams - grams[:, :1], axis=(2, 3)) / np.linalg.norm(grams[:, :1], axis=(2, 3))
    waves = harmonics(problem.turns, problem.modes)
    along = ModeProbe().matrix(problem)
    rates = np.einsum("kn,rtnm,mk->rtk", along, grams, problem.weights[:, None] * waves, optimize=True).real
    return Features(plan.steps, moved, change, rates, problem.modes)


@eqx.filter_jit
def _looked(
    limit: Particles, start: Params, moved: Params, x: Float[Array, "n d"]
) -> tuple[Float[Array, " run"], Float[Array, "run n n"]]:
    def one(both: Any) -> tuple[Array, Array]:
        start, moved = both
        square = sum(jnp.sum(part**2) for part in moved) / limit.width
        return jnp.sqrt(square), limit.gram(jax.tree.map(jnp.add, start, moved), x)

    return jax.lax.map(one, (start, moved))
