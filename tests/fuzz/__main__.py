"""A thousand wrong calls, none of which may pass in silence or fail from inside, and a thousand odd but right ones."""

import sys

import jax

jax.config.update("jax_enable_x64", True)

from tests.fuzz.calls import search, table  # noqa: E402 - precision comes first

found = search(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
faults = 0
for kind, calls in found.items():
    print(f"{kind.removeprefix('draw_')} calls: {table(calls)}")
    for said, outcome in calls:
        if outcome.fault:
            faults += 1
            print(f"  {outcome.fault}: {said}\n    {outcome.kind}: {outcome.words}")
sys.exit(bool(faults))
