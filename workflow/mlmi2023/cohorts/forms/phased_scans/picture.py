"""A picture of a packed cohort of breathing patients."""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.forms.phased_scans.reader import open_phased


def draw(packed: Path, png: Path) -> None:
    """Draw full inhale, full exhale and their difference, from the front at the level of the lungs."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from mlmi2023.drawing.slices import label_colours, name_edges, paint

    cohort = open_phased(packed)
    shown = cohort.everybody[:3] + cohort.everybody[3:][-3:]
    colours = label_colours(sorted(cohort.label_names), cohort.label_names)
    figure, grid = plt.subplots(
        3, len(shown), figsize=(2.2 * max(len(shown), 3), 7.2), squeeze=False, layout="constrained",
        facecolor="black",
    )  # fmt: skip
    tall, labels = cohort.spacing[2] / cohort.spacing[0], cohort.labels
    assert labels is not None
    for column, patient in zip(grid.T, shown):
        rows = [cohort.row(patient, phase) for phase in (cohort.inhale, cohort.exhale)]
        inhale, exhale = (np.asarray(cohort.images(cohort.modalities[0])[row], np.float32) for row in rows)
        y = int((np.asarray(labels[rows[1]]) > 0).sum((0, 2)).argmax())
        for axes, row, image in zip(column, rows, (inhale, exhale)):
            axes.imshow(image[:, y].T, cmap="gray", vmin=0, vmax=1, origin="lower", aspect=tall)
            lobes = np.asarray(labels[row])[:, y]
            axes.imshow(paint(lobes.T, colours, 0.25), origin="lower", aspect=tall, interpolation="nearest")
            if cohort.landmarks is not None:
                points = np.asarray(cohort.landmarks[row])
                points = points[np.abs(points[:, 1] - y) < 1]
                axes.plot(points[:, 0], points[:, 2], ".", color="white", markersize=2)
        change = (exhale - inhale)[:, y]
        column[2].imshow(change.T, cmap="RdBu_r", vmin=-0.5, vmax=0.5, origin="lower", aspect=tall)
        split = cohort.splits[rows[0]]
        for axes, text in zip(
            column, (f"{patient} · {split} · {cohort.inhale}", cohort.exhale, "difference")
        ):
            axes.set_title(text, fontsize=8, color="white")
            axes.axis("off")
            name_edges(axes, "coronal")
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
