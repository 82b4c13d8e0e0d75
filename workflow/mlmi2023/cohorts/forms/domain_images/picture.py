"""A picture of some images of each domain."""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.forms.domain_images.reader import DomainImages

COLUMNS = 8


def draw(cohort: DomainImages, png: Path) -> None:
    """Draw a row of images for each domain, from the lowest to the highest grade; label maps are outlined.

    Args:
        cohort: the packed images.
        png: file to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    domains = list(dict.fromkeys(sample.domain for sample in cohort.samples))
    figure, grid = plt.subplots(
        len(domains),
        COLUMNS,
        figsize=(1.75 * COLUMNS, 1.9 * len(domains)),
        squeeze=False,
        layout="constrained",
        facecolor="black",
    )
    for axes_row, domain in zip(grid, domains):
        rows = cohort.rows(domain)
        rows = rows[np.argsort(cohort.grades[rows], kind="stable")]
        shown = rows[np.linspace(0, len(rows) - 1, min(COLUMNS, len(rows))).astype(int)]
        for axes in axes_row:
            axes.axis("off")
        for axes, row in zip(axes_row, shown):
            axes.imshow(cohort.images[row])
            for name, maps in list(cohort.maps.items())[:1]:
                for value in range(1, len(cohort.classes[name]) + 1):
                    if (maps[row] == value).any() and (maps[row] != value).any():
                        axes.contour(maps[row] == value, [0.5], colors=f"C{value - 1}", linewidths=0.7)
            grade = f" · {cohort.grade_names[cohort.grades[row]]}" if cohort.grade_names else ""
            axes.set_title(f"{domain}{grade}", fontsize=7, color="white")
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
