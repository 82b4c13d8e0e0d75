"""The result figures of the paper: slices (2 to 4), PSNR over iterations (5), PSNR over age (6)."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.metrics.image import psnr
from mlmi2023.papers.dmdip.context import Context
from mlmi2023.papers.dmdip.evaluate import FITS, read_arrays, read_images
from mlmi2023.reporting.plots import FAINT, STYLE, save_figure

# with replacement: full lines; one modality: blue, two: orange; safe for the colour-blind
LINES: dict[str, dict[str, Any]] = {
    "dip": {"color": "#0072B2", "linestyle": "--"},
    "dip_kr": {"color": "#0072B2"},
    "dmdip_nokr": {"color": "#D55E00", "linestyle": "--"},
    "dmdip": {"color": "#D55E00"},
}
AGES = {"fig2": 12.0, "fig3": 3.0}  # months


def draw(figure_id: str, context: Context, out_stem: Path) -> None:
    """Draw a figure as ``<out_stem>.png`` and ``<out_stem>.svg``.

    Raises:
        InputError: there is no such figure, or nothing to show in it.
    """
    import matplotlib

    matplotlib.use("Agg")
    figures = {"fig2": _slices, "fig3": _slices, "fig4": _slices, "fig5": _iterations, "fig6": _ages}
    if figure_id not in figures:
        raise InputError(f"figure '{figure_id}': dmdip draws {', '.join(figures)}")
    with matplotlib.rc_context(STYLE):
        save_figure(figures[figure_id](context, figure_id), out_stem)


def _slices(context: Context, figure_id: str) -> Any:
    """Figs. 2 to 4: one slice in each modality by every method, and a part of it enlarged."""
    import matplotlib.pyplot as plt

    slices = context.slices
    s, r = _slice_of(context, figure_id), min(slices.low)
    made = {m: read_images(folder, r)[s] for m, folder in context.predictions.items()}
    given = slices.low[r][s].numpy()
    first = given if slices.truth is None else slices.truth[s].numpy()
    title = "input" if slices.truth is None else "truth"
    columns = {title: first} | {context.names[m]: image for m, image in made.items()}
    count = len(slices.modalities)
    figure, grid = plt.subplots(
        2 * count,
        len(columns),
        figsize=(1.75 * len(columns), 3.6 * count),
        squeeze=False,
        layout="constrained",
    )
    for place, (name, images) in enumerate(columns.items()):
        top, left, size = _detail(first.mean(0), images.shape[1:])
        for m, modality in enumerate(slices.modalities):
            whole, part, image = grid[2 * m, place], grid[2 * m + 1, place], images[m]
            box = image[top : top + size, left : left + size]
            for axes, shown in ((whole, image), (part, box)):
                axes.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(False)
            square = plt.Rectangle((left, top), size, size, fill=False, edgecolor="#E69F00", linewidth=0.8)
            whole.add_patch(square)
            if slices.truth is not None and place:
                value = psnr(image, first[m], data_range=1.0)
                part.set_xlabel(f"{value:.2f} dB", fontsize=8)
            if place == 0:
                whole.set_ylabel(modality.capitalize(), fontsize=9)
        grid[0, place].set_title(name, fontsize=8)
    age = "" if np.isnan(slices.ages[s]) else f", {slices.ages[s]:g} months"
    figure.suptitle(f"slice {slices.cases[s]}{age}, factor {r}", fontsize=9)
    return figure


def _slice_of(context: Context, figure_id: str) -> int:
    """Return the first slice of the age that the figure shows, or of the nearest."""
    ages = np.array(context.slices.ages)
    wanted = AGES.get(figure_id)
    if wanted is None or np.isnan(ages).all():
        return (len(ages) // 2) * (figure_id == "fig3")
    return int(np.nanargmin(abs(ages - wanted)))


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


def _panels(context: Context) -> list[tuple[int, int, str]]:
    """Return factor, modality and title of each panel, in the paper's order."""
    slices = context.slices
    return [
        (r, m, f"{modality.capitalize()}, r = {r}")
        for r in slices.low
        for m, modality in enumerate(slices.modalities)
    ]


def _grid(context: Context) -> tuple[Any, list[Any]]:
    import matplotlib.pyplot as plt

    columns = len(context.slices.modalities)
    rows = len(context.slices.low)
    figure, grid = plt.subplots(
        rows, columns, figsize=(3.6 * columns, 2.6 * rows), squeeze=False, layout="constrained", sharex=True
    )
    return figure, list(grid.flat)


def _iterations(context: Context, figure_id: str) -> Any:
    """Fig. 5: PSNR at every recorded iteration, a mean over slices."""
    figure, grid = _grid(context)
    for axes, (r, m, title) in zip(grid, _panels(context)):
        finals = []
        for method, folder in context.predictions.items():
            fits = read_arrays(folder / FITS)
            name = "psnr" if method in ("dip", "dmdip_nokr") else "psnr_kr"
            curve = fits[f"{name}_{r}"][:, :, m].mean(1)
            axes.plot(fits["iterations"], curve, label=context.names[method], linewidth=1.3, **LINES[method])
            finals.append(curve)
        # the first recordings are far below all others and would flatten the curves
        late = np.array(finals)[:, len(finals[0]) // 8 :]
        room = 0.1 * max(late.max() - late.min(), 0.1)
        axes.set_ylim(late.min() - room, late.max() + room)
        axes.set_title(title, fontsize=9)
        axes.set_ylabel("PSNR, dB")
        axes.grid(color=FAINT, linewidth=0.5)
    for axes in grid[-len(context.slices.modalities) :]:
        axes.set_xlabel("iterations")
    grid[0].legend(fontsize=7)
    return figure


def _ages(context: Context, figure_id: str) -> Any:
    """Fig. 6: PSNR of the last outcome over age; bars are standard deviations over slices.

    Where ages are unknown, subjects take their place.
    """
    slices, ages = context.slices, np.array(context.slices.ages)
    truth = slices.truth
    if truth is None:
        raise InputError(f"figure '{figure_id}': its dataset has no truth; show another")
    aged = not np.isnan(ages).any()
    owner = ages if aged else np.array(slices.subjects)
    known = np.unique(owner)
    figure, grid = _grid(context)
    for axes, (r, m, title) in zip(grid, _panels(context)):
        for shift, (method, folder) in enumerate(context.predictions.items()):
            image = read_images(folder, r)
            values = np.array([psnr(image[s, m], truth[s, m], data_range=1.0) for s in range(len(slices))])
            groups = [values[owner == who] for who in known]
            axes.errorbar(
                np.arange(len(known)) + 0.08 * (shift - 1.5),
                [g.mean() for g in groups],
                [g.std() for g in groups],
                marker="o",
                markersize=3,
                linewidth=1.2,
                elinewidth=0.7,
                label=context.names[method],
                **LINES[method],
            )
        axes.set_xticks(range(len(known)), [f"{who:g}" if aged else str(who) for who in known])
        axes.set_title(title, fontsize=9)
        axes.set_ylabel("PSNR, dB")
        axes.grid(axis="y", color=FAINT, linewidth=0.5)
    for axes in grid[-len(slices.modalities) :]:
        axes.set_xlabel("age, months" if aged else "subject")
    grid[0].legend(fontsize=7)
    return figure
