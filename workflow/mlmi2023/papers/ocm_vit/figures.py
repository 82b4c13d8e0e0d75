"""Figures 2 and 3 of the paper, and three of ours: what is hidden, how many labels, and which Dice."""

from textwrap import fill
from typing import Any

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.drawing.panels import panels, picture
from mlmi2023.papers.ocm_vit.cases import PoolCases
from mlmi2023.papers.ocm_vit.measures import dc_repo, hard_scores
from mlmi2023.papers.ocm_vit.weighting import segmented, upsampled, weighted
from mlmi2023.tasks.runs import Runs
from mlmi2023.tasks.segmentation import Pair, pairs, read_about

#: images of Figs. 2 and 3
SHOWN = 4
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")


def _tested(runs: Runs, method: str) -> list[Pair]:
    return list(pairs(runs.predictions[method], PoolCases(runs.jobs[method])))


def _some(count: int) -> list[int]:
    """Return places spread over ``count``, chosen before any result is seen."""
    return [int(n) for n in np.linspace(0, count - 1, min(SHOWN, count))]


def _dice(runs: Runs, method: str) -> np.ndarray:
    return np.array([hard_scores(pair.found, pair.truth)["dc"] for pair in _tested(runs, method)])


def _steps(runs: Runs) -> Any:
    """Fig. 2: from an image to its mask."""
    method = next(iter(runs.jobs))
    tested, cases = _tested(runs, method), PoolCases(runs.jobs[method])
    how = str(runs.jobs[method].method_options.get("weighting", "product"))
    shown = _some(len(tested))
    figure, grid = panels(len(shown), 6, (10, 1.75 * len(shown) + 0.3))
    names = ("input", "attention", "upsampled", "weighted", "Otsu", "truth")
    for number, (line, place) in enumerate(zip(grid, shown)):
        pair = tested[place]
        if "attention" not in pair.kept:
            raise InputError(
                f"figure fig2: method '{method}' has kept no attention; name one with an encoder"
            )
        image, maps = cases.cohort.inputs[pair.row], pair.kept["attention"]
        large = upsampled(torch.from_numpy(maps)[None], image.shape)[0].numpy()
        drawn = (
            image,
            maps.mean(0),
            large,
            weighted(image, large, how),
            segmented(image, maps, how),
            pair.truth,
        )
        for name, axes, values in zip(names, line, drawn):
            kind = {"cmap": "magma"} if name in ("attention", "upsampled") else {"cmap": "gray"}
            picture(axes, values, name if number == 0 else "", **kind)
        line[0].set_ylabel(pair.case[:14], fontsize=7)
    return figure


def _masks(runs: Runs) -> Any:
    """Fig. 3: tested images and the masks of each method."""
    methods = list(runs.jobs)
    tested = {method: _tested(runs, method) for method in methods}
    cases, first = PoolCases(runs.job), tested[methods[0]]
    shown = _some(len(first))
    figure, grid = panels(len(shown), 2 + len(methods), (1.5 * (2 + len(methods)), 1.65 * len(shown) + 0.4))
    for number, (line, place) in enumerate(zip(grid, shown)):
        row, top = first[place].row, number == 0
        picture(line[0], cases.cohort.images[row], "image" if top else "", cmap="gray", vmin=0)
        picture(line[1], first[place].truth, "truth" if top else "", cmap="gray", vmin=0, vmax=1)
        line[0].set_ylabel(first[place].case[:14], fontsize=7)
        for axes, method in zip(line[2:], methods):
            pair = tested[method][place]
            picture(
                axes, pair.found, fill(runs.names[method], 20) if top else "", cmap="gray", vmin=0, vmax=1
            )
            axes.title.set_fontsize(6)
            dice = hard_scores(pair.found, pair.truth)["dc"]
            axes.set_xlabel(f"{dice:.3f}", fontsize=7)
    return figure


