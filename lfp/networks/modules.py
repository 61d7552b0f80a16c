"""Modules of flax, equinox and torch as functions: their own initialisation, their own f, what is trained of them."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.networks._torchax import load

Params = Any
Shape = Sequence[int] | None


_UNLIKELY = 104_729
"""Coordinates of a point that no hidden layer has."""


class Functions(NamedTuple):
    """init (key, dim) -> parameters; apply (parameters, x (n, dim)) -> (n,) or (n, o); width of the narrowest layer."""

    init: Callable[[PRNGKeyArray, int], Params]
    apply: Callable[[Params, Array], Array]
    width: int


def of_flax(module: Any, width: int | None, shape: Shape, call: dict[str, Any]) -> Functions:
    """A linen module, or a function of `nnx.Rngs` that makes one of nnx; `call` goes to every call of it."""
    from flax import linen, nnx

    if isinstance(module, linen.Module):
        return _of_linen(module, width, shape, call)
    if isinstance(module, nnx.Module):
        name = type(module).__name__
        msg = f"module={name} is made, with its numbers; allowed: what makes it, lambda rngs: {name}(..., rngs=rngs)"
        raise _checks.InputError(msg)
    if not callable(module) or (isinstance(module, type) and issubclass(module, linen.Module)):
        msg = f"module={_called(module)} is none; allowed: a module of linen, made, or a function of nnx.Rngs"
        raise _checks.InputError(msg)
    return _of_nnx(module, width, shape, call)


def _of_linen(module: Any, width: int | None, shape: Shape, call: dict[str, Any]) -> Functions:
    name = type(module).__name__

    def variables(key: PRNGKeyArray, dim: int) -> Any:
        return module.init(key, _points(jnp.zeros((1, dim), jnp.float32), shape), **call)

    def init(key: PRNGKeyArray, dim: int) -> Params:
        return _floats(name, _asked(name, lambda: variables(key, dim)).get("params", {}))

    def apply(params: Params, x: Float[Array, "points dim"]) -> Array:
        # what is no parameter, such as the running mean of a normalisation, is that of the initialisation
        with jax.ensure_compile_time_eval():
            rest = {k: v for k, v in variables(jax.random.key(0), x.shape[1]).items() if k != "params"}
        state = {"params": params, **_in_precision(rest, x.dtype)}
        return _rows(name, len(x), _asked(name, lambda: module.apply(state, _points(x, shape), **call)))

    return Functions(init, apply, _width(name, width, init, shape, 0))


def _of_nnx(make: Callable[..., Any], width: int | None, shape: Shape, call: dict[str, Any]) -> Functions:
    from flax import nnx

    def parts(key: PRNGKeyArray) -> Any:
        made = make(nnx.Rngs(key))
        if not isinstance(made, nnx.Module):
            msg = f"module gave {_called(made)}; allowed: a function of nnx.Rngs that makes a module of nnx"
            raise _checks.InputError(msg)
        made.eval()  # no dropout, normalisation by running means
        return nnx.split(made, nnx.Param, ...)

    graph, own, rest = _asked(_called(make), lambda: parts(jax.random.key(0)))
    name = _called(make)

    def init(key: PRNGKeyArray, dim: int) -> Params:  # noqa: ARG001 - the module knows its inputs
        return _floats(name, nnx.to_pure_dict(parts(key)[1]))

    def apply(params: Params, x: Float[Array, "points dim"]) -> Array:
        state = jax.tree.map(lambda leaf: leaf, own)
        nnx.replace_by_pure_dict(state, params)
        module = nnx.merge(graph, state, _in_precision(rest, x.dtype))
        return _rows(name, len(x), _asked(name, lambda: module(_points(x, shape), **call)))

    return Functions(init, apply, _width(name, width, init, shape, 0))


def of_equinox(
    make: Callable[[PRNGKeyArray], Any], width: int | None, shape: Shape, frozen: Callable[[Any], Any] | None
) -> Functions:
    """A function of a key that makes a module, which is called point by point; `frozen` picks what is not trained."""
    if isinstance(make, eqx.Module) or not callable(make):
        name = _called(make)
        msg = f"make={name} is a module, with its numbers; allowed: what makes it, lambda key: {name}(..., key=key)"
        raise _checks.InputError(msg)
    name = _called(make)

    def parts(key: PRNGKeyArray) -> Any:
        module = eqx.nn.inference_mode(make(key))
        if not callable(module):
            msg = f"make gave {_called(module)}; allowed: a function of a key that makes a module to call with a point"
            raise _checks.InputError(msg)
        leaves = jax.tree.leaves(module, is_leaf=lambda leaf: isinstance(leaf, eqx.nn.StateIndex))
        if any(isinstance(leaf, eqx.nn.StateIndex) for leaf in leaves):
            msg = (
                f"make gave a {type(module).__name__} with a state (BatchNorm); allowed: modules without, by LayerNorm "
            )
            raise _checks.InputError(msg + "or GroupNorm")
        trained = jax.tree.map(eqx.is_array, module)
        if frozen is not None:
            still = lambda part: jax.tree.map(lambda _: False, part)  # noqa: E731
            trained = _asked(name, lambda where=frozen: eqx.tree_at(where, trained, replace_fn=still))
        floats = jax.tree.map(lambda leaf, on: bool(on) and not _is_whole(leaf), module, trained)
        return eqx.partition(module, floats)

    rest = _asked(name, lambda: parts(jax.random.key(0)))[1]

    def init(key: PRNGKeyArray, dim: int) -> Params:  # noqa: ARG001 - the module knows its inputs
        return _floats(name, parts(key)[0])

    def apply(params: Params, x: Float[Array, "points dim"]) -> Array:
        module = eqx.combine(params, _in_precision(rest, x.dtype))
        return _rows(name, len(x), _asked(name, lambda: jax.vmap(module)(_points(x, shape))))

    return Functions(init, apply, _width(name, width, init, shape, 1))


def of_torch(make: Callable[[], Any], width: int | None, shape: Shape) -> Functions:
    """A function that makes a module of torch, by torch's own generator; what wants no gradient is not trained."""
    torch, torchax = load()
    name = _called(make)
    if isinstance(make, torch.nn.Module) or not callable(make):
        msg = f"make={name} is a module, with its numbers; allowed: what makes it, lambda: {name}(...)"
        raise _checks.InputError(msg)

    def made(seed: int) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = make()
        if not isinstance(module, torch.nn.Module):
            msg = f"make gave {_called(module)}; allowed: a function without arguments that makes a module of torch"
            raise _checks.InputError(msg)
        norms = (part for part in module.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm))
        if any(part.running_mean is None for part in norms):
            msg = f"make gave a {type(module).__name__} whose BatchNorm keeps no mean, so that f(x) hangs on other "
            raise _checks.InputError(msg + "points; allowed: track_running_stats=True")
        return module.eval()  # no dropout, normalisation by running means

    def trained(module: Any) -> dict[str, np.ndarray]:
        return {key: p.detach().numpy() for key, p in module.named_parameters() if p.requires_grad}

    pattern = _asked(name, lambda: made(0))
    kinds = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.float32), _floats(name, trained(pattern)))
    numbers, function = _asked(name, lambda: torchax.extract_jax(pattern))

    def draw(bits: Array | np.ndarray) -> dict[str, np.ndarray]:
        high, low = (int(word) for word in np.asarray(bits).ravel()[-2:])
        return {key: value.astype(np.float32) for key, value in trained(made(high << 31 ^ low)).items()}

    def init(key: PRNGKeyArray, dim: int) -> Params:  # noqa: ARG001 - the module knows its inputs
        return jax.pure_callback(draw, kinds, jax.random.key_data(key), vmap_method="sequential")

    def apply(params: Params, x: Float[Array, "points dim"]) -> Array:
        state = {**_in_precision(numbers, x.dtype), **params}
        return _rows(name, len(x), _asked(name, lambda: function(state, (_points(x, shape),))))

    return Functions(init, apply, _width(name, width, init, shape, 1))


