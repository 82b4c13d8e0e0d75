"""Cohorts of the form ``radiographs``: X-rays, boxes of named regions, findings of regions, and reports.

The key ``read``:

``images``     pattern of the images with ``{image}``, the image's name
``reports``    table of reports, and ``boxes``, table of regions (:mod:`.tables` says their columns)
``imagenome``  instead of these, the files of MIMIC-CXR and Chest ImaGenome (:mod:`.chest_imagenome`)
``size``       images are resized so that their shorter side has so many pixels; null: as they are
``regions``    names in the order that tokens have; null: those that have boxes, in the order of the files
``findings``   names; or a number: that many, those that most training images have; null: all

Splits are the table's, or ``split`` counts patients. All images of a patient are on one side.
"""

from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.radiographs.options import Read
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash, write_json
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest

FORM = "radiographs"
#: images on the picture of samples
SHOWN = 6


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> Read:
    """Return the key ``read``, laid on what the dataset's layout says.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    layout, own = config.get("layout"), config.get("read") or {}
    if layout:
        name = config.get("variant") or next(iter(layout["variants"]))
        if name not in layout["variants"]:
            raise InputError(
                f"{where}: key 'variant' is '{name}'{suggest(str(name), list(layout['variants']))}"
            )
        own = merge(layout["variants"][name]["read"], own)
    return options(Read, own, where, "read")


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the user's files that :func:`pack` reads; a pattern that fits no file stands for itself."""
    from mlmi2023.cohorts.find.patterns import find

    root, read = Path(root), read_key(config)
    if read.imagenome:
        from mlmi2023.cohorts.forms.radiographs.chest_imagenome import files_of

        return files_of(read, root)
    found = [Path(match.path) for match in find(root, read.images, ("image",))] or [root / read.images]
    return [root / read.reports, root / read.boxes, *found]


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed studies, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a file or key cannot be used; the line names it, and the fix.
    """
    from mlmi2023.cohorts.find.groups import keep_together
    from mlmi2023.cohorts.forms.radiographs import chest_imagenome, tables
    from mlmi2023.cohorts.forms.radiographs.packing import (
        facts_of,
        finding_names,
        region_names,
        text_rows,
        write_arrays,
    )

    where, root = f"config of cohort '{name}'", Path(root)
    read = read_key(config, where)
    if read.imagenome:
        used = list(chest_imagenome.studies(where, read, root))
    else:
        used = tables.studies(where, config, read, root)
    for split in ("train", "val", "test"):
        if not any(study.split == split for study in used):
            raise InputError(f"{where}: nothing for '{split}'; give it a share of the patients")
    keep_together(where, {s.name: s.split for s in used}, {s.name: s.patient for s in used})
    regions, findings = region_names(where, read, used), finding_names(where, read, used)
    with atomic(out) as part:
        part.mkdir()
        shapes = write_arrays(part, used, regions, findings, read.size)
        write_json(part / "texts.json", text_rows(used, regions))
        rows = [{"subject": s.name, "split": s.split, "group": s.patient} for s in used]
        about: dict[str, Any] = {
            "name": name,
            "form": FORM,
            "subjects": rows,
            "regions": regions,
            "findings": findings,
            "facts": facts_of(used, regions, findings, shapes),
        }
        seal(part, about, {file.name: file_hash(file) for file in sorted(part.iterdir())})


def draw_samples(packed: Path, png: Path) -> None:
    """Draw some tested images with the boxes of their regions, red where there is a finding."""
    from textwrap import fill

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.patches import Rectangle

    from mlmi2023.cohorts.forms.radiographs.reader import open_radiographs

    cohort = open_radiographs(packed)
    rows = cohort.rows("test")
    shown = rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(int)]
    figure, grid = plt.subplots(2, SHOWN, figsize=(16, 6.5), squeeze=False, layout="constrained")
    for axes in grid.ravel():
        axes.axis("off")
    for axes, below, row in zip(grid[0], grid[1], shown):
        axes.imshow(cohort.image(row), cmap="gray", vmin=0, vmax=255)
        for box, found in zip(cohort.boxes[row], cohort.findings[row]):
            if np.isfinite(box).all():
                colour = "#D62728" if found.any() else "#56B4E9"
                corner, width, height = box[:2] - 0.5, box[2] - box[0], box[3] - box[1]
                axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=0.8))
        axes.set_title(cohort.subjects[row][:20], fontsize=8)
        below.text(0, 1, fill(cohort.texts[row].report, 42), fontsize=7, va="top", transform=below.transAxes)
    figure.savefig(png, dpi=90)
    plt.close(figure)
