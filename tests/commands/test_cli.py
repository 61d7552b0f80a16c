"""The command line: what it may import, what it says while it loads, whose names its choices are."""

import json
import subprocess
import sys

import pytest

from lfp.commands import options
from lfp.domains.domain import Domain
from lfp.domains.euclidean import SAMPLINGS, Euclidean
from lfp.domains.named import DOMAINS
from lfp.equation.solver import TREATMENTS
from lfp.measure.probes import PROBES
from lfp.neurons.distributions import DISTRIBUTIONS
from lfp.optimisers.recipe import OPTIMIZERS, SCHEDULES
from lfp.prediction import THEORIES
from lfp.spectra.on_domain import mode_rates

HEAVY = ("jax", "numpy", "matplotlib", "xarray")
SCRIPT = """
import sys
from lfp.commands.cli import main
try:
    code = main({arguments!r})
except SystemExit as stop:
    code = stop.code or 0
print("loaded", *(name for name in {heavy!r} if name in sys.modules))
sys.exit(code)
"""


def process(*arguments):
    """A process of its own: nothing is imported there yet."""
    script = SCRIPT.format(arguments=list(arguments), heavy=HEAVY)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--help"], 0, "overlay"),
        (["overlay", "--help"], 0, "{gd,momentum,nesterov,sgd,adam}"),
        (["experiment", "list"], 0, "arXiv"),
        (["experiment", "margins", "--out", "nowhere"], 0, "| experiment | first seeds |"),
        (["bench", "list"], 0, "import_time"),
        (["overlay", "--widht", "8"], 2, "--width"),
        (["overlay", "--theory", "nkt"], 2, "did you mean 'ntk'"),
        (["spectrum", "--w-std", "1", "--parametrization", "paper"], 2, "w_std=1.0"),
        (["solve", "--image", "china", "--times", "3,1"], 2, "times='3,1'"),
        (["experiment", "run", "deacy"], 2, "did you mean 'decay'"),
        (["bench", "run", "sovler"], 2, "did you mean 'solver'"),
    ],
)
def test_what_needs_no_arrays_imports_none(arguments, code, word):
    """Help, lists and refusals come before jax and numpy."""
    done = process(*arguments)
    assert done.returncode == code, done.stderr
    assert word in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "loaded"


def test_the_word_of_what_is_being_done(tmp_path):
    """Said before jax is loaded; stdout is JSON alone; a late refusal stays one line."""
    where = ["--points", "8", "--domain", "euclidean", "--out", str(tmp_path / "run")]
    done = process("spectrum", *where, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("lfp spectrum: loading ...")
    assert json.loads(done.stdout[: done.stdout.rindex("loaded")])["schema"] == 1
    done = process("spectrum", *where[:-1], str(tmp_path / "other"), "--modes", "9")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "modes=9" in done.stderr


@pytest.mark.parametrize(
    ("command", "option", "names"),
    [
        (options.Overlay, "domain", {name for name, kind in DOMAINS.items() if isinstance(kind(), Domain)}),
        (options.Overlay, "distribution", DISTRIBUTIONS),
        (options.Overlay, "optimizer", OPTIMIZERS),
        (options.Overlay, "schedule", SCHEDULES),
        (options.Overlay, "probe", PROBES),
        (options.Overlay, "theory", THEORIES),
        (options.Solve, "distribution", DISTRIBUTIONS),
        (options.Solve, "treatment", TREATMENTS),
        (
            options.Spectrum,
            "domain",
            {
                name
                for name, kind in {**DOMAINS, "euclidean": Euclidean}.items()
                if mode_rates.dispatch(kind) is not mode_rates.dispatch(object)
            },
        ),
        (options.Spectrum, "sampling", SAMPLINGS),
    ],
)
def test_choices_are_the_names_that_the_library_knows(command, option, names):
    """No more and no fewer."""
    assert set(options.allowed(command)[option]) == set(names)


def test_numbers_are_read_alike():
    """Ranges of whole numbers; increasing times up to infinity."""
    assert options.numbers("modes", "1-3,7") == [1, 2, 3, 7]
    assert options.numbers("scales", "1,0.5", float) == [1.0, 0.5]
    assert options.numbers("times", "0,1e-3,inf", float, increasing=True) == [0.0, 1e-3, float("inf")]
