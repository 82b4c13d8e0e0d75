"""Figures 3 and 4 of the paper; and ours: the first clicks at an object, and learning."""

from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.scans.reader import Scans
from mlmi2023.core.options import options
from mlmi2023.drawing.panels import panels, picture
from mlmi2023.drawing.slices import EDGES
from mlmi2023.papers.pe_med.clicks import NONE, OBJECT
from mlmi2023.papers.pe_med.evaluate import Answers, read, scored
from mlmi2023.papers.pe_med.measures import dice
from mlmi2023.papers.pe_med.objects import Objects
from mlmi2023.papers.pe_med.options import Task
from mlmi2023.tasks.runs import Runs

TRUE, FOUND = "#00C000", "#F03020"
#: objects that are shown, the click after which their masks are, and clicks of a strip
SHOWN, CLICK, STRIP = 4, 5, 5


def _chosen(objects: Objects, count: int) -> list[tuple[str, np.ndarray, int]]:
    """Return case, objects and number of the largest object of some organs, from the smallest of these on."""
    found: dict[int, tuple[int, str, np.ndarray, int]] = {}
    for case, pairs in objects.tested():
        for number, size in enumerate(objects.truth(pairs).sum((1, 2))):
            organ = int(pairs[number, 1])
            if organ not in found or size > found[organ][0]:
                found[organ] = (int(size), case, pairs, number)
    order = sorted(found.values(), key=lambda own: own[0])
    picked = np.unique(np.linspace(0, len(order) - 1, count).astype(int))
    return [order[place][1:] for place in picked]


def _name_edges(axes: Any, plane: str) -> None:
    """Write which side of the patient lies at both edges of a slice, drawn as radiologists look at it."""
    kind = {"va": "center", "transform": axes.transAxes, "color": "white", "fontsize": 7}
    for letter, place, side in zip(EDGES[plane][::-1], (0.02, 0.98), ("left", "right")):
        axes.text(place, 0.5, letter, ha=side, **kind)


def _outlined(
    axes: Any, objects: Objects, pair: np.ndarray, found: np.ndarray | None, title: str = ""
) -> None:
    """Show a slice, its sides named, with the object in green and what was found in red."""
    picture(axes, objects.images[pair[0]].astype(np.float32), title, cmap="gray", vmin=0, vmax=1)
    if isinstance(objects.cohort, Scans):
        _name_edges(axes, objects.task.plane)
    truth = objects.truth(pair[None])[0]
    for mask, colour in ((truth, TRUE), (found, FOUND)):
        if mask is not None and mask.any():
            axes.contour(mask, [0.5], colors=colour, linewidths=1)


def _say_dice(axes: Any, found: np.ndarray, truth: np.ndarray) -> None:
    value = float(dice(found.ravel(), truth.ravel()))
    axes.text(0.03, 0.03, f"{value:.1f}", transform=axes.transAxes, color="white", fontsize=7)


def _masks(runs: Runs) -> Any:
    """Objects and each method's mask after five clicks, or without any (Fig. 3, rows 1 and 2)."""
    objects, methods = Objects(runs.job, ("test",)), list(runs.predictions)
    shown = _chosen(objects, SHOWN)
    figure, grid = panels(len(shown), 1 + len(methods), (1.5 * (1 + len(methods)), 1.55 * len(shown) + 0.3))
    for number, (line, (case, pairs, place)) in enumerate(zip(grid, shown)):
        organ = objects.organs[pairs[place, 1]].replace("_", " ")
        _outlined(line[0], objects, pairs[place], None, organ)
        truth = objects.truth(pairs[place : place + 1])[0]
        for axes, method in zip(line[1:], methods):
            masks = read(objects, runs.predictions[method], case, pairs).masks[place]
            found = masks[min(CLICK, len(masks)) - 1]
            _outlined(axes, objects, pairs[place], found, runs.names[method] if number == 0 else "")
            _say_dice(axes, found, truth)
    return figure


def _mark(axes: Any, answers: Answers, place: int, last: int) -> None:
    """Mark the clicks up to one of them: plus signs on the object, circles on the background."""
    for step in range(last + 1):
        sign, (row, column) = answers.signs[place, step], answers.places[place, step]
        if sign != NONE:
            kind = {"marker": "+"} if sign == OBJECT else {"marker": "o", "mfc": "none"}
            colour = "#FFD000" if step == last else "#56B4E9"
            axes.plot(column, row, ls="none", ms=6, color=colour, **kind)


