"""What a theory is: whether it applies, said before anything dear is computed, and the trajectory that it predicts."""

from abc import abstractmethod
from dataclasses import MISSING, fields
from functools import cached_property
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from lfp import _checks
from lfp.domains.joint import Joint
from lfp.domains.problems import Points, Problem
from lfp.kernels.empirical import cast
from lfp.measure.probes import Probe
from lfp.measure.trajectory import Trajectory
from lfp.networks.joined import joined
from lfp.networks.network import Network, Params, kernel
from lfp.optimisers.law import Law
from lfp.prediction.fluctuations import band_of, network_spectrum
from lfp.prediction.noise import frozen_spectrum
from lfp.spectra.on_points import GramSpectrum, Spectrum, refuse_dense
from lfp.spectra.spectrum import spectrum
from lfp.training.plan import Plan, initialise, less, unstack, values_at_start

MOST_VALUES = 2048
"""Of several outputs beside another theory: a matrix of so many rows, and its eigenvectors."""
THEORIES: dict[str, type["Theory"]] = {}
"""All theories by name. Each precedes the theory with which the error budget compares it."""


class Ground:
    """What the theories of one training share, each worked out once, when it is first asked for.

    Args:
        network: the network.
        problem: the data.
        law: the optimiser, where it is known already: an estimate takes its kernel from it.
        seeds: number of networks.
        seed: of their initialisation.
        dtype: precision of the training: the kernels at the start are those of the same parameters.
        infinite: spectrum of the infinite-width kernel on the data, where it is known already.
        center: whether f_0 is taken off.
    """

    def __init__(
        self,
        network: Network,
        problem: Problem | Points,
        law: Law | None = None,
        *,
        seeds: int = 1,
        seed: int = 0,
        dtype: Any = jnp.float32,
        infinite: Spectrum | None = None,
        center: bool = True,
    ) -> None:
        self.network, self.problem, self.law = joined(network, problem), problem, law
        self.seeds, self.seed, self.dtype, self.center = seeds, seed, dtype, center
        if infinite is not None:
            self.infinite = infinite

    @cached_property
    def infinite(self) -> Spectrum:
        """Rates of the kernel at infinite width; InputError where there is none."""
        return spectrum(kernel(self.network), self.problem)  # type: ignore[return-value]

    @cached_property
    def starts(self) -> list[Params]:
        """The parameters of every network at its start, in the precision of the data."""
        x = self.problem.x
        params = initialise(self.network, x.shape[1], self.seeds, self.seed, self.dtype)
        return unstack(_exactly(params, jax.dtypes.canonicalize_dtype(x.dtype)))

    @cached_property
    def offsets(self) -> Float[np.ndarray, "seed n"]:
        """Where every network starts: its f_0 at the data, or 0 where that is taken off."""
        if self.center:
            return np.zeros((self.seeds, len(self.problem.x)))
        stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *self.starts)
        return values_at_start(self.network, self.problem, stacked)

    @cached_property
    def lessons(self) -> list[Problem | Points]:
        """The data as every network has them to learn: y - f_0."""
        return [less(self.problem, offset) for offset in self.offsets]

    @cached_property
    def empirical(self) -> list[GramSpectrum]:
        """Rates of every network at its start; for an optimiser without linear law those of a frozen preconditioner."""
        refuse_dense(len(self.problem.x))
        if self.law is None or self.law.exact or self.law.measured:
            return [network_spectrum(self.network, self.problem, params) for params in self.starts]
        pairs = zip(self.lessons, self.starts, strict=True)
        return [frozen_spectrum(self.network, data, self.law, params) for data, params in pairs]

    @cached_property
    def reference(self) -> Spectrum:
        """The rates that set the step: at infinite width where there are some, else of the first network."""
        if self.law is not None and not self.law.exact and not self.law.measured:
            return self.empirical[0]
        try:
            return self.infinite
        except _checks.InputError:
            return self.empirical[0]

    @property
    def largest(self) -> float:
        """The largest rate: at infinite width where there is one, else of all the networks."""
        reference = self.reference
        spectra = self.empirical if reference is vars(self).get("empirical", [None])[0] else [reference]
        return max(float(np.asarray(one.rates).max()) for one in spectra)


_exactly = eqx.filter_jit(cast)


