"""All experiments of a folder: run side by side, and their table."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from lfp import _checks
from lfp.harness.claims import EXPERIMENTS, experiments


def run_all(
    out: str | Path = "results", *, jobs: int = 1, say: Callable[[str], None] = print, **how: Any
) -> dict[str, Any]:
    """Run every experiment, those that are there already only judged and drawn; one that diverges stops no other.

    Args:
        out: folder of folders.
        jobs: how many run side by side, each in a process of its own; with more than one, `say` must be a function of
            a module, and a script that calls this needs `if __name__ == "__main__":`.
        say: receives remarks, one line each.
        how: as in `experiment.run`.

    Returns:
        `experiments`, one result each; `passed`; `seconds`, the sum over them.

    Raises:
        InputError: `jobs` below one, or what `experiment.run` refuses.
        RuntimeError: a process was killed from outside, as for want of memory; what is finished is kept.
    """
    jobs = _checks.integer("jobs", jobs, 1)
    names = experiments(how.get("folder", EXPERIMENTS))
    calls = [(name, out, {**how, "say": say}) for name in names]
    done = {}
    for row in map(_run, calls) if jobs == 1 else _side_by_side(calls, jobs):
        done[row["name"]] = row
        say(f"{len(done)}/{len(names)} {row['name']}: {'passed' if row['passed'] else 'FAILED'}, {row['seconds']} s")
    rows = [done[name] for name in names]
    passed = bool(rows) and all(row["passed"] for row in rows)
    return {"experiments": rows, "passed": passed, "seconds": sum(row["seconds"] for row in rows)}


def table(out: str | Path = "results", folder: Path = EXPERIMENTS) -> str:
    """The table of experiments/README.md in Markdown, from the results of full runs that `run_all` left in `out`."""
    heads = ("claim", "paper", "what is predicted", "command", "minutes", "gate", "measured", "control", "figure")
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, script in experiments(folder).items():
        path = Path(out) / name / "result.json"
        if not path.exists():
            continue
        result = json.loads(path.read_text())
        gates = [gate for gate in result["gates"] if not gate["control"]]
        controls = [gate for gate in result["gates"] if gate["control"]]
        cells = (
            result["claim"],
            script.constants["PAPER"],
            script.constants["PREDICTED"],
            f"`lfp experiment run {name}`",
            f"{result['seconds'] / 60:.1f}",
            "<br>".join(f"{g['claim']} {g['sense']} {g['limit']:.3g}" for g in gates),
            "<br>".join(_measured(g) for g in gates),
            "<br>".join(f"{g['claim']}: {_measured(g)}" for g in controls),
            f"[figure](figures/{name}.png)",
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _side_by_side(calls: Iterable[Any], jobs: int) -> Iterator[dict[str, Any]]:
    """Results as they come. An interrupt ends the workers; the parts that they have finished are kept."""
    import jax

    x64 = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _start_worker, (x64,)) as pool:
        try:
            for done in as_completed([pool.submit(_run, call) for call in calls]):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


def _start_worker(x64: bool) -> None:
    import jax

    jax.config.update("jax_enable_x64", x64)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends without a traceback; the parent says so
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # workers share the memory of an accelerator


def _run(call: tuple[str, str | Path, dict[str, Any]]) -> dict[str, Any]:
    import jax

    from lfp.harness import experiment

    name, out, how = call
    try:
        return experiment.run(name, out, **how)
    except FloatingPointError as error:
        return {"name": name, "gates": [], "passed": False, "seconds": 0.0, "error": str(error)}
    finally:
        jax.clear_caches()  # compiled code of one is of no use to the next


def _measured(gate: dict[str, Any]) -> str:
    spread = f" ± {gate['spread']:.1g}" if gate["seeds"] > 1 else ""
    return f"{gate['mean']:.3g}{spread}{'' if gate['passed'] else ' **missed**'}"
