"""Anomaly maps (Fig. 3), and figures of ours: residuals, the Masking Block, thresholds, learning."""

from typing import Any

import numpy as np
import torch

from mlmi2023.drawing.panels import panels, picture
from mlmi2023.drawing.slices import name_edges
from mlmi2023.nets.generation.noise import NoiseMaker, keyed
from mlmi2023.nets.generation.process import Diffusion
from mlmi2023.papers.mddpm.evaluate import read_head, read_sweep
from mlmi2023.papers.mddpm.heads import Head, Heads, HealthySlices
from mlmi2023.papers.mddpm.maps import found, sweep
from mlmi2023.papers.mddpm.masking import Masking
from mlmi2023.tasks.runs import Runs

FOUND, FALSE, MISSED = "#1B9E77", "#E69F00", "#7B3FA0"
#: of the range of intensities, at which colours of the residual end
FAR = 0.5


def _fullest(head: Head) -> int:
    """Return the slice with most of the lesions; the rule looks at no result."""
    return int(head.lesions.sum((1, 2)).argmax())


def _grey(axes: Any, head: Head, place: int, image: np.ndarray, title: str = "", **kind: Any) -> None:
    """Draw a slice upright, in true proportions, with its sides named."""
    kind = {"cmap": "gray", "vmin": 0, "vmax": 1, "origin": "lower", **kind}
    picture(axes, image[place].T, title, **kind)
    name_edges(axes, "axial")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _maps(runs: Runs) -> Any:
    """Fig. 3: slice, truth and map of each method, for the first two tested heads."""
    heads = Heads(runs.job)
    shown = [heads.head(row) for row in heads.rows("test")[:2]]
    aspect = heads.spacing[2] / heads.spacing[1]
    columns = 2 + len(runs.predictions)
    tall = shown[0].image.shape[2] * heads.spacing[2] / (shown[0].image.shape[1] * heads.spacing[1])
    figure, grid = panels(len(shown), columns, (1.7 * columns, 1.7 * tall * len(shown) + 0.3))
    for number, (line, head) in enumerate(zip(grid, shown)):
        place, top = _fullest(head), number == 0
        _grey(line[0], head, place, head.image, "T2" if top else "", aspect=aspect)
        _grey(line[1], head, place, head.lesions.astype(float), "Truth" if top else "", aspect=aspect)
        for axes, (method, folder) in zip(line[2:], runs.predictions.items()):
            anomaly = read_head(folder, head)["map"]
            high = max(float(np.percentile(anomaly, 99.9)), 1e-6)
            title = runs.names[method] if top else ""
            _grey(axes, head, place, anomaly, title, vmax=high, cmap="inferno", aspect=aspect)
    return figure


def _residual(runs: Runs) -> Any:
    """What is brighter or darker than expected, on the scan, and what the threshold makes of it."""
    from matplotlib.patches import Patch

    method, folder = next(iter(runs.predictions.items()))
    heads = Heads(runs.job)
    shown = [heads.head(row) for row in heads.rows("test")[:3]]
    aspect = heads.spacing[2] / heads.spacing[1]
    threshold, _, _ = read_sweep(folder)
    tall = shown[0].image.shape[2] * heads.spacing[2] / (shown[0].image.shape[1] * heads.spacing[1])
    figure, grid = panels(len(shown), 4, (8.4, 1.9 * tall * len(shown) + 1.0))
    titles = ("Scan", "Expected healthy", "Brighter or darker than expected", "Found")
    drawn = None
    for number, (line, head) in enumerate(zip(grid, shown)):
        place, kept = _fullest(head), read_head(folder, head)
        mask = found(kept["map"], threshold, heads.task.component)
        signed = np.where(head.brain, head.image - kept["healthy"], 0)
        for axes, image, title in zip(line, (head.image, kept["healthy"], head.image, head.image), titles):
            _grey(axes, head, place, image, title if number == 0 else "", aspect=aspect)
        # the larger the difference, the less of the scan shines through
        strong = np.clip(np.abs(signed[place]).T / FAR * 1.6, 0, 0.9)
        kind = {"origin": "lower", "aspect": aspect, "interpolation": "nearest"}
        drawn = line[2].imshow(signed[place].T, cmap="RdBu_r", vmin=-FAR, vmax=FAR, alpha=strong, **kind)
        truth, here = head.lesions[place].T, mask[place].T
        for colour, where in ((FOUND, truth & here), (FALSE, here & ~truth), (MISSED, truth & ~here)):
            paint = np.zeros((*where.shape, 4))
            paint[where] = (*(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)), 0.75)
            line[3].imshow(paint, **kind)
        total = mask.sum() + head.lesions.sum()
        dice = 200 * (mask & head.lesions).sum() / max(int(total), 1)
        line[3].set_xlabel(f"whole head: Dice {dice:.0f} %", fontsize=8)
        line[0].set_ylabel(head.name, fontsize=8)
    bar = figure.colorbar(drawn, ax=grid[:, 2], location="bottom", shrink=0.8, pad=0.02)
    bar.set_ticks([-FAR, 0, FAR], labels=["darker", "as expected", "brighter"], fontsize=8)
    legend = [Patch(color=FOUND, label="found"), Patch(color=FALSE, label="false alarm")]
    grid[-1][3].legend(
        handles=[*legend, Patch(color=MISSED, label="missed")], loc="upper center", fontsize=7,
        bbox_to_anchor=(0.5, -0.12), ncols=1,
    )  # fmt: skip
    figure.suptitle(runs.names[method], fontsize=10)
    return figure


