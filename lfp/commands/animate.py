"""A film of a stored run, for slides: nothing is computed again, one look after the other in the logarithm of time."""

import base64
import io
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from lfp import _checks, _files
from lfp.commands.solve import named_time
from lfp.figures import film, plots
from lfp.measure.trajectory import load

Format = Literal["gif", "mp4", "html"]
Frames = Sequence[UInt8[np.ndarray, "h w 3"]]
FRAMES, MODES, COLOURS = 60, 8, 256
"""Of a film at most: looks and modes, evenly chosen; colours of a GIF and of the pictures in HTML."""


def run(
    folder: Path, *, kind: Format | None = None, seconds: float = 8.0, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Write animation.gif and, where ffmpeg is, animation.mp4, else animation.html; or one of them.

    Raises:
        InputError: no finished run of `lfp overlay`, or of `lfp solve` with an image, of this version; an MP4 without
            ffmpeg.
    """
    began = time.perf_counter()
    coder = shutil.which("ffmpeg")
    if kind == "mp4" and coder is None:
        msg = "format='mp4' without ffmpeg on this machine; allowed: gif, html"
        raise _checks.InputError(msg)
    kinds = (kind,) if kind else ("gif", "mp4" if coder else "html")
    curves, settings = stored(folder)
    say("drawing ...")
    with plots.style():
        drawn, looks = of_image(curves) if "h" in curves else of_run(curves, settings)
        frames = [drawn.frame(look) for look in looks]
    each, sizes = seconds / len(frames), {}
    with _files.held(folder):
        for one in kinds:
            content = WRITERS[one](frames, each)
            _files.write_whole(folder / f"animation.{one}", content)
            sizes[f"animation.{one}"] = len(content)
    return {"files": sizes, "frames": len(frames), "seconds": round(time.perf_counter() - began, 2)}


def stored(folder: Path) -> tuple[Any, dict[str, Any]]:
    """Curves and settings of a finished run of this version."""
    if not folder.is_dir():
        msg = f"folder={str(folder)!r} is no folder; allowed: one that lfp overlay or lfp solve --image wrote"
        raise _checks.InputError(msg)
    if not (folder / _files.CONFIG).exists():
        msg = f"folder={str(folder)!r} holds no run; allowed: one that lfp overlay or lfp solve --image wrote"
        raise _checks.InputError(msg)
    config = _files.read_json(folder / _files.CONFIG)
    settings, wrote, now = config["settings"], config["environment"]["lfp"], _files.version_of("lfp-jax")
    if wrote != now:
        msg = f"folder={str(folder)!r} was written by lfp {wrote}; allowed: by lfp {now} (--force runs it again)"
        raise _checks.InputError(msg)
    if not (folder / _files.RESULT).exists() or _files.read_result(folder).get("interrupted"):
        msg = f"folder={str(folder)!r} holds an unfinished run; allowed: a finished one (the same command goes on)"
        raise _checks.InputError(msg)
    if not (folder / "curves.nc").exists():
        msg = f"folder={str(folder)!r} has no curves; allowed: one that lfp overlay or lfp solve --image wrote"
        raise _checks.InputError(msg)
    curves = load(folder / "curves.nc")
    if "f_training" not in curves and not ("h" in curves and settings.get("image")):
        msg = f"folder={str(folder)!r} holds another run; allowed: one of lfp overlay, or of lfp solve --image"
        raise _checks.InputError(msg)
    return curves, settings


def of_run(curves: Any, settings: dict[str, Any]) -> tuple[film.Film, list[int]]:
    """Of `lfp overlay`."""
    steps, modal = curves.step.values, "part" in curves.remaining_training.dims
    left = [curves.remaining_theory.values, curves.remaining_training.values.mean(axis=0)]
    sizes = [np.linalg.norm(values, axis=2) for values in left]
    learnt = [np.hypot(1 - of[..., 0], of[..., 1]) if modal else 1 - size for of, size in zip(left, sizes, strict=True)]
    kept = evenly(sizes[0].shape[1], MODES)
    names = [str(mode) for mode in curves.mode.values[kept]]
    on_circle = settings.get("domain") in (None, "circle") and (settings.get("data") is None or settings.get("period"))
    period = (settings.get("period") or 2 * np.pi) if on_circle else None
    coordinate = curves.t.values if "t" in curves.coords else None
    drawn = film.film_run(
        coordinate,
        curves.target.values,
        (curves.f_theory.values.mean(axis=0), curves.f_training.values.mean(axis=0)),
        steps,
        names,
        (sizes[0][:, kept], sizes[1][:, kept]),
        (learnt[0][:, kept], learnt[1][:, kept]),
        period,
        "mode" if modal else "part",
    )
    return drawn, evenly(len(steps), FRAMES)


def of_image(curves: Any) -> tuple[film.Film, list[int]]:
    """Of `lfp solve --image`: the target is what h and the residual leave."""
    h, times = curves.h.values, curves.time.values
    side = round(h.shape[1] ** 0.5)
    target = (h[-1] - curves.residual.values[-1]).reshape(side, side)
    spectra = np.hypot(*np.moveaxis(curves.spectrum.values, -1, 0))
    titles = [named_time(t) for t in times]
    drawn = film.film_image(target, h.reshape(-1, side, side), curves.frequency.values, spectra, titles)
    return drawn, evenly(len(times), FRAMES)


def evenly(count: int, most: int) -> list[int]:
    """So many of 0, 1, .., count - 1 at most, both ends among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def write_gif(frames: Frames, each: float) -> bytes:
    """In few colours; the last frame stays for two seconds."""
    pictures, buffer = few_colours(frames), io.BytesIO()
    times = [round(1000 * each)] * (len(frames) - 1) + [2000]
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0, optimize=False, disposal=1
    )
    return buffer.getvalue()


