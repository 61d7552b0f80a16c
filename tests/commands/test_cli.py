"""The command line: what it may import, what it says while it loads, whose names its choices are."""

import json
import re
import subprocess
import sys

import pytest

from lfp import DegreeProbe, DirectionProbe, InputError, RankProbe
from lfp.commands import options
from lfp.commands.cli import main
from lfp.commands.stderr import Stderr
from lfp.domains.euclidean import SAMPLINGS, Euclidean
from lfp.domains.named import DOMAINS
from lfp.equation.solver import TREATMENTS
from lfp.measure.probes import PROBES
from lfp.neurons.distributions import DISTRIBUTIONS
from lfp.optimisers.recipe import OPTIMIZERS, SCHEDULES
from lfp.prediction import THEORIES
from lfp.spectra.on_domain import mode_rates
from tests.fuzz.commands.files import TINY

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
        (["--version"], 0, "lfp "),
        (["overlya", "--width", "8"], 2, "did you mean 'overlay'"),
        (["experiment", "lsit"], 2, "did you mean 'list'"),
        (["experiment", "list", "--seed", "3"], 2, "--seed is no option of lfp experiment list"),
        (["overlay", "--widht", "8"], 2, "did you mean --width?"),
        (["overlay", "--modes", "1-999999999"], 2, "modes='1-999999999' cannot be read"),
        (["overlay", "--steps", "1" + "0" * 20], 2, "a whole number from 1 to 1e+07"),
        (["solve", "--data", "x.csv", "--sigma-b", "1e300"], 2, "sigma_b=1e+300"),
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
        (options.Overlay, "domain", {*DOMAINS, "points"}),
        (options.Overlay, "distribution", DISTRIBUTIONS),
        (options.Overlay, "optimizer", OPTIMIZERS),
        (options.Overlay, "schedule", SCHEDULES),
        (options.Overlay, "probe", {*PROBES, *(one.name for one in (RankProbe, DirectionProbe, DegreeProbe))}),
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


@pytest.mark.parametrize("command", [options.Overlay, options.Solve, options.Spectrum])
def test_every_number_has_limits_that_are_kept(command):
    """A whole number and a float below and above; words between commas have theirs."""
    limits = options.ranges(command)
    numbers = {name for name, kind in options.allowed(command).items() if kind in (int, float)}
    assert set(limits) == numbers
    for name, (least, most) in limits.items():
        for wrong in (least - 1, 10 * most + 1):
            with pytest.raises(InputError, match=f"^{name}=.*(beyond its limits|whole number)"):
                command(**{name: wrong}).check()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["overlay", "--gamma", "0.1", "--alpha", "50"], "alpha=50.0 with gamma=0.1; allowed: one of the two"),
        (["overlay", "--gamma", "0.1", "--sweep", "alpha=50"], "alpha=50.0 with gamma=0.1; allowed: one of the two"),
        (["overlay", "--alpha", "50", "--sweep", "gamma=0.1"], "alpha=50.0 with gamma=0.1; allowed: one of the two"),
        (["overlay", "--momentum", "0.9"], "momentum=0.9 with optimizer='gd'"),
        (["overlay", "--features", "64"], "features=64 with no Fourier features"),
        (["solve", "--image", "china", "--tolerance", "1e-8", "--method", "exact"], "tolerance=1e-08 with method"),
        (["spectrum", "--points", "1000"], "points=1000 with domain='circle'"),
        (["learn", "--data", "table.csv", "--amplitude", "1"], "amplitude='1' with data='table.csv'"),
        (["learn", "--alpha", "50"], "alpha=50.0 with no training"),
        (["learn", "--amplitude", ""], "amplitude=''"),
    ],
)
def test_a_default_that_is_typed_out_is_given(tmp_path, capsys, arguments, said):
    """Where an option does not apply it is refused whatever its value."""
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_phases_share_a_line_and_remarks_wait(capsys):
    """So that a late refusal is one line."""
    said = Stderr()
    said.say("first ...")
    said.say("a remark")
    said.say("second ...")
    assert re.fullmatch(r"first \.\.\. 0\.\d s; second \.\.\. ", capsys.readouterr().err)
    said.fail("no\nway " + "x" * 2000)
    line = capsys.readouterr().err
    assert line.startswith("lfp: no way x")
    assert line.count("\n") == 1
    assert len(line) < 650
    said.say("again ...")
    said.say("a remark")
    said.close()
    assert re.fullmatch(r"again \.\.\. 0\.\d s\na remark\n", capsys.readouterr().err)
    said.say("at once")
    assert capsys.readouterr().err == "at once\n"


def test_names_are_no_markup(tmp_path, capsys):
    out = tmp_path / "[/x]" / "[red]"
    assert main(["spectrum", "--modes", "3", "--out", str(out)]) == 0
    assert "[/x]/[red]" in capsys.readouterr().out.replace("\n", "")


def test_errors_of_test_points_say_test(tmp_path, capsys):
    (tmp_path / "data.csv").write_text("x,y\n0,1\n0.5,2\n1,3\n")
    (tmp_path / "test.csv").write_text("x\n0\nlow\n")
    files = ["--data", str(tmp_path / "data.csv"), "--test", str(tmp_path / "test.csv")]
    assert main(["solve", *files, "--out", str(tmp_path / "out")]) == 2
    assert re.search(r"lfp: test='\S+' line 3, column 1 \(x\): 'low' is no number", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def run(:", "is no Python (line 1"),
        ("PAPER = 1", "lacks PREDICTED"),
        (TINY.replace("return {", "1 / 0\n    return {"), "broken: tiny.py:20: ZeroDivisionError"),
        (TINY.replace("np.arange(2.0)", "None"), "broken: tiny.py"),
        (
            TINY.replace("Settings):", "object):").replace("SMOKE = Config()", "SMOKE = Config(3, 4)"),
            "tiny.py:16: TypeError",
        ),
        ("import sys; sys.exit(3)\n" + TINY, "tiny.py:1: SystemExit: 3"),
    ],
)
def test_broken_experiments_are_one_line(tmp_path, capsys, source, said):
    (tmp_path / "tiny.py").write_text(source)
    where = ["--folder", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(["experiment", "run", "tiny", *where]) in (1, 2)
    assert said in capsys.readouterr().err
    assert main(["experiment", "list", "--folder", str(tmp_path)]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["solve", "--tolerance", "1e-6"], "tolerance=1e-06 with 3 points, which are solved exactly"),
        (["solve", "--activation", "sin", "--sigma-b", "2"], "sigma_b=2.0 with activation='sin'"),
        (["solve", "--activation", "sin", "--treatment", "instant"], "treatment='instant' with activation='sin'"),
        (["solve", "--activation", "sin", "--frequencies", "1"], "frequencies='1' with activation='sin'"),
        (["solve", "--times", "0,1", "--test", "large.csv"], "test='large.csv' line 3, column 1 (x): '1e150' is not"),
        (["spectrum", "--domain", "euclidean", "--dim", "2"], "dim=2 with data='data.csv' of 1 coordinates"),
    ],
)
def test_what_the_data_refuse_is_one_line_and_no_folder(tmp_path, capsys, monkeypatch, arguments, said):
    """Options that do not apply once the data are read, and numbers of which the squares are none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("x,y\n0,1\n0.5,2\n1,3\n")
    (tmp_path / "large.csv").write_text("x\n0\n1e150\n")
    assert main([*arguments, "--data", "data.csv", "--out", "out"]) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.strip().count("\n") == 0
    assert not (tmp_path / "out").exists()
