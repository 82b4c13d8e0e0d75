"""Slices with what each method found (Figs. 3 and 4), and score against size (Fig. 5)."""

from typing import Any

import numpy as np

from mlmi2023.drawing.slices import label_colours, paint
from mlmi2023.papers.relational_unet.evaluate import score
from mlmi2023.tasks.runs import Runs
from mlmi2023.tasks.segmentation import Volumes, read_about, read_case


def fullest(labels: np.ndarray) -> int:
    """Return the axial slice that shows most structures, and of those the one with most of them in it."""
    kinds = [len(np.unique(labels[:, :, z])) for z in range(labels.shape[2])]
    area = (labels > 0).sum(axis=(0, 1))
    return int(np.argmax(np.array(kinds) * (area.max() + 1) + area))


def _slices(runs: Runs) -> Any:
    """One axial slice of the first tested scan: truth, then each method. The rule looks at no result."""
    import matplotlib.pyplot as plt

    volumes, scans = Volumes(runs.job), runs.cohort
    row = volumes.rows("test")[0]
    truth, image = volumes.truth(row), np.asarray(scans.image(row), np.float32)
    z = fullest(truth)
    shown = [("Truth", truth)] + [
        (runs.names[m], read_case(folder, volumes, row)["labels"]) for m, folder in runs.predictions.items()
    ]
    columns = min(4, len(shown))
    lines = -(-len(shown) // columns)
    tall = image.shape[1] * scans.spacings[row][1] / (image.shape[0] * scans.spacings[row][0])
    figure, grid = plt.subplots(
        lines,
        columns,
        figsize=(2.4 * columns, (2.4 * tall + 0.3) * lines),
        squeeze=False,
        layout="constrained",
    )
    colours = label_colours(sorted(scans.label_names), scans.label_names)
    low, high = np.percentile(image[:, :, z], [1, 99.5])
    for axes in grid.ravel():
        axes.axis("off")
    aspect = scans.spacings[row][1] / scans.spacings[row][0]
    for axes, (name, labels) in zip(grid.ravel(), shown):
        axes.imshow(image[:, :, z].T, cmap="gray", vmin=low, vmax=high, origin="lower", aspect=aspect)
        overlay = paint(labels[:, :, z].T, colours, 0.65)
        axes.imshow(overlay, origin="lower", aspect=aspect, interpolation="nearest")
        axes.set_title(name, fontsize=9)
    return figure


def _sizes(runs: Runs) -> Any:
    """Fig. 5: mean score of the first seed against millions of weights, a point per network."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.6, 3.8), layout="constrained")
    organs = runs.job.task["kind"] == "organs"
    metric, label = ("dsc", "avg") if organs else ("ndsc", "")
    for method, folder in runs.predictions.items():
        millions = read_about(folder).get("parameters", 0) / 1e6
        if not millions:
            continue
        found = score(runs.jobs[method], folder)
        values = [v.value for v in found if v.metric == metric and v.label == label]
        ours = method.startswith("runet")
        axes.scatter(millions, np.mean(values), s=48, color="#D55E00" if ours else "#0072B2", zorder=3)
        axes.annotate(
            runs.names[method], (millions, float(np.mean(values))), xytext=(5, 4), textcoords="offset points",
            fontsize=8,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("million weights")
    axes.set_ylabel("mean DSC, %" if organs else "mean nDSC over all tested sets, %")
    axes.margins(x=0.2, y=0.15)
    axes.grid(alpha=0.3)
    return figure


FIGURES = {"fig3": _slices, "fig4": _slices, "fig5": _sizes, "fig5_shifts": _sizes}