def few_colours(frames: Frames) -> list[Any]:
    """All frames in the colours of the last, which has everything in it."""
    from PIL import Image

    last = Image.fromarray(frames[-1]).quantize(COLOURS)
    palette = np.reshape(last.getpalette() or [], (-1, 3))
    palette[(palette > 248).all(axis=1)] = 255  # the ground is white, not nearly so
    last.putpalette(palette.ravel().tolist())
    return [Image.fromarray(frame).quantize(palette=last, dither=Image.Dither.NONE) for frame in frames]


def write_mp4(frames: Frames, each: float) -> bytes:
    """By ffmpeg, H.264; sides of even length, as it asks for."""
    height, width = (size // 2 * 2 for size in frames[0].shape[:2])
    raw = b"".join(frame[:height, :width].tobytes() for frame in (*frames, *[frames[-1]] * round(2 / each)))
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "animation.mp4"
        given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{1 / each:.6f}", "-i", "-"]
        made = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-r", "30", "-movflags", "+faststart", out]
        command = ["ffmpeg", "-loglevel", "error", "-y", *given, *made]
        done = subprocess.run(command, input=raw, capture_output=True, check=False)
        if done.returncode or not out.exists():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            msg = f"format='mp4': ffmpeg failed, {(said or ['without a word'])[-1][:200]!r}; allowed: gif, html"
            raise _checks.InputError(msg)
        return out.read_bytes()


def write_html(frames: Frames, each: float) -> bytes:
    """One page with all frames, a slider and a button; it asks for nothing else."""
    sources = []
    for picture in few_colours(frames):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", optimize=True)
        sources.append(f'"{base64.b64encode(buffer.getvalue()).decode()}"')
    return PLAYER.replace("EACH", f"{1000 * each:.0f}").replace("FRAMES", ",\n".join(sources)).encode()


WRITERS: dict[str, Callable[[Frames, float], bytes]] = {"gif": write_gif, "mp4": write_mp4, "html": write_html}
PLAYER = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>lfp animate</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<style>
body { margin: 1rem auto; max-width: 60rem; font: 1rem system-ui, sans-serif; background: #fff; color: #222; }
img { width: 100%; } p { display: flex; gap: 1rem; } input { flex: 1; } button { font: inherit; min-width: 5rem; }
</style></head><body>
<img id="picture" alt="Theory beside training, one look after the other">
<p><button id="play">Pause</button><input id="look" type="range" min="0" value="0" aria-label="Look"></p>
<script>
const frames = [FRAMES];
const picture = document.getElementById("picture"), look = document.getElementById("look");
const play = document.getElementById("play");
let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches, wait = 0;
look.max = frames.length - 1;
const show = () => { picture.src = "data:image/png;base64," + frames[look.value]; };
const name = () => { play.textContent = playing ? "Pause" : "Play"; };
look.oninput = () => { playing = false; name(); show(); };
play.onclick = () => { playing = !playing; name(); };
setInterval(() => {
  if (!playing || wait-- > 0) return;
  look.value = (Number(look.value) + 1) % frames.length;
  if (Number(look.value) === frames.length - 1) wait = Math.round(2000 / EACH);
  show();
}, EACH);
name(); show();
</script></body></html>
"""
