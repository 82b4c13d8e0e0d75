"""The figures of the paper: one pair (1), gradients of a toy (2), learning curves (3), boxplots (4)."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.papers.implicit_reg.context import Context
from mlmi2023.papers.implicit_reg.measures import measure
from mlmi2023.papers.implicit_reg.toy import PANELS, gradient, make_toy
from mlmi2023.reporting.plots import FAINT, INK, STYLE, save_figure

# Okabe and Ito's palette, by what regularises
COLOURS = {"base": "#56B4E9", "diff": "#D55E00", "elas": "#009E73", "curv": "#CC79A7"}
NETWORKS = {"vxm": "VoxelMorph", "tm": "TransMorph"}


def draw(figure_id: str, context: Context, out_stem: Path) -> None:
    """Draw a figure of the paper as ``<out_stem>.png`` and ``<out_stem>.svg``.

    Args:
        figure_id: ``fig1``, ``fig2``, ``fig3`` or ``fig4``.
        context: the runs to show; ``fig2`` needs none of them.
        out_stem: path without extension.

    Raises:
        InputError: there is no such figure.
    """
    import matplotlib

    matplotlib.use("Agg")
    figures = {"fig1": _pair, "fig2": _toy, "fig3": _curves, "fig4": _boxes}
    if figure_id not in figures:
        raise InputError(f"figure '{figure_id}': implicit_reg draws {', '.join(figures)}")
    with matplotlib.rc_context(STYLE):
        save_figure(figures[figure_id](context), out_stem)


def _parts(method: str) -> tuple[str, str]:
    """Split ``vxm_diff`` into the network and what regularises it."""
    network, _, kind = method.partition("_")
    return network, kind


def _by_network(context: Context) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for method in context.jobs:
        found.setdefault(_parts(method)[0], []).append(method)
    return found


def _bare(axes: Any, framed: bool = False) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(framed)
        side.set_color(FAINT)


def _pair(context: Context) -> Any:
    """Fig. 1: the first test pair, warped and as a grid, by each method."""
    import matplotlib.pyplot as plt

    from mlmi2023.fields.displacement import warp

    case, task = context.cases()[0], next(iter(context.jobs.values())).task
    moving, fixed = (
        np.asarray(context.packed.images(task[role])[case[role]], np.float32) for role in ("moving", "fixed")
    )
    plane = int(np.argmax((fixed > 0.05).sum(axis=(0, 1))))
    methods = list(context.jobs)
    tall = fixed.shape[1] / fixed.shape[0]
    figure, grid = plt.subplots(
        2, len(methods) + 1, figsize=(1.6 * (len(methods) + 1), 3.2 * tall + 0.6), layout="constrained"
    )
    for axes, image, title in ((grid[0, 0], moving, "moving"), (grid[1, 0], fixed, "fixed")):
        axes.imshow(image[:, :, plane].T, origin="lower", cmap="gray", vmin=0, vmax=1)
        axes.set_title(title, fontsize=8)
        _bare(axes)
    for column, method in zip(grid[:, 1:].T, methods):
        u = context.field(method, str(case["case"]))
        warped = warp(torch.from_numpy(moving)[None, None], torch.from_numpy(u)[None])[0, 0].numpy()
        column[0].imshow(warped[:, :, plane].T, origin="lower", cmap="gray", vmin=0, vmax=1)
        column[0].set_title(context.names[method].replace(", ", "\n"), fontsize=7.5)
        _bare(column[0])
        _grid(column[1], u[:, :, :, plane])
    return figure


def _grid(axes: Any, u: np.ndarray) -> None:
    """Draw where a regular grid of the fixed plane is taken from, in-plane part, (3, X, Y)."""
    from matplotlib.collections import LineCollection

    size = u.shape[1:]
    places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij")) + u[:2]
    step = max(2, min(size) // 20)
    lines = [places[:, i].T for i in range(0, size[0], step)]
    lines += [places[:, :, j].T for j in range(0, size[1], step)]
    axes.add_collection(LineCollection(lines, colors=INK, linewidths=0.4))
    axes.set_xlim(-0.5, size[0] - 0.5)
    axes.set_ylim(-0.5, size[1] - 0.5)
    axes.set_aspect("equal")
    _bare(axes, framed=True)


def _toy(context: Context) -> Any:
    """Fig. 2: minus the gradient with respect to the field, under five losses."""
    import matplotlib.pyplot as plt

    toy = make_toy()
    figure, row = plt.subplots(1, len(PANELS), figsize=(2.3 * len(PANELS), 2.7), layout="constrained")
    step = 2
    for axes, (title, regulariser) in zip(row, PANELS.items()):
        pull = -gradient(toy, regulariser)[0].numpy()
        size = np.linalg.norm(pull, axis=0)
        axes.imshow(
            np.maximum(toy.fixed, toy.moving)[0, 0].T, origin="lower", cmap="gray", vmin=-0.6, vmax=1.4
        )
        x, y = np.meshgrid(*map(np.arange, size.shape), indexing="ij")
        there = (slice(None, None, step), slice(None, None, step))
        seen = size[there] > 0.005 * size.max()
        # lengths are roots, so that weak ones can be seen beside those at edges; colours are magnitudes
        shown = pull / np.sqrt(np.maximum(size, 1e-12) * size.max())
        arrows = axes.quiver(
            x[there][seen], y[there][seen], *(p[there][seen] for p in shown), size[there][seen],
            cmap="viridis", angles="xy", scale=14, width=0.006,
        )  # fmt: skip
        arrows.set_clim(0, float(size.max()))
        share = float((size > 0.005 * size.max()).mean())
        axes.set_title(f"{title}\nfelt by {share:.0%} of the pixels", fontsize=8)
        _bare(axes)
    return figure


def _curves(context: Context) -> Any:
    """Fig. 3: validation Dice and smoothness of the fields while networks learn."""
    import matplotlib.pyplot as plt

    figure, row = plt.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained")
    for method in context.jobs:
        network, kind = _parts(method)
        curve = context.curve(method)
        style = "-" if network == "tm" else "--"
        for axes, key in zip(row, ("val_score", "val_std_logj")):
            axes.plot(
                curve["step"][: len(curve[key])], curve[key], style,
                color=COLOURS.get(kind, INK), label=context.names[method], linewidth=1.2,
            )  # fmt: skip
    row[0].set_ylabel("validation Dice" if context.packed.labels is not None else "validation similarity")
    row[1].set_ylabel("validation std(log |J|)")
    for axes in row:
        axes.set_xlabel("training step")
    figure.legend(*row[0].get_legend_handles_labels(), loc="outside right center", fontsize=7.5)
    return figure


def _boxes(context: Context) -> Any:
    """Fig. 4: Dice by structure, and std(log |J|), over all test pairs."""
    import matplotlib.pyplot as plt

    networks = _by_network(context)
    values = {m: _values(context, m) for m in context.jobs}
    labels = list(dict.fromkeys(label for per in values.values() for label in per["dice"]))
    figure, grid = plt.subplots(
        len(networks), 2, squeeze=False, layout="constrained",
        figsize=(max(6.0, 0.45 * len(labels) + 2.5), 2.9 * len(networks)),
        width_ratios=[max(3, len(labels)), 3],
    )  # fmt: skip
    for row, (network, methods) in zip(grid, networks.items()):
        width = 0.8 / len(methods)
        for number, method in enumerate(methods):
            colour = COLOURS.get(_parts(method)[1], INK)
            dice = [values[method]["dice"].get(label, []) for label in labels]
            places = np.arange(len(labels)) + (number - (len(methods) - 1) / 2) * width
            if labels:
                _box(row[0], dice, places, width, colour)
            _box(row[1], [values[method]["std_logj"][""]], [number], 0.6, colour)
            row[0].plot([], [], color=colour, linewidth=5, label=context.names[method])
        row[0].set_xticks(range(len(labels)), labels, rotation=60, ha="right", fontsize=7)
        row[0].set_ylabel("Dice")
        row[0].set_title(NETWORKS.get(network, network), fontsize=9, loc="left")
        row[1].set_xticks([])
        row[1].set_ylabel("std(log |J|)")
    figure.legend(loc="outside lower center", fontsize=7, ncols=2)
    return figure


def _values(context: Context, method: str) -> dict[str, dict[str, list[float]]]:
    """Return the values of all test pairs by metric and label."""
    task = {**context.jobs[method].task, "metrics": ["dice", "std_logj"]}
    found: dict[str, dict[str, list[float]]] = {"dice": {}, "std_logj": {"": []}}
    for case in context.cases():
        u = context.field(method, str(case["case"]))
        for metric, label, value in measure((case["moving"], case["fixed"]), u, context.packed, task):
            if label != "mean" and not np.isnan(value):
                found[metric].setdefault(label, []).append(value)
    return found


def _box(axes: Any, values: list[list[float]], places: Any, width: float, colour: str) -> None:
    drawn = axes.boxplot(
        values, positions=places, widths=width * 0.9, patch_artist=True, manage_ticks=False,
        flierprops={"marker": ".", "markersize": 2, "markeredgecolor": INK},
        medianprops={"color": INK, "linewidth": 0.8},
    )  # fmt: skip
    for patch in drawn["boxes"]:
        patch.set(facecolor=colour, linewidth=0.5)
