"""Figure 4 of the paper, and two of ours: pairs of Dice and IoU, and what copies on all sides do."""

from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.metrics.segmentation import count, pooled, rates
from mlmi2023.papers.mcnv_oct.evaluate import counts, groups
from mlmi2023.papers.mcnv_oct.pairs import gap, impossible, least_iou, printed
from mlmi2023.papers.mcnv_oct.train import opened
from mlmi2023.tasks.runs import Runs

#: images of Fig. 4
SHOWN = 4
#: pixels around a box, as a share of the image
MARGIN = 0.03
TESTED = {"": "split by patient", "tested=copies": "left-out copies", "tested=patients": "unseen patients"}
RED, BLUE, ORANGE, GREY = "#D62728", "#0072B2", "#E69F00", "#777777"


def largest_error(found: np.ndarray, truth: np.ndarray) -> tuple[int, int, int, int] | None:
    """Return row, column, height and width of the box around the largest connected part that is wrong."""
    parts, number = ndimage.label(found != truth)
    if not number:
        return None
    largest = int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
    rows, columns = ndimage.find_objects(parts)[largest - 1]
    return rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start


def _masks(runs: Runs) -> Any:
    """Fig. 4: images, truth, and each method's mask with its largest error boxed."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    images = opened(runs.job)
    tested = {method: groups(job, runs.predictions[method])[""] for method, job in runs.jobs.items()}
    first = next(iter(tested.values()))
    order = np.argsort([pair.truth.mean() for pair in first], kind="stable")
    order = order[[bool(first[place].truth.any()) for place in order]]
    shown = order[np.linspace(0, len(order) - 1, min(SHOWN, len(order)) + 2).astype(int)[1:-1]]
    size = (1.5 * (2 + len(tested)), 1.6 * len(shown) + 0.3)
    figure, grid = plt.subplots(
        len(shown), 2 + len(tested), figsize=size, squeeze=False, layout="constrained"
    )
    for axes_row, place in zip(grid, shown):
        pair = first[place]
        image = images.images[pair.row]
        axes_row[0].imshow(image[..., 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=255)
        axes_row[1].imshow(pair.truth > 0, cmap="gray", vmin=0, vmax=1)
        axes_row[0].set_ylabel(pair.case[:14], fontsize=7)
        for axes, own in zip(axes_row[2:], tested.values()):
            found, truth = own[place].found > 0, own[place].truth > 0
            axes.imshow(found, cmap="gray", vmin=0, vmax=1)
            axes.set_xlabel(f"{100 * rates(count(found, truth))['dice']:.1f}", fontsize=7)
            if box := largest_error(found, truth):
                wide = MARGIN * len(found)
                corner = (box[1] - wide - 0.5, box[0] - wide - 0.5)
                axes.add_patch(
                    Rectangle(
                        corner, box[3] + 2 * wide, box[2] + 2 * wide, fill=False, edgecolor=RED, linewidth=1
                    )
                )
        for axes in axes_row:
            axes.set_xticks([])
            axes.set_yticks([])
    for axes, title in zip(grid[0], ["B-scan", "truth", *(runs.names[method] for method in tested)]):
        axes.set_title(title, fontsize=7)
    return figure


def _pairs(runs: Runs) -> Any:
    """Printed and own pairs of Dice and IoU against the smallest IoU that a Dice leaves."""
    import matplotlib.pyplot as plt

    reported = read_yaml(Path(__file__).parents[4] / f"resources/papers/{runs.job.paper}.yaml")
    names = {method["id"]: method["name"] for method in reported["methods"]}
    rows = printed(reported)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.5, 3.6), layout="constrained", width_ratios=[1.0, 1.4]
    )
    line = np.linspace(0, 100, 201)
    left.plot(
        line, [least_iou(value) for value in line], color="black", linewidth=1, label="IoU = D / (2 − D)"
    )
    below = [impossible(row.dice, row.iou) for row in rows]
    for wrong, colour, label in ((False, BLUE, "printed"), (True, RED, "printed, impossible")):
        some = [row for row, own in zip(rows, below) if own == wrong]
        left.scatter(
            [row.dice for row in some], [row.iou for row in some], s=16, color=colour, label=label, zorder=3
        )
    for number, method in enumerate(runs.jobs):
        own = counts(groups(runs.jobs[method], runs.predictions[method])[""]).values()
        whole, alone = pooled(own), [rates(image) for image in own]
        mean = [float(np.nanmean([image[rate] for image in alone])) for rate in ("dice", "iou")]
        for marker, (dice, iou), label in (
            ("s", (whole["dice"], whole["iou"]), "ours, pooled"),
            ("^", mean, "ours, mean"),
        ):
            shown = label if number == 0 else None
            left.scatter(
                100 * dice, 100 * iou, s=14, marker=marker, facecolor="none", edgecolor=GREY, label=shown
            )
    left.set_xlabel("Dice, %")
    left.set_ylabel("IoU, %")
    left.legend(fontsize=6)
    places = np.arange(len(rows))[::-1]
    right.barh(
        places, [gap(row.dice, row.iou) for row in rows], color=[RED if own else BLUE for own in below]
    )
    right.set_yticks(places, [f"{names[row.method]}, {row.dataset}" for row in rows], fontsize=6)
    right.axvline(0, color="black", linewidth=0.8)
    right.set_xlabel("printed IoU − D / (2 − D), points; below 0 no averaging can give it", fontsize=7)
    return figure


def _protocol(runs: Runs) -> Any:
    """Pooled and mean Dice of honest rows, and of leaky ones on copies and on unseen patients."""
    import matplotlib.pyplot as plt

    found: dict[tuple[str, str], tuple[float, float]] = {}
    for method, job in runs.jobs.items():
        for setting, pairs in groups(job, runs.predictions[method]).items():
            own = counts(pairs).values()
            alone = float(np.nanmean([rates(image)["dice"] for image in own]))
            found[method, setting] = 100 * pooled(own)["dice"], 100 * alone
    figure, axes = plt.subplots(figsize=(1.3 * len(found) + 1.5, 3.2), layout="constrained")
    for number, (label, colour) in enumerate((("pooled pixels", BLUE), ("mean of images", ORANGE))):
        places = np.arange(len(found)) + 0.38 * (number - 0.5)
        drawn = axes.bar(
            places, [values[number] for values in found.values()], 0.36, color=colour, label=label
        )
        axes.bar_label(drawn, fmt="%.1f", fontsize=7)
    labels = [f"{fill(runs.names[method], 20)}\n{TESTED[setting]}" for method, setting in found]
    axes.set_xticks(range(len(found)), labels, fontsize=6)
    axes.set_ylabel("Dice, %")
    axes.set_ylim(0, 115)
    axes.legend(fontsize=7, loc="upper left", ncols=2)
    return figure


FIGURES = {"fig4*": _masks, "fig_pairs": _pairs, "fig_protocol": _protocol}
