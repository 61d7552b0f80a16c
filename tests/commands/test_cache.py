"""The cache of compiled programs: what is found again, switched off, damaged, shared, not writable."""

import json
import os
import subprocess
import sys
import time

import pytest

from lfp.commands import cache

SCRIPT = """
import json, sys
from lfp.commands.cache import keep_programs
folder = keep_programs()
import jax, jax.numpy as jnp
found = []
jax.monitoring.register_event_listener(lambda event, **_: found.append(event.endswith("cache_hits")))
value = jax.jit(lambda x: jnp.sum(jnp.sin(x) @ jnp.cos(x).T))(jnp.ones((8, 8)))
print(json.dumps([None if folder is None else str(folder), sum(found), float(value)]))
"""


def start(**variables):
    environment = {k: v for k, v in os.environ.items() if k not in (cache.VARIABLE, "JAX_COMPILATION_CACHE_DIR")}
    environment |= {key: str(value) for key, value in variables.items()}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert err == ""
    return json.loads(out)


def test_programs_are_found_again_and_a_damaged_one_is_compiled_again(tmp_path):
    folder, hits, value = finish(start(XDG_CACHE_HOME=tmp_path))
    kept = sorted((tmp_path / "lfp" / cache._processor()).iterdir())
    assert folder == str(kept[0].parent)
    assert hits == 0
    again = finish(start(XDG_CACHE_HOME=tmp_path))
    assert again == [folder, len(kept), value]
    assert sorted((tmp_path / "lfp" / cache._processor()).iterdir()) == kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:-10])
    assert finish(start(XDG_CACHE_HOME=tmp_path)) == [folder, 0, value]


def test_processes_share_it(tmp_path):
    results = [finish(one) for one in [start(LFP_CACHE=tmp_path) for _ in range(3)]]
    assert len({(folder, value) for folder, _, value in results}) == 1


def test_it_is_off_where_it_cannot_be_or_is_not_wanted(tmp_path):
    taken = tmp_path / "file"
    taken.touch()
    running = [start(LFP_CACHE=where) for where in ("off", taken, "/proc/lfp")]
    running.append(start(LFP_CACHE=tmp_path / "ours", JAX_COMPILATION_CACHE_DIR=tmp_path / "theirs"))
    assert [finish(one)[0] for one in running] == [None] * 4
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize(("largest", "left"), [(39, ["2", "3"]), (40, ["0", "1", "2", "3"])])
def test_the_older_half_goes_when_it_is_full(largest, left, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "LARGEST", largest)
    for i in range(4):
        (tmp_path / str(i)).write_bytes(bytes(10))
        os.utime(tmp_path / str(i), (time.time() + i, time.time() + i))
    cache._trim(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == left
