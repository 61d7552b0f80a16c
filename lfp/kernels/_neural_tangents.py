"""neural-tangents on today's JAX, without TensorFlow.

neural-tangents 0.6.5 [Novak et al., 2020] is the last release. It asks JAX for names that have moved since, and it
imports TensorFlow for `neural_tangents.experimental`, which `lfp` never uses. Both are looked up at import only, so
`load` provides them for the time of the import and takes them back afterwards.

What runs as on the JAX of its time: analytic and Monte-Carlo kernels, Jacobian contraction, NTK-vector products (with a
warning of a deprecated use of `numpy.size`), `predict` of a concrete kernel, `batch`. What does not: structured
derivatives and `NtkImplementation.AUTO`, which reach into JAX's transposition rules at every call.
"""

import importlib
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import jax

OLDEST, NEWEST = (0, 6), (0, 12)
"""Oldest and newest minor version of JAX that `make test-jax` runs; the same range stands in pyproject.toml."""

_NAME = "neural_tangents"
_lock = threading.RLock()


def load() -> ModuleType:
    """Import neural-tangents, once; leave `jax` as it was found, and TensorFlow out.

    Returns:
        The module `neural_tangents`, less its part `experimental`.

    Raises:
        ImportError: The installed JAX is outside of the tested range.

    Example:
        >>> neural_tangents().__version__
        '0.6.5'
    """
    with _lock:
        if _NAME in sys.modules:  # imported before, by us or by the user; waits if another thread is at it
            return importlib.import_module(_NAME)
        _check_version(jax.__version__)
        with _moved_names(), _stand_ins(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module = importlib.import_module(_NAME)
        vars(module).pop("experimental")  # else the empty stand-in would pass for the real one
        return module


neural_tangents = load  # its name in `lfp.kernels`


def _check_version(version: str) -> None:
    if not OLDEST <= tuple(map(int, version.split(".")[:2])) <= NEWEST:
        oldest, newest = (".".join(map(str, bound)) for bound in (OLDEST, NEWEST))
        msg = f"neural-tangents 0.6.5 is tested with JAX {oldest} to {newest}, installed is JAX {version}"
        raise ImportError(msg)


@contextmanager
def _moved_names() -> Iterator[None]:
    """Names that neural-tangents takes from a module of JAX, and where they are today."""
    import jax.core
    import jax.extend.core as core
    from jax.interpreters import ad

    moved = [(jax.core, name, getattr(core, name)) for name in ("Jaxpr", "JaxprEqn", "Literal", "Var", "Primitive")]
    # A key of the table of rules for structured derivatives: any primitive will do, no program contains it.
    moved.append((ad, "zeros_like_p", core.Primitive("zeros_like")))
    # vars(), as hasattr() would ask the module's __getattr__, which warns of deprecated names.
    lacking = [(module, name, value) for module, name, value in moved if name not in vars(module)]
    try:
        for module, name, value in lacking:
            setattr(module, name, value)
        yield
    finally:
        for module, name, _ in lacking:
            vars(module).pop(name, None)


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Modules that neural-tangents imports and that are gone (`jax.util`) or unwanted (`experimental`)."""
    util = ModuleType("jax.util")
    vars(util).update(
        safe_map=lambda f, *xs: [f(*x) for x in zip(*xs, strict=True)],
        safe_zip=lambda *xs: list(zip(*xs, strict=True)),
    )
    stand_ins = {"jax.util": util, f"{_NAME}.experimental": ModuleType(f"{_NAME}.experimental")}
    before = {name: sys.modules.get(name) for name in stand_ins}
    known = set(sys.modules)
    try:
        sys.modules.update(stand_ins)
        yield
    except BaseException:
        for name in set(sys.modules) - known:
            if name.split(".")[0] == _NAME:  # no half-imported package stays behind
                del sys.modules[name]
        raise
    finally:
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
