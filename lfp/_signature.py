"""What users give, checked against the signature that they read: one rule for every public name.

`guard` stands at every face of the package. A public function, or the constructor of a public class, then converts what
counts as what its annotation asks for (lists and whole numbers to arrays of floats, 8.0 to 8) and refuses the rest by
an `InputError` that names the argument: another type, another number of axes, lengths that differ between arguments
which name them alike, NaN, what would lose an imaginary part, a mask or digits. Inside of the package functions are
called as they are.
"""

import difflib
import functools
import inspect
import math
import types
import typing
from collections import abc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from lfp import _checks
from lfp._checks import InputError

Lengths = dict[str, tuple[Any, str]]
"""Length of every named axis, and the argument that set it."""
Rule = Callable[[str, Any, Lengths], Any]


def guard(face: dict[str, Any]) -> None:
    """Check every public name of a face: functions get a checking twin, classes a checking constructor."""
    for name, thing in list(face.items()):
        if not name.startswith("_"):
            face[name] = guarded(thing)


def guarded(thing: Any) -> Any:
    """A public name, checked; what is neither function nor class of this package stays as it is."""
    if not getattr(thing, "__module__", "").startswith("lfp."):
        return thing
    if inspect.isfunction(thing):
        return _twin(thing)
    own = vars(thing).get("__init__") if inspect.isclass(thing) and not getattr(thing, "_is_protocol", False) else None
    if inspect.isfunction(own) and not hasattr(own, "checked"):
        thing.__init__ = _checking(own)
    return thing


def says_itself(*names: str) -> Callable[[Any], Any]:
    """Mark a function that has better words than a signature for slips in some of its arguments."""

    def mark(function: Any) -> Any:
        function.own_words = names
        return function

    return mark


@functools.cache
def _twin(function: Any) -> Any:
    if hasattr(function, "checked"):
        return function
    function.twin = twin = _checking(function)
    twin.__qualname__ += ".twin"  # where pickle finds it
    return twin


def _checking(function: Any) -> Any:
    signature = inspect.signature(function)
    constructor = function.__name__ == "__init__"
    skipped = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

    @functools.cache
    def rules() -> dict[str, Rule]:
        hints = typing.get_type_hints(function)
        named = [name for name, one in signature.parameters.items() if one.kind not in skipped and name in hints]
        named = [name for name in named if name not in getattr(function, "own_words", ())]
        return {name: _rule(hints[name], finite=not constructor) for name in named}

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        _refuse_unknown(function.__qualname__.removesuffix(".__init__"), signature, kwargs)
        bound = signature.bind(*args, **kwargs)  # a TypeError that names the argument
        lengths: Lengths = {}
        for name, rule in rules().items():
            if name in bound.arguments:
                bound.arguments[name] = rule(name, bound.arguments[name], lengths)
        return function(*bound.args, **bound.kwargs)

    call.checked = True  # type: ignore[attr-defined]
    return call


def _refuse_unknown(function: str, signature: inspect.Signature, given: dict[str, Any]) -> None:
    """Name an argument that does not exist before one that is missing for it."""
    known = signature.parameters
    if any(one.kind == inspect.Parameter.VAR_KEYWORD for one in known.values()):
        return
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            msg = f"{function}() got an unexpected argument {name!r}{hint}; allowed: {', '.join(known)}"
            raise TypeError(msg.replace("self, ", ""))


def _rule(hint: Any, *, finite: bool) -> Rule:
    """The rule of an annotation: the first of its alternatives that takes a value."""
    parts = _alternatives(hint)
    arrays = [part for part in parts if hasattr(part, "dim_str") and hasattr(part, "array_type")]
    rest = [part for part in parts if part not in arrays]
    rules: list[tuple[Rule, str]] = [_plain_rule(part, finite=finite) for part in rest]
    if any(part is float for part in rest):
        arrays = [part for part in arrays if part.dim_str]  # a number may be an array without axes
    if any(_is_key(part) for part in arrays):
        rules.append((_key, "a key, jax.random.key(0)"))
    elif arrays:
        rules.append(_array_rule(arrays, finite=finite))
    if Any in parts or not rules:
        return lambda name, value, lengths: value  # noqa: ARG005
    if len(rules) == 1:
        return rules[0][0]

    def first(name: str, value: Any, lengths: Lengths) -> Any:
        errors = []
        for rule, _ in rules:
            try:
                return rule(name, value, lengths)
            except InputError as error:
                errors.append(error)
        # the last is the most telling one where it looked at an array
        if arrays and _looks_like_array(value):
            raise errors[-1]
        _refuse(name, value, ", or ".join(words for _, words in rules))

    return first


