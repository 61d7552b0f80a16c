"""The traced program of a network, the uses of its parameters in it, and the factors of gradients."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import eval_jaxpr
from jax.extend import core
from jaxtyping import Array, Float

from lfp.kernels.uses import Atom, Factors, Image, Step, Use, image_after, moved, overlap, use_of, whole

CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2"}
"""Equations that only call a program of their own; others that hold programs (scan, custom derivatives) stay whole."""


class ParameterUses(NamedTuple):
    """Names of the parameters of a network: those whose gradients are known by factors, and the others."""

    structured: tuple[str, ...]
    general: tuple[str, ...]


class Pair(NamedTuple):
    """Factors of a gradient, sum_s left_gsi right_gsj."""

    left: Float[Array, "... groups places i"]
    right: Float[Array, "... groups places j"]


class Program:
    """The program of a function (leaves, point) -> (o,), with the uses of every leaf.

    A leaf is general if an equation of another kind takes it, or if its uses do not fit together.

    Args:
        function: (leaves, point) -> (o,).
        leaves: arrays or their shapes.
        point: of shape (d,), or its shape.
    """

    def __init__(self, function: Callable, leaves: Sequence[Any], point: Any) -> None:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(leaves, point)
        (self.count,), self.dtype = shape.shape, shape.dtype
        self.steps: list[Step] = []
        self.avals: list[Any] = []
        self.constants: dict[int, Any] = {}
        self.images: dict[int, Image] = {}
        self.general: set[int] = set()
        self._uses: list[Use] = []
        self.inputs = [self._variable(v.aval) for v in closed.jaxpr.invars]
        self.dependent = set(self.inputs)
        for leaf, variable in enumerate(self.inputs[:-1]):
            self.images[variable] = whole(leaf, self.avals[variable].shape)
        (self.output,) = self._walk(closed.jaxpr, closed.consts, self.inputs)
        if isinstance(self.output, int) and self.output in self.images:
            self.general.add(self.images[self.output].leaf)
        self.blocks = self._blocks(self._settled())
        if not self.blocks and not self.general:
            self.general.update(range(len(leaves)))

    def parameters(self, names: Sequence[str]) -> ParameterUses:
        """Names of the leaves, by how they are treated."""
        general = [leaf in self.general for leaf in range(len(names))]
        return ParameterUses(*(tuple(n for n, g in zip(names, general, strict=True) if g == which) for which in (0, 1)))

    def _variable(self, aval: Any) -> int:
        self.avals.append(aval)
        return len(self.avals) - 1

    def _walk(self, jaxpr: core.Jaxpr, consts: Sequence[Any], inputs: Sequence[Atom]) -> list[Atom]:
        """Append the equations of a program, called programs with parameters in them written out."""
        inside: dict[Any, Atom] = dict(zip(jaxpr.invars, inputs, strict=True))
        for variable, value in zip(jaxpr.constvars, consts, strict=True):
            inside[variable] = self._variable(variable.aval)
            self.constants[inside[variable]] = value  # type: ignore[index]

        def read(atom: Any) -> Atom:
            return atom if isinstance(atom, core.Literal) else inside[atom]

        for equation in jaxpr.eqns:
            given = tuple(map(read, equation.invars))
            if equation.primitive.name in CALLS and any(atom in self.images for atom in _variables(given)):
                called: Any = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
                outputs = self._walk(getattr(called, "jaxpr", called), getattr(called, "consts", ()), given)
            else:
                outputs = [self._variable(v.aval) for v in equation.outvars]
                own: list[Any] = list(dict.fromkeys(v for v in equation.invars if not isinstance(v, core.Literal)))
                alone = jaxpr.replace(constvars=[], invars=own, outvars=equation.outvars, eqns=[equation])
                arguments = tuple(inside[v] for v in own)
                constant = tuple(not isinstance(atom, int) or atom not in self.dependent for atom in given)
                shapes = tuple(self._shape(atom) for atom in (*given, *outputs))
                self._record(Step(equation, alone, arguments, given, tuple(outputs), shapes, constant))
            inside |= dict(zip(equation.outvars, outputs, strict=True))
        return list(map(read, jaxpr.outvars))

    def _shape(self, atom: Atom) -> tuple[int, ...]:
        return self.avals[atom].shape if isinstance(atom, int) else np.shape(atom.val)

    def _record(self, step: Step) -> None:
        """One more equation: whether its outputs depend on anything, are images, are uses."""
        self.steps.append(step)
        if not all(step.constant):
            self.dependent.update(step.outputs)
        for k, variable in enumerate(step.inputs):
            if not isinstance(variable, int) or variable not in self.images:
                continue
            image = image_after(step, k, self.images[variable])
            use = None if image is not None else use_of(step, k, self.images[variable])
            if image is not None:
                self.images[step.outputs[0]] = image
            elif use is not None:
                self._uses.append(use)
            else:
                self.general.add(self.images[variable].leaf)

    def _settled(self) -> list[Use]:
        """All uses, seen from as far down as possible: a weight and the bias of its layer get back the same there."""
        readers: dict[Atom, list[Step]] = defaultdict(list)
        for step in self.steps:
            for variable in _variables(step.inputs):
                readers[variable].append(step)
        settled = []
        for use in self._uses:
            further: Use | None = use
            while further is not None:
                use, steps = further, readers[further.site]
                further = moved(use, steps[0]) if len(steps) == 1 and use.site != self.output else None
            settled.append(use)
        return settled

    def _blocks(self, uses: list[Use]) -> list[list[Use]]:
        """Uses of one window of one leaf together; leaves whose uses do not fit together become general."""
        blocks: dict[Any, list[Use]] = defaultdict(list)
        for use in uses:
            blocks[use.leaf, use.window].append(use)
        for (leaf, window), other in itertools.combinations(blocks, 2):
            if leaf == other[0] and overlap(window, other[1]):
                self.general.add(leaf)
        for (leaf, _), block in blocks.items():
            first = block[0]
            for use in block[1:]:
                straight = (use.group, use.left, use.right) == (first.group, first.left, first.right)
                swapped = (use.group, use.right, use.left) == (first.group, first.left, first.right)
                if not (straight or (swapped and self.count == 1)):
                    self.general.add(leaf)
        return [block for (leaf, _), block in blocks.items() if leaf not in self.general]

    def run(self, leaves: Sequence[Array], point: Array, shifts: dict[int, Array]) -> tuple[Array, dict[int, Any]]:
        """The output, and all variables; `shifts` are added to those that they name."""
        values: dict[int, Any] = self.constants | dict(zip(self.inputs, (*leaves, point), strict=True))
        for step in self.steps:
            results = eval_jaxpr(step.alone, (), *(_value(atom, values) for atom in step.arguments))
            for variable, result in zip(step.outputs, results, strict=True):
                values[variable] = result + shifts[variable] if variable in shifts else result
        return _value(self.output, values), values

    def factors(self, leaves: Sequence[Array], point: Array, dtype: Any) -> tuple[list[Pair], list[Array]]:
        """Factors of the gradients of all outputs at a point, and the gradients of general leaves, as vectors."""
        sites = {use.site: self.avals[use.site] for block in self.blocks for use in block}
        zeros = {site: jnp.zeros(aval.shape, aval.dtype) for site, aval in sites.items()}
        general = sorted(self.general)

        def shifted(shifts: dict[int, Array], loose: list[Array]) -> tuple[Array, Any]:
            given = dict(enumerate(leaves)) | dict(zip(general, loose, strict=True))
            return self.run(list(given.values()), point, shifts)

        _, pull, values = jax.vjp(shifted, zeros, [leaves[leaf] for leaf in general], has_aux=True)
        back, gradients = jax.vmap(pull)(jnp.eye(self.count, dtype=self.dtype))
        pairs = [_pair(block, values, back, dtype) for block in self.blocks]
        return pairs, [gradient.reshape(-1).astype(dtype) for gradient in gradients]


def _pair(block: list[Use], values: dict[int, Any], back: dict[int, Array], dtype: Any) -> Pair:
    """Both factors of the gradient by one window of a leaf: its uses are places."""
    lefts, rights = [], []
    for use in block:
        other = None if use.other is None else values[use.other]
        left, right = jax.vmap(lambda b, use=use, other=other: use.factor(other, b), out_axes=(None, 2))(back[use.site])
        right = right.reshape(*right.shape[:2], -1).astype(dtype)  # all outputs in one axis
        scale = _product(use.factors, values, dtype)
        left = jnp.broadcast_to(scale, (*right.shape[:2], 1)) if left is None else scale * left.astype(dtype)
        straight = (use.left, use.right) == (block[0].left, block[0].right)
        lefts.append(left if straight else right)
        rights.append(right if straight else left)
    return Pair(jnp.concatenate(lefts, axis=1), jnp.concatenate(rights, axis=1))


def _product(factors: Factors, values: dict[int, Any], dtype: Any) -> Array:
    """Of all numbers that something was multiplied and divided by."""
    product = jnp.ones((), dtype)
    for name, atom in factors:
        value = jnp.asarray(atom if isinstance(atom, float) else _value(atom, values), dtype).reshape(())
        product = product * value if name == "mul" else product / value
    return product


def _value(atom: Atom, values: dict[int, Any]) -> Any:
    return values[atom] if isinstance(atom, int) else atom.val


def _variables(atoms: Sequence[Atom]) -> list[int]:
    return [atom for atom in atoms if isinstance(atom, int)]
