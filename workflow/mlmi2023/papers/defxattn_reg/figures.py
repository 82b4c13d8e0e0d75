"""The result figures: sampling grids (2d), the qualitative comparison (3), strata of displacement (ours)."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.papers.defxattn_reg.gradcam import heat_map
from mlmi2023.papers.defxattn_reg.sampling import SamplingGrid, sampling_grid
from mlmi2023.papers.defxattn_reg.strata import plot as plot_strata
from mlmi2023.reporting.plots import FAINT, INK, STYLE, save_figure

BASE, DEFORMED = "#0072B2", "#D55E00"  # of the two windows; safe for the colour-blind
HEADS_SHOWN = 3


def draw(figure_id: str, context: dict[str, Any], out_stem: Path) -> None:
    """Draw a figure of the paper as ``<out_stem>.png`` and ``<out_stem>.svg``.

    Args:
        figure_id: ``fig2d``, ``fig3`` or ``fig_strata``.
        context: ``packed`` (the cohort), ``case`` (rows of the moving and the fixed image),
            ``modalities`` (of the two), ``nets`` (trained networks by method), ``displacements``
            ((3, X, Y, Z) by method, for methods without a network), ``names`` (to show, by method) and
            ``predictions`` (folder by method).
        out_stem: path without extension.

    Raises:
        InputError: there is no such figure, or no network that it could show.
    """
    import matplotlib

    matplotlib.use("Agg")
    figures = {"fig2d": _sampling, "fig3": _comparison, "fig_strata": plot_strata}
    if figure_id not in figures:
        raise InputError(f"figure '{figure_id}': defxattn_reg draws {', '.join(figures)}")
    with matplotlib.rc_context(STYLE):
        save_figure(figures[figure_id](context), out_stem)


def _pair(context: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the case's moving and fixed volume, (X, Y, Z) float32."""
    packed = context["packed"]
    rows = zip(context["modalities"], context["case"])
    moving, fixed = (np.asarray(packed.images(m)[row], dtype=np.float32) for m, row in rows)
    return moving, fixed


def _batches(volumes: tuple[np.ndarray, ...], net: torch.nn.Module) -> list[Tensor]:
    device = next(net.parameters()).device
    return [torch.from_numpy(np.ascontiguousarray(v))[None, None].to(device) for v in volumes]


def _show(axes: Any, plane: np.ndarray, **options: Any) -> None:
    """Show an axial plane (X, Y): left is left, anterior is up."""
    axes.imshow(plane.T, origin="lower", **{"cmap": "gray", "interpolation": "nearest", **options})
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _largest_plane(volume: np.ndarray) -> int:
    """Return the axial plane with most tissue."""
    return int(np.argmax((volume > 0.05).sum(axis=(0, 1))))


def _sampling(context: dict[str, Any]) -> Any:
    """Fig. 2d: one window of the base, and where some heads read the reference for it."""
    import matplotlib.pyplot as plt

    grid = None
    volumes = _pair(context)
    for net in context.get("nets", {}).values():
        grid = grid or sampling_grid(net, *_batches(volumes, net))
    if grid is None:
        raise InputError(
            "figure 'fig2d': no method given has deformable attention; add tm_dca to the methods"
        )
    moving, fixed = volumes
    plane = _largest_plane(moving)
    window = grid.busiest_window(moving, plane)
    heads = grid.heads_by_reach(window)[:HEADS_SHOWN]

    tall = fixed.shape[1] / fixed.shape[0]
    figure, row = plt.subplots(
        1,
        len(heads) + 1,
        figsize=(2.3 * (len(heads) + 1), 2.2 * tall + 1.0),
        squeeze=False,
        layout="constrained",
    )
    _show(row[0, 0], moving[:, :, plane], vmin=0, vmax=1)
    _box(row[0, 0], grid, window, "-")
    row[0, 0].set_title("base: moving image\nand one window", fontsize=9)
    across = max(float(np.abs(grid.offsets[heads][:, 2]).max()), 1.0)
    points: Any = None
    for axes, head in zip(row[0, 1:], heads):
        _show(axes, fixed[:, :, plane], vmin=0, vmax=1)
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


def _comparison(context: dict[str, Any]) -> Any:
    """Fig. 3: for each method the warped image, the deformation and the Grad-CAM heat map."""
    import matplotlib.pyplot as plt

    from mlmi2023.fields.displacement import warp

    moving, fixed = _pair(context)
    plane = _largest_plane(fixed)
    nets, fields = context.get("nets", {}), context.get("displacements", {})
    methods = [m for m in context["names"] if m in nets or m in fields]
    if not methods:
        raise InputError("figure 'fig3': no method has predictions; add methods to the paper's config")
    tall = fixed.shape[1] / fixed.shape[0]
    figure, rows = plt.subplots(
        len(methods) + 1, 3, figsize=(6.3, 1.95 * tall * (len(methods) + 1)), layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03, wspace=0.01, hspace=0.01)  # type: ignore
    _show(rows[0, 0], moving[:, :, plane], vmin=0, vmax=1)
    _show(rows[0, 1], fixed[:, :, plane], vmin=0, vmax=1)
    _show(rows[0, 2], np.abs(moving - fixed)[:, :, plane], vmin=0, vmax=1)
    for axes, title in zip(rows[0], ("moving", "fixed", "|moving − fixed|")):
        axes.set_title(title, fontsize=9)
    heated = None
    for row, method in zip(rows[1:], methods):
        heat = None
        if method in nets:
            heat, field = heat_map(nets[method], *_batches((moving, fixed), nets[method]))
        else:
            field = np.asarray(fields[method], dtype=np.float32)
        warped = warp(torch.from_numpy(moving)[None, None], torch.from_numpy(field)[None])[0, 0].numpy()
        _show(row[0], warped[:, :, plane], vmin=0, vmax=1)
        row[0].set_ylabel(context["names"][method], fontsize=9)
        _deformation(row[1], field[:, :, :, plane])
        _show(row[2], fixed[:, :, plane], vmin=0, vmax=1)
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


def _deformation(axes: Any, field: np.ndarray) -> None:
    """Draw where a regular grid of the fixed plane is taken from, in-plane part, (3, X, Y)."""
    from matplotlib.collections import LineCollection

    size = field.shape[1:]
    places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij")) + field[:2]
    step = max(2, min(size) // 16)
    lines = [places[:, i].T for i in range(0, size[0], step)]
    lines += [places[:, :, j].T for j in range(0, size[1], step)]
    axes.add_collection(LineCollection(lines, colors=INK, linewidths=0.5))
    axes.set_xlim(-0.5, size[0] - 0.5)
    axes.set_ylim(-0.5, size[1] - 0.5)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(True)
        side.set_color(FAINT)
