"""Thousands of command lines and hundreds of files, none of which may end in a traceback, hang or leave a trap."""

import os
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.fuzz.commands import files, lines, workers


def main(seed: int, count: int = 2000) -> int:
    """Draws, runs, prints a table of classes and every fault; how many faults there were."""
    import lfp.commands.learn
    import lfp.commands.overlay
    import lfp.commands.solve
    import lfp.commands.spectrum  # noqa: F401 - forked workers have them

    rng = np.random.default_rng(seed)
    faults = 0
    with tempfile.TemporaryDirectory() as place:
        world = Path(place)
        files.world(world)
        os.environ["LFP_CACHE"] = str(world / "programs")  # the workers share what they compile
        kinds = {
            "argument vectors": workers.search((lines.draw(rng) for _ in range(count)), world),
            "files": workers.search((files.draw(rng, world, n) for n in range(count // 4)), world),
            "processes": (workers.process(lines.draw(rng), world, n) for n in range(count // 20)),
        }
        kinds = {**kinds, "options": _ignored(world)}
        for kind, outcomes in kinds.items():
            classes: Counter[str] = Counter()
            for found in outcomes:
                classes[found.fault or found.kind] += 1
                if classes.total() % 100 == 0:
                    print(f"{kind}: {classes.total()} ...", flush=True)
                if found.fault:
                    faults += 1
                    print(f"  {found.fault} ({found.kind}): lfp {shlex.join(w[:120] for w in found.words)}", flush=True)
                    print(f"    {found.said.strip()[-300:]}", flush=True)
            print(f"{kind}: {sum(classes.values())}: {dict(classes.most_common())}", flush=True)
    return faults


def _ignored(world: Path) -> Iterator[workers.Outcome]:
    """Options that change nothing where they were given: each must be refused there."""
    pairs = list(lines.each_option())
    alone = {tuple(found.words): found for found in workers.search([base for base, _ in pairs], world)}
    yield from (one if one.digest else one._replace(fault="a form that does not run") for one in alone.values())
    tried = {tuple(words): (tuple(base), option) for base, more in pairs for option, words in more}
    matter: dict[tuple[tuple[str, ...], str], bool] = {}  # of options of which a value ran
    for found in workers.search([list(words) for words in tried], world):
        yield found
        place = tried[tuple(found.words)]
        if found.digest:
            matter[place] = matter.get(place, False) or found.digest != alone[place[0]].digest
    for (base, option), matters in matter.items():
        if not matters:  # whatever its value: the default changes nothing either
            yield workers.Outcome([*base, option], "ignored", "", "")


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2000)))
