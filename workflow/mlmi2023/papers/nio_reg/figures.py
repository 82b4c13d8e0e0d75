"""The figures of the paper: a brain registered across domains (2), and overlays of a breath (3)."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.joined.parts import structures
from mlmi2023.core.errors import InputError
from mlmi2023.papers.nio_reg.cases import Case
from mlmi2023.papers.nio_reg.context import Context
from mlmi2023.papers.nio_reg.measures import landmark_errors, overlap
from mlmi2023.reporting.plots import STYLE, save_figure

LINE = "#E05050"


def draw(figure_id: str, context: Context, out_stem: Path) -> None:
    """Draw a figure of the paper as ``<out_stem>.png`` and ``<out_stem>.svg``.

    Args:
        figure_id: ``fig2`` or ``fig3``.
        context: the runs to show.
        out_stem: path without extension.

    Raises:
        InputError: there is no such figure.
    """
    import matplotlib

    matplotlib.use("Agg")
    figures = {"fig2": _brains, "fig3": _breath}
    if figure_id not in figures:
        raise InputError(f"figure '{figure_id}': nio_reg draws {', '.join(figures)}")
    with matplotlib.rc_context(STYLE):
        save_figure(figures[figure_id](context), out_stem)


def _panels(count: int, tall: float) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    wide = 1.8
    figure, row = plt.subplots(
        1, count, figsize=(wide * count, wide * tall + 0.5), squeeze=False, layout="constrained"
    )
    for axes in row[0]:
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
    return figure, row[0]


def _reference(context: Context) -> str:
    """Return the method that chooses the case: the pyramid, or the first that is shown."""
    return "lapirn" if "lapirn" in context.jobs else next(iter(context.jobs))


def _worst(context: Context) -> Case:
    """Return the brain that the trained pyramid registers worst."""
    method = _reference(context)

    def mean(case: Case) -> float:
        values = overlap(case, context.field(method, case), context.packed)
        return float(np.nanmean(list(values.values())))

    return min(context.cases(), key=mean)


def _brains(context: Context) -> Any:
    """Fig. 2: axial slices of the worst case, with the borders of the atlas's structures on each."""
    case = _worst(context)
    assert context.packed.labels is not None
    labels = np.asarray(context.packed.labels[case.fixed])
    area = (labels > 0).sum(axis=(0, 1))
    plane = round(float(np.average(np.arange(len(area)), weights=area)))  # through the middle
    there = [v for v in structures(context.packed, case.fixed) if (labels[:, :, plane] == v).any()]
    shown = {"moving": context.image(case.moving), "atlas": context.image(case.fixed)}
    shown |= {context.names[m]: context.warped(m, case) for m in context.jobs}
    x, y = (n * s for n, s in zip(context.packed.shape, context.packed.spacing[:2]))
    figure, row = _panels(len(shown), y / x)
    aspect = context.packed.spacing[1] / context.packed.spacing[0]
    for axes, (title, image) in zip(row, shown.items()):
        axes.imshow(image[:, :, plane].T, origin="lower", cmap="gray", vmin=0, vmax=1, aspect=aspect)
        for value in there:
            axes.contour((labels[:, :, plane] == value).T, levels=[0.5], colors=LINE, linewidths=0.4)
        axes.set_title(title.replace(", ", "\n"), fontsize=7.5)
    return figure


def _breath(context: Context) -> Any:
    """Fig. 3: axial slices of the deepest breath; overlays of fixed (red) and moving or warped (green)."""
    if context.packed.landmarks is None:
        raise InputError(f"cohort '{context.packed.name}' has no landmarks; figure fig3 needs them")
    still = np.zeros((3, *context.packed.shape), np.float32)
    case = max(context.cases(), key=lambda c: float(landmark_errors(c, still, context.packed).mean()))
    fixed, moving = context.image(case.fixed), context.image(case.moving)
    # lungs of 0.05 to 0.5 in the window of the cohort fill the scale of the panels
    bright = float(np.percentile(fixed[fixed > 0], 99)) if (fixed > 0).any() else 1.0
    # where images differ most, among planes that cut both lungs well
    area = ((fixed > 0) & (moving > 0)).sum(axis=(0, 1))
    plane = int(np.argmax(np.where(area > area.max() / 2, np.abs(fixed - moving).sum(axis=(0, 1)), -1)))
    x, y = (n * s for n, s in zip(context.packed.shape, context.packed.spacing[:2]))
    aspect = context.packed.spacing[1] / context.packed.spacing[0]
    figure, row = _panels(3 + len(context.jobs), y / x)
    cuts = [("fixed", fixed), ("moving", moving)]
    for axes, (title, image) in zip(row, cuts):
        axes.imshow(image[:, :, plane].T, origin="lower", cmap="gray", vmin=0, vmax=bright, aspect=aspect)
        axes.set_title(title, fontsize=7.5)
    overlays = [("before", moving, still)]
    for method in context.jobs:
        u = context.field(method, case)
        overlays.append((context.names[method], context.warped(method, case), u))
    for axes, (title, image, u) in zip(row[2:], overlays):
        pair = [np.clip(a[:, :, plane].T / bright, 0, 1) for a in (fixed, image)]
        axes.imshow(np.stack([*pair, np.zeros_like(pair[0])], axis=-1), origin="lower", aspect=aspect)
        error = float(landmark_errors(case, u, context.packed).mean())
        axes.set_title(f"{title}\nTRE {error:.1f} mm".replace(", ", "\n"), fontsize=7.5)
    return figure
