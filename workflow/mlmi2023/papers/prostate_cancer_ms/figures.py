"""Figures 2 and 3 of the paper, and two of ours: how networks learned, and what Table 2 can come from."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.drawing.slices import name_edges
from mlmi2023.papers.prostate_cancer_ms.cases import Glands
from mlmi2023.papers.prostate_cancer_ms.dpm import OUTSIDE, coarse_labels
from mlmi2023.papers.prostate_cancer_ms.evaluate import patient
from mlmi2023.papers.prostate_cancer_ms.table2 import STATED, possible, printed
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Runs

GREEN, YELLOW, RED, BLUE = "#2CA02C", "#FFD92F", "#D62728", "#0072B2"
COLOURS = {1: GREEN, 2: YELLOW}
#: numbers of patients that the search looks at: with cancer, without
ILL, WELL = range(30, 47), range(8, 23)


def shown(cases: Glands) -> list[int]:
    """Return tested patients by their truth alone: first with aggressive cancer, with indolent, with none.

    A kind that nobody has is left out.
    """
    worst = {row: int(cases.truth(row).max()) for row in cases.rows("test")}
    firsts = [next((row for row, own in worst.items() if own == kind), None) for kind in (2, 1, 0)]
    return [row for row in firsts if row is not None]


def fullest(cases: Glands, row: int) -> int:
    """Return the slice with most of the worst cancer, of a patient without any the middle one."""
    truth = cases.truth(row)
    return int((truth == truth.max()).sum((1, 2)).argmax()) if truth.any() else len(truth) // 2


def _lesions(axes: Any, labels: np.ndarray, filled: bool) -> None:
    """Draw lesions, as areas or outlines: indolent green, aggressive yellow."""
    for label, colour in COLOURS.items():
        mask = labels == label
        if not mask.any():
            continue
        if filled:
            paint = np.zeros((*mask.shape, 4))
            paint[mask] = [*(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)), 0.55]
            axes.imshow(paint, origin="lower", interpolation="nearest")
        else:
            axes.contour(mask, [0.5], colors=[colour], linewidths=1.2)


def _overlays(runs: Runs) -> Any:
    """Fig. 3: T2, ADC, truth and what each method finds, for three tested patients."""
    import matplotlib.pyplot as plt

    cases = Glands(runs.job)
    rows = shown(cases)
    figure, grid = plt.subplots(
        len(rows),
        3 + len(runs.predictions),
        figsize=(1.7 * (3 + len(runs.predictions)), 1.75 * len(rows) + 0.2),
        squeeze=False,
        layout="constrained",
    )
    for line, row in zip(grid, rows):
        z = fullest(cases, row)
        image, gland, truth = cases.image(row)[1:-1][z], cases.gland(row)[z], cases.truth(row)[z]
        for axes, number in zip(line, (0, 1, *[0] * (len(line) - 2))):
            axes.imshow(image[..., number], cmap="gray", origin="lower", vmin=-3, vmax=3)
            axes.set_xticks([])
            axes.set_yticks([])
            name_edges(axes, "axial")
        line[2].contour(gland, [0.5], colors=["white"], linewidths=0.8)
        _lesions(line[2], truth, filled=True)
        for axes, folder in zip(line[3:], runs.predictions.values()):
            _lesions(axes, segmentation.read_case(folder, cases, row)["labels"][z], filled=True)
            _lesions(axes, truth, filled=False)
        line[0].set_ylabel(cases.name(row)[:14], fontsize=7)
    for axes, title in zip(grid[0], ["T2", "ADC", "truth", *(runs.names[m] for m in runs.predictions)]):
        axes.set_title(title, fontsize=7)
    return figure


def _coarse(runs: Runs) -> Any:
    """Fig. 2: the labels of a slice, and its coarse labels."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    cases = Glands(runs.job)
    row = shown(cases)[0]
    z = fullest(cases, row)
    labels = torch.from_numpy(np.where(cases.gland(row)[z], cases.truth(row)[z].astype(np.int64), OUTSIDE))
    maps = [labels, *(own[0] for own in coarse_labels(labels[None]))]
    figure, grid = plt.subplots(1, len(maps), figsize=(2.0 * len(maps), 2.3), layout="constrained")
    colours = ListedColormap(["black", "#555555", GREEN, YELLOW])
    for axes, own, name in zip(grid, maps, ("pixels", "patches of 4 x 4", "patches of 16 x 16", "slice")):
        axes.imshow(own.numpy(), cmap=colours, vmin=-1.5, vmax=2.5, origin="lower", interpolation="nearest")
        axes.set_title(f"{name}: {' x '.join(map(str, own.shape))}", fontsize=7)
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def _learning(runs: Runs) -> Any:
    """Dice of cancer in training patients, each by the network that has not seen them, over the steps."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
    for method in runs.weights:
        curve = runs.curve(method)
        there = np.isfinite(curve["val_dice"])
        axes.plot(
            curve["step"][there],
            curve["val_dice"][there],
            marker="o",
            markersize=2.5,
            label=runs.names[method],
        )
    axes.set_xlabel("steps of each network")
    axes.set_ylabel("Dice of both kinds, patients not seen")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return figure


def _counts(runs: Runs) -> Any:
    """Numbers of patients that the printed rows of Table 2 can come from, and what was stated and is here."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    reported = read_yaml(Path(__file__).parents[4] / f"resources/papers/{runs.job.paper}.yaml")
    rows = printed(reported)
    fits = {method: possible(own, ILL, WELL) for method, own in rows.items()}
    names = {own["id"]: own["name"] for own in reported["methods"]}
    first, second = rows
    code = fits[first] + 2 * fits[second]
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    colours = ["#EEEEEE", "#9ECAE1", "#FDAE6B", BLUE]
    axes.pcolormesh(
        np.arange(ILL.start, ILL.stop + 1) - 0.5,
        np.arange(WELL.start, WELL.stop + 1) - 0.5,
        code.T,
        cmap=ListedColormap(colours),
        vmin=-0.5,
        vmax=3.5,
        edgecolors="white",
        linewidth=0.4,
    )
    for colour, text in zip(colours[1:], (names[first], names[second], "both rows")):
        axes.scatter([], [], marker="s", color=colour, label=text)
    axes.scatter(*STATED, marker="*", s=120, color=RED, label="stated", zorder=3)
    axes.set_xlabel("tested patients with cancer")
    axes.set_ylabel("tested patients without")
    axes.legend(fontsize=7, loc="upper right")
    cases = Glands(runs.job)
    folder = next(iter(runs.predictions.values()))
    pairs = [patient(cases, pair) for pair in segmentation.pairs(folder, cases)]
    ill = [own for own in pairs if own.ill.any()]
    lost = sum(not own.truth.numbers("cancer") for own in ill)
    axes.set_title(
        f"of ours, {len(ill)} with cancer ({lost} with small lesions alone), {len(pairs) - len(ill)} without",
        fontsize=8,
    )
    return figure


FIGURES = {"fig2": _coarse, "fig3": _overlays, "fig_learning": _learning, "fig_counts": _counts}
