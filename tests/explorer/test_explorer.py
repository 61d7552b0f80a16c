"""The page of `lfp explore`: its numbers are lfp's, it asks for nothing, it has the colours of the pictures."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex

from lfp.commands import explore
from lfp.commands.cli import main
from tests.explorer import browser, vectors

CHECK = Path(__file__).with_name("check.js")
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node, which runs the page's numbers, is not installed")
QUICK = {"rates": 1e-6, "laws": 1e-10, "looks": 0, "erf": 1e-15, "half_life": 1e-9}
TRAINED = {"largest": 1e-12, "theory": 1e-6, "functions": 1e-6, "mean": 1e-6, "spread": 1e-6, "d_sup": 1e-6}


def differences(table, place):
    """What the page's numbers are off by, one figure a kind."""
    (place / "table.json").write_text(json.dumps(table))
    command = [NODE, CHECK, explore.PARTS / "numerics.js", place / "table.json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def too_large(found, limits):
    assert set(found) == set(limits)
    return {name: error for name, error in found.items() if not error <= limits[name]}


@needs_node
def test_rates_and_laws_are_those_of_lfp(tmp_path):
    """Every activation, every law; and the control, a rate that is off by 1e-5."""
    table = vectors.table(settings=range(8, 12), trainings=())
    assert too_large(differences(table, tmp_path), QUICK) == {}
    table["rates"][0]["rates"][3] *= 1 + 1e-5
    assert set(too_large(differences(table, tmp_path), QUICK)) == {"rates"}


@needs_node
def test_every_number_is_that_of_lfp(tmp_path):
    """Rates of forty settings; trainings of 300 steps, lazy and rich, on circle and line, with momentum and without."""
    table = vectors.table()
    assert too_large(differences(table, tmp_path), {**QUICK, **TRAINED}) == {}
    table["trainings"][0]["functions"][0][-1][5] += 1e-5
    assert set(too_large(differences(table, tmp_path), {**QUICK, **TRAINED})) == {"functions"}


def test_page_is_one_file_that_asks_for_nothing(tmp_path):
    assert main(["explore", "--out", str(tmp_path / "new" / "page.html")]) == 0
    text = (tmp_path / "new" / "page.html").read_text()
    assert len(text.encode()) < 300_000
    assert "/* " not in re.sub(r"<(style|script)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)  # every part is in
    assert not re.findall(r"https?://|//\w+\.\w+/", text)
    assert "default-src 'none'" in text
    assert "unsafe" not in text.split("</head>")[0].split("<style>")[0]
    assert not re.findall(r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)
    assert re.findall(r'src="|@import|fetch\(|XMLHttpRequest|WebSocket|importScripts|sendBeacon', text) == []


def test_scenes_are_short():
    """At most a hundred words each, without the formula."""
    text = (explore.PARTS / "page.html").read_text()
    scenes = re.findall(r'<section class="scene".*?</section>', text, re.DOTALL)
    assert len(scenes) == 5
    for scene in scenes:
        words = re.sub(r"<[^>]+>", "", re.sub(r"<math.*?</math>", "", scene, flags=re.DOTALL)).split()
        assert len(words) <= 100, words[:3]
        assert (scene.count("<math"), scene.count('class="question"')) == (1, 1)


def test_colours_are_those_of_the_pictures():
    text = (explore.PARTS / "plots.js").read_text()
    assert re.findall(r"#\w{6}", text.split("VIRIDIS = ")[1].split("]")[0]) == [
        to_hex(colormaps["viridis"](0.9 * k / 7)) for k in range(8)
    ]
    block = "".join(re.findall(r'"(\w+)"', text.split("CIVIDIS = ")[1].split(".match")[0]))
    assert re.findall("......", block) == [to_hex(colormaps["cividis"](k / 32))[1:] for k in range(33)]


@pytest.mark.parametrize("wrong", ["folder", "other"])
def test_what_is_no_page_is_not_overwritten(wrong, tmp_path, capsys):
    out = tmp_path / "there"
    out.mkdir() if wrong == "folder" else out.write_text("mine")
    assert main(["explore", "--out", str(out)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    if wrong == "other":
        assert out.read_text() == "mine"
        assert main(["explore", "--out", str(out), "--force"]) == 0
        assert main(["explore", "--out", str(out)]) == 0  # a page of ours makes room


@pytest.mark.parametrize(
    "words",
    [
        ["explore", "--out", "/dev/null", "--force"],
        ["explore", "--out", "page.html/page.html"],
        ["explore", "--out", "x" * 300],
        ["explore", "--jsn"],
        ["explore", "stray"],
        ["animate"],
        ["animate", "missing"],
        ["animate", "page.html"],
        ["animate", ".", "--format", "mp5"],
        ["animate", ".", "--seconds", "nan"],
        ["animate", "x" * 300],
    ],
    ids=" ".join,
)
def test_odd_command_lines_are_refused_in_one_line(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text("mine")
    assert main(words) == 2
    *loading, line = capsys.readouterr().err.strip().splitlines()
    assert all("loading" in one for one in loading)
    assert line.startswith("lfp: ")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_where_there_is_no_browser_its_tests_are_skipped_in_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(browser.shutil, "which", lambda _: None)
    assert browser.main() == 0
    assert capsys.readouterr().out == "skipped: no Chromium and no node on this machine\n"
    assert not list(tmp_path.iterdir())
