"""What a run of the overlay leaves behind: labelled curves and pictures."""

from pathlib import Path
from typing import Any

import numpy as np

from lfp import plotting, results
from lfp.budget import draw_budget
from lfp.compare import Report
from lfp.prediction import Prediction
from lfp.trajectory import Trajectory


def curves(prediction: Prediction, training: Trajectory) -> Any:
    """The measurement beside the prediction, labelled: what the pictures are drawn from.

    Example:
        >>> from lfp.domains import Circle
        >>> from lfp.dynamics import GradientDescent
        >>> from lfp.problems import sum_of_modes
        >>> p, s = sum_of_modes(Circle(), 8, [1]), np.arange(3)
        >>> f = Trajectory(s, (1 - 0.5 ** s)[None, :, None] * p.y, p.x)
        >>> guess = Prediction(p, GradientDescent(0.1), "ntk", {"ntk": f})
        >>> sorted(curves(guess, guess.theory).f_theory.dims)
        ['point', 'theory_run', 'theory_step']
    """
    last, measured = prediction.probe(training, prediction.problem).labelled()
    theory = prediction.to_xarray().rename(run="theory_run", step="theory_step", f="f_theory")
    return theory.rename(remaining="remaining_theory").assign(
        step=training.steps,
        run=np.arange(len(training.values)),
        f_training=(("run", "step", "point"), training.values),
        remaining_training=(("run", "step", "mode", last), measured),
    )


def draw(folder: Path, prediction: Prediction, training: Trajectory, report: Report) -> None:
    """The four pictures: modes over steps, heat map, snapshots of the function, budget of the error.

    Example:
        >>> import tempfile
        >>> from lfp.compare import compare
        >>> from lfp.domains import Circle
        >>> from lfp.dynamics import GradientDescent
        >>> from lfp.problems import sum_of_modes
        >>> folder = Path(tempfile.mkdtemp())
        >>> p, s = sum_of_modes(Circle(), 8, [1]), np.arange(3)
        >>> f = Trajectory(s, (1 - 0.5 ** s)[None, :, None] * p.y, p.x)
        >>> guess = Prediction(p, GradientDescent(0.1), "ntk", {"ntk": f})
        >>> draw(folder, guess, guess.theory, compare(guess, guess.theory))
        >>> sorted(path.stem for path in folder.glob("*.png"))
        ['budget', 'heatmap', 'overlay', 'snapshots']
    """
    data, probe = prediction.problem, prediction.probe
    theory, measured = (probe(one, data) for one in (prediction.theory, training))
    band = None if prediction.band is None else probe(prediction.band, data)
    looks = np.unique(np.linspace(len(training.steps) / 3, len(training.steps) - 1, 4).astype(int))
    with plotting.style():
        fig, axes = plotting.figure()
        plotting.plot_modes(axes, theory, measured, band)
        results.save_figure(fig, folder, "overlay")
        fig, axes = plotting.figure(columns=2, width=6.4, height=3.0)
        plotting.plot_heat(axes, theory, measured)
        results.save_figure(fig, folder, "heatmap")
        fig, axes = plotting.figure(columns=len(looks), width=7.0, height=2.6)
        theory_f, training_f = (one.mean()[looks] for one in (prediction.theory, training))
        axes = list(np.atleast_1d(axes))
        steps = training.steps[looks]
        plotting.plot_snapshots(axes, data.t, data.y, theory_f, training_f, steps, data.domain.label)
        results.save_figure(fig, folder, "snapshots")
    labels = [str(row["mode"]) for row in report.modes]
    draw_budget(folder, prediction.name, [(measured.noun, report.modes, labels)])
