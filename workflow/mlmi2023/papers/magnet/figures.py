"""Slices with what is found as modalities are left out (Fig. 3), scores of all subsets, training curves."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlmi2023.drawing.slices import name_edges, paint
from mlmi2023.papers.magnet.evaluate import read_maps, scan_values
from mlmi2023.papers.magnet.scans import CORE, ENHANCING, OEDEMA, REGIONS, MultiModal
from mlmi2023.papers.magnet.subsets import all_subsets, mask_of
from mlmi2023.tasks.runs import Runs

#: colours of Fig. 3
COLOURS = {CORE: (1.0, 0.1, 0.1), OEDEMA: (1.0, 0.9, 0.1), ENHANCING: (0.15, 0.35, 1.0)}
#: patients that are shown
SHOWN = 2


def dropped(modalities: list[str]) -> list[str]:
    """Return subsets in which modalities are left out one after the other, and single ones.

    Of four: all, without T1, without T1 and T2, T1c alone, FLAIR alone.
    """
    wanted = ["flair+t1+t1c+t2", "flair+t1c+t2", "flair+t1c", "t1c", "flair"]
    known = all_subsets(modalities)
    own = [name for name in wanted if name in known]
    return own or known[::-1]


def slice_of(truth: np.ndarray) -> int:
    """Return the axial slice with most of the enhancing part, or else of the tumour; looks at no result."""
    area = (truth == ENHANCING).sum(axis=(0, 1))
    return int(area.argmax()) if area.any() else int((truth > 0).sum(axis=(0, 1)).argmax())


def _slices(runs: Runs) -> Any:
    """The first tested patients: images, what is found with fewer and fewer of them, and the truth."""
    import matplotlib.pyplot as plt

    cases = MultiModal(runs.job)
    method, folder = next(iter(runs.predictions.items()))
    rows = cases.rows("test")[:SHOWN]
    wanted = [name for name in dropped(cases.modalities) if name in cases.settings]
    width = 2 + len(wanted)
    figure, grid = plt.subplots(
        len(rows), width, figsize=(1.6 * width, 2.3 * len(rows)), squeeze=False, layout="constrained"
    )
    for line, row in zip(grid, rows):
        truth, found = cases.truth(row), read_maps(folder, cases, row)
        z = slice_of(truth)
        shown: list[tuple[str, Any]] = [(cases.modalities[0], None), ("truth", truth)]
        shown += [(name, found.get(name)) for name in wanted]
        image = np.asarray(cases.cohort.image(row, cases.modalities[0]), np.float32)[:, :, z].T
        aspect = cases.spacing(row)[1] / cases.spacing(row)[0]
        for axes, (name, labels) in zip(line, shown):
            axes.imshow(image, cmap="gray", origin="lower", aspect=aspect)
            if labels is not None:
                over = paint(labels[:, :, z].T, COLOURS, 0.7)
                axes.imshow(over, origin="lower", aspect=aspect, interpolation="nearest")
            axes.axis("off")
            name_edges(axes, "axial")
            if row == rows[0]:
                axes.set_title(name.replace("+", "\n"), fontsize=7)
    figure.suptitle(runs.names[method], fontsize=9)
    return figure


def _means(runs: Runs, cases: MultiModal, method: str) -> Iterator[tuple[str, list[float]]]:
    """Yield the subsets that a method answers, and the mean Dice of the regions over patients."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in cases.rows("test"):
        for setting, labels in read_maps(runs.predictions[method], cases, row).items():
            for value in scan_values(labels, cases.truth(row), cases.spacing(row)):
                if value.metric == "dsc":
                    found.setdefault(setting, {}).setdefault(value.label, []).append(value.value)
    for setting, own in found.items():
        yield setting, [float(np.mean(own[name])) if name in own else np.nan for name in REGIONS]


def _subsets(runs: Runs) -> Any:
    """Dice of each region by subset, a line per method; below, which modalities the subsets have."""
    import matplotlib.pyplot as plt

    cases = MultiModal(runs.job)
    settings = cases.settings
    figure, grid = plt.subplots(
        1 + len(REGIONS), 1, figsize=(7.5, 8), sharex=True, layout="constrained",
        height_ratios=[3] * len(REGIONS) + [1],
    )  # fmt: skip
    for method in runs.predictions:
        own = dict(_means(runs, cases, method))
        there = [number for number, name in enumerate(settings) if name in own]
        for place, axes in enumerate(grid[:-1]):
            values = [own[settings[number]][place] for number in there]
            axes.plot(there, values, "o-", markersize=3, linewidth=1, label=runs.names[method])
    for axes, name in zip(grid[:-1], REGIONS):
        axes.set_ylabel(f"Dice of {name.upper()}, %")
    grid[0].legend(fontsize=7, ncols=3)
    masks = np.array([mask_of(name, cases.modalities) for name in settings]).T
    grid[-1].imshow(masks, cmap="Greys", vmin=0, vmax=1.5, aspect="auto")
    grid[-1].set_yticks(range(len(cases.modalities)), cases.modalities)
    grid[-1].set_xticks([])
    return figure


def _learning(runs: Runs) -> Any:
    """Validated Dice while networks learn; of methods with several networks, one after the other."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
    for method in runs.weights:
        curve = runs.curve(method)
        there = np.isfinite(curve["val_dice"])
        axes.plot(curve["step"][there], curve["val_dice"][there], label=runs.names[method], linewidth=1)
    axes.set_xlabel("step")
    axes.set_ylabel("Dice over validated subsets and regions")
    axes.legend(fontsize=7)
    return figure


FIGURES = {"fig3": _slices, "fig_subsets": _subsets, "fig_learning": _learning}
