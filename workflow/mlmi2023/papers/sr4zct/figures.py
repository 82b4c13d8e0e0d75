"""The result figures of the paper: patches (3, 4, 6, 7) and the grid of assumptions (5)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.drawing.panels import frame, panels, picture
from mlmi2023.metrics.image import psnr, ssim
from mlmi2023.papers.sr4zct.data import images_of, scaled
from mlmi2023.papers.sr4zct.members import VIEWS, Member, members
from mlmi2023.reporting.names import setting_factors
from mlmi2023.tasks.restoration import LEAST, MOST, read_images, read_scores
from mlmi2023.tasks.runs import Runs

SHOWN = {"cor": "coronal", "sag": "sagittal"}
#: grey values shown: -1000 to 300 Hounsfield units in a window of -1000 to 1000
WINDOW: dict[str, Any] = {"cmap": "gray", "vmin": 0.0, "vmax": 0.65, "origin": "lower"}
#: rows and columns of a patch, at most
PATCH = 48


def _first(runs: Runs, method: str) -> list[Member]:
    """Return a method's members on the first test volume."""
    found = members(runs.jobs[method], runs.cohort)
    return [member for member in found if member.volume.name == found[0].volume.name]


def _coarsest(runs: Runs) -> Member:
    """Return the first volume's coarsest scan that all methods have kept."""
    shared = [
        member
        for member in _first(runs, "sr4zct")
        if all((folder / f"{member.file}.npz").exists() for folder in runs.predictions.values())
    ]
    if not shared:
        raise InputError(
            "no scan of the first volume was kept by all methods of the figure "
            f"({', '.join(runs.predictions)}); set their key 'keep'"
        )
    return max(shared, key=lambda m: (m.stack.thickness, m.stack.spacing))


def _images(runs: Runs, method: str, member: Member, view: str) -> Tensor:
    """Return what a method made of a scan, as images of a view."""
    return images_of(read_images(runs.predictions[method], member.file)[view], view)


def _true(runs: Runs, member: Member, view: str) -> Tensor | None:
    """Return the true images of a view, where they are known."""
    if member.volume.reference_file is None:
        return None
    return images_of(scaled(member.volume.reference(), runs.job.task), view)