def _is_whole(leaf: Any) -> bool:
    """Numbers that are counted and not trained: they stay as they are."""
    return eqx.is_array(leaf) and (jnp.issubdtype(leaf.dtype, jnp.integer) or leaf.dtype == bool)


def _in_precision(rest: Any, dtype: Any) -> Any:
    """What is not trained, in the precision of the points."""
    wanted = lambda leaf: eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)  # noqa: E731
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if wanted(leaf) else leaf, rest)


def _called(thing: Any) -> str:
    return getattr(thing, "__name__", type(thing).__name__)


def _asked(name: str, question: Callable[[], Any]) -> Any:
    """What a module answers; an error of its own in one line."""
    try:
        return question()
    except _checks.InputError:
        raise
    except Exception as error:
        why = (str(error).strip().splitlines() or [""])[0]
        kind = type(error).__name__
        hints = {
            "InvalidRngError": "dropout switched off in the call, such as deterministic=True or train=False",
            "ModifyScopeVariableError": "normalisation by running means, use_running_average=True or train=False",
        }
        msg = f"module={name} refuses its call, {kind}: {why[:200]}; allowed: "
        raise _checks.InputError(
            msg + hints.get(kind, "points of its shape (shape=...), and its own arguments")
        ) from error


def _points(x: Float[Array, "points dim"], shape: Shape) -> Array:
    """Points as the module takes them."""
    if shape is None:
        return x
    if math.prod(shape) != x.shape[1]:
        msg = f"shape={tuple(shape)} of points with {x.shape[1]} coordinates; allowed: a shape of as many numbers"
        raise _checks.InputError(msg)
    return x.reshape(len(x), *shape)


