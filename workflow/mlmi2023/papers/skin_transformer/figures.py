"""Figure 3 of the paper, and two of ours: what the protocol does, and Dice by the size of the lesion."""

from typing import Any

import numpy as np

from mlmi2023.metrics.segmentation import count, pooled, rates
from mlmi2023.papers.skin_transformer.evaluate import counts, protocols
from mlmi2023.tasks.runs import Runs
from mlmi2023.tasks.segmentation import Pair, Resized, pairs

#: images of Fig. 3
SHOWN = 5
PROTOCOLS = {
    "honest": "validation epoch,\nthreshold 0.5",
    "truth_blobs": "validation epoch,\ntruth picks blobs",
    "test_epoch": "test epoch,\nthreshold 0.5",
    "release": "test epoch,\ntruth picks blobs",
}


def _tested(runs: Runs, method: str) -> list[Pair]:
    return list(pairs(runs.predictions[method], Resized(runs.jobs[method])))


def _contours(runs: Runs) -> Any:
    """Fig. 3: images with true (green) and found (blue) contours; they are chosen by lesion size alone."""
    import matplotlib.pyplot as plt

    methods = list(runs.jobs)
    images = {method: Resized(runs.jobs[method]) for method in methods}
    tested = {method: list(pairs(runs.predictions[method], images[method])) for method in methods}
    first = tested[methods[0]]
    order = np.argsort([pair.truth.mean() for pair in first], kind="stable")
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
            pair = tested[method][case]
            truth, found = pair.truth > 0, pair.found > 0
            image = images[method].images[pair.row]
            axes.imshow(image[..., 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=255)
            for mask, colour in ((truth, "#00C000"), (found, "#1040FF")):
                if mask.any() and not mask.all():
                    axes.contour(mask, [0.5], colors=colour, linewidths=1.1)
            dice = rates(count(found, truth))["dice"]
            box = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "edgecolor": "none"}
            axes.text(
                0.03, 0.03, f"{dice:.3f}", transform=axes.transAxes, color="white", fontsize=7, bbox=box
            )
            axes.set_xticks([])
            axes.set_yticks([])
        axes_row[0].set_ylabel(first[case].case[:14], fontsize=7)
    for axes, method in zip(grid[0], methods):
        axes.set_title(runs.names[method], fontsize=8)
    return figure


def _protocol(runs: Runs) -> Any:
    """Pooled and mean Dice under each protocol."""
    import matplotlib.pyplot as plt

    found = {}
    for method, job in runs.jobs.items():
        tested = _tested(runs, method)
        for name, protocol in protocols(job).items():
            own = counts(tested, protocol).values()
            alone = [rates(image)["dice"] for image in own]
            found[method, name] = pooled(own)["dice"], float(np.nanmean(alone))
    bars = sorted(found, key=lambda key: list(PROTOCOLS).index(key[1]))
    figure, axes = plt.subplots(figsize=(1.5 * len(bars) + 2, 3.4), layout="constrained")
    for number, (label, colour) in enumerate((("pooled pixels", "#0072B2"), ("mean of images", "#E69F00"))):
        values = [found[key][number] for key in bars]
        places = np.arange(len(bars)) + 0.38 * (number - 0.5)
        drawn = axes.bar(places, values, 0.36, color=colour, label=label)
        axes.bar_label(drawn, fmt="%.3f", fontsize=7)
    axes.set_xticks(range(len(bars)), [f"{PROTOCOLS[p]}\n{runs.names[m]}" for m, p in bars], fontsize=6)
    low = min(min(pair) for pair in found.values())
    axes.set_ylim(max(0.0, low - 0.1), 1.0)
    axes.set_ylabel("Dice")
    axes.legend(fontsize=7, ncols=2, loc="lower right")
    return figure


def _sizes(runs: Runs) -> Any:
    """Dice of each image by the size of its lesion."""
    import matplotlib.pyplot as plt

    methods = list(runs.jobs)
    figure, grid = plt.subplots(
        1, len(methods), figsize=(2.6 * len(methods), 2.8), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, method in zip(grid[0], methods):
        tested = _tested(runs, method)
        share = np.array([100 * pair.truth.mean() for pair in tested])
        own = counts(tested, next(iter(protocols(runs.jobs[method]).values()))).values()
        dice = np.array([rates(image)["dice"] for image in own])
        axes.scatter(share, dice, s=9, alpha=0.6, edgecolors="none", color="#0072B2")
        axes.axhline(pooled(own)["dice"], color="#0072B2", linewidth=1, label="pooled")
        axes.axhline(float(np.nanmean(dice)), color="#E69F00", linewidth=1, label="mean of images")
        axes.set_title(runs.names[method], fontsize=8)
        axes.set_xlabel("lesion, % of the image")
        axes.set_ylim(-0.02, 1.02)
    grid[0, 0].set_ylabel("Dice of an image")
    grid[0, 0].legend(fontsize=7, loc="lower right")
    return figure


FIGURES = {"fig3": _contours, "fig_protocol": _protocol, "fig_size": _sizes}
