"""Figures 1, 2a and 5 of the paper, and ours: costs, arches, and errors by Fourier order."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mlmi2023.drawing.panels import panels, picture
from mlmi2023.papers.ffpn.cases import POINTS, Outlined
from mlmi2023.papers.ffpn.efd import decode, encode
from mlmi2023.papers.ffpn.evaluate import MEAN, score, structures
from mlmi2023.papers.ffpn.outlines import outline_of
from mlmi2023.tasks.runs import Runs
from mlmi2023.tasks.segmentation import Pair, pairs

TRUE, FOUND = "#00C000", "#F03020"
#: images that are shown, and Fourier orders
SHOWN, ORDERS = 4, 7


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    return [items[k] for k in np.linspace(0, len(items) - 1, min(count, len(items))).astype(int)]


def _show(axes: Any, image: np.ndarray, title: str = "") -> None:
    picture(axes, image[..., 0] if image.shape[2] == 1 else image, title, cmap="gray", vmin=0, vmax=255)


def _outline(axes: Any, mask: np.ndarray, colour: str) -> None:
    if mask.any() and not mask.all():
        axes.contour(mask, [0.5], colors=colour, linewidths=1.1)


def _samples(runs: Runs) -> Any:
    """Test images with true outlines (Fig. 1)."""
    cases = Outlined(runs.job)
    rows = _spread(cases.rows("test"), SHOWN)
    figure, grid = panels(1, len(rows), (2.0 * len(rows), 2.1))
    for axes, row in zip(grid[0], rows):
        _show(axes, cases.cohort.image(row))
        for k in range(len(cases.classes)):
            _outline(axes, cases.truth(row) == k + 1, f"C{k}")
    return figure


def _orders(runs: Runs) -> Any:
    """A contour by its first one to seven orders, and each order's ellipse (Fig. 2a)."""
    cases = Outlined(runs.job)
    found = cases.outlines(rows := cases.rows("test")[:1])
    coefficients, centre = (torch.from_numpy(found[key][0, 0]) for key in ("coefficients", "centre"))
    figure, grid = panels(2, ORDERS, (1.6 * ORDERS, 3.6))
    closed = np.vstack([found["points"][0, 0], found["points"][0, 0][:1]])
    for n in range(1, ORDERS + 1):
        axes, below = grid[:, n - 1]
        _show(axes, cases.small(rows[0]), f"{n} order" + "s" * (n > 1))
        axes.plot(*closed.T, color=TRUE, lw=0.8)
        points = decode(coefficients[:n], centre, POINTS).numpy()
        axes.plot(*np.vstack([points, points[:1]]).T, color=FOUND, lw=1)
        alone = torch.zeros_like(coefficients[:n])
        alone[n - 1] = coefficients[n - 1]
        ellipse = decode(alone, torch.zeros(2), POINTS).numpy()
        below.plot(*np.vstack([ellipse, ellipse[:1]]).T, color="#0072B2", lw=1)
        below.set_aspect("equal")
        below.invert_yaxis()
        below.set_title(f"{np.ptp(ellipse, axis=0).max():.1f} px", fontsize=8)
        below.axis("off")
    return figure


def _contours(runs: Runs) -> Any:
    """Test images with true and found contours and Dice (Fig. 5)."""
    methods = list(runs.jobs)
    cases = Outlined(runs.job)
    shown = _spread(cases.rows("test"), SHOWN)
    figure, grid = panels(len(shown), len(methods), (1.7 * len(methods), 1.75 * len(shown) + 0.3))
    box = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "edgecolor": "none"}
    for column, method in zip(grid.T, methods):
        tested = {pair.row: pair for pair in pairs(runs.predictions[method], cases)}
        dice = _dice(runs, method)
        for number, (axes, row) in enumerate(zip(column, shown)):
            _show(axes, cases.cohort.image(row), runs.names[method] if number == 0 else "")
            for found, true in structures(tested[row], len(cases.classes)):
                _outline(axes, true, TRUE)
                _outline(axes, found, FOUND)
            text = f"{dice.get(tested[row].case, float('nan')):.1f}"
            axes.text(0.03, 0.03, text, transform=axes.transAxes, color="white", fontsize=7, bbox=box)
    return figure


def _dice(runs: Runs, method: str) -> dict[str, float]:
    """Return the Dice of each tested image, the mean over its structures."""
    values = list(score(runs.jobs[method], runs.predictions[method]))
    return {v.case: v.value for v in values if v.metric == "dice" and v.label in ("", MEAN)}


def _costs(runs: Runs) -> Any:
    """Dice of the tested images by frames per second."""
    figure, grid = panels(1, 1, (5.0, 3.4))
    axes = grid[0, 0]
    for method in runs.jobs:
        values = list(score(runs.jobs[method], runs.predictions[method]))
        speed = [v.value for v in values if v.metric == "fps"]
        if not speed:
            continue
        at = float(np.mean(speed)), float(np.mean(list(_dice(runs, method).values())))
        axes.plot(*at, "o", color=FOUND if method.startswith("ffpn") else "#0072B2", ms=4)
        axes.annotate(runs.names[method], at, xytext=(3, 3), textcoords="offset points", fontsize=7)
    axes.set_xlabel("frames per second")
    axes.set_ylabel("Dice, %")
    return figure


def _series(pair: Pair, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return coefficients (7, 4) of found and true outlines, of structures that have both."""
    series = []
    for masks in structures(pair, number):
        own = [outline_of(mask, POINTS) for mask in masks]
        if own[0] is not None and own[1] is not None:
            series.append((encode(own[0], ORDERS)[0], encode(own[1], ORDERS)[0]))
    return series


def _errors(runs: Runs) -> Any:
    """Root mean square distance of found coefficients from true ones, by order."""
    cases = Outlined(runs.job)
    figure, grid = panels(1, 1, (5.0, 3.2))
    axes, ticks, size = grid[0, 0], np.arange(1, ORDERS + 1), None
    for method in runs.jobs:
        series = [s for p in pairs(runs.predictions[method], cases) for s in _series(p, len(cases.classes))]
        if not series:
            continue
        found, true = (np.stack(values) for values in zip(*series))
        size = np.sqrt((true**2).mean(axis=(0, 2)))
        axes.plot(
            ticks, np.sqrt(((found - true) ** 2).mean(axis=(0, 2))), "o-", ms=3, label=runs.names[method]
        )
    if size is not None:
        axes.plot(ticks, size, color="#9AA0A8", lw=1, label="true ones")
        axes.set_yscale("log")
    axes.set_xlabel("Fourier order")
    axes.set_ylabel("pixels")
    axes.legend(fontsize=7)
    return figure


FIGURES = {
    "fig1*": _samples,
    "fig2a": _orders,
    "fig5*": _contours,
    "fig_hooks": _contours,
    "fig_costs": _costs,
    "fig_orders": _errors,
}
