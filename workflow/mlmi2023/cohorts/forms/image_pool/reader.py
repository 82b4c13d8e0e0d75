"""A packed cohort of the form ``image_pool``: grey images of one size, with masks but for those of the pool.

The folder holds ``images.npy``, ``inputs.npy`` (what networks see of them) and ``masks.npy`` (0 throughout in
the pool), each (N, H, W) uint8, and ``cohort.json``. Nothing in it is fitted.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError

#: names of the arrays
ARRAYS = ("images", "inputs", "masks")


class ImagePool:
    """Packed images; all lists have one entry per image.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: ids.
        splits: pool, train, val or test.
        images: (N, H, W) uint8, read-only.
        inputs: likewise, what networks see.
        masks: likewise, labels.
        classes: names of the structures 1, 2, ...
        content_hash: identifies all of it.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_pool`."""
        about = about_packed(path, "image_pool")
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.subjects: list[str] = [row["subject"] for row in rows]
        self.splits: list[str] = [row["split"] for row in rows]
        self.classes: list[str] = about["classes"]
        self.content_hash: str = about["content_hash"]
        self.images = packed_array(path / "images.npy")
        self.inputs, self.masks = (
            packed_array(path / f"{kind}.npy", self.images.shape) for kind in ARRAYS[1:]
        )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.subjects)

    def rows(self, *splits: str) -> np.ndarray:
        """Return the numbers of the images of some splits, in order."""
        return np.flatnonzero(np.isin(self.splits, splits))


def open_pool(path: str | Path) -> ImagePool:
    """Open packed images.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return ImagePool(Path(path))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{path}: no packed pool ({error!r}); delete the folder and pack again") from error