def _rows(name: str, count: int, out: Any) -> Array:
    """A number a point, or o of them."""
    if not isinstance(out, jax.Array) or out.ndim not in (1, 2) or len(out) != count:
        given = f"shape {out.shape}" if hasattr(out, "shape") else _called(out)
        msg = f"module={name} gives {given} for {count} points; allowed: ({count},) or ({count}, o)"
        raise _checks.InputError(msg)
    return out[:, 0] if out.shape[1:] == (1,) else out


def _floats(name: str, params: Any) -> Params:
    """Parameters, all floats."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    for path, leaf in leaves:
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            where = jax.tree_util.keystr(path)
            msg = (
                f"module={name} has parameters of {leaf.dtype} at {where}; allowed: floats (complex ones as two parts)"
            )
            raise _checks.InputError(msg)
    if not leaves:
        msg = f"module={name} has nothing to train; allowed: one parameter or more"
        raise _checks.InputError(msg)
    return params


def _width(name: str, width: int | None, init: Callable[[PRNGKeyArray, int], Params], shape: Shape, axis: int) -> int:
    """The narrowest of the layers that a dense one feeds into another, where that can be told; else as given."""
    if width is not None:
        return _checks.integer("width", width, 1)
    dim = _UNLIKELY if shape is None else math.prod(shape)
    shapes = jax.eval_shape(lambda: init(jax.random.key(0), dim))
    weights = [leaf.shape for leaf in jax.tree.leaves(shapes) if len(leaf.shape) > 1]
    out = {weight[1 - axis] for weight in weights if len(weight) == 2}
    hidden = out & {weight[axis] for weight in weights if len(weight) == 2}
    if any(len(weight) > 2 for weight in weights) or not hidden:
        msg = f"width=None of module={name}, whose layers are not all dense; allowed: the neurons or channels of its "
        raise _checks.InputError(msg + "narrowest layer")
    return min(hidden)
