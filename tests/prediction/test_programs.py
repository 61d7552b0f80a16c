"""How many programs a prediction compiles."""

from dataclasses import replace

import jax
import numpy as np
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
    problem = overlay.build_problem(settings, print)[0]
    network = overlay.build_network(settings, problem)
    jax.clear_caches()
    assert 10 < compiled(lambda: lfp.predict(network, problem)) <= MOST
    assert compiled(lambda: lfp.predict(network, problem)) == 0


def line(scale):
    x = np.linspace(-1, 1, 24)
    return lfp.Points(x[:, None], np.sin(scale * x), np.full(24, 1 / 24))


def circle(scale):
    return lfp.sum_of_modes(lfp.Circle(), 16, [1], amplitudes=[scale])


RELU, SIZES = lfp.MLP(8, 2, "relu", b_std=0.5), (1.0, 1.5)
CALLS = {
    "spectrum of a grid": lambda scale: lfp.spectrum(RELU, circle(scale)),
    "spectrum of points": lambda scale: lfp.spectrum(RELU, scale * line(1).x),
    "largest rates": lambda scale: lfp.spectrum(RELU, scale * line(1).x, 3),
    "profile on a sphere": lambda scale: lfp.profile(lfp.kernel(RELU), lfp.Sphere(4))(
        scale * np.linspace(-0.6, 0.6, 5)
    ),
    "empirical kernel": lambda scale: lfp.empirical_kernel(
        RELU, RELU.init(jax.random.key(int(2 * scale)), 1), line(1).x
    ),
    "evolution, exact": lambda scale: lfp.evolve(lfp.Operator("relu"), line(scale), np.array([scale, np.inf])),
    "evolution, krylov": lambda scale: lfp.evolve(
        lfp.Operator("relu"), line(scale), np.array([scale, np.inf]), method=lfp.Krylov(1e-6, 16)
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_second_call_with_new_data_compiles_nothing(call):
    """Training: `tests/training`. Rates of a circle, a sphere and a cube from power series compile nothing at all."""
    jax.clear_caches()
    first, second = (compiled(lambda scale=scale: CALLS[call](scale)) for scale in SIZES)
    assert first > 0
    assert second == 0
