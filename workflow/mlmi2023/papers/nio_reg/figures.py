"""The figures of the paper: a brain registered across domains (2), and overlays of a breath (3)."""

from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.papers.nio_reg.evaluate import volumes_of
from mlmi2023.papers.nio_reg.measures import registered
from mlmi2023.tasks.registration import figures
from mlmi2023.tasks.registration.measures import dice
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.tasks.runs import Runs

LINE = "#E05050"


def _row(runs: Runs, count: int) -> tuple[Any, Any, float]:
    """Return a figure, its panels in true proportions, and the aspect of an axial plane."""
    (x, y, _), spacing = runs.cohort.shape, runs.cohort.spacing
    tall = y * spacing[1] / (x * spacing[0])
    figure, [row] = figures.sheet(1, count, (1.8 * count, 1.8 * tall + 0.5))
    return figure, row, spacing[1] / spacing[0]


def _error(runs: Runs, pair: Pair, u: np.ndarray) -> float:
    """Return the mean error of landmarks that a field leaves, mm."""
    errors = registered(pair, u, runs.cohort, runs.job.task).errors
    assert errors is not None
    return float(errors.mean())


def _worst(runs: Runs) -> Pair:
    """Return the brain that the trained pyramid, or the first method that is shown, registers worst."""
    method = "lapirn" if "lapirn" in runs.jobs else next(iter(runs.jobs))

    def mean(pair: Pair) -> float:
        own = registered(pair, figures.field_of(runs, method, pair), runs.cohort, runs.job.task)
        return next(dice("dsc", own)).value

    return min(figures.shown_pairs(runs), key=mean)


def _brains(runs: Runs) -> Any:
    """Fig. 2: axial slices of the worst case, with the borders of the atlas's structures on each."""
    pair = _worst(runs)
    moving, atlas = volumes_of(runs.cohort, runs.job).arrays(pair)
    labels = np.asarray(runs.cohort.labels[pair.fixed])
    area = (labels > 0).sum(axis=(0, 1))
    plane = round(float(np.average(np.arange(len(area)), weights=area)))  # through the middle
    names = registered(pair, None, runs.cohort, runs.job.task).names
    there = [v for v in names if (labels[:, :, plane] == v).any()]
    shown = {"moving": moving, "atlas": atlas}
    for method in runs.jobs:
        u = figures.field_of(runs, method, pair)
        shown[runs.names[method]] = figures.warped(moving, u, padding="border")
    figure, row, aspect = _row(runs, len(shown))
    for axes, (title, image) in zip(row, shown.items()):
        figures.show(axes, image[:, :, plane], aspect=aspect)
        for value in there:
            axes.contour((labels[:, :, plane] == value).T, levels=[0.5], colors=LINE, linewidths=0.4)
        axes.set_title(title.replace(", ", "\n"), fontsize=7.5)
    return figure


def _breath(runs: Runs) -> Any:
    """Fig. 3: axial slices of the deepest breath; overlays of fixed (red) and moving or warped (green)."""
    if runs.cohort.landmarks is None:
        raise InputError(f"cohort '{runs.cohort.name}' has no landmarks; figure fig3 needs them")
    still = np.zeros((3, *runs.cohort.shape), np.float32)
    pair = max(figures.shown_pairs(runs), key=lambda one: _error(runs, one, still))
    moving, fixed = volumes_of(runs.cohort, runs.job).arrays(pair)
    # lungs of 0.05 to 0.5 in the window of the cohort fill the scale of the panels
    bright = float(np.percentile(fixed[fixed > 0], 99)) if (fixed > 0).any() else 1.0
    # where images differ most, among planes that cut both lungs well
    area = ((fixed > 0) & (moving > 0)).sum(axis=(0, 1))
    plane = int(np.argmax(np.where(area > area.max() / 2, np.abs(fixed - moving).sum(axis=(0, 1)), -1)))
    figure, row, aspect = _row(runs, 3 + len(runs.jobs))
    for axes, (title, image) in zip(row, (("fixed", fixed), ("moving", moving))):
        figures.show(axes, image[:, :, plane], vmax=bright, aspect=aspect)
        axes.set_title(title, fontsize=7.5)
    fields = {"before": still} | {runs.names[m]: figures.field_of(runs, m, pair) for m in runs.jobs}
    for axes, (title, u) in zip(row[2:], fields.items()):
        image = figures.warped(moving, u, padding="border")
        overlay = [np.clip(a[:, :, plane] / bright, 0, 1) for a in (fixed, image)]
        figures.show(axes, np.stack([*overlay, np.zeros_like(overlay[0])], axis=-1), aspect=aspect)
        axes.set_title(f"{title}\nTRE {_error(runs, pair, u):.1f} mm".replace(", ", "\n"), fontsize=7.5)
    return figure


FIGURES = {"fig2": _brains, "fig3": _breath}
