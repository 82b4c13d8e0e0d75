"""The result figures of the paper (1, 4, 5), and two of our own: flicker, and quality over cost."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.drawing.panels import frame, panels, picture
from mlmi2023.metrics.image import psnr, ssim
from mlmi2023.papers.hifi_diff.between import interpolate, nearest
from mlmi2023.papers.hifi_diff.evaluate import few_rows
from mlmi2023.papers.hifi_diff.measures import flicker, read_measures
from mlmi2023.papers.hifi_diff.segmenter import build_segmenter, segment
from mlmi2023.papers.hifi_diff.volumes import AXES, Volumes
from mlmi2023.reporting.names import setting_factors
from mlmi2023.tasks.restoration import read_images, read_scores
from mlmi2023.tasks.runs import Runs, ready

GREY: dict[str, Any] = {"cmap": "gray", "vmin": 0.0, "vmax": 1.0, "origin": "lower"}
ERROR: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -0.3, "vmax": 0.3, "origin": "lower"}
#: share of a picture that its detail shows
DETAIL = 0.4


class Shown(NamedTuple):
    """The first test volume at a factor: what each method made of it, by name, and the truth."""

    volumes: Volumes
    number: int
    factor: int
    made: dict[str, Tensor]
    truth: Tensor


def _first(runs: Runs, factor: int, methods: Any = None) -> Shown:
    volumes = Volumes(runs.job)
    index = volumes.indices("test")[0]
    name = f"{volumes.name(index)}_x{factor}"
    chosen = [m for m in runs.predictions if m != "segmenter" and (methods is None or m in methods)]
    made = {runs.names[m]: read_images(runs.predictions[m], name)["volume"] for m in chosen}
    return Shown(volumes, index, factor, made, volumes.truth(index, factor))


def _factors(runs: Runs) -> list[int]:
    return [int(factor) for factor in runs.job.task["factors"]]


def _views(volumes: Volumes) -> list[str]:
    """Return the names of the views: of a row itself, then of the two cuts across the rows."""
    planes = list(AXES)
    own = planes.pop(volumes.axis)
    return [own, planes[1], planes[0]]


def _cut(volume: Tensor, view: int, where: tuple[int, int, int]) -> np.ndarray:
    """Return a picture of a volume (R, H, W): row ``where[0]``, or a cut across rows at column or line."""
    found = (volume[where[0]], volume[:, :, where[2]], volume[:, where[1]])[view]
    return found.T.float().numpy()


def _middle(volume: Tensor) -> tuple[int, int, int]:
    a, b, c = (side // 2 for side in volume.shape)
    return a, b, c


def _box(change: np.ndarray) -> tuple[slice, slice]:
    """Return the part of a picture where ``change`` (H, W) is largest."""
    size = [max(int(side * DETAIL), 4) for side in change.shape]
    sums = np.lib.stride_tricks.sliding_window_view(change, size).sum((-1, -2))
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    return slice(int(row), int(row) + size[0]), slice(int(column), int(column) + size[1])


def _marked(axes: Any, box: tuple[slice, slice]) -> None:
    rows, columns = box
    frame(axes, columns.start - 0.5, rows.start - 0.5, columns.stop - columns.start, rows.stop - rows.start)


def _growing_factors(runs: Runs) -> Any:
    """Fig. 1: two cuts across the rows, for the smallest and the largest factor."""
    factors = sorted({min(_factors(runs)), max(_factors(runs))})
    shown = {}
    for factor in factors:
        own = _first(runs, factor)
        places = own.volumes.thick(factor).places()[None]
        thick = nearest(own.volumes.stack(own.number, factor)[None], places)[0]
        shown[factor] = {"Thick slices": thick, **own.made, "Truth": own.truth}
    columns = len(shown[factors[0]])
    figure, grid = panels(2 * len(factors), columns, (2.1 * columns, 3.6 * len(factors)))
    names = _views(own.volumes)
    for row, (factor, view) in enumerate((f, v) for f in factors for v in (1, 2)):
        for axes, (name, volume) in zip(grid[row], shown[factor].items()):
            picture(axes, _cut(volume, view, _middle(volume)), name if row == 0 else "", **GREY)
        grid[row, 0].set_ylabel(f"x{factor}, {names[view]}", fontsize=9)
    return figure


def _offsets(runs: Runs) -> Any:
    """Fig. 4: filled rows at each offset between two thick slices, and a detail of the middle one."""
    own = _first(runs, min(_factors(runs)))
    thick = own.volumes.thick(own.factor)
    straight = interpolate(own.volumes.stack(own.number, own.factor)[None], thick.places()[None])[0]
    change = (straight - own.truth).abs()
    between = change.view(thick.count - 1, own.factor, -1)[:, 1:].mean((1, 2))
    start = int(between.argmax()) * own.factor
    rows = [start + j for j in range(1, own.factor)][:3]
    box = _box(change[rows[len(rows) // 2]].T.numpy())
    columns = {**own.made, "Truth": own.truth}
    figure, grid = panels(len(rows) + 1, len(columns), (1.8 * len(columns), 1.9 * (len(rows) + 1)))
    for line, row in enumerate(rows):
        for axes, (name, volume) in zip(grid[line], columns.items()):
            picture(axes, volume[row].T.numpy(), name if line == 0 else "", **GREY)
            if row == rows[len(rows) // 2]:
                _marked(axes, box)
        grid[line, 0].set_ylabel(f"k = {row - start}/{own.factor}", fontsize=9)
    for axes, volume in zip(grid[-1], columns.values()):
        picture(axes, volume[rows[len(rows) // 2]].T.numpy()[box], **GREY)
    grid[-1, 0].set_ylabel("detail", fontsize=9)
    return figure


def _tissues(runs: Runs) -> Any:
    """Fig. 5: the tissues that the segmenter finds in each result, in three views with details.

    Raises:
        InputError: the figure has no segmenter.
    """
    if "segmenter" not in runs.jobs:
        raise InputError("config key figures.fig5.methods: add 'segmenter', or take the figure out (null)")
    own = _first(runs, min(_factors(runs)))
    net, device = ready(runs.jobs["segmenter"], build_segmenter(runs.job.task), runs.weights["segmenter"])
    columns = {**own.made, "Truth": own.truth}
    with torch.inference_mode():
        found = {name: segment(net, volume.to(device)).cpu() for name, volume in columns.items()}
    wrong = sum((labels != found["Truth"]).float() for labels in found.values())
    assert isinstance(wrong, Tensor)
    where = _middle(own.truth)
    figure, grid = panels(6, len(columns), (1.7 * len(columns), 9.6))
    for view, name in enumerate(_views(own.volumes)):
        box = _box(_cut(wrong, view, where))
        for column, (method, labels) in enumerate(found.items()):
            image = _cut(columns[method], view, where)
            # tissues in colour on the picture: the first light, the others darker
            mask = np.ma.masked_equal(_cut(labels, view, where), 0)
            for line, part in ((2 * view, (slice(None), slice(None))), (2 * view + 1, box)):
                axes = grid[line, column]
                picture(axes, image[part], method if line == 0 else "", **GREY)
                colours: dict[str, Any] = {
                    "cmap": "cividis_r",
                    "vmin": 1,
                    "vmax": max(2, len(own.volumes.tissues)),
                    "alpha": 0.55,
                }
                picture(axes, mask[part], **colours, origin="lower")
            _marked(grid[2 * view, column], box)
        grid[2 * view, 0].set_ylabel(name, fontsize=9)
        grid[2 * view + 1, 0].set_ylabel("detail", fontsize=9)
    return figure


def _flicker(runs: Runs) -> Any:
    """A cut across the rows, its error, and the flicker of the volume."""
    own = _first(runs, min(_factors(runs)))
    where, count = _middle(own.truth), len(own.made) + 1
    figure, grid = panels(2, count, (1.9 * count, 3.6))
    for column, (name, volume) in enumerate(own.made.items()):
        picture(grid[0, column], _cut(volume, 1, where), name, **GREY)
        picture(grid[1, column], _cut(volume - own.truth, 1, where), **ERROR)
        grid[1, column].set_xlabel(f"flicker {flicker(volume, own.truth):.2f} %", fontsize=8)
    picture(grid[0, -1], _cut(own.truth, 1, where), "Truth", **GREY)
    grid[1, -1].set_axis_off()
    grid[0, 0].set_ylabel(_views(own.volumes)[1], fontsize=9)
    grid[1, 0].set_ylabel("error, ±0.3", fontsize=9)
    return figure


def _cost(runs: Runs) -> Any:
    """PSNR and SSIM of a few rows over the time that a row takes; broken: linear interpolation."""
    import pandas as pd

    job = next(job for job in runs.jobs.values() if job.method_options.get("curve"))
    folder, volumes = runs.predictions[job.method], Volumes(job)
    values = pd.DataFrame(read_measures(folder))
    scores = pd.concat([read_scores(folder), values[values["metric"] == "runtime"]])
    scores["steps"] = [int(setting_factors(name)["steps"]) for name in scores["setting"]]
    mean = scores.groupby(["steps", "metric"])["value"].mean().unstack()
    straight: dict[str, list[float]] = {"psnr": [], "ssim": []}
    for target in few_rows(job, volumes):
        item, rows = target.item, target.item.rows
        stack = volumes.stack(item.volume, item.factor)
        made = interpolate(stack[None], rows[None] / item.factor)[0]
        for a, b in zip(made, target.truth()):  # type: ignore[misc]
            straight["psnr"].append(psnr(a, b, 1.0))
            straight["ssim"].append(ssim(a, b, 1.0))
    figure, [grid] = panels(1, 2, (7.2, 2.9))
    for axes, metric, name in zip(grid, ("psnr", "ssim"), ("PSNR, dB", "SSIM")):
        axes.plot(mean["runtime"], mean[metric], "o-", color="#0072B2")
        for steps, row in mean.iterrows():
            axes.annotate(str(steps), (row["runtime"], row[metric]), (0, 5), textcoords="offset points",
                          ha="center", fontsize=8)  # fmt: skip
        axes.axhline(float(np.mean(straight[metric])), linestyle="--", color="#8A8F98", linewidth=1)
        axes.set_xscale("log")
        axes.set_xlabel("ms per row; numbers: DDIM steps")
        axes.set_ylabel(name)
        axes.margins(0.1, 0.15)
    return figure


FIGURES = {
    "fig1": _growing_factors,
    "fig4": _offsets,
    "fig5": _tissues,
    "fig_flicker": _flicker,
    "fig_steps": _cost,
}
