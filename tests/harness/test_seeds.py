"""Every seed of an experiment hangs on the first one: what is drawn moves with it, what is not stays."""

import ast

import numpy as np
import pytest

from lfp.harness import claims
from lfp.harness.experiment import Settings, experiment, shifted

# draws: numpy's and JAX's sources, what draws networks
SOURCES = {"default_rng": 0, "key": 0, "PRNGKey": 0, "kernel_at_start": 2}
SEEDED = ("lfp.train(", "initialise(", "lfp.drawn_curve(")


def _calls(name):
    tree = ast.parse((claims.EXPERIMENTS / f"{name}.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", "")), node


def _hangs_on_the_seed(node):
    """Whether an argument is an expression with a seed in it, not a number alone."""
    return any(isinstance(part, ast.Name | ast.Attribute) for part in ast.walk(node))


def test_every_config_has_seeds():
    for name in claims.experiments():
        module = experiment(name)
        for config in (module.Config(), module.SMOKE):
            assert isinstance(config, Settings), name
            assert shifted(name, config, 1000).seed == 1000


def test_no_source_of_chance_is_fixed():
    found = set()
    for name in claims.experiments():
        for function, call in _calls(name):
            if function in SOURCES:
                assert _hangs_on_the_seed(call.args[SOURCES[function]]), f"{name}: {ast.unparse(call)}"
                found.add(name)
            if ast.unparse(call).startswith(SEEDED):
                given = [one.value for one in call.keywords if one.arg == "seed"] + call.args[3:4]
                assert given, f"{name}: {ast.unparse(call)}"
                assert _hangs_on_the_seed(given[-1]), f"{name}: {ast.unparse(call)}"
                found.add(name)
    trials = {
        name for name in claims.experiments() if "trials.trial(" in (claims.EXPERIMENTS / f"{name}.py").read_text()
    }
    assert found | trials == set(claims.experiments())


@pytest.mark.parametrize(
    "name",
    [
        *("critical_exponent", "poisson_jacobi", "random_nodes"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("conjugate_gradient", "decay")),
    ],
)
def test_a_shift_by_one_moves_the_seeds_by_one(name):
    """Seeds 5, 6 and 6, 7: what each shows of 6 is the same where seeds are drawn one by one, all else is new."""
    module = experiment(name)
    first, second = (module.run(shifted(name, module.SMOKE, seed)) for seed in (5, 6))
    moved, kept = 0, 0
    for key, (dims, values) in first.items():
        one, other = np.asarray(values), np.asarray(second[key][1])
        if one.shape == other.shape and np.array_equal(one, other):
            assert not {"seed", "run"} & set(dims) or len(one) == 1, key  # it is theory, or a setting
            continue
        moved += 1
        kept += bool(dims) and dims[0] in ("seed", "run") and len(one) > 1 and np.allclose(one[1:], other[:-1])
    assert moved
    assert kept or name in ("decay", "conjugate_gradient")  # an ensemble is drawn from one key
