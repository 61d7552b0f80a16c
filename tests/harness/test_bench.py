"""Benchmarks: listed, run in a process of their own, kept."""

import json
import os
import subprocess

import jax
import pytest

from lfp import InputError, _files
from lfp.commands import cli
from lfp.harness import bench, claims

SCRIPT = '''"""Claim: addition is at most 2 times as slow as nothing."""
import os, sys
def main():
    print("begun")
    print("ratio 1.5 (claim: at most 2), in process", os.getpid(), *sys.argv[1:])
    if sys.argv[1:] == ["stop"]: sys.exit("no peer")
if __name__ == "__main__":
    main()
'''


@pytest.fixture
def folder(tmp_path):
    """A folder of one benchmark and one file that is none."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "addition.py").write_text(SCRIPT)
    (tmp_path / "scripts" / "helper.py").write_text("def main(): ...")
    return tmp_path / "scripts"


def test_what_is_printed_is_kept(folder, tmp_path):
    said: list[str] = []
    result = bench.run("addition", tmp_path / "out", arguments=("9",), folder=folder, say=said.append)
    assert result["passed"]
    assert said[0] == "begun"
    assert [line["text"] for line in result["lines"]] == said[1:]  # lines with numbers only
    ratio, limit, process, argument = result["lines"][0]["numbers"]
    assert (ratio, limit, argument) == (1.5, 2.0, 9.0)
    assert process != os.getpid()
    assert _files.read_result(tmp_path / "out") == result
    assert json.loads((tmp_path / "out" / "config.json").read_text())["settings"]["arguments"] == ["9"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ratio -1.5e-3, .7 and 2.", [-1.5e-3, 0.7, 2.0]),
        ("x86 int8 v1.2.3a n^2 S2", []),
        ("512 x 512: 3 s", [512.0, 512.0, 3.0]),
    ],
)
def test_numbers_stand_apart(line, found):
    assert bench.numbers(line) == found


def test_only_benchmarks_are_listed(folder):
    assert list(claims.benchmarks(folder)) == ["addition"]
    assert {"import_time", "solver", "spectra"} <= set(claims.benchmarks())
    with pytest.raises(InputError, match="folder"):
        claims.benchmarks(folder / "nowhere")


def test_the_command(folder, tmp_path, capsys):
    where = ["--folder", str(folder), "--out", str(tmp_path / "out")]
    assert cli.main(["bench", "list", *where[:2]]) == 0
    assert "addition is at most 2" in capsys.readouterr().out
    assert cli.main(["bench", "run", "addition", *where, "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["lines"][0]["numbers"][:2] == [1.5, 2.0]
    assert "begun" in said.err
    assert cli.main(["bench", "run", "addition", *where, "--arguments", "stop"]) == 2  # the folder holds another run
    assert "allowed: another folder, or --force" in capsys.readouterr().err
    assert cli.main(["bench", "run", "addition", *where, "--arguments", "stop", "--force"]) == 1
    assert "FAILED (no peer)" in capsys.readouterr().out
    assert cli.main(["bench", "run", "adition", *where]) == 2
    assert "did you mean 'addition'" in capsys.readouterr().err


def test_all_of_them_make_a_table_of_ratios(folder, tmp_path):
    """Lines that begin with the word alone; a script that cannot run here is no failure, a broken one is."""
    out = tmp_path / "out"
    assert bench.run_all(out, folder=folder, say=lambda _: None)
    about, _, *rows = (out / bench.TABLE).read_text().splitlines()
    assert about.startswith(f"commit {bench.commit(folder)}, device")
    assert f"jax {jax.__version__}" in about
    assert rows[:2] == ["| benchmark | ratio |", "|---|---|"]
    assert rows[2].startswith("| addition | 1.5 (claim: at most 2), in process")
    assert len(rows) == 3
    (folder / "absent.py").write_text('import sys\nif __name__ == "__main__":\n    sys.exit(2)\n')
    assert bench.run_all(out, folder=folder, say=lambda _: None)
    assert "| absent | not run: exit code 2 |" in (out / bench.TABLE).read_text()
    (folder / "broken.py").write_text('if __name__ == "__main__":\n    print("ratio 3", 1 / 0)\n')
    assert not bench.run_all(out, ["broken", "addition"], folder=folder, say=lambda _: None)
    text = (out / bench.TABLE).read_text()
    assert "| broken | FAILED: ZeroDivisionError: division by zero |" in text
    assert "absent" not in text
    with pytest.raises(InputError, match="did you mean 'addition'"):
        bench.run_all(out, ["adition"], folder=folder)


def test_the_commit_is_that_of_the_checkout(tmp_path):
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=claims.BENCHMARKS)
    if done.returncode:
        pytest.skip("no checkout")
    assert done.stdout.startswith(bench.commit().removesuffix("-dirty"))
    assert bench.commit(tmp_path) == "unknown"
