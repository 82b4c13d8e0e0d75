"""Cohorts of the form ``labelled_images``: small images, each of one class (see :mod:`.reader`).

All of a cohort lies in one ``.npz`` with the arrays ``<split>_images``, (N, H, W) or (N, H, W, 3) uint8, and
``<split>_labels``, (N, 1), for the splits train, val and test: the layout of MedMNIST, whose splits are used
as they are, and of the simulators. The key ``read`` has:

``file``     the archive, by default ``images.npz``
``classes``  names of the classes 0, 1, ... in their order

A public dataset brings both (``variant`` chooses one).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.labelled_images.options import Read
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the one file that :func:`pack` reads."""
    return [Path(root) / read_key(config).file]


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> Read:
    """Return the key ``read``, laid on what the dataset's layout says.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    layout, own = config.get("layout"), config.get("read") or {}
    if layout:
        known = layout["variants"]
        name = config.get("variant") or next(iter(known))
        if name not in known:
            raise InputError(f"{where}: key 'variant' is '{name}'{suggest(str(name), list(known))}")
        own = merge(known[name]["read"], own)
    return options(Read, own, where, "read")


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed images, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: the file or a key cannot be used; the line names it, and the fix.
    """
    import numpy as np

    from mlmi2023.cohorts.forms.labelled_images.archive import read_archive
    from mlmi2023.cohorts.forms.labelled_images.reader import FORM

    read = read_key(config, f"config of cohort '{name}'")
    parts = read_archive(Path(root) / read.file, len(read.classes))
    rows = [
        {"subject": f"{split}_{number:05d}", "split": split, "label": int(label)}
        for split, part in parts.items()
        for number, label in enumerate(part.labels)
    ]
    images = np.concatenate([part.images for part in parts.values()])
    counts = ", ".join(f"{len(part.labels)} {split}" for split, part in parts.items())
    labels = [row["label"] for row in rows]
    height, width, channels = images.shape[1:]
    with atomic(out) as folder:
        folder.mkdir()
        np.save(folder / "images.npy", images)
        about: dict[str, Any] = {
            "name": name,
            "form": FORM,
            "subjects": rows,
            "classes": read.classes,
            "facts": [
                ("images", counts),
                ("size", f"{height} x {width}, {'RGB' if channels == 3 else 'grey'}"),
                ("classes", ", ".join(f"{labels.count(k)} {text}" for k, text in enumerate(read.classes))),
            ],
        }
        seal(folder, about, {file.name: file_hash(file) for file in sorted(folder.iterdir())})


def looks(packed: Path) -> Iterator[Any]:
    """Yield every image for the search of near-twins."""
    from mlmi2023.cohorts.forms.labelled_images.reader import open_labelled_images
    from mlmi2023.preprocessing.twins import Look

    cohort = open_labelled_images(packed)
    for subject, split, image in zip(cohort.subjects, cohort.splits, cohort.images):
        yield Look(subject, split, image, channels=True)


def draw_samples(packed: Path, png: Path) -> None:
    """Draw some images of each class."""
    from mlmi2023.cohorts.forms.labelled_images.picture import draw
    from mlmi2023.cohorts.forms.labelled_images.reader import open_labelled_images

    draw(open_labelled_images(packed), png)
