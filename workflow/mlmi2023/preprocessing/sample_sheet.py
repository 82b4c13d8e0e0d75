"""One picture of several subjects of a cohort: what the data look like when training starts."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.core.files import atomic
from mlmi2023.drawing.slices import (
    SOFT,
    STYLE,
    Volume,
    base_name,
    centre_of,
    cut,
    label_colours,
    paint,
    show,
    tallness,
)
from mlmi2023.preprocessing.batch import Record, main_modality

DPI = 100


def cohort_samples(
    records: list[Record], path: Path, label_names: dict[int, str] | None = None, most: int = 6
) -> None:
    """Write a PNG, about 1200 pixels wide: a column per subject, rows for modalities, planes and labels.

    Args:
        records: of the ``grid`` step; the first of each split come first, so that all splits are seen.
        path: ends with ``.png``.
        label_names: names by label value; they make the legend.
        most: subjects shown at most.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    names = label_names or {}
    shown = choose_samples(records, most)
    volumes = [_read(record) for record in shown]
    values = sorted(
        {int(v) for _, labels, _ in volumes if labels is not None for v in np.unique(labels)} - {0}
    )
    colours = label_colours(values, names)
    modalities, main = list(shown[0]["images"]), main_modality(shown[0])
    rows = [("axial", m, False) for m in modalities] + [("coronal", main, False)]
    if values:
        rows += [("axial", main, True), ("coronal", main, True)]
    entries = {base_name(names.get(v, f"label {v}")): colours[v] for v in values}
    # heights follow the slices' proportions, so that no row stands in empty space
    heights = [tallness(volumes[0][0][modality], plane) for plane, modality, _ in rows]
    with matplotlib.rc_context(STYLE):
        wide = 12.0 / max(len(shown), 4)
        lines = -(-len(entries) // 6)
        figure, grid = plt.subplots(
            len(rows),
            len(shown),
            figsize=(wide * len(shown), wide * sum(heights) + 0.5 + 0.2 * lines),
            squeeze=False,
            height_ratios=heights,
        )
        figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.03, wspace=0.0, hspace=0.0)
        for column, (record, (images, labels, where)) in enumerate(zip(shown, volumes)):
            for row, (plane, modality, painted) in enumerate(rows):
                axes = grid[row, column]
                show(axes, images[modality], plane, where, vmin=0, vmax=1)
                if painted and labels is not None:
                    colour = paint(cut(labels, plane, where), colours, 0.6)
                    spacing = images[modality].spacing
                    _overlay(axes, colour, plane, spacing)
                if column == 0:
                    text = f"{modality}, labels" if painted else modality
                    axes.text(0.02, 0.98, text, transform=axes.transAxes, va="top", color=SOFT, fontsize=8)
            grid[0, column].set_title(f"sub-{record['subject']}  ·  {record['split']}", fontsize=9)
        if entries:
            patches = [Patch(color=colour, label=name) for name, colour in entries.items()]
            figure.legend(
                handles=patches,
                loc="outside lower center",
                ncols=6,
                frameon=False,
                fontsize=8,
                labelcolor=SOFT,
            )
        with atomic(path) as part:
            figure.savefig(part, format="png", dpi=DPI, metadata={"Software": None})
        plt.close(figure)


def choose_samples(records: list[Record], most: int) -> list[Record]:
    """Return up to ``most`` records, taken from the splits in turn, and sorted as they were."""
    queues: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        queues.setdefault(record["split"], []).append(place)
    taken: list[int] = []
    while len(taken) < min(most, len(records)):
        for queue in queues.values():
            if queue and len(taken) < most:
                taken.append(queue.pop(0))
    return [records[place] for place in sorted(taken)]


def _read(record: Record) -> tuple[dict[str, Volume], np.ndarray | None, tuple[int, int, int]]:
    images = {m: Volume.of(*read_volume(path)) for m, path in record["images"].items()}
    labels = read_labels(record["labels"])[0] if record.get("labels") else None
    mask = read_labels(record["mask"])[0] if record.get("mask") else images[main_modality(record)].array
    return images, labels, centre_of(mask > 0)


def _overlay(axes: Any, colour: np.ndarray, plane: str, spacing: np.ndarray) -> None:
    column, row = (0, 1) if plane == "axial" else (0, 2)
    axes.imshow(colour, origin="lower", aspect=spacing[row] / spacing[column], interpolation="nearest")
