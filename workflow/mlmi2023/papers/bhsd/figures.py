"""The data set (Figs. 1, 2), the supplement's figures, what networks find, the printed means checked."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.drawing.slices import label_colours, name_edges, paint
from mlmi2023.papers.bhsd.cases import HIDDEN, HeadScans
from mlmi2023.papers.bhsd.conventions import MEAN
from mlmi2023.papers.bhsd.evaluate import labels_of, score, tested
from mlmi2023.papers.bhsd.means import printed, wrong
from mlmi2023.tasks.runs import Runs
from mlmi2023.tasks.segmentation import Pair, pairs, read_case

BLUE, RED, GREY = "#0072B2", "#D55E00", "#8A8F98"
#: scans that a figure shows, and columns of a grid
SHOWN, COLUMNS = 3, 4


def fullest(labels: np.ndarray, value: int = 0) -> int:
    """Return the slice with most of a label, or with most kinds of them and then most of them."""
    mask = labels == value if value else labels > 0
    if value:
        return int(mask.sum((0, 1)).argmax())
    kinds = np.array([len(np.unique(labels[..., z])) for z in range(labels.shape[2])])
    area = mask.sum((0, 1))
    return int(np.argmax(kinds * (area.max() + 1) + area))


def _show(axes: Any, cases: HeadScans, row: int, labels: np.ndarray | None, z: int, title: str = "") -> None:
    """Draw a slice and labels over it."""
    image = np.asarray(cases.cohort.image(row), np.float32)
    spacing = cases.cohort.spacings[row]
    axes.imshow(image[..., z].T, cmap="gray", vmin=0, vmax=1, origin="lower", aspect=spacing[1] / spacing[0])
    if labels is not None:
        colours = label_colours(sorted(cases.cohort.label_names), cases.cohort.label_names)
        axes.imshow(
            paint(labels[..., z].T, colours, 0.7), origin="lower", interpolation="nearest",
            aspect=spacing[1] / spacing[0],
        )  # fmt: skip
    if image.shape[2] > 1:  # a photograph has no sides
        name_edges(axes, "axial")
    axes.set_title(title, fontsize=7)


def _grid(rows: int, columns: int, tall: float = 1.15) -> Any:
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(
        rows, columns, figsize=(1.75 * columns, 1.75 * tall * rows + 0.2), squeeze=False, layout="constrained"
    )
    for axes in grid.ravel():
        axes.axis("off")
    return figure, grid


def _examples(runs: Runs) -> Any:
    """Fig. 1b: of each class the tested scan that has most of it, with and without its labels."""
    cases = HeadScans(runs.job)
    found: dict[int, tuple[int, int]] = {}
    for row in cases.rows("test"):
        labels = cases.truth(row)
        for value in cases.short:
            size = int((labels == value).sum())
            if size > found.get(value, (0, 0))[0]:
                found[value] = (size, row)
    figure, grid = _grid(2, max(1, len(found)))
    for column, value in zip(grid.T, found):
        row = found[value][1]
        labels = cases.truth(row)
        z = fullest(labels, value)
        _show(column[0], cases, row, None, z, cases.cohort.label_names[value])
        _show(column[1], cases, row, labels, z)
    return figure


def _composition(runs: Runs) -> Any:
    """Fig. 2: scans and slices by class in what trains and what is tested, and scans by number of classes."""
    import matplotlib.pyplot as plt

    cases = HeadScans(runs.job)
    sides = {"train": [*cases.rows("train"), *cases.rows("val")], "test": cases.cohort.rows("test")}
    figure, panels = plt.subplots(1, 3, figsize=(9.6, 2.9), layout="constrained")
    names = [*cases.short.values()]
    for number, (side, rows) in enumerate(sides.items()):
        maps = [np.asarray(cases.cohort.labels(row)) for row in rows]
        maps = [labels for labels in maps if not (labels == HIDDEN).any()]
        scans = [sum(bool((m == value).any()) for m in maps) for value in cases.short]
        slices = [sum(int((m == value).any((0, 1)).sum()) for m in maps) for value in cases.short]
        kinds = [sum(len(np.unique(m[m > 0])) == k for m in maps) for k in range(1, len(names) + 1)]
        for axes, heights in zip(panels, (scans, slices, kinds)):
            axes.bar(
                np.arange(len(names)) + 0.4 * number - 0.2,
                heights,
                0.38,
                color=(BLUE, RED)[number],
                label=side,
            )
    for axes, title in zip(
        panels, ("scans with the class", "slices with the class", "scans by number of classes")
    ):
        axes.set_title(title, fontsize=9)
        axes.set_xticks(
            range(len(names)), [str(k + 1) for k in range(len(names))] if axes is panels[2] else names
        )
    panels[0].legend()
    return figure


def _found(runs: Runs) -> Any:
    """Tested scans that bleed, evenly spread over their names: truth, then each method."""
    cases = HeadScans(runs.job)
    bleeding = [row for row in cases.rows("test") if cases.truth(row).any()]
    shown = [bleeding[k] for k in np.unique(np.linspace(0, len(bleeding) - 1, SHOWN).astype(int))]
    figure, grid = _grid(len(shown), 2 + len(runs.jobs))
    for line, row in zip(grid, shown):
        truth = cases.truth(row)
        z, first = fullest(truth), row == shown[0]
        _show(line[0], cases, row, None, z, "scan" if first else "")
        _show(line[1], cases, row, truth, z, "truth" if first else "")
        for axes, (method, folder) in zip(line[2:], runs.predictions.items()):
            labels = read_case(folder, cases, row)["labels"]
            _show(axes, cases, row, labels, z, runs.names[method] if first else "")
    return figure


def confusion(found: list[Pair], classes: int) -> np.ndarray:
    """Return voxels by true (rows) and found label (columns), (1 + classes, 1 + classes), over all scans."""
    size = 1 + classes
    table = np.zeros((size, size), np.int64)
    for pair in found:
        code = size * pair.truth.astype(np.int64).ravel() + pair.found.ravel()
        table += np.bincount(code, minlength=size**2).reshape(size, size)
    return table


def _confusion(runs: Runs) -> Any:
    """Supplement, Fig. 1: where the voxels of each class end up, in percent of the true ones."""
    import matplotlib.pyplot as plt

    columns = min(COLUMNS, len(runs.jobs))
    lines = -(-len(runs.jobs) // columns)
    figure, grid = plt.subplots(
        lines, columns, figsize=(2.6 * columns, 2.7 * lines), squeeze=False, layout="constrained"
    )
    for axes in grid.ravel()[len(runs.jobs) :]:
        axes.axis("off")
    for axes, (method, job) in zip(grid.ravel(), runs.jobs.items()):
        cases = HeadScans(job)
        names = ["none", *labels_of(cases).values()]
        table = confusion(list(pairs(runs.predictions[method], cases)), len(names) - 1).astype(float)
        share = 100 * table / np.maximum(table.sum(1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
        for row, line in enumerate(share):
            for column, value in enumerate(line):
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=6,
                          color="white" if value > 60 else "black")  # fmt: skip
        axes.set_xticks(range(len(names)), names, fontsize=6)
        axes.set_yticks(range(len(names)), names, fontsize=6)
        axes.set_title(runs.names[method], fontsize=8)
    figure.supxlabel("found", fontsize=8)
    figure.supylabel("truth", fontsize=8)
    return figure


def _means(runs: Runs, method: str) -> dict[str, float]:
    """Return the mean over cases of each metric under the mean's label."""
    found: dict[str, list[float]] = {}
    for value in score(runs.jobs[method], runs.predictions[method]):
        if value.label == MEAN:
            found.setdefault(value.metric, []).append(value.value)
    return {metric: float(np.mean(values)) for metric, values in found.items()}


