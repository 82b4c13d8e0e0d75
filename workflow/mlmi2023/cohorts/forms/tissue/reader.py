"""A packed cohort of the form ``tissue``: images of stained tissue, with what is known of each.

The folder holds ``images.npy`` (N, H, W, 3) uint8; where there are such, ``nuclei.npy`` (N, H, W) uint16
with a number per nucleus, ``map_<name>.npy`` (N, H, W) uint8 with 0 and 1, 2, ... for the classes, and
``paired_<name>.npy`` (N, H, W) uint8; and ``cohort.json``. Nothing in it is fitted.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError

FORM = "tissue"


class Tissue:
    """Packed images; all lists have one entry per image.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: ids of the images.
        groups: the patient of each; in tiles, or without a patient, the image.
        splits: train, val or test.
        organs: where each is of; empty texts if nobody says so.
        tissues: names of the kinds of tissue; empty texts likewise.
        tissue_names: all kinds, in their order.
        labels: (N,) int, number of the kind of tissue among ``tissue_names``; -1 without.
        images: (N, H, W, 3) uint8, read-only.
        nuclei: (N, H, W) uint16, 0 outside, a number in each nucleus; None without.
        maps: (N, H, W) uint8 by name.
        classes: by map, names of the labels 1, 2, ...
        paired: (N, H, W) uint8 by name.
        content_hash: identifies all of it.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_tissue`."""
        about = about_packed(path, FORM)
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.subjects: list[str] = [row["subject"] for row in rows]
        self.groups: list[str] = [row["group"] for row in rows]
        self.splits: list[str] = [row["split"] for row in rows]
        self.organs: list[str] = [row.get("organ", "") for row in rows]
        self.tissues: list[str] = [row.get("tissue", "") for row in rows]
        self.tissue_names: list[str] = about["tissues"]
        number = {name: n for n, name in enumerate(self.tissue_names)}
        self.labels = np.array([number.get(name, -1) for name in self.tissues])
        self.classes: dict[str, list[str]] = about["classes"]
        self.content_hash: str = about["content_hash"]
        self.images: np.ndarray = packed_array(path / "images.npy")
        shape = self.images.shape[:3]
        self.nuclei = packed_array(path / "nuclei.npy", shape) if about["nuclei"] else None
        self.maps = {name: packed_array(path / f"map_{name}.npy", shape) for name in self.classes}
        self.paired = {name: packed_array(path / f"paired_{name}.npy", shape) for name in about["paired"]}

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.subjects)

    def rows(self, *splits: str) -> np.ndarray:
        """Return the numbers of the images of some splits, in order."""
        return np.flatnonzero(np.isin(self.splits, splits))


def open_tissue(path: str | Path) -> Tissue:
    """Open packed images of tissue.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return Tissue(Path(path))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{path}: no packed tissue ({error!r}); delete the folder and pack again") from error
