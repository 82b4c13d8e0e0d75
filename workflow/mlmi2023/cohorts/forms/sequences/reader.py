"""A packed cohort of the form ``sequences``: greyscale sequences of patients, all of one size.

The folder holds ``frames.npy`` (F, S, S) uint8, frames of all sequences one after the other, ``labels.npy``
(F, S, S) uint8 with 0 for the background, ``flow.npy`` (F, 2, S, S) float16 where motion is known, and
``cohort.json``. Nothing in it is fitted.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError

FORM = "sequences"


class Sequences:
    """Packed sequences; all lists have one entry per sequence.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: ids.
        groups: whose each is.
        splits: train, val or test.
        first: its first frame among those of all.
        counts: T, the number of its frames.
        spacings: mm of rows and columns.
        marks: its frames that are ED and ES, from 0.
        classes: names of the labels 1, 2, ...
        known: whether all frames have labels, or ED and ES alone.
        frames: (F, S, S) uint8, read-only.
        labels: (F, S, S) uint8, read-only.
        flow: (F, 2, S, S) float16, read-only, from each frame to the next, pixels along rows and columns: it
            lies on the frame and pulls the next one. Those of last frames are 0. None: not known.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_sequences`."""
        about = about_packed(path, FORM)
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.subjects: list[str] = [row["subject"] for row in rows]
        self.groups: list[str] = [row["group"] for row in rows]
        self.splits: list[str] = [row["split"] for row in rows]
        self.first: list[int] = [row["first"] for row in rows]
        self.counts: list[int] = [row["frames"] for row in rows]
        self.spacings = [(float(row["spacing"][0]), float(row["spacing"][1])) for row in rows]
        self.marks: list[dict[str, int]] = [dict(row["marks"]) for row in rows]
        self.classes: list[str] = about["classes"]
        self.known: bool = about["known"]
        self.frames: np.ndarray = packed_array(path / "frames.npy")
        self.labels: np.ndarray = packed_array(path / "labels.npy", self.frames.shape)
        count, side, _ = self.frames.shape
        self.flow: np.ndarray | None = (
            packed_array(path / "flow.npy", (count, 2, side, side)) if about["flow"] else None
        )

    def span(self, row: int) -> slice:
        """Return where the frames of a sequence are among those of all."""
        return slice(self.first[row], self.first[row] + self.counts[row])


def open_sequences(path: str | Path) -> Sequences:
    """Open packed sequences.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return Sequences(Path(path))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not packed sequences ({error!r}); delete the folder and pack again"
        ) from error
