"""The figures of the paper: one pair (1), gradients of a toy (2), learning curves (3), boxplots (4)."""

from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.json_files import read_object
from mlmi2023.drawing.style import INK
from mlmi2023.papers.implicit_reg.measures import MEASURES
from mlmi2023.papers.implicit_reg.toy import PANELS, gradient, make_toy
from mlmi2023.tasks.registration import figures
from mlmi2023.tasks.registration.measures import Registered
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.tasks.registration.score import measured
from mlmi2023.tasks.registration.volumes import Volumes
from mlmi2023.tasks.runs import AGAIN, Runs

# Okabe and Ito's palette, by what regularises
COLOURS = {"base": "#56B4E9", "diff": "#D55E00", "elas": "#009E73", "curv": "#CC79A7"}
NETWORKS = {"vxm": "VoxelMorph", "tm": "TransMorph"}


def _folder(runs: Runs, method: str) -> str:
    """Return the folder of the fields of a method's first setting."""
    file = runs.predictions[method] / "chosen.json"
    chosen = list(read_object(file, {}, AGAIN).values())
    if not chosen:
        raise InputError(f"{file}: no candidate of '{method}' is smooth enough; raise task.settings' limits")
    return str(chosen[0]["number"])


def _pairs(runs: Runs) -> list[Pair]:
    return figures.shown_pairs(runs, _folder(runs, next(iter(runs.predictions))))


def _field(runs: Runs, method: str, pair: Pair) -> np.ndarray:
    return figures.field_of(runs, method, pair, _folder(runs, method))


def _parts(method: str) -> tuple[str, str]:
    """Split ``vxm_diff`` into the network and what regularises it."""
    network, _, kind = method.partition("_")
    return network, kind


def _by_network(runs: Runs) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for method in runs.jobs:
        found.setdefault(_parts(method)[0], []).append(method)
    return found


def _pair(runs: Runs) -> Any:
    """Fig. 1: the first test pair, warped and as a grid, by each method."""
    pair, task = _pairs(runs)[0], runs.job.task
    moving, fixed = Volumes(runs.cohort, task["moving"], task["fixed"]).arrays(pair)
    plane = figures.fullest_plane(fixed)
    columns, tall = len(runs.jobs) + 1, fixed.shape[1] / fixed.shape[0]
    figure, grid = figures.sheet(2, columns, (1.6 * columns, 3.2 * tall + 0.6))
    for axes, image, title in ((grid[0, 0], moving, "moving"), (grid[1, 0], fixed, "fixed")):
        figures.show(axes, image[:, :, plane])
        axes.set_title(title, fontsize=8)
    for column, method in zip(grid[:, 1:].T, runs.jobs):
        u = _field(runs, method, pair)
        figures.show(column[0], figures.warped(moving, u)[:, :, plane])
        column[0].set_title(runs.names[method].replace(", ", "\n"), fontsize=7.5)
        figures.show_grid(column[1], u[:, :, :, plane], lines=20, width=0.4)
    return figure


def _toy(runs: Runs) -> Any:
    """Fig. 2: minus the gradient with respect to the field, under five losses; no run is looked at."""
    toy = make_toy()
    figure, [row] = figures.sheet(1, len(PANELS), (2.3 * len(PANELS), 2.7))
    step = 2
    for axes, (title, regulariser) in zip(row, PANELS.items()):
        pull = -gradient(toy, regulariser)[0].numpy()
        size = np.linalg.norm(pull, axis=0)
        figures.show(axes, np.maximum(toy.fixed, toy.moving)[0, 0].numpy(), vmin=-0.6, vmax=1.4)
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
    return figure


def _curves(runs: Runs) -> Any:
    """Fig. 3: validation Dice and smoothness of the fields while networks learn."""
    figure, [row] = figures.sheet(1, 2, (8.4, 3.2))
    for method in runs.jobs:
        network, kind = _parts(method)
        curve = runs.curve(method)
        style = "-" if network == "tm" else "--"
        for axes, key in zip(row, ("val_score", "val_std_logj")):
            axes.plot(
                curve["step"], curve.get(key, np.full_like(curve["step"], np.nan)), style,
                color=COLOURS.get(kind, INK), label=runs.names[method], linewidth=1.2,
            )  # fmt: skip
    row[0].set_ylabel("validation Dice" if runs.cohort.labels is not None else "validation similarity")
    row[1].set_ylabel("validation std(log |J|)")
    for axes in row:
        axes.set_xlabel("training step")
    figure.legend(*row[0].get_legend_handles_labels(), loc="outside right center", fontsize=7.5)
    return figure


def _boxes(runs: Runs) -> Any:
    """Fig. 4: Dice by structure, and std(log |J|), over all test pairs."""
    networks = _by_network(runs)
    values = {m: _values(runs, m) for m in runs.jobs}
    labels = list(dict.fromkeys(label for per in values.values() for label in per["dice"]))
    size = max(6.0, 0.45 * len(labels) + 2.5), 2.9 * len(networks)
    figure, grid = figures.sheet(len(networks), 2, size, width_ratios=[max(3, len(labels)), 3])
    for row, (network, methods) in zip(grid, networks.items()):
        width = 0.8 / len(methods)
        for number, method in enumerate(methods):
            colour = COLOURS.get(_parts(method)[1], INK)
            dice = [values[method]["dice"].get(label, []) for label in labels]
            places = np.arange(len(labels)) + (number - (len(methods) - 1) / 2) * width
            if labels:
                _box(row[0], dice, places, width, colour)
            _box(row[1], [values[method]["std_logj"][""]], [number], 0.6, colour)
            row[0].plot([], [], color=colour, linewidth=5, label=runs.names[method])
        row[0].set_xticks(range(len(labels)), labels, rotation=60, ha="right", fontsize=7)
        row[0].set_ylabel("Dice")
        row[0].set_title(NETWORKS.get(network, network), fontsize=9, loc="left")
        row[1].set_xticks([])
        row[1].set_ylabel("std(log |J|)")
    figure.legend(loc="outside lower center", fontsize=7, ncols=2)
    return figure


def _values(runs: Runs, method: str) -> dict[str, dict[str, list[float]]]:
    """Return the values of all test pairs by metric and label."""
    found: dict[str, dict[str, list[float]]] = {"dice": {}, "std_logj": {"": []}}
    for pair in _pairs(runs):
        own = Registered(pair, _field(runs, method, pair), runs.cohort, runs.jobs[method].task)
        for value in measured(own, found, MEASURES):
            if value.label != "mean":
                found[value.metric].setdefault(value.label, []).append(value.value)
    return found


def _box(axes: Any, values: list[list[float]], places: Any, width: float, colour: str) -> None:
    drawn = axes.boxplot(
        values, positions=places, widths=width * 0.9, patch_artist=True, manage_ticks=False,
        flierprops={"marker": ".", "markersize": 2, "markeredgecolor": INK},
        medianprops={"color": INK, "linewidth": 0.8},
    )  # fmt: skip
    for patch in drawn["boxes"]:
        patch.set(facecolor=colour, linewidth=0.5)


FIGURES = {"fig1": _pair, "fig2": _toy, "fig3": _curves, "fig4": _boxes}
