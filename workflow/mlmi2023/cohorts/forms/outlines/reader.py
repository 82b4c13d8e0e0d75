"""A packed cohort of the form ``outlines``: 2D images of any size, each with a label map of its own size.

The folder holds ``images.raw`` and ``masks.raw``, all pixels of all images one after the other, uint8, and
``cohort.json``, whose rows say where each begins and what shape it has. Nothing in it is fitted.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed
from mlmi2023.core.errors import InputError

IMAGES, MASKS = "images.raw", "masks.raw"


class Outlines:
    """Packed images; all lists have one entry per image.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: ids.
        groups: what each was cut out of, or who it is of.
        splits: train, val or test.
        shapes: rows and columns.
        classes: names of the structures 1, 2, ...
        channels: of every image.
        content_hash: identifies all of it.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_outlines`."""
        about = about_packed(path, "outlines")
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.subjects = [row["subject"] for row in rows]
        self.groups: list[str] = [row.get("group", row["subject"]) for row in rows]
        self.splits = [row["split"] for row in rows]
        self.shapes: list[tuple[int, int]] = [(row["rows"], row["columns"]) for row in rows]
        self.classes: list[str] = about["classes"]
        self.channels: int = about["channels"]
        self.content_hash: str = about["content_hash"]
        self._starts: list[int] = [row["start"] for row in rows]
        pixels = sum(a * b for a, b in self.shapes)
        self._images = np.memmap(path / IMAGES, np.uint8, "r", shape=(pixels, self.channels))
        self._masks = np.memmap(path / MASKS, np.uint8, "r", shape=(pixels,))

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.subjects)

    def image(self, row: int) -> np.ndarray:
        """Return the image (H, W, C), uint8, read-only."""
        return self._images[self._place(row)].reshape(*self.shapes[row], self.channels)

    def mask(self, row: int) -> np.ndarray:
        """Return the labels (H, W), uint8, read-only."""
        return self._masks[self._place(row)].reshape(self.shapes[row])

    def rows(self, *splits: str) -> np.ndarray:
        """Return the numbers of the images of some splits, in order."""
        return np.flatnonzero(np.isin(self.splits, splits))

    def _place(self, row: int) -> slice:
        start = self._starts[row]
        return slice(start, start + self.shapes[row][0] * self.shapes[row][1])


def open_outlines(path: str | Path) -> Outlines:
    """Open packed images with outlines.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return Outlines(Path(path))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(
            f"{path}: no packed outlines ({error!r}); delete the folder and pack again"
        ) from error
