"""A packed cohort of the form ``radiographs``.

The folder holds ``pixels.npy`` (all images, one after the other, uint8), ``shapes.npy`` (N, 2),
``boxes.npy`` (N, R, 4) float32 in pixels, NaN where a region has none, ``findings.npy`` (N, R, F) of 0 and 1,
``texts.json`` and ``cohort.json``. Nothing in it is fitted.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError
from mlmi2023.core.json_files import read_rows


class Texts(NamedTuple):
    """Report, indication, triples, and sentences by region, of one image."""

    report: str
    indication: str
    triples: list[tuple[str, str, str]]
    phrases: dict[str, list[str]]


class Radiographs:
    """Packed radiographs; all lists have one entry per image.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: names of images.
        splits: train, val or test.
        groups: patients.
        regions: R names, in the order of tokens.
        finding_names: F names.
        shapes: (N, 2) rows and columns of images.
        boxes: (N, R, 4) left, top, right, bottom; NaN where there is none.
        findings: (N, R, F).
        texts: what is written of each image.
        content_hash: identifies all of it.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_radiographs`."""
        about = about_packed(path, "radiographs")
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.subjects: list[str] = [row["subject"] for row in rows]
        self.splits: list[str] = [row["split"] for row in rows]
        self.groups: list[str] = [row["group"] for row in rows]
        self.regions: list[str] = about["regions"]
        self.finding_names: list[str] = about["findings"]
        self.content_hash: str = about["content_hash"]
        count = (len(rows), len(self.regions))
        self.boxes = packed_array(path / "boxes.npy", (*count, 4))
        self.findings = packed_array(path / "findings.npy", (*count, len(self.finding_names)))
        self.shapes = np.asarray(packed_array(path / "shapes.npy", (len(rows), 2)))
        self._ends = np.cumsum(self.shapes.prod(1))
        self._pixels = packed_array(path / "pixels.npy", (int(self._ends[-1]),))
        keys = {"report": str, "indication": str, "triples": list[list[str]], "phrases": dict[str, list[str]]}
        self.texts = [
            Texts(row["report"], row["indication"], [tuple(t) for t in row["triples"]], row["phrases"])
            for row in read_rows(path / "texts.json", keys, "pack again")
        ]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.subjects)

    def image(self, row: int) -> np.ndarray:
        """Return an image (H, W) uint8."""
        shape = self.shapes[row]
        end = int(self._ends[row])
        return self._pixels[end - int(shape.prod()) : end].reshape(shape)

    def rows(self, *splits: str) -> np.ndarray:
        """Return the numbers of the images of some splits, in order."""
        return np.flatnonzero(np.isin(self.splits, splits))


def open_radiographs(path: str | Path) -> Radiographs:
    """Open packed radiographs.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return Radiographs(Path(path))
    except (KeyError, TypeError, ValueError, IndexError, OSError) as error:
        raise InputError(
            f"{path}: no packed radiographs ({error!r}); delete the folder and pack again"
        ) from error
