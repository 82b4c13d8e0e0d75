"""Figures of ours; the paper's own text has none with results."""

from typing import Any

import numpy as np

from mlmi2023.drawing.panels import bare, panels
from mlmi2023.papers.clip_dr.outcome import TEXTS, stored
from mlmi2023.tasks.domains import truth
from mlmi2023.tasks.runs import Runs, read_arrays


def _domains(runs: Runs) -> Any:
    """Tested images of each grade, with what the first method says of them."""
    view, [method] = truth(runs.job), list(runs.predictions)[:1]
    answer = stored(runs.predictions[method])
    found = dict(
        zip(answer.rows("test").tolist(), answer.probabilities("test").argmax(1).tolist(), strict=True)
    )
    columns = 4
    grades = [g for g in range(len(view.grade_names)) if any(view.grades[r] == g for r in view.parts.test)]
    figure, grid = panels(len(grades), columns, (1.9 * columns, 2.0 * len(grades)))
    for axes_row, grade in zip(grid, grades):
        rows = [row for row in view.parts.test if view.grades[row] == grade][:columns]
        for axes in axes_row:
            bare(axes)
        for axes, row in zip(axes_row, rows):
            axes.imshow(view.images[row])
            axes.set_title(f"{view.grade_names[grade]}, found {view.grade_names[found[row]]}", fontsize=6)
    return figure


def _confusion(runs: Runs) -> Any:
    """Share of each true grade's images that a method gives each grade."""
    view, methods = truth(runs.job), list(runs.predictions)
    count = len(view.grade_names)
    figure, grid = panels(1, len(methods), (2.4 * len(methods), 2.8))
    for axes, method in zip(grid[0], methods):
        answer = stored(runs.predictions[method])
        rows, found = answer.rows("test"), answer.probabilities("test").argmax(1)
        table = np.zeros((count, count))
        np.add.at(table, (view.grades.of(rows), found), 1)
        share = table / np.maximum(table.sum(1, keepdims=True), 1)
        axes.imshow(share, vmin=0, vmax=1, cmap="Blues")
        for true, guess in np.ndindex(count, count):
            colour = "white" if share[true, guess] > 0.5 else "black"
            axes.text(
                guess,
                true,
                f"{100 * share[true, guess]:.0f}",
                ha="center",
                va="center",
                fontsize=6,
                color=colour,
            )
        axes.set_xticks(range(count), [str(n) for n in range(count)])
        axes.set_yticks(range(count), [str(n) for n in range(count)])
        axes.set(xlabel="found", ylabel="true grade")
        axes.set_title(runs.names[method], fontsize=7)
    return figure


def _texts(runs: Runs) -> Any:
    """How much the text of a class moves from image to image."""
    methods = [method for method in runs.predictions if (runs.predictions[method] / TEXTS).exists()]
    figure, grid = panels(1, 1, (4.4, 2.8))
    axes = grid[0][0]
    for place, method in enumerate(methods):
        values = read_arrays(runs.predictions[method] / TEXTS)["spread"]
        axes.scatter(values, place + np.linspace(-0.3, 0.3, len(values)), s=4, linewidths=0)
    axes.set_yticks(range(len(methods)), [runs.names[method] for method in methods])
    axes.set_xlabel("1 - cosine between an image's text and the mean of its class")
    axes.set_ylim(-0.6, len(methods) - 0.4)
    return figure


def _learning(runs: Runs) -> Any:
    """Macro F1 of source validation images while networks learn."""
    figure, grid = panels(1, 1, (5.2, 3.2))
    axes = grid[0][0]
    for method in runs.predictions:
        curve = runs.curve(method)
        there = np.isfinite(curve["val_f1"])
        axes.plot(curve["step"][there], 100 * curve["val_f1"][there], marker=".", label=runs.names[method])
    axes.set(xlabel="step", ylabel="macro F1 of the sources' validation images [%]")
    axes.legend(fontsize=6)
    return figure


FIGURES = {
    "fig_domains*": _domains,
    "fig_confusion*": _confusion,
    "fig_texts": _texts,
    "fig_learning": _learning,
}
