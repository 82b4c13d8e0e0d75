"""The result figures: sampling grids (2d), the qualitative comparison (3), strata of displacement (ours)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.drawing.style import INK
from mlmi2023.papers.defxattn_reg.gradcam import heat_map
from mlmi2023.papers.defxattn_reg.model import build_net
from mlmi2023.papers.defxattn_reg.sampling import SamplingGrid, sampling_grid
from mlmi2023.papers.defxattn_reg.strata import plot as plot_strata
from mlmi2023.tasks.registration import figures
from mlmi2023.tasks.registration.volumes import Volumes
from mlmi2023.tasks.runs import Runs, ready

BASE, DEFORMED = "#0072B2", "#D55E00"  # of the two windows; safe for the colour-blind
HEADS_SHOWN = 3


def _pair(runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Return moving and fixed image (X, Y, Z) of the first test pair, whatever it looks like."""
    task = runs.job.task
    return Volumes(runs.cohort, task["moving"], task["fixed"]).arrays(figures.shown_pairs(runs)[0])


def _net(runs: Runs, method: str) -> Any:
    """Return the trained network of a method."""
    job = runs.jobs[method]
    return ready(job, lambda: build_net(job.method_options, runs.cohort.shape), runs.weights[method])[0]


def _batches(volumes: tuple[np.ndarray, ...], net: torch.nn.Module) -> list[Tensor]:
    device = next(net.parameters()).device
    return [torch.from_numpy(np.ascontiguousarray(v))[None, None].to(device) for v in volumes]


def _show(axes: Any, plane: np.ndarray) -> None:
    figures.show(axes, plane, interpolation="nearest")


def _sampling(runs: Runs) -> Any:
    """Fig. 2d: one window of the base, and where some heads read the reference for it."""
    grid = None
    volumes = _pair(runs)
    for net in (_net(runs, method) for method in runs.weights):
        grid = grid or sampling_grid(net, *_batches(volumes, net))
    if grid is None:
        raise InputError(
            "figure 'fig2d': no method given has deformable attention; add tm_dca to the methods"
        )
    moving, fixed = volumes
    plane = figures.fullest_plane(moving)
    window = grid.busiest_window(moving, plane)
    heads = grid.heads_by_reach(window)[:HEADS_SHOWN]

    tall = fixed.shape[1] / fixed.shape[0]
    figure, row = figures.sheet(1, len(heads) + 1, (2.3 * (len(heads) + 1), 2.2 * tall + 1.0))
    _show(row[0, 0], moving[:, :, plane])
    _box(row[0, 0], grid, window, "-")
    row[0, 0].set_title("base: moving image\nand one window", fontsize=9)
    across = max(float(np.abs(grid.offsets[heads][:, 2]).max()), 1.0)
    points: Any = None
    for axes, head in zip(row[0, 1:], heads):
        _show(axes, fixed[:, :, plane])
        points = _head(axes, grid, window, int(head), plane, across)
        axes.set_title(f"reference: fixed image\nread by head {head + 1}", fontsize=9)
        axes.set_xlim(-0.5, fixed.shape[0] - 0.5)
        axes.set_ylim(-0.5, fixed.shape[1] - 0.5)
    bar = figure.colorbar(points, ax=list(row[0]), location="bottom", shrink=0.35, aspect=30, pad=0.02)
    bar.set_label("offset out of the plane [voxels]", fontsize=8)
    bar.ax.tick_params(labelsize=7.5)
    return figure


def _box(axes: Any, grid: SamplingGrid, window: tuple[slice, slice, slice], style: str) -> None:
    from matplotlib.patches import Rectangle

    low, high = grid.extent(window)
    axes.add_patch(
        Rectangle(
            (low[0], low[1]), *(high - low)[:2], fill=False, edgecolor=BASE, linewidth=1.4, linestyle=style
        )
    )


def _head(
    axes: Any, grid: SamplingGrid, window: tuple[slice, slice, slice], head: int, plane: int, across: float
) -> Any:
    """Draw all places that a head reads in the plane, those of the window on top."""
    layer = grid.layer_of(plane)
    places = grid.places(head)[..., layer]
    for line in [*places[:2].transpose(1, 2, 0), *places[:2].transpose(2, 1, 0)]:
        axes.plot(line[:, 0], line[:, 1], color="#F0E442", linewidth=0.45, alpha=0.8)
    _box(axes, grid, window, "--")
    inside = places[:, window[0], window[1]]
    for line in [*inside[:2].transpose(1, 2, 0), *inside[:2].transpose(2, 1, 0)]:
        axes.plot(line[:, 0], line[:, 1], color=DEFORMED, linewidth=1.1)
    beyond = grid.offsets[head, 2, window[0], window[1], layer]
    return axes.scatter(
        inside[0], inside[1], c=beyond, s=13, cmap="coolwarm", vmin=-across, vmax=across,
        edgecolors=INK, linewidths=0.4, zorder=3,
    )  # fmt: skip


def _comparison(runs: Runs) -> Any:
    """Fig. 3: for each method the warped image, the deformation and the Grad-CAM heat map."""
    moving, fixed = _pair(runs)
    plane = figures.fullest_plane(fixed)
    methods = [m for m in runs.names if m in runs.jobs]
    tall = fixed.shape[1] / fixed.shape[0]
    figure, rows = figures.sheet(len(methods) + 1, 3, (6.3, 1.95 * tall * (len(methods) + 1)))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03, wspace=0.01, hspace=0.01)
    _show(rows[0, 0], moving[:, :, plane])
    _show(rows[0, 1], fixed[:, :, plane])
    _show(rows[0, 2], np.abs(moving - fixed)[:, :, plane])
    for axes, title in zip(rows[0], ("moving", "fixed", "|moving − fixed|")):
        axes.set_title(title, fontsize=9)
    heated = None
    for row, method in zip(rows[1:], methods):
        heat = None
        if method in runs.weights:
            net = _net(runs, method)
            heat, field = heat_map(net, *_batches((moving, fixed), net))
        else:
            field = figures.field_of(runs, method, figures.shown_pairs(runs)[0])
        _show(row[0], figures.warped(moving, field)[:, :, plane])
        row[0].set_ylabel(runs.names[method], fontsize=9)
        figures.show_grid(row[1], field[:, :, :, plane])
        _show(row[2], fixed[:, :, plane])
        if heat is None:
            row[2].text(
                0.5, 0.03, "not a network", transform=row[2].transAxes, ha="center", color="white", fontsize=8
            )
        else:
            heated = row[2].imshow(
                heat[:, :, plane].T, origin="lower", cmap="inferno", alpha=0.6, vmin=0, vmax=1
            )
    for axes, title in zip(rows[1], ("warped moving", "deformation", "Grad-CAM on fixed")):
        axes.set_title(title, fontsize=9)
    if heated is not None:
        bar = figure.colorbar(
            heated, ax=rows[-1, 2], location="bottom", fraction=0.05, pad=0.02, ticks=[0, 1]
        )
        for label, side in zip(
            bar.ax.set_xticklabels(["none", "strongest"], fontsize=7.5), ("left", "right")
        ):
            label.set_horizontalalignment(side)  # type: ignore[arg-type]
    return figure


FIGURES = {"fig2d": _sampling, "fig3": _comparison, "fig_strata": plot_strata}
