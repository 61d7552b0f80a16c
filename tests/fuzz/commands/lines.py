"""Draws command lines: small settings that run, of which one to three words are got wrong or odd."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import numpy as np

from lfp.commands.options import Learn, Overlay, Solve, Spectrum

SMALL: dict[str, list[list[str]]] = {
    "overlay": [
        ["--width", "32", "--points", "16", "--modes", "1,2", "--steps", "20", "--snapshots", "5", "--seeds", "1"],
        ["--width", "32", "--data", "good.csv", "--modes", "1,2", "--steps", "20", "--snapshots", "5", "--seeds", "1"],
        ["--width", "32", "--data", "cloud.csv", "--steps", "20", "--snapshots", "5", "--seeds", "1"],
        ["--width", "32", "--domain", "sphere", "--points", "16", "--steps", "20", "--snapshots", "5", "--seeds", "1"],
    ],
    "solve": [["--data", "good.csv", "--times", "0,1,inf"], ["--image", "good.png", "--size", "8", "--times", "0,1"]],
    "spectrum": [
        ["--modes", "6"],
        ["--domain", "euclidean", "--points", "12", "--modes", "4"],
        ["--domain", "euclidean", "--data", "good.csv"],
        ["--domain", "sphere", "--dim", "4", "--modes", "5"],
    ],
    "learn": [
        ["--dim", "4", "--samples", "3,6", "--draws", "2"],
        ["--domain", "hypercube", "--dim", "4", "--samples", "4", "--draws", "2", "--steps", "9"],
        ["--data", "good.csv", "--samples", "4", "--draws", "2"],
        ["--domain", "circle", "--modes", "1", "--samples", "4", "--draws", "2", "--ridge", "1"],
    ],
    "experiment": [["list"], ["run", "tiny", "--folder", "scripts"], ["cards"], ["margins", "--folder", "scripts"]],
    "bench": [["list"], ["run", "quick", "--folder", "scripts"]],
}
SHARES = {"overlay": 0.38, "solve": 0.2, "spectrum": 0.16, "learn": 0.12, "experiment": 0.09, "bench": 0.05}
"""Of the lines that are drawn."""
SETTINGS = {"overlay": Overlay, "solve": Solve, "spectrum": Spectrum, "learn": Learn}
OTHERS = {
    "overlay": ["--json", "--force", "--resume", "--out", "--sweep"],
    "solve": ["--json", "--force", "--out"],
    "spectrum": ["--json", "--force", "--out"],
    "learn": ["--json", "--force", "--out"],
    "experiment": ["--json", "--force", "--out", "--smoke", "--seed", "--jobs", "--folder"],
    "bench": ["--json", "--force", "--out", "--arguments", "--folder"],
}
INTEGERS = ["0", "-1", "1", "2", "3", "5", "99999999", "1" + "0" * 20, "9223372036854775807", "4e0", "3.0", "2.5"]
INTEGERS += ["1_0", "0x10", "", " 3", "nan", "inf", "two", "\u0663", "--"]
FLOATS = ["0", "-1", "1", "0.3", "1e-3", "1e3", "1e30", "1e-30", "1e200", "1e-200", "1e300", "1e308", "1e-308"]
FLOATS += ["5e-324", "1e999", "nan", "inf", "-inf", "1,5", "", "abc", "1e", "-0.0"]
LISTS = [
    "1",
    "1,2",
    "1-3",
    "3-1",
    "1-999999999",
    "1,,2",
    "-",
    "1-",
    "-1",
    "2,1",
    "1,1",
    "0",
    "0,1",
    "inf",
    "0,inf",
    "nan",
]
LISTS += [
    "1e300",
    "1,2,1e20",
    "99999999999999999999",
    "",
    ",",
    "1;2",
    "relu,tanh",
    "relu,rleu",
    "all",
    "1.5",
    "4,x",
    "1" * 500,
    "auto",
    "x",
    "y",
    "y,x",
]
WORDS = [
    "relu",
    "tanh",
    "erf",
    "sin",
    "ricker",
    "rleu",
    "RELU",
    "",
    "[/x]",
    "[red]x",
    "china",
    "\u00e9",
    "x" * 300,
    "-",
    "--",
]
PATHS = [
    "good.csv",
    "good.png",
    "missing.csv",
    ".",
    "/dev/null",
    "/dev/zero",
    "pipe",
    "bad.csv",
    "words.txt",
    "",
    "a/b/c",
]
OUTS = [
    "x/[/x]",
    "[bold]",
    "\u00fcber",
    "/dev/null/x",
    "good.csv",
    "good.csv/x",
    "d/" * 1500 + "d",
    "n" * 300,
    "",
    " ",
    "-",
]
SWEEPS = [
    "width=8,16",
    "widht=8",
    "optimizer=gd,adam",
    "theory=ntk,foo",
    "alpha=1,1.00000001",
    "seed=0,0",
    "width",
    "=",
    "width=",
]
SWEEPS += [
    "data=good.csv",
    "x64=True",
    "width=8,-1",
    "activation=relu,tanh",
    "seed=0,100000000000000000000",
    "alpha=nan",
]
FOLDERS = ["scripts", "missing", "good.csv", "", ".", "/dev/null"]
NAMES = ["tiny", "quick", "all", "tniy", "", "../scripts/tiny", "broken", "[/x]", "."]
POOLS: dict[str, Sequence[str]] = {
    "--out": OUTS,
    "--sweep": SWEEPS,
    "--folder": FOLDERS,
    "--seed": INTEGERS,
    "--jobs": INTEGERS,
    "--arguments": WORDS,
}
FLAGS = ("--json", "--force", "--resume", "--smoke", "--x64", "--allow-divergence")
FLAGS = (*FLAGS, "--even", "--center", "--standardize", "--classes", "--train")


def draw(rng: np.random.Generator) -> list[str]:
    """A command line."""
    command = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    forms = SMALL[command]
    words = [command, *forms[rng.integers(len(forms))]]
    for _ in range(rng.integers(1, 4)):
        words = _changed(rng, command, words) if words else words
    if words[:2] == ["experiment", "run"] and not any(word.startswith("--folder") for word in words):
        words += ["--folder", "scripts"]  # those of lfp take hours
    return words


FORMS: dict[str, list[list[str]]] = {
    "overlay": [
        ["--domain", "circle"],
        ["--data", "good.csv"],
        ["--data", "cloud.csv", "--probe", "direction"],
        ["--data", "cloud.csv", "--target", "x2,y"],
        ["--domain", "sphere", "--points", "16"],
        ["--optimizer", "sgd", "--batch-size", "8", "--probe", "filter"],
        ["--parametrization", "ntk", "--optimizer", "momentum"],
        ["--optimizer", "adam", "--theory", "empirical"],
    ],
    "solve": [
        ["--data", "good.csv"],
        ["--image", "good.png", "--size", "8"],
        ["--data", "good.csv", "--activation", "sin"],
    ],
    "spectrum": [
        ["--modes", "6"],
        ["--domain", "euclidean", "--points", "12"],
        ["--domain", "euclidean", "--data", "good.csv"],
        ["--domain", "torus", "--modes", "3"],
        ["--parametrization", "paper", "--modes", "6"],
        ["--domain", "euclidean", "--points", "12", "--fourier", "1"],
    ],
    "learn": [
        ["--dim", "4", "--samples", "3,6", "--draws", "2"],
        ["--data", "good.csv", "--samples", "4", "--draws", "2"],
        ["--dim", "4", "--samples", "6", "--draws", "2", "--steps", "9", "--train", "--width", "16", "--seeds", "1"],
    ],
}
VALUES = {
    "modes": ["1,3", "5"],
    "amplitude": ["2"],
    "samples": ["5"],
    "columns": ["y"],
    "target": ["x"],
    "activation": ["tanh"],
    "depth": ["2"],
    "cutoffs": ["2"],
    "times": ["0,2"],
    "frequencies": ["0.5,1"],
    "scales": ["1,3"],
    "data": ["other.csv"],
    "test": ["other.csv"],
    "image": ["china"],
}
PERMISSIONS = {"allow_divergence", "missing"}
"""Options that change nothing where they are not needed."""


def each_option() -> Iterator[tuple[list[str], list[tuple[str, list[str]]]]]:
    """Every form of a command, and each option with the same form and values for it: one of them must matter."""
    for command, forms in FORMS.items():
        hints = get_type_hints(SETTINGS[command])
        small = SMALL["overlay"][0] if command == "overlay" else []
        for form in forms:
            small_here = [w for w in small if w not in ("--points", "16")] if "--data" in form else small
            base = [command, *small_here, *form]
            more = [
                (name, [*base, "--" + name.replace("_", "-"), *([value] if value else [])])
                for name, hint in hints.items()
                if name not in PERMISSIONS
                for value in _valid(name, hint)
                if value not in base
            ]
            yield base, more


def _valid(name: str, hint: Any) -> Sequence[str]:
    """Values of an option that are right where it applies."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType] if NoneType in get_args(hint) else [hint]
    if name in VALUES:
        return VALUES[name]
    choices = get_args(kinds[0])
    return [""] if kinds[0] is bool else ["7"] if kinds[0] is int else ["0.7"] if kinds[0] is float else choices