def _alternatives(hint: Any) -> list[Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [part for one in typing.get_args(hint) for part in _alternatives(one)]
    return [hint]


def _plain_rule(hint: Any, *, finite: bool) -> tuple[Rule, str]:
    """The rule of anything but an array, and what it allows in words."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is None or hint is type(None):
        return _refusing(lambda value: value is None, "None")
    if hint is bool:
        return _refusing(lambda value: isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool", "a bool")
    if hint is int:
        return _whole, "a whole number"
    if hint is float:
        return partial(_number, finite=finite), "a number"
    if hint is str:
        return _refusing(lambda value: isinstance(value, str), "a name")
    if hint is Path:
        return _refusing(lambda value: isinstance(value, Path), "a path")
    if origin is typing.Literal:
        return lambda name, value, lengths: _checks.choice(name, value, args), f"one of {', '.join(map(str, args))}"  # noqa: ARG005
    if origin in (abc.Sequence, tuple, list) and args and args[0] in (int, float):
        return _sequence(origin, args[0], finite=finite)
    if hint is Callable or origin is abc.Callable:
        return _refusing(callable, "a function")
    kind = origin if inspect.isclass(origin) else hint
    if not inspect.isclass(kind) or kind is object or not _can_be_tested(kind):
        return lambda name, value, lengths: value, "anything"  # noqa: ARG005
    return _refusing(lambda value: isinstance(value, kind) and not isinstance(value, type), kind.__name__)


def _can_be_tested(kind: type) -> bool:
    try:
        isinstance(0, kind)
    except TypeError:
        return False
    return kind.__module__ != "jaxtyping"  # a pytree may be anything


def _refusing(accepts: Callable[[Any], bool], words: str) -> tuple[Rule, str]:
    def rule(name: str, value: Any, lengths: Lengths) -> Any:  # noqa: ARG001
        if not accepts(value):
            _refuse(name, value, words)
        return value

    return rule, words


def _whole(name: str, value: Any, lengths: Lengths) -> int:  # noqa: ARG001
    return _checks.integer(name, value, None)


def _number(name: str, value: Any, lengths: Lengths, *, finite: bool = False) -> Any:  # noqa: ARG001
    """A number, or one that JAX traces; in a result it may be infinite or NaN."""
    from jax import Array
    from jax.core import Tracer

    if isinstance(value, Tracer) and value.shape == ():
        return value
    if not _checks.is_number(value) or (finite and not math.isfinite(value)):
        _refuse(name, value, "a finite number" if finite else "a number")
    return value if isinstance(value, Array) else float(value)


def _sequence(origin: Any, kind: type, *, finite: bool) -> tuple[Rule, str]:
    words = f"a list of {'whole ' if kind is int else ''}numbers"

    def rule(name: str, value: Any, lengths: Lengths) -> Any:  # noqa: ARG001
        if isinstance(value, str | bytes | dict | set) or not isinstance(value, abc.Iterable):
            _refuse(name, value, words)
        if hasattr(value, "dtype"):
            _checks.real(name, value, 1)
        each = [_whole(name, one, {}) if kind is int else _number(name, one, {}, finite=finite) for one in value]
        return tuple(each) if origin is tuple else each

    return rule, words


def _is_key(hint: Any) -> bool:
    return hint.dtype.__name__ == "Key"


def _key(name: str, value: Any, lengths: Lengths) -> Any:  # noqa: ARG001
    import jax
    import jax.numpy as jnp

    typed = isinstance(value, jax.Array) and value.shape == () and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
    raw = isinstance(value, jax.Array) and value.dtype == "uint32" and value.shape in ((2,), (4,))
    if not typed and not raw:
        _refuse(name, value, "a key, jax.random.key(0)")
    return value


def _array_rule(hints: list[Any], *, finite: bool) -> tuple[Rule, str]:
    """The rule of arrays of one shape, of the widest kind and the kinds of library that the annotations name."""
    axes = hints[0].dim_str.split()
    kinds = {dtype for hint in hints for dtype in (hint.dtypes if isinstance(hint.dtypes, tuple | list) else ())}
    any_number = {"int64", "complex128"} <= kinds  # the function chooses: steps stay whole, where floats would do
    wide = "complex128" in kinds and not any_number
    whole, texts = bool(kinds) and "float64" not in kinds and not wide, not kinds
    jax_only = all("numpy" not in hint.array_type.__module__ for hint in hints)
    numpy_only = all("numpy" in hint.array_type.__module__ for hint in hints)
    words = f"{'whole' if whole else 'complex' if wide else 'real'} numbers of shape ({', '.join(axes)})"

    def rule(name: str, value: Any, lengths: Lengths) -> Any:
        import jax
        import jax.numpy as jnp
        import numpy as np
        from jax.core import Tracer

        if isinstance(value, Tracer):
            _fit(name, value.shape, axes, lengths)
            return value
        if not _looks_like_array(value):
            _refuse(name, value, words)
        array = np.asarray(value) if texts else (_checks.inexact if wide else _checks.real)(name, value)
        if whole:
            array = _checks.whole(name, value)
        elif any_number and not isinstance(value, jax.Array):
            array = np.asarray(value)
        _fit(name, array.shape, axes, lengths)
        if finite and 0 in np.shape(array):
            msg = f"{name} has shape {np.shape(array)}; allowed: at least one along every axis"
            raise InputError(msg)
        # steps and times, whose numbers may be whole, may be infinite too
        if finite and not texts and not (np.isfinite(array) | (any_number & ~np.isnan(array))).all():
            _checks.finite(name, np.asarray(array))
        return np.asarray(array) if numpy_only else jnp.asarray(array) if jax_only else array

    return rule, words


def _looks_like_array(value: Any) -> bool:
    return hasattr(value, "shape") or isinstance(value, list | tuple | range | int | float | complex)


def _fit(name: str, shape: tuple[int, ...], axes: list[str], lengths: Lengths) -> None:
    """Refuse another number of axes, and lengths other than those of axes of the same name."""
    if len(axes) == 1 and axes[0].startswith("*"):  # any shape, the same for all that name it alike
        known = lengths.setdefault(axes[0], (shape, name))
        if known[0] != shape:
            msg = f"{name} has shape {shape}; allowed: {known[0]}, that of {known[1]}"
            raise InputError(msg)
        return
    if any(axis.startswith("*") or axis == "..." for axis in axes):
        return
    expected = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    if len(shape) != len(axes):
        msg = f"{name} has shape {shape}; allowed: {expected}"
        raise InputError(msg)
    for axis, length in zip(axes, shape, strict=True):
        known = (int(axis), "") if axis.isdecimal() else lengths.get(axis)
        if axis.isidentifier() and not axis.startswith("_"):
            lengths.setdefault(axis, (length, name))
        if known is not None and known[0] != length:
            of = f", {axis}={known[0]} as in {known[1]}" if known[1] else ""
            msg = f"{name} has shape {shape}; allowed: {expected}{of}"
            raise InputError(msg)


def _refuse(name: str, value: Any, words: str) -> NoReturn:
    msg = f"{name}={_short(value)}; allowed: {words}"
    raise InputError(msg)


def _short(value: Any) -> str:
    """A value in few words."""
    if hasattr(value, "shape") and getattr(value, "ndim", 0):
        return f"array of shape {value.shape}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else type(value).__name__