def _negatives(runs: Runs) -> Any:
    """Supplement, Fig. 2: Dice and false positives against the number of scans without bleed."""
    import matplotlib.pyplot as plt

    own = {method: _means(runs, method) for method in runs.jobs}
    counts = [int(job.method_options.get("negatives") or 0) for job in runs.jobs.values()]
    figure, panels = plt.subplots(1, 3, figsize=(9.0, 2.8), layout="constrained")
    for axes, metric, title in zip(
        panels,
        ("dice", "fp", "fp_scans"),
        ("mean Dice, %", "false positives, % of soft tissue", "scans without bleed with a finding, %"),
    ):
        values = [found.get(metric, float("nan")) for found in own.values()]
        axes.plot(counts, values, "o-", color=BLUE)
        axes.set_title(title, fontsize=8)
        axes.set_xlabel("scans without bleed in training")
        axes.set_ylim(bottom=0)
    return figure


def _overlaps(runs: Runs) -> Any:
    """Supplement, Fig. 3: the scan with most disputed voxels, and what models claim in all scans."""
    import matplotlib.pyplot as plt

    merge = next(method for method, job in runs.jobs.items() if job.method_options["kind"] == "merge")
    cases = HeadScans(runs.jobs[merge])
    claims = {row: read_case(runs.predictions[merge], cases, row)["overlap"] for row in cases.rows("test")}
    worst = max(claims, key=lambda row: (claims[row][1], claims[row][0]))
    singles = [method for method in runs.jobs if method != merge]
    figure, grid = plt.subplots(
        1, len(singles) + 3, figsize=(1.7 * (len(singles) + 4), 2.2), layout="constrained",
        width_ratios=[1.0] * (len(singles) + 2) + [1.6],
    )  # fmt: skip
    truth = cases.truth(worst)
    z = fullest(truth)
    _show(grid[0], cases, worst, truth, z, "truth")
    for axes, method in zip(grid[1:], [*singles, merge]):
        _show(
            axes,
            cases,
            worst,
            read_case(runs.predictions[method], cases, worst)["labels"],
            z,
            runs.names[method],
        )
    for axes in grid[:-1]:
        axes.axis("off")
    claimed, disputed = np.array(list(claims.values())).T
    grid[-1].scatter(claimed, disputed, s=12, color=RED)
    grid[-1].set_xlabel("claimed voxels", fontsize=7)
    grid[-1].set_ylabel("claimed by two or more", fontsize=7)
    grid[-1].tick_params(labelsize=6)
    return figure