def _changed(rng: np.random.Generator, command: str, words: list[str]) -> list[str]:
    """With one option set, or one slip of typing."""
    if rng.random() < 0.85:
        pools = pools_of(command)
        option = str(rng.choice(list(pools)))
        if option in FLAGS:
            return [*words, option]
        value = str(rng.choice(pools[option]))
        if option in words[:-1]:  # the last one given counts: give it in its place
            place = words.index(option) + 1
            return [*words[:place], value, *words[place + 1 :]]
        return [*words, f"{option}={value}"] if rng.random() < 0.3 else [*words, option, value]
    place = int(rng.integers(len(words)))
    slips = [
        lambda: words[:place],
        lambda: [*words[:place], *words[place + 1 :]],
        lambda: [*words[:place], words[place], *words[place:]],
        lambda: [*words[:place], _misspelt(rng, words[place]), *words[place + 1 :]],
        lambda: [
            *words,
            str(rng.choice(["stray", "--help", "-h", "--version", "--", "-x", "--unknown", "\u2014width"])),
        ],
        lambda: [words[0], *words[1:][::-1]],
    ]
    return slips[rng.integers(len(slips))]()


def _misspelt(rng: np.random.Generator, word: str) -> str:
    if len(word) < 3:
        return word + "x"
    place = int(rng.integers(len(word) - 1))
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def pools_of(command: str) -> dict[str, Sequence[str]]:
    """What to try for every option of a command."""
    found: dict[str, Sequence[str]] = {}
    if command in SETTINGS:
        for name, hint in get_type_hints(SETTINGS[command]).items():
            found["--" + name.replace("_", "-")] = _pool(hint)
    for option in OTHERS[command]:
        found[option] = POOLS.get(option, ())
    if command in ("experiment", "bench"):
        found["--name"] = NAMES
    return found


def _pool(hint: Any) -> Sequence[str]:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType] if NoneType in get_args(hint) else [hint]
    kind = kinds[0]
    if kind is bool:
        return ()
    if kind is int:
        return INTEGERS
    if kind is float:
        return FLOATS
    if kind is Path:
        return PATHS
    if kind is str:
        return [*LISTS, *WORDS, *PATHS[:6]]
    choices = [str(value) for value in get_args(kind)]
    return [*choices, choices[0].upper(), choices[-1] + "x", "", "none"]
