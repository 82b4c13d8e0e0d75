"""A packed cohort of the form ``classed_scans``: several images of each patient on one grid, and a class.

The folder holds ``<image>.npy`` (N, X, Y, Z) float16 for each of a patient's images, and ``cohort.json``.
What lies outside of a stripped head is 0. Nothing in it is fitted.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError

FORM = "classed_scans"


class ClassedScans:
    """Packed patients; all lists have one entry per patient.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: ids.
        labels: (N,) place of the class.
        folds: fold of each; empty without cross-validation.
        known: (N,) probability of the last of two classes, for who knows what made the images; NaN where
            nobody does.
        classes: names of the classes.
        modalities: names of the images.
        shape: X, Y, Z of every image.
        images: (N, X, Y, Z) float16, read-only, in the order of ``modalities``.
        content_hash: identifies all of it.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_classed`."""
        about = about_packed(path, FORM)
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.subjects: list[str] = [row["subject"] for row in rows]
        self.labels = np.array([row["label"] for row in rows], np.int64)
        self.folds: list[int] = [row["fold"] for row in rows if "fold" in row]
        self.known = np.array([row.get("known", np.nan) for row in rows], float)
        self.classes: list[str] = about["classes"]
        self.modalities: list[str] = about["modalities"]
        self.shape: tuple[int, int, int] = tuple(about["shape"])
        whole = (len(rows), *self.shape)
        self.images = [packed_array(path / f"{name}.npy", whole) for name in self.modalities]
        self.content_hash: str = about["content_hash"]

    def __len__(self) -> int:
        """Return the number of patients."""
        return len(self.subjects)


def open_classed(path: str | Path) -> ClassedScans:
    """Open a packed cohort.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return ClassedScans(Path(path))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not packed scans with classes ({error!r}); delete the folder and pack again"
        ) from error
