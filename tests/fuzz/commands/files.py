"""Draws files that commands read: tables, images, experiments and benchmarks, some right, most of them damaged."""

import gzip
import io
import os
from pathlib import Path

import numpy as np

TINY = '''"""A claim."""
from dataclasses import dataclass
import numpy as np
from lfp.figures import plots
from lfp.harness.experiment import Settings
from lfp.harness.gate import Gate

PAPER, PREDICTED, CAPTION = "a", "b", "c"


@dataclass(frozen=True)
class Config(Settings):
    seeds: int = 2


SMOKE = Config()


def run(config, stage):
    return {"value": (("seed",), np.arange(2.0))}


def check(data, config):
    values = data["value"].values
    return [Gate("below", values, 2.0), Gate("control", values + 9, 2.0, control=True)]


def plot(data, config):
    fig, axes = plots.figure()
    axes.plot(data["value"].values)
    return fig
'''
MORE = [
    ["--missing", "drop"],
    ["--columns", "x"],
    ["--columns", "1", "--target", "2"],
    ["--target", "x"],
    ["--target", "x,y"],
    ["--classes"],
    ["--classes", "--target", "x", "--center"],
    ["--subsample", "5"],
    ["--subsample", "4", "--even"],
    ["--standardize"],
    ["--center"],
    ["--modes", "auto"],
    ["--period", "360", "--modes", "auto"],
]
"""Options of what is read, right or wrong where they come to stand."""
QUICK = '"""Claim: quick."""\nif __name__ == "__main__":\n    print("ratio 2.0")\n'


def world(folder: Path) -> None:
    """The files that command lines name."""
    x = np.linspace(-0.9, 0.9, 12)
    lines = [f"{a:.6f},{np.sin(3 * a):.6f}" for a in x]
    (folder / "good.csv").write_text("x,y\n" + "\n".join(lines) + "\n")
    cloud = [f"{a:.6f},{b:.6f},{a * b:.6f}" for a, b in np.random.default_rng(0).uniform(-1, 1, (30, 2))]
    (folder / "cloud.csv").write_text("x1,x2,y\n" + "\n".join(cloud) + "\n")
    (folder / "other.csv").write_text("x,y\n" + "\n".join(lines[::2]) + "\n")
    (folder / "bad.csv").write_text("x,y\n1,2\n3\n")
    (folder / "words.txt").write_text("not a table\n")
    (folder / "good.png").write_bytes(picture("PNG"))
    (folder / "scripts").mkdir()
    (folder / "scripts" / "tiny.py").write_text(TINY)
    (folder / "scripts" / "quick.py").write_text(QUICK)
    os.mkfifo(folder / "pipe")


