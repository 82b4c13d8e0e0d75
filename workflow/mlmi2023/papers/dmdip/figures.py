"""The result figures of the paper: slices (2 to 4), PSNR over iterations (5), PSNR over age (6)."""

from functools import partial
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.drawing.panels import frame, panels, picture
from mlmi2023.drawing.style import FAINT
from mlmi2023.metrics.image import psnr
from mlmi2023.papers.dmdip.evaluate import FITS, image_of
from mlmi2023.papers.dmdip.slices import Slices, load_slices
from mlmi2023.reporting.names import setting_name
from mlmi2023.tasks.restoration import read_scores
from mlmi2023.tasks.runs import Runs, read_arrays

# with replacement: full lines; one modality: blue, two: orange; safe for the colour-blind
LINES: dict[str, dict[str, Any]] = {
    "dip": {"color": "#0072B2", "linestyle": "--"},
    "dip_kr": {"color": "#0072B2"},
    "dmdip_nokr": {"color": "#D55E00", "linestyle": "--"},
    "dmdip": {"color": "#D55E00"},
}


def _data(runs: Runs) -> Slices:
    return load_slices(runs.job.data, runs.job.task)


def _slice(runs: Runs, age: float | None, otherwise: float = 0.0) -> Any:
    """Figs. 2 to 4: one slice in each modality by every method, and a part of it enlarged.

    Args:
        runs: the methods.
        age: months of the slice, or the nearest.
        otherwise: how far through all slices to look where no age is asked for or known.
    """
    slices = _data(runs)
    s, r = _slice_of(slices, age, otherwise), min(slices.low)
    made = {m: image_of(folder, slices, s, r) for m, folder in runs.predictions.items()}
    given = slices.low[r][s].numpy()
    first = given if slices.truth is None else slices.truth[s].numpy()
    title = "input" if slices.truth is None else "truth"
    columns = {title: first} | {runs.names[m]: image for m, image in made.items()}
    count = len(slices.modalities)
    figure, grid = panels(2 * count, len(columns), (1.75 * len(columns), 3.6 * count))
    for place, (name, images) in enumerate(columns.items()):
        top, left, size = _detail(first.mean(0), images.shape[1:])
        for m, modality in enumerate(slices.modalities):
            whole, part, image = grid[2 * m, place], grid[2 * m + 1, place], images[m]
            box = image[top : top + size, left : left + size]
            for axes, shown in ((whole, image), (part, box)):
                picture(axes, shown, cmap="gray", vmin=0, vmax=1)
                axes.spines[:].set_visible(False)
            frame(whole, left, top, size, size)
            if slices.truth is not None and place:
                value = psnr(image, first[m], data_range=1.0)
                part.set_xlabel(f"{value:.2f} dB", fontsize=8)
            if place == 0:
                whole.set_ylabel(modality.capitalize(), fontsize=9)
        grid[0, place].set_title(name, fontsize=8)
    months = "" if np.isnan(slices.ages[s]) else f", {slices.ages[s]:g} months"
    figure.suptitle(f"slice {slices.cases[s]}{months}, factor {r}", fontsize=9)
    return figure


def _slice_of(slices: Slices, age: float | None, otherwise: float) -> int:
    ages = np.array(slices.ages)
    if age is None or np.isnan(ages).all():
        return int(len(ages) * otherwise)
    return int(np.nanargmin(abs(ages - age)))


def _detail(image: np.ndarray, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return top, left and edge of the quarter of an image with the most contrast, on a grid of ``shape``."""
    rows, columns = image.shape
    edge = min(rows, columns) // 4
    best, found = -1.0, (0, 0)
    for top in range(0, rows - edge + 1, max(1, edge // 2)):
        for left in range(0, columns - edge + 1, max(1, edge // 2)):
            part = image[top : top + edge, left : left + edge]
            # inside the brain: the rim against the background has the most contrast and tells the least
            contrast = float(part.std()) * float((part > 0.15).mean() > 0.99)
            if contrast > best:
                best, found = contrast, (top, left)
    scale = shape[0] / rows
    return int(found[0] * scale), int(found[1] * scale), int(edge * scale)


def _panels(slices: Slices, below: str) -> tuple[Any, list[tuple[Any, int, int]]]:
    """Return a figure, and the axes, factor and modality of each of its panels, in the paper's order."""
    rows, columns = len(slices.low), len(slices.modalities)
    figure, grid = panels(rows, columns, (3.6 * columns, 2.6 * rows), sharex=True)
    found = [(grid[k, m], r, m) for k, r in enumerate(slices.low) for m in range(columns)]
    for axes, r, m in found:
        axes.set_title(f"{slices.modalities[m].capitalize()}, r = {r}", fontsize=9)
        axes.set_ylabel("PSNR, dB")
        axes.grid(color=FAINT, linewidth=0.5)
    for axes in grid[-1]:
        axes.set_xlabel(below)
    return figure, found


def _iterations(runs: Runs) -> Any:
    """Fig. 5: PSNR at every recorded iteration, a mean over slices."""
    figure, found = _panels(_data(runs), "iterations")
    for axes, r, m in found:
        finals = []
        for method, folder in runs.predictions.items():
            fits = read_arrays(folder / FITS)
            name = "psnr_kr" if runs.jobs[method].method_options["replacement"] else "psnr"
            curve = fits[f"{name}_{r}"][:, :, m].mean(1)
            axes.plot(fits["iterations"], curve, label=runs.names[method], linewidth=1.3, **LINES[method])
            finals.append(curve)
        # the first recordings are far below all others and would flatten the curves
        late = np.array(finals)[:, len(finals[0]) // 8 :]
        room = 0.1 * max(late.max() - late.min(), 0.1)
        axes.set_ylim(late.min() - room, late.max() + room)
    found[0][0].legend(fontsize=7)
    return figure


def _ages(runs: Runs) -> Any:
    """Fig. 6: PSNR of the last outcome over age; bars are standard deviations over slices.

    Where ages are unknown, subjects take their place.
    """
    slices = _data(runs)
    ages = np.array(slices.ages)
    if slices.truth is None:
        raise InputError("figure 'fig6': its dataset has no truth; show another")
    aged = not np.isnan(ages).any()
    owner = ages if aged else np.array(slices.subjects)
    known = np.unique(owner)
    figure, found = _panels(slices, "age, months" if aged else "subject")
    scores = {method: read_scores(folder) for method, folder in runs.predictions.items()}
    for axes, r, m in found:
        setting = setting_name({"r": r, "modality": slices.modalities[m]})
        for shift, (method, rows) in enumerate(scores.items()):
            own = rows[(rows["metric"] == "psnr") & (rows["label"] == "") & (rows["setting"] == setting)]
            values = own.set_index("case")["value"].loc[slices.cases].to_numpy()
            groups = [values[owner == who] for who in known]
            axes.errorbar(
                np.arange(len(known)) + 0.08 * (shift - 1.5),
                [g.mean() for g in groups],
                [g.std() for g in groups],
                marker="o",
                markersize=3,
                linewidth=1.2,
                elinewidth=0.7,
                label=runs.names[method],
                **LINES[method],
            )
        axes.set_xticks(range(len(known)), [f"{who:g}" if aged else str(who) for who in known])
    found[0][0].legend(fontsize=7)
    return figure


FIGURES = {
    "fig2": partial(_slice, age=12.0),
    "fig3": partial(_slice, age=3.0, otherwise=0.5),
    "fig4": partial(_slice, age=None),
    "fig5": _iterations,
    "fig6": _ages,
}
