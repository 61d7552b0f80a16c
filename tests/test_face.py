"""The public face: every name can be had, none hides a module, every type that a user meets is there."""

import importlib
import inspect
import pkgutil
import typing

import pytest

import lfp

WINGS = [module.name for module in pkgutil.iter_modules(lfp.__path__) if module.ispkg]
TYPES = {
    "Activation",
    "Distribution",
    "Domain",
    "Forecast",
    "InputError",
    "Kernel",
    "Law",
    "ModeCurves",
    "ModeRates",
} | {"Network", "Points", "Prediction", "Probe", "Problem", "Report", "Run", "Solution", "Spectrum", "Trajectory"}


def test_every_name_can_be_had():
    assert {name for name in dir(lfp) if getattr(lfp, name) is None} == set()
    assert set(dir(lfp)) >= TYPES
    assert set(WINGS) <= set(dir(lfp))
    with pytest.raises(AttributeError, match="no attribute 'mode_rates'"):
        lfp.mode_rates  # noqa: B018


@pytest.mark.parametrize("package", ["lfp", *(f"lfp.{wing}" for wing in WINGS)])
def test_no_module_hides_a_function_of_its_name(package):
    module = importlib.import_module(package)
    inside = {sub.name for sub in pkgutil.iter_modules(module.__path__)}
    assert {name for name in inside if hasattr(module, name) and not inspect.ismodule(getattr(module, name))} == set()


@pytest.mark.parametrize(
    "verb",
    ["predict", "train", "compare", "spectrum", "evolve", "solve", "kernel", "profile", "frequency_content", "extend"],
)
def test_what_a_verb_hands_out_can_be_imported(verb):
    """Its class has a name in `lfp` or in a toolbox."""
    faces = [lfp, *(importlib.import_module(f"lfp.{wing}") for wing in WINGS)]
    handed = typing.get_type_hints(getattr(lfp, verb))["return"]
    for kind in typing.get_args(handed) or (handed,):
        assert any(getattr(face, kind.__name__, None) is kind for face in faces), kind
