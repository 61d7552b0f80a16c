"""Draws calls that are wrong and calls that are odd but right, and says what became of them."""

import re
import sys
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from tests.fuzz.catalogue import CALLS, Call

OURS = (str(Path(lfp.__file__).parent), str(Path(__file__).parent))


class Outcome(NamedTuple):
    """What became of a call."""

    fault: str | None
    """What is wrong with it; None: nothing."""
    kind: str
    words: str


def draw_wrong(rng: np.random.Generator) -> tuple[str, Outcome]:
    """A call with one argument got wrong, misspelt or left out."""
    name = str(rng.choice([name for name, call in CALLS.items() if call.wrong]))
    call = CALLS[name]
    arguments, shape = dict(call.arguments), rng.random()
    if shape < 0.05:
        argument = str(rng.choice(list(arguments)))
        arguments[argument + "x"] = arguments.pop(argument)
        argument, why = argument + "x", "no such argument"
    elif shape < 0.1 and name not in ("train", "predict"):  # which say what is missing
        argument = next(iter(arguments))
        del arguments[argument]
        argument, why = (argument, "left out") if _required(call, argument) else ("", "")
    else:
        argument = str(rng.choice(list(call.wrong)))
        slip = call.wrong[argument](rng, arguments[argument])
        arguments[argument], why = slip
    if not why:
        return draw_wrong(rng)
    said = f"{name}({argument}={_short(arguments.get(argument))}), {why}"
    return said, _refused(call, arguments, argument)


def draw_odd(rng: np.random.Generator) -> tuple[str, Outcome]:
    """A call with every argument in another dress: of the same value."""
    name = str(rng.choice(list(CALLS)))
    call = CALLS[name]
    dresses = {key: _dressed(rng, value) for key, value in call.arguments.items()}
    said = f"{name}({', '.join(f'{key}: {dress}' for key, (_, dress) in dresses.items() if dress)})"
    plain = _plain(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = call.show(call.function(**{key: value for key, (value, _) in dresses.items()}))
    except Exception as error:
        return said, Outcome("refused", type(error).__name__, str(error)[:300])
    same = jax.tree.map(_alike, jax.tree.leaves(plain), jax.tree.leaves(found))
    return said, Outcome(None if all(same) else "another value", "value", "")


def _plain(name: str, known: dict[str, Any] = {}) -> Any:  # noqa: B006 - kept on purpose
    """What the plain call gives."""
    if name not in known:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            known[name] = CALLS[name].show(CALLS[name].function(**CALLS[name].arguments))
    return known[name]


def _alike(one: Any, two: Any) -> bool:
    one, two = np.asarray(one), np.asarray(two)
    return one.shape == two.shape and np.allclose(one, two, rtol=1e-5, atol=1e-6)


def _dressed(rng: np.random.Generator, value: Any) -> tuple[Any, str]:
    """The same value in another type, and which."""
    if isinstance(value, bool) or value is None:
        return value, ""
    if isinstance(value, int):
        kinds: list[Any] = [int, float, np.int8, np.int64, np.float64, np.array, jnp.asarray, np.uint16]
    elif isinstance(value, float):
        whole = [int, np.int64] if value == int(value) else []
        kinds = [float, np.float16, np.float32, np.float64, np.array, *whole]
    elif isinstance(value, tuple) and all(isinstance(one, int | float) for one in value):
        kinds = [tuple, list, np.array]
    elif isinstance(value, np.ndarray):
        kinds = [np.array, np.ndarray.tolist, np.asfortranarray, lambda v: jnp.asarray(v), lambda v: v[:]]
        if value.dtype.kind == "f" and (value == np.rint(value)).all():
            kinds += [lambda v: v.astype(int), lambda v: v.astype(np.int8)]
        if value.dtype.kind == "f" and (value == value.astype(np.float16)).all():
            kinds += [lambda v: v.astype(np.float16), lambda v: v.astype(np.float32)]
        if value.dtype.kind in "iu":
            kinds += [lambda v: v.astype(float), lambda v: v.astype(np.int16)]
    else:
        return value, ""
    dressed = kinds[rng.integers(len(kinds))](value)
    return dressed, f"{type(dressed).__name__} {getattr(dressed, 'dtype', '')}".strip()


def _required(call: Call, argument: str) -> bool:
    import inspect

    return inspect.signature(call.function).parameters[argument].default is inspect.Parameter.empty


def _refused(call: Call, arguments: dict[str, Any], argument: str) -> Outcome:
    """Whether the call is refused as it should be: in words that name the argument."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call.show(call.function(**arguments))
    except lfp.InputError as error:
        words = str(error)
        fault = None if _names(words, argument) else "does not name the argument"
        return Outcome(fault, "InputError", words)
    except TypeError as error:
        words = str(error)
        last = traceback.extract_tb(sys.exc_info()[2])[-1].filename
        known = _names(words, argument) and any(place in last for place in ("inspect", "equinox/_module", *OURS))
        return Outcome(None if known else "from inside", "TypeError", words[:300])
    except Exception as error:
        return Outcome("from inside", type(error).__name__, str(error)[:300])
    return Outcome("silent", "none", "")


def _names(words: str, argument: str) -> bool:
    return bool(re.search(rf"\b{argument}\b", words)) or (
        "activation" in words and argument in ("which", "activation_")
    )


def _short(value: Any) -> str:
    text = repr(value).replace("\n", " ")
    return text if len(text) < 70 else f"{text[:66]} ..."


def search(seed: int, count: int) -> dict[str, list[tuple[str, Outcome]]]:
    """So many calls of both kinds."""
    rng = np.random.default_rng(seed)
    return {kind.__name__: [kind(rng) for _ in range(count)] for kind in (draw_wrong, draw_odd)}


def table(found: list[tuple[str, Outcome]]) -> str:
    """How many calls ended how."""
    counts = Counter(outcome.kind if outcome.fault is None else f"FAULT, {outcome.fault}" for _, outcome in found)
    return ", ".join(f"{name}: {count}" for name, count in counts.most_common())
