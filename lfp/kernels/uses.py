"""Equations of a traced program in which a parameter stands: what they make of it, and what its gradient is there.

Some only rearrange a parameter W or scale it, and their output is an *image* of it. Others are linear in an image: the
*uses* of W. A use has at every point x the gradient

    df/dW = sum_s a_s (x) b_s,

where the equation multiplies W by a_s, b_s is the derivative of f by its output, and s runs over the places where W is
used: positions of a convolution, uses of a shared weight. No gradient needs to be formed (structured derivatives:
Novak, Sohl-Dickstein and Schoenholz 2022, arXiv 2206.08720).
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import Array, Float

Atom = int | core.Literal
"""The number of a variable, or a number in its place."""
Labels = tuple[int | None, ...]
"""Of every axis of an array: the axis of the parameter (0, 1, ...), a place (-1, -2, ...), None for length 1."""
Window = tuple[tuple[int, int], ...]
"""First index and end, of every axis of a parameter."""
Factors = tuple[tuple[str, Atom | float], ...]
"""Numbers that something is multiplied (`mul`) and divided (`div`) by, one after the other."""


class Step(NamedTuple):
    """An equation of a program whose variables have numbers, and the same equation alone, of its `arguments`."""

    equation: core.JaxprEqn
    alone: core.Jaxpr
    arguments: tuple[Atom, ...]
    inputs: tuple[Atom, ...]
    outputs: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    """Of all inputs, then all outputs."""
    constant: tuple[bool, ...]
    """Of every input, whether neither the parameters nor the point change it."""

    @property
    def name(self) -> str:
        """Of its primitive."""
        return self.equation.primitive.name


class Image(NamedTuple):
    """A variable that is a parameter, or a window of it, with its axes rearranged, times numbers, plus a constant."""

    leaf: int
    window: Window
    axes: Labels
    factors: Factors = ()


class Use(NamedTuple):
    """An equation that is linear in an image: `prepare(other)` comes in, what comes back to `site` comes back."""

    leaf: int
    window: Window
    factors: Factors
    other: int | None
    prepare: Callable[[Array], Array]
    other_labels: Labels
    site: int
    site_labels: Labels
    group: frozenset[int]
    """Axes of the parameter that both factors have."""

    @property
    def left(self) -> frozenset[int]:
        """Axes of the parameter that belong to what comes in."""
        return _of_parameter(self.other_labels) - self.group

    @property
    def right(self) -> frozenset[int]:
        """Axes of the parameter that belong to what comes back."""
        return _of_parameter(self.site_labels) - self.group

    def factor(self, other: Array | None, back: Array) -> tuple[Array | None, Array]:
        """What comes in and what comes back, (groups, places, axes) both; None stands for ones."""
        come = None if other is None else _arranged(self.prepare(other), self.other_labels, self.group)
        return come, _arranged(back, self.site_labels, self.group)


def whole(leaf: int, shape: Sequence[int]) -> Image:
    """A parameter itself."""
    return Image(leaf, tuple((0, size) for size in shape), tuple(k if n > 1 else None for k, n in enumerate(shape)))


def image_after(step: Step, k: int, image: Image) -> Image | None:
    """The output of a step whose input k is an image, as an image of the same parameter; None if it is none."""
    params, before, after = step.equation.params, step.shapes[k], step.shapes[-1]
    match step.name:
        case "transpose":
            return image._replace(axes=tuple(image.axes[axis] for axis in params["permutation"]))
        case "reshape" | "squeeze" | "expand_dims":
            return _reshaped(image, before, after)
        case "broadcast_in_dim":
            axes: list[int | None] = [None] * len(after)
            for axis, target in enumerate(params["broadcast_dimensions"]):
                axes[target] = image.axes[axis]
            return image._replace(axes=tuple(axes))
        case "slice" if params["strides"] is None or set(params["strides"]) <= {1}:
            return _sliced(image, params["start_indices"], params["limit_indices"])
        case "convert_element_type" if jnp.issubdtype(params["new_dtype"], jnp.floating):
            return image
        case "neg" | "mul" | "div" | "add" | "sub" if before == after and all(
            constant for j, constant in enumerate(step.constant) if j != k
        ):
            factors = _slope(step, k)
            return None if factors is None else image._replace(factors=image.factors + factors)
    return None


def use_of(step: Step, k: int, image: Image) -> Use | None:
    """The use of an image at input k of a step; None if the step is none that is known."""
    rule = _RULES.get(step.name)
    found = None if rule is None else rule(step, k, image.axes)
    if found is None:
        return None
    factors, other = image.factors, step.inputs[1 - k]
    if step.name in ("add", "sub"):
        factors, other = factors + (_slope(step, k) or ()), None
    if other is not None and not isinstance(other, int):
        return None
    return Use(image.leaf, image.window, factors, other, found[0], found[1], step.outputs[0], found[2], found[3])


def moved(use: Use, step: Step) -> Use | None:
    """The same use as seen behind a step that its output goes into: a number times it, a sum with it; None if other."""
    k = step.inputs.index(use.site)
    if step.name == "transpose":
        labels = tuple(use.site_labels[axis] for axis in step.equation.params["permutation"])
        return use._replace(site=step.outputs[0], site_labels=labels)
    if step.name in ("neg", "add", "sub", "mul", "div") and step.shapes[k] == step.shapes[-1]:
        factors = _slope(step, k)
        if factors is not None:
            return use._replace(site=step.outputs[0], factors=use.factors + factors)
    return None


def overlap(one: Window, other: Window) -> bool:
    """Whether two windows share an entry."""
    return all(max(a[0], b[0]) < min(a[1], b[1]) for a, b in zip(one, other, strict=True))


def _slope(step: Step, k: int) -> Factors | None:
    """The derivative of an arithmetic step by its input k where it is a number; None elsewhere."""
    if step.name == "neg" or (step.name == "sub" and k == 1):
        return (("mul", -1.0),)
    if step.name in ("add", "sub"):
        return ()
    if not step.constant[1 - k] or math.prod(step.shapes[1 - k]) != 1 or (step.name == "div" and k == 1):
        return None
    return ((step.name, step.inputs[1 - k]),)


def _of_parameter(labels: Labels) -> frozenset[int]:
    return frozenset(label for label in labels if label is not None and label >= 0)


def _reshaped(image: Image, before: Sequence[int], after: Sequence[int]) -> Image | None:
    """Axes of length one come or go; None where others change."""
    long = [(size, label) for size, label in zip(before, image.axes, strict=True) if size > 1]
    if [size for size, _ in long] != [size for size in after if size > 1]:
        return None
    labels = iter(long)
    return image._replace(axes=tuple(next(labels)[1] if size > 1 else None for size in after))


def _sliced(image: Image, starts: Sequence[int], ends: Sequence[int]) -> Image:
    window, axes = list(image.window), list(image.axes)
    for axis, (start, end) in enumerate(zip(starts, ends, strict=True)):
        label = image.axes[axis]
        if label is not None:
            first = image.window[label][0]
            window[label] = (first + start, first + end)
            axes[axis] = label if end - start > 1 else None
    return image._replace(window=tuple(window), axes=tuple(axes))


def _arranged(array: Array, labels: Labels, group: frozenset[int]) -> Float[Array, "groups places axes"]:
    """Axes of the group, places, and the other axes of the parameter, each kind in its order and made one."""
    kinds: tuple[list[tuple[int, int]], ...] = ([], [], [])
    for axis, label in enumerate(labels):
        which = 1 if label is None or label < 0 else 0 if label in group else 2
        kinds[which].append((abs(label or 0), axis))
    axes = [[axis for _, axis in sorted(kind)] for kind in kinds]
    sizes = [math.prod(array.shape[axis] for axis in some) for some in axes]
    return jnp.transpose(array, [axis for some in axes for axis in some]).reshape(sizes)


Found = tuple[Callable[[Array], Array], Labels, Labels, frozenset[int]]
"""What a rule finds: how the other input is prepared, its labels, those of the output, axes that both share."""


def _dot(step: Step, k: int, axes: Labels) -> Found | None:
    """A product of matrices: dW = other^T x cotangent, one matrix for every batch."""
    contracted, batch = step.equation.params["dimension_numbers"]
    if _repeated(axes, step.shapes[k]):
        return None
    other: list[int | None] = [None] * len(step.shapes[1 - k])
    for pairs in (contracted, batch):
        for mine, others in zip(pairs[k], pairs[1 - k], strict=True):
            other[others] = axes[mine]
    labels = [axes[axis] for axis in batch[k]]
    for operand in (0, 1):
        for axis in range(len(step.shapes[operand])):
            if axis in contracted[operand] or axis in batch[operand]:
                continue
            if operand == k:
                labels.append(axes[axis])
            else:
                labels.append(-1 - len(labels))
                other[axis] = labels[-1]
    return _same, tuple(other), tuple(labels), _of_parameter(tuple(axes[axis] for axis in batch[k]))


def _convolution(step: Step, k: int, axes: Labels) -> Found | None:
    """A convolution: the product of patches of its input with the kernel."""
    params, shapes = step.equation.params, step.shapes
    if k == 0 or params["feature_group_count"] != 1 or params["batch_group_count"] != 1 or _repeated(axes, shapes[1]):
        return None
    into, kernel, out = params["dimension_numbers"]
    labels: list[int | None] = [-1 - axis for axis in range(len(shapes[2]))]
    places = [labels[axis] for axis in (out[0], *out[2:])]
    labels[out[1]] = axes[kernel[0]]
    window = [shapes[1][axis] for axis in kernel[2:]]
    sizes = [shapes[2][axis] for axis in out[2:]]

    def patches(x: Array) -> Array:
        """(batch, channels, positions..., offsets...)."""
        x = jnp.transpose(x, into)
        widths = [(0, 0, 0)] * 2
        widths += [(*pad, gap - 1) for pad, gap in zip(params["padding"], params["lhs_dilation"], strict=True)]
        x = jax.lax.pad(x, jnp.zeros((), x.dtype), widths)
        parts = []
        for offsets in np.ndindex(*window):
            first = [o * gap for o, gap in zip(offsets, params["rhs_dilation"], strict=True)]
            strides = params["window_strides"]
            last = [o + (n - 1) * stride + 1 for o, n, stride in zip(first, sizes, strides, strict=True)]
            parts.append(jax.lax.slice(x, (0, 0, *first), (*x.shape[:2], *last), (1, 1, *strides)))
        return jnp.stack(parts, axis=-1).reshape(*x.shape[:2], *sizes, *window)

    other = (places[0], axes[kernel[1]], *places[1:], *(axes[axis] for axis in kernel[2:]))
    return patches, other, tuple(labels), frozenset()


def _entrywise(step: Step, k: int, axes: Labels) -> Found | None:
    """A sum or a product of entries, the parameter repeated where it is shorter."""
    mine, out = step.shapes[k], step.shapes[2]
    padded = axes if mine else (None,) * len(out)
    sizes = mine if mine else (1,) * len(out)
    labels = tuple(
        label if label is not None and size == sizes[axis] else -1 - axis
        for axis, (label, size) in enumerate(zip(padded, out, strict=True))
    )
    if step.name != "mul":
        return _same, (), labels, frozenset()
    return (lambda x: jnp.broadcast_to(x, out)), labels, labels, _of_parameter(labels)


def _same(x: Array) -> Array:
    return x


def _repeated(axes: Labels, shape: Sequence[int]) -> bool:
    return any(label is None and size > 1 for label, size in zip(axes, shape, strict=True))


_RULES: dict[str, Callable[[Step, int, Labels], Found | None]] = {
    "dot_general": _dot,
    "conv_general_dilated": _convolution,
    "add": _entrywise,
    "sub": _entrywise,
    "mul": _entrywise,
}
