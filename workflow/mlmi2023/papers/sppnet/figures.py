"""Figures 4 and 5 of the paper; and ours: how points are drawn, and curves."""

from typing import Any

import numpy as np

from mlmi2023.core.json_files import read_object
from mlmi2023.drawing.panels import panels, picture
from mlmi2023.papers.sppnet.cases import Nuclei
from mlmi2023.papers.sppnet.evaluate import REDRAWS, overlap
from mlmi2023.papers.sppnet.points import centre_of, draw_points, gaussian_kernel
from mlmi2023.tasks.runs import AGAIN, Runs
from mlmi2023.tasks.segmentation import pairs

TRUE, FOUND = "#00C000", "#F03020"
#: images that are shown, and points of one nucleus
SHOWN, DRAWS = 4, 60


def _times(runs: Runs) -> Any:
    """Seconds of training until the best validation Dice, relative to the first method's (Fig. 4, left)."""
    seconds: dict[str, float] = {}
    for method in runs.jobs:
        curve = runs.curve(method)
        known = np.isfinite(curve["val_dice"])
        steps, dice = curve["step"][known], curve["val_dice"][known]
        report = read_object(runs.weights[method].parent / "train.json", {}, AGAIN)
        seconds[method] = report["seconds"] * steps[int(np.argmax(dice))] / max(steps[-1], 1)
    first = max(next(iter(seconds.values())), 1e-9)
    figure, grid = panels(1, 1, (5.4, 0.35 * len(seconds) + 0.9))
    axes, names = grid[0, 0], [runs.names[method] for method in seconds]
    axes.barh(names, [value / first for value in seconds.values()], color="#0072B2")
    axes.axvline(1, color="#9AA0A8", lw=1)
    axes.invert_yaxis()
    axes.set_xlabel(f"training time to the best validation Dice, {names[0]} = 1")
    return figure


def _violins(runs: Runs) -> Any:
    """Mean Dice of the test images over redraws of their points (Fig. 4, right)."""
    cases = Nuclei(runs.job)
    drawn, names = [], []
    for method in runs.jobs:
        kept = [pair.kept for pair in pairs(runs.predictions[method], cases)]
        if all(REDRAWS in own for own in kept):
            drawn.append(100 * np.mean([own[REDRAWS] for own in kept], axis=0))
            names.append(f"{runs.names[method]}\n{drawn[-1].min():.2f} to {drawn[-1].max():.2f}")
    figure, grid = panels(1, max(len(drawn), 1), (2.6 * max(len(drawn), 1), 3.2))
    for axes, values, name in zip(grid[0], drawn, names):
        # a violin of equal values has no width to be drawn
        if np.ptp(values) > 0:
            axes.violinplot(values, showmedians=True)
        else:
            axes.plot([1], values[:1], "_", ms=40)
        axes.set_xticks([])
        axes.set_title(name, fontsize=8)
        axes.set_ylabel("Dice, %")
    return figure


def _masks(runs: Runs) -> Any:
    """Test images, and each method's mask: found in red, true in green, both in yellow (Fig. 5)."""
    cases, methods = Nuclei(runs.job), list(runs.jobs)
    rows = cases.rows("test")
    shown = [rows[k] for k in np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(int)]
    figure, grid = panels(len(shown), 1 + len(methods), (1.5 * (1 + len(methods)), 1.6 * len(shown) + 0.3))
    for line, row in zip(grid, shown):
        picture(line[0], cases.cohort.images[row], cases.cohort.organs[row] or cases.name(row)[:12])
    for column, method in zip(grid.T[1:], methods):
        tested = {pair.row: pair for pair in pairs(runs.predictions[method], cases)}
        for number, (axes, row) in enumerate(zip(column, shown)):
            found, true = tested[row].found > 0, tested[row].truth > 0
            both = np.stack([found, true, np.zeros_like(true)], -1).astype(np.uint8) * 255
            picture(axes, both, runs.names[method] if number == 0 else "")
            dice = overlap(found, true)["dsc"]
            axes.text(
                0.03, 0.03, f"{dice:.1f}", transform=axes.transAxes, color="white", fontsize=7,
                bbox={"facecolor": "black", "edgecolor": "none", "pad": 1},
            )  # fmt: skip
    return figure


def _points(runs: Runs) -> Any:
    """A nucleus with its centre, the Gaussian around it, and points that are drawn (Fig. 1)."""
    cases = Nuclei(runs.job)
    maps = cases.cohort.nuclei
    assert maps is not None
    row = max(cases.rows("test"), key=lambda number: int(np.unique(maps[number]).size))
    nuclei = np.asarray(maps[row]).astype(int)
    chosen = 1 + int(np.argmax(np.bincount(nuclei.ravel())[1:]))
    alone = np.where(nuclei == chosen, 1, 0)
    rng = np.random.default_rng(0)
    drawn = np.stack([draw_points(alone, rng, cases.task, "neighbour").places[0] for _ in range(DRAWS)])
    y, x = centre_of(alone > 0)
    places = np.argwhere(alone > 0)
    top, left = np.maximum(places.min(0) - 4, 0)
    bottom, right = places.max(0) + 5
    figure, grid = panels(1, 3, (7.2, 2.6))
    picture(grid[0, 0], cases.cohort.images[row], "a nucleus")
    picture(grid[0, 1], gaussian_kernel(cases.task.kernel, cases.task.sigma), "Eq. 2")
    picture(grid[0, 2], cases.cohort.images[row], f"{DRAWS} points")
    for axes in (grid[0, 0], grid[0, 2]):
        axes.contour(alone, [0.5], colors=TRUE, linewidths=1)
    grid[0, 0].plot(x, y, "+", color=FOUND)
    spread = rng.uniform(-0.25, 0.25, drawn.shape)
    grid[0, 2].plot(*(drawn + spread).T, ".", color=FOUND, ms=4)
    grid[0, 2].set_xlim(left - 0.5, right - 0.5)
    grid[0, 2].set_ylim(bottom - 0.5, top - 0.5)
    return figure


def _curves(runs: Runs) -> Any:
    """Validation Dice while networks learn."""
    figure, grid = panels(1, 1, (5.6, 3.4))
    for method in runs.jobs:
        curve = runs.curve(method)
        known = np.isfinite(curve["val_dice"])
        grid[0, 0].plot(curve["step"][known], 100 * curve["val_dice"][known], lw=1, label=runs.names[method])
    grid[0, 0].set_xlabel("step")
    grid[0, 0].set_ylabel("validation Dice, %")
    grid[0, 0].legend(fontsize=7)
    return figure


FIGURES = {
    "fig1": _points,
    "fig4a": _times,
    "fig4b": _violins,
    "fig5": _masks,
    "fig_learning": _curves,
}