def _masking(runs: Runs) -> Any:
    """A healthy slice, what each Masking Block makes of it, and the same with noise."""
    heads = Heads(runs.job)
    slices = HealthySlices(heads, "val")
    row = int(slices.brains.flatten(1).sum(1).argmax())
    image, brain = slices.take(torch.tensor([row]))
    first = next(iter(runs.jobs.values())).method_options
    process, level = Diffusion(first.get("process")), torch.tensor([int(first.get("level", 500))])
    noise = NoiseMaker(first["noise"])(image, [keyed(0, *slices.keys[row])])
    tall = image.shape[3] * heads.spacing[2] / (image.shape[2] * heads.spacing[1])
    columns = 1 + len(runs.jobs)
    figure, grid = panels(2, columns, (1.7 * columns, 3.4 * tall + 0.3))
    shown = [("Healthy slice", image)]
    for method, job in runs.jobs.items():
        torch.manual_seed(7)
        shown.append((runs.names[method], Masking(job.method_options.get("masking"))(image, brain)))
    kind: dict[str, Any] = {"cmap": "gray", "origin": "lower"}
    kind["aspect"] = heads.spacing[2] / heads.spacing[1]
    for column, (name, masked) in zip(grid.T, shown):
        picture(column[0], masked[0, 0].numpy().T, name, vmin=0, vmax=1, **kind)
        noisy = (process.noised(2 * masked - 1, noise, level) + 1) / 2
        picture(column[1], noisy[0, 0].numpy().T, vmin=-0.5, vmax=1.5, **kind)
    grid[1][0].set_ylabel(f"noised to level {int(level)}", fontsize=8)
    return figure


def _thresholds(runs: Runs) -> Any:
    """Mean Dice over heads at each threshold; thresholds as shares of the highest that was tried."""
    heads = Heads(runs.job)
    tested = [heads.head(row) for row in heads.rows("test")]
    figure, grid = panels(1, 1, (5.6, 3.6))
    axes = grid[0, 0]
    for number, (method, folder) in enumerate(runs.predictions.items()):
        threshold, tried, validated = read_sweep(folder)
        maps = [read_head(folder, head)["map"] for head in tested]
        values = sweep(maps, [head.lesions for head in tested], tried, heads.task.component)
        place = int(np.searchsorted(tried, threshold).clip(0, len(tried) - 1))
        top = max(float(tried[-1]), 1e-9)
        axes.plot(tried / top, 100 * validated, "--", color=f"C{number}", lw=0.9)
        axes.plot(tried / top, 100 * values, color=f"C{number}", label=runs.names[method])
        axes.plot(tried[place] / top, 100 * values[place], "o", color=f"C{number}", ms=5)
    axes.set_xlabel("threshold, of the highest that was tried")
    axes.set_ylabel("mean Dice, %")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    return figure


def _learning(runs: Runs) -> Any:
    """Error on healthy validation slices against steps."""
    figure, grid = panels(1, 1, (5.6, 3.6))
    axes = grid[0, 0]
    for number, method in enumerate(runs.jobs):
        curve = runs.curve(method)
        there = np.isfinite(curve["val_error"])
        axes.plot(
            curve["step"][there], 100 * curve["val_error"][there], ("-", "--")[number // 5],
            color=f"C{number % 5}", label=runs.names[method],
        )  # fmt: skip
    axes.set_xlabel("steps")
    axes.set_ylabel("error on healthy slices, % of the range")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, ncols=2)
    axes.grid(alpha=0.3)
    return figure


FIGURES = {
    "fig3": _maps,
    "fig3_mslub": _maps,
    "fig_residual": _residual,
    "fig_masking": _masking,
    "fig_threshold": _thresholds,
    "fig_learning": _learning,
}
