"""All experiments of a folder, run side by side."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from lfp import _checks
from lfp.harness.claims import EXPERIMENTS, BrokenScript, experiments, incomplete


def run_all(
    out: str | Path = "results", *, jobs: int = 1, say: Callable[[str], None] = print, **how: Any
) -> dict[str, Any]:
    """Run every experiment, those that are there already only judged and drawn; one that diverges stops no other.

    Args:
        out: folder of folders.
        jobs: how many run side by side, each in a process of its own; with more than one, `say` must be one
            that can be pickled, and a script that calls this needs `if __name__ == "__main__":`.
        say: receives remarks, one line each.
        how: as in `experiment.run`.

    Returns:
        `experiments`, one result each; `passed`; `seconds`, the sum over them.

    Raises:
        InputError: `jobs` below one, or what `experiment.run` refuses.
        RuntimeError: a process was killed from outside, as for want of memory; what is finished is kept.
    """
    jobs = _checks.integer("jobs", jobs, 1)
    folder = how.get("folder", EXPERIMENTS)
    names = experiments(folder)
    for name, why in incomplete(folder).items():
        say(f"{name}: left out, {why}")
    calls = [(name, out, {**how, "say": say}) for name in names]
    done = {}
    for row in map(_run, calls) if jobs == 1 else _side_by_side(calls, jobs):
        done[row["name"]] = row
        verdict = row.get("error") or ("passed" if row["passed"] else "FAILED")
        say(f"{len(done)}/{len(names)} {row['name']}: {verdict}, {row['seconds']} s")
    rows = [done[name] for name in names]
    passed = bool(rows) and all(row["passed"] for row in rows)
    return {"experiments": rows, "passed": passed, "seconds": sum(row["seconds"] for row in rows)}


def _side_by_side(calls: Iterable[Any], jobs: int) -> Iterator[dict[str, Any]]:
    """Results as they come. An interrupt ends the workers; the parts that they have finished are kept."""
    import jax

    precision = {name: getattr(jax.config, name) for name in ("jax_enable_x64", "jax_default_matmul_precision")}
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _start_worker, (precision,)) as pool:
        try:
            for done in as_completed([pool.submit(_run, call) for call in calls]):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


def _start_worker(precision: dict[str, Any]) -> None:
    import jax

    for name, value in precision.items():
        jax.config.update(name, value)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends without a traceback; the parent says so
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # workers share the memory of an accelerator
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed holds no folder and waits for no work."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(call: tuple[str, str | Path, dict[str, Any]]) -> dict[str, Any]:
    import jax

    from lfp.harness import experiment

    name, out, how = call
    try:
        return experiment.run(name, out, **how)
    except (FloatingPointError, BrokenScript, _checks.InputError) as error:
        return {"name": name, "gates": [], "passed": False, "seconds": 0.0, "error": str(error)}
    finally:
        jax.clear_caches()  # compiled code of one is of no use to the next
