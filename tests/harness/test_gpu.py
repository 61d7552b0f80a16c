"""The benchmark of GPUs: it refuses to run without one, runs small anywhere, and writes between its markers alone."""

import importlib.util
import subprocess
import sys

import jax
import pytest

from lfp.harness.claims import BENCHMARKS

PAGE = BENCHMARKS.parent / "docs" / "performance.md"
SCRIPT = BENCHMARKS / "gpu.py"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("benchmarks_gpu", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_writes_between_its_markers_alone(script):
    page = PAGE.read_text()
    before, rest = page.split(script.BEGIN)
    after = rest.split(script.END)[1]
    once = script.written(page, r"a table with \1")
    assert once == f"{before}{script.BEGIN}\na table with \\1\n{script.END}{after}"
    assert script.written(once, "") == f"{before}{script.BEGIN}\n\n{script.END}{after}"
    with pytest.raises(SystemExit, match="no markers"):
        script.written("a page", "a table")


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="there is a GPU")
def test_without_a_gpu_it_says_so_in_one_line(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(SystemExit) as end:
        script.main()
    said = capsys.readouterr()
    assert (end.value.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("no GPU")


@pytest.mark.slow
def test_it_runs_small_on_any_device(tmp_path, script):
    """Every job in both precisions; each counts flops and takes a share of a peak that a machine can have."""
    page = tmp_path / "page.md"
    page.write_text(f"above\n{script.BEGIN}\n{script.END}\nbelow\n")
    subprocess.run([sys.executable, str(SCRIPT), "--small", "--write", str(page)], check=True)
    above, about, _, *table, below = page.read_text().replace(script.BEGIN + "\n", "").split("\n")[:-1]
    assert (above, below) == ("above", "below")
    assert f"JAX {jax.__version__}, commit" in about
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:-1]]
    assert [row[1] for row in rows] == ["float32"] * 8 + ["float64"] * 8
    for _, _, first, again, counted, share in rows:
        assert float(first.split()[0]) > float(again.split()[0]) > 0
        assert float(counted.split()[0]) > 0
        assert 0 < float(share.split()[0]) < 2
