"""A packed cohort of the form ``labelled_images``.

The folder holds ``images.npy`` (N, H, W, C) uint8, C 1 or 3, and ``cohort.json``. Nothing in it is fitted.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError

FORM = "labelled_images"


class LabelledImages:
    """Packed images; all lists have one entry per image.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: ids of the images.
        splits: train, val or test.
        labels: (N,) int, class of each.
        classes: names of the classes 0, 1, ...
        images: (N, H, W, C) uint8, read-only.
        content_hash: identifies all of it.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_labelled_images`."""
        about = about_packed(path, FORM)
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.subjects: list[str] = [row["subject"] for row in rows]
        self.splits: list[str] = [row["split"] for row in rows]
        self.labels = np.array([int(row["label"]) for row in rows])
        self.classes: list[str] = about["classes"]
        self.content_hash: str = about["content_hash"]
        self.images: np.ndarray = packed_array(path / "images.npy")

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.subjects)

    def rows(self, *splits: str) -> np.ndarray:
        """Return the numbers of the images of some splits, in order."""
        return np.flatnonzero(np.isin(self.splits, splits))


def open_labelled_images(path: str | Path) -> LabelledImages:
    """Open packed images with classes.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return LabelledImages(Path(path))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(
            f"{path}: no packed images with classes ({error!r}); delete the folder and pack again"
        ) from error
