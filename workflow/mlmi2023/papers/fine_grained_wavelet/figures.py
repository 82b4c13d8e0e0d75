"""The result figures: spectra over depth (Fig. 3), organs (Table 2a) and lesions (supplement)."""

from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.papers.fine_grained_wavelet.spectra import high_share, spectra_of
from mlmi2023.tasks.runs import Runs
from mlmi2023.tasks.segmentation import Slices, pairs, read_case

#: decades of amplitude that a spectrum shows
DECADES = 2.0
#: lesions shown
LESIONS = 4
#: one colour per structure, Okabe and Ito's and two more
COLOURS = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#D55E00", "#0072B2", "#CC79A7", "#B2182B", "#8DD3C7",
    "#FFFFFF", "#A65628", "#7570B3", "#66A61E",
)  # fmt: skip


def _spectra(runs: Runs) -> Any:
    """Fig. 3: a row of spectra for each method, a column for each encoder block."""
    import matplotlib.pyplot as plt

    slices, found = Slices(runs.job), {}
    for method, folder in runs.predictions.items():
        heard = [spectra_of(pair.kept) for pair in pairs(folder, slices)]
        if not all(heard):
            raise InputError(
                f"{folder}: no spectra; the figure's methods must be networks called 'fet' on scans"
            )
        found[method] = {name: np.mean([own[name] for own in heard], axis=0) for name in heard[0]}
    layers = list(next(iter(found.values())))
    size = (1.35 * len(layers) + 0.6, 1.6 * len(found) + 0.3)
    figure, grid = plt.subplots(len(found), len(layers), figsize=size, squeeze=False, layout="constrained")
    for row, (method, spectra) in zip(grid, found.items()):
        for axes, layer in zip(row, layers):
            spectrum = spectra[layer]
            shown = np.log10(np.maximum(spectrum / spectrum.max(), 1e-6))
            picture = axes.imshow(shown, cmap="magma", vmin=-DECADES, vmax=0)
            axes.set_xlabel(f"{100 * float(high_share(spectrum)):.0f} %", fontsize=8)
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(runs.names[method], fontsize=8)
    for axes, layer in zip(grid[0], layers):
        axes.set_title(layer.replace("stage", "stage ").replace("_block", ", block "), fontsize=7)
    figure.colorbar(picture, ax=grid, label="log amplitude", shrink=0.7)
    return figure


def _organs(runs: Runs) -> Any:
    """Table 2a: the slice of the first test case with the most structures, by every method."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    slices = Slices(runs.job)
    case = slices.rows("test")[0]
    truth, image = slices.truth(case), slices.image(case)
    number = most_structures(truth)
    maps = {"Truth": truth[number]}
    for method, folder in runs.predictions.items():
        maps[runs.names[method]] = read_case(folder, slices, case)["labels"][number]
    colours = [COLOURS[n % len(COLOURS)] for n in range(len(slices.classes))]
    figure, row = plt.subplots(
        1, len(maps), figsize=(1.7 * len(maps), 2.6), squeeze=False, layout="constrained"
    )
    spacing = slices.spacing(case)
    ratio = spacing[1] / spacing[2]
    for axes, (name, labels) in zip(row[0], maps.items()):
        axes.imshow(image[number].mean(-1), cmap="gray", vmin=0, vmax=1, aspect=ratio, origin="lower")
        axes.imshow(
            np.ma.masked_equal(labels, 0), cmap=ListedColormap(colours), vmin=0.5, vmax=len(colours) + 0.5,
            alpha=0.75, interpolation="nearest", aspect=ratio, origin="lower",
        )  # fmt: skip
        axes.set_title(name, fontsize=8)
        axes.set_axis_off()
    handles = [Patch(color=colour, label=name) for colour, name in zip(colours, slices.classes)]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(8, len(handles)), fontsize=7)
    return figure


def most_structures(truth: np.ndarray) -> int:
    """Return the first slice of (Z, Y, X) labels that shows the most structures."""
    return int(np.argmax([len(np.unique(labels)) for labels in truth]))


def _lesions(runs: Runs) -> Any:
    """Contours on the first test images: truth green, found red."""
    import matplotlib.pyplot as plt

    slices = Slices(runs.job)
    cases = slices.rows("test")[:LESIONS]
    methods = list(runs.predictions)
    size = (1.7 * len(methods), 1.75 * len(cases))
    figure, grid = plt.subplots(len(cases), len(methods), figsize=size, squeeze=False, layout="constrained")
    for row, case in zip(grid, cases):
        image, truth = slices.image(case)[0], slices.truth(case)[0]
        shown = image if image.shape[-1] == 3 else image.mean(-1)
        for axes, method in zip(row, methods):
            axes.imshow(shown, cmap="gray", vmin=0, vmax=1)
            found = read_case(runs.predictions[method], slices, case)["labels"][0]
            for labels, colour in ((truth, "#2CA02C"), (found, "#D62728")):
                if 0 < np.count_nonzero(labels) < labels.size:
                    axes.contour(labels > 0, [0.5], colors=[colour], linewidths=1)
            axes.set_axis_off()
    for axes, method in zip(grid[0], methods):
        axes.set_title(runs.names[method], fontsize=8)
    return figure


FIGURES = {"fig3": _spectra, "fig_organs": _organs, "fig_lesions": _lesions}
