"""`lfp animate`: films of stored runs, and what is refused."""

import io
import json
import re
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from lfp import _files
from lfp.commands import animate
from lfp.commands.cli import main
from lfp.figures import film
from lfp.measure.trajectory import labelled, log_steps, save

SMALL = ["--width", "64", "--points", "24", "--steps", "40", "--snapshots", "8", "--seeds", "2"]
STEPS = log_steps(40, 8)


@pytest.fixture
def folder(tmp_path):
    """A folder as `lfp overlay` leaves it, of two modes that decay as they should."""
    t = 2 * np.pi * np.arange(24) / 24
    left = np.exp(-np.multiply.outer(STEPS, [0.3, 0.02]))
    y = np.sin(np.multiply.outer([1, 2], t))
    learnt, size = (1 - left) @ y, np.stack([left, 0 * left], axis=-1)
    curves = labelled(
        {"mode": [1, 2], "step": STEPS, "part": ["re", "im"], "t": ("point", t)},
        target=("point", y.sum(axis=0)),
        f_theory=(("theory_run", "theory_step", "point"), learnt[None]),
        f_training=(("run", "step", "point"), np.stack([0.9 * learnt, 1.1 * learnt])),
        remaining_theory=(("theory_step", "mode", "part"), size),
        remaining_training=(("run", "step", "mode", "part"), np.stack([size, size])),
    )
    save(tmp_path / "curves.nc", curves)
    settings = {"domain": None, "data": None, "period": None}
    _files.write_json(tmp_path / "config.json", {"settings": settings, "environment": _files.environment()})
    _files.write_result(tmp_path, {"interrupted": False})
    return tmp_path


def refused(capsys, *arguments):
    """The one line on stderr of a command that must exit 2."""
    assert main(["animate", *map(str, arguments)]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not re.search(r"\.\.\.( \d|$)", line)]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("kind", ["gif", "html"])
def test_a_film_has_every_look(kind, folder, capsys):
    assert main(["animate", str(folder), "--format", kind, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["frames"] == len(STEPS)
    content = (folder / f"animation.{kind}").read_bytes()
    assert said["files"] == {f"animation.{kind}": len(content)}
    if kind == "gif":
        with Image.open(io.BytesIO(content)) as stored:
            assert stored.n_frames == len(STEPS)
            assert stored.convert("RGB").getpixel((2, 2)) == (255, 255, 255)  # no grey box on a slide
            assert 4 < sum(stored.seek(i) or stored.info["duration"] for i in range(len(STEPS))) / 1000 < 12
    else:
        text = content.decode()
        assert text.count('"iVBOR') == len(STEPS)  # PNG
        assert not re.findall(r"https?:", text)


def test_frames_leave_no_trail(folder):
    curves, settings = animate.stored(folder)
    drawn, looks = animate.of_run(curves, settings)
    first = drawn.frame(1)
    assert (drawn.frame(looks[-1]) != first).any()
    np.testing.assert_array_equal(drawn.frame(1), first)
    assert first.shape[2] == 3


def test_bars_are_what_is_learnt_and_lines_end_at_the_look(folder):
    curves, settings = animate.stored(folder)
    drawn, _ = animate.of_run(curves, settings)
    look = 4
    drawn.frame(look)
    _, modes, spectrum = drawn._canvas.figure.axes
    expected = 1 - np.exp(-STEPS[look] * np.array([0.3, 0.02]))
    np.testing.assert_allclose([bar.get_height() for bar in spectrum.patches], expected)
    assert modes.lines[0].get_xdata()[-1] == STEPS[look]
    assert modes.lines[1].get_xdata()[-1] == STEPS[-1]  # theory is whole from the start


def test_mp4_where_ffmpeg_is_and_html_where_it_is_not(folder, monkeypatch, capsys):
    monkeypatch.setattr(animate.shutil, "which", lambda _: None)
    assert "format='mp4' without ffmpeg" in refused(capsys, folder, "--format", "mp4")
    assert main(["animate", str(folder)]) == 0
    assert {path.name for path in folder.glob("animation.*")} == {"animation.gif", "animation.html"}


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_mp4_plays(folder, capsys):
    assert main(["animate", str(folder), "--format", "mp4", "--seconds", "3", "--json"]) == 0
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "json", folder / "animation.mp4"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert 4 < float(said["format"]["duration"]) < 6  # two seconds of the last frame


def test_what_is_no_finished_run_of_this_version_is_refused_in_one_line(folder, tmp_path, capsys):
    assert "is no folder" in refused(capsys, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "holds no run" in refused(capsys, tmp_path / "empty")
    assert "seconds=0.0" in refused(capsys, folder, "--seconds", "0")
    _files.write_result(folder, {"interrupted": True})
    assert "unfinished run" in refused(capsys, folder)
    (folder / "result.json").unlink()
    assert "unfinished run" in refused(capsys, folder)
    config = _files.read_json(folder / "config.json")
    _files.write_json(folder / "config.json", config | {"environment": config["environment"] | {"lfp": "0.1.0"}})
    assert "was written by lfp 0.1.0" in refused(capsys, folder)
    (folder / "config.json").write_text("{}")
    assert "has no digest" in refused(capsys, folder)


def test_damaged_curves_and_other_runs_are_refused(folder, capsys):
    whole = (folder / "curves.nc").read_bytes()
    (folder / "curves.nc").write_bytes(whole[:-200])
    assert "curves.nc" in refused(capsys, folder)
    (folder / "curves.nc").unlink()
    assert "has no curves" in refused(capsys, folder)
    save(folder / "curves.nc", labelled({}, rates=("mode", np.ones(3))))
    assert "holds another run" in refused(capsys, folder)


def test_looks_are_even():
    assert animate.evenly(5, 60) == [0, 1, 2, 3, 4]
    assert animate.evenly(101, 3) == [0, 50, 100]
    assert animate.evenly(1, 60) == [0]


def test_an_image_is_filmed_whole():
    target = np.arange(16.0).reshape(4, 4)
    images = np.stack([0 * target, target / 2, target])
    drawn = film.film_image(
        target, images, np.array([1.0, 2.0]), np.array([[0, 0], [1, 0.1], [2, 1]]), ["a", "bb", "c"]
    )
    frames = [drawn.frame(look) for look in range(3)]
    assert all((one != other).any() for one, other in pairwise(frames))


@pytest.mark.parametrize(
    "command",
    [
        ["overlay", "--modes", "1,3", *SMALL],
        ["overlay", "--domain", "line", "--sigma-b", "4", "--modes", "1,2", *SMALL],
        ["overlay", "--domain", "sphere", *SMALL],
        ["overlay", "--probe", "filter", "--modes", "1,4", *SMALL],
        ["solve", "--image", "china", "--size", "32"],
    ],
    ids=["circle", "line", "sphere", "filter", "image"],
)
def test_runs_of_every_kind_are_filmed(command, tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*command, "--out", str(out)]) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main(["animate", str(out), "--format", "gif"]) == 0
    after = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(after) - set(before) == {"animation.gif"}
    assert all(after[name] == content for name, content in before.items())
    assert main([*command, "--out", str(out)]) == 0  # finished before
    assert main([*command, "--out", str(out), "--force"]) == 0
    assert not (out / "animation.gif").exists()  # of another run
