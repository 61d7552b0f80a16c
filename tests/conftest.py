"""Strict JAX for every test: what passes here neither broadcasts nor promotes by accident; and which tests are slow."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

os.environ["LFP_CACHE"] = "off"  # commands compile what they need

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# What JAX has compiled stays: a tenth of the time went into looking through it for garbage.
gc.set_threshold(200_000, 50, 100)

# Scripts run by hand, with other versions of JAX; what a process of tests imports once.
collect_ignore = ["reference", "kills/loaded.py"]

# More of what faster tests cover as well: seconds each, minutes together, so `make test-slow` runs them.
SLOW = Path(__file__).with_name("slow.txt").read_text().splitlines()


LARGEST_MAP = 30_000  # of 65530 regions that Linux gives a process: every compiled program takes some


@pytest.fixture(autouse=True)
def _compiled_programs_have_room(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forget them in time: a compiler that finds no room crashes, after some hundred tests that train."""
    yield
    maps = Path("/proc/self/maps")
    request.session.passed_tests = 1 + getattr(request.session, "passed_tests", 0)
    if request.session.passed_tests % 10 == 0 and maps.exists() and maps.read_bytes().count(b"\n") > LARGEST_MAP:
        jax.clear_caches()
        gc.collect()


def pytest_configure(config: pytest.Config) -> None:
    """Compile without LLVM's passes, a fifth of the time, where nothing runs long; slow tests compile as users do."""
    if "not slow" in config.getoption("markexpr"):
        os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, before the markers choose."""
    for item in items:
        if item.nodeid.removeprefix("tests/") in SLOW:
            item.add_marker(pytest.mark.slow)
