"""Figures 3 to 5 of the paper, and ours: the corruptions of training, and validation curves."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.drawing.panels import panels, picture
from mlmi2023.metrics.image import psnr_each
from mlmi2023.papers.unoranic.building import answering, method_of
from mlmi2023.papers.unoranic.corruptions.training import Draw, apply
from mlmi2023.papers.unoranic.corruptions.unseen import unseen
from mlmi2023.papers.unoranic.evaluate import FILE, NONE, curves, robust_rows
from mlmi2023.papers.unoranic.names import SEVERITIES
from mlmi2023.papers.unoranic.pictures import Pictures, fixed_draws, to_input
from mlmi2023.tasks.runs import Runs, read_arrays, ready

#: images of Fig. 3, and of the strip of corruptions
SHOWN = 6
#: shown in Fig. 4b, and the severity of Fig. 5a
EXAMPLE, SEVERITY = "solarize", 3


def _show(axes: Any, image: Tensor, title: str = "") -> None:
    """Show an image (C, H, W), 0 to 1; what a network makes is cut at both ends."""
    array = image.clamp(0, 1).permute(1, 2, 0).numpy()
    picture(axes, array if array.shape[2] == 3 else array[..., 0], title, cmap="gray", vmin=0, vmax=1)
    axes.title.set_fontsize(6)


def _chosen(pictures: Pictures, count: int) -> tuple[Tensor, Draw]:
    """Return tested images, evenly spread, uint8, and their numbers."""
    rows = pictures.rows("test")
    places = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)
    drawn = fixed_draws(rows, pictures)
    draw = Draw(*(torch.from_numpy(drawn[name][places]) for name in Draw._fields))
    return pictures.tensor(rows[places]), draw


def _body(runs: Runs, method: str, pictures: Pictures) -> tuple[Any, torch.device]:
    """Return the representation of a method."""
    job = runs.jobs[method]
    net, device = ready(job, answering(method_of(job.method_options), pictures), runs.weights[method])
    return net.body, device


def _reconstructions(runs: Runs) -> Any:
    """Clean images and what each method rebuilds (Fig. 3)."""
    pictures = Pictures(runs.job)
    images, _ = _chosen(pictures, SHOWN)
    clean = to_input(images)
    lines = 1 + len(runs.weights)
    figure, grid = panels(lines, len(clean), (1.2 * len(clean), 1.35 * lines))
    for axes, image in zip(grid[0], clean):
        _show(axes, image)
    grid[0][0].set_ylabel("input", fontsize=6)
    for axes_row, method in zip(grid[1:], runs.weights):
        body, device = _body(runs, method, pictures)
        with torch.inference_mode():
            rebuilt = body.rebuilt(body.codes(clean.to(device))).cpu()
        for axes, image, value in zip(axes_row, rebuilt, psnr_each(rebuilt, clean, 1.0)):
            _show(axes, image, f"{float(value):.1f} dB")
        axes_row[0].set_ylabel(runs.names[method], fontsize=6)
    return figure


def _revision(runs: Runs) -> Any:
    """PSNR of corrupted images and of their revisions by corruption, and an example (Fig. 4)."""
    import matplotlib.pyplot as plt

    pictures = Pictures(runs.job)
    kinds = [NONE, *pictures.task.corrupt.kinds]
    figure = plt.figure(figsize=(7.4, 5.4), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(2, 1))
    upper, lower = parts
    axes, places = upper.subplots(), np.arange(len(kinds))
    width = 0.8 / len(runs.predictions)
    for number, (method, folder) in enumerate(runs.predictions.items()):
        heights = read_arrays(folder / FILE)["revised"].mean(1)
        if method not in runs.weights:
            heights[0] = np.nan  # a clean image is its own copy
        axes.bar(places + width * (number + 0.5) - 0.4, heights, width, label=runs.names[method])
    axes.set_xticks(places, [kind.replace("_", " ") for kind in kinds], rotation=45, ha="right", fontsize=7)
    axes.set(ylabel="PSNR to the clean image [dB]")
    axes.legend(fontsize=6)
    images, draw = _chosen(pictures, 1)
    clean, seen = to_input(images), to_input(apply(EXAMPLE, images, draw))
    below = lower.subplots(1, 2 + len(runs.weights), squeeze=False)[0]
    _show(below[0], clean[0], "clean")
    _show(below[1], seen[0], EXAMPLE)
    for axes, method in zip(below[2:], runs.weights):
        body, device = _body(runs, method, pictures)
        with torch.inference_mode():
            revised = body.revised(body.codes(seen.to(device))).cpu()
        _show(axes, revised[0], f"{runs.names[method]}, revised")
    return figure


def _robustness(runs: Runs) -> Any:
    """The unseen suite on an image, and AUC by severity (Fig. 5)."""
    pictures = Pictures(runs.job)
    own = pictures.task.unseen
    assert own is not None
    rows, labels = robust_rows(pictures), pictures.labels("test")
    areas = {
        method: (
            curves(found["unseen"], labels[rows]),
            curves(found["disease"][rows][None, None], labels[rows]),
        )
        for method, folder in runs.predictions.items()
        for found in (read_arrays(folder / FILE),)
    }
    image = pictures.cohort.images[pictures.rows("test")[rows[:1]]]
    lowest = min(float(part.min()) for pair in areas.values() for part in pair)
    columns = min(6, len(own.kinds))
    lines = -(-len(own.kinds) // columns)
    figure, grid = panels(2 * lines, columns, (1.7 * columns, 2.9 * lines))
    for axes in grid.ravel():
        axes.axis("off")
    for number, kind in enumerate(own.kinds):
        line, column = divmod(number, columns)
        above, below = grid[2 * line, column], grid[2 * line + 1, column]
        above.axis("on")
        below.axis("on")
        made = torch.from_numpy(unseen(image, kind, SEVERITY, own.side))[0].permute(2, 0, 1)
        _show(above, to_input(made), kind.replace("_", " "))
        for method, (found, clean) in areas.items():
            below.plot(
                (0, *SEVERITIES), (clean[0, 0], *found[number]), marker=".", ms=3, label=runs.names[method]
            )
        below.set(ylim=(lowest - 0.02, 1.02), xticks=(0, *SEVERITIES))
        below.tick_params(labelsize=6)
        if column == 0:
            below.set_ylabel("AUC", fontsize=7)
    grid[1, 0].legend(fontsize=4.5)
    return figure


def _corruptions(runs: Runs) -> Any:
    """An image of each of some classes under each corruption of training."""
    pictures = Pictures(runs.job)
    images, draw = _chosen(pictures, 4)
    kinds = pictures.task.corrupt.kinds
    figure, grid = panels(len(images), 1 + len(kinds), (0.95 * (1 + len(kinds)), 1.05 * len(images)))
    for place, kind in enumerate([NONE, *kinds]):
        seen = images if kind == NONE else apply(kind, images, draw)
        for axes_row, image in zip(grid, to_input(seen)):
            _show(axes_row[place], image)
        grid[0][place].set_title(kind.replace("_", "\n"), fontsize=6)
    return figure


def _learning(runs: Runs) -> Any:
    """Validation of what answers: AUC of disease and of corruption over steps."""
    figure, grid = panels(1, 2, (7.0, 3.0))
    for axes, name in zip(grid[0], ("disease", "corrupted")):
        for method in runs.weights:
            curve = runs.curve(method)
            values = curve[f"val_auc_{name}"]
            there = np.isfinite(values)
            axes.plot(curve["step"][there], values[there], marker=".", ms=3, label=runs.names[method])
        axes.set(xlabel="step", ylabel=f"validation AUC, {name}")
    grid[0][0].legend(fontsize=5)
    return figure


FIGURES = {
    "fig3*": _reconstructions,
    "fig4": _revision,
    "fig5": _robustness,
    "fig_corruptions*": _corruptions,
    "fig_learning*": _learning,
}
