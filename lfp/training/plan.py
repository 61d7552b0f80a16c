"""One training, before it begins: which networks, on what, by which law, looked at when."""

import hashlib
import re
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lfp import _checks
from lfp.domains.joint import Joint
from lfp.domains.problems import Points, Problem
from lfp.kernels.empirical import cast
from lfp.networks.joined import joined
from lfp.networks.network import Network, Params
from lfp.optimisers.law import Law
from lfp.optimisers.recognised import Transformation, law_of

OTHERS = 8
"""Fresh networks whose start stands for that of any."""


@runtime_checkable
class Choosy(Protocol):
    """A network that does not take every point."""

    def check_points(self, x: Float[np.ndarray, "n d"]) -> None:
        """Refuse points that it has no value for."""
        ...


class Plan(eqx.Module):
    """What a training and its prediction have in common.

    Args:
        network: what is trained.
        problem: points, targets and weights.
        law: the optimiser; its learning rate is in flow time per step.
        steps: steps at which to look, increasing from 0.
        seeds: number of networks, drawn independently.
        seed: seed of the ensemble.
        dtype: precision of the training.
        center: whether f_0 is taken off, so that f - f_0 is trained; else f itself is, from f_0 on.

    Raises:
        InputError: no seeds, steps that are no whole numbers or do not increase from 0, a law of other data or of fewer
            steps, a precision that JAX has switched off.
    """

    network: Network
    problem: Problem | Points
    law: Law
    steps: Int[np.ndarray, " t"] = eqx.field(converter=np.asarray)
    seeds: int = eqx.field(static=True, default=5)
    seed: int = eqx.field(static=True, default=0)
    dtype: Any = eqx.field(static=True, default=jnp.float32)
    center: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        """Refuse what cannot be trained."""
        _checks.integer("seeds", self.seeds, 1)
        _checks.integer("seed", self.seed, 0)
        if isinstance(self.network, Choosy):
            self.network.check_points(self.problem.x)
        steps = self.steps
        if steps.ndim != 1 or not len(steps) or steps[0] != 0 or not (np.diff(steps) > 0).all():
            msg = f"steps={steps.tolist()[:5]}... must start at 0 and increase"
        elif (steps != np.rint(steps)).any():
            msg = f"steps={steps.tolist()[:5]}... must be whole numbers"
        elif joined(self.network, self.problem) is not self.network:
            msg = f"network={type(self.network).__name__} on Joint data; allowed: Joined(network)"
        elif isinstance(self.problem, Joint) and (self.law.direction is not None or self.law.batched):
            msg = f"law={type(self.law.base).__name__} on Joint data; allowed: steps of descent on all the data"
        elif (reason := self.law.base.refusal(len(self.problem.x), int(steps[-1]))) is not None:
            msg = reason
        elif jax.dtypes.canonicalize_dtype(self.dtype) != np.dtype(self.dtype):
            msg = f"dtype={np.dtype(self.dtype).name} is switched off; allowed: float32, or jax_enable_x64"
        else:
            return
        raise _checks.InputError(msg)

    @property
    def identity(self) -> dict[str, Any]:
        """What tells this training from others, as curves of it carry it: fingerprints, and the seeds."""
        parts = {
            "network": self.network,
            "law": self.law,
            "data": (self.problem.x, self.problem.y, self.problem.weights),
        }
        prints = {name: fingerprint(part).hex()[:16] for name, part in parts.items()}
        return {**prints, "seeds": self.seeds, "seed": self.seed, "center": self.center}

    def initialise(self) -> Params:
        """Parameters at the start, stacked over the networks."""
        return initialise(self.network, self.problem.x.shape[1], self.seeds, self.seed, self.dtype)

    def lessons_of_others(self) -> list[Problem | Points]:
        """What networks of this kind that will not be trained have to learn: y - f_0, or y where f_0 is taken off."""
        if self.center:
            return [self.problem]
        params = initialise(self.network, self.problem.x.shape[1], OTHERS, self.seed + 2**30, self.dtype)
        return [less(self.problem, offset) for offset in values_at_start(self.network, self.problem, params)]


