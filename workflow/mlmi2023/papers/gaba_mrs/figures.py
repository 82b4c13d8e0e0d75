"""Figure 4 of the paper, and ours: the truth behind smooth spectra, learning, and the quality of scans."""

from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.spectra.reader import open_spectra
from mlmi2023.papers.gaba_mrs.evaluate import read_found
from mlmi2023.papers.gaba_mrs.fit import fitted
from mlmi2023.papers.gaba_mrs.measures import snr
from mlmi2023.papers.gaba_mrs.quality import quality
from mlmi2023.papers.gaba_mrs.scans import Scans
from mlmi2023.physics.spectra import between
from mlmi2023.tasks.runs import Runs

#: scans and ppm that are shown
SHOWN, FROM, TO = 3, 2.5, 4.0
COLOURS = ("#000000", "#2CA02C", "#E69F00", "#0072B2", "#CC79A7", "#56B4E9", "#D55E00", "#777777")


def _shown(count: int) -> np.ndarray:
    """Return tested scans, spread over all of them, chosen by their place alone."""
    return (
        np.linspace(0, count - 1, min(SHOWN, count) + 2).astype(int)[1:-1] if count > 1 else np.zeros(1, int)
    )


def _spectra(runs: Runs) -> Any:
    """Fig. 4: reconstructions of tested scans over each other, in heights of NAA."""
    import matplotlib.pyplot as plt

    scans = Scans(runs.job)
    cohort, rows = scans.cohort, scans.cohort.rows("test")
    seen = between(scans.ppm, FROM, TO)
    found = {method: read_found(cohort, runs.predictions[method]) for method in runs.jobs}
    shown = _shown(len(rows))
    figure, grid = plt.subplots(
        1, len(shown), figsize=(4 * len(shown), 3), squeeze=False, layout="constrained"
    )
    for axes, place in zip(grid[0], shown):
        height = scans.height(rows[place])
        for colour, (method, spectra) in zip(COLOURS, found.items()):
            axes.plot(
                scans.ppm[seen],
                spectra[place][seen] / height,
                color=colour,
                linewidth=1,
                label=runs.names[method],
            )
        axes.set_xlim(TO, FROM)
        axes.set_title(cohort.subjects[rows[place]], fontsize=8)
        axes.set_xlabel("ppm")
    grid[0, 0].set_ylabel("ON - OFF, heights of NAA")
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(), fontsize=7, ncols=len(found), loc="outside upper center"
    )
    return figure


def _truth(runs: Runs) -> Any:
    """What SNR says of GABA: SNR against the error of GABA's area, and found against true areas."""
    import matplotlib.pyplot as plt

    scans = Scans(runs.job)
    rows = scans.cohort.rows("test")
    truths = [scans.truth(row) for row in rows]
    true = np.array([fitted(own, scans.ppm).area if own is not None else np.nan for own in truths])
    heights = np.array([scans.height(row) for row in rows])
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    for number, method in enumerate(runs.jobs):
        colour, marker = COLOURS[number % len(COLOURS)], "o" if number < len(COLOURS) else "^"
        spectra = read_found(scans.cohort, runs.predictions[method])
        area = np.array([fitted(own, scans.ppm).area for own in spectra])
        error = float(np.nanmean(np.abs(area / true - 1))) * 100
        seen = [snr(own, scans.ppm) for own in spectra]
        if np.isfinite(seen).any():
            left.scatter(
                float(np.nanmean(seen)), error, s=24, color=colour, marker=marker, label=runs.names[method]
            )
        right.scatter(true / heights, area / heights, s=10, color=colour, marker=marker)
    if np.isfinite(true).any():
        ends = [0, 1.1 * float(np.nanmax(true / heights))]
        right.plot(ends, ends, color="black", linewidth=0.8)
        right.set_ylim(0, 2 * ends[1])
    left.set_xscale("log")
    left.set_xlabel("SNR, mean of scans")
    left.set_ylabel("error of GABA's area, %")
    left.legend(fontsize=6)
    right.set_xlabel("true area of GABA, ppm heights of NAA")
    right.set_ylabel("found")
    return figure


def _learning(runs: Runs) -> Any:
    """Validation loss on scans, of pretraining's end and of the last stage."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    for number, method in enumerate(runs.jobs):
        curve = runs.curve(method)
        there = np.isfinite(curve["val_loss"])
        style, colour = "--" if number >= len(COLOURS) else "-", COLOURS[number % len(COLOURS)]
        loss, name = curve["val_loss"][there], runs.names[method]
        axes.plot(curve["step"][there], loss, style, color=colour, linewidth=1, label=name)
    axes.set_yscale("log")
    axes.set_xlabel("step of the last stage")
    axes.set_ylabel("loss of validation scans")
    axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _quality(runs: Runs) -> Any:
    """Mean spectra of scans with what was measured of them."""
    import matplotlib.pyplot as plt

    cohort = open_spectra(runs.job.data)
    rows, method = cohort.rows("test"), next(iter(runs.jobs))
    found = read_found(cohort, runs.predictions[method])
    shown = np.linspace(0, len(rows) - 1, min(6, len(rows))).astype(int)
    seen = between(cohort.ppm, 0.5, 4.4)
    lines = -(-len(shown) // 3)
    figure, grid = plt.subplots(lines, 3, figsize=(11, 2.6 * lines), squeeze=False, layout="constrained")
    for axes in grid.ravel()[len(shown) :]:
        axes.axis("off")
    for axes, place in zip(grid.ravel(), shown):
        own = quality(found[place], cohort.ppm, cohort.frequency)
        axes.plot(cohort.ppm[seen], found[place].real[seen], color=COLOURS[0], linewidth=0.8)
        axes.set_xlim(4.4, 0.5)
        axes.set_yticks([])
        axes.set_title(
            f"{cohort.subjects[rows[place]][:48]}\nSNR {own['naa_snr']:.0f}, "
            f"creatine {own['cr_width']:.1f} Hz wide",
            fontsize=7,
        )
        axes.set_xlabel("ppm", fontsize=7)
    return figure


FIGURES = {"fig4": _spectra, "fig_truth": _truth, "fig_learning": _learning, "fig_quality": _quality}
