"""Figure 3 of the paper, and two of ours: what the protocol does, and Dice by the size of the lesion."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.metrics.segmentation import Counts, count, pooled, rates
from mlmi2023.papers.skin_transformer.context import Context
from mlmi2023.papers.skin_transformer.evaluate import protocols
from mlmi2023.reporting.plots import STYLE, save_figure

#: images of Fig. 3
SHOWN = 5
PROTOCOLS = {
    "honest": "validation epoch,\nthreshold 0.5",
    "truth_blobs": "validation epoch,\ntruth picks blobs",
    "test_epoch": "test epoch,\nthreshold 0.5",
    "release": "test epoch,\ntruth picks blobs",
}


def draw(figure_id: str, context: Context, out_stem: Path) -> None:
    """Draw a figure as ``<out_stem>.png`` and ``<out_stem>.svg``.

    Raises:
        InputError: there is no such figure.
    """
    import matplotlib

    matplotlib.use("Agg")
    figures = {"fig3": _contours, "fig_protocol": _protocol, "fig_size": _sizes}
    if figure_id not in figures:
        raise InputError(f"figure '{figure_id}': skin_transformer draws {', '.join(figures)}")
    with matplotlib.rc_context(STYLE):
        save_figure(figures[figure_id](context), out_stem)


def _counts(context: Context, method: str, protocol: str) -> list[Counts]:
    """Return the counts of each test image under a protocol."""
    data, decide = context.data[method], protocols(context.jobs[method])[protocol]
    truths = data.masks[data.rows("test")] > 0
    return [
        count(decide(own, truth).astype(np.uint8), truth.astype(np.uint8))
        for own, truth in zip(context.logits[method], truths)
    ]


def _contours(context: Context) -> Any:
    """Fig. 3: images with true (green) and found (blue) contours; they are chosen by lesion size alone."""
    import matplotlib.pyplot as plt

    methods = list(context.jobs)
    first = context.data[methods[0]]
    rows = first.rows("test")
    order = np.argsort([first.masks[row].mean() for row in rows], kind="stable")
    shown = order[np.linspace(0, len(order) - 1, min(SHOWN, len(order)) + 2).astype(int)[1:-1]]
    figure, grid = plt.subplots(
        len(shown),
        len(methods),
        figsize=(1.9 * len(methods), 2.0 * len(shown) + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for axes_row, case in zip(grid, shown):
        for axes, method in zip(axes_row, methods):
            data = context.data[method]
            row = data.rows("test")[case]
            truth, found = data.masks[row] > 0, context.logits[method][case] > 0
            image = data.images[row]
            axes.imshow(image[..., 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=255)
            for mask, colour in ((truth, "#00C000"), (found, "#1040FF")):
                if mask.any() and not mask.all():
                    axes.contour(mask, [0.5], colors=colour, linewidths=1.1)
            dice = rates(count(found.astype(np.uint8), truth.astype(np.uint8)))["dice"]
            box = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "edgecolor": "none"}
            axes.text(
                0.03, 0.03, f"{dice:.3f}", transform=axes.transAxes, color="white", fontsize=7, bbox=box
            )
            axes.set_xticks([])
            axes.set_yticks([])
        axes_row[0].set_ylabel(first.subjects[rows[case]][:14], fontsize=7)
    for axes, method in zip(grid[0], methods):
        axes.set_title(context.names[method], fontsize=8)
    return figure


def _protocol(context: Context) -> Any:
    """Pooled and mean Dice under each protocol."""
    import matplotlib.pyplot as plt

    found = {}
    for method, job in context.jobs.items():
        for protocol in protocols(job):
            counts = _counts(context, method, protocol)
            alone = [rates(own)["dice"] for own in counts]
            found[method, protocol] = pooled(counts)["dice"], float(np.nanmean(alone))
    bars = sorted(found, key=lambda key: list(PROTOCOLS).index(key[1]))
    figure, axes = plt.subplots(figsize=(1.5 * len(bars) + 2, 3.4), layout="constrained")
    for number, (label, colour) in enumerate((("pooled pixels", "#0072B2"), ("mean of images", "#E69F00"))):
        values = [found[key][number] for key in bars]
        places = np.arange(len(bars)) + 0.38 * (number - 0.5)
        drawn = axes.bar(places, values, 0.36, color=colour, label=label)
        axes.bar_label(drawn, fmt="%.3f", fontsize=7)
    axes.set_xticks(range(len(bars)), [f"{PROTOCOLS[p]}\n{context.names[m]}" for m, p in bars], fontsize=6)
    low = min(min(pair) for pair in found.values())
    axes.set_ylim(max(0.0, low - 0.1), 1.0)
    axes.set_ylabel("Dice")
    axes.legend(fontsize=7, ncols=2, loc="lower right")
    return figure


def _sizes(context: Context) -> Any:
    """Dice of each image by the size of its lesion."""
    import matplotlib.pyplot as plt

    methods = list(context.jobs)
    figure, grid = plt.subplots(
        1, len(methods), figsize=(2.6 * len(methods), 2.8), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, method in zip(grid[0], methods):
        data = context.data[method]
        share = np.array([100 * data.masks[row].mean() for row in data.rows("test")])
        counts = _counts(context, method, next(iter(protocols(context.jobs[method]))))
        dice = np.array([rates(own)["dice"] for own in counts])
        axes.scatter(share, dice, s=9, alpha=0.6, edgecolors="none", color="#0072B2")
        axes.axhline(pooled(counts)["dice"], color="#0072B2", linewidth=1, label="pooled")
        axes.axhline(float(np.nanmean(dice)), color="#E69F00", linewidth=1, label="mean of images")
        axes.set_title(context.names[method], fontsize=8)
        axes.set_xlabel("lesion, % of the image")
        axes.set_ylim(-0.02, 1.02)
    grid[0, 0].set_ylabel("Dice of an image")
    grid[0, 0].legend(fontsize=7, loc="lower right")
    return figure