def fingerprint(tree: Any) -> bytes:
    """SHA-256 of a pytree: its arrays to the bit, and its form in words, without addresses of this process."""
    arrays, rest = eqx.partition(tree, lambda leaf: isinstance(leaf, jax.Array | np.ndarray | np.generic))
    digest = hashlib.sha256(re.sub("0x[0-9a-f]+", "", repr((rest, jax.tree.structure(arrays)))).encode())
    for leaf in jax.tree.leaves(arrays):
        digest.update(f"{leaf.dtype}{leaf.shape}".encode() + np.asarray(leaf).tobytes())
    return digest.digest()


def as_law(law: Any, steps: Any, network: Any) -> Any:
    """The law of what was given: of a transformation of optax what it does to gradients."""
    if isinstance(law, Transformation) and not isinstance(law, type | Law):
        return law_of(law, int(np.asarray(steps).max(initial=1)), getattr(network, "alpha", 1.0))
    return law


def refuse_swapped(network: Any, problem: Any, law: Any = None) -> None:
    """Refuse arguments that are not (network, problem, law), as in the order of other libraries."""
    kinds = (("network", network, Network), ("problem", problem, Problem | Points), ("law", law, Law | None))
    for name, value, kind in kinds:
        if isinstance(value, type) or not isinstance(value, kind):
            msg = f"{name}={type(value).__name__} is none; allowed: (network, problem, law, steps), in this order"
            raise _checks.InputError(msg)


def initialise(network: Network, dim: int, seeds: int, seed: int = 0, dtype: Any = jnp.float32) -> Params:
    """Parameters of `seeds` networks, stacked. Drawn in the default precision, then cast: float32 and float64 agree.

    Example:
        >>> from lfp import TwoLayer
        >>> a, w, b = initialise(TwoLayer(width=4), dim=2, seeds=3)
        >>> a.shape, w.shape, b.dtype
        ((3, 4), (3, 2, 4), dtype('float32'))
    """
    for name, value, least in (("seeds", seeds, 1), ("seed", seed, 0), ("dim", dim, 1)):
        _checks.integer(name, value, least)
    return _drawn(network, jax.random.key(seed), dim, seeds, dtype)


@eqx.filter_jit
def _drawn(network: Network, key: PRNGKeyArray, dim: int, seeds: int, dtype: Any) -> Params:
    return cast(jax.vmap(lambda key: network.init(key, dim))(jax.random.split(key, seeds)), dtype)


def less(problem: Problem | Points, offset: Float[np.ndarray, " n"]) -> Problem | Points:
    """The data with y - offset for y: what is left to learn from there."""
    return replace(problem, y=np.asarray(problem.y) - offset)


def values_at_start(network: Network, problem: Problem | Points, params: Params) -> Float[np.ndarray, "seed n"]:
    """f_0 at the data, of networks whose parameters are stacked.

    Example:
        >>> from lfp import Circle, TwoLayer, sum_of_modes
        >>> p, network = sum_of_modes(Circle(), 8, [1]), TwoLayer(width=4, asi=False)
        >>> values_at_start(network, p, initialise(network, dim=2, seeds=3)).shape
        (3, 8)
    """
    x = jax.device_put(np.asarray(problem.x, jax.tree.leaves(params)[0].dtype))
    return np.asarray(_values(network, params, x), float)


@eqx.filter_jit
def _values(network: Network, params: Params, x: Float[Array, "n d"]) -> Float[Array, "seed n"]:
    return jax.lax.map(lambda one: network.apply(one, x), params)


def unstack(params: Params) -> list[Params]:
    """The parameters of each seed.

    Example:
        >>> [int(p) for p in unstack(jnp.arange(2))]
        [0, 1]
    """
    return [_unstacked(params, jax.device_put(i)) for i in range(len(jax.tree.leaves(params)[0]))]


@eqx.filter_jit
def _unstacked(params: Params, seed: Int[Array, ""]) -> Params:
    return jax.tree.map(lambda leaf: leaf[seed], params)