def busiest(images: Tensor, side: int = PATCH) -> tuple[int, slice, slice]:
    """Return image, rows and columns of the patch in which neighbouring rows differ most.

    It is looked for in interpolated images (N, H, W), before any result is seen.
    """
    side = min(side, *images.shape[1:])
    change = torch.zeros_like(images)
    change[:, 1:] = (images[:, 1:] - images[:, :-1]).abs()
    sums = torch.nn.functional.avg_pool2d(change[:, None], side, stride=max(side // 8, 1))[:, 0]
    image, row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    step = max(side // 8, 1)
    return int(image), slice(row * step, row * step + side), slice(column * step, column * step + side)


def _corner(axes: Any, patch: Tensor, true: Tensor | None) -> None:
    """Write PSNR and SSIM of a patch into its corners, as the paper does."""
    if true is None:
        return
    a, b = patch.double().numpy(), true.double().numpy()
    box = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "edgecolor": "none"}
    axes.text(0.03, 0.97, f"{min(psnr(a, b, 1.0), MOST):.2f} dB", transform=axes.transAxes, va="top",
              color="white", fontsize=8, bbox=box)  # fmt: skip
    if min(a.shape) >= LEAST:
        axes.text(0.03, 0.03, f"{ssim(a, b, 1.0):.3f}", transform=axes.transAxes, color="white", fontsize=8,
                  bbox=box)  # fmt: skip


def _row(
    row: Any,
    titled: bool,
    columns: list[tuple[str, Tensor]],
    true: Tensor | None,
    where: tuple[int, slice, slice],
) -> None:
    for axes, (title, images) in zip(row, columns):
        patch = images[where]
        picture(axes, patch.numpy(), title if titled else "", **WINDOW)
        if true is not None and images is not true:
            _corner(axes, patch, true[where])


def _columns(runs: Runs, member: Member, view: str) -> tuple[list[tuple[str, Tensor]], Tensor | None]:
    """Return name and images of each method, then of the truth where it is known; and the truth."""
    true = _true(runs, member, view)
    columns = [(runs.names[m], _images(runs, m, member, view)) for m in runs.predictions]
    return columns + ([] if true is None else [("Truth", true)]), true


def _patches(runs: Runs) -> Any:
    """Figs. 3 and 4: a patch of each view by all methods, and the truth where it is known."""
    member = _coarsest(runs)
    shown = {view: _columns(runs, member, view) for view in VIEWS}
    count = len(shown[VIEWS[0]][0])
    figure, grid = panels(2, count, (2.3 * count, 4.9))
    for row, (view, (columns, true)) in zip(grid, shown.items()):
        where = busiest(_images(runs, "original", member, view))
        _row(row, view == VIEWS[0], columns, true, where)
        row[0].set_ylabel(SHOWN[view], fontsize=9)
    figure.suptitle(_about(member), fontsize=9)
    return figure


def _about(member: Member) -> str:
    stack = member.stack
    return f"{member.volume.name}: slices of {stack.thickness:g} mm, overlap {stack.overlap:g} mm"


def _sagittal(runs: Runs) -> Any:
    """Fig. 7: one sagittal image by all methods."""
    member = _coarsest(runs)
    columns, true = _columns(runs, member, "sag")
    where = busiest(_images(runs, "original", member, "sag"))
    whole = (where[0], slice(None), slice(None))
    figure, grid = panels(2, len(columns), (2.1 * len(columns), 4.6))
    _row(grid[0], True, columns, true, whole)
    _row(grid[1], False, columns, true, where)
    for axes in grid[0]:
        rows, across = where[1:]
        size = across.stop - across.start
        frame(axes, across.start - 0.5, rows.start - 0.5, size, size)
    figure.suptitle(_about(member), fontsize=9)
    return figure


def _grid(runs: Runs) -> Any:
    """Fig. 5: PSNR over assumed resolution and overlap, mean over ordinary volumes."""
    wrong = _coronal(runs, "sr4zct_mis")
    if wrong.empty:
        raise InputError("figure 'fig5': no scan of 'sr4zct_mis' has a reference to compare with")
    truth = _first(runs, "sr4zct_mis")[0].stack
    right = _coronal(runs, "sr4zct")
    same = (right["resolution"] == truth.thickness) & (right["overlap"] == truth.overlap)
    right = right[same & right["case"].isin(wrong["case"])]
    centre = (truth.thickness, truth.overlap)
    values = {centre: float(right["value"].mean())}
    for pair, part in wrong.groupby(["assumed_resolution", "assumed_overlap"]):
        values[(float(pair[0]), float(pair[1]))] = float(part["value"].mean())
    resolutions, overlaps = (sorted({pair[k] for pair in values}) for k in (0, 1))
    table = np.array([[values.get((r, o), np.nan) for r in resolutions] for o in overlaps])
    figure, [[axes]] = panels(1, 1, (4.6, 3.9))
    image = axes.imshow(table, cmap="viridis", origin="lower")
    middle = (np.nanmin(table) + np.nanmax(table)) / 2
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            colour = "white" if value < middle else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    frame(axes, resolutions.index(centre[0]) - 0.5, overlaps.index(centre[1]) - 0.5, 1, 1, "#D55E00")
    axes.set_xticks(range(len(resolutions)), [f"{r:g}" for r in resolutions])
    axes.set_yticks(range(len(overlaps)), [f"{o:g}" for o in overlaps])
    axes.set_xlabel("assumed resolution, mm")
    axes.set_ylabel("assumed overlap, mm")
    figure.colorbar(image, ax=axes, label="PSNR, dB", shrink=0.85)
    return figure


def _coronal(runs: Runs, method: str) -> Any:
    """Return a method's PSNR of coronal images, with the factors of the setting as columns."""
    import pandas as pd

    scores = read_scores(runs.predictions[method])
    scores = scores[(scores["metric"] == "psnr") & (scores["label"] == "")]
    factors = pd.DataFrame([setting_factors(name) for name in scores["setting"]], index=scores.index)
    whole = pd.concat([scores, factors], axis=1)
    whole = whole[whole["view"] == "cor"] if len(whole) else whole
    numbers = [c for c in whole.columns if c.startswith("assumed") or c in ("resolution", "overlap")]
    return whole.astype(dict.fromkeys(numbers, float))


def _assumptions(runs: Runs) -> Any:
    """Fig. 6: patches for the right assumption and for the smallest errors, above their differences."""
    wrong = _first(runs, "sr4zct_mis")
    stack = wrong[0].stack
    right = next(m for m in _first(runs, "sr4zct") if m.stack == stack)
    off = [m for m in wrong if (m.resolution == stack.thickness) != (m.overlap == stack.overlap)]
    least = min(abs(m.resolution - stack.thickness) + abs(m.overlap - stack.overlap) for m in off)
    near = [m for m in off if abs(m.resolution - stack.thickness) + abs(m.overlap - stack.overlap) == least]
    shown = [("sr4zct", right), *(("sr4zct_mis", m) for m in near)]
    found = [_images(runs, method, m, "cor") for method, m in shown]
    true = _true(runs, right, "cor")
    where = busiest(found[0])
    titles = [f"{m.resolution:g} mm / {m.overlap:g} mm" for _, m in shown]
    titles[0] += " (right)"
    columns = list(zip(titles, found)) + ([] if true is None else [("Truth", true)])
    rows, size = (1, 2.6) if true is None else (2, 4.6)
    figure, grid = panels(rows, len(columns), (2.1 * len(columns), size))
    _row(grid[0], True, columns, true, where)
    if true is not None:
        grid[1, -1].set_axis_off()
        for axes, (_, images) in zip(grid[1], columns[:-1]):
            change = (images - true)[where].numpy()
            picture(axes, change, cmap="RdBu_r", vmin=-0.1, vmax=0.1, origin="lower")
        grid[1, 0].set_ylabel("difference, ±200 HU", fontsize=8)
    figure.suptitle(_about(right), fontsize=9)
    return figure


FIGURES = {"fig3": _patches, "fig4": _patches, "fig5": _grid, "fig6": _assumptions, "fig7": _sagittal}
