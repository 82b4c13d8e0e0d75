"""A picture of some images of each class."""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.forms.labelled_images.reader import LabelledImages

#: images of a class
SHOWN = 10


def draw(cohort: LabelledImages, png: Path) -> None:
    """Draw a row of images of each class, evenly spread over all splits."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    lines = len(cohort.classes)
    figure, grid = plt.subplots(
        lines, SHOWN, figsize=(1.1 * SHOWN + 1, 1.2 * lines), squeeze=False, layout="constrained"
    )
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
    for label, (axes_row, name) in enumerate(zip(grid, cohort.classes)):
        axes_row[0].set_ylabel(name, fontsize=7)
        rows = np.flatnonzero(cohort.labels == label)
        if not len(rows):
            continue
        for axes, row in zip(
            axes_row, rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(int)]
        ):
            image = cohort.images[row]
            axes.imshow(image if image.shape[2] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=255)
            axes.set_title(cohort.splits[row], fontsize=6)
    figure.savefig(png, dpi=100)
    plt.close(figure)
