"""torchax, on every torch, without what it changes for others as it is imported.

torch 2.13 has no named tensors any more. torchax 0.0.13 names their operators as it is imported and calls none of them:
a name stands in for each. It also changes the environment, and what JAX tells its runtime: both are set back.
"""

import importlib
import os
import threading
from typing import Any

import jax

from lfp import _checks

_lock = threading.Lock()


def load() -> tuple[Any, Any]:
    """(torch, torchax), with its operators.

    Raises:
        InputError: one of them is not installed.
    """
    try:
        with _lock:
            return _load()
    except ImportError as error:
        msg = f"{error.name} is not installed; allowed: pip install 'lfp-jax[torch]'"
        raise _checks.InputError(msg) from error


def _load() -> tuple[Any, Any]:
    torch = importlib.import_module("torch")
    OpOverloadPacket = importlib.import_module("torch._ops").OpOverloadPacket
    own, environment = OpOverloadPacket.__getattr__, dict(os.environ)
    option = "jax_pjrt_client_create_options"
    before = getattr(jax.config, option, None)

    def found(packet: Any, name: str) -> Any:
        try:
            return own(packet, name)
        except AttributeError:
            if "name" in name.lower() and not name.startswith("_"):
                return (str(packet), name)
            raise

    OpOverloadPacket.__getattr__ = found
    try:
        torchax = importlib.import_module("torchax")
        torchax.default_env()
    finally:
        OpOverloadPacket.__getattr__ = own
        os.environ.clear()
        os.environ.update(environment)
        if hasattr(jax.config, option):
            jax.config.update(option, before)
    return torch, torchax
