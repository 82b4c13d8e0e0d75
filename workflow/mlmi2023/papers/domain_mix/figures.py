"""Figures of ours, since the paper prints none of results: contours, mixed images, Dice from step to step."""

from typing import Any

import numpy as np
import torch

from mlmi2023.drawing.panels import panels, picture
from mlmi2023.papers.domain_mix.cases import POOLS, DomainCases
from mlmi2023.papers.domain_mix.evaluate import MEAN, score, structures
from mlmi2023.papers.domain_mix.mixing import object_mask, pasted
from mlmi2023.tasks.domains import training, truth
from mlmi2023.tasks.runs import Runs
from mlmi2023.tasks.segmentation import pairs

TRUE, FOUND = "#00C000", "#1040FF"
#: tested images that are shown
SHOWN = 4


def _title(runs: Runs, method: str) -> str:
    """Return a method's name in lines that fit above a picture."""
    return runs.names[method].replace(", ", ",\n").replace(" => ", " =>\n")


def _outlined(axes: Any, cases: DomainCases, labels: np.ndarray, colour: str) -> None:
    for mask in structures(labels, len(cases.classes), cases.task.nested):
        if mask.any() and not mask.all():
            axes.contour(mask, [0.5], colors=colour, linewidths=1.1)


def _dice(runs: Runs, method: str) -> dict[str, float]:
    """Return the Dice of each tested image, the mean over its structures."""
    values = list(score(runs.jobs[method], runs.predictions[method]))
    mean = MEAN if any(value.label == MEAN for value in values) else values[0].label
    return {value.case: value.value for value in values if value.label == mean}


def _contours(runs: Runs) -> Any:
    """Tested images, evenly spread over their names, with true and found contours and mean Dice."""
    methods = list(runs.jobs)
    cases = {method: DomainCases(runs.jobs[method], truth) for method in methods}
    tested = {
        method: {pair.case: pair for pair in pairs(runs.predictions[method], cases[method])}
        for method in methods
    }
    dice = {method: _dice(runs, method) for method in methods}
    common = sorted(set.intersection(*(set(own) for own in tested.values())))
    shown = [common[k] for k in np.linspace(0, len(common) - 1, min(SHOWN, len(common))).astype(int)]
    figure, grid = panels(len(shown), len(methods), (1.7 * len(methods), 1.75 * len(shown) + 0.3))
    box = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "edgecolor": "none"}
    for number, (line, case) in enumerate(zip(grid, shown)):
        for axes, method in zip(line, methods):
            pair, own = tested[method][case], cases[method]
            picture(axes, own.view.images[pair.row], _title(runs, method) if number == 0 else "")
            _outlined(axes, own, pair.truth, TRUE)
            _outlined(axes, own, pair.found, FOUND)
            text = f"{dice[method].get(case, float('nan')):.1f}"
            axes.text(0.03, 0.03, text, transform=axes.transAxes, color="white", fontsize=7, bbox=box)
    return figure


def _mixes(runs: Runs) -> Any:
    """One mixed image of each direction: where the object is from, what it is pasted into, and both."""
    methods = [m for m, job in runs.jobs.items() if (job.method_options.get("mix") or {}).get("from")]
    figure, grid = panels(3, len(methods), (1.7 * len(methods), 5.6))
    for number, (column, method) in enumerate(zip(grid.T, methods)):
        cases = DomainCases(runs.jobs[method], training)
        mix = runs.jobs[method].method_options["mix"]
        # the last of several pools, and another image of it each time
        above, below = (
            _one(cases, mix[key][-1], place) for key, place in (("from", number), ("to", number + 1))
        )
        images = [torch.from_numpy(cases.pictures([row])).movedim(-1, 1) for row in (above, below)]
        labels = [
            torch.from_numpy(cases.masks([row])) if row in cases.labels else torch.zeros(1, *cases.size)
            for row in (above, below)
        ]
        draw = torch.tensor([number / max(1, len(methods))])
        mask = object_mask(labels[0], draw, len(cases.classes), cases.task.nested)
        image, label = pasted(mask, (images[0], labels[0].long()), (images[1], labels[1].long()))
        shown = ((images[0], labels[0]), (images[1], labels[1]), (image, label))
        for row, (axes, (pixels, truth_)) in enumerate(zip(column, shown)):
            picture(axes, pixels[0].movedim(0, -1).numpy(), _title(runs, method) if row == 0 else "")
            _outlined(axes, cases, truth_[0].numpy(), TRUE)
    for axes, text in zip(grid[:, 0], ("from", "to", "mixed")):
        axes.set_ylabel(text, fontsize=8)
    return figure


def _one(cases: DomainCases, pool: str, place: int) -> int:
    rows = cases.rows(POOLS[pool])
    return rows[place % len(rows)]


def _steps(runs: Runs) -> Any:
    """Dice of every tested image after each step, those of one image joined."""
    methods = list(runs.jobs)
    found = {method: _dice(runs, method) for method in methods}
    figure, grid = panels(1, 1, (1.5 * len(methods) + 1, 3.4))
    axes = grid[0, 0]
    for case in sorted(set.union(*(set(own) for own in found.values()))):
        axes.plot([own.get(case, np.nan) for own in found.values()], color="#9AA0A8", lw=0.5, alpha=0.6)
    for place, own in enumerate(found.values()):
        axes.plot([place] * len(own), list(own.values()), "o", ms=3, alpha=0.5, color="#0072B2", mew=0)
        axes.plot(
            [place - 0.25, place + 0.25], [float(np.mean(list(own.values())))] * 2, color="#E69F00", lw=2
        )
    axes.set_xticks(range(len(methods)), [_title(runs, m) for m in methods], fontsize=7)
    axes.set_ylabel("Dice of an image, %")
    return figure


FIGURES = {"fig_contours*": _contours, "fig_mixes*": _mixes, "fig_steps*": _steps}
