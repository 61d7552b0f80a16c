"""How many programs a prediction compiles."""

from dataclasses import replace

import jax
import pytest

import lfp
from lfp.commands import overlay
from lfp.commands.options import Overlay

MOST = 25
COMPILED: list[str] = []


def listen(event: str, seconds: float, **_: object) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(event)


jax.monitoring.register_event_duration_secs_listener(listen)


def compiled(job):
    COMPILED.clear()
    job()
    return len(COMPILED)


@pytest.mark.parametrize("width", [64, Overlay().width])
def test_default_prediction_compiles_a_handful_of_programs_and_a_second_one_none(width):
    """Of the default network and problem of `lfp overlay`; the width changes shapes alone."""
    settings = replace(Overlay(), width=width)
    network, problem = overlay.build_network(settings), overlay.build_problem(settings, print)[0]
    jax.clear_caches()
    assert 10 < compiled(lambda: lfp.predict(network, problem)) <= MOST
    assert compiled(lambda: lfp.predict(network, problem)) == 0