def _grid(runs: Runs) -> Any:
    """Dice by what is hidden, on the images that the choice looks at and on the tested ones."""
    rows = {m: job for m, job in runs.jobs.items() if "mask" in job.method_options}
    if not rows:
        raise InputError("figure fig_grid: none of its methods hides anything; name pretrained encoders")
    chosen = next((read_about(runs.predictions[m]).get("chosen") for m in runs.jobs if m not in rows), None)
    test = {m: float(np.nanmean(_dice(runs, m))) for m in rows}
    choice = {m: float(read_about(runs.predictions[m]).get("dc_choice", np.nan)) for m in rows}
    figure, grid = panels(1, 2, (7.4, 3.0), sharey=True)
    sizes = sorted({int(job.method_options["mask"]["patches"]) for job in rows.values()})
    for axes, values, title in zip(grid[0], (choice, test), ("labels that choose", "tested images")):
        for size, colour in zip(sizes, COLOURS):
            own = [m for m in rows if rows[m].method_options["mask"]["patches"] == size]
            own.sort(key=lambda m: float(rows[m].method_options["mask"]["ratio"]))
            x = [100 * float(rows[m].method_options["mask"]["ratio"]) for m in own]
            axes.plot(x, [values[m] for m in own], "o-", color=colour, label=f"{size} x {size} patches")
        if chosen in rows:
            place = 100 * float(rows[chosen].method_options["mask"]["ratio"])
            axes.plot([place], [values[chosen]], "o", ms=12, mfc="none", color="black")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("hidden, % of the image")
    grid[0, 0].set_ylabel("Dice")
    grid[0, 1].legend(fontsize=7)
    return figure


def _labels(runs: Runs) -> Any:
    """Dice of the U-Net by its share of labels, and of the other rows."""
    shares = {
        m: float(job.method_options.get("share", 1.0))
        for m, job in runs.jobs.items()
        if job.method_options.get("model") == "unet" and job.method_options.get("labels", "true") == "true"
    }
    if not shares:
        raise InputError("figure fig_labels: none of its methods is a U-Net with true labels; name some")
    figure, grid = panels(1, 1, (6.4, 3.6))
    axes = grid[0, 0]
    order = sorted(shares, key=lambda m: shares[m])
    dice = {m: _dice(runs, m) for m in runs.jobs}
    x = np.array([100 * shares[m] for m in order])
    mean = np.array([np.nanmean(dice[m]) for m in order])
    low, high = (np.array([np.nanquantile(dice[m], q) for m in order]) for q in (0.25, 0.75))
    axes.fill_between(x, low, high, color=COLOURS[0], alpha=0.15, linewidth=0)
    axes.plot(x, mean, "o-", color=COLOURS[0], label="U-Net, true labels")
    others = [m for m in runs.jobs if m not in shares]
    for number, method in enumerate(others):
        colour = COLOURS[1 + number % (len(COLOURS) - 1)]
        # long and short dashes, so that lines that lie on each other are seen
        style = (number, (4, 2 + number))
        axes.axhline(np.nanmean(dice[method]), color=colour, linestyle=style, label=runs.names[method])
    axes.set_xlabel("labelled images that the U-Net learns from, %")
    axes.set_ylabel("Dice")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return figure


def _two_dices(runs: Runs) -> Any:
    """Jaccard beside both kinds of Dice."""
    figure, grid = panels(1, 1, (6.4, 3.8))
    axes = grid[0, 0]
    line = np.linspace(0, 1, 101)
    axes.plot(line, line / (2 - line), color="0.4", linewidth=1, label="J = D / (2 - D)")
    axes.plot(line, line, color="0.4", linewidth=1, linestyle=":", label="J = D")
    for method, colour in zip(runs.jobs, COLOURS):
        tested = _tested(runs, method)
        scores = [hard_scores(pair.found, pair.truth) for pair in tested]
        soft = [dc_repo(pair.kept.get("score", pair.found), pair.truth) for pair in tested]
        jaccard = [s["ji"] for s in scores]
        axes.scatter([s["dc"] for s in scores], jaccard, s=12, color=colour, label=runs.names[method])
        axes.scatter(soft, jaccard, s=14, marker="x", linewidths=0.8, color=colour)
    axes.set_xlabel("Dice: dots, of masks; crosses, as the release measures it")
    axes.set_ylabel("Jaccard")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return figure


FIGURES = {
    "fig2": _steps,
    "fig3": _masks,
    "fig_grid": _grid,
    "fig_labels": _labels,
    "fig_dice": _two_dices,
}
