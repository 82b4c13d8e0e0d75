"""A picture of some sequences of each split."""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.forms.sequences.reader import Sequences

COLUMNS = 8


def draw(cohort: Sequences, png: Path) -> None:
    """Draw frames of two sequences of each split, with labels outlined."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = [
        row
        for split in dict.fromkeys(cohort.splits)
        for row in [r for r, own in enumerate(cohort.splits) if own == split][:2]
    ]
    figure, grid = plt.subplots(
        len(shown), COLUMNS, figsize=(1.75 * COLUMNS, 1.9 * len(shown)), squeeze=False, layout="constrained",
        facecolor="black",
    )  # fmt: skip
    for axes_row, row in zip(grid, shown):
        start, count = cohort.first[row], cohort.counts[row]
        names = {frame: mark for mark, frame in cohort.marks[row].items()}
        for axes, frame in zip(axes_row, np.linspace(0, count - 1, COLUMNS).astype(int).tolist()):
            axes.axis("off")
            axes.imshow(cohort.frames[start + frame], cmap="gray", vmin=0, vmax=255)
            labels = cohort.labels[start + frame]
            for value in range(1, len(cohort.classes) + 1):
                if (labels == value).any() and (labels != value).any():
                    axes.contour(labels == value, [0.5], colors=f"C{value - 1}", linewidths=0.7)
            mark = names.get(frame, f"{frame + 1}/{count}")
            axes.set_title(
                f"{cohort.subjects[row]} · {cohort.splits[row]} · {mark}", fontsize=6, color="white"
            )
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