def picture(kind: str) -> bytes:
    """A small image."""
    from PIL import Image

    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (16, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def draw(rng: np.random.Generator, folder: Path, number: int) -> list[str]:
    """A command line with a file of its own, written into the folder."""
    kind = str(rng.choice(["table", "image", "experiment", "bench"], p=[0.5, 0.3, 0.15, 0.05]))
    if kind == "table":
        path = folder / f"{number}.csv"
        path.write_bytes(table(rng))
        small = ["--width", "16", "--steps", "5", "--snapshots", "3", "--seeds", "1"]
        forms = [
            ["overlay", "--data", path.name, *small],
            ["solve", "--data", path.name, "--times", "0,1"],
            ["solve", "--data", "good.csv", "--times", "0,1", "--test", path.name],
            ["spectrum", "--domain", "euclidean", "--data", path.name],
        ]
        words = forms[rng.integers(len(forms))]
        return [*words, *MORE[rng.integers(len(MORE))]] if rng.random() < 0.4 else words
    if kind == "image":
        path = folder / f"{number}.png"
        path.write_bytes(image(rng))
        return ["solve", "--image", path.name, "--size", "6", "--times", "0,1"]
    scripts = folder / f"scripts{number}"
    scripts.mkdir()
    name, source = ("tiny", TINY) if kind == "experiment" else ("quick", QUICK)
    (scripts / f"{name}.py").write_bytes(script(rng, source))
    action = "list" if rng.random() < 0.2 else "run"
    return [kind, action, *([name] if action == "run" and rng.random() < 0.8 else []), "--folder", scripts.name]


def table(rng: np.random.Generator) -> bytes:
    """A table, with something of what tables have."""
    rows, columns = int(rng.choice([0, 1, 2, 5, 12, 30])), int(rng.choice([1, 2, 2, 2, 3, 5]))
    values = rng.normal(size=(rows, columns)) * 10.0 ** rng.choice([0, 0, 0, 3, -3, 150, -150, 300, -300])
    kinds = [
        lambda v: v,
        lambda v: np.round(v),
        lambda v: v * 0,
        lambda v: np.sort(v, axis=0),
        lambda v: np.repeat(v[:1], len(v), axis=0),
    ]
    values = kinds[rng.integers(len(kinds))](values)
    separator = str(rng.choice([",", ",", ",", ";", "\t", " ", "|"]))
    text = "\n".join(separator.join(f"{value!r}" for value in row) for row in values.tolist())
    text = text.replace(".", ",") if rng.random() < 0.2 else text
    header = separator.join(["x", "y", "z", "y", "[/x]"][:columns])
    text = (
        rng.choice([header + "\n", "", "", "# note\n", "x;y\n", "\n\n", '"x\n'])[:]
        + text
        + rng.choice(["\n", "", "\r", "\n\n"])
    )
    cells = [
        "nan",
        "inf",
        "1e999",
        "",
        "NA",
        "x",
        '"',
        '"1\n2"',
        "1" * 200_000,
        "\x00",
        "\u0661",
        "1,5",
        "[/x]",
        "1e-400",
        "True",
    ]
    if rng.random() < 0.5 and text:
        place = int(rng.integers(len(text)))
        text = text[:place] + str(rng.choice(cells)) + text[place:]
    codec = str(rng.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    content = text.encode(codec, errors="replace")
    return _damaged(rng, gzip.compress(content) if rng.random() < 0.1 else content, 0.15)


def image(rng: np.random.Generator) -> bytes:
    """A picture in one of the formats, mostly damaged; a bomb now and then."""
    if rng.random() < 0.1:
        return _bomb(int(rng.choice([20_000, 60_000])))
    kinds = ["PNG", "PPM", "BMP", "GIF", "TIFF", "JPEG", "WEBP", "TGA", "ICNS", "DDS", "SGI", "PCX", "ICO"]
    return _damaged(rng, picture(str(rng.choice(kinds))), 0.85)


def _bomb(side: int) -> bytes:
    """A PNG of few bytes that claims side x side pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def script(rng: np.random.Generator, source: str) -> bytes:
    """A file of Python with something wrong in it."""
    lines = source.splitlines(keepends=True)
    place = int(rng.integers(len(lines)))
    wrong = [
        lambda: source,
        lambda: "".join(lines[:place]),
        lambda: "".join([*lines[:place], *lines[place + 1 :]]),
        lambda: "".join([*lines[:place], "1 / 0\n", *lines[place:]]),
        lambda: "".join([*lines[:place], "    raise KeyError('lost')\n", *lines[place:]]),
        lambda: source.replace("2.0)", "[])"),
        lambda: source.replace(
            "np.arange(2.0)", str(rng.choice(["np.nan", "'x'", "[1, 2, 3]", "None", "np.arange(0.0)"]))
        ),
        lambda: source.replace("return", "yield"),
        lambda: source.replace("import numpy as np", "import nonesuch as np"),
        lambda: "import sys; sys.exit(3)\n" + source,
        lambda: "(" * 5000 + source,
        lambda: source.replace("Config()", "Config(seed='x')"),
        lambda: source.replace('"', "\u201c"),
        lambda: "\x00" + source,
        lambda: source.replace("return fig", "return None"),
        lambda: source + "raise MemoryError\n",
    ]
    return _damaged(rng, wrong[rng.integers(len(wrong))]().encode(), 0.1)


def _damaged(rng: np.random.Generator, content: bytes, share: float) -> bytes:
    """Some of them cut, with bits flipped, or with bytes of another file."""
    if rng.random() > share or not content:
        return content
    place, kind = int(rng.integers(len(content))), int(rng.integers(4))
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content[:place] + bytes([content[place] ^ (1 << int(rng.integers(8)))]) + content[place + 1 :]
    if kind == 2:
        return content[:place] + rng.bytes(8) + content[place + 8 :]
    return content[: place // 8] + rng.bytes(len(content))
