"""Cohorts of the form ``classed_scans``: several images of each patient on one grid, and a class.

The key ``read``:

``images``     patterns by name ({FLAIR: "{subject}/{subject}_flair.nii.gz"}): volumes, or slices of DICOM
               (``"{subject}/FLAIR/Image-*.dcm"``), which are read by folder. Images that lie elsewhere in the
               scanner's space are resampled onto the grid of the first
``table``      ``file``, and its columns ``subject`` and ``target``; ``known``, of stand-ins, says how likely
               the last of two classes is to who knows what made the images
``classes``    name by value of the target ({"0": unmethylated, "1": methylated}), in their order; of two, the
               last is the positive one
``shape``      voxels along right, front, up to which all images are resized
``scale``      ``zscore`` over what is not 0 (default), or ``percentiles``
``leave_out``  ids that are not used

Patients of the table without images are refused; those with images and no class are not used. The cohort's
key ``folds`` deals patients into folds, each with its share of every class. A public dataset brings the keys
of its variant.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.classed_scans.listing import listed, table_of
from mlmi2023.cohorts.forms.classed_scans.options import Read
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest

WHERE = "config of the cohort"


def read_key(config: dict[str, Any], where: str = WHERE) -> Read:
    """Return the key ``read``, laid on that of the dataset's variant.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    below: dict[str, Any] = {}
    if config.get("layout"):
        variants = config["layout"]["variants"]
        name = config.get("variant") or next(iter(variants))
        if name not in variants:
            raise InputError(f"{where}: key 'variant' is '{name}'{suggest(str(name), list(variants))}")
        below = variants[name].get("read") or {}
    return options(Read, merge(below, config.get("read") or {}), where, "read")


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the files that :func:`pack` reads: the table, and of all whom it names, the images."""
    read, root = read_key(config), Path(root)
    table = table_of(read, root)
    if not table.exists() or not table.stat().st_size:
        return [table]  # of trees of empty files, too
    return [table, *(Path(file) for item in listed(WHERE, read, root) for file in item.all_files)]


def check_task(config: dict[str, Any], task: dict[str, Any]) -> tuple[str, str] | None:
    """Return which key of a dataset the cohort cannot serve, an image or its kind; None if it can."""
    if task.get("kind") not in (None, "methylation"):
        return "task.kind", "has a class for each patient and no label maps; set it to methylation"
    known = read_key(config).images
    lost = [name for name in task.get("modalities") or () if name not in known]
    return ("task.modalities", f"has no {lost[0]}, it has {', '.join(known)}") if lost else None


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed scans, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a file or key cannot be used; the line names it, and the fix.
    """
    from mlmi2023.cohorts.forms.classed_scans.packing import write_packed

    where = f"config of cohort '{name}'"
    read = read_key(config, where)
    write_packed(where, read, listed(where, read, Path(root)), config.get("folds"), out, name)


def looks(packed: Path) -> Iterator[Any]:
    """Yield every patient's first image for the search of near-twins."""
    from mlmi2023.cohorts.forms.classed_scans.reader import open_classed
    from mlmi2023.preprocessing.twins import Look

    scans = open_classed(packed)
    sides = [f"fold {fold}" for fold in scans.folds] or ["all"] * len(scans)
    for row, (subject, side) in enumerate(zip(scans.subjects, sides)):
        yield Look(subject, side, scans.images[0][row])


def draw_samples(packed: Path, png: Path) -> None:
    """Draw a slice of all images of some patients of each class."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from mlmi2023.cohorts.forms.classed_scans.reader import open_classed

    scans = open_classed(packed)
    shown = [row for label in range(len(scans.classes)) for row in np.flatnonzero(scans.labels == label)[:3]]
    figure, grid = plt.subplots(
        len(scans.modalities), len(shown), figsize=(1.8 * len(shown), 2.0 * len(scans.modalities)),
        squeeze=False, layout="constrained", facecolor="black",
    )  # fmt: skip
    for column, row in zip(grid.T, shown):
        # where the last image has most of what stands out: tumours are seldom in the middle
        bright = np.asarray(scans.images[0][row], np.float32)
        z = int((bright > np.percentile(bright, 98)).sum(axis=(0, 1)).argmax())
        for axes, own, modality in zip(column, scans.images, scans.modalities):
            axes.imshow(np.asarray(own[row, :, :, z], np.float32).T, cmap="gray", origin="lower")
            axes.axis("off")
            axes.text(0, 0, modality, color="white", fontsize=7, va="bottom")
        column[0].set_title(
            f"{scans.subjects[row]} · {scans.classes[scans.labels[row]]}", color="white", fontsize=8
        )
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