class Theory(eqx.Module):
    """A way to predict a training. A subclass is known by its name from then on."""

    name: ClassVar[str]
    layer: ClassVar[tuple[str, str] | None] = None
    """(layer of the error budget, theory or `training` that it is compared with)."""
    aside: ClassVar[tuple[str, str] | None] = None
    """Another layer of the budget, and the theory that it is compared with: off the way to training."""
    most_points: ClassVar[float] = np.inf
    """Values up to which it is worked out beside another theory, for the budget: a point has as many as outputs."""
    most_joint: ClassVar[float] = 0
    """Points of several outputs up to which it is, if they have no more than `MOST_VALUES` values."""
    of_networks: ClassVar[bool] = False
    """Whether it uses the very networks that will be trained, at their start."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in vars(cls):
            msg = f"theory {cls.__name__} has no name; allowed: a class attribute `name` of its own"
            raise _checks.InputError(msg)
        if cls.name in THEORIES and THEORIES[cls.name].__qualname__ != cls.__qualname__:
            msg = f"name={cls.name!r} is that of {THEORIES[cls.name].__name__}; allowed: another name"
            raise _checks.InputError(msg)
        THEORIES[cls.name] = cls

    @abstractmethod
    def refusal(self, network: Network, law: Law | None, points: int) -> str | None:
        """Why it does not apply; None where it does."""

    def stand(self, plan: Plan, ground: Ground, found: Trajectory, probe: Probe) -> None:
        """Refuse to be laid over training, where the theory itself shows that it is beyond its reach.

        Raises:
            InputError: a theory beyond its reach.
        """

    @abstractmethod
    def follow(self, plan: Plan, ground: Ground) -> Trajectory:
        """The predicted trajectory, at the data.

        Raises:
            InputError: a kernel that has no spectrum.
        """

    def band(self, plan: Plan, ground: Ground, curves: dict[str, Trajectory]) -> Trajectory | None:
        """Sample trajectories for networks of this width; None where it costs too much, or nothing is drawn.

        Args:
            plan: the training.
            ground: what theories share.
            curves: of this theory and of those beside it.
        """
        return band_of(plan, ground.infinite) if not self.of_networks and "ntk" in curves else None


def no_linear_law(law: Law | None) -> str | None:
    """The refusal of theories that need a linear law."""
    if law is None or law.exact:
        return None
    if law.measured:
        return "with a transformation of optax that has no law, and is measured only; allowed: 'reference'"
    return f"with {type(law.base).__name__}, which has no linear law; allowed: 'empirical', an estimate"


def beside(theory: Theory, network: Network, law: Law, problem: Problem | Points) -> dict[str, Theory]:
    """The other theories that apply and cost little, for the error budget; those with settings stand alone."""
    points = len(problem.x)
    inputs = len(problem.inputs) if isinstance(problem, Joint) else np.inf
    plain = (kind for kind in THEORIES.values() if not any(f.default is MISSING for f in fields(kind)))
    few = points <= MOST_VALUES
    cheap = (kind() for kind in plain if points <= kind.most_points or (few and inputs <= kind.most_joint))
    others = {other.name: other for other in cheap if other.name != theory.name}
    return {name: other for name, other in others.items() if other.refusal(network, law, points) is None}


def theory_of(which: "str | Theory") -> Theory:
    """A theory, or that of a name."""
    return which if isinstance(which, Theory) else THEORIES[_checks.choice("theory", which, THEORIES)]()


def refuse(theory: Theory, network: Network, law: Law | None, points: int) -> None:
    """Refuse a theory that does not apply, before anything dear is computed."""
    reason = theory.refusal(network, law, points)
    if reason is not None:
        msg = f"theory={theory.name!r} {reason}"
        raise _checks.InputError(msg)


def layers() -> tuple[str, ...]:
    """The layers of the error budget, those of all theories."""
    return tuple(layer for _, layer, _ in pairs())


def pairs() -> list[tuple[str, str, str]]:
    """(theory, layer, the other theory or `training`) of every layer."""
    each = [(kind.name, layer) for kind in THEORIES.values() for layer in (kind.layer, kind.aside)]
    return [(name, *layer) for name, layer in each if layer is not None]


def way(theory: str) -> tuple[str, ...]:
    """The layers that lie between a theory and training: D_sup is at most their sum."""
    _checks.choice("theory", theory, THEORIES)
    layer = THEORIES[theory].layer
    return () if layer is None else (layer[0], *(way(layer[1]) if layer[1] != "training" else ()))
