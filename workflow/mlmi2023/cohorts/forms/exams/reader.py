"""A packed cohort of the form ``exams``: a stack of slices and a row of a health record per exam.

The folder holds ``slices.npy`` (S, H, W) int16 in Hounsfield units, all exams one after the other;
``defects.npy`` (S, H, W) uint8 where the truth is known, 0 or 1 + the number of the defect; ``record.csv``;
and ``cohort.json``. Nothing in it is fitted: scaling, imputation and selection belong to those who train.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError


class Exams:
    """Packed exams; all lists have one entry per exam.

    Attributes:
        path: its folder.
        name: the cohort's name.
        cases: ids.
        subjects: patients.
        splits: train, val or test.
        labels: (N,) int64, 1 with the disease.
        types: type of the disease, empty where there is none or it is not known.
        has_ehr: (N,) bool, whether a record was linked.
        columns: names of the record's columns.
        record: (N, D) float64, NaN where nothing is known.
        slice_shape: rows and columns of a slice.
        content_hash: identifies all of it.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_exams`."""
        about = about_packed(path, "exams")
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.cases = [row["case"] for row in rows]
        self.subjects = [row["subject"] for row in rows]
        self.splits = [row["split"] for row in rows]
        self.labels = np.array([row["label"] for row in rows], np.int64)
        self.types = [row["type"] for row in rows]
        self.has_ehr = np.array([row["ehr"] for row in rows], bool)
        self.slice_shape: tuple[int, int] = tuple(about["slice"])
        self.content_hash: str = about["content_hash"]
        frame = pd.read_csv(path / "record.csv", dtype={"case": str})
        self.columns = [str(c) for c in frame.columns[1:]]
        self.record = frame.iloc[:, 1:].to_numpy(float)
        self._offsets: list[int] = about["offsets"]
        shape = (self._offsets[-1], *self.slice_shape)
        self._slices = packed_array(path / "slices.npy", shape)
        self._defects = packed_array(path / "defects.npy", shape) if about["defects"] else None

    def __len__(self) -> int:
        """Return the number of exams."""
        return len(self.cases)

    def rows(self, *splits: str) -> np.ndarray:
        """Return the exams of some splits, in order."""
        return np.flatnonzero(np.isin(self.splits, splits))

    def has_scan(self, row: int) -> bool:
        """Return whether an exam has a scan."""
        return self.depth(row) > 0

    @property
    def has_ct(self) -> np.ndarray:
        """Whether each exam has a scan, (N,) bool."""
        return np.diff(self._offsets) > 0

    def depth(self, row: int) -> int:
        """Return the number of slices of an exam."""
        return self._offsets[row + 1] - self._offsets[row]

    def first_slice(self, row: int) -> int:
        """Return where an exam begins in :attr:`slices`."""
        return self._offsets[row]

    @property
    def slices(self) -> np.ndarray:
        """All slices of all exams, (S, H, W) int16, read-only."""
        return self._slices

    def scan(self, row: int) -> np.ndarray:
        """Return the scan of an exam, (D, H, W) int16 in Hounsfield units."""
        return np.asarray(self._slices[self._offsets[row] : self._offsets[row + 1]])

    def defects(self, row: int) -> np.ndarray | None:
        """Return the mask of an exam's defects, (D, H, W) uint8; None where the truth is not known."""
        if self._defects is None:
            return None
        return np.asarray(self._defects[self._offsets[row] : self._offsets[row + 1]])


def open_exams(path: str | Path) -> Exams:
    """Open packed exams.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return Exams(Path(path))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{path}: not packed exams ({error!r}); delete the folder and pack again") from error
