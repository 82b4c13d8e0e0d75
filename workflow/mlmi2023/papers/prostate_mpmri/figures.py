"""Kinds of image (Fig. 1), a case in three planes (Fig. 3), and ours: Dice by number of inputs, learning."""

from typing import Any

import numpy as np

from mlmi2023.drawing.slices import cut, name_edges
from mlmi2023.papers.prostate_mpmri.cases import Glands
from mlmi2023.papers.prostate_mpmri.comparing import dice_by_case
from mlmi2023.tasks.runs import Runs
from mlmi2023.tasks.segmentation import read_case

PLANES = ("axial", "sagittal", "coronal")


def middle_of(mask: np.ndarray) -> tuple[int, int, int]:
    """Return the voxel in the middle of a mask (X, Y, Z)."""
    x, y, z = (int(np.median(places)) for places in np.nonzero(mask))
    return x, y, z


def _panel(axes: Any, image: np.ndarray, plane: str, title: str = "") -> None:
    low, high = np.percentile(image, [1, 99.5])
    axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-3), origin="lower")
    axes.set_title(title, fontsize=8)
    axes.axis("off")
    name_edges(axes, plane)


def _kinds(runs: Runs) -> Any:
    """Fig. 1: one axial slice of the first tested case in each kind of image."""
    import matplotlib.pyplot as plt

    cases = Glands(runs.job)
    row, names = cases.rows("test")[0], cases.cohort.modalities
    at = middle_of(cases.truth(row))
    figure, grid = plt.subplots(
        1, len(names), figsize=(1.9 * len(names), 2.2), squeeze=False, layout="constrained"
    )
    for axes, name in zip(grid[0], names):
        _panel(axes, cut(np.asarray(cases.cohort.image(row, name), np.float32), "axial", at), "axial", name)
    return figure


def _planes(runs: Runs) -> Any:
    """Fig. 3: inputs of the first method, reference and its prediction in three planes, first tested case."""
    import matplotlib.pyplot as plt

    job, folder = next(iter(runs.jobs.values())), next(iter(runs.predictions.values()))
    cases = Glands(job)
    row = cases.rows("test")[0]
    truth, found = cases.truth(row), read_case(folder, cases, row)["labels"]
    at, names = middle_of(truth), cases.modalities
    columns = len(names) + 2
    figure, grid = plt.subplots(3, columns, figsize=(1.7 * columns, 5.3), squeeze=False, layout="constrained")
    for line, plane in zip(grid, PLANES):
        for axes, name in zip(line, names):
            image = np.asarray(cases.cohort.image(row, name), np.float32)
            _panel(axes, cut(image, plane, at), plane, name if plane == "axial" else "")
            axes.contour(cut(truth, plane, at), [0.5], colors="#009E73", linewidths=0.6)
        for axes, name, mask in ((line[-2], "reference", truth), (line[-1], "prediction", found)):
            axes.imshow(cut(mask, plane, at), cmap="gray", vmin=0, vmax=1, origin="lower")
            axes.set_title(name if plane == "axial" else "", fontsize=8)
            axes.axis("off")
    return figure


def _inputs(runs: Runs) -> Any:
    """Dice of tested cases by number of inputs, a point per setting with the spread over cases."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    counts: dict[int, int] = {}
    for method, folder in runs.predictions.items():
        cases = Glands(runs.jobs[method])
        dice = dice_by_case(folder, cases)
        beside = counts.get(cases.channels, 0)
        counts[cases.channels] = beside + 1
        at = cases.channels + 0.12 * beside
        axes.errorbar(at, dice.mean(), dice.std() / np.sqrt(len(dice)), fmt="o", color="#0072B2")
        axes.annotate(
            runs.names[method], (at, dice.mean()), xytext=(4, 4), textcoords="offset points", fontsize=6
        )
    axes.set_xlabel("inputs")
    axes.set_ylabel("mean Dice of tested cases, with its standard error")
    axes.set_xticks(sorted(counts))
    axes.margins(x=0.15)
    axes.grid(alpha=0.3)
    return figure


def _learning(runs: Runs) -> Any:
    """Validated Dice while networks learn."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    for method in runs.weights:
        curve = runs.curve(method)
        there = np.isfinite(curve["val_dice"])
        axes.plot(curve["step"][there], curve["val_dice"][there], label=runs.names[method], linewidth=1)
    axes.set_xlabel("step")
    axes.set_ylabel("Dice of validation cases")
    axes.legend(fontsize=6, ncols=2)
    axes.grid(alpha=0.3)
    return figure


FIGURES = {"fig1": _kinds, "fig3": _planes, "fig_inputs": _inputs, "fig_learning": _learning}
