"""Segmentations (Fig. 2), and figures of ours: points, what looks are worth, learning, the agent's path."""

import textwrap
from typing import Any

import numpy as np

from mlmi2023.drawing.panels import panels, picture
from mlmi2023.papers.boundary_rl.cases import Glands
from mlmi2023.papers.boundary_rl.comparing import dice
from mlmi2023.papers.boundary_rl.environment import Rules
from mlmi2023.papers.boundary_rl.outline import filled, kept
from mlmi2023.papers.boundary_rl.path_figure import path
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Runs

TRUTH, FOUND, DROPPED = "#2CA02C", "#D62728", "#7F7F7F"
#: tested images that are shown
CASES = 4


def _some(cases: Glands, count: int = CASES) -> list[int]:
    rows = cases.rows("test")
    return [rows[int(n)] for n in np.linspace(0, len(rows) - 1, min(count, len(rows)))]


def _outlined(axes: Any, mask: np.ndarray, colour: str) -> None:
    if 0 < np.count_nonzero(mask) < mask.size:
        axes.contour(mask > 0, [0.5], colors=[colour], linewidths=1)


def _results(runs: Runs) -> Any:
    """Fig. 2: tested images with the truth, and what each method finds."""
    cases = Glands(runs.job)
    rows = _some(cases)
    width = 1 + len(runs.predictions)
    figure, grid = panels(len(rows), width, (1.5 * width, 1.5 * len(rows) + 0.4))
    for number, (line, row) in enumerate(zip(grid, rows)):
        image = cases.images[row, :, :, 0]
        for axes, method in zip(line, ["", *runs.predictions]):
            name = textwrap.fill(runs.names[method], 18) if method else "Truth"
            picture(axes, image, name if number == 0 else "", cmap="gray", vmin=0, vmax=255)
            _outlined(axes, cases.truth(row), TRUTH)
            if method:
                stored = segmentation.read_case(runs.predictions[method], cases, row)
                _outlined(axes, stored["labels"], FOUND)
    return figure


def _points(runs: Runs) -> Any:
    """Where walks have hit, which of these points are dropped, and the outline of the others."""
    cases = Glands(runs.job)
    rows, methods = _some(cases), list(runs.predictions)
    figure, grid = panels(len(methods), len(rows), (1.8 * len(rows), 1.9 * len(methods) + 0.3))
    for line, method in zip(grid, methods):
        rule = Rules.of(runs.jobs[method]).walk
        for number, (axes, row) in enumerate(zip(line, rows)):
            stored = segmentation.read_case(runs.predictions[method], cases, row)
            points = stored["points"][stored["hits"]]
            ring = kept(points, rule.outliers, rule.neighbours)
            picture(axes, cases.images[row, :, :, 0], cmap="gray", vmin=0, vmax=255)
            _outlined(axes, cases.truth(row), TRUTH)
            axes.plot(points[:, 1], points[:, 0], ".", color=DROPPED, markersize=4)
            closed = np.concatenate([ring, ring[:1]])
            axes.plot(closed[:, 1], closed[:, 0], ".-", color=FOUND, markersize=4, linewidth=0.8)
            if number == 0:
                axes.set_ylabel(textwrap.fill(runs.names[method], 18), fontsize=8)
    return figure


def _looks(runs: Runs) -> Any:
    """Dice against looks: after each walk of the methods that walk, and at the end of the others."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    cases = Glands(runs.job)
    figure, axes = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    for method, folder in runs.predictions.items():
        pairs = list(segmentation.pairs(folder, cases))
        if "points" in pairs[0].kept:
            calls, values = _after_each_walk(pairs, Rules.of(runs.jobs[method]))
            axes.plot(calls, values, ".-", label=runs.names[method])
        else:
            calls = [float(np.mean([pair.kept.get("calls", 1) for pair in pairs]))]
            axes.plot(
                calls, [np.mean([dice(p.found, p.truth) for p in pairs])], "o", label=runs.names[method]
            )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("looks of a network per image")
    axes.set_ylabel("Dice, tested images")
    axes.legend(fontsize=7)
    return figure


def _after_each_walk(pairs: list[segmentation.Pair], rules: Rules) -> tuple[list[float], list[float]]:
    """Return mean looks and mean Dice after 3, 4, ... walks."""
    calls, values, rule = [], [], rules.walk
    for walks in range(3, rule.episodes + 1):
        own = []
        for pair in pairs:
            points = pair.kept["points"][:walks][pair.kept["hits"][:walks]]
            own.append(
                dice(filled(kept(points, rule.outliers, rule.neighbours), pair.truth.shape), pair.truth)
            )
        calls.append(float(np.mean([pair.kept["steps"][:walks].sum() for pair in pairs])))
        values.append(float(np.mean(own)))
    return calls, values


def _learning(runs: Runs) -> Any:
    """What validation says while networks learn: the agent's reward, and Dice or accuracy of the others."""
    figure, grid = panels(1, 2, (7.2, 3.0))
    for method in runs.weights:
        curve = runs.curve(method)
        for number, key in enumerate(("val_return", "val_dice", "val_accuracy")):
            if key in curve and not (key == "val_dice" and "val_return" in curve):
                axes, there = grid[0, min(number, 1)], np.isfinite(curve[key])
                axes.plot(
                    curve["step"][there] / curve["step"].max(), curve[key][there], label=runs.names[method]
                )
    for axes, name in zip(grid[0], ("reward of a walk", "accuracy on patches, or Dice")):
        axes.set_xlabel("share of the steps")
        axes.set_ylabel(f"{name}, validation")
        axes.legend(fontsize=7)
    return figure


FIGURES = {
    "fig2": _results,
    "fig_path": path,
    "fig_points": _points,
    "fig_looks": _looks,
    "fig_learning": _learning,
}