def _printed_means(runs: Runs) -> Any:
    """Printed means less that of the five classes beside them; what rounding does not explain is red."""
    import matplotlib.pyplot as plt

    reported = read_yaml(Path(__file__).parents[4] / f"resources/papers/{runs.job.paper}.yaml")
    names = {method["id"]: method["name"] for method in reported["methods"]}
    rows = printed(reported)
    figure, axes = plt.subplots(figsize=(7.2, 0.32 * len(rows) + 1.0), layout="constrained")
    places = np.arange(len(rows))[::-1]
    axes.barh(places, [row.gap for row in rows], color=[RED if wrong(row) else BLUE for row in rows])
    for place, row in zip(places, rows):
        text = f"printed {row.mean:.2f}, of its classes {row.own:.2f}"
        axes.text(max(row.gap, 0) + 0.2, place, text, va="center", fontsize=7)
    axes.set_yticks(places, [f"{names[row.method]} ({row.table})" for row in rows], fontsize=7)
    axes.set_xlim(min(-0.5, *(row.gap for row in rows)), max(row.gap for row in rows) + 9)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("printed mean less the mean of the five printed classes, points")
    return figure


def _conventions(runs: Runs) -> Any:
    """Mean Dice of each method under the three conventions over absent classes."""
    import matplotlib.pyplot as plt

    metrics = {
        "dice": "scans with the class",
        "dice_fp0": "and 0 where it is wrongly found",
        "dice_pooled": "all voxels",
    }
    own = {method: _means(runs, method) for method in runs.jobs}
    figure, axes = plt.subplots(figsize=(1.2 * len(own) + 2.4, 3.0), layout="constrained")
    for number, (metric, label) in enumerate(metrics.items()):
        values = [found.get(metric, float("nan")) for found in own.values()]
        axes.bar(
            np.arange(len(own)) + 0.27 * (number - 1),
            values,
            0.25,
            color=(BLUE, RED, GREY)[number],
            label=label,
        )
    axes.set_xticks(range(len(own)), [runs.names[method] for method in own], fontsize=7)
    axes.set_ylabel("mean Dice, %")
    axes.legend(fontsize=7)
    return figure


def _clean(runs: Runs) -> dict[str, list[int]]:
    """Return the voxels found in each tested scan without bleed, by method."""
    return {
        method: [
            int((pair.found > 0).sum()) for pair, clean in tested(job, runs.predictions[method]) if clean
        ]
        for method, job in runs.jobs.items()
    }


def _false_alarms(runs: Runs) -> Any:
    """Voxels that methods find in scans without any bleed."""
    import matplotlib.pyplot as plt

    own = _clean(runs)
    figure, axes = plt.subplots(figsize=(1.1 * len(own) + 1.5, 2.8), layout="constrained")
    for place, values in enumerate(own.values()):
        spread = np.linspace(-0.25, 0.25, max(len(values), 1))[: len(values)]
        axes.scatter(place + spread, values, s=8, color=BLUE)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_xticks(range(len(own)), [runs.names[method] for method in own], fontsize=6)
    axes.set_ylabel("voxels called bleed")
    return figure


def _learning(runs: Runs) -> Any:
    """Validation Dice by step."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for method in runs.weights:
        curve = runs.curve(method)
        if "val_dice" in curve:
            there = np.isfinite(curve["val_dice"])
            axes.plot(
                curve["step"][there], 100 * curve["val_dice"][there], label=runs.names[method], linewidth=1.2
            )
    axes.set_xlabel("step")
    axes.set_ylabel("validation Dice, %")
    axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


FIGURES = {
    "fig1": _examples,
    "fig2": _composition,
    "figs1": _confusion,
    "figs2": _negatives,
    "figs3": _overlaps,
    "fig_found*": _found,
    "fig_means": _printed_means,
    "fig_conventions": _conventions,
    "fig_false_alarms": _false_alarms,
    "fig_learning*": _learning,
}
