"""A picture of some scans of each split: mean spectra of their transients, uncorrected."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.spectra.reader import Spectra
from mlmi2023.physics.spectra import between, to_spectra

#: scans of a split, and ppm that are shown
SHOWN, FROM, TO = 4, 0.5, 4.5


def draw(cohort: Spectra, png: Path) -> None:
    """Draw mean ON, OFF and difference, or the mean alone, of scans of each split."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    splits = list(dict.fromkeys(cohort.splits))
    figure, grid = plt.subplots(
        len(splits), SHOWN, figsize=(3.4 * SHOWN, 2.6 * len(splits)), squeeze=False, layout="constrained"
    )
    for axes_row, split in zip(grid, splits):
        rows = cohort.rows(split)
        # one of each site, as far as there are so many
        shown = np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(int)
        for axes in axes_row[len(shown) :]:
            axes.axis("off")
        for axes, place in zip(axes_row, shown):
            _scan(axes, cohort, rows[place])
    figure.savefig(png, dpi=100)
    plt.close(figure)


def _scan(axes: Any, cohort: Spectra, row: int) -> None:
    seen = between(cohort.ppm, FROM, TO)
    off = to_spectra(np.asarray(cohort.off(row)).mean(0)).real[seen]
    curves = {"mean" if not cohort.edited else "OFF": off}
    if cohort.edited:
        on = to_spectra(np.asarray(cohort.on(row)).mean(0)).real[seen]
        curves |= {"ON": on, "ON - OFF": on - off}
    for name, curve in curves.items():
        axes.plot(cohort.ppm[seen], curve, linewidth=0.8, label=name)
    axes.set_xlim(TO, FROM)
    axes.set_yticks([])
    axes.set_title(f"{cohort.subjects[row]} · {cohort.splits[row]}", fontsize=8)
    axes.set_xlabel("ppm", fontsize=7)
    axes.legend(fontsize=6)
