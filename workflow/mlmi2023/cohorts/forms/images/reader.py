"""A packed cohort of the form ``images``: 2D images of one size, each with a label map.

The folder holds ``images.npy`` (N, H, W, C) uint8 with one or three channels, ``masks.npy`` (N, H, W) uint8
with 0 for the background and 1, 2, ... for the classes, and ``cohort.json``. Nothing in it is fitted.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError


class Images:
    """Packed images; all lists have one entry per image.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: ids.
        groups: the subject that each image or tile is of.
        splits: train, val or test.
        images: (N, H, W, C) uint8, read-only.
        masks: (N, H, W) uint8, read-only.
        classes: names of the structures 1, 2, ...
        content_hash: identifies all of it.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_images`."""
        about = about_packed(path, "images")
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.subjects = [row["subject"] for row in rows]
        self.groups: list[str] = [row.get("group", row["subject"]) for row in rows]
        self.splits = [row["split"] for row in rows]
        self.classes: list[str] = about["classes"]
        self.content_hash: str = about["content_hash"]
        self.images: np.ndarray = packed_array(path / "images.npy")
        self.masks: np.ndarray = packed_array(path / "masks.npy", self.images.shape[:3])

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.subjects)

    def rows(self, *splits: str) -> np.ndarray:
        """Return the numbers of the images of some splits, in order."""
        return np.flatnonzero(np.isin(self.splits, splits))


def open_images(path: str | Path) -> Images:
    """Open packed images.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return Images(Path(path))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(
            f"{path}: not packed images ({error!r}); delete the folder and pack again"
        ) from error