def _strip(runs: Runs) -> Any:
    """The first five clicks at some objects, and the mask after each (Fig. 3, row 3)."""
    objects, (method, folder) = Objects(runs.job, ("test",)), next(iter(runs.predictions.items()))
    shown = _chosen(objects, SHOWN)
    figure, grid = panels(len(shown), 1 + STRIP, (1.5 * (1 + STRIP), 1.55 * len(shown) + 0.3))
    figure.suptitle(runs.names[method], fontsize=9)
    for number, (line, (case, pairs, place)) in enumerate(zip(grid, shown)):
        answers = read(objects, folder, case, pairs)
        truth = objects.truth(pairs[place : place + 1])[0]
        _outlined(line[0], objects, pairs[place], None, objects.organs[pairs[place, 1]].replace("_", " "))
        for step, axes in enumerate(line[1:]):
            if step >= answers.masks.shape[1]:
                axes.axis("off")
                continue
            found = answers.masks[place, step]
            _outlined(axes, objects, pairs[place], found, f"click {step + 1}" if number == 0 else "")
            _mark(axes, answers, place, step)
            _say_dice(axes, found, truth)
    return figure


def _by_organ(runs: Runs) -> Any:
    """Dice over clicks for each organ and on average (Fig. 4, left)."""
    objects, (method, folder) = Objects(runs.job, ("test",)), next(iter(runs.predictions.items()))
    found = scored(objects, folder)
    figure, grid = panels(1, 1, (5.4, 3.6))
    axes, clicks = grid[0, 0], np.arange(1, found.values.shape[1] + 1)
    for number, organ in enumerate(objects.organs):
        if (own := found.organs == number).any():
            axes.plot(clicks, found.values[own].mean(0), marker=".", lw=1, label=organ.replace("_", " "))
    axes.plot(clicks, found.values.mean(0), "k--", lw=2, label="average")
    axes.set(xlabel="clicks", ylabel="Dice, %", xticks=clicks, title=runs.names[method])
    axes.legend(fontsize=7, ncols=2)
    return figure


def _by_method(runs: Runs) -> Any:
    """Mean Dice over objects and clicks of each method (Fig. 4, right)."""
    objects = Objects(runs.job, ("test",))
    figure, grid = panels(1, 1, (5.4, 3.6))
    axes = grid[0, 0]
    for method, folder in runs.predictions.items():
        values = scored(objects, folder).values.mean(0)
        clicks = np.arange(1, len(values) + 1)
        axes.plot(clicks, values, marker=".", lw=1, label=runs.names[method])
        axes.set_xticks(clicks)
    axes.set(xlabel="clicks", ylabel="Dice of all objects, %")
    axes.legend(fontsize=7)
    return figure


def _learning(runs: Runs) -> Any:
    """Validation Dice while networks learn: after one click and after the last that is looked at."""
    clicks = options(Task, dict(runs.job.task), "config", "task").clicks.validated
    figure, grid = panels(1, 2, (7.4, 3.2), sharey=True)
    titles = {"val_dice_1": "one click", "val_dice": f"{clicks} clicks, or none to automatic networks"}
    for axes, (name, title) in zip(grid[0], titles.items()):
        for number, method in enumerate(runs.weights):
            curve = runs.curve(method)
            if name in curve:
                there = np.isfinite(curve[name])
                # the same look on both sides, and one of its own
                look = {"color": f"C{number % 7}", "ls": ("-", "--", ":")[number // 7 % 3], "lw": 1}
                axes.plot(curve["step"][there], 100 * curve[name][there], **look, label=runs.names[method])
        axes.set(xlabel="step", title=title)
    grid[0, 0].set_ylabel("validation Dice, %")
    grid[0, 1].legend(fontsize=6)
    return figure


FIGURES = {
    "fig3*": _masks,
    "fig4a": _by_organ,
    "fig4b": _by_method,
    "fig_clicks*": _strip,
    "fig_learning*": _learning,
}
