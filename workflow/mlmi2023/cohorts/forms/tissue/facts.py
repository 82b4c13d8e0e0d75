"""What a packed cohort of tissue says of itself on pages, and a picture of some of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.images.sizes import resizing
from mlmi2023.cohorts.forms.tissue.pixels import Pixels
from mlmi2023.cohorts.forms.tissue.reader import Tissue

SHOWN = 8


def facts_of(
    rows: Sequence[Mapping[str, Any]], pixels: Pixels, names: Mapping[str, list[str]]
) -> list[tuple[str, str]]:
    """Return lines of what and how much there is.

    Args:
        rows: of ``cohort.json``.
        pixels: what read the images.
        names: of the classes of each label map.
    """
    counts = Counter(row["split"] for row in rows)
    patients = {split: len({row["group"] for row in rows if row["split"] == split}) for split in counts}
    found = [
        ("images", ", ".join(f"{n} {split}, of {patients[split]} patients" for split, n in counts.items())),
        ("size", f"{pixels.size[0]} x {pixels.size[1]}, RGB"),
    ]
    shapes = [header.shape for header in pixels.headers]
    if pixels.read_key.tiles:
        found.append(("tiles", f"{len(rows)} from {len(shapes)} images"))
    elif text := resizing(shapes, pixels.size):
        found.append(("resized", text))
    for key in ("organ", "tissue"):
        kinds = Counter(row[key] for row in rows if row.get(key))
        if kinds:
            found.append((key, ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))))
    if rows and "nuclei" in rows[0]:
        own = np.array([row["nuclei"] for row in rows])
        share = 100 * np.array([row["covered"] for row in rows])
        found.append(("nuclei of an image", f"median {np.median(own):.0f}, from {own.min()} to {own.max()}"))
        found.append(
            (
                "share of nuclei",
                f"median {np.median(share):.1f} %, from {share.min():.1f} to {share.max():.1f} %",
            )
        )
    return [*found, *((f"map {key}", ", ".join(own)) for key, own in names.items())]


def draw(cohort: Tissue, png: Path) -> None:
    """Draw some images of each split with their nuclei outlined, a label map or paired image below."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    splits = list(dict.fromkeys(cohort.splits))
    extra = next(iter(cohort.paired.values()), next(iter(cohort.maps.values()), None))
    lines = 1 if extra is None else 2
    figure, grid = plt.subplots(
        lines * len(splits),
        SHOWN,
        figsize=(14, 1.9 * lines * len(splits)),
        squeeze=False,
        layout="constrained",
        facecolor="black",
    )
    for axes in grid.ravel():
        axes.axis("off")
    for number, split in enumerate(splits):
        rows = cohort.rows(split)
        for column, row in enumerate(rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(int)]):
            axes = grid[lines * number, column]
            axes.imshow(cohort.images[row])
            nuclei = None if cohort.nuclei is None else cohort.nuclei[row]
            if nuclei is not None and nuclei.any() and not nuclei.all():
                axes.contour(nuclei > 0, [0.5], colors="lime", linewidths=0.5)
            what = cohort.tissues[row] or cohort.organs[row] or cohort.subjects[row][:14]
            axes.set_title(f"{what} · {split}", fontsize=7, color="white")
            if extra is not None:
                paired = bool(cohort.paired)
                grid[lines * number + 1, column].imshow(
                    extra[row], cmap="gray" if paired else "tab10", vmin=0, vmax=255 if paired else 9
                )
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
